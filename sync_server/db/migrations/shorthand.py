"""Tables written short, for the first migration: one word a column.

`name=kind` with kind `s36` (text of 36), `text`, `big` (64 bits), `int`; behind it `*` key, `?` may be empty, `!` unique.
Later migrations write what Alembic generates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

KINDS = {"text": sa.Text, "big": sa.BigInteger, "int": sa.Integer}


def create_tables(tables: Mapping[str, str]) -> None:
    """Create tables with their keys and unique columns."""
    for name, written in tables.items():
        columns, keys, constraints = [], [], []
        for word in written.split():
            column, _, told = word.partition("=")
            kind = told.rstrip("*?!")
            marks = told[len(kind) :]
            columns.append(sa.Column(column, _kind(kind), nullable="?" in marks, autoincrement=False))
            if "*" in marks:
                keys.append(column)
            if "!" in marks:
                constraints.append(sa.UniqueConstraint(column, name=f"uq_{name}_{column}"))
        op.create_table(name, *columns, sa.PrimaryKeyConstraint(*keys, name=f"pk_{name}"), *constraints)


def create_indexes(
    indexes: Sequence[tuple[str, str, str]], unnumbered: Sequence[tuple[str, str, str]]
) -> None:
    """Create indexes (name, table, columns); `unnumbered` cover only rows that have no number yet."""
    for name, table, columns in indexes:
        op.create_index(name, table, columns.split())
    for name, table, columns in unnumbered:
        where = sa.text("seq IS NULL")
        op.create_index(name, table, columns.split(), postgresql_where=where, sqlite_where=where)


def drop_tables(tables: Mapping[str, str]) -> None:
    """Drop tables with all that hangs on them."""
    for name in reversed(list(tables)):
        op.drop_table(name)


def _kind(told: str) -> sa.types.TypeEngine[Any]:
    return sa.String(int(told[1:])) if told[0] == "s" else KINDS[told]()
