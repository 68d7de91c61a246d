"""Imports, and how each step of one is taken back."""

from __future__ import annotations

from sync_server.db.migrations.shorthand import create_indexes, create_tables, drop_tables

revision = "2026_11_22_imports"
down_revision = "2026_11_22_void_number"
branch_labels = None
depends_on = None

TABLES = {
    "import_run": (
        "id=s36* number=big! kind=s200 by=s200 at=big tx=s36 rows=big state=s200 undone_by=s200 undone_at=big?"
    ),
    "import_step": (
        "id=s36* run_id=s36 ordinal=big line=big key=s200 title=text entity=s200 row_id=s200 back=text left=s200"
    ),
}
INDEXES = (("ix_import_step_run_id", "import_step", "run_id"),)


def upgrade() -> None:
    """Make the tables."""
    create_tables(TABLES)
    create_indexes(INDEXES, ())


def downgrade() -> None:
    """Drop them."""
    drop_tables(TABLES)
