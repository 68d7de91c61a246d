"""The repair agreement: plan and price lines, read and signed by the customer before paid work begins (R060 R068).

Owns the lines while they are being written. Prices come from the list; what is signed is the command's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, ClassVar

import flet as ft

from common.kernel.codec import compact
from common.kernel.quantity import from_milli, line_total, to_milli
from common.visit.diagnosis import AgreementLine, SignAgreement, agreement_content
from common.visit.hashing import content_hash
from common.visit.voucher import Row, Section, money
from field_app.state.signing import Handing, Trouble, give, strokes_text
from field_app.store.queries_agreement import Offer, PriceFacts, part_offers, price_facts, price_now

LINES_MAX = 60
QTY_MAX = Decimal(999)


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One line as it is being written."""

    offer: Offer
    qty: Decimal

    @property
    def amount_minor(self) -> int:
        """Multiply, rounded to whole minor units."""
        return line_total(self.qty, self.offer.unit_price_minor)


@ft.observable
@dataclass(eq=False)
class Agreement(Handing):
    """One agreement. `step`: write (the engineer's), read, sign, done (the customer's)."""

    lines: tuple[PriceLine, ...] = ()
    prices: PriceFacts | None = None
    area: ClassVar[str] = "agreement"

    def __post_init__(self) -> None:
        super().__post_init__()
        kept = self._form.read("lines")
        self.lines = _read_lines(kept) if kept else self._proposed()

    @property
    def currency(self) -> str:
        """Return the currency of the lines, or of the policy."""
        policy = self.facts.policy if self.facts else None
        return next((line.offer.currency for line in self.lines), policy.fee.currency if policy else "CNY")

    @property
    def total_minor(self) -> int:
        """Add the lines up."""
        return sum(line.amount_minor for line in self.lines)

    def refresh(self) -> None:
        """Read ticket and prices again."""
        super().refresh()
        with self.reach.store.read() as session:
            self.prices = price_facts(session, self.ticket_id)

    def find_parts(self, text: str) -> tuple[Offer, ...]:
        """Find parts to offer."""
        with self.reach.store.read() as session:
            return part_offers(session, text)

    def add(self, offer: Offer) -> None:
        """Add a line, or one more of a line that is there."""
        for place, line in enumerate(self.lines):
            if (line.offer.kind, line.offer.code) == (offer.kind, offer.code):
                self.change(place, line.qty + 1)
                return
        if len(self.lines) < LINES_MAX:
            self._set((*self.lines, PriceLine(offer, Decimal(1))))

    def change(self, place: int, qty: Decimal | None) -> None:
        """Change a line's quantity; 0 takes the line out."""
        lines = list(self.lines)
        if qty is None or not 0 <= qty <= QTY_MAX:
            return
        if qty:
            lines[place] = replace(lines[place], qty=qty)
        else:
            del lines[place]
        self._set(tuple(lines))

    def hand_over(self) -> None:
        """Give the tablet to the customer, if plan and price are written."""
        if not self._form.text("plan") or not self.lines:
            self.trouble = Trouble("agreement_incomplete")
            return
        self.to_customer("read")

    def sign(self) -> None:
        """Sign it. Where the list has changed meanwhile the customer reads the new prices first."""
        rules = self.facts.policy.signature if self.facts and self.facts.policy else None
        self.trouble = self.lacks_signature(wants_role=bool(rules and rules.is_role_required))
        if self.trouble is not None:
            return
        trouble = give(self.reach, self._command())
        if trouble is None:
            self.go("done")
            self.refresh()
            return
        if trouble.code == "price_changed":
            self.refresh()
            self._reprice()
            self.go("read")
        self.trouble = trouble

    def sections(self, word: Callable[..., str]) -> tuple[Section, ...]:
        """Write plan and price as the customer reads them; `word(key, **values)` speaks his language."""
        facts, currency = self.facts, self.currency
        about = [
            Row(word("voucher.ticket"), facts.number if facts else ""),
            Row(word("voucher.user_name"), facts.customer if facts else ""),
            Row(word("voucher.product"), facts.unit if facts else ""),
        ]
        rows = [
            Row(
                line.offer.title or word(f"agreement.line.kind.{line.offer.kind}"),
                f"{_plain(line.qty)} × {money(line.offer.unit_price_minor, currency)}"
                f" = {money(line.amount_minor, currency)}",
            )
            for line in self.lines
        ]
        rows.append(Row(word("voucher.total"), money(self.total_minor, currency), strong=True))
        return (
            Section("about", word("voucher.section.customer"), tuple(row for row in about if row.value)),
            Section("plan", word("app.agreement.plan"), (Row("", self._form.text("plan")),)),
            Section("fee", word("voucher.section.fee"), tuple(rows)),
        )

    def _command(self) -> SignAgreement:
        form, total, currency = self._form, self.total_minor, self.currency
        plan = form.text("plan")
        lines = tuple(
            AgreementLine(
                line.offer.kind,  # type: ignore[arg-type]
                line.offer.code,
                line.offer.title,
                line.qty,
                line.offer.unit_price_minor,
                line.amount_minor,
            )
            for line in self.lines
        )
        number = self.facts.number if self.facts else ""
        shown = agreement_content(number, plan, lines, total, currency)
        return SignAgreement(
            form.id("agreement_id", self.reach.store),
            self.ticket_id,
            plan,
            lines,
            total,
            currency,
            self.prices.version if self.prices else 0,
            form.text("signer_name"),
            form.text("signer_role"),
            strokes_text(form),
            content_hash(shown),
        )

    def _set(self, lines: tuple[PriceLine, ...]) -> None:
        self.lines, self.trouble = lines, None
        self._form.keep(lines=_write_lines(lines))

    def _proposed(self) -> tuple[PriceLine, ...]:
        """Propose one hour of labour, the way, and the charged parts recorded so far."""
        if self.prices is None:
            return ()
        first: dict[str, Offer] = {}
        for offer in self.prices.charges:
            if offer.kind in ("labour", "travel"):
                first.setdefault(offer.kind, offer)
        charges = tuple(PriceLine(offer, Decimal(1)) for offer in first.values())
        return charges + tuple(PriceLine(offer, qty) for offer, qty in self.prices.used)

    def _reprice(self) -> None:
        zone = self.facts.zone if self.facts else ""
        with self.reach.store.read() as session:
            fresh = [
                (line, price_now(session, line.offer.kind, line.offer.code, zone)) for line in self.lines
            ]
        self._set(
            tuple(
                line if price is None else replace(line, offer=replace(line.offer, unit_price_minor=price))
                for line, price in fresh
            )
        )


def _plain(qty: Decimal) -> str:
    return f"{qty.normalize():f}"


def _write_lines(lines: tuple[PriceLine, ...]) -> str:
    return compact(
        [
            [
                x.offer.kind,
                x.offer.code,
                x.offer.title,
                x.offer.unit_price_minor,
                x.offer.currency,
                to_milli(x.qty),
            ]
            for x in lines
        ]
    )


def _read_lines(kept: str) -> tuple[PriceLine, ...]:
    rows: list[Any] = json.loads(kept)
    return tuple(PriceLine(Offer(*row[:5]), from_milli(row[5])) for row in rows)
