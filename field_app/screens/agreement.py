"""The repair agreement: the engineer writes plan and price, the customer reads and signs before paid work begins.

Owns these pages. Amounts come from the price list and are added up by the view-model.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import flet as ft

from common.visit.voucher import money
from field_app.i18n import use_t
from field_app.screens.handing import InCustomersHands, NoTicket, Signature, Thanks, told
from field_app.state.agreement import QTY_MAX, Agreement
from field_app.store.queries_agreement import Offer
from field_app.ui import Form, use_app, use_form, use_session
from field_app.widgets.fields import DraftField, MainButton, NumberField, TextInput, use_text
from field_app.widgets.layout import Screen
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.signing import Note, Paper, StepButtons, Steps
from field_app.widgets.states import TEXT, Banner, Card, Section, identified
from field_app.widgets.theme import State, use_palette

CUSTOMER_STEPS = ("read", "sign")
NUMBER_PX = 290  # two step buttons and the figure between them
AMOUNT_PX = 130


@safe_component
def AgreementScreen() -> ft.Control:
    """Write one agreement and have it signed."""
    app, session = use_app(), use_session()
    ticket_id = ft.use_route_params().get("id", "")
    model = ft.use_memo(lambda: Agreement(app, session.drafts, ticket_id), [ticket_id])
    return _Flow(model)


@safe_component
def _Flow(model: Agreement) -> ft.Control:
    if model.facts is None:
        return NoTicket()
    if not model.is_with_customer:
        return _Write(model)
    bodies = {
        "read": lambda: _Read(model, key="read"),
        "sign": lambda: _Sign(model, key="sign"),
        "done": lambda: _Done(model, key="done"),
    }
    step = model.step if model.step in bodies else "read"
    return InCustomersHands(
        model, f"app.agreement.heading.{step}", bodies[step], f"/ticket/{model.ticket_id}", key="hands"
    )


@safe_component
def _Write(model: Agreement) -> ft.Control:
    t, page, session = use_t(), ft.context.page, use_session()
    facts, prices = model.facts, model.prices
    assert facts is not None
    plan_draft = DraftField(session.drafts, model.form.key, "plan")
    plan = use_text(prices.proposed_plan if prices else "", plan_draft)
    body: list[ft.Control] = []
    if prices and prices.agreed:
        agreed = prices.agreed
        body.append(
            Note(
                "in-force",
                ft.Icons.HANDSHAKE_OUTLINED,
                State.UNDER_WAY,
                t(
                    "app.agreement.in_force",
                    total=money(agreed.total_minor, agreed.currency),
                    signer=agreed.signer_name,
                ),
                t("app.agreement.in_force_hint"),
            )
        )
    elif facts.service_type and facts.service_type != "A":
        body.append(
            Note(
                "free",
                ft.Icons.INFO_OUTLINE,
                State.INFO,
                t("app.agreement.free"),
                t("app.agreement.free_hint", type=facts.service_type),
            )
        )
    body.append(
        Card(
            Section(
                t("app.agreement.plan"),
                [TextInput(plan, "plan", t("app.agreement.plan"), plan_draft, multiline=True)],
                t("app.agreement.plan_hint"),
            )
        )
    )
    body += [_Price(model), _AddCharges(model), _AddPart(model)]
    error = told(t, model.trouble)
    if error:
        body.append(Banner(State.DANGER, error, ident="agreement-error"))

    def hand_over(_: Any) -> None:
        model.form.keep(plan=plan.clean())
        model.hand_over()

    return Screen(
        "agreement",
        t("app.agreement.title"),
        body,
        subtitle=f"{facts.number} · {facts.customer}",
        on_back=lambda _: page.navigate(f"/ticket/{model.ticket_id}"),
        bottom=[MainButton("hand-over", t("app.agreement.hand_over"), hand_over, ft.Icons.LOCK_OUTLINE)],
    )


@safe_component
def _Price(model: Agreement) -> ft.Control:
    t, palette = use_t(), use_palette()
    rows: list[ft.Control] = [
        _LineRow(model, place, key=f"{line.offer.kind}-{line.offer.code}-{line.qty}")
        for place, line in enumerate(model.lines)
    ]
    if not rows:
        rows = [ft.Text(t("app.agreement.no_lines"), theme_style=TEXT.BODY_LARGE, color=palette.soft)]
    total = ft.Row(
        [
            ft.Text(t("voucher.total"), theme_style=TEXT.TITLE_LARGE, expand=True),
            ft.Text(money(model.total_minor, model.currency), key="total", theme_style=TEXT.TITLE_LARGE),
        ]
    )
    version = model.prices.version if model.prices else 0
    return Card(
        Section(
            t("app.agreement.price"),
            [*rows, ft.Divider(height=1, color=palette.line), total],
            t("app.agreement.price_hint", version=version),
        )
    )


@safe_component
def _LineRow(model: Agreement, place: int) -> ft.Control:
    t, palette, phone = use_t(), use_palette(), use_form() is Form.PHONE
    if place >= len(model.lines):  # drawn once more on its way out
        return ft.Container()
    line = model.lines[place]
    currency = model.currency
    words = ft.Column(
        [
            ft.Text(
                line.offer.title or t(f"agreement.line.kind.{line.offer.kind}"), theme_style=TEXT.BODY_LARGE
            ),
            ft.Text(
                " · ".join(
                    filter(None, (_part_code(line.offer), money(line.offer.unit_price_minor, currency)))
                ),
                theme_style=TEXT.BODY_MEDIUM,
                color=palette.soft,
            ),
        ],
        spacing=0,
        tight=True,
        expand=True,
    )
    step = Decimal("0.5") if line.offer.kind == "labour" else Decimal(1)
    number = NumberField(
        f"qty-{place}",
        t("field.qty"),
        line.qty,
        lambda qty: model.change(place, qty),
        step=step,
        maximum=QTY_MAX,
    )
    amount = ft.Text(money(line.amount_minor, currency), theme_style=TEXT.TITLE_SMALL)
    if phone:
        return ft.Column(
            [ft.Row([words, amount], spacing=12, vertical_alignment=ft.CrossAxisAlignment.START), number],
            spacing=8,
            tight=True,
        )
    return ft.Row(
        [
            words,
            ft.Container(number, width=NUMBER_PX),
            ft.Container(amount, width=AMOUNT_PX, alignment=ft.Alignment.CENTER_RIGHT),
        ],
        spacing=16,
    )


@safe_component
def _AddCharges(model: Agreement) -> ft.Control:
    t = use_t()
    offers = model.prices.charges if model.prices else ()
    rows: list[ft.Control] = [
        _OfferRow(model, offer, f"charge-{offer.code}", key=offer.code) for offer in offers
    ]
    hint = "" if rows else t("app.agreement.no_charges")
    return Card(Section(t("app.agreement.add_charge"), rows, hint))


@safe_component
def _AddPart(model: Agreement) -> ft.Control:
    t = use_t()
    found, set_found = ft.use_state(("", tuple[Offer, ...]()))
    box = use_text()

    def search(text: str) -> None:
        word = text.strip()
        set_found((word, model.find_parts(word) if word else ()))

    rows: list[ft.Control] = [
        _OfferRow(model, offer, f"part-{offer.code}", key=offer.code) for offer in found[1]
    ]
    if found[0] and not rows:
        rows = [ft.Text(t("app.agreement.no_part", text=found[0]), theme_style=TEXT.BODY_LARGE)]
    return Card(
        Section(
            t("app.agreement.add_part"),
            [
                TextInput(box, "find-part", t("app.agreement.find_part"), on_change=search, on_submit=search),
                *rows,
            ],
        )
    )


@safe_component
def _OfferRow(model: Agreement, offer: Offer, ident: str) -> ft.Control:
    t, palette, guarded = use_t(), use_palette(), use_guard()
    title = offer.title or t(f"agreement.line.kind.{offer.kind}")
    return identified(
        ident,
        ft.Container(
            key=ident,
            border_radius=12,
            bgcolor=palette.raised,
            padding=ft.Padding.symmetric(horizontal=14, vertical=16),  # as high as the name needs
            ink=True,
            on_click=guarded(lambda _: model.add(offer)),
            content=ft.Row(
                [
                    ft.Icon(ft.Icons.ADD_CIRCLE_OUTLINE, color=palette.primary),
                    ft.Text(
                        " · ".join(filter(None, (title, _part_code(offer)))),
                        theme_style=TEXT.BODY_LARGE,
                        expand=True,
                        max_lines=1,
                        overflow=ft.TextOverflow.ELLIPSIS,
                    ),
                    ft.Text(money(offer.unit_price_minor, offer.currency), theme_style=TEXT.BODY_MEDIUM),
                ],
                spacing=12,
            ),
        ),
        button=True,
    )


def _part_code(offer: Offer) -> str:
    """Return a part's number; what the price list calls its own lines says nothing to anyone here."""
    return offer.code if offer.kind == "part" else ""


def _page(model: Agreement, parts: list[ft.Control]) -> ft.Control:
    place = CUSTOMER_STEPS.index(model.step) + 1 if model.step in CUSTOMER_STEPS else len(CUSTOMER_STEPS)
    return ft.Column(
        [Steps(place, len(CUSTOMER_STEPS)), *parts],
        spacing=20,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@safe_component
def _Read(model: Agreement) -> ft.Control:
    t, palette = use_t(), use_palette()
    changed = [Banner(State.WARN, told(t, model.trouble), ident="price-changed")] if model.trouble else []
    number = model.facts.number if model.facts else ""
    return _page(
        model,
        [
            *changed,
            ft.Text(t("app.agreement.read_hint"), theme_style=TEXT.BODY_LARGE, color=palette.soft),
            Paper(t("app.agreement.title"), number, model.sections(t)),
            StepButtons(lambda _: model.go("sign"), t("app.agreement.have_read"), ft.Icons.ARROW_FORWARD),
        ],
    )


@safe_component
def _Sign(model: Agreement) -> ft.Control:
    t = use_t()
    total = money(model.total_minor, model.currency)
    return _page(
        model,
        [
            Note(
                "statement",
                ft.Icons.HANDSHAKE_OUTLINED,
                State.INFO,
                t("app.agreement.statement", total=total),
            ),
            Signature(model, key="signature-part"),
            StepButtons(
                lambda _: model.sign(),
                t("app.agreement.sign"),
                ft.Icons.DRAW_OUTLINED,
                lambda _: model.go("read"),
                told(t, model.trouble),
            ),
        ],
    )


@safe_component
def _Done(model: Agreement) -> ft.Control:
    t = use_t()
    return Thanks([t("app.agreement.done", total=money(model.total_minor, model.currency))])
