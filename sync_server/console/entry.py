"""A form that was sent: each field read as what it should be, what is wrong said beside the field.

Owns reading and the way from a refusal to a field. Judges nothing of the business: commands do.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, BinaryIO

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from common.i18n import has_key, translate
from common.inbox.edits import Change
from common.kernel.clock import instant
from common.kernel.ids import derive_id, is_id
from common.kernel.outcome import Outcome, Refused
from common.kernel.quantity import LARGEST_MINOR, parse_quantity
from common.kernel.text import tidy
from sync_server.console.commands import field_of, label_of, read_wall, say_refusal
from sync_server.console.formats import MINOR_DIGITS
from sync_server.console.forms import FormState

# Which field a refusal without a field of its own belongs to; any other belongs to the whole form.
FIELD_OF = {
    "number_taken": "number",
    "serial_taken": "serial",
    "person_unknown": "person_id",
    "customer_unknown": "customer_id",
    "equipment_model_unknown": "model_id",
    "language_unknown": "language",
    "role_unknown": "roles",
    "last_administrator": "roles",
    "login_taken": "login",
    "login_missing": "login",
    "count_negative": "counted",
    "same_location": "to_location_id",
    "quantity_not_positive": "qty",
    "only_vans_have_drivers": "person_id",
}


@dataclass(slots=True)
class Entry:
    """The fields of one form. Reading a field that is wrong notes a sentence under its name and returns a stand-in."""

    language: str
    time_zone: str
    values: dict[str, str]
    lists: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, UploadFile] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def command_id(self) -> str:
        """Return the id the form carries for its command, '' where it is none of ours."""
        given = self.values.get("command_id", "")
        return given if is_id(given) else ""

    def new_id(self, word: str) -> str:
        """Name the thing this form makes: sent twice, it is the same thing. Refuses `field_missing`."""
        if not self.command_id:
            raise Refused("field_missing", where="command_id")
        return derive_id("console", self.command_id, word)

    def text(self, name: str) -> str:
        """Read text as the codec will keep it."""
        return tidy(self.values.get(name, ""))

    def file(self, name: str, at_most: int) -> bytes:
        """Read the first bytes of a file that was chosen; none where none was."""
        upload = self.files.get(name)
        return upload.file.read(at_most) if upload is not None and upload.filename else b""

    def opened(self, name: str) -> BinaryIO:
        """Give a file that was chosen for reading; an empty one where none was."""
        upload = self.files.get(name)
        return upload.file if upload is not None else io.BytesIO()

    def flag(self, name: str) -> bool:
        """Read a tick."""
        return self.values.get(name, "") in ("1", "true", "on")

    def choice(self, name: str, allowed: Iterable[str], otherwise: str = "") -> str:
        """Read one of several words; anything else is noted."""
        value = self.text(name)
        if value in tuple(allowed):
            return value
        self.wrong(name, "choice_unknown" if value else "text_missing")
        return otherwise

    def identifier(self, name: str, *, needed: bool = True) -> str | None:
        """Read an id; None where it may be left empty."""
        value = self.text(name)
        if not value and not needed:
            return None
        if not is_id(value):
            self.wrong(name, "type_id" if value else "text_missing")
        return value

    def day(self, name: str, *, needed: bool = False) -> date | None:
        """Read a local day."""
        value = self.text(name)
        try:
            return date.fromisoformat(value) if value or needed else None
        except ValueError:
            self.wrong(name, "type_day" if value else "text_missing")
            return None

    def instant(self, day: str, clock: str) -> datetime:
        """Read a local day and time of the office as an instant."""
        try:
            read = read_wall(self.text(day), self.text(clock), self.time_zone)
        except Refused as refused:
            self.wrong(day, refused.code)
            read = instant(0)
        if read is None:
            self.wrong(day, "text_missing")
        return read or instant(0)

    def whole(self, name: str) -> int | None:
        """Read a whole number; None where it is empty."""
        value = self.text(name)
        if not value:
            return None
        if not value.isdecimal() or len(value) > 9:
            self.wrong(name, "type_int")
            return None
        return int(value)

    def qty(self, name: str) -> Decimal:
        """Read a quantity."""
        value = self.text(name)
        try:
            return parse_quantity(value)
        except ValueError:
            self.wrong(name, "quantity_not_a_number" if value else "text_missing")
            return Decimal(0)

    def minor(self, name: str, currency: str) -> int:
        """Read an amount of money as a person writes it, into minor units."""
        value = self.text(name).replace(",", "")
        try:
            amount = Decimal(value).scaleb(MINOR_DIGITS.get(currency, 2))
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount != amount.to_integral_value() or not 0 <= amount <= LARGEST_MINOR:
            self.wrong(name, "amount_not_readable" if value else "text_missing")
            return 0
        return int(amount)

    def changes(self, names: Iterable[str], flags: Iterable[str] = ()) -> tuple[Change, ...]:
        """Read the edits of a form that carries each field's old value as `was_<field>`."""
        ticks = frozenset(flags)
        found = []
        for name in names:
            if name not in self.values and name not in ticks:
                continue
            new = str(int(self.flag(name))) if name in ticks else self.text(name)
            old = self.values.get(f"was_{name}", "")
            if tidy(old) != new:
                found.append(Change(name, old, new))
        return tuple(found)

    def wrong(self, name: str, code: str, **values: str | int) -> None:
        """Note what is wrong with a field."""
        label = label_of(name, self.language)
        told = {"where": label, "field": label, **values}
        self.errors.setdefault(name, translate(self.language, f"reason.{code}", **told))

    def refused(self, outcome: Outcome, by_code: Mapping[str, str] | None = None) -> None:
        """Put a refusal beside the field it is about, or before the whole form."""
        name = field_of(outcome, {*self.values, *self.lists}, {**FIELD_OF, **(by_code or {})})
        self.errors.setdefault(
            name if name in self.values else "", say(outcome, self.language, self.time_zone)
        )

    @property
    def state(self) -> FormState:
        """Return what the form is drawn with again."""
        labels = {name: label_of(name, self.language) for name in self.errors if name}
        return FormState(dict(self.values), dict(self.errors), labels)


def amount_text(amount_minor: int, currency: str) -> str:
    """Write minor units as a person types them, as `Entry.minor` reads them."""
    digits = MINOR_DIGITS.get(currency, 2)
    return f"{Decimal(amount_minor).scaleb(-digits):.{digits}f}"


def say(outcome: Outcome, language: str, time_zone: str) -> str:
    """Say a refusal in words; policy data names its own fault."""
    fault = f"policy.error.{outcome.values.get('fault', '')}"
    if outcome.code == "policy_unusable" and has_key(fault):
        return translate(language, fault, **outcome.values)
    return say_refusal(outcome, language, time_zone)


async def read_entry(request: Request) -> Entry:
    """Route dependency: read the form that was sent."""
    site = request.app.state.site
    form = await request.form()
    entry = Entry(site.language(request), site.settings.time_zone, {})
    for name, value in form.multi_items():
        if isinstance(value, str):
            entry.values[name] = value.replace("\r\n", "\n")
            entry.lists.setdefault(name, []).append(entry.values[name])
        else:
            entry.files[name] = value
    return entry


Sent = Annotated[Entry, Depends(read_entry)]
