"""The repair: what was done and how long it took, the test that proves it, correct use shown (R061 R063 R064).

Owns the page and the forms of measures and demonstrations; test values are `readings.py`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import flet as ft

from common.visit.on_site import RecordDemonstration
from common.visit.repair import RecordMeasure, WithdrawMeasure
from field_app.data import Give, use_loaded, use_tablet
from field_app.i18n import use_t
from field_app.screens.checklist import NotThere
from field_app.screens.files import FilesCard
from field_app.screens.line_row import LineRow
from field_app.screens.readings import TestsCard
from field_app.state.repair import RepairView, load_repair
from field_app.state.ticket import TicketView
from field_app.ui import use_session
from field_app.widgets.fields import DraftField, MainButton, NumberField, TextInput, use_text
from field_app.widgets.layout import at_the_end, stack
from field_app.widgets.safe import safe_component
from field_app.widgets.states import Card, Section

I = ft.Icons  # noqa: E741
FIRST_MINUTES = Decimal(15)
STEP_MINUTES = Decimal(5)


@safe_component
def RepairPage(view: TicketView, give: Give, say: Any) -> ft.Control:
    """Show measures, tests and demonstrations."""
    work: RepairView | None = use_loaded(load_repair(view.ticket.id), view.ticket.id)
    if work is None:
        return ft.Container()
    body: list[ft.Control] = [] if view.can_work else [NotThere(view)]
    body += [
        MeasuresCard(view, work, give, key="measures"),
        TestsCard(view, work, give, key="tests"),
        FilesCard(
            view.ticket.id,
            view.visit.id if view.visit else None,
            "repair",
            view.can_work,
            only_these=True,
            key="files",
        ),
        DemonstrationCard(view, work, give, key="demonstration"),
    ]
    return stack(body, 14)


@safe_component
def MeasuresCard(view: TicketView, work: RepairView, give: Give) -> ft.Control:
    """Show what was done, and take the next thing done."""
    t = use_t()
    rows: list[ft.Control] = [
        LineRow(
            f"measure-{place}",
            measure.text,
            t("app.repair.minutes", n=measure.minutes),
            measure.id in view.unsent_ids,
            (lambda one=measure: give(WithdrawMeasure(one.id, view.ticket.id))) if view.can_work else None,
            key=measure.id,
        )
        for place, measure in enumerate(work.measures)
    ]
    if view.can_work:
        rows.append(MeasureForm(view, give, key=f"new-{len(work.measures)}"))
    elif not rows:
        rows.append(ft.Text(t("app.repair.none")))
    hint = t("app.repair.total", n=work.minutes) if work.measures else ""
    return Card(Section(t("app.repair.measures"), rows, hint), ident="measures")


@safe_component
def MeasureForm(view: TicketView, give: Give) -> ft.Control:
    """Take a measure."""
    t, session, tablet = use_t(), use_session(), use_tablet()
    form = view.form("measure")
    draft = DraftField(session.drafts, form, "text")
    text = use_text("", draft)
    held: Any = ft.use_state(FIRST_MINUTES)
    minutes, set_minutes = held
    wrong: Any = ft.use_state("")
    missing, set_missing = wrong

    def save(_: Any) -> None:
        lacks = (
            "text" if not text.clean() else "minutes" if minutes is None or minutes != int(minutes) else ""
        )
        set_missing(lacks)
        if lacks or view.visit is None:
            return
        made = RecordMeasure(tablet.new_id(), view.ticket.id, view.visit.id, text.clean(), int(minutes))
        session.drafts.forget(form)
        if not give(made):
            session.drafts.put(form, "text", text.value)

    return ft.Column(
        [
            TextInput(
                text,
                "measure-text",
                t("app.repair.what"),
                draft,
                t("app.repair.what_hint"),
                multiline=True,
                error=t("app.form.needed") if missing == "text" else "",
            ),
            NumberField(
                "measure-minutes",
                t("field.minutes"),
                minutes,
                set_minutes,
                STEP_MINUTES,
                error=t("app.repair.whole_minutes") if missing == "minutes" else "",
            ),
            at_the_end(MainButton("measure-save", t("app.repair.add"), save, I.ADD)),
        ],
        spacing=12,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@safe_component
def DemonstrationCard(view: TicketView, work: RepairView, give: Give) -> ft.Control:
    """Show to whom correct use was shown, and take one more."""
    t, session, tablet = use_t(), use_session(), use_tablet()
    form, again = view.form("demonstration"), len(work.demonstrations)
    drafts = {name: DraftField(session.drafts, form, name) for name in ("shown_to", "points")}
    shown_to = use_text(view.ticket.contact, drafts["shown_to"], again)
    points = use_text("", drafts["points"], again)
    missing, set_missing = ft.use_state(False)

    def save(_: Any) -> None:
        lacks = not (shown_to.clean() and points.clean())
        set_missing(lacks)
        if lacks or view.visit is None:
            return
        made = RecordDemonstration(
            tablet.new_id(), view.ticket.id, view.visit.id, shown_to.clean(), points.clean()
        )
        typed = {"shown_to": shown_to.value, "points": points.value}
        session.drafts.forget(form)
        if not give(made):
            for name, value in typed.items():
                session.drafts.put(form, name, value)

    rows: list[ft.Control] = [
        LineRow(
            f"demonstration-{place}", one.points, one.shown_to, one.id in view.unsent_ids, None, key=one.id
        )
        for place, one in enumerate(work.demonstrations)
    ]
    if view.can_work:
        error = t("app.form.needed") if missing else ""
        rows += [
            TextInput(shown_to, "shown-to", t("field.shown_to"), drafts["shown_to"]),
            TextInput(
                points, "points", t("field.points"), drafts["points"], t("app.repair.points_hint"),
                multiline=True, error=error,
            ),
            at_the_end(MainButton("demonstration-save", t("app.repair.add_demonstration"), save, I.ADD, kind="other")),
        ]  # fmt: skip
    elif not rows:
        rows.append(ft.Text(t("app.repair.none")))
    return Card(Section(t("app.repair.demonstration"), rows), ident="demonstrations")
