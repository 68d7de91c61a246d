"""The overview of a ticket: fault, place, equipment, entitlement, clocks, and the ways to other actions.

Owns this page. What is next stands in the frame's main action.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import flet as ft

from field_app.data import Give, use_tablet
from field_app.i18n import use_language, use_t
from field_app.screens.files import FilesCard
from field_app.screens.words import say_clock, say_title, say_window
from field_app.state.clock_lines import ClockLine
from field_app.state.ticket import TicketView
from field_app.ui import use_session
from field_app.widgets.fields import MainButton
from field_app.widgets.layout import Facts, stack
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.states import TEXT, Banner, Card, Section, StatusChip
from field_app.widgets.theme import TARGET_PX, State, use_palette

I = ft.Icons  # noqa: E741
VERDICT_TONES = {"covered": State.SENT, "contract": State.SENT, "paid": State.WARN}


@safe_component
def TicketOverview(view: TicketView, give: Give, say: Any) -> ft.Control:
    """Show the ticket."""
    return ft.Column(
        [
            FaultCard(view),
            PlaceCard(view),
            EquipmentCard(view),
            FilesCard(view.ticket.id, view.visit.id if view.visit else None, can_add=not view.overtaken),
            EntitlementCard(view),
            ClocksCard(view),
            ActionsCard(view),
        ],
        spacing=14,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@safe_component
def FaultCard(view: TicketView) -> ft.Control:
    """Show what is wrong, since when, and what was planned."""
    t, session, tablet = use_t(), use_session(), use_tablet()
    ticket, policy = view.ticket, view.policy
    chips: list[ft.Control] = [StatusChip(State.INFO, t(f"ticket.severity.{ticket.severity}"))]
    if ticket.urgent:
        chips.insert(0, StatusChip(State.LATE, t("ticket.urgent.true")))
    if view.unsent:
        chips.append(StatusChip(State.WAITING, t("app.today.not_sent", n=view.unsent), "ticket-unsent"))
    facts = []
    if ticket.fault_code:
        known = policy.fault_codes if policy else ()
        facts.append((t("field.fault_code"), say_title(t.language, known, ticket.fault_code)))
    if ticket.fault_since_on:
        facts.append((t("field.fault_since_on"), ticket.fault_since_on.isoformat()))
    if ticket.plan:
        facts.append((t("field.plan"), ticket.plan))
    when = say_window(t, *_window(view), tablet.now(), session.zone)
    agreed = t("app.ticket.agreed", by=ticket.told_by) if ticket.window_from_at and ticket.told_by else ""
    facts.insert(0, (t("app.ticket.when"), f"{when}  {agreed}".rstrip()))
    return Card(
        ft.Column(
            [
                ft.Row(chips, spacing=6, run_spacing=6, wrap=True),
                ft.Text(ticket.fault_text, theme_style=TEXT.TITLE_MEDIUM, selectable=True),
                Facts(facts, 2),
            ],
            spacing=12,
            tight=True,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
        ident="fault",
    )


def _window(view: TicketView) -> tuple[Any, Any]:
    ticket, assignment = view.ticket, view.assignment
    if ticket.window_from_at is not None:
        return ticket.window_from_at, ticket.window_until_at
    return (assignment.from_at, assignment.until_at) if assignment else (None, None)


def use_launcher() -> Callable[[str], Callable[[Any], Any]]:
    """Return a maker of handlers that hand an address to the device: telephone, map."""
    launcher = ft.use_memo(ft.UrlLauncher, [])  # held: a service nobody refers to is unregistered

    def launch(url: str) -> Callable[[Any], Any]:
        async def launched(_: Any) -> None:
            await launcher.launch_url(url)

        return launched

    return launch


@safe_component
def PlaceCard(view: TicketView) -> ft.Control:
    """Show where to go and whom to ask for; calling and the way there are one tap."""
    t, launch = use_t(), use_launcher()
    ticket, customer = view.ticket, view.customer
    people = [(ticket.contact or ticket.caller, "", ticket.contact_phone or ticket.caller_phone)]
    people += [(person.name, person.role, person.phone) for person in view.contacts]
    rows: list[ft.Control] = []
    for place, (name, role, phone) in enumerate(people):
        if name or phone:
            rows.append(_Person(name, role, phone, f"call-{place}"))
    address = ticket.address or (customer.address if customer else "")
    body: list[ft.Control] = [
        ft.Row(
            [
                ft.Icon(I.PLACE_OUTLINED),
                ft.Text(
                    address or t("app.ticket.no_address"),
                    theme_style=TEXT.BODY_LARGE,
                    expand=True,
                    selectable=True,
                ),
                *(
                    [
                        MainButton(
                            "directions",
                            t("app.ticket.directions"),
                            launch(f"geo:0,0?q={quote(address)}"),
                            I.DIRECTIONS_OUTLINED,
                            kind="other",
                        )
                    ]
                    if address
                    else []
                ),
            ],
            spacing=12,
        ),
        *rows,
    ]
    if customer is not None and customer.site_notes:
        body.append(Banner(State.INFO, t("field.site_notes"), customer.site_notes, ident="site-notes"))
    return Card(Section(t("app.ticket.place"), body), ident="place")


@safe_component
def _Person(name: str, role: str, phone: str, ident: str) -> ft.Control:
    t, palette, launch = use_t(), use_palette(), use_launcher()
    words: list[ft.Control] = [ft.Text(name or t("app.ticket.no_name"), theme_style=TEXT.BODY_LARGE)]
    if role or phone:
        words.append(
            ft.Text(" · ".join(filter(None, (role, phone))), theme_style=TEXT.BODY_MEDIUM, color=palette.soft)
        )
    row: list[ft.Control] = [ft.Icon(I.PERSON_OUTLINE), ft.Column(words, spacing=0, tight=True, expand=True)]
    if phone:
        dial = "".join(char for char in phone if char.isdecimal() or char == "+")
        row.append(
            MainButton(
                ident,
                t("app.ticket.call"),
                launch(f"tel:{dial}"),
                I.CALL_OUTLINED,
                kind="other",
            )
        )
    return ft.Row(row, spacing=12)


@safe_component
def EquipmentCard(view: TicketView) -> ft.Control:
    """Show the unit."""
    t, page = use_t(), ft.context.page
    unit, model = view.unit, view.model
    if unit is None:
        return Card(Section(t("field.equipment_id"), [ft.Text(t("app.ticket.no_unit"))]), ident="equipment")
    pairs = [
        (t("field.model_id"), model.title if model else ""),
        (t("field.serial"), unit.serial),
        (t("field.location"), unit.location),
        (t("field.manufacturer"), model.manufacturer if model else ""),
        (t("field.udi"), unit.udi),
        (t("field.software_version"), unit.software_version),
        (t("field.accepted_on"), unit.accepted_on.isoformat() if unit.accepted_on else ""),
    ]
    body: list[ft.Control] = [Facts([(name, value) for name, value in pairs if value], 2)]
    if view.history:
        last = view.history[0]
        body.append(
            MainButton(
                "to-history",
                t("app.ticket.last_visit", day=last.service_on.isoformat(), n=len(view.history)),
                lambda _: page.navigate(f"/ticket/{view.ticket.id}/history"),
                I.HISTORY,
                kind="other",
            )
        )
    return Card(
        Section(t("field.equipment_id"), body),
        State.DANGER if unit.state == "stopped" else None,
        "equipment",
    )


@safe_component
def EntitlementCard(view: TicketView) -> ft.Control:
    """Show who pays, why, and on which data that stands."""
    t, palette = use_t(), use_palette()
    row = view.entitlement
    if row is None:
        return ft.Container(height=0)
    why = t(f"coverage.reason.{row.reason}", **row.values)
    marks = [t("app.ticket.data_version", version=row.data_version)]
    if row.confirmed_by:
        marks.insert(0, t("app.ticket.confirmed"))
    elif row.provisional:
        marks.insert(0, t("app.ticket.provisional"))
    chip = StatusChip(
        VERDICT_TONES.get(row.verdict, State.PAUSED), t(f"coverage.verdict.{row.verdict}"), "verdict"
    )
    types = view.policy.fee.service_types if view.policy else ()
    named = f"{row.service_type} · {say_title(t.language, types, row.service_type)}"
    kind = [StatusChip(State.INFO, named)] if row.service_type else []
    return Card(
        Section(
            t("app.ticket.entitlement"),
            [
                ft.Row([chip, *kind], spacing=8, wrap=True),
                ft.Text(why, theme_style=TEXT.BODY_LARGE),
                ft.Text(" · ".join(marks), theme_style=TEXT.BODY_SMALL, color=palette.soft),
            ],
        ),
        ident="entitlement",
    )


@safe_component
def ClocksCard(view: TicketView) -> ft.Control:
    """Show the ticket's clocks; each explains itself line by line when tapped."""
    t = use_t()
    if not view.clocks:
        return ft.Container(height=0)
    rows: list[ft.Control] = [ClockRow(line, key=f"clock-{line.kind}") for line in view.clocks]
    return Card(Section(t("app.ticket.clocks"), rows), ident="clocks")


@safe_component
def ClockRow(line: ClockLine) -> ft.Control:
    """Show one clock, and why it stands so."""
    t, palette, session, tablet, guarded = use_t(), use_palette(), use_session(), use_tablet(), use_guard()
    language = use_language()
    is_open, set_open = ft.use_state(False)
    tone = palette.tone(State(line.tone))
    head = ft.Container(
        key=f"explain-{line.kind}",
        height=None,
        padding=ft.Padding.symmetric(vertical=10, horizontal=12),
        bgcolor=tone.bg,
        border_radius=10,
        ink=True,
        on_click=guarded(lambda _: set_open(not is_open)),
        content=ft.Row(
            [
                ft.Icon(I.TIMER_OUTLINED, size=20, color=tone.fg),
                ft.Text(
                    say_clock(t, line, tablet.now(), session.zone),
                    theme_style=TEXT.LABEL_MEDIUM,
                    color=tone.fg,
                    expand=True,
                ),
                ft.Icon(I.EXPAND_LESS if is_open else I.EXPAND_MORE, color=tone.fg, size=TARGET_PX // 2),
            ],
            spacing=10,
        ),
    )
    rows: list[ft.Control] = [ft.Semantics(identifier=f"explain-{line.kind}", button=True, content=head)]
    if is_open:
        why: list[ft.Control] = [
            ft.Text(f"{place}. {step.in_language(language)}", theme_style=TEXT.BODY_MEDIUM, selectable=True)
            for place, step in enumerate(line.why, 1)
        ]
        rows.append(
            ft.Container(
                padding=ft.Padding.only(left=14, right=6, top=6, bottom=4),
                content=ft.Column(why, spacing=6, tight=True),
            )
        )
    return stack(rows, 4)


@safe_component
def ActionsCard(view: TicketView) -> ft.Control:
    """Show what else can be done: ask for help, move the appointment, a stop-use notice."""
    t, page = use_t(), ft.context.page
    base = f"/ticket/{view.ticket.id}"

    def go(name: str, icon: ft.IconData, *, danger: bool = False) -> ft.Control:
        return MainButton(
            f"go-{name}",
            t(f"app.action.{name}"),
            lambda _: page.navigate(f"{base}/{name}"),
            icon,
            kind="danger" if danger else "other",
        )

    buttons: list[ft.Control] = []
    if not view.overtaken and not view.is_sealed:
        buttons += [go("help", I.SUPPORT_AGENT), go("reschedule", I.EDIT_CALENDAR_OUTLINED)]
    if view.can_work:
        buttons.append(go("agreement", I.REQUEST_QUOTE_OUTLINED))
    if view.report is not None:
        buttons.append(go("sign-off", I.RECEIPT_LONG_OUTLINED))
    if view.unit is not None:
        buttons.append(go("stop-use", I.DANGEROUS_OUTLINED, danger=view.ticket.danger))
    return Card(
        Section(t("app.ticket.more"), [ft.Row(buttons, spacing=10, run_spacing=10, wrap=True)]),
        ident="actions",
    )
