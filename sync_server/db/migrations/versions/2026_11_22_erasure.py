"""Whose data were replaced by a pseudonym."""

from __future__ import annotations

from sync_server.db.migrations.shorthand import create_indexes, create_tables, drop_tables

revision = "2026_11_22_erasure"
down_revision = "2026_11_22_imports"
branch_labels = None
depends_on = None

TABLES = {
    "erasure": (
        "subject_id=s36 pseudonym=s200 reason=text by=s36 erased_at=big papers=big kept_until_on=s10? id=s36* agg=s80"
    ),
}
INDEXES = (("ix_erasure_agg", "erasure", "agg"), ("ix_erasure_subject_id", "erasure", "subject_id"))


def upgrade() -> None:
    """Make the table."""
    create_tables(TABLES)
    create_indexes(INDEXES, ())


def downgrade() -> None:
    """Drop it."""
    drop_tables(TABLES)
