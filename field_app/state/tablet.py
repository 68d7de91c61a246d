"""This tablet as the screens know it: giving commands, reading rows, what the strip says.

Owns the one store, loop and clock of the process. A session keeps none of its own: it listens here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from common.kernel.clock import Clock, instant
from common.kernel.ids import RandomBytes, uuid7
from common.people.person import Person
from common.policy.policy_set import find_policy
from common.stock.location import StockLocation, van_of
from field_app.state.reach import LineState
from field_app.state.status import SyncMode, SyncStatus
from field_app.store.outbox import counts
from field_app.store.queries_status import needs_attention, stamp
from field_app.store.store import Given, Store, state_of
from field_app.sync.enrol import NAME_SETTING, Enrolled, Invitation, enrol
from field_app.sync.keys import device_key
from field_app.sync.keystore import Keystore
from field_app.sync.loop import SyncLoop

T = TypeVar("T")
CUT_SETTING = "line.cut"


@dataclass(eq=False)
class Tablet:
    """One for each process. `server_url` is where to enrol when only a code is typed.

    `local_zone` is used until the company's policy, which names its own, has arrived.
    """

    store: Store
    keystore: Keystore
    clock: Clock
    random_bytes: RandomBytes
    server_url: str = ""
    version: str = ""
    local_zone: tzinfo = UTC
    loop: SyncLoop | None = None
    listeners: set[Callable[[], None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.store.listeners.add(self.tell)
        self._cut = self.store.setting(CUT_SETTING) == "1"

    def tell(self) -> None:
        """Tell every session that something may have changed; from any thread."""
        for listener in list(self.listeners):
            listener()

    def give(self, payload: Any, *, group: str = "") -> Given:
        """Execute and keep a command, and have it sent at once where there is a line.

        Raises NotEnrolledError, BadPayload.
        """
        given = self.store.give(payload, group=group)
        if given.outcome.took_effect and self.loop is not None:
            self.loop.poke()
        return given

    def read(self, query: Callable[[Session], T]) -> T:
        """Run a query; rows it returns stay readable afterwards."""
        with self.store.read() as session:
            result = query(session)
            session.expunge_all()
            return result

    def new_id(self) -> str:
        """Make an id for a new thing."""
        return uuid7(self.clock.read().wall_ms, self.random_bytes)

    @property
    def person_id(self) -> str:
        """Return who works here, '' before enrolment."""
        return self.store.identity().person_id

    @property
    def is_enrolled(self) -> bool:
        """Say whether this tablet is somebody's."""
        return bool(self.person_id)

    def person_name(self) -> str:
        """Return the name of who works here, as the company writes it."""

        def read(session: Session) -> str:
            person = session.get(Person, self.person_id)
            return person.name if person else ""

        return self.read(read) or self.store.setting(NAME_SETTING)

    def van(self) -> StockLocation | None:
        """Find the van of who works here."""
        return self.read(lambda session: van_in_use(session, self.person_id))

    def zone(self) -> tzinfo:
        """Return the time zone the company reckons in."""
        policy = self.read(find_policy)
        return ZoneInfo(policy.calendar.zone) if policy else self.local_zone

    def now(self) -> datetime:
        """Read the wall clock, corrected by what the server said of its error."""
        error_ms = self.read(lambda session: state_of(session).clock_error_ms)
        return instant(self.clock.read().wall_ms - error_ms)

    def stamp(self) -> tuple[Any, ...]:
        """Return a value that differs whenever what a screen shows may differ."""
        return self.read(stamp)

    def status(self) -> SyncStatus:
        """Say what the strip has to say."""
        with self.store.read() as session:
            counted, attention = counts(session), needs_attention(session)
        loop = self.loop
        contact = instant(counted.last_contact_ms) if counted.last_contact_ms else None
        error = loop.error if loop else ""
        mode = SyncMode.OFFLINE
        if attention:
            mode = SyncMode.ATTENTION
        elif loop is not None and loop.busy and counted.waiting and not error:
            mode = SyncMode.SENDING
        elif error and error not in ("unreachable", "busy"):
            mode = SyncMode.ERROR
        elif contact is None:
            mode = SyncMode.NEVER
        elif loop is not None and loop.heard and not error:
            mode = SyncMode.ONLINE
        error = error if mode is SyncMode.ERROR else ""
        return SyncStatus(mode, counted.waiting, attention, contact, error, self.store.trouble)

    def sync_now(self) -> None:
        """Have the server asked at once."""
        if self.loop is not None:
            self.loop.poke()

    def sign(self, text: bytes) -> tuple[str, str] | None:
        """Sign with this device's key: public key and signature; None before enrolment."""
        key = device_key(self.keystore)
        return None if key is None else (key.public, key.sign(text))

    def line(self) -> LineState:
        """Say how the line to the office is."""
        engine = self.loop.engine if self.loop is not None else None
        if engine is None or self.loop is None:
            return LineState()
        left_ms = engine.line.next_try_ms - self.clock.read().mono_ms
        return LineState(engine.line.failures, max(left_ms, 0), self.loop.error)

    def enrol(self, invitation: Invitation, device_name: str) -> Enrolled:
        """Enrol this device and begin to fetch its person's work. Blocks; raises as `field_app.sync.enrol`."""
        asked = invitation if invitation.url else replace(invitation, url=self.server_url)
        done = enrol(self.store, self.keystore, asked, device_name, self.random_bytes, app=self.version)
        if self.loop is not None:
            self.loop.reconnect()
        return done

    @property
    def is_cut(self) -> bool:
        """Say whether the line is cut on purpose, to try the app without a network."""
        return self._cut

    def cut_line(self, cut: bool) -> None:
        """Cut the line to the server on purpose, or mend it."""
        self._cut = cut
        self.store.choose(CUT_SETTING, "1" if cut else "")
        if self.loop is not None:
            self.loop.poke()
        self.tell()


def van_in_use(session: Session, person_id: str) -> StockLocation | None:
    """Find the van a person's parts come from: the one named in his file, else the one he drives."""
    person = session.get(Person, person_id)
    named = session.get(StockLocation, person.van_location_id) if person and person.van_location_id else None
    return named or van_of(session, person_id)
