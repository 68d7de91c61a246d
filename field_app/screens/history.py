"""The unit's pouch: what was wrong before, why, what was done and which parts went in (R022).

Owns this page. Reads only.
"""

from __future__ import annotations

from typing import Any

import flet as ft

from common.equipment.equipment import PastVoucher
from common.kernel.quantity import from_milli
from field_app.data import Give
from field_app.i18n import use_t
from field_app.screens.words import say_qty, say_title
from field_app.state.ticket import TicketView
from field_app.widgets.layout import Facts
from field_app.widgets.safe import safe_component
from field_app.widgets.states import TEXT, Card, EmptyState, StatusChip
from field_app.widgets.theme import State, use_palette


@safe_component
def HistoryPage(view: TicketView, give: Give, say: Any) -> ft.Control:
    """Show the unit's past vouchers, newest first."""
    t = use_t()
    if not view.history:
        return EmptyState(
            ft.Icons.HISTORY, t("app.history.empty"), t("app.history.empty_do"), ident="history-empty"
        )
    return ft.Column(
        [VoucherCard(voucher, view, key=voucher.id) for voucher in view.history],
        spacing=12,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@safe_component
def VoucherCard(voucher: PastVoucher, view: TicketView) -> ft.Control:
    """Show one voucher."""
    t, palette = use_t(), use_palette()
    causes = view.policy.cause_codes if view.policy else ()
    pairs = [
        (t("field.cause_code"), say_title(t.language, causes, voucher.cause_code)),
        (t("field.measures"), voucher.measures),
        (t("field.parts"), "\n".join(_part(line) for line in voucher.parts)),
    ]
    accepted = "true" if voucher.accepted else "false"
    return Card(
        ft.Column(
            [
                ft.Row(
                    [
                        ft.Text(voucher.service_on.isoformat(), theme_style=TEXT.TITLE_MEDIUM, expand=True),
                        StatusChip(
                            State.DONE if voucher.accepted else State.DANGER,
                            t(f"past_voucher.accepted.{accepted}"),
                        )
                        if not voucher.void_number
                        else StatusChip(
                            State.DANGER, t("report.voided_by", number=voucher.void_number), "voucher-void"
                        ),
                    ]
                ),
                ft.Text(voucher.fault, theme_style=TEXT.TITLE_SMALL),
                Facts([(name, value) for name, value in pairs if value], 2),
                ft.Text(
                    f"{voucher.ticket_number} · {voucher.engineer_name}",
                    theme_style=TEXT.BODY_SMALL,
                    color=palette.soft,
                ),
            ],
            spacing=8,
            tight=True,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
        ident=f"voucher-{voucher.ticket_number}",
    )


def _part(line: dict[str, Any]) -> str:
    qty = say_qty(from_milli(int(line.get("qty", 0))))
    serial = f" ({line['serial_in']})" if line.get("serial_in") else ""
    return f"{qty} × {line.get('number', '')} {line.get('name', '')}{serial}"
