"""This tablet as the screens know it: giving commands, reading rows, what the strip says.

Owns the one store, loop and clock of the process. A session keeps none of its own: it listens here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import Any, BinaryIO, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from common.kernel.clock import Clock, instant
from common.kernel.ids import RandomBytes, uuid7
from common.people.person import Person
from common.policy.policy_set import find_policy
from common.protocol.messages import ExchangeError, NotTrusted
from common.protocol.orders import LOST
from common.protocol.rescue import RescueTaken
from common.stock.location import StockLocation, van_of
from field_app.state.file_desk import FileDesk
from field_app.state.reach import HANDED_TO, LineState
from field_app.state.status import SyncMode, SyncStatus
from field_app.store.dismissal import WIPED, dismissal, wiped
from field_app.store.outbox import counts
from field_app.store.queries_status import files_stuck, files_waiting, needs_attention, stamp
from field_app.store.roomy import StoreFullError
from field_app.store.settings import BOX_KEY_SETTING
from field_app.store.spoiled import unseal
from field_app.store.store import Given, Store, state_of
from field_app.sync.enrol import NAME_SETTING, Enrolled, Invitation, enrol
from field_app.sync.handing_in import hand_in
from field_app.sync.http import HttpExchange
from field_app.sync.keys import DEVICE_KEY, device_key, from_text, to_text
from field_app.sync.keystore import Keystore, SealedKeystore
from field_app.sync.loop import SyncLoop
from field_app.sync.recovery import Recovery
from field_app.sync.rescue_file import Rescue, Sealing, make_rescue
from field_app.vault.vault import Vault, VaultState

T = TypeVar("T")
CUT_SETTING = "line.cut"
VAULT_BOX = "vault.box"  # setting: id of the key, and the key sealed for the server


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
    vault: Vault | None = None  # None: a stand of a test, plain
    pin: str = ""  # for demo and tests: chosen or given without asking
    recovery: Recovery | None = None  # while the office is asked for the key
    is_shut: bool = False  # the screens wait for the PIN; sending goes on (ADR-0032)
    files: FileDesk | None = None  # None: a stand of a test that keeps no files
    listeners: set[Callable[[], None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.store.listeners.add(self.tell)
        self._cut = self.store.setting(CUT_SETTING) == "1"
        self.touch()

    @property
    def gate(self) -> str:
        """Say what stands before the screens: '' nothing, choose, unlock, lost, stopped or wiped."""
        vault = self.vault
        if wiped(self.store):
            return "wiped"
        if vault is None or not self.is_enrolled:
            return ""
        match vault.state:
            case VaultState.NONE:
                return "lost" if self.store.sealed_with else "choose"
            case VaultState.OPEN:
                if dismissal(self.store):
                    return "stopped"
                return ("lost" if vault.why_lost else "unlock") if self.is_shut else ""
            case VaultState.LOST:
                return "lost"
            case VaultState.WIPED:
                return "wiped"
        return "unlock"

    @property
    def can_talk(self) -> bool:
        """Say whether this tablet's key can be used: there is no vault, or it is open."""
        return self.vault is None or self.vault.state is VaultState.OPEN

    def choose_pin(self, pin: str) -> None:
        """Make the vault and seal what is here. Blocks; raises PinWeak."""
        assert self.vault is not None
        self.vault.create(pin)
        self._opened()

    def unlock(self, pin: str) -> None:
        """Open with the PIN. Blocks; raises as `Vault.unlock`, and OtherKeyError."""
        assert self.vault is not None
        self.vault.unlock(pin)
        self._opened()

    def _opened(self) -> None:
        assert self.vault is not None
        unseal(self.store, self.vault, self.vault.key_id)
        if isinstance(self.keystore, SealedKeystore):
            self.keystore.seal(DEVICE_KEY)
        box_key, who = self.store.setting(BOX_KEY_SETTING), self.store.identity()
        mark = f"{self.vault.key_id}|"
        if box_key and not self.store.setting(VAULT_BOX).startswith(mark):
            box = self.vault.wrap_for_server(from_text(box_key), who.device_id)
            with suppress(StoreFullError):  # made up for at the next unlocking
                self.store.choose(VAULT_BOX, mark + to_text(box))
        self.is_shut = False
        self.touch()
        if self.loop is not None:
            self.loop.reconnect()
        self.tell()

    def use_pin_given(self) -> None:
        """Use the PIN that was given at the start, where one is asked for. Raises as `unlock` and `choose_pin`."""
        if self.pin and self.gate == "choose":
            self.choose_pin(self.pin)
        elif self.pin and self.gate == "unlock":
            self.unlock(self.pin)

    def shut(self) -> None:
        """Close the screens until the PIN is given; each page then writes down what is half-typed (`field_app.data`)."""
        if self.vault is not None and self.vault.state is VaultState.OPEN:
            self.is_shut = True
            self.tell()

    def ask_for_key(self) -> bool:
        """Begin to ask the office for the data key; False where this tablet has nothing the office could open."""
        key_id, _, box = self.store.setting(VAULT_BOX).partition("|")
        who = self.store.identity()
        if not box or not who.server_url:
            return False
        self.recovery = Recovery(who.server_url, who.device_id, key_id, box, self.random_bytes)
        if self.loop is not None:
            self.loop.poke()
        return True

    def hear_of_key(self) -> None:
        """Ask what the office decided; a bad line is tried again later."""
        recovery = self.recovery
        if recovery is not None and not self._cut and recovery.state in ("", "waiting"):
            with suppress(ExchangeError):
                recovery.ask()
            self.tell()

    def recover(self, pin: str) -> None:
        """Take the key back that the office gave, under a new PIN. Blocks; raises PinWeak, OtherKeyError."""
        recovery = self.recovery
        assert self.vault is not None
        assert recovery is not None
        self.vault.adopt(recovery.data_key, recovery.key_id, pin)
        self.recovery = None
        self._opened()

    def rescue_file(self, before: Collection[str] = ()) -> Rescue | None:
        """Write the unsent work into a file for the office, sealed, with the photos that are in no file made `before`.

        None before enrolment.
        """
        box_key = self.store.setting(BOX_KEY_SETTING)
        if not box_key:
            return None
        key = device_key(self.keystore) if self.can_talk else None
        sealed = self.files.box.shelf.sealed if self.files is not None else None
        sealing = Sealing(box_key, self.store.setting(VAULT_BOX), key, sealed, self.random_bytes)
        return make_rescue(self.store, sealing, self.clock.read().wall_ms, before)

    def hand_in(self, source: BinaryIO) -> RescueTaken:
        """Hand in a rescue file, another tablet's or this one's. Blocks; as `field_app.sync.handing_in`.

        Raises NotTrusted before enrolment.
        """
        office = self.exchange()
        if office is None:
            raise NotTrusted("device_unknown")
        try:
            return hand_in(office, source)
        finally:
            office.close()

    def exchange(self) -> HttpExchange | None:
        """Make a line to the server this tablet is enrolled at; None before enrolment and while its key is away."""
        if not self.can_talk:
            return None
        who, key = self.store.identity(), device_key(self.keystore)
        if not who.device_id or key is None:
            return None
        return HttpExchange(who.server_url, who.device_id, key, self.clock, is_cut=lambda: self.is_cut)

    def wipe(self, why: str) -> None:
        """Destroy the keys, then what they sealed; `why` stays to be said."""
        if self.vault is not None:
            self.vault.destroy()
        self.store.erase((WIPED, why))
        if self.files is not None:
            self.files.clear()
        self.keystore.forget(DEVICE_KEY)
        if self.loop is not None:
            self.loop.reconnect()
        self.tell()

    def finish_wipe(self) -> None:
        """Go on where the program was ended between the keys and what they sealed."""
        if self.vault is not None and self.vault.state is VaultState.WIPED and not wiped(self.store):
            self.wipe(dismissal(self.store) or LOST)

    def begin_anew(self) -> None:
        """Make a wiped tablet one that can be enrolled again."""
        if self.vault is not None:
            self.vault.forget()
        self.is_shut = False
        self.store.choose(WIPED, "")

    def keep_draft(self, form: str, fields: Mapping[str, str]) -> None:
        """Keep a half-typed form; somebody is typing. A wiped tablet keeps nothing of what was on its pages."""
        if wiped(self.store):
            return
        self.touch()
        self.store.keep_draft(form, dict(fields))

    def touch(self) -> None:
        """Remember that a person is at work now."""
        self._touched = self.clock.read()

    @property
    def is_idle(self) -> bool:
        """Say whether nobody has touched this tablet for as long as the policy allows, by whichever clock went on."""
        vault = self.vault
        if vault is None or self.is_shut or vault.state is not VaultState.OPEN:
            return False
        now, then = self.clock.read(), self._touched
        return max(now.mono_ms - then.mono_ms, now.wall_ms - then.wall_ms) >= vault.policy.idle_ms

    def shut_if_idle(self) -> None:
        """Shut where nobody is at work; while the customer holds it, his page is all there is."""
        if self.is_idle and not self.store.setting(HANDED_TO):
            self.shut()

    def tell(self) -> None:
        """Tell every session that something may have changed; from any thread."""
        for listener in list(self.listeners):
            listener()

    def give(self, payload: Any, *, group: str = "") -> Given:
        """Execute and keep a command, and have it sent at once where there is a line.

        Raises NotEnrolledError, BadPayload.
        """
        self.touch()
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
            files, stuck = files_waiting(session), files_stuck(session)
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
        trouble = self.store.trouble or self.lease_trouble
        return SyncStatus(mode, counted.waiting, attention, contact, error, files, trouble, stuck)

    @property
    def lease_trouble(self) -> str:
        """Name why nothing new may be begun without the office: '' while it may."""
        try:
            return self.store.lease_trouble()
        except StoreFullError:  # said by the store itself
            return ""

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
        self.use_pin_given()
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
