"""Backups made and restores this database came from."""

from __future__ import annotations

from sync_server.db.migrations.shorthand import create_indexes, create_tables, drop_tables

revision = "2026_11_22_upkeep"
down_revision = "2026_11_22_report_seal"
branch_labels = None
depends_on = None

TABLES = {
    "backup_made": "id=s36* made_at=big folder=text seq=big faults=big",
    "restoration": (
        "id=s36* restored_at=big backup_at=big backup_seq=big kind=s200 epoch=s200 previous_epoch=s200"
    ),
}
INDEXES = [("ix_backup_made_made_at", "backup_made", "made_at")]


def upgrade() -> None:
    """Create both."""
    create_tables(TABLES)
    create_indexes(INDEXES, [])


def downgrade() -> None:
    """Drop both."""
    drop_tables(TABLES)
