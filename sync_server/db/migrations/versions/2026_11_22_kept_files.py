"""Bytes of files at the server."""

from __future__ import annotations

from alembic import op

from sync_server.db.migrations.shorthand import create_indexes, create_tables, drop_tables

revision = "2026_11_22_kept_files"
down_revision = "2026_11_22_leave"
branch_labels = None
depends_on = None

TABLES = {
    "kept_file": (
        "sha256=s200* size_bytes=big received_bytes=big state=s200 fault=s200 media_type=s200 shown=s200 "
        "device_id=s200 begun_at=big moved_at=big stored_at=big? checked_at=big? backed_up=int"
    ),
}
INDEXES = [
    ("ix_attachment_preview_sha256", "attachment", "preview_sha256"),
    ("ix_kept_file_device_id", "kept_file", "device_id"),
    ("ix_kept_file_state", "kept_file", "state"),
]


def upgrade() -> None:
    """Create the table."""
    create_tables(TABLES)
    create_indexes(INDEXES, [])


def downgrade() -> None:
    """Drop the table."""
    op.drop_index("ix_attachment_preview_sha256", "attachment")
    drop_tables(TABLES)
