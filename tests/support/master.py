"""A server's master database in memory, with the product's clock stopped. For tests of the server's rooms."""

from __future__ import annotations

import os

from sync_server.db.database import Database
from sync_server.db.engine import make_engine
from sync_server.db.schema import create_tables, plant_stream
from tests.support.fake_clock import FakeClock


def a_master(url: str = "sqlite://") -> Database:
    """Make an empty master database."""
    engine = make_engine(url)
    create_tables(engine)
    with engine.connect() as connection:
        plant_stream(connection, os.urandom)
        connection.commit()
    return Database(engine, FakeClock(), os.urandom, pause=lambda _seconds: None)
