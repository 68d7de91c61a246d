"""Write the first migration anew from the mapped tables. Only until the first release: then files are never changed.

Usage: python -m tools.first_migration
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text, TypeDecorator, UniqueConstraint

from sync_server.db.migrate import METADATA

VERSIONS = Path(__file__).resolve().parents[1] / "sync_server/db/migrations/versions"
FILE = VERSIONS / "2026_11_22_first_tables.py"
HEAD = '''"""The first tables. Made 2026-11-22, written by `python -m tools.first_migration`."""

from __future__ import annotations

from sync_server.db.migrations.shorthand import create_indexes, create_tables, drop_tables

revision = "2026_11_22_first"
down_revision = None
branch_labels = None
depends_on = None

'''
TAIL = '''

def upgrade() -> None:
    """Create everything."""
    create_tables(TABLES)
    create_indexes(INDEXES, UNNUMBERED)


def downgrade() -> None:
    """Drop everything."""
    drop_tables(TABLES)
'''


def main() -> None:
    """Write the file."""
    tables = sorted(METADATA.tables.values(), key=lambda table: table.name)
    lines = ["TABLES = {"]
    for table in tables:
        lines.append(f'    "{table.name}": (')
        words = " ".join(column_word(table, column) for column in table.columns)
        pieces = textwrap.wrap(words, 96, break_long_words=False, break_on_hyphens=False)
        lines += [f'        "{piece}{" " if i < len(pieces) - 1 else ""}"' for i, piece in enumerate(pieces)]
        lines.append("    ),")
    lines.append("}")
    plain: list[str] = []
    partial: list[str] = []
    for table in tables:
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            columns = " ".join(column.name for column in index.columns)
            is_partial = index.dialect_options["sqlite"]["where"] is not None
            (partial if is_partial else plain).append(f'    ("{index.name}", "{table.name}", "{columns}"),')
    lines += ["INDEXES = [", *plain, "]", "UNNUMBERED = [", *partial, "]"]
    FILE.write_text(HEAD + "\n".join(lines) + "\n" + TAIL, "utf-8")


def column_word(table: Table, column: Column[object]) -> str:
    """Write one column short (see migrations/shorthand.py)."""
    kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    match kind:
        case Text():
            told = "text"
        case String():
            told = f"s{kind.length}"
        case BigInteger():
            told = "big"
        case Integer():
            told = "int"
        case _:
            raise TypeError(f"{table.name}.{column.name}: no short word for {kind!r}")
    unique = any(
        isinstance(one, UniqueConstraint) and [c.name for c in one.columns] == [column.name]
        for one in table.constraints
    )
    return f"{column.name}={told}{'*' * column.primary_key}{'?' * bool(column.nullable)}{'!' * unique}"


if __name__ == "__main__":
    main()
