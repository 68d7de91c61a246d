"""What an action on a ticket is made of: when it is offered, which fields it asks for, which command it gives.

Owns the shapes. The table of actions stands in `actions.py`; who may give a command is the registry's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from common.kernel.ids import derive_id
from common.kernel.outcome import Refused
from sync_server.console.commands import read_wall
from sync_server.tickets.ticket_file import TicketFile

Options = Sequence[tuple[str, str]]
FieldKind = Literal["line", "text", "select", "choices", "check", "day", "number", "engineer", "fixed", "old"]
LEAST_MIN = 15


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an action's form. `label` is a catalogue key, `options` pairs of value and words."""

    name: str
    kind: FieldKind = "line"
    label: str = ""
    default: str = ""
    options: Options = ()
    is_required: bool = True
    hint: str = ""
    css: str = ""
    most: int = 200

    @property
    def label_key(self) -> str:
        """Return the label's key; without one it is the command's field."""
        return self.label or f"field.{self.name}"


@dataclass(frozen=True, slots=True)
class Ask:
    """One action being asked for: the ticket as it stands, what was typed, by whom, about which of its parts."""

    file: TicketFile
    subject: str
    command_id: str
    language: str
    time_zone: str
    reader_name: str
    now: datetime
    values: Mapping[str, str] = field(default_factory=dict)
    engineers: Options = ()
    units: Options = ()
    free_at: datetime | None = None  # when a visit could begin at the earliest

    @property
    def ticket_id(self) -> str:
        """Return the ticket's id."""
        return self.file.ticket.id

    def text(self, name: str) -> str:
        """Return what was typed into a field."""
        return self.values.get(name, "")

    def new_id(self, kind: str) -> str:
        """Name a row this command makes, the same however often the form is sent."""
        return derive_id(self.command_id, kind)

    def day_of(self, at: datetime | None) -> str:
        """Write an instant's local day for a form."""
        return at.astimezone(ZoneInfo(self.time_zone)).date().isoformat() if at else ""

    def clock_of(self, at: datetime | None) -> str:
        """Write an instant's local time for a form."""
        return f"{at.astimezone(ZoneInfo(self.time_zone)):%H:%M}" if at else ""

    def window(self) -> tuple[datetime, datetime]:
        """Read day, start and end. Refuses `window_incomplete`, `day_not_readable`."""
        begins = read_wall(self.text("on"), self.text("start"), self.time_zone)
        ends = read_wall(self.text("on"), self.text("end"), self.time_zone)
        if begins is None or ends is None or not (self.text("start") and self.text("end")):
            raise Refused("window_incomplete")
        return begins, ends

    def slot(self) -> tuple[datetime, datetime]:
        """Read day, start and minutes. Refuses `window_incomplete`, `day_not_readable`."""
        begins = read_wall(self.text("on"), self.text("start"), self.time_zone)
        minutes = self.text("duration")
        if begins is None or not self.text("start") or not minutes.isdecimal() or len(minutes) > 5:
            raise Refused("window_incomplete")
        return begins, begins + timedelta(minutes=max(int(minutes), LEAST_MIN))

    def part(self, rows: Sequence[Any]) -> Any:
        """Find the part of the ticket the action is about. Refuses `not_found`."""
        found = next((row for row in rows if row.id == self.subject), None)
        if found is None:
            raise Refused("not_found")
        return found


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done. `kind` is the command's; `per_part` actions stand beside a part of the ticket."""

    kind: str
    icon: str
    fits: Callable[[TicketFile], bool]
    fields: Callable[[Ask], Sequence[Field]]
    build: Callable[[Ask], Any]
    tone: str = "outline-secondary"
    per_part: bool = False
    hint: str = ""
    errors_at: Mapping[str, str] = field(default_factory=dict)
