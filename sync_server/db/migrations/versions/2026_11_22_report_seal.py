"""Seals of reports: the tablet's signature and the server's beside it."""

from __future__ import annotations

from sync_server.db.migrations.shorthand import create_indexes, create_tables, drop_tables

revision = "2026_11_22_report_seal"
down_revision = "2026_11_22_first"
branch_labels = None
depends_on = None

TABLES = {
    "report_seal": (
        "ticket_id=s36 seal=text key=s200 signature=s200 counter=text? counter_key=s200 counter_signature=s200 "
        "id=s36* agg=s80"
    ),
}
INDEXES = (
    ("ix_report_seal_agg", "report_seal", "agg"),
    ("ix_report_seal_ticket_id", "report_seal", "ticket_id"),
)


def upgrade() -> None:
    """Make the table."""
    create_tables(TABLES)
    create_indexes(INDEXES, ())


def downgrade() -> None:
    """Drop it."""
    drop_tables(TABLES)
