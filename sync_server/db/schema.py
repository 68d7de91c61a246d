"""Creates an empty master database's first rows: the stream's head and epoch. Tables come from migrations."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, insert, select

import common.nouns  # noqa: F401 - registers every table and command
from common.kernel.ids import RandomBytes
from common.kernel.record import Base
from sync_server.db.sequencer import STREAM
from sync_server.db.tables import ServerBase, StreamHead

FIRST_HASH = "0" * 64


def create_tables(engine: Engine) -> None:
    """Create all tables at once, for the simulator's throw-away databases only; real ones are migrated."""
    Base.metadata.create_all(engine)
    ServerBase.metadata.create_all(engine)


def plant_stream(connection: Connection, random_bytes: RandomBytes) -> None:
    """Write the stream's first head, unless there is one. `epoch` names this history of the database."""
    if connection.execute(select(StreamHead.seq)).first() is None:
        head = {"stream": STREAM, "seq": 0, "audit_seq": 0, "audit_hash": FIRST_HASH, "durable": 0}
        connection.execute(insert(StreamHead).values(**head, epoch=random_bytes(8).hex()))
