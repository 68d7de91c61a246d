"""A policy document in words: every figure with its unit and source, what is blank, what is to be confirmed.

Owns the wording. Reads the raw document, so that nothing of it is left out; checking it is `common.policy`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.i18n import LANGUAGES, has_key, translate
from sync_server.console.formats import format_money, format_qty

FACETS = (
    "calendar", "clocks", "zones", "levels", "urgencies", "warranty", "cause_codes", "fee", "checklists", "report_fields",
    "signature", "satisfaction", "fault_codes", "channels", "files", "figures",
)  # fmt: skip
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SILENT = frozenset({"title", "source", "code", "confirm", "note"})
PREFIXES = {
    "clock": "sla.clock",
    "start": "sla.event",
    "stop": "sla.event",
    "warranty": "policy.warranty",
    "after_expiry": "policy.after_expiry",
    "start_event": "policy.start_event",
    "unit": "policy.unit",
    "kind": "policy.item_kind",
}
OTHERWISE = {"calendar.zone": "time_zone"}
NAMED = {"level": "levels", "urgency": "urgencies", "zone": "zones"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One value of a row: None stands for blank. `path` is where it is changed."""

    label: str
    text: str | None
    path: str


@dataclass(frozen=True, slots=True)
class Row:
    """One thing of the policy with its figures."""

    depth: int
    label: str
    code: str
    figures: tuple[Figure, ...]
    source: str
    path: str
    to_confirm: bool


@dataclass(frozen=True, slots=True)
class Section:
    """One facet."""

    name: str
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class PolicyWords:
    """A policy document and the language it is read in."""

    data: Mapping[str, Any]
    language: str
    currency: str = field(init=False, default="CNY")

    def __post_init__(self) -> None:
        fee = self.data.get("fee")
        object.__setattr__(self, "currency", fee.get("currency", "CNY") if isinstance(fee, dict) else "CNY")

    def sections(self) -> list[Section]:
        """List all facets with their rows."""
        return [
            Section(
                name,
                translate(self.language, f"policy.facet.{name}"),
                tuple(self._rows(name, self.data[name], name, 0)),
            )
            for name in FACETS
            if name in self.data
        ]

    def label_of(self, path: str) -> str:
        """Name a place of the document as people do: the thing, then the figure."""
        around, _, key = path.rpartition(".")
        if not around or key.endswith("]"):
            return self._thing(path)
        return translate(
            self.language, "console.policy.place", thing=self._thing(around), figure=self._label(path)
        )

    def key(self, name: str) -> str:
        """Name a key."""
        if name in WEEKDAYS:
            return translate(self.language, f"console.format.weekday.{WEEKDAYS.index(name) + 1}")
        return translate(self.language, f"policy.key.{name}") if has_key(f"policy.key.{name}") else name

    def _label(self, path: str) -> str:
        """Name the figure at a path: the calendar's zone is one of time, elsewhere it is one of service."""
        return self.key(OTHERWISE.get(path, path.rpartition(".")[2]))

    def title(self, node: Mapping[str, Any]) -> str:
        """Return a node's title in the reader's language, '' where it has none."""
        names = node.get("title")
        place = LANGUAGES.index(self.language) if self.language in LANGUAGES else 0
        return str(names[place]) if isinstance(names, list) and len(names) == len(LANGUAGES) else ""

    def _thing(self, path: str) -> str:
        node = find(self.data, path)
        facet = path.partition(".")[0].partition("[")[0]
        area = translate(self.language, f"policy.facet.{facet}") if facet in FACETS else facet
        title = (self.title(node) or str(node.get("code", ""))) if isinstance(node, dict) else ""
        return f"{area} · {title}" if title else area

    def _rows(self, name: str, node: Any, path: str, depth: int) -> Iterator[Row]:
        if isinstance(node, list):
            for place, item in enumerate(node):
                if isinstance(item, dict):
                    yield from self._rows(name, item, f"{path}[{item.get('code', place)}]", depth)
            return
        figures = tuple(self._figures(node, path))
        label = (
            self.title(node) or str(node.get("code", "")) or translate(self.language, "policy.key.general")
        )
        if figures or node.get("source"):
            yield Row(
                depth, label, str(node.get("code", "")), figures, str(node.get("source", "")), path,
                node.get("confirm") is True,
            )  # fmt: skip
        for key, value in node.items():
            if (
                isinstance(value, list)
                and value
                and isinstance(value[0], dict)
                and key not in ("holidays", "extra_working_days")
            ):
                yield from self._rows(key, value, f"{path}.{key}", depth + 1)

    def _figures(self, node: Mapping[str, Any], path: str) -> Iterator[Figure]:
        for key, value in node.items():
            place = f"{path}.{key}"
            if key in SILENT or (key == "unit" and ("amount" in node or "amount_minor" in node)):
                continue
            if isinstance(value, dict):
                for day, hours in sorted(value.items(), key=lambda item: WEEKDAYS.index(item[0])):
                    yield Figure(
                        self.key(day),
                        ", ".join(hours) or translate(self.language, "policy.closed"),
                        f"{place}.{day}",
                    )
            elif key in ("holidays", "extra_working_days"):
                days = "; ".join(self._day(item) for item in value)
                yield Figure(self.key(key), days or translate(self.language, "policy.none"), place)
            elif isinstance(value, list) and value and isinstance(value[0], dict):
                continue
            else:
                yield Figure(self._label(place), self._text(key, value, node), place)

    def _day(self, item: Mapping[str, Any]) -> str:
        until = f"–{item['to']}" if "to" in item else ""
        return f"{item.get('on', '')}{until} {self.title(item)}"

    def _text(self, key: str, value: Any, node: Mapping[str, Any]) -> str | None:
        if value is None:
            return None
        if isinstance(value, bool):
            return translate(self.language, f"inbox.value.{str(value).lower()}")
        if isinstance(value, list):
            return ", ".join(str(one) for one in value) or translate(self.language, "policy.none")
        if key == "amount" and "unit" in node:
            return f"{format_qty(value)} {self._word('unit', str(node['unit']))}"
        if key.endswith("_minor"):
            unit = f" / {self._word('unit', node['unit'])}" if "unit" in node else ""
            return format_money(value, self.currency, self.language) + unit
        if key == "warn_pct":
            return f"{value} %"
        if isinstance(value, int):
            return format_qty(value)
        return self._word(key, str(value))

    def _word(self, key: str, value: str) -> str:
        if key in PREFIXES and has_key(f"{PREFIXES[key]}.{value}"):
            return translate(self.language, f"{PREFIXES[key]}.{value}")
        for item in self.data.get(NAMED.get(key, ""), ()):
            if item.get("code") == value:
                return self.title(item)
        return value


def in_order(paths: Iterable[str]) -> list[str]:
    """Sort places as the page lists them: by facet, as they stand within one."""

    def rank(path: str) -> int:
        facet = path.partition(".")[0].partition("[")[0]
        return FACETS.index(facet) if facet in FACETS else len(FACETS)

    return sorted(paths, key=rank)


def find(data: Any, path: str) -> Any:
    """Return what stands at a path as policies write them (`zones[city].match`), None where nothing does."""
    node = data
    for part in path.replace("[", ".[").split("."):
        if not part:
            continue
        if part.startswith("["):
            code = part[1:-1]
            items = node if isinstance(node, list) else []
            node = next(
                (item for item in items if isinstance(item, dict) and str(item.get("code")) == code), None
            )
        else:
            node = node.get(part) if isinstance(node, dict) else None
        if node is None:
            return None
    return node
