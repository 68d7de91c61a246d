"""Asking for help and moving the appointment: the two things to do when the work will not fit the time (R050 R052).

Owns both pages. The customer is told before the time is moved; the command refuses otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

import flet as ft

from common.tickets.appointment import RescheduleTicket
from common.tickets.field_work import RequestHelp
from field_app.data import Give, use_tablet
from field_app.i18n import use_t
from field_app.screens.words import say_day, say_window
from field_app.state.ticket import TicketView
from field_app.ui import use_session
from field_app.widgets.fields import ChoiceField, DraftField, MainButton, Option, TextInput, use_text
from field_app.widgets.layout import at_the_end, stack
from field_app.widgets.safe import safe_component
from field_app.widgets.states import Card, Section
from field_app.widgets.theme import State

I = ft.Icons  # noqa: E741
DAYS_AHEAD = 10
HOURS = range(7, 20)
LENGTHS = (1, 2, 3, 4)


@safe_component
def HelpPage(view: TicketView, give: Give, say: Any) -> ft.Control:
    """Ask the supervisor for help."""
    t, session, page = use_t(), use_session(), ft.context.page
    form = f"help:{view.ticket.id}"
    drafts = {name: DraftField(session.drafts, form, name) for name in ("reason", "wanted")}
    reason, wanted = use_text("", drafts["reason"]), use_text("", drafts["wanted"])
    missing, set_missing = ft.use_state(False)

    def ask(_: Any) -> None:
        set_missing(not reason.clean())
        if reason.clean() and give(RequestHelp(view.ticket.id, reason.clean(), wanted.clean())):
            session.drafts.forget(form)
            page.navigate(f"/ticket/{view.ticket.id}")

    return Card(
        Section(
            t("app.action.help"),
            [
                TextInput(
                    reason,
                    "help-reason",
                    t("app.help.reason"),
                    drafts["reason"],
                    t("app.help.reason_hint"),
                    multiline=True,
                    error=t("app.form.needed") if missing else "",
                ),
                TextInput(
                    wanted,
                    "help-wanted",
                    t("field.wanted"),
                    drafts["wanted"],
                    t("app.help.wanted_hint"),
                    multiline=True,
                ),
                ft.Row(
                    [MainButton("help-ask", t("app.help.ask"), ask, I.SUPPORT_AGENT)],
                    alignment=ft.MainAxisAlignment.END,
                ),
            ],
            t("app.help.hint"),
        )
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """The window being chosen; `told` empty until the engineer says whether the customer knows."""

    day: date
    hour: int
    hours: int
    told: str = ""


@safe_component
def ReschedulePage(view: TicketView, give: Give, say: Any) -> ft.Control:
    """Choose a new window by tapping, say why, and that the customer was told."""
    t, session, tablet, page = use_t(), use_session(), use_tablet(), ft.context.page
    now = tablet.now()
    form = f"reschedule:{view.ticket.id}"
    draft = DraftField(session.drafts, form, "reason")
    reason = use_text("", draft)
    missing, set_missing = ft.use_state(False)
    today = now.astimezone(session.zone).date()
    held: Any = ft.use_state(lambda: Choice(today + timedelta(days=1), 9, 2))
    choice, choose = held
    from_at, until_at = window_of(choice, session.zone)
    ticket, assignment = view.ticket, view.assignment
    old = (ticket.window_from_at, ticket.window_until_at)
    if old[0] is None and assignment is not None:
        old = (assignment.from_at, assignment.until_at)

    def save(_: Any) -> None:
        set_missing(not reason.clean())
        moved = RescheduleTicket(
            ticket.id, from_at, until_at, reason.clean(), choice.told == "yes", ticket.window_from_at
        )
        if reason.clean() and give(moved):
            session.drafts.forget(form)
            page.navigate(f"/ticket/{ticket.id}")

    def pick(**fields: Any) -> None:
        choose(replace(choice, **fields))

    told = [
        Option("yes", t("app.reschedule.told_yes"), I.CHECK, State.UNDER_WAY),
        Option("no", t("app.reschedule.told_no"), I.CLOSE, State.DANGER),
    ]
    moved_to = t("app.reschedule.save", window=say_window(t, from_at, until_at, now, session.zone))
    return Card(
        Section(
            t("app.action.reschedule"),
            [
                ft.Text(t("app.reschedule.now", window=say_window(t, *old, now, session.zone))),
                WindowChoice(choice, pick),
                TextInput(
                    reason,
                    "reschedule-reason",
                    t("field.reason"),
                    draft,
                    t("app.reschedule.reason_hint"),
                    multiline=True,
                    error=t("app.form.needed") if missing else "",
                ),
                ChoiceField(
                    "told", t("app.reschedule.told"), told, choice.told, lambda value: pick(told=value)
                ),
                at_the_end(MainButton("reschedule-save", moved_to, save, I.EDIT_CALENDAR_OUTLINED)),
            ],
        )
    )


@safe_component
def WindowChoice(choice: Choice, pick: Callable[..., None]) -> ft.Control:
    """Choose day, hour and length by tapping: no keyboard, no calendar to page through."""
    t, session, now = use_t(), use_session(), use_tablet().now()
    today = now.astimezone(session.zone).date()
    days = [
        Option((today + timedelta(ahead)).isoformat(), say_day(t, now + timedelta(ahead), now, session.zone))
        for ahead in range(DAYS_AHEAD)
    ]
    hours = [Option(str(hour), f"{hour:02}:00") for hour in HOURS]
    lengths = [Option(str(n), t("app.reschedule.hours", n=n)) for n in LENGTHS]
    return stack(
        [
            ChoiceField(
                "day",
                t("app.reschedule.day"),
                days,
                choice.day.isoformat(),
                lambda value: pick(day=date.fromisoformat(value)),
            ),
            ChoiceField(
                "hour", t("app.reschedule.from"), hours, str(choice.hour), lambda value: pick(hour=int(value))
            ),
            ChoiceField(
                "hours",
                t("app.reschedule.length"),
                lengths,
                str(choice.hours),
                lambda value: pick(hours=int(value)),
            ),
        ]
    )


def window_of(choice: Choice, zone: tzinfo) -> tuple[datetime, datetime]:
    """Turn what was tapped into instants."""
    start = datetime.combine(choice.day, time(choice.hour), zone)
    return start, start + timedelta(hours=choice.hours)
