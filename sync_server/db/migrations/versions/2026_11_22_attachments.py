"""Files of tickets: their records."""

from __future__ import annotations

from sync_server.db.migrations.shorthand import create_indexes, create_tables, drop_tables

revision = "2026_11_22_attachments"
down_revision = "2026_11_22_approvals"
branch_labels = None
depends_on = None

TABLES = {
    "attachment": (
        "ticket_id=s36 visit_id=s36? round=big device_id=s200 by_id=s36 kind=s200 purpose=s200 name=s200 "
        "caption=text media_type=s200 size_bytes=big sha256=s200 preview_sha256=s200 taken_at=big "
        "attached_at=big state=s200 fault=s200 stored_at=big? late_at=big? withdrawn=int id=s36* agg=s80"
    ),
}
INDEXES = [
    ("ix_attachment_agg", "attachment", "agg"),
    ("ix_attachment_sha256", "attachment", "sha256"),
    ("ix_attachment_state", "attachment", "state"),
    ("ix_attachment_ticket_id", "attachment", "ticket_id"),
]


def upgrade() -> None:
    """Create the table."""
    create_tables(TABLES)
    create_indexes(INDEXES, [])


def downgrade() -> None:
    """Drop the table."""
    drop_tables(TABLES)
