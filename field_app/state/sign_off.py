"""The sign-off, step by step: missing items, hand-over, reading, verdict, rating, signature (R065–R067 R075 R113).

Owns the order of steps and what is kept of each. Rules are the commands'; this only asks before them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import flet as ft

from common.i18n import LANGUAGES
from common.kernel.codec import canonical
from common.policy.model import SatisfactionCard
from common.tickets.ticket import ENDED
from common.visit.completeness import missing_sign_off
from common.visit.hashing import content_hash
from common.visit.opinion_card import OpinionCard, write_card
from common.visit.seal import Verdict
from common.visit.sign_off import AddAddendum, RecordRating, SignReport
from field_app.state.drafts import Drafts
from field_app.state.reach import Reach
from field_app.state.sealing import sealed_payload, verdict_of
from field_app.state.signing import (
    Form,
    Trouble,
    give,
    hand_over,
    is_engineers_code,
    strokes_text,
    take_back,
)
from field_app.store.queries_sign_off import (
    SealedReport,
    SigningFacts,
    has_report,
    lacking,
    report_now,
    signing_facts,
)
from field_app.store.settings import BOX_KEY_SETTING
from field_app.sync.seal import seal

CUSTOMER_STEPS = ("read", "decide", "rate", "sign")


def sign_off_path(ticket_id: str) -> str:
    """Return the address of a ticket's sign-off."""
    return f"/ticket/{ticket_id}/sign-off"


@ft.observable
@dataclass(eq=False)
class SignOff:
    """One ticket's sign-off. `step`: check (the engineer's), read, decide, rate, sign, done (the customer's)."""

    reach: Reach
    drafts: Drafts
    ticket_id: str
    step: str = "check"
    facts: SigningFacts | None = None
    missing: tuple[str, ...] = ()
    service_type: str = ""
    language: str = ""
    verdict: str = ""  # '' | accepted | refused
    grades: Mapping[str, str] = field(default_factory=dict)
    is_sealed: bool = False
    trouble: Trouble | None = None
    seal: Verdict | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    _form: Form = field(init=False)

    def __post_init__(self) -> None:
        self._form = Form(self.drafts, f"sign-off:{self.ticket_id}")
        form = self._form
        self.step = form.read("step", "check")
        self.service_type = form.read("service_type")
        self.language = form.read("language")
        self.verdict = form.read("verdict")
        self.is_sealed = bool(form.read("sealed"))
        self.grades = dict(pair.split("=", 1) for pair in form.read("grades").split() if "=" in pair)
        self.refresh()
        if self.facts is None:
            take_back(self.reach.store)
        elif self.step in CUSTOMER_STEPS:
            self._resume()

    @property
    def form(self) -> Form:
        """Return the half-filled form, for text fields."""
        return self._form

    @property
    def path(self) -> str:
        """Return the address of this sign-off."""
        return sign_off_path(self.ticket_id)

    @property
    def is_with_customer(self) -> bool:
        """Say whether the customer holds the tablet."""
        return self.step != "check"

    @property
    def card(self) -> SatisfactionCard | None:
        """Return the opinion card; None where the policy has none or nothing can be sealed yet."""
        policy = self.facts.policy if self.facts else None
        if policy is None or not policy.satisfaction.items or not self.reach.store.setting(BOX_KEY_SETTING):
            return None
        return policy.satisfaction

    @property
    def steps(self) -> tuple[str, ...]:
        """List the customer's steps."""
        return tuple(step for step in CUSTOMER_STEPS if step != "rate" or self.card)

    @property
    def report_number(self) -> str:
        """Return the number the report is signed under: the ticket's, and which of its reports this is."""
        return f"{self.facts.number}-{self.facts.reports + 1}" if self.facts else ""

    @property
    def place(self) -> int:
        """Return which of the customer's steps this is, from 1."""
        return self.steps.index(self.step) + 1 if self.step in self.steps else len(self.steps)

    @property
    def is_only_refusal(self) -> bool:
        """Say whether the report can only be refused: something is missing."""
        return bool(self.missing)

    @property
    def sealed_report(self) -> SealedReport | None:
        """Return the report the customer accepted in this round; one taken back where nothing is to be signed."""
        if self.facts is None:
            return None
        over = self.facts.state in ENDED
        return self.facts.accepted or (self.facts.voided if over else None)

    def refresh(self) -> None:
        """Read the ticket again; what the customer is reading stands until it is signed."""
        with self.reach.store.read() as session:
            facts = signing_facts(session, self.ticket_id)
            chosen = self.service_type or (facts.service_type if facts else "")
            missing = lacking(session, self.ticket_id, chosen) if facts else ()
            here = facts.accepted if facts else None
            self.seal = verdict_of(session, here.report_id) if here else None
        self.facts, self.service_type, self.missing = facts, chosen, missing
        wanted = facts.customer_language if facts else ""
        self.language = self.language or (wanted if wanted in LANGUAGES else "")

    def choose_service_type(self, code: str) -> None:
        """Take the service type (R037); what is missing depends on it."""
        self.service_type = code
        self._form.keep(service_type=code)
        self.refresh()

    def choose_language(self, language: str) -> None:
        """Take the customer's own language."""
        self.language = language
        self._form.keep(language=language)

    def preview(self) -> Mapping[str, Any]:
        """Compose the report as the customer would read it now."""
        with self.reach.store.read() as session:
            return report_now(session, self.ticket_id, self.service_type)

    def hand_over(self) -> None:
        """Give the tablet to the customer: locked here, the report frozen as it is read."""
        self.refresh()
        self.content, self.trouble = self.preview(), None
        if self.is_only_refusal and self.verdict == "accepted":
            self.verdict = ""
        self._form.keep(verdict=self.verdict)
        hand_over(self.reach.store, self.path)
        self._shown("read")

    def go_on(self) -> None:
        """Go to the customer's next step, if this one is complete."""
        self.trouble = self._lacks_here()
        if self.trouble is None:
            if self.step == "rate":
                self._seal_grades()
            self._to(self.steps[self.steps.index(self.step) + 1])

    def go_back(self) -> None:
        """Go to the customer's step before."""
        self.trouble = None
        self._to(self.steps[max(self.steps.index(self.step) - 1, 0)])

    def judge(self, verdict: str) -> None:
        """Take the customer's verdict: accepted or refused (R066)."""
        if verdict == "accepted" and self.is_only_refusal:
            return
        self.verdict, self.trouble = verdict, None
        self._form.keep(verdict=verdict)

    def grade(self, item: str, grade: str) -> None:
        """Take one grade of the opinion card (R113)."""
        self.grades = {**self.grades, item: grade}
        self.trouble = None
        self._form.keep(grades=" ".join(f"{k}={v}" for k, v in self.grades.items()))

    def skip_rating(self) -> None:
        """Go on without a rating: nobody is made to give one."""
        self._drop_grades()
        self.is_sealed = False
        self._form.keep(sealed="")
        self._to("sign")

    def rate_again(self) -> None:
        """Let the customer fill in a new card; the sealed one is thrown away unread."""
        self.is_sealed = False
        self._form.keep(sealed="")
        self._to("rate")

    def sign(self) -> None:
        """Seal the report and the rating, in one group (R065 R075)."""
        self.trouble = self._lacks_here() or self._give_report()
        if self.trouble is not None:
            if self.trouble.code in ("content_differs", "report_incomplete"):
                self.refresh()
                self.content = self.preview()
                self._shown("read")
            return
        self.refresh()
        self._form.keep(step="done", grades="", suggestion="", strokes="")
        self.step = "done"

    def opens_lock(self, code: str) -> bool:
        """Say whether the code is the engineer's."""
        return is_engineers_code(self.reach.store, code)

    def take_back(self) -> None:
        """Return to the engineer. What the customer entered stays, but an open card is closed unread."""
        take_back(self.reach.store)
        if self.step == "rate" and self.grades:
            if self._lacks_here() is None:
                self._seal_grades()
            else:
                self._drop_grades()
        if self.step == "done":
            self._form.forget()
            self.verdict, self.is_sealed, self.grades = "", False, {}
        else:
            self._form.keep(step="check")
        self.trouble = None
        self.step = "check"
        self.refresh()

    def _to(self, step: str) -> None:
        self._form.keep(step=step)
        self.step = step

    def _resume(self) -> None:
        """Go on after the app was killed: what was signed stands, and its rating with it."""
        with self.reach.store.read() as session:
            signed = has_report(session, self._form.read("report_id"))
        if signed:
            self._to("done")
        else:
            self.content = self.preview()
            if content_hash(dict(self.content)) != self._form.read("shown"):
                self.trouble = Trouble("report_changed")
                self._shown("read")

    def _shown(self, step: str) -> None:
        """Remember what the customer was shown, and go to a step."""
        self._form.keep(shown=content_hash(dict(self.content)))
        self._to(step)

    def _lacks_here(self) -> Trouble | None:
        form, accepted = self._form, self.verdict == "accepted"
        if self.step == "decide":
            if not self.verdict:
                return Trouble("verdict_missing")
            needed: tuple[str, ...] = ("opinion", "refusal_reason")
        elif self.step == "rate":
            card = self.card
            done = self.is_sealed or card is None or all(item.code in self.grades for item in card.items)
            return None if done else Trouble("grades_missing")
        elif self.step == "sign":
            needed = ("opinion", "refusal_reason", "signer_name", "signer_role", "signature")
        else:
            return None
        missing = missing_sign_off(
            self.facts.policy if self.facts else None,
            accepted=accepted,
            opinion=form.text("opinion"),
            refusal_reason=form.text("refusal_reason"),
            signer_name=form.text("signer_name"),
            signer_role=form.text("signer_role"),
            strokes=strokes_text(form),
        )
        here = [code for code in missing if code in needed]
        return Trouble("sign_off_incomplete", {"missing": " ".join(here)}) if here else None

    def _seal_grades(self) -> None:
        if self.is_sealed:
            return
        scores = {grade.code: grade.score for grade in self.card.grades} if self.card else {}
        card = OpinionCard(
            {item: scores.get(code, 0) for item, code in self.grades.items()},
            self._form.text("suggestion"),
            self.language,
        )
        key = self.reach.store.setting(BOX_KEY_SETTING)
        self._form.keep(sealed=seal(write_card(card), key, self.ticket_id, self.reach.store.random_bytes))
        self.is_sealed = True
        self._drop_grades()

    def _drop_grades(self) -> None:
        self.grades = {}
        self._form.keep(grades="", suggestion="")

    def _give_report(self) -> Trouble | None:
        form, facts = self._form, self.facts
        if facts is None:
            return Trouble("ticket_unknown")
        accepted = self.verdict == "accepted"
        payload = SignReport(
            report_id=form.id("report_id", self.reach.store),
            ticket_id=self.ticket_id,
            number=self.report_number,
            language=self.language or LANGUAGES[0],  # type: ignore[arg-type]
            accepted=accepted,
            content=canonical(self.content),
            content_hash=content_hash(dict(self.content)),
            service_type=self.service_type or "C",  # type: ignore[arg-type]
            engineer_name=facts.engineer.name or "-",
            signer_name=form.text("signer_name"),
            signer_role=form.text("signer_role"),
            strokes=strokes_text(form),
            opinion=form.text("opinion") if accepted else "",
            refusal_reason="" if accepted else form.text("refusal_reason"),
        )
        reading = self.reach.store.clock.read()
        sealed = sealed_payload(self.reach, payload, self.content, reading)
        group = form.id("group", self.reach.store)
        return give(self.reach, sealed, *self._rating(), group=group, reading=reading)

    def _rating(self) -> tuple[RecordRating, ...]:
        """Return the sealed card, where one was filled in."""
        sealed = self._form.read("sealed")
        rating_id = self._form.id("rating_id", self.reach.store) if sealed else ""
        return (RecordRating(rating_id, self.ticket_id, sealed),) if sealed else ()


@ft.observable
@dataclass(eq=False)
class Correction:
    """A correction beside the sealed report: reason and text (R065)."""

    reach: Reach
    drafts: Drafts
    ticket_id: str
    report: SealedReport | None = None
    trouble: Trouble | None = None
    is_saved: bool = False
    _form: Form = field(init=False)

    def __post_init__(self) -> None:
        self._form = Form(self.drafts, f"addendum:{self.ticket_id}")
        with self.reach.store.read() as session:
            facts = signing_facts(session, self.ticket_id)
        self.report = facts.accepted if facts else None
        self._by = facts.engineer.name if facts else ""

    @property
    def form(self) -> Form:
        """Return the half-filled form, for text fields."""
        return self._form

    def save(self) -> None:
        """Add the correction."""
        reason, text = self._form.text("reason"), self._form.text("text")
        if self.report is None or not (reason and text):
            self.trouble = Trouble("correction_incomplete")
            return
        addendum_id = self._form.id("addendum_id", self.reach.store)
        self.trouble = give(
            self.reach,
            AddAddendum(addendum_id, self.report.report_id, self.ticket_id, reason, text, self._by or "-"),
        )
        if self.trouble is None:
            self._form.forget()
            self.is_saved = True
