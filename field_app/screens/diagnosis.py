"""The diagnosis: what is seen, what is found and why; the cause says at once who pays (R034 R035 R059).

Owns this page. Saving again puts a newer diagnosis in front; the earlier one stays in the books.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flet as ft

from common.coverage.judge import EntitlementJudgement
from common.visit.diagnosis import RecordDiagnosis
from common.visit.records import Diagnosis
from field_app.data import Give, use_loaded, use_tablet
from field_app.i18n import use_t
from field_app.screens.checklist import NotThere
from field_app.screens.files import FilesCard
from field_app.state.diagnosis import DiagnosisView, load_diagnosis
from field_app.state.status import local_moment
from field_app.state.ticket import TicketView
from field_app.ui import use_session
from field_app.widgets.fields import ChoiceField, DraftField, MainButton, Option, TextBox, TextInput, use_text
from field_app.widgets.layout import at_the_end, stack
from field_app.widgets.safe import safe_component
from field_app.widgets.states import TEXT, Banner, Card, Section, StatusChip, identified
from field_app.widgets.theme import RADIUS_PX, State, use_palette

I = ft.Icons  # noqa: E741
TEXTS = ("phenomenon", "customer_account", "finding", "evidence")
NEEDED = ("phenomenon", "finding")
TONES = {"covered": State.SENT, "contract": State.SENT, "paid": State.WARN}
WARRANTY_ICONS = {
    "covered": I.VERIFIED_USER_OUTLINED,
    "excluded": I.PAYMENTS_OUTLINED,
    "decide": I.HELP_OUTLINE,
}


@safe_component
def DiagnosisPage(view: TicketView, give: Give, say: Any) -> ft.Control:
    """Show the form, filled with the diagnosis in force."""
    session = use_session()
    form = view.form("diagnosis")
    typed = session.drafts.get(form, "cause_code")
    held: Any = ft.use_state(typed)
    cause, set_cause = held
    loaded: DiagnosisView = use_loaded(load_diagnosis(view.ticket.id, cause), view.ticket.id, cause)
    body: list[ft.Control] = [] if view.can_work else [NotThere(view)]
    body.append(
        DiagnosisForm(view, loaded, cause, set_cause, give, key=loaded.made.id if loaded.made else "new")
    )
    visit_id = view.visit.id if view.visit else None
    body.append(FilesCard(view.ticket.id, visit_id, "diagnosis", view.can_work, only_these=True, key="files"))
    return stack(body, 14)


@dataclass(frozen=True, slots=True)
class Form:
    """What stands in the form now, and what can be done with it."""

    boxes: dict[str, TextBox]
    drafts: dict[str, DraftField]
    cause: str
    choose_cause: Callable[[str], None]
    fault: str
    choose_fault: Callable[[str], None]
    missing: tuple[str, ...]
    save: Callable[[Any], None]


def use_form_of(view: TicketView, made: Diagnosis | None, cause: str, set_cause: Any, give: Give) -> Form:
    """Hold the form: half-typed words win over the diagnosis in force."""
    session, tablet = use_session(), use_tablet()
    form = view.form("diagnosis")
    drafts = {name: DraftField(session.drafts, form, name) for name in TEXTS}
    boxes = {
        name: use_text(getattr(made, name) if made else _initial(view, name), drafts[name]) for name in TEXTS
    }
    known = made.fault_code if made else view.ticket.fault_code
    kind: Any = ft.use_state(session.drafts.get(form, "fault_code", known))
    held: Any = ft.use_state(())
    (fault, set_fault), (missing, set_missing) = kind, held
    chosen = cause or (made.cause_code if made else "")

    def choose(name: str, show: Callable[[str], None]) -> Callable[[str], None]:
        def chose(code: str) -> None:
            session.drafts.put(form, name, code)
            show(code)

        return chose

    def save(_: Any) -> None:
        lacks = [name for name in NEEDED if not boxes[name].clean()] + ([] if chosen else ["cause_code"])
        set_missing(tuple(lacks))
        if lacks or view.visit is None:
            return
        typed = {name: box.clean() for name, box in boxes.items()}
        wanted = RecordDiagnosis(
            diagnosis_id=tablet.new_id(),
            ticket_id=view.ticket.id,
            visit_id=view.visit.id,
            cause_code=chosen,
            fault_code=fault,
            **typed,
        )
        if give(wanted):
            session.drafts.forget(form)

    choose_cause, choose_fault = choose("cause_code", set_cause), choose("fault_code", set_fault)
    return Form(boxes, drafts, chosen, choose_cause, fault, choose_fault, missing, save)


@safe_component
def DiagnosisForm(
    view: TicketView, loaded: DiagnosisView, cause: str, set_cause: Any, give: Give
) -> ft.Control:
    """Take the diagnosis."""
    t, session, made = use_t(), use_session(), loaded.made
    form, locked, policy = use_form_of(view, made, cause, set_cause, give), not view.can_work, view.policy

    def text(name: str) -> ft.Control:
        return _text(t, name, form.boxes[name], form.drafts[name], locked=locked, lacks=name in form.missing)

    causes = [
        Option(one.code, one.title.in_language(t.language), WARRANTY_ICONS.get(one.warranty))
        for one in (policy.cause_codes if policy else ())
    ]
    faults = [
        Option(one.code, one.title.in_language(t.language)) for one in (policy.fault_codes if policy else ())
    ]
    controls: list[ft.Control] = [
        text("phenomenon"),
        text("customer_account"),
        text("finding"),
        ChoiceField(
            "cause",
            t("field.cause_code"),
            causes,
            form.cause or None,
            form.choose_cause,
            error=t("app.form.needed") if "cause_code" in form.missing else "",
            disabled=locked,
        ),
    ]
    if loaded.verdict is not None:
        controls.append(Verdict(loaded.verdict, view, key="verdict"))
    name = t("field.fault_code")
    controls += [
        ChoiceField("fault", name, faults, form.fault or None, form.choose_fault, disabled=locked),
        text("evidence"),
    ]
    if form.missing:  # beside the hand: what lacks may stand far above
        names = t("list.separator").join(t(f"field.{name}") for name in form.missing)
        controls.append(Banner(State.WARN, t("app.signing.lacking", missing=names), ident="lacking"))
    if not locked:
        save = MainButton("diagnosis-save", t("app.diagnosis.save"), form.save, I.SAVE_OUTLINED)
        controls.append(at_the_end(save))
    moment = local_moment(t.language, made.made_at, session.now(), session.zone) if made else ""
    words = "app.diagnosis.made_locked" if locked else "app.diagnosis.made"
    hint = t(words, moment=moment) if made else ""
    return Card(Section(t("app.tab.diagnosis"), controls, hint), ident="diagnosis-form")


def _initial(view: TicketView, name: str) -> str:
    return view.ticket.fault_text if name == "phenomenon" else ""


def _text(t: Any, name: str, box: TextBox, draft: DraftField, *, locked: bool, lacks: bool) -> ft.Control:
    return TextInput(
        box,
        name.replace("_", "-"),
        t(f"field.{name}"),
        draft,
        t(f"app.diagnosis.hint.{name}"),
        multiline=True,
        disabled=locked,
        max_length=None,
        error=t("app.form.needed") if lacks else "",
    )


@safe_component
def Verdict(verdict: EntitlementJudgement, view: TicketView) -> ft.Control:
    """Show who pays with this cause, why, and on which data that stands."""
    t, palette, page = use_t(), use_palette(), ft.context.page
    state = TONES.get(verdict.verdict, State.PAUSED)
    tone = palette.tone(state)
    rows: list[ft.Control] = [
        ft.Row(
            [
                ft.Text(t("app.diagnosis.then"), theme_style=TEXT.TITLE_SMALL, color=tone.fg),
                StatusChip(state, t(f"coverage.verdict.{verdict.verdict}"), "diagnosis-verdict"),
            ],
            spacing=10,
            wrap=True,
        ),
        ft.Text(
            t(f"coverage.reason.{verdict.reason}", **verdict.values),
            theme_style=TEXT.BODY_LARGE,
            color=tone.fg,
        ),
        ft.Text(
            t("app.ticket.data_version", version=verdict.data_version),
            theme_style=TEXT.BODY_SMALL,
            color=tone.fg,
        ),
    ]
    if verdict.verdict == "paid":
        rows.append(ft.Text(t("app.diagnosis.paid_do"), theme_style=TEXT.BODY_MEDIUM, color=tone.fg))
        if view.can_work:
            rows.append(
                MainButton(
                    "to-agreement",
                    t("app.step.agreement"),
                    lambda _: page.navigate(f"/ticket/{view.ticket.id}/agreement"),
                    I.REQUEST_QUOTE_OUTLINED,
                    kind="other",
                )
            )
    return identified(
        "verdict-card",
        ft.Container(
            bgcolor=tone.bg,
            border=ft.Border.all(1, tone.edge),
            border_radius=RADIUS_PX,
            padding=14,
            content=ft.Column(rows, spacing=6, tight=True),
        ),
        live_region=True,
    )
