"""What takes two people, and reports they voided."""

from __future__ import annotations

from sync_server.db.migrations.shorthand import create_indexes, create_tables, drop_tables

revision = "2026_11_22_approvals"
down_revision = "2026_11_22_stock_minimum"
branch_labels = None
depends_on = None

TABLES = {
    "approval": (
        "what=s200 subject=s200 label=s200 reason=text asked_by=s36 asked_at=big expires_at=big state=s200 "
        "decided_by=s36? decided_at=big? note=text id=s36* agg=s80"
    ),
    "report_void": (
        "ticket_id=s36 report_id=s36 approval_id=s36 reason=text asked_by=s36 approved_by=s36 voided_at=big "
        "id=s36* agg=s80"
    ),
}
INDEXES = (
    ("ix_approval_agg", "approval", "agg"),
    ("ix_approval_subject", "approval", "subject"),
    ("ix_report_void_agg", "report_void", "agg"),
    ("ix_report_void_report_id", "report_void", "report_id"),
    ("ix_report_void_ticket_id", "report_void", "ticket_id"),
)


def upgrade() -> None:
    """Make the tables."""
    create_tables(TABLES)
    create_indexes(INDEXES, ())


def downgrade() -> None:
    """Drop them."""
    drop_tables(TABLES)
