# ruff: noqa: S608  (every name in this SQL is that of an own table or column)
"""Private columns of the tablet's database: sealed in the file, plain to every query (reliability §3).

Owns it for all tables alike, from the mark on a column (`common.kernel.record.PRIVATE`). A table with such columns is
read through a temporary view of its own name that opens them, and written through triggers that seal them, so neither
screens nor commands know. While the vault is closed what is clear can be read; the rest is an error, never empty.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, Table

from common.kernel.codec import canonical
from common.kernel.record import Base, columns_of
from field_app.store.schema import DeviceBase
from field_app.vault.cipher import SealBroken, Sealer

MARK = "vault.key"  # setting: id of the key that the file is sealed with
NAME_OF_PERSON = "person.name"  # the one setting that says who somebody is
BATCH = 500
NOTHING = (None, "", "null")  # what says nothing stays as it is; columns added later are filled with it
_INFO = "private"
_RAW = "sealed_"  # the view that writes through to the table itself


class StillPlain(Exception):
    """A private column holds text that nobody sealed: the file was meddled with."""


class Private:
    """What one connection knows of the vault. `sealer` None: closed."""

    def __init__(self) -> None:
        self.sealer: Sealer | None = None

    def seal(self, value: Any, place: str, row_id: str) -> Any:
        """Seal a value of a private column; nothing and '' stay as they are."""
        if value in NOTHING:
            return value
        return self._open().seal(str(value).encode(), f"{place}|{row_id}".encode())

    def open(self, value: Any, place: str, row_id: str) -> Any:
        """Open a value of a private column. Raises SealBroken, StillPlain."""
        if value in NOTHING:
            return value
        if not isinstance(value, bytes):
            raise StillPlain(place)
        return self._open().open(value, f"{place}|{row_id}".encode()).decode()

    def _open(self) -> Sealer:
        if self.sealer is None:
            raise SealBroken("the vault is closed")
        return self.sealer


@cache
def private_columns() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Map a table to the column its rows are known by and its private columns. `base` is sealed cell by cell."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for table in (*Base.metadata.sorted_tables, *DeviceBase.metadata.sorted_tables):
        names = tuple(column.name for column in table.columns if column.info.get("private"))
        if names:
            found[table.name] = (_known_by(table), names)
    return found


def _known_by(table: Table) -> str:
    return "id" if "id" in table.columns else next(iter(table.primary_key.columns)).name


def private_of(connection: Connection) -> Private | None:
    """Return what this connection seals with; None where the file is plain."""
    found: Private | None = connection.info.get(_INFO)
    return found


def lay_over(engine: Engine, private: Private) -> None:
    """Lay the views over the tables of this engine's one connection."""
    # Rows changed through a view are not counted by SQLite, so they cannot be compared.
    engine.dialect.supports_sane_rowcount = engine.dialect.supports_sane_multi_rowcount = False
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        raw.create_function("fw_seal", 3, private.seal)
        raw.create_function("fw_open", 3, private.open)
        connection.info[_INFO] = private
        there: dict[str, str] = dict(
            connection.exec_driver_sql(
                "SELECT name, sql FROM main.sqlite_schema WHERE type IN ('view', 'trigger')"
            ).all()
        )
        # Some two hundred statements at each start of the app: too many to go through SQLAlchemy one by one.
        for name in private_columns():
            for sql in _statements(name, there):
                raw.execute(sql)
        connection.commit()


def lift(engine: Engine) -> None:
    """Take the views away again: the file is plain from now on. What is sealed in it must be removed with it."""
    with engine.connect() as connection:
        connection.info.pop(_INFO, None)
        for name in private_columns():
            connection.exec_driver_sql(f'DROP VIEW IF EXISTS temp."{name}"')
            connection.exec_driver_sql(f'DROP VIEW IF EXISTS main."{_RAW}{name}"')
        connection.commit()


def _statements(name: str, there: dict[str, str]) -> tuple[str, ...]:
    """List what lays a table's view over it. The lasting half is written again only where it is not as it should be."""
    lasting, temporary = _views_of(name)
    if all(there.get(what) == sql for what, sql in lasting.items()):
        return temporary
    return f'DROP VIEW IF EXISTS main."{_RAW}{name}"', *lasting.values(), *temporary


@cache
def _views_of(name: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Write view and triggers of one table: the temporary ones open and pass on, the lasting ones seal and write.

    Two steps, because a temporary trigger cannot name the table that its own view hides; a lasting one can.
    """
    table = Base.metadata.tables.get(name)
    if table is None:
        table = DeviceBase.metadata.tables[name]
    names = [column.name for column in table.columns]
    known_by, private = private_columns()[name]
    mine, raw = f'"{name}"', f'"{_RAW}{name}"'
    columns = ", ".join(f'"{c}"' for c in names)
    fresh = ", ".join(f'NEW."{c}"' for c in names)
    changed = ", ".join(f'"{c}" = NEW."{c}"' for c in names)

    def sealed(column: str) -> str:
        call = f'fw_seal(NEW."{column}", \'{name}|{column}\', NEW."{known_by}")'
        if name == "setting":
            return f'CASE WHEN NEW."key" = \'{NAME_OF_PERSON}\' THEN {call} ELSE NEW."{column}" END'
        return call if column in private else f'NEW."{column}"'

    def opened(column: str) -> str:
        call = f'fw_open("{column}", \'{name}|{column}\', "{known_by}")'
        if name == "setting":
            call = f'CASE WHEN typeof("{column}") = \'blob\' THEN {call} ELSE "{column}" END'
        return f'{call} AS "{column}"' if column in private else f'"{column}"'

    puts = ", ".join(sealed(c) for c in names)
    sets = ", ".join(f'"{c}" = {sealed(c)}' for c in names)
    lasting = {
        f"{_RAW}{name}": f"CREATE VIEW {raw} AS SELECT {columns} FROM {mine}",
        f"{_RAW}{name}_put": f'CREATE TRIGGER "{_RAW}{name}_put" INSTEAD OF INSERT ON {raw} BEGIN '
        f"INSERT INTO {mine} ({columns}) VALUES ({puts}); END",
        f"{_RAW}{name}_set": f'CREATE TRIGGER "{_RAW}{name}_set" INSTEAD OF UPDATE ON {raw} BEGIN '
        f'UPDATE {mine} SET {sets} WHERE "{known_by}" = OLD."{known_by}"; END',
        f"{_RAW}{name}_gone": f'CREATE TRIGGER "{_RAW}{name}_gone" INSTEAD OF DELETE ON {raw} BEGIN '
        f'DELETE FROM {mine} WHERE "{known_by}" = OLD."{known_by}"; END',
    }
    views = ", ".join(opened(c) for c in names)
    temporary = (
        f"DROP VIEW IF EXISTS temp.{mine}",
        f"CREATE TEMP VIEW {mine} AS SELECT {views} FROM main.{mine}",
        f'CREATE TEMP TRIGGER "{name}_put" INSTEAD OF INSERT ON {mine} BEGIN '
        f"INSERT INTO {raw} ({columns}) VALUES ({fresh}); END",
        f'CREATE TEMP TRIGGER "{name}_set" INSTEAD OF UPDATE ON {mine} BEGIN '
        f'UPDATE {raw} SET {changed} WHERE "{known_by}" = OLD."{known_by}"; END',
        f'CREATE TEMP TRIGGER "{name}_gone" INSTEAD OF DELETE ON {mine} BEGIN '
        f'DELETE FROM {raw} WHERE "{known_by}" = OLD."{known_by}"; END',
    )
    return lasting, temporary


def seal_what_is_plain(engine: Engine, private: Private) -> None:
    """Seal a plain file in place, a portion a transaction. Killed anywhere, the next call goes on (A9)."""
    for name, (known_by, columns) in private_columns().items():
        while _seal_portion(engine, private, name, known_by, columns):
            pass
    while _seal_base_portion(engine, private):
        pass
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        raw.execute("VACUUM")  # pages that were freed before still hold what was deleted
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _seal_portion(
    engine: Engine, private: Private, name: str, known_by: str, columns: tuple[str, ...]
) -> bool:
    plain = " OR ".join(f"(typeof(\"{c}\") = 'text' AND \"{c}\" NOT IN ('', 'null'))" for c in columns)
    if name == "setting":
        plain = f"({plain}) AND \"key\" = '{NAME_OF_PERSON}'"
    listed = ", ".join(f'"{c}"' for c in columns)
    with engine.begin() as connection:
        rows = connection.exec_driver_sql(
            f'SELECT "{known_by}", {listed} FROM main."{name}" WHERE {plain} LIMIT {BATCH}'
        ).all()
        if rows:
            sets = ", ".join(f'"{c}" = ?' for c in columns)
            connection.exec_driver_sql(
                f'UPDATE main."{name}" SET {sets} WHERE "{known_by}" = ?',
                [
                    (
                        *(
                            _sealed_once(private, v, f"{name}|{c}", row[0])
                            for c, v in zip(columns, row[1:], strict=True)
                        ),
                        row[0],
                    )
                    for row in rows
                ],
            )
    return len(rows) == BATCH


def _sealed_once(private: Private, value: Any, place: str, row_id: str) -> Any:
    return value if isinstance(value, bytes) else private.seal(value, place, row_id)


def _seal_base_portion(engine: Engine, private: Private) -> bool:
    """Seal the copies of the server's truth. One that is sealed says so in its last cell but none is added twice."""
    with engine.begin() as connection:
        rows = connection.exec_driver_sql(
            "SELECT entity, row_id, body FROM base WHERE body IS NOT NULL AND body NOT LIKE '{%' LIMIT ?",
            (BATCH,),
        ).all()
        if rows:
            connection.exec_driver_sql(
                "UPDATE base SET body = ? WHERE entity = ? AND row_id = ?",
                [
                    (write_cells(seal_row(private, e, json.loads(body))), e, row_id)
                    for e, row_id, body in rows
                ],
            )
    return len(rows) == BATCH


def seal_row(private: Private, entity: str, cells: list[Any]) -> list[Any]:
    """Seal the private cells of a row that stands in wire order."""
    names = columns_of(entity)
    _, hidden = private_columns().get(entity, ("id", ()))
    return [
        private.seal(cell, f"{entity}|{name}", cells[0]) if name in hidden else cell
        for name, cell in zip(names, cells, strict=True)
    ]


def open_row(private: Private, entity: str, cells: list[Any]) -> list[Any]:
    """Open the private cells of a row that stands in wire order. Raises SealBroken, StillPlain."""
    names = columns_of(entity)
    _, hidden = private_columns().get(entity, ("id", ()))
    return [
        private.open(cell, f"{entity}|{name}", cells[0]) if name in hidden else cell
        for name, cell in zip(names, cells, strict=True)
    ]


def write_cells(cells: list[Any]) -> str:
    """Write a row with sealed cells as text; read back by `read_cells`."""
    return '{"row":' + canonical([{"~": _text(c)} if isinstance(c, bytes) else c for c in cells]) + "}"


def read_cells(body: str) -> list[Any]:
    """Read a kept row as it is to be written: sealed cells stay sealed."""
    told = json.loads(body)
    if isinstance(told, list):
        return told
    return [base64.b64decode(c["~"]) if isinstance(c, dict) else c for c in told["row"]]


def _text(sealed: bytes) -> str:
    return base64.b64encode(sealed).decode()
