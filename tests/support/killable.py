"""Programs that are killed without a word: an app that saves, and a server that dies at a named point.

They run as processes of their own, forked from one that has imported everything, so that a kill costs no start.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

FAILPOINTS = ("before_commit", "after_commit", "before_reply")
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["field_app.main", "sync_server.app", "uvicorn", "tests.simulation.cluster"])


def start(target: Callable[..., None], *args: Any) -> ForkServerProcess:
    """Start a function in a process of its own."""
    process = _context.Process(target=target, args=args, daemon=True)
    process.start()
    return process


def pipe() -> tuple[Connection, Connection]:
    """Make a pipe: what to read from, what to write to."""
    return _context.Pipe(duplex=False)


def save_until_killed(data_dir: Path, ticket_id: str, said: Connection) -> None:
    """Save notes in a simulated tablet's database for ever; tell each id only after the save was confirmed."""
    from common.tickets.field_work import AddNote
    from field_app.main import open_tablet
    from field_app.settings import Settings
    from tests.simulation.cluster import unseal

    tablet = open_tablet(Settings(data_dir, data_dir))
    unseal(tablet.store, os.urandom)
    number = 0
    while True:
        number += 1
        given = tablet.give(AddNote(ticket_id, f"note {number}"))
        assert given.outcome.took_effect
        said.send(given.op_id)


def serve_until_killed(data_dir: Path, port: int, failpoint: str, at: int) -> None:
    """Serve on a loopback port; kill this process when the point is reached for the `at`-th time of a sync."""
    import uvicorn

    from sync_server.app import create_app
    from sync_server.settings import read_settings
    from sync_server.sync.service import SyncService

    app = create_app(read_settings({}, data_dir=data_dir, ticker_s="0"))
    left = [at]

    def reached(point: str) -> None:
        if point == failpoint:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    real = SyncService.sync

    def sync(self: SyncService, request: Any) -> Any:
        if request.ops:
            event.listen(Session, "before_commit", lambda _session: reached("before_commit"))
            event.listen(Session, "after_commit", lambda _session: reached("after_commit"))
        answer = real(self, request)
        if request.ops:
            reached("before_reply")
        return answer

    SyncService.sync = sync  # type: ignore[method-assign]
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")
