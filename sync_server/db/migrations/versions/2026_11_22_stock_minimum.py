"""How many of a part should lie at a place at least."""

from __future__ import annotations

from sync_server.db.migrations.shorthand import create_indexes, create_tables, drop_tables

revision = "2026_11_22_stock_minimum"
down_revision = "2026_11_22_second_factor"
branch_labels = None
depends_on = None

TABLES = {"stock_minimum": "location_id=s36 part_id=s36 qty=big id=s36* agg=s80"}
INDEXES = (
    ("ix_stock_minimum_agg", "stock_minimum", "agg"),
    ("ix_stock_minimum_location_id", "stock_minimum", "location_id"),
    ("ix_stock_minimum_part_id", "stock_minimum", "part_id"),
)


def upgrade() -> None:
    """Make the table."""
    create_tables(TABLES)
    create_indexes(INDEXES, ())


def downgrade() -> None:
    """Drop it."""
    drop_tables(TABLES)
