"""Brings a database to the shape this program knows, and says whether it has it.

Owns the way to Alembic. All steps run in one transaction on both databases: a killed upgrade leaves the old shape.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, Table

import common.nouns  # noqa: F401 - registers every table and command
import sync_server.db.evidence_tables  # noqa: F401
import sync_server.db.file_tables  # noqa: F401
import sync_server.db.import_tables  # noqa: F401
import sync_server.db.job_tables  # noqa: F401
import sync_server.db.security_tables  # noqa: F401 - security records
import sync_server.db.upkeep_tables  # noqa: F401
from common.kernel.ids import RandomBytes
from common.kernel.record import NAMING, Base
from sync_server.db.schema import plant_stream
from sync_server.db.tables import ServerBase


class SchemaError(RuntimeError):
    """The database has another shape than this program; the message says what to do."""


class SchemaOldError(SchemaError):
    """The database belongs to an older program and can be brought up."""


def _all_tables() -> MetaData:
    merged = MetaData(naming_convention=NAMING)
    for metadata in (Base.metadata, ServerBase.metadata):
        for table in metadata.tables.values():
            Table.to_metadata(table, merged)
    return merged


METADATA = _all_tables()


def upgrade(engine: Engine, random_bytes: RandomBytes, to: str = "head") -> None:
    """Create or upgrade the database's tables and its stream, in one transaction. `to` an older shape is for tests."""
    with engine.begin() as connection:  # begun here: else Alembic commits each step by itself on SQLite
        command.upgrade(_config(connection), to)
        plant_stream(connection, random_bytes)


def current(engine: Engine) -> str:
    """Return the revision a database is at, '' for an empty one."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def newest() -> str:
    """Return the revision this program needs."""
    return ScriptDirectory.from_config(_config(None)).get_current_head() or ""


def revisions() -> list[str]:
    """List every revision this program knows, the first one first."""
    script = ScriptDirectory.from_config(_config(None))
    return [one.revision for one in script.walk_revisions()][::-1]


def require_upgradable(engine: Engine) -> None:
    """Raise SchemaError for a database of a newer program; one of an older program may be brought up."""
    with contextlib.suppress(SchemaOldError):
        require_schema(engine)


def require_schema(engine: Engine) -> None:
    """Raise SchemaError unless the database has exactly the shape this program needs."""
    found, wanted = current(engine), newest()
    if found == wanted:
        return
    if not found:
        raise SchemaError("The database is empty. Run: sync-server init")
    if found in revisions():
        raise SchemaOldError(
            "The database is of an older version. Run: sync-server init (it makes a backup first)"
        )
    raise SchemaError(
        f"The database is of a newer version ({found}) than this program ({wanted}). Update the program."
    )


def differences(connection: Connection) -> list[Any]:
    """List how a database differs from the mapped tables."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, METADATA))


def write_migration(engine: Engine, message: str, revision: str) -> None:
    """Write the next migration file from the difference between a database and the mapped tables."""
    with engine.connect() as connection:
        command.revision(_config(connection), message=message, autogenerate=True, rev_id=revision)


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(slug)s")
    config.attributes["connection"] = connection
    return config
