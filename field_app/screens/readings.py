"""Test values: each with its limits, its instrument, and a verdict that the numbers give by themselves (R063).

Owns the card of the function test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flet as ft

from common.policy.model import ChecklistItem
from common.visit.records import TestValue
from common.visit.repair import RecordTest, WithdrawTest
from field_app.data import Give, use_tablet
from field_app.i18n import use_t
from field_app.screens.line_row import LineRow
from field_app.state.repair import RepairView, is_within
from field_app.state.ticket import TicketView
from field_app.ui import use_session
from field_app.widgets.fields import ChoiceField, DraftField, MainButton, Option, TextBox, TextInput, use_text
from field_app.widgets.layout import at_the_end, stack
from field_app.widgets.safe import safe_component
from field_app.widgets.states import Card, Section
from field_app.widgets.theme import State

I = ft.Icons  # noqa: E741
FIELDS = ("name", "value", "unit", "low", "high", "instrument")
INSTRUMENT_SETTING = "test.instrument"


@safe_component
def TestsCard(view: TicketView, work: RepairView, give: Give) -> ft.Control:
    """Show the readings taken, and take the next."""
    t = use_t()
    rows: list[ft.Control] = [
        LineRow(
            f"test-{place}",
            say_reading(test),
            test.instrument,
            test.id in view.unsent_ids,
            (lambda one=test: give(WithdrawTest(one.id, view.ticket.id))) if view.can_work else None,
            State.UNDER_WAY if test.passed else State.DANGER,
            t(f"test_value.passed.{'true' if test.passed else 'false'}"),
            key=test.id,
        )
        for place, test in enumerate(work.tests)
    ]
    if view.can_work:
        rows.append(TestForm(view, work, give, key=f"new-{len(work.tests)}"))
    elif not rows:
        rows.append(ft.Text(t("app.repair.none")))
    hint = t("app.repair.all_passed") if work.all_passed else ""
    return Card(
        Section(t("app.repair.tests"), rows, hint), State.UNDER_WAY if work.all_passed else None, "tests"
    )


def say_reading(test: TestValue) -> str:
    """Write a reading with its limits: `flow: 5.0 mL/h (4.9 – 5.1)`."""
    value = f"{test.name}: {test.value} {test.unit}".rstrip()
    if not test.low and not test.high:
        return value
    return f"{value} ({test.low or '…'} – {test.high or '…'})"


@dataclass(frozen=True, slots=True)
class Form:
    """What stands in the form now, and what can be done with it."""

    boxes: dict[str, TextBox]
    drafts: dict[str, DraftField]
    verdict: str
    set_verdict: Callable[[str], None]
    missing: tuple[str, ...]
    judge: Callable[[str], None]
    pick: Callable[[ChecklistItem], None]
    save: Callable[[Any], None]


def use_form_of(view: TicketView, give: Give) -> Form:
    """Hold the form; the verdict follows from the limits where they are numbers, else it is tapped."""
    t, session, tablet = use_t(), use_session(), use_tablet()
    form = view.form("test")
    drafts = {name: DraftField(session.drafts, form, name) for name in FIELDS}
    picked: Any = ft.use_state(0)
    held: Any = ft.use_state("")
    lacking: Any = ft.use_state(())
    (picks, set_picks), (verdict, set_verdict), (missing, set_missing) = picked, held, lacking
    known = {"instrument": tablet.store.setting(INSTRUMENT_SETTING)}
    boxes = {name: use_text(known.get(name, ""), drafts[name], picks) for name in FIELDS}

    def judge(_: str = "") -> None:
        within = is_within(*(boxes[name].clean() for name in ("value", "low", "high")))
        if within is not None:
            set_verdict("passed" if within else "failed")

    def pick(item: ChecklistItem) -> None:
        session.drafts.put(form, "name", item.title.in_language(t.language))
        session.drafts.put(form, "unit", item.unit)
        set_picks(picks + 1)

    def save(_: Any) -> None:
        lacks = [name for name in ("name", "value") if not boxes[name].clean()]
        lacks += [] if verdict else ["verdict"]
        set_missing(tuple(lacks))
        if lacks or view.visit is None:
            return
        typed = {name: box.clean() for name, box in boxes.items()}
        made = RecordTest(
            test_id=tablet.new_id(),
            ticket_id=view.ticket.id,
            visit_id=view.visit.id,
            passed=verdict == "passed",
            **typed,
        )
        tablet.store.choose(INSTRUMENT_SETTING, typed["instrument"])
        session.drafts.forget(form)
        if not give(made):
            for name, text in typed.items():
                session.drafts.put(form, name, text)

    return Form(boxes, drafts, verdict, set_verdict, missing, judge, pick, save)


@safe_component
def TestForm(view: TicketView, work: RepairView, give: Give) -> ft.Control:
    """Take one reading."""
    t, form = use_t(), use_form_of(view, give)

    def box(name: str, width: int, *, watch: bool = False) -> ft.Control:
        return ft.Container(
            # By the window's width: beside the list of tickets a tablet held upright has no room for four.
            col={"xs": 12 if width > 4 else 6, "lg": width},
            content=TextInput(
                form.boxes[name],
                f"test-{name}",
                t("app.repair.test_name" if name == "name" else f"field.{name}"),
                form.drafts[name],
                on_change=form.judge if watch else None,
                error=t("app.form.needed") if name in form.missing else "",
            ),
        )

    options = [
        Option("passed", t("test_value.passed.true"), I.THUMB_UP_OUTLINED, State.UNDER_WAY),
        Option("failed", t("test_value.passed.false"), I.THUMB_DOWN_OUTLINED, State.DANGER),
    ]
    quick: list[ft.Control] = [
        MainButton(
            f"reading-{item.code}",
            item.title.in_language(t.language),
            lambda _, one=item: form.pick(one),
            kind="other",
        )
        for item in work.readings
    ]
    fields = [
        box("name", 12),
        box("value", 3, watch=True),
        box("unit", 3),
        box("low", 3, watch=True),
        box("high", 3, watch=True),
        box("instrument", 12),
    ]
    error = t("app.repair.verdict_needed") if "verdict" in form.missing else ""
    return stack(
        [
            ft.Row(quick, spacing=8, run_spacing=8, wrap=True),
            ft.ResponsiveRow(fields, spacing=10, run_spacing=10),
            ChoiceField("test-verdict", "", options, form.verdict or None, form.set_verdict, error=error),
            at_the_end(MainButton("test-save", t("app.repair.add_test"), form.save, I.ADD)),
        ],
        12,
    )
