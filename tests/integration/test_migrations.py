"""Migrations make exactly the tables the program maps, on both databases, and refuse what they do not know."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from sync_server.db.engine import make_engine
from sync_server.db.migrate import (
    METADATA,
    SchemaError,
    SchemaOldError,
    current,
    differences,
    newest,
    require_schema,
    revisions,
    upgrade,
)
from sync_server.db.migrations import shorthand

VERSIONS = Path(shorthand.__file__).parent / "versions"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = make_engine(database_url)
    yield made
    made.dispose()


def test_migrations_make_the_mapped_tables(engine: Engine) -> None:
    upgrade(engine, os.urandom)
    with engine.connect() as connection:
        assert differences(connection) == []
    assert set(inspect(engine).get_table_names()) == {*METADATA.tables, "alembic_version"}
    assert current(engine) == newest()
    require_schema(engine)


def test_indexes_are_those_of_the_tables(engine: Engine) -> None:
    """What autogenerate does not compare: unique columns and indexes that cover only part of a table."""
    upgrade(engine, os.urandom)
    looked = inspect(engine)
    for table in METADATA.tables.values():
        mapped = {
            (str(index.name), tuple(column.name for column in index.columns)) for index in table.indexes
        }
        found = {(str(one["name"]), tuple(one["column_names"])) for one in looked.get_indexes(table.name)}
        if engine.dialect.name == "postgresql":  # a unique column is an index there too
            found = {one for one in found if not one[0].startswith("uq_")}
        assert found == mapped, table.name
    unique = looked.get_unique_constraints("credential")
    assert [one["column_names"] for one in unique] == [["login"]]


def test_upgrading_again_changes_nothing(engine: Engine) -> None:
    upgrade(engine, os.urandom)
    with engine.connect() as connection:
        epoch = connection.execute(text("SELECT epoch FROM stream_head")).scalar_one()
    upgrade(engine, os.urandom)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT epoch FROM stream_head")).scalars().all() == [epoch]


def test_an_upgrade_that_dies_leaves_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step is one transaction: killed between any two tables, the old database is untouched (F5)."""
    made = 0
    create = shorthand.op.create_table

    def dying(name: str, *args: object, **options: object) -> object:
        nonlocal made
        made += 1
        if made == 30:
            raise KeyboardInterrupt
        return create(name, *args, **options)

    monkeypatch.setattr(shorthand.op, "create_table", dying)
    with pytest.raises(KeyboardInterrupt):
        upgrade(engine, os.urandom)
    monkeypatch.undo()
    assert inspect(engine).get_table_names() == []
    upgrade(engine, os.urandom)
    require_schema(engine)


def test_an_empty_or_foreign_database_is_refused_in_words(engine: Engine) -> None:
    with pytest.raises(SchemaError, match="sync-server init"):
        require_schema(engine)
    upgrade(engine, os.urandom)
    with engine.connect() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from_tomorrow'"))
        connection.commit()
    with pytest.raises(SchemaError, match="newer version") as told:
        require_schema(engine)
    assert not isinstance(told.value, SchemaOldError)


def test_files_are_dated_and_named() -> None:
    """One line from the first tables to the newest: each file dated, each step behind one other."""
    names = sorted(path.name for path in VERSIONS.glob("*.py"))
    assert all(re.fullmatch(r"20\d\d_\d\d_\d\d_[a-z_]+\.py", name) for name in names)
    assert "2026_11_22_first_tables.py" in names
    assert len(revisions()) == len(names)
