"""What all three signatures share: the half-filled form, the customer's lock, the strokes, telling a refusal.

Owns the form's keeping. What is signed is of sign_off, agreement and stop_use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from common.i18n import LANGUAGES
from common.kernel.clock import Reading
from common.kernel.codec import compact
from common.kernel.ids import is_id
from common.kernel.outcome import BadPayload, Outcome
from common.kernel.text import fold, tidy
from field_app.state.drafts import Drafts
from field_app.state.reach import HANDED_TO, Reach, new_id
from field_app.store.queries_sign_off import SigningFacts, engineer_here, signing_facts
from field_app.store.store import Store


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a step was not taken: a reason code and the values of its sentence."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Form:
    """A half-filled form in the drafts: everything in it survives a killed app."""

    drafts: Drafts
    key: str

    def read(self, name: str, initial: str = "") -> str:
        """Return what stands in a field."""
        return self.drafts.get(self.key, name, initial)

    def text(self, name: str) -> str:
        """Return a typed text as a command takes it."""
        return tidy(self.read(name))

    def keep(self, **fields: str) -> None:
        """Write fields down at once."""
        for name, value in fields.items():
            self.drafts.put(self.key, name, value)
        self.drafts.flush()

    def id(self, name: str, store: Store) -> str:
        """Return the id kept under a name; the same after a crash, so that nothing is recorded twice."""
        found = self.read(name)
        if not is_id(found):
            found = new_id(store)
            self.keep(**{name: found})
        return found

    def forget(self) -> None:
        """Drop the form."""
        self.drafts.forget(self.key)


def strokes_of(form: Form) -> tuple[int, int, list[list[list[int]]]]:
    """Read the kept signature: width and height of the pad in tenths of a pixel, and the strokes."""
    try:
        kept = json.loads(form.read("strokes") or "{}")
        return int(kept["w"]), int(kept["h"]), kept["s"]
    except (KeyError, TypeError, ValueError):
        return 0, 0, []


def keep_strokes(form: Form, width: int, height: int, strokes: list[list[list[int]]]) -> None:
    """Keep a signature as it stands after each stroke."""
    form.keep(strokes=compact({"w": width, "h": height, "s": strokes}) if strokes else "")


def strokes_text(form: Form) -> str:
    """Write the strokes as a command takes them; '[]' for none, or for a dot alone, which is a touch by accident."""
    _, _, strokes = strokes_of(form)
    return compact(strokes) if sum(len(stroke) for stroke in strokes) >= 3 else "[]"


def is_engineers_code(store: Store, typed: str) -> bool:
    """Say whether the typed code opens the customer's lock: the staff number, in any width and case.

    While no staff number is known everything opens it: an engineer must never be locked out of his own tablet.
    """
    with store.read() as session:
        number = engineer_here(session).number
    return not number or fold(typed) == fold(number)


def hand_over(store: Store, path: str) -> None:
    """Remember that the customer holds the tablet on this page; a killed app comes back locked there."""
    store.choose(HANDED_TO, path)


def take_back(store: Store) -> None:
    """Forget the lock."""
    store.choose(HANDED_TO, "")


def give(reach: Reach, *payloads: Any, group: str = "", reading: Reading | None = None) -> Trouble | None:
    """Give commands, all or none, and have them sent when there is a line; None when they took effect, else why not."""
    try:
        given = reach.store.give_together(payloads, group=group, reading=reading)
    except BadPayload as fault:
        return Trouble(fault.code, {"where": fault.where.rpartition(".")[2]})
    outcome: Outcome = given[-1].outcome
    if not outcome.took_effect:
        return Trouble(outcome.code, outcome.values)
    reach.sync_now()
    return None


@dataclass(eq=False)
class Handing:
    """A page that goes from the engineer's hands into the customer's and back. `first` is the engineer's step."""

    reach: Reach
    drafts: Drafts
    ticket_id: str
    step: str = ""
    language: str = ""
    trouble: Trouble | None = None
    facts: SigningFacts | None = None
    area: ClassVar[str] = ""
    first: ClassVar[str] = "write"

    def __post_init__(self) -> None:
        self._form = Form(self.drafts, f"{self.area}:{self.ticket_id}")
        self.step = self._form.read("step", self.first)
        self.language = self._form.read("language")
        self.refresh()
        if self.facts is None:
            take_back(self.reach.store)

    @property
    def form(self) -> Form:
        """Return the half-filled form, for text fields."""
        return self._form

    @property
    def path(self) -> str:
        """Return the address of this page."""
        return f"/ticket/{self.ticket_id}/{self.area}"

    @property
    def is_with_customer(self) -> bool:
        """Say whether the customer holds the tablet."""
        return self.step != self.first

    def refresh(self) -> None:
        """Read the ticket again."""
        with self.reach.store.read() as session:
            self.facts = signing_facts(session, self.ticket_id)
        wanted = self.facts.customer_language if self.facts else ""
        self.language = self.language or (wanted if wanted in LANGUAGES else "")

    def choose_language(self, language: str) -> None:
        """Take the customer's own language."""
        self.language = language
        self._form.keep(language=language)

    def opens_lock(self, code: str) -> bool:
        """Say whether the code is the engineer's."""
        return is_engineers_code(self.reach.store, code)

    def go(self, step: str) -> None:
        """Go to a step, without checking anything."""
        self.trouble = None
        self._form.keep(step=step)
        self.step = step

    def to_customer(self, step: str) -> None:
        """Give the tablet to the customer."""
        hand_over(self.reach.store, self.path)
        self.go(step)

    def take_back(self) -> None:
        """Return to the engineer; what is done is forgotten, what is half-done stays."""
        take_back(self.reach.store)
        if self.step == "done":
            self._form.forget()
            self.step = self.first
        else:
            self.go(self.first)
        self.refresh()

    def lacks_signature(self, *, wants_role: bool = False) -> Trouble | None:
        """Say what the signature still lacks."""
        lacking = [
            code
            for code, there in (
                ("signer_name", self._form.text("signer_name")),
                ("signer_role", not wants_role or self._form.text("signer_role")),
                ("signature", strokes_text(self._form) != "[]"),
            )
            if not there
        ]
        return Trouble("sign_off_incomplete", {"missing": " ".join(lacking)}) if lacking else None
