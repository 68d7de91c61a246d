"""What stands before the screens: choosing a PIN, giving it, or being told why no PIN helps.

Owns the words' keys and the checks of what was typed. The PIN is never kept, not even as a draft.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import flet as ft
from sqlalchemy.exc import DBAPIError

from common.kernel.reserve import says_full, says_read_only
from field_app.state.signing import Trouble
from field_app.state.tablet import Tablet
from field_app.store.dismissal import dismissal, is_wipe, wiped
from field_app.store.outbox import counts
from field_app.store.roomy import StoreFullError
from field_app.store.store import OtherKeyError
from field_app.vault.file import VaultFileDamaged
from field_app.vault.vault import PinTooSoon, PinWeak, PinWrong, VaultLost

SECOND_MS = 1000
_log = logging.getLogger(__name__)


@ft.observable
@dataclass(eq=False)
class GateModel:
    """`step`: choose, unlock, lost, stopped or wiped, as the tablet says. `trouble` fills `app.gate.<code>`."""

    tablet: Tablet
    trouble: Trouble | None = None
    is_busy: bool = False

    @property
    def fewest(self) -> int:
        """Return how many characters a PIN must have."""
        return self.tablet.vault.policy.fewest if self.tablet.vault else 0

    @property
    def is_guarded(self) -> bool:
        """Say whether this platform has secure storage of its own."""
        return self.tablet.vault is not None and self.tablet.vault.is_guarded

    @property
    def why_lost(self) -> str:
        """Name why no PIN opens this tablet any more."""
        return (self.tablet.vault.why_lost if self.tablet.vault else "") or "vault_file_lost"

    @property
    def why_away(self) -> str:
        """Name why the office sent this tablet away, or had it wiped."""
        return wiped(self.tablet.store) or dismissal(self.tablet.store)

    @property
    def is_to_wipe(self) -> bool:
        """Say whether this tablet forgets everything once its work was handed over."""
        return is_wipe(dismissal(self.tablet.store))

    @property
    def waiting(self) -> int:
        """Count the entries that lie here and were not sent."""
        with self.tablet.store.read() as session:
            return counts(session).waiting

    @property
    def asking(self) -> str:
        """Say how the request for the key stands: '' none, out (on its way), waiting, given, declined."""
        recovery = self.tablet.recovery
        return "" if recovery is None else recovery.state or "out"

    @property
    def code(self) -> str:
        """Return the code that is read out to the office."""
        return self.tablet.recovery.code if self.tablet.recovery else ""

    def ask_for_key(self) -> None:
        """Ask the office for the key."""
        self.trouble = None if self.tablet.ask_for_key() else Trouble("no_box")
        self.tablet.tell()

    def stop_asking(self) -> None:
        """Go back to giving the PIN."""
        self.tablet.recovery = None
        self.tablet.tell()

    async def hear(self) -> None:
        """Ask at once what the office decided."""
        await self._do(self.tablet.hear_of_key)

    async def recover(self, pin: str, again: str) -> None:
        """Choose the new PIN of a tablet that has its key back."""
        if pin != again:
            self.trouble = Trouble("differs")
            return
        await self._do(lambda: self.tablet.recover(pin))

    async def choose(self, pin: str, again: str) -> None:
        """Choose the PIN; typed twice, so that a slip does not lock its owner out."""
        if pin != again:
            self.trouble = Trouble("differs")
            return
        await self._do(lambda: self.tablet.choose_pin(pin))

    async def unlock(self, pin: str) -> None:
        """Give the PIN."""
        if pin:
            await self._do(lambda: self.tablet.unlock(pin))

    async def _do(self, work: Callable[[], None]) -> None:
        """Do it in a thread: the PIN's hash takes half a second by intent."""
        self.trouble, self.is_busy = None, True
        try:
            self.trouble = await asyncio.to_thread(_trouble_of, work)
        finally:  # whatever happened, the next try must be possible
            self.is_busy = False
            self.tablet.tell()


def _trouble_of(work: Callable[[], None]) -> Trouble | None:
    try:
        work()
    except PinWeak:
        return Trouble("weak")
    except PinWrong as wrong:
        if wrong.wait_ms:
            return Trouble("wrong_wait", {"left": wrong.left, "wait_s": _seconds(wrong.wait_ms)})
        return Trouble("wrong", {"left": wrong.left})
    except PinTooSoon as soon:
        return Trouble("too_soon", {"wait_s": _seconds(soon.wait_ms)})
    except VaultLost as lost:
        return Trouble(lost.code)
    except OtherKeyError:
        return Trouble("other_key")
    except VaultFileDamaged:
        return Trouble("vault_file_lost")
    except StoreFullError as full:
        return Trouble(full.code)
    except (OSError, DBAPIError) as fault:
        return Trouble(_storage_code(fault))
    return None


def _storage_code(fault: Exception) -> str:
    _log.error("the storage failed at the gate: %s", fault)
    if says_full(fault):
        return "device_full"
    return "device_read_only" if says_read_only(fault) else "storage_failed"


def _seconds(ms: int) -> int:
    return -(-ms // SECOND_MS)
