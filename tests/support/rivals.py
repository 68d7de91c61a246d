"""Programs that write to one database at once, as processes of their own: started, killed, and what they were promised.

Owns the processes. Each acknowledged command's number is in the file before the next one is given.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from common.kernel.command import Role
from common.people.person_commands import AddPerson
from sync_server.app import SystemClock
from sync_server.db.database import Database, DatabaseBusyError
from sync_server.db.engine import make_engine
from sync_server.db.office import SYSTEM, perform


def start_writer(url: str, name: str, many: int, answered: Path) -> subprocess.Popen[bytes]:
    """Start a process that adds `many` people and notes each it got an answer for."""
    words = [sys.executable, "-m", "tests.support.rivals", url, name, str(many), str(answered)]
    return subprocess.Popen(words, stdin=subprocess.DEVNULL)


def add_people(url: str, name: str, many: int, answered: Path) -> None:
    """Add people; whoever gets no answer tries the next, as a caller whose line broke."""
    engine = make_engine(url, pool_size=2)
    database = Database(engine, SystemClock(), os.urandom)
    with answered.open("a", buffering=1, encoding="utf-8") as noted:
        for i in range(many):
            payload = AddPerson(database.new_id(), f"{name}-{i}", name, (Role.ENGINEER.value,))
            try:
                took = perform(database, SYSTEM, payload).took_effect
            except DatabaseBusyError:
                continue
            if took:
                noted.write(f"{name}-{i}\n")
    engine.dispose()


if __name__ == "__main__":
    add_people(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
