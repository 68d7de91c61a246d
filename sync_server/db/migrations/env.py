"""What Alembic runs: the migrations, in one transaction, over the connection it was given.

Owns nothing else. SQLite alters tables by copying them (batch mode).
"""

from __future__ import annotations

from alembic import context

from sync_server.db.migrate import METADATA

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=False,
    compare_type=True,
)
context.run_migrations()
