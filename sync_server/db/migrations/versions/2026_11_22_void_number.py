"""By which decision a voucher in a unit's pouch does not count any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_void_number"
down_revision = "2026_11_22_kept_files"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    with op.batch_alter_table("past_voucher") as table:
        table.add_column(sa.Column("void_number", sa.String(200), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop it."""
    with op.batch_alter_table("past_voucher") as table:
        table.drop_column("void_number")
