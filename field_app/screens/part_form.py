"""Taking one part: how many, which serial goes in and which comes out, charged or not (R088).

Owns the form. A balance below zero is allowed and said in words: the part is in the hand, the books are wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import flet as ft

from common.stock.part_usage import RecordPartUsage
from field_app.data import Give, use_loaded, use_tablet
from field_app.i18n import use_language, use_t
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
    TextInput,
    use_text,
)
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


@safe_component
def _Form(view: TicketView, row: PartRow, give: Give, on_done: Callable[[], Any]) -> ft.Control:
    t, language, session, tablet = use_t(), use_language(), use_session(), use_tablet()
    part, form = row.part, view.form("part")
    drafts = {name: DraftField(session.drafts, form, name) for name in ("serial_in", "serial_out")}
    held: Any = ft.use_state(Decimal(1))
    qty, set_qty = held
    picked: Any = ft.use_state(0)
    picks, set_picks = picked
    serial_in = use_text("", drafts["serial_in"], picks)
    serial_out = use_text("", drafts["serial_out"])
    is_paid = view.ticket.service_type == "A"
    chosen: Any = ft.use_state("charged" if is_paid else "free")
    charged, set_charged = chosen
    lacking: Any = ft.use_state("")
    missing, set_missing = lacking

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
        if give(made, text=t("app.parts.saved", name=row.name(language))):
            on_done()

    controls: list[ft.Control] = []
    amount = f"{say_qty(row.qty)} {part.unit}".rstrip()
    controls.append(ft.Text(t("app.parts.van_holds", amount=amount)))
    if part.serialised:
        controls.append(ft.Text(t("app.parts.one_serial")))
    else:
        controls.append(
            NumberField(
                "part-qty", t("field.qty"), qty, set_qty, unit=part.unit,
                error=t("reason.quantity_not_positive") if missing == "qty" else "",
            )
        )  # fmt: skip
    left = row.qty - (qty or Decimal(0))
    if left < 0:
        controls.append(
            Banner(
                State.WARN,
                t("app.parts.will_be_below", amount=say_qty(left)),
                t("app.parts.will_be_below_do"),
                ident="below-zero",
            )
        )
    if row.serials:
        options = [Option(serial, serial, I.QR_CODE) for serial in row.serials]
        controls.append(
            ChoiceField("serial", t("app.parts.serials_in_van"), options, serial_in.clean(), pick_serial)
        )
    needed = t("reason.serial_missing", part=part.number) if missing == "serial" else ""
    controls += [
        TextInput(serial_in, "serial-in", t("field.serial_in"), drafts["serial_in"], error=needed),
        TextInput(serial_out, "serial-out", t("field.serial_out"), drafts["serial_out"]),
        ChoiceField(
            "charged",
            t("app.parts.price", price=money(part.price_minor, part.currency)),
            [
                Option("free", t("part_usage.charged.false"), I.VERIFIED_USER_OUTLINED),
                Option("charged", t("part_usage.charged.true"), I.PAYMENTS_OUTLINED, State.WARN),
            ],
            charged,
            set_charged,
        ),
        ft.Row(
            [
                MainButton(
                    "part-other", t("app.parts.other"), lambda _: on_done(), I.ARROW_BACK, kind="other"
                ),
                MainButton("part-save", t("app.parts.use"), save, I.CHECK),
            ],
            spacing=10,
            run_spacing=10,
            wrap=True,
            alignment=ft.MainAxisAlignment.END,
        ),
    ]
    return Card(Section(row.name(language), controls, part.number), State.UNDER_WAY, "part-form")
