"""What tablets are told: leases, wipe orders; and who asks for a key back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sync_server.db.migrations.shorthand import create_tables, drop_tables

revision = "2026_11_22_tablet_orders"
down_revision = "2026_11_22_erasure"
branch_labels = None
depends_on = None

COLUMNS = ("leased_at", "lost_at", "told_at", "wiped_at")
TABLES = {
    "key_request": (
        "device_id=s36* key_id=s200 fresh_key=s200 box=text asked_at=big state=s200 sealed=text decided_by=s36? "
        "decided_at=big?"
    ),
}


def upgrade() -> None:
    """Add columns and table."""
    for name in COLUMNS:
        op.add_column("device", sa.Column(name, sa.BigInteger(), nullable=True))
    create_tables(TABLES)


def downgrade() -> None:
    """Drop them."""
    drop_tables(TABLES)
    for name in COLUMNS:
        op.drop_column("device", name)
