"""The one thread that keeps a tablet and its server in conversation, for all sessions of this process.

Owns when a turn is taken: at once after a save, else when the plan says so. What a turn does is the engine's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from common.protocol.messages import ExchangeError
from field_app.sync.engine import SyncEngine, error_code
from field_app.sync.plan import Step

log = logging.getLogger("field_app.sync")
LONGEST_REST_S = 20.0  # also how often sessions are told that time has passed


class SyncLoop:
    """Takes turns until it is stopped. `connect` makes the engine once this tablet is somebody's, None before.

    `told` is called from the loop's thread whenever what the strip says may have changed, `beside` before each turn.
    """

    def __init__(
        self,
        connect: Callable[[], SyncEngine | None],
        told: Callable[[], None],
        beside: Callable[[], None] = lambda: None,
    ) -> None:
        self._connect = connect
        self._beside = beside
        self._told = told
        self.engine: SyncEngine | None = None
        self._asked = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.busy = False
        self.heard = False  # the server has answered since this program started
        self.error = ""

    def start(self) -> None:
        """Begin taking turns in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

    def stop(self, wait_s: float = 5.0) -> None:
        """Take no more turns; waits for the one under way."""
        self._stopped.set()
        self._asked.set()
        if self._thread is not None:
            self._thread.join(wait_s)

    def poke(self) -> None:
        """Take a turn now: something was saved, or a person asked."""
        self._asked.set()

    def reconnect(self) -> None:
        """Forget the server: this tablet has just been enrolled, or the line was cut or mended on purpose."""
        self.engine = None
        self.poke()

    def turn(self, *, asked: bool) -> Step:
        """Take one turn and remember what the strip has to say about it. Never raises."""
        try:
            self._beside()
            if self.engine is None:
                self.engine = self._connect()
            engine = self.engine
            if engine is None:
                return Step.WAIT
            self._show(busy=True)
            step = engine.turn(asked=asked)
            if step is not Step.WAIT:
                self.error = engine.last_error
                self.heard = self.heard or not self.error
        except ExchangeError as error:
            self.error = error_code(error)
            return Step.WAIT
        except Exception:
            # A bug in one turn must not end the conversation for good: the work is safe in the store.
            log.exception("a turn of the sync loop failed")
            self.error = "sync_failed"
            return Step.WAIT
        finally:
            self._show(busy=False)
        return step

    def rest_s(self) -> float:
        """Say how long to wait before the next turn, in seconds; 0 while there is more to fetch or to send."""
        engine = self.engine
        if engine is None:
            return LONGEST_REST_S
        if engine.has_files_to_send:
            return 0.0
        left_ms = engine.line.next_try_ms - engine.clock.read().mono_ms
        if engine.uploads is not None and engine.uploads.chunks.failures:
            left_ms = min(left_ms, max(engine.uploads.chunks.next_try_ms - engine.clock.read().mono_ms, 500))
        return min(max(left_ms / 1000, 0.0), LONGEST_REST_S)

    def _run(self) -> None:
        while not self._stopped.is_set():
            asked = self._asked.is_set()
            self._asked.clear()
            step = self.turn(asked=asked)
            rest_s = self.rest_s()
            # A turn that found nothing to do must not be asked again without a pause.
            self._asked.wait(max(rest_s, 1.0) if step is Step.WAIT or self.error else rest_s)

    def _show(self, *, busy: bool) -> None:
        self.busy = busy
        self._told()
