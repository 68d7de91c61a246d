"""Sign-off, the engineer's side: what is missing, the preview, the hand-over, and the sealed report afterwards.

Owns these two pages. The customer's steps are in `sign_off_customer`.
"""

from __future__ import annotations

from typing import Any

import flet as ft

from common.visit.seal import Verdict, short_fingerprint
from common.visit.voucher import sign_off_lines, void_mark, voucher_lines
from field_app.i18n import LANGUAGES, NATIVE_NAMES, use_t
from field_app.screens.files import FilesForReport
from field_app.screens.handing import NoTicket
from field_app.screens.sign_off_customer import CustomerSteps
from field_app.state.reach import Pulse
from field_app.state.sign_off import SignOff
from field_app.state.status import local_moment
from field_app.store.queries_sign_off import SealedReport
from field_app.ui import use_app, use_session
from field_app.widgets.fields import ChoiceField, MainButton, Option
from field_app.widgets.layout import Screen
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.signing import Note, Paper
from field_app.widgets.states import TEXT, Banner, Card, Section, StatusChip, identified
from field_app.widgets.theme import MAIN_TARGET_PX, State, use_palette

# Where each missing item is filled in, below the ticket's own address.
PLACES = {
    "visit": "",
    "checklist": "/checklist",
    "diagnosis": "/diagnosis",
    "cause": "/diagnosis",
    "measures": "/repair",
    "time_used": "/repair",
    "test": "/repair",
    "agreement": "/agreement",
    "agreement_exceeded": "/agreement",
}


SEAL_STATES = {
    "countersigned": State.DONE,
    "sealed": State.WAITING,
    "broken": State.DANGER,
    "unsealed": State.INFO,
}


@safe_component
def SignOffScreen() -> ft.Control:
    """Lead one ticket from the last check to the signed report."""
    app, session = use_app(), use_session()
    ticket_id = ft.use_route_params().get("id", "")
    model = ft.use_memo(lambda: SignOff(app, session.drafts, ticket_id), [ticket_id])
    return _Flow(model, app.pulse)


@safe_component
def _Flow(model: SignOff, pulse: Pulse) -> ft.Control:
    guarded = use_guard()

    def follow() -> None:
        if not model.is_with_customer:
            model.refresh()

    ft.use_effect(guarded(follow), [pulse.beat])
    if model.facts is None:
        return NoTicket()
    if model.is_with_customer:
        return CustomerSteps(model)
    return _Sealed(model) if model.sealed_report else _Check(model)


@safe_component
def _Check(model: SignOff) -> ft.Control:
    t, page = use_t(), ft.context.page
    facts = model.facts
    assert facts is not None
    refusal = model.is_only_refusal
    text = t("app.sign_off.hand_over_refusal" if refusal else "app.sign_off.hand_over")
    body: list[ft.Control] = []
    if facts.voided is not None:
        body.append(VoidBanner(facts.voided, key="void"))
    if facts.refused:
        last = facts.refused[-1].signed
        body.append(
            Banner(
                State.LATE,
                t("app.sign_off.refused_before", signer=last.signer_name),
                last.refusal_reason,
                ident="refused-before",
            )
        )
    body.append(_Missing(model) if model.missing else _Complete(key="complete"))
    body.append(_ServiceType(model))
    body.append(_Language(model))
    body.append(FilesForReport(model.ticket_id, facts.visit_id, key="files-for-report"))
    body.append(_Preview(model))
    return Screen(
        "sign-off",
        t("app.sign_off.title"),
        body,
        subtitle=f"{facts.number} · {facts.customer}",
        on_back=lambda _: page.navigate(f"/ticket/{model.ticket_id}"),
        bottom=[
            MainButton(
                "hand-over",
                text,
                lambda _: model.hand_over(),
                ft.Icons.LOCK_OUTLINE,
                kind="other" if refusal else "main",
            )
        ],
    )


@safe_component
def _Complete() -> ft.Control:
    t = use_t()
    return Note(
        "complete",
        ft.Icons.TASK_ALT,
        State.UNDER_WAY,
        t("app.sign_off.complete"),
        t("app.sign_off.complete_hint"),
    )


@safe_component
def _Missing(model: SignOff) -> ft.Control:
    t = use_t()
    rows = [_MissingRow(model.ticket_id, code, key=code) for code in model.missing]
    return Card(
        Section(t("app.sign_off.missing", n=len(model.missing)), list(rows), t("app.sign_off.missing_hint")),
        State.WARN,
        "missing",
    )


@safe_component
def _MissingRow(ticket_id: str, code: str) -> ft.Control:
    t, palette, guarded, page = use_t(), use_palette(), use_guard(), ft.context.page
    tone = palette.tone(State.WARN)
    place = PLACES.get(code)
    row: list[ft.Control] = [
        ft.Icon(ft.Icons.RADIO_BUTTON_UNCHECKED, color=tone.fg),
        ft.Text(t(f"missing.{code}"), theme_style=TEXT.BODY_LARGE, expand=True),
    ]
    if place is not None:
        row.append(ft.Text(t("app.sign_off.fill_in"), theme_style=TEXT.LABEL_LARGE, color=palette.primary))
        row.append(ft.Icon(ft.Icons.CHEVRON_RIGHT, color=palette.primary))

    def go(_: Any) -> None:
        page.navigate(f"/ticket/{ticket_id}{place}")

    return identified(
        f"missing-{code}",
        ft.Container(
            key=f"missing-{code}",
            height=MAIN_TARGET_PX,
            padding=ft.Padding.symmetric(horizontal=12),
            bgcolor=tone.bg,
            border_radius=12,
            ink=place is not None,
            on_click=guarded(go) if place is not None else None,
            content=ft.Row(row, spacing=12, vertical_alignment=ft.CrossAxisAlignment.CENTER),
        ),
        button=place is not None or None,
    )


@safe_component
def _ServiceType(model: SignOff) -> ft.Control:
    t = use_t()
    policy = model.facts.policy if model.facts else None
    named = policy.fee.service_types if policy else ()
    options = [Option(one.code, f"{one.code} · {one.title.in_language(t.language)}") for one in named]
    return Card(
        Section(
            t("app.sign_off.service_type"),
            [ChoiceField("service-type", "", options, model.service_type, model.choose_service_type)],
            t("app.sign_off.service_type_hint"),
        )
    )


@safe_component
def _Language(model: SignOff) -> ft.Control:
    t = use_t()
    options = [Option(code, NATIVE_NAMES[code], ft.Icons.TRANSLATE) for code in LANGUAGES]
    return Card(
        Section(
            t("app.sign_off.language"),
            [
                ChoiceField(
                    "customer-speaks", "", options, model.language or t.language, model.choose_language
                )
            ],
            t("app.sign_off.language_hint"),
        )
    )


@safe_component
def _Preview(model: SignOff) -> ft.Control:
    t = use_t()
    shown, set_shown = ft.use_state(False)
    text = t("app.sign_off.hide_preview" if shown else "app.sign_off.preview")
    icon = ft.Icons.VISIBILITY_OFF_OUTLINED if shown else ft.Icons.VISIBILITY_OUTLINED
    parts: list[ft.Control] = [
        ft.Row([MainButton("preview", text, lambda _: set_shown(not shown), icon, kind="other")])
    ]
    if shown and model.facts:
        lines = voucher_lines(dict(model.preview()), t.language)
        parts.append(Paper(t("voucher.title"), model.facts.number, lines, "preview-paper"))
    return ft.Column(
        parts, spacing=12, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH, key="preview-part"
    )


@safe_component
def SealCard(verdict: Verdict) -> ft.Control:
    """Say how a report's seal stands: state, what that means, fingerprint."""
    t = use_t()
    state = SEAL_STATES[verdict.state]
    body: list[ft.Control] = [
        StatusChip(state, t(f"seal.state.{verdict.state}"), "seal-state"),
        ft.Text(t(f"seal.hint.{verdict.state}"), theme_style=TEXT.BODY_LARGE),
    ]
    if verdict.fault:
        body.append(
            ft.Text(t(f"seal.check.{verdict.fault}") + ": " + t("seal.bad"), theme_style=TEXT.BODY_LARGE)
        )
    if verdict.fingerprint:
        told = f"{t('seal.fingerprint')}: {short_fingerprint(verdict.fingerprint)}"
        body.append(ft.Text(told, theme_style=TEXT.BODY_MEDIUM, selectable=True))
    return Card(Section(t("seal.title"), body), state, "seal")


@safe_component
def VoidBanner(report: SealedReport) -> ft.Control:
    """Say that two people at the office took a report back, by which decision and why."""
    t, session = use_t(), use_session()
    assert report.void is not None
    when = local_moment(t.language, report.void.voided_at, session.now(), session.zone)
    said = t("papers.void_line", number=report.void.number, when=when, reason=report.void.reason)
    return Banner(State.DANGER, f"{void_mark()} · {report.signed.number}", said, ident="report-voided")


@safe_component
def _Sealed(model: SignOff) -> ft.Control:
    t, page, session = use_t(), ft.context.page, use_session()
    facts, report = model.facts, model.sealed_report
    assert facts is not None
    assert report is not None
    signed = report.signed
    zone = str(report.content.get("time_zone") or "UTC")
    lines = (
        *voucher_lines(dict(report.content), t.language),
        sign_off_lines(signed, zone, t.language),
    )
    when = local_moment(t.language, signed.signed_at, session.now(), session.zone)
    beside = [
        Card(
            Section(
                a.reason,
                [
                    ft.Text(a.text, theme_style=TEXT.BODY_LARGE),
                    ft.Text(
                        f"{a.by_name} · {local_moment(t.language, a.made_at, session.now(), session.zone)}",
                        theme_style=TEXT.BODY_MEDIUM,
                    ),
                ],
            ),
            State.INFO,
            key=f"addendum-{n}",
        )
        for n, a in enumerate(report.addenda)
    ]
    head = [ft.Text(t("app.addendum.list"), theme_style=TEXT.TITLE_MEDIUM)] if beside else []
    return Screen(
        "sealed",
        t("app.sign_off.sealed_title"),
        [
            VoidBanner(report, key="void")
            if report.void
            else Banner(
                State.DONE,
                t("app.sign_off.sealed", signer=signed.signer_name, moment=when),
                t("app.sign_off.sealed_hint"),
                ident="sealed",
            ),
            *([SealCard(model.seal, key="seal")] if model.seal else []),
            *head,
            *beside,
            Paper(t("voucher.title"), signed.number, lines, "sealed-paper"),
        ],
        subtitle=f"{facts.number} · {facts.customer}",
        on_back=lambda _: page.navigate(f"/ticket/{model.ticket_id}"),
        bottom=[
            MainButton(
                "add-addendum",
                t("app.addendum.add"),
                lambda _: page.navigate(f"/ticket/{model.ticket_id}/addendum"),
                ft.Icons.POST_ADD,
                kind="other",
            )
        ],
    )
