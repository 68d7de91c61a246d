"""How each facet of a policy is read from data (§5.1): calendar, clocks, zones, warranty, fee, forms.

Owns bounds and closed word lists of the facets. Decides nothing about tickets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from common.policy.model import (
    CauseCode,
    Checklist,
    ChecklistItem,
    Fee,
    Figure,
    Grade,
    Named,
    PriceLine,
    SatisfactionCard,
    SignatureRules,
    Warranty,
    Zone,
)
from common.policy.reader import Node, PolicyError, is_usable_text
from common.policy.titles import Title
from common.sla.calendar import DAY_MIN, Span, WorkingCalendar
from common.sla.rule import CLOCKS, EVENTS, UNITS, ClockRule

T = TypeVar("T")

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)\Z")
FIGURE_UNITS = ("wh", "wd", "h", "d", "week", "month", "year", "pct", "day_of_month", "h_per_day", "minor")
HOLIDAY_DAYS_MAX = 31
OpenDays = dict[date, tuple[Span, ...]]


def read_named(node: Node) -> Named:
    """Read a code with title and source."""
    return Named(node.code(), node.title(), node.text("source"))


def read_zone(node: Node) -> Zone:
    """Read a zone; its patterns may be blank."""
    match: tuple[str, ...] | None = None
    if not node.is_blank("match"):
        patterns: list[str] = []
        for place, pattern in enumerate(node.items("match")):
            if not isinstance(pattern, str) or not is_usable_text(pattern):
                raise PolicyError(f"{node.path}.match[{place}]", "pattern_unusable")
            patterns.append(pattern)
        match = tuple(patterns)
    return Zone(node.code(), node.title(), node.text("source"), match)


def read_clock(node: Node) -> ClockRule:
    """Read a clock rule."""
    return ClockRule(
        code=node.code(),
        clock=node.one_of("clock", CLOCKS),
        title=node.title(),
        source=node.text("source"),
        amount=node.whole_or_blank("amount", 1, 2000),
        unit=node.one_of("unit", UNITS),
        start_event=None if node.is_blank("start") else node.one_of("start", EVENTS),
        stop_event=node.one_of("stop", EVENTS),
        warn_pct=node.whole("warn_pct", 1, 99),
        urgency=node.code("urgency") if node.has("urgency") else None,
        zone=node.code("zone") if node.has("zone") else None,
        level=node.code("level") if node.has("level") else None,
        note=node.title("note") if node.has("note") else None,
    )


def read_calendar(node: Node) -> WorkingCalendar:
    """Read zone, weekly hours, holidays and extra working days (调休)."""
    zone = node.text("zone")
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        node.fail("zone", "zone_unknown", zone[:40])
    node.text("source")
    week_node = node.child("week")
    week = tuple(_read_hours(week_node, day) for day in WEEKDAYS)
    week_node.done()
    if not any(week):
        node.fail("week", "never_open")
    holidays: dict[date, Title] = {}
    extra: OpenDays = {}
    node.coded("years", lambda year: _read_year(year, week, holidays, extra))
    calendar = WorkingCalendar(zone, week, node.whole("working_day_min", 60, DAY_MIN), holidays, extra)
    node.done()
    return calendar


def _read_year(
    node: Node, week: Sequence[tuple[Span, ...]], holidays: dict[date, Title], extra: OpenDays
) -> None:
    year = node.code()
    node.text("source")
    for place, item in enumerate(node.items("holidays")):
        entry = Node(item, f"{node.path}.holidays[{place}]")
        first, title = entry.day("on"), entry.title()
        last = entry.day("to") if entry.has("to") else first
        if not 0 <= (last - first).days < HOLIDAY_DAYS_MAX:
            entry.fail("to", "out_of_range", str(last))
        for offset in range((last - first).days + 1):
            _put(entry, year, holidays, first + timedelta(days=offset), title)
        entry.done()
    for place, item in enumerate(node.items("extra_working_days")):
        entry = Node(item, f"{node.path}.extra_working_days[{place}]")
        entry.title()
        on = entry.day("on")
        if on in holidays:
            entry.fail("on", "day_doubled", str(on))
        _put(entry, year, extra, on, week[WEEKDAYS.index(entry.one_of("like", WEEKDAYS))])
        entry.done()


def _put(entry: Node, year: str, days: dict[date, T], on: date, value: T) -> None:
    if f"{on.year}" != year:
        entry.fail("on", "other_year", str(on))
    if on in days:
        entry.fail("on", "day_doubled", str(on))
    days[on] = value


def _read_hours(node: Node, key: str) -> tuple[Span, ...]:
    spans: list[Span] = []
    for place, text in enumerate(node.items(key)):
        path = f"{node.path}.{key}[{place}]"
        found = HOURS.match(text) if isinstance(text, str) else None
        if found is None:
            raise PolicyError(path, "not_hours", ascii(text)[:40])
        from_h, from_min, to_h, to_min = (int(part) for part in found.groups())
        span = Span(from_h * 60 + from_min, to_h * 60 + to_min)
        if span.end_min > DAY_MIN or span.start_min >= span.end_min:
            raise PolicyError(path, "not_hours", found[0])
        if spans and span.start_min < spans[-1].end_min:
            raise PolicyError(path, "hours_overlap", found[0])
        spans.append(span)
    return tuple(spans)


def read_cause(node: Node) -> CauseCode:
    """Read a cause code and what it does to the warranty."""
    warranty = node.one_of("warranty", ("covered", "excluded", "decide"))
    return CauseCode(node.code(), node.title(), node.text("source"), warranty)


def read_warranty(node: Node, causes: Sequence[CauseCode]) -> Warranty:
    """Read the warranty facet; without `months` the term is by contract only."""
    starts = ("acceptance", "final_acceptance", "sale")
    after = ("paid", "cost_only", "lifetime", "refuse")
    warranty = Warranty(
        source=node.text("source"),
        start_event=None if node.is_blank("start_event") else node.one_of("start_event", starts),
        months=node.whole_or_blank("months", 1, 600) if node.has("months") else None,
        after_expiry=None if node.is_blank("after_expiry") else node.one_of("after_expiry", after),
        excluded_causes=frozenset(c.code for c in causes if c.warranty == "excluded"),
        covered_causes=frozenset(c.code for c in causes if c.warranty == "covered"),
    )
    node.done()
    return warranty


def read_fee(node: Node) -> Fee:
    """Read service types, price list and the ceiling for cash on site; money in minor units."""
    fee = Fee(
        source=node.text("source"),
        currency=node.one_of("currency", ("CNY", "HKD", "MOP", "TWD", "USD", "EUR")),
        service_types=node.coded("service_types", read_named, at_least=1),
        price_list=node.coded("price_list", _read_price),
        small_fee_ceiling_minor=node.whole_or_blank("small_fee_ceiling_minor", 0, 10**9),
        quote_owner=None if node.is_blank("quote_owner") else node.code("quote_owner"),
    )
    node.done()
    return fee


def _read_price(node: Node) -> PriceLine:
    unit = node.one_of("unit", ("h", "visit", "km", "d", "item"))
    amount_minor = node.whole_or_blank("amount_minor", 0, 10**9)
    return PriceLine(node.code(), node.title(), node.text("source"), unit, amount_minor)


def read_checklist(node: Node) -> Checklist:
    """Read a checklist template with its items."""
    product_type = node.code("product_type") if node.has("product_type") else None
    items = node.coded("items", _read_item, at_least=1)
    return Checklist(node.code(), node.title(), node.text("source"), product_type, items)


def _read_item(node: Node) -> ChecklistItem:
    kind = node.one_of("kind", ("tick", "choice", "value"))
    unit = node.text("unit") if kind == "value" else ""
    is_required = node.flag("required")
    return ChecklistItem(node.code(), node.title(), node.text("source"), kind, is_required, unit)


def read_satisfaction(node: Node) -> SatisfactionCard:
    """Read the opinion card: at least two items and two grades, scores falling from best to worst."""
    card = SatisfactionCard(
        source=node.text("source"),
        items=node.coded("items", read_named, at_least=2),
        grades=node.coded("grades", _read_grade, at_least=2),
        is_for_every_job=node.flag("every_job"),
        is_sealed=node.flag("sealed"),
    )
    scores = [grade.score for grade in card.grades]
    if scores != sorted(set(scores), reverse=True):
        node.fail("grades", "scores_not_falling")
    node.done()
    return card


def _read_grade(node: Node) -> Grade:
    return Grade(node.code(), node.title(), node.whole("score", 0, 100))


def read_signature(node: Node) -> SignatureRules:
    """Read what a sign-off needs."""
    rules = SignatureRules(
        source=node.text("source"),
        is_name_required=node.flag("name_required"),
        is_role_required=node.flag("role_required"),
        is_refusal_reason_required=node.flag("refusal_reason_required"),
        is_agreement_needed_for_paid_work=node.flag("agreement_for_paid_work"),
    )
    node.done()
    return rules


def read_figure(node: Node) -> Figure:
    """Read a published figure."""
    amount = node.whole_or_blank("amount", 0, 10**9)
    return Figure(node.code(), node.title(), node.text("source"), amount, node.one_of("unit", FIGURE_UNITS))
