"""Parts: my van first, found by number, name, pinyin or a scanned code; every line says whether it is sent (R088).

Owns the page. Taking a part is `part_form.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flet as ft

from common.stock.part_usage import PartUsage, WithdrawPartUsage
from field_app.data import Give, Said, use_loaded, use_tablet
from field_app.i18n import use_language, use_t
from field_app.screens.checklist import NotThere
from field_app.screens.line_row import LineRow
from field_app.screens.part_form import PartForm
from field_app.screens.words import say_qty
from field_app.state.parts import HITS, PartRow, find_code, load_hits, load_used
from field_app.state.ticket import TicketView
from field_app.ui import use_session
from field_app.widgets.fields import DraftField, TextInput, use_text
from field_app.widgets.layout import stack
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.states import TEXT, Card, EmptyState, Section, StatusChip, identified
from field_app.widgets.theme import State, use_palette

I = ft.Icons  # noqa: E741


@safe_component
def PartsPage(view: TicketView, give: Give, say: Callable[[Said | None], None]) -> ft.Control:
    """Show the lines used, and the way to the next."""
    session = use_session()
    used: tuple[PartUsage, ...] = use_loaded(load_used(view.ticket.id), view.ticket.id)
    form = view.form("part")
    held: Any = ft.use_state(session.drafts.get(form, "part_id"))
    part_id, choose = held

    def pick(chosen: str) -> None:
        session.drafts.put(form, "part_id", chosen)
        choose(chosen)

    def leave() -> None:
        session.drafts.forget(form)
        choose("")

    body: list[ft.Control] = [] if view.can_work else [NotThere(view)]
    if view.can_work and part_id:
        body.append(PartForm(view, part_id, give, leave, key=part_id))
    elif view.can_work:
        body.append(PartSearch(pick, say, view.ticket.equipment_id, key="search"))
    body.append(UsedCard(view, used, give, key="used"))
    return stack(body, 14)


@safe_component
def UsedCard(view: TicketView, used: tuple[PartUsage, ...], give: Give) -> ft.Control:
    """Show the parts used on this ticket."""
    t = use_t()
    rows: list[ft.Control] = []
    for place, line in enumerate(used):
        serials = [
            t("app.parts.serial_in", serial=line.serial_in) if line.serial_in else "",
            t("app.parts.serial_out", serial=line.serial_out) if line.serial_out else "",
            t(f"part_usage.charged.{'true' if line.charged else 'false'}"),
        ]
        withdraw = WithdrawPartUsage(line.id, view.ticket.id, t("app.parts.withdraw_reason"))
        rows.append(
            LineRow(
                f"used-{place}",
                f"{say_qty(line.qty)} × {line.part_number}  {line.part_name}",
                " · ".join(filter(None, serials)),
                line.id in view.unsent_ids,
                (lambda one=withdraw: give(one, text=t("app.parts.back_in_van"))) if view.can_work else None,
                key=line.id,
            )
        )
    if not rows:
        rows.append(ft.Text(t("app.parts.none_used")))
    return Card(Section(t("app.parts.used"), rows), ident="used")


@safe_component
def PartSearch(
    on_pick: Callable[[str], None], say: Callable[[Said | None], None], equipment_id: str | None
) -> ft.Control:
    """Find a part: type, or let a scanner type; Enter takes an exact code at once."""
    t, session, tablet, palette = use_t(), use_session(), use_tablet(), use_palette()
    draft = DraftField(session.drafts, "part-search", "text")
    box = use_text("", draft)
    held: Any = ft.use_state(box.value)
    wanted, look_for = held
    hits: tuple[PartRow, ...] = use_loaded(
        load_hits(tablet.person_id, wanted, equipment_id), wanted, equipment_id
    )

    def submit(code: str) -> None:
        part = tablet.read(find_code(code)) if code.strip() else None
        if part is not None:
            say(None)
            on_pick(part.id)
        elif code.strip() and not tablet.read(load_hits(tablet.person_id, code)):
            say(Said(State.WARN, t("app.parts.no_such_code", code=code.strip())))

    rows: list[ft.Control] = [PartHitRow(row, on_pick, key=row.part.id) for row in hits[:HITS]]
    if not rows:
        rows.append(
            EmptyState(
                I.SEARCH_OFF,
                t("app.parts.nothing_found") if wanted.strip() else t("app.van.empty"),
                t("app.parts.nothing_found_do") if wanted.strip() else t("app.van.empty_do"),
                ident="parts-empty",
            )
        )
    if len(hits) > HITS:
        rows.append(ft.Text(t("app.parts.first_only", count=HITS), color=palette.soft))
    title = t("app.parts.found") if wanted.strip() else t("app.parts.in_van")
    return Card(
        Section(
            t("app.parts.take"),
            [
                TextInput(
                    box,
                    "part-search",
                    t("app.parts.search"),
                    draft,
                    t("app.parts.search_hint"),
                    on_change=look_for,
                    on_submit=submit,
                ),
                ft.Text(title, theme_style=TEXT.TITLE_SMALL),
                *rows,
            ],
        ),
        ident="part-search-card",
    )


@safe_component
def PartHitRow(row: PartRow, on_pick: Callable[[str], None]) -> ft.Control:
    """Show a part and its balance in the van; a tap takes it."""
    t, palette, language, guarded = use_t(), use_palette(), use_language(), use_guard()
    words: list[ft.Control] = [
        ft.Text(row.name(language), theme_style=TEXT.BODY_LARGE),
        ft.Text(row.part.number, theme_style=TEXT.BODY_MEDIUM, color=palette.soft),
    ]
    if row.fitted:
        before = ft.Text(t("app.parts.fitted_before"), theme_style=TEXT.LABEL_MEDIUM, color=palette.soft)
        words.append(ft.Row([ft.Icon(I.HISTORY, size=16, color=palette.soft), before], spacing=6, tight=True))
    return identified(
        f"part-{row.part.number}",
        ft.Container(
            key=f"part-{row.part.number}",
            ink=True,
            border_radius=12,
            border=ft.Border.all(1, palette.line),
            padding=ft.Padding.symmetric(horizontal=14, vertical=12),  # as high as the name needs
            on_click=guarded(lambda _: on_pick(row.part.id)),
            content=ft.Row(
                [
                    ft.Column(words, spacing=2, tight=True, expand=True),
                    BalanceChip(row),
                ],
                spacing=10,
            ),
        ),
        button=True,
    )


@safe_component
def BalanceChip(row: PartRow) -> ft.Control:
    """Say in words how many lie in the van."""
    t = use_t()
    unit = f" {row.part.unit}" if row.part.unit else ""
    amount = f"{say_qty(row.qty)}{unit}"
    if row.qty < 0:
        return StatusChip(State.DANGER, t("app.parts.below_zero", amount=amount))
    if row.qty == 0:
        return StatusChip(State.PAUSED, t("app.parts.not_in_van"))
    return StatusChip(State.INFO, t("app.parts.balance", amount=amount))
