"""The diagnosis: what is seen, what is found and why; the cause says at once who pays (R034 R035 R059).

Owns this page. Saving again puts a newer diagnosis in front; the earlier one stays in the books.
"""

from __future__ import annotations

from typing import Any

import flet as ft

from common.coverage.judge import EntitlementJudgement
from common.visit.diagnosis import RecordDiagnosis
from field_app.data import Give, use_loaded, use_tablet
from field_app.i18n import use_t
from field_app.screens.checklist import NotThere
from field_app.state.diagnosis import DiagnosisView, load_diagnosis
from field_app.state.status import local_moment
from field_app.state.ticket import TicketView
from field_app.ui import use_session
from field_app.widgets.fields import ChoiceField, DraftField, MainButton, Option, TextBox, TextInput, use_text
from field_app.widgets.safe import safe_component
from field_app.widgets.states import TEXT, Card, Section, StatusChip, identified
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
    return ft.Column(body, spacing=14, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@safe_component
def DiagnosisForm(
    view: TicketView, loaded: DiagnosisView, cause: str, set_cause: Any, give: Give
) -> ft.Control:
    """Take the diagnosis."""
    t, session, tablet, made = use_t(), use_session(), use_tablet(), loaded.made
    form, locked = view.form("diagnosis"), not view.can_work
    drafts = {name: DraftField(session.drafts, form, name) for name in (*TEXTS, "cause_code", "fault_code")}
    boxes = {
        name: use_text(getattr(made, name) if made else _initial(view, name), drafts[name]) for name in TEXTS
    }
    kind: Any = ft.use_state(
        session.drafts.get(form, "fault_code", made.fault_code if made else view.ticket.fault_code)
    )
    fault_code, set_fault_code = kind
    held: Any = ft.use_state(())
    missing, set_missing = held
    chosen = cause or (made.cause_code if made else "")

    def choose_cause(code: str) -> None:
        session.drafts.put(form, "cause_code", code)
        set_cause(code)

    def choose_fault(code: str) -> None:
        session.drafts.put(form, "fault_code", code)
        set_fault_code(code)

    def save(_: Any) -> None:
        lacking = tuple(name for name in NEEDED if not boxes[name].clean()) + (
            () if chosen else ("cause_code",)
        )
        set_missing(lacking)
        if lacking or view.visit is None:
            return
        made_now = RecordDiagnosis(
            tablet.new_id(),
            view.ticket.id,
            view.visit.id,
            boxes["phenomenon"].clean(),
            boxes["finding"].clean(),
            chosen,
            fault_code,
            boxes["customer_account"].clean(),
            boxes["evidence"].clean(),
        )
        if give(made_now):
            session.drafts.forget(form)

    def text(name: str) -> ft.Control:
        return _text(t, name, boxes[name], drafts[name], locked=locked, lacks=name in missing)

    policy = view.policy
    causes = [
        Option(one.code, one.title.in_language(t.language), WARRANTY_ICONS.get(one.warranty))
        for one in (policy.cause_codes if policy else ())
    ]
    faults = [
        Option(one.code, one.title.in_language(t.language)) for one in (policy.fault_codes if policy else ())
    ]
    needed = t("app.form.needed") if "cause_code" in missing else ""
    controls: list[ft.Control] = [
        text("phenomenon"),
        text("customer_account"),
        text("finding"),
        ChoiceField(
            "cause",
            t("field.cause_code"),
            causes,
            chosen or None,
            choose_cause,
            error=needed,
            disabled=locked,
        ),
    ]
    if loaded.verdict is not None:
        controls.append(Verdict(loaded.verdict, view, key="verdict"))
    controls += [
        ChoiceField(
            "fault", t("field.fault_code"), faults, fault_code or None, choose_fault, disabled=locked
        ),
        text("evidence"),
    ]
    if not locked:
        controls.append(
            ft.Row(
                [MainButton("diagnosis-save", t("app.diagnosis.save"), save, I.SAVE_OUTLINED)],
                alignment=ft.MainAxisAlignment.END,
            )
        )
    hint = ""
    if made is not None:
        hint = t(
            "app.diagnosis.made", moment=local_moment(t.language, made.made_at, session.now(), session.zone)
        )
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
