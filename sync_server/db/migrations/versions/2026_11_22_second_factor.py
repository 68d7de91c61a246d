"""One-time codes as a second factor, and sign-ins that still owe theirs."""

from __future__ import annotations

from sync_server.db.migrations.shorthand import create_indexes, create_tables, drop_tables

revision = "2026_11_22_second_factor"
down_revision = "2026_11_22_chain_check"
branch_labels = None
depends_on = None

TABLES = {
    "half_sign_in": "id_hash=s200* person_id=s36 began_at=big address=s200 browser=s200",
    "second_factor": "person_id=s36* secret=text pending=text last_step=big codes=text confirmed_at=big?",
}
INDEXES = (("ix_half_sign_in_person_id", "half_sign_in", "person_id"),)


def upgrade() -> None:
    """Make the tables."""
    create_tables(TABLES)
    create_indexes(INDEXES, ())


def downgrade() -> None:
    """Drop them."""
    drop_tables(TABLES)
