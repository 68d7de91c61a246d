"""The service voucher as a person reads it: sections of label and value, in the order of form F04.

Owns the rendering of a report's content, the same for the tablet's screen, the server's page and its PDF, so that the
customer reads the report as it will be printed. Pure: reads no tables, no clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.i18n import LANGUAGES, has_key, translate
from common.kernel.clock import instant
from common.kernel.quantity import from_milli
from common.sla.calendar import show_wall

Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the voucher. `label` may be empty for a line that stands alone; `strong` for totals and verdicts."""

    label: str
    value: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A titled group of lines. `code` names it for screens that lay sections out differently."""

    code: str
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class SignedOff:
    """What the customer gave when signing; beside the content, as it is not part of what he read."""

    number: str
    accepted: bool
    opinion: str
    refusal_reason: str
    signer_name: str
    signer_role: str
    signed_at: datetime
    engineer_name: str
    content_hash: str


def void_mark() -> str:
    """Return what marks a voucher that does not count any more: the word in every language, whoever reads it."""
    return " ".join(translate(language, "papers.void_word") for language in LANGUAGES)


def voucher_lines(content: Content, language: str) -> tuple[Section, ...]:
    """Render a report's content; empty sections are left out. Words in `language`, what people wrote as they wrote it."""
    page = _Page(language, str(content.get("time_zone") or "UTC"))
    sections = (
        page.section("customer", page.customer(content)),
        page.section("equipment", page.equipment(content)),
        page.section("service", page.service(content)),
        page.section("fault", page.fault(content)),
        page.section("measures", page.measures(content)),
        page.section("parts", page.parts(content)),
        page.section("tests", page.tests(content)),
        *page.checklists(content),
        page.section("demonstration", page.demonstrations(content)),
        page.section("stop_use", page.stop_use(content)),
        page.section("files", page.files(content)),
        page.section("fee", page.fee(content)),
    )
    return tuple(section for section in sections if section.rows)


def sign_off_lines(signed: SignedOff, time_zone: str, language: str) -> Section:
    """Render the sign-off: verdict, opinion, name, role, time, engineer, number and hash of the report."""
    page = _Page(language, time_zone)
    return page.section("sign_off", page.sign_off(signed))


def money(amount_minor: int, currency: str) -> str:
    """Write an amount of minor units with two places and its currency: `CNY 1,234.50`."""
    sign = "-" if amount_minor < 0 else ""
    whole, cents = divmod(abs(amount_minor), 100)
    return f"{currency} {sign}{whole:,}.{cents:02d}".strip()


@dataclass(frozen=True, slots=True)
class _Page:
    language: str
    time_zone: str

    def section(self, code: str, rows: Iterator[Row]) -> Section:
        return Section(code, self.word(f"voucher.section.{code}"), tuple(row for row in rows if row.value))

    def row(self, key: str, value: Any, *, strong: bool = False) -> Row:
        return Row(self.word(f"voucher.{key}"), str(value or ""), strong)

    def word(self, key: str, **values: object) -> str:
        return translate(self.language, key, **values)

    def named(self, named: Any) -> str:
        """Read a code with the titles it carries; the bare code where it carries none."""
        return self.titled(named.get("title"), str(named.get("code", ""))) if isinstance(named, dict) else ""

    def titled(self, titles: Any, code: str) -> str:
        if isinstance(titles, list) and len(titles) == len(LANGUAGES):
            return str(titles[LANGUAGES.index(self.language) if self.language in LANGUAGES else 0])
        return code

    def time(self, ms: Any) -> str:
        return show_wall(instant(ms), self.time_zone) if isinstance(ms, int) else ""

    def customer(self, content: Content) -> Iterator[Row]:
        customer, ticket = content.get("customer") or {}, content.get("ticket") or {}
        yield self.row("ticket", ticket.get("number"))
        yield self.row("user_name", customer.get("name"))
        yield self.row("customer_number", customer.get("number"))
        yield self.row("address", customer.get("address"))
        yield self.row("contact", " ".join(filter(None, (customer.get("contact"), customer.get("phone")))))

    def equipment(self, content: Content) -> Iterator[Row]:
        unit = content.get("equipment") or {}
        yield self.row("product", unit.get("name"))
        yield self.row("model", unit.get("model"))
        yield self.row("manufacturer", unit.get("manufacturer"))
        yield self.row("serial", unit.get("serial"))
        yield self.row("udi", unit.get("udi"))
        yield self.row("location", unit.get("location"))
        yield self.row("software_version", unit.get("software_version"))

    def service(self, content: Content) -> Iterator[Row]:
        yield self.row("service_on", content.get("service_on"))
        for visit in content.get("visits") or []:
            yield self.row("engineer", visit.get("engineer"))
            yield self.row("set_out", self.time(visit.get("travel_at")))
            yield self.row("arrived", self.time(visit.get("arrived_at")))
            yield self.row("left", self.time(visit.get("left_at")))
            yield self.row("badge", self.word("voucher.yes" if visit.get("badge_shown") else "voucher.no"))
        yield self.row("service_type", self.named(content.get("service_type")), strong=True)
        yield self.row("entitlement", self._entitlement(content.get("entitlement") or {}))
        minutes = content.get("minutes")
        yield self.row("time_used", self.word("voucher.minutes", n=minutes) if minutes else "")

    def _entitlement(self, judged: Content) -> str:
        key = f"coverage.reason.{judged.get('reason')}"
        if not has_key(key):
            return ""
        values = {name: str(value) for name, value in (judged.get("values") or {}).items()}
        mark = "" if judged.get("is_confirmed") else self.word("voucher.proposed")
        return " ".join(filter(None, (self.word(key, **values), mark)))

    def fault(self, content: Content) -> Iterator[Row]:
        ticket, made = content.get("ticket") or {}, content.get("diagnosis") or {}
        yield self.row("reported_fault", ticket.get("fault_text"))
        yield self.row("fault_code", self.named(made.get("fault_code") or ticket.get("fault_code")))
        yield self.row("customer_account", made.get("customer_account"))
        yield self.row("phenomenon", made.get("phenomenon"))
        yield self.row("finding", made.get("finding"))
        yield self.row("cause", self.named(made.get("cause")), strong=True)
        yield self.row("evidence", made.get("evidence"))

    def measures(self, content: Content) -> Iterator[Row]:
        for place, measure in enumerate(content.get("measures") or [], start=1):
            spent = measure.get("minutes")
            took = f" ({self.word('voucher.minutes', n=spent)})" if spent else ""
            yield Row(str(place), f"{measure.get('text', '')}{took}")

    def parts(self, content: Content) -> Iterator[Row]:
        for part in content.get("parts") or []:
            words = [f"{part.get('name', '')} × {from_milli(part.get('qty_milli', 0))}"]
            for key in ("serial_in", "serial_out"):
                if part.get(key):
                    words.append(f"{self.word(f'voucher.{key}')} {part[key]}")
            words.append(self.word("voucher.charged" if part.get("charged") else "voucher.not_charged"))
            yield Row(str(part.get("number", "")), " · ".join(words))

    def tests(self, content: Content) -> Iterator[Row]:
        for test in content.get("tests") or []:
            limits = "–".join(filter(None, (test.get("low"), test.get("high"))))
            words = [f"{test.get('value', '')} {test.get('unit', '')}".strip()]
            if limits:
                words.append(f"({limits})")
            if test.get("instrument"):
                words.append(f"[{test['instrument']}]")
            words.append(self.word("voucher.passed" if test.get("passed") else "voucher.failed"))
            yield Row(str(test.get("name", "")), " ".join(words), strong=not test.get("passed"))

    def checklists(self, content: Content) -> Iterator[Section]:
        for checklist in content.get("checklists") or []:
            title = self.titled(checklist.get("title"), str(checklist.get("code", "")))
            rows = tuple(self._answer(item) for item in checklist.get("items") or [])
            yield Section("checklist", f"{self.word('voucher.section.checklist')}: {title}", rows)

    def _answer(self, item: Content) -> Row:
        value = f"{item.get('value', '')} {item.get('unit', '')}".strip() if item.get("value") else ""
        answer = self.word(f"checklist.answer.{item.get('answer')}")
        told = " · ".join(filter(None, (value, answer, item.get("note"))))
        return Row(
            self.titled(item.get("title"), str(item.get("code", ""))), told, item.get("answer") == "not_ok"
        )

    def demonstrations(self, content: Content) -> Iterator[Row]:
        for shown in content.get("demonstrations") or []:
            yield Row(str(shown.get("shown_to", "")), str(shown.get("points", "")))

    def stop_use(self, content: Content) -> Iterator[Row]:
        for notice in content.get("stop_use") or []:
            yield self.row("hazard", notice.get("hazard"), strong=True)
            yield self.row("instruction", notice.get("instruction"), strong=True)
            yield self.row("acknowledged_by", notice.get("signer_name"))

    def files(self, content: Content) -> Iterator[Row]:
        for place, file in enumerate(content.get("files") or [], start=1):
            kind = f"attachment.kind.{file.get('kind')}"
            words = (self.word(kind) if has_key(kind) else "", file.get("name"), file.get("caption"))
            mark = str(file.get("sha256", ""))[:16]
            yield Row(str(place), " · ".join(str(word) for word in (*words, mark) if word))

    def fee(self, content: Content) -> Iterator[Row]:
        fee, agreement = content.get("fee") or {}, content.get("agreement") or {}
        currency = str(fee.get("currency", ""))
        for line in fee.get("lines") or []:
            qty = from_milli(line.get("qty_milli", 0))
            price = f"{qty} × {money(line.get('unit_price_minor', 0), currency)}"
            label = line.get("title") or self.word(f"agreement.line.kind.{line.get('kind')}")
            yield Row(str(label), f"{price} = {money(line.get('amount_minor', 0), currency)}")
        yield self.row("total", money(fee.get("total_minor", 0), currency), strong=True)
        if agreement:
            agreed = money(agreement.get("total_minor", 0), str(agreement.get("currency", "")))
            when = self.time(agreement.get("signed_at"))
            yield self.row("agreed", " · ".join(filter(None, (agreed, agreement.get("signer_name"), when))))

    def sign_off(self, signed: SignedOff) -> Iterator[Row]:
        verdict = "voucher.accepted" if signed.accepted else "voucher.refused"
        yield self.row("result", self.word(verdict), strong=True)
        yield self.row("refusal_reason", signed.refusal_reason)
        yield self.row("opinion", signed.opinion)
        yield self.row("signer", " · ".join(filter(None, (signed.signer_name, signed.signer_role))))
        yield self.row("signed_at", show_wall(signed.signed_at, self.time_zone))
        yield self.row("engineer", signed.engineer_name)
        yield self.row("report_number", signed.number)
        yield self.row("hash", signed.content_hash)
