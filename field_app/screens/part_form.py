"""Taking one part: how many, which serial goes in and which comes out, charged or not (R088).

Owns the form. A balance below zero is allowed and said in words: the part is in the hand, the books are wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import flet as ft

from common.stock.part_usage import RecordPartUsage
from field_app.data import Give, use_loaded, use_tablet
from field_app.i18n import use_t
from field_app.screens.words import money, say_qty
from field_app.state.parts import PartRow, load_part
from field_app.state.ticket import TicketView
from field_app.ui import use_session
from field_app.widgets.fields import (
    ChoiceField,
    DraftField,
    MainButton,
    NumberField,
    Option,
    TextBox,
    TextInput,
    use_text,
)
from field_app.widgets.layout import at_the_end, stack
from field_app.widgets.safe import safe_component
from field_app.widgets.states import Banner, Card, ErrorCard, Section
from field_app.widgets.theme import State

I = ft.Icons  # noqa: E741


@safe_component
def PartForm(view: TicketView, part_id: str, give: Give, on_done: Callable[[], Any]) -> ft.Control:
    """Show the chosen part and take what was used of it."""
    t, tablet = use_t(), use_tablet()
    row: PartRow | None = use_loaded(load_part(tablet.person_id, part_id), part_id)
    if row is None:
        return ErrorCard(t("reason.part_unknown"), "", t("app.parts.other"), lambda _: on_done(), "part-gone")
    return _Form(view, row, give, on_done)


@dataclass(frozen=True, slots=True)
class Form:
    """What stands in the form now, and what can be done with it."""

    qty: Decimal | None
    set_qty: Callable[[Decimal | None], None]
    serial_in: TextBox
    serial_out: TextBox
    drafts: dict[str, DraftField]
    charged: str
    set_charged: Callable[[str], None]
    missing: str
    pick_serial: Callable[[str], None]
    save: Callable[[Any], None]


def use_form_of(view: TicketView, row: PartRow, give: Give, on_done: Callable[[], Any]) -> Form:
    """Hold the form; charged is proposed by who pays for the ticket."""
    t, session, tablet = use_t(), use_session(), use_tablet()
    part, form = row.part, view.form("part")
    drafts = {name: DraftField(session.drafts, form, name) for name in ("serial_in", "serial_out")}
    held: Any = ft.use_state(Decimal(1))
    picked: Any = ft.use_state(0)
    chosen: Any = ft.use_state("charged" if view.ticket.service_type == "A" else "free")
    lacking: Any = ft.use_state("")
    (qty, set_qty), (picks, set_picks), (charged, set_charged), (missing, set_missing) = (
        held,
        picked,
        chosen,
        lacking,
    )
    serial_in = use_text("", drafts["serial_in"], picks)
    serial_out = use_text("", drafts["serial_out"])

    def pick_serial(serial: str) -> None:
        session.drafts.put(form, "serial_in", serial)
        set_picks(picks + 1)

    def save(_: Any) -> None:
        wrong = "qty" if qty is None or qty <= 0 else ""
        wrong = wrong or ("serial" if part.serialised and not serial_in.clean() else "")
        set_missing(wrong)
        if wrong:
            return
        made = RecordPartUsage(
            tablet.new_id(),
            view.ticket.id,
            part.id,
            qty,
            view.visit.id if view.visit else None,
            serial_in.clean(),
            serial_out.clean(),
            charged == "charged",
        )
        if give(made, text=t("app.parts.saved", name=row.name(t.language))):
            on_done()

    return Form(qty, set_qty, serial_in, serial_out, drafts, charged, set_charged, missing, pick_serial, save)


@safe_component
def _Form(view: TicketView, row: PartRow, give: Give, on_done: Callable[[], Any]) -> ft.Control:
    t, part, form = use_t(), row.part, use_form_of(view, row, give, on_done)
    amount = f"{say_qty(row.qty)} {part.unit}".rstrip()
    needed = t("reason.serial_missing", part=part.number) if form.missing == "serial" else ""
    free = Option("free", t("part_usage.charged.false"), I.VERIFIED_USER_OUTLINED)
    paid = Option("charged", t("part_usage.charged.true"), I.PAYMENTS_OUTLINED, State.WARN)
    price = t("app.parts.price", price=money(part.price_minor, part.currency))
    controls: list[ft.Control] = [
        ft.Text(t("app.parts.van_holds", amount=amount)),
        HowMany(row, form, key="how-many"),
        TextInput(form.serial_in, "serial-in", t("field.serial_in"), form.drafts["serial_in"], error=needed),
        TextInput(form.serial_out, "serial-out", t("field.serial_out"), form.drafts["serial_out"]),
        ChoiceField("charged", price, [free, paid], form.charged, form.set_charged),
        at_the_end(
            MainButton("part-other", t("app.parts.other"), lambda _: on_done(), I.ARROW_BACK, kind="other"),
            MainButton("part-save", t("app.parts.use"), form.save, I.CHECK),
        ),
    ]
    return Card(Section(row.name(t.language), controls, part.number), State.UNDER_WAY, "part-form")


@safe_component
def HowMany(row: PartRow, form: Form) -> ft.Control:
    """Take the quantity, or the serial that stands for one piece; warn of a balance below zero."""
    t, part = use_t(), row.part
    controls: list[ft.Control] = []
    if part.serialised:
        controls.append(ft.Text(t("app.parts.one_serial")))
    else:
        error = t("reason.quantity_not_positive") if form.missing == "qty" else ""
        controls.append(
            NumberField("part-qty", t("field.qty"), form.qty, form.set_qty, unit=part.unit, error=error)
        )
    left = row.qty - (form.qty or Decimal(0))
    if left < 0:
        title = t("app.parts.will_be_below", amount=say_qty(left))
        controls.append(Banner(State.WARN, title, t("app.parts.will_be_below_do"), ident="below-zero"))
    if row.serials:
        options = [Option(serial, serial, I.QR_CODE) for serial in row.serials]
        controls.append(
            ChoiceField(
                "serial", t("app.parts.serials_in_van"), options, form.serial_in.clean(), form.pick_serial
            )
        )
    return stack(controls, 12)
