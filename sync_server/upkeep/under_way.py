"""A restore into an empty PostgreSQL database, from first row to last key: marked, so that nobody serves half of one.

Owns the mark, a table of the database itself, since several machines may serve it. Without it a restore that was killed
or refused would leave a whole database of the old epoch, which tablets take for the one they know.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, MetaData, create_engine, inspect, text

from common.kernel.outcome import Refused
from sync_server.upkeep.backup import BackupError

MARK = "restore_under_way"
LOCK = "fieldwright restore"


def refuse_half_restored(engine: Engine) -> None:
    """Refuse with `restore_under_way` where a restore into this database did not come to its end."""
    if not inspect(engine).has_table(MARK):
        return
    with engine.connect() as connection:
        backup = connection.execute(text(f"SELECT backup FROM {MARK}")).scalar_one_or_none()  # noqa: S608 - own name
    raise Refused(MARK, backup=backup or "")


@contextmanager
def marked(url: str, backup: str) -> Iterator[None]:
    """Keep the mark in an empty database while it is being restored.

    What fails leaves it empty again. What is killed leaves the mark, and the next restore begins with an empty one: the
    mark says that all that is there came from a restore. Raises BackupError for one that holds anything else.
    """
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            _begin(connection, backup)
            try:
                yield
            except BaseException:
                _clear(connection)
                raise
            connection.execute(text(f"DROP TABLE {MARK}"))
    finally:
        engine.dispose()


def _begin(connection: Connection, backup: str) -> None:
    """Mark the database; a lock that falls with the process keeps anybody from clearing it under a restore that runs."""
    alone = connection.execute(text("SELECT pg_try_advisory_lock(hashtext(:name))"), {"name": LOCK})
    if not alone.scalar_one():
        raise BackupError("Another restore goes into this database. Wait until it ends.")
    looked = inspect(connection)
    if looked.has_table(MARK):
        _clear(connection)
    elif looked.get_table_names():
        raise BackupError("The database is not empty. Make a new one, and point the database URL at it.")
    connection.execute(text(f"CREATE TABLE {MARK} (backup text NOT NULL)"))
    connection.execute(text(f"INSERT INTO {MARK} VALUES (:backup)"), {"backup": backup})  # noqa: S608 - own name


def _clear(connection: Connection) -> None:
    """Drop what the restore brought, and the mark last: a kill on the way leaves it."""
    tables = MetaData()
    tables.reflect(connection)
    mark = tables.tables[MARK]
    tables.drop_all(connection, tables=[table for table in tables.sorted_tables if table is not mark])
    mark.drop(connection)
