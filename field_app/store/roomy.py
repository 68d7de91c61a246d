"""A store on a disk that may fill up: it gives up its reserve, saves, and says so (A3).

Owns that one second try. Every write of the store passes here; what a write does is the store's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from common.kernel.clock import Clock
from common.kernel.ids import RandomBytes
from common.kernel.reserve import Reserve, says_full, says_read_only
from field_app.store.store import Given, Store

T = TypeVar("T")
RESERVE_BYTES = 4 * 1024 * 1024  # a day's commands many times over
LAY_AGAIN_MS = 60_000


class StoreFullError(Exception):
    """Nothing more can be saved on this device; `code` is the reason said to the person. Nothing was changed."""

    def __init__(self, code: str = "device_full") -> None:
        super().__init__(code)
        self.code = code


class RoomyStore(Store):
    """A store with a reserve. `trouble` is the reason code for the strip, '' while there is room."""

    def __init__(self, engine: Engine, clock: Clock, random_bytes: RandomBytes, reserve: Reserve) -> None:
        """Open the file and lay the reserve. Raises as `Store`, and StoreFullError on a disk that cannot be written."""
        self.reserve = reserve
        self.trouble, self._frozen = "", False
        self._asked_ms = clock.read().mono_ms
        super().__init__(engine, clock, random_bytes)
        reserve.lay()

    def freeze(self, code: str) -> None:
        """Refuse every save from now on, for this reason; reading goes on."""
        self.trouble, self._frozen = code, True

    def make_room(self) -> bool:
        """Give the reserve up on a full disk, also for what lies beside the database; says whether there was one."""
        self.trouble = "device_full"
        return self.reserve.give_up()

    def give_together(self, payloads: Sequence[Any], **how: Any) -> list[Given]:
        """As `Store.give_together`. Raises StoreFullError where even the reserve is not enough."""
        return self._with_room(lambda: super(RoomyStore, self).give_together(payloads, **how))

    def write(self, work: Callable[[Session], T]) -> T:
        """As `Store.write`. Raises StoreFullError where even the reserve is not enough."""
        return self._with_room(lambda: super(RoomyStore, self).write(work))

    def keep_draft(self, key: str, body: dict[str, Any]) -> None:
        """As `Store.keep_draft`. Raises StoreFullError where even the reserve is not enough."""
        self._with_room(lambda: super(RoomyStore, self).keep_draft(key, body))

    def _with_room(self, save: Callable[[], T]) -> T:
        if self._frozen:
            raise StoreFullError(self.trouble)
        self._lay_again()
        try:
            return save()
        except DBAPIError as error:
            if says_read_only(error):
                self.trouble = "device_read_only"
                raise StoreFullError(self.trouble) from error
            if not says_full(error):
                raise
            if not self.make_room():
                raise StoreFullError from error
        try:
            return save()
        except DBAPIError as error:
            if says_full(error):
                raise StoreFullError from error
            raise

    def _lay_again(self) -> None:
        """Have a reserve again once the person has made room; looked at once a minute at most."""
        now_ms = self.clock.read().mono_ms
        if not self.trouble or now_ms - self._asked_ms < LAY_AGAIN_MS:
            return
        self._asked_ms = now_ms
        if self.reserve.lay():
            self.trouble = ""
