"""How long this tablet may work without hearing of the server (reliability §4, "Offline").

Owns the lease kept in the settings and the highest time seen: a clock that is set back lengthens nothing. Past the lease
everything can be read, work that lies here unsent be finished, and nothing else begun. Sending asks nobody. So it is
without the key that leases are checked with: no order to stop would be believed either.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.kernel.clock import Clock, Reading
from common.kernel.command import kind_of, spec_of
from common.protocol.orders import Lease
from field_app.store.schema import OpTouch, OutboxOp
from field_app.store.settings import SIGN_KEY_SETTING, keep_setting, setting_of

LEASE = "lease"  # setting: {"until", "seen"}, milliseconds of the server's time
OVER, KEYLESS = "lease_over", "server_keys_gone"  # reason codes
WRITE_EVERY_MS = 600_000


class LeaseWatch:
    """Time as the server reckons it, which never goes back while nobody who knows says so. Not for two threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.until_ms = self._seen_ms = self._written_ms = 0
        self._mono: tuple[int, str] = (0, "")

    def read(self, session: Session) -> None:
        """Take up what was kept."""
        if kept := setting_of(session, LEASE):
            told = json.loads(kept)
            self.until_ms, self._seen_ms = int(told["until"]), int(told["seen"])
        self._written_ms = self._seen_ms

    def heard(self, session: Session, lease: Lease | None, now_ms: int, reading: Reading) -> None:
        """Take what an answer says: its time counts, also where this clock had run ahead. The lease was checked."""
        if lease is not None:
            self.until_ms = lease.until
        if now_ms:
            self._seen_ms, self._mono = now_ms, (reading.mono_ms, reading.boot)
        if self.until_ms and (lease is not None or abs(self._seen_ms - self._written_ms) >= WRITE_EVERY_MS):
            self._write(session)

    def now_ms(self, clock_error_ms: int) -> int:
        """Say what time it is at least: never earlier than seen before, and time that passed here has passed."""
        reading = self._clock.read()
        mono, boot = self._mono
        passed_ms = max(reading.mono_ms - mono, 0) if boot == reading.boot else 0
        self._seen_ms = max(self._seen_ms + passed_ms, reading.wall_ms - clock_error_ms)
        self._mono = (reading.mono_ms, reading.boot)
        return self._seen_ms

    def left_ms(self, clock_error_ms: int) -> int | None:
        """Say how long the lease still runs, 0 when it is over; None where no server ever gave one."""
        return max(self.until_ms - self.now_ms(clock_error_ms), 0) if self.until_ms else None

    def keep(self, session: Session, clock_error_ms: int) -> None:
        """Write down how far time has come, where that is due."""
        if self.is_due(clock_error_ms):
            self._write(session)

    def is_due(self, clock_error_ms: int) -> bool:
        """Say whether time has come so far since it was written down that it should be again."""
        return self.until_ms > 0 and self.now_ms(clock_error_ms) - self._written_ms >= WRITE_EVERY_MS

    def trouble(self, session: Session, clock_error_ms: int) -> str:
        """Name why nothing new is begun on this enrolled tablet: '' while it is."""
        if not setting_of(session, SIGN_KEY_SETTING):
            return KEYLESS
        return OVER if self.left_ms(clock_error_ms) == 0 else ""

    def refusal(self, session: Session, payload: Any, clock_error_ms: int) -> str:
        """Name why a command cannot be given now: '' where it can."""
        code = self.trouble(session, clock_error_ms)
        return "" if code and _goes_on(session, payload) else code

    def _write(self, session: Session) -> None:
        self._written_ms = self._seen_ms
        told = json.dumps({"until": self.until_ms, "seen": self._seen_ms})
        keep_setting(session, LEASE, told)


def _goes_on(session: Session, payload: Any) -> bool:
    """Say whether a command goes on with work that lies here unsent: of the same ticket, or about the same thing."""
    ticket_id = getattr(payload, "ticket_id", None)
    unsent = select(OutboxOp.ord).where(OutboxOp.state == "new")
    if ticket_id is not None:
        return session.scalar(unsent.where(OutboxOp.ticket_id == ticket_id).limit(1)) is not None
    about = spec_of(kind_of(payload)).about(payload)
    same = select(OpTouch.op_ord).where(OpTouch.agg == about, OpTouch.op_ord.in_(unsent)).limit(1)
    return session.scalar(same) is not None
