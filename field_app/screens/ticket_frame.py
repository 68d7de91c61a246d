"""What every page of a ticket has: the customer at the top, tabs, warnings, the answer to a save, what comes next.

Owns the frame and the way from one page to the next. The pages own what stands inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft

from common.inbox.inbox_commands import MarkNoticeSeen
from common.tickets.field_work import AcknowledgeTicket, StartTravel
from common.visit.on_site import LeaveSite
from field_app.data import Give, Said, use_giving, use_loaded, use_tablet
from field_app.i18n import use_t
from field_app.screens.arrival import ArrivalDialog
from field_app.screens.today import beside_today
from field_app.state.ticket import TicketView, load_ticket
from field_app.state.today import tone_of
from field_app.ui import Form, use_form, use_session
from field_app.widgets.fields import MainButton
from field_app.widgets.layout import Screen, TabItem, TabStrip
from field_app.widgets.safe import safe_component
from field_app.widgets.states import Banner, EmptyState, StatusChip
from field_app.widgets.theme import State, use_palette

I = ft.Icons  # noqa: E741
TABS = (
    ("", I.ASSIGNMENT_OUTLINED),
    ("checklist", I.CHECKLIST),
    ("diagnosis", I.TROUBLESHOOT),
    ("repair", I.HANDYMAN_OUTLINED),
    ("parts", I.INVENTORY_2_OUTLINED),
    ("history", I.HISTORY),
    ("notes", I.FORUM_OUTLINED),
)
TAB_NAMES = frozenset(name for name, _ in TABS if name)
STEP_ICONS = {
    "acknowledge": I.DONE,
    "travel": I.DIRECTIONS_CAR_OUTLINED,
    "arrive": I.PIN_DROP_OUTLINED,
    "checklist": I.CHECKLIST,
    "diagnosis": I.TROUBLESHOOT,
    "agreement": I.REQUEST_QUOTE_OUTLINED,
    "repair": I.HANDYMAN_OUTLINED,
    "test": I.SPEED,
    "sign_off": I.DRAW_OUTLINED,
    "leave": I.LOGOUT,
}
PAGE_OF = {
    "checklist": "checklist",
    "diagnosis": "diagnosis",
    "agreement": "agreement",
    "repair": "repair",
    "test": "repair",
    "sign_off": "sign-off",
}
Page = Callable[[TicketView, Give, "Say"], Sequence[ft.Control]]
Say = Callable[[Said | None], None]


def ticket_page(tab: str, body: Callable[..., ft.Control]) -> Callable[[], ft.Control]:
    """Make the screen of one page of a ticket: `body(view, give, say)` is its component."""

    @safe_component
    def TicketPage() -> ft.Control:
        return beside_today(lambda: TicketFrame(tab, body))

    return TicketPage


@safe_component
def TicketFrame(tab: str, body: Callable[..., ft.Control]) -> ft.Control:
    """Show one page of the ticket named in the address."""
    t, tablet, page = use_t(), use_tablet(), ft.context.page
    ticket_id = ft.use_route_params().get("id", "")
    view: TicketView | None = use_loaded(load_ticket(ticket_id, tablet.person_id, tablet.now()), ticket_id)
    said, give, say = use_giving()
    if view is None:
        return EmptyState(
            I.ASSIGNMENT_LATE_OUTLINED,
            t("app.ticket.gone"),
            t("app.ticket.gone_do"),
            t("app.ticket.to_today"),
            lambda _: page.navigate("/"),
            "ticket-gone",
        )
    base = f"/ticket/{ticket_id}"
    ticket = view.ticket
    return Screen(
        f"ticket-{tab or 'overview'}",
        view.customer.name if view.customer else ticket.caller,
        [*_warnings(t, view), body(view, give, say, key=f"{tab}-{ticket_id}")],
        subtitle=" · ".join(filter(None, (ticket.number, view.unit.serial if view.unit else ""))),
        on_back=lambda _: page.navigate(base if tab else "/"),
        actions=[_state_chip(t, view)],
        below=[
            TabStrip(
                "tabs",
                _tabs(t, view, with_icons=use_form() is Form.DESKTOP),
                tab if tab in TAB_NAMES else "overview",
                lambda name: page.navigate(_address(base, name)),
            ),
            SaidBar(said, lambda: say(None), key="said"),
        ],
        bottom=NextStep(view, give, tab) if tab in TAB_NAMES or not tab else (),
    )


def _address(base: str, tab: str) -> str:
    return base if tab == "overview" else f"{base}/{tab}"


def _tabs(t: Any, view: TicketView, *, with_icons: bool) -> list[TabItem]:
    open_items = {"checklist": "checklist", "diagnosis": "diagnosis", "repair": "measures"}
    tabs = []
    for name, icon in TABS:
        lacks = view.can_work and open_items.get(name) in view.missing
        tabs.append(
            TabItem(
                name or "overview",
                t(f"app.tab.{name or 'overview'}"),
                icon if with_icons else None,
                "•" if lacks else "",
            )
        )
    return tabs


def _state_chip(t: Any, view: TicketView) -> ft.Control:
    section = "taken_away" if view.overtaken else "today"
    tone = tone_of(view.ticket.state, section, held_back=bool(view.ticket.hold_reason))
    return StatusChip(State(tone), t(f"ticket.state.{view.ticket.state}"), "ticket-state")


def _warnings(t: Any, view: TicketView) -> list[ft.Control]:
    ticket = view.ticket
    found: list[tuple[str, State, str, str]] = []
    if view.overtaken:
        found.append(("overtaken", State.DANGER, t(f"app.overtaken.{view.overtaken}"), t("app.overtaken.do")))
    number, reason = view.voided
    if number:
        found.append(
            (
                "voided",
                State.DANGER,
                t("report.voided_by", number=number),
                t("report.voided_why", reason=reason),
            )
        )
    if view.unit is not None and view.unit.state == "stopped":
        found.append(("stopped", State.DANGER, t("equipment.state.stopped"), t("app.ticket.stopped_do")))
    elif ticket.danger:
        found.append(("danger", State.DANGER, t("ticket.danger.true"), t("app.ticket.danger_do")))
    if ticket.hold_reason:
        found.append(
            ("hold", State.PAUSED, t(f"ticket.hold_reason.{ticket.hold_reason}"), t("app.ticket.hold_do"))
        )
    if ticket.help_wanted:
        found.append(("help", State.WARN, t("ticket.help_wanted.true"), t("app.ticket.help_do")))
    return [
        Banner(state, title, body, ident=f"warn-{name}", key=f"warn-{name}")
        for name, state, title, body in found
    ]


@safe_component
def SaidBar(said: Said | None, on_dismiss: Callable[[], Any]) -> ft.Control:
    """Show what the app answered to the last thing done."""
    t = use_t()
    if said is None:
        return ft.Container(height=0)
    is_refused = said.state is State.DANGER
    title = t("app.given.refused") if is_refused else said.text
    words = [said.text] if is_refused else []
    return Banner(
        said.state,
        title,
        "\n".join([*words, *said.details]),
        t("app.given.dismiss"),
        lambda _: on_dismiss(),
        "said",
    )


def NextStep(view: TicketView, give: Give, tab: str) -> list[ft.Control]:
    """Build the main action at the bottom: what the lifecycle wants next."""
    if not view.step:
        return []
    return [_StepButtons(view, give, tab, key="next-step")]


@safe_component
def _StepButtons(view: TicketView, give: Give, tab: str) -> ft.Control:
    t, page, form, session, palette = use_t(), ft.context.page, use_form(), use_session(), use_palette()
    arriving, set_arriving = ft.use_state(False)
    step, ticket_id = view.step, view.ticket.id
    ft.use_dialog(ArrivalDialog(t, session, view, give, lambda: set_arriving(False)) if arriving else None)

    def act(_: Any) -> None:
        if step == "acknowledge":
            give(AcknowledgeTicket(ticket_id), *[MarkNoticeSeen(item_id) for item_id in view.notices])
        elif step == "travel":
            give(StartTravel(ticket_id))
        elif step == "arrive":
            set_arriving(True)
        elif step == "leave" and view.visit is not None:
            give(LeaveSite(view.visit.id, ticket_id))
        elif step in PAGE_OF:
            page.navigate(f"/ticket/{ticket_id}/{PAGE_OF[step]}")

    if PAGE_OF.get(step) == tab:
        return ft.Row(
            [
                ft.Icon(STEP_ICONS[step], size=20, color=palette.soft),
                ft.Text(t(f"app.step.{step}.here"), expand=True, color=palette.soft),
            ],
            spacing=10,
            expand=True,
        )
    main = MainButton(f"step-{step}", t(f"app.step.{step}"), act, STEP_ICONS[step], expand=form is Form.PHONE)
    others: list[ft.Control] = []
    if step == "travel":
        others.append(
            MainButton(
                "step-there-already", t("app.step.there_already"), lambda _: set_arriving(True), kind="other"
            )
        )
    return ft.Row([*others, main], spacing=12, alignment=ft.MainAxisAlignment.END, expand=True)
