"""From a form to a command and back: who may give it, and what a refusal says beside which field.

Owns the wording of refusals on pages and the reading of form fields. Judges nothing: the registry and the commands do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from starlette.requests import Request

from common.i18n import has_key, translate
from common.kernel.clock import instant
from common.kernel.command import REGISTRY, Place, Role
from common.kernel.outcome import Outcome, Refused
from common.sla.calendar import as_utc
from common.tickets.wording import say_reason
from sync_server.console.site import Site

TEXT_LONGEST = 20_000


def may(roles: Collection[Role], kind: str) -> bool:
    """Say whether one of these roles gives a command at the office, as the registry has it (R171)."""
    spec = REGISTRY.get(kind)
    return spec is not None and Place.OFFICE in spec.places and not spec.roles.isdisjoint(roles)


def say_refusal(outcome: Outcome, language: str, time_zone: str) -> str:
    """Say why a command was refused."""
    code = outcome.code if has_key(f"reason.{outcome.code}") else "request_refused"
    values = dict(outcome.values)
    for name in ("where", "field"):
        if name in values:
            values[name] = label_of(str(values[name]), language)
    return say_reason(code, values, language, time_zone)


def label_of(where: str, language: str) -> str:
    """Name a command's field in words; `a.caller` is the caller's."""
    name = where.rpartition(".")[2].partition("[")[0]
    return translate(language, f"field.{name}") if has_key(f"field.{name}") else name


def field_of(outcome: Outcome, fields: Collection[str], by_code: Mapping[str, str] | None = None) -> str:
    """Name the form's field a refusal belongs to, '' for the whole form."""
    where = str(outcome.values.get("where", "")).removeprefix("a.").split("[")[0]
    for name in ((by_code or {}).get(outcome.code, ""), where, str(outcome.values.get("field", ""))):
        if name in fields:
            return name
    return ""


async def read_form(request: Request) -> dict[str, str]:
    """Read a form's fields as text, ends trimmed; a field sent twice counts once, files not at all."""
    form = await request.form()
    return {
        name: value.replace("\r\n", "\n").strip()[:TEXT_LONGEST]
        for name, value in form.items()
        if isinstance(value, str)
    }


def read_day(text: str) -> date | None:
    """Read a day of a form; None where nothing was entered. Refuses `day_not_readable`."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused("day_not_readable") from None


def read_wall(day: str, clock: str, time_zone: str) -> datetime | None:
    """Read a local day and time of a form as an instant; None where the day is empty. Refuses `day_not_readable`."""
    on = read_day(day)
    if on is None:
        return None
    try:
        return as_utc(datetime.combine(on, time.fromisoformat(clock or "00:00"), ZoneInfo(time_zone)))
    except (ValueError, OverflowError):
        raise Refused("day_not_readable") from None


def times_of_day(step_min: int = 15) -> list[tuple[str, str]]:
    """List the times of a day for a choice: the same 24 hours whatever the browser's own clock looks like."""
    shown = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(0, 1440, step_min)]
    return [(one, one) for one in shown]


def choices(language: str, area: str, codes: Collection[str]) -> list[tuple[str, str]]:
    """List codes with their words `<area>.<code>`, for choices of a form or filter."""
    return [(code, translate(language, f"{area}.{code}")) for code in codes]


def reader_roles(site: Site, request: Request) -> frozenset[Role]:
    """Return the roles of who is reading."""
    found = site.signed_in(request)
    return found.roles if found is not None else frozenset()


def now_of(site: Site) -> datetime:
    """Return the server's time."""
    return instant(site.database.clock.read().wall_ms)


def today_of(site: Site) -> date:
    """Return the local day at the office."""
    return now_of(site).astimezone(ZoneInfo(site.settings.time_zone)).date()
