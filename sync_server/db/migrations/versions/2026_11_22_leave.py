"""By whose leave a database was restored, and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_leave"
down_revision = "2026_11_22_attachments"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    with op.batch_alter_table("restoration") as table:
        table.add_column(sa.Column("leave", sa.String(200), nullable=False, server_default=""))
        table.add_column(sa.Column("reason", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("restoration") as table:
        table.drop_column("reason")
        table.drop_column("leave")
