"""Checks of the audit chain that were run."""

from __future__ import annotations

from sync_server.db.migrations.shorthand import create_indexes, create_tables, drop_tables

revision = "2026_11_22_chain_check"
down_revision = "2026_11_22_upkeep"
branch_labels = None
depends_on = None

TABLES = {
    "chain_check": (
        "id=s36* began_at=big ended_at=big? by=s200 state=s200 seen=big total=big anchors=big faults=text"
    ),
}


def upgrade() -> None:
    """Make the table."""
    create_tables(TABLES)
    create_indexes((("ix_chain_check_began_at", "chain_check", "began_at"),), ())


def downgrade() -> None:
    """Drop it."""
    drop_tables(TABLES)
