"""Plans for persons: who they are, their roles and zones, skills, certificates and van (R165, R171)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.inbox.edits import Change
from common.kernel.ids import derive_id
from common.kernel.text import fold
from common.people.fitness_commands import AddQualification
from common.people.person import Person, Qualification
from common.people.person_commands import AddPerson, EditPerson, ReactivatePerson, SetRoles, SetZones
from common.stock.location import StockLocation
from common.stock.stock_commands import AssignVan, RegisterLocation
from sync_server.imports.pinyin import spell
from sync_server.imports.plan import Line, Notes, Planned, edits_of, fresh_id, has_all, planned, taken_up
from sync_server.imports.plan_stock import location_id_for
from sync_server.imports.values import BadCell, read_day
from sync_server.imports.words import code_for, codes_of, zones_known

FIELDS = ("name", "phone", "email", "language")
Held = tuple[str, str, str, date | None]


def person_id_for(number: str) -> str:
    """Name a person by the staff number, so that the same row is the same person in every import."""
    return derive_id("import", "person", number)


def plan_people(session: Session, lines: list[Line], notes: Notes) -> Iterator[Planned]:
    """Plan each person. Notes `word_unknown` for roles, `zone_unknown`, `certificate_unreadable`."""
    people = {person.number: person for person in session.scalars(select(Person))}
    vans = {place.code: place for place in session.scalars(select(StockLocation))}
    revoked = set(session.scalars(select(Qualification.id).where(Qualification.revoked.is_(True))))
    held: dict[str, set[Held]] = defaultdict(set)
    for q in session.scalars(select(Qualification).where(Qualification.revoked.is_(False))):
        held[q.person_id].add((q.kind, q.code, q.number, q.valid_until_on))
    zones = zones_known(session)
    for line in lines:
        number = line.values["number"]
        person = people.get(number)
        roles, own_zones = _roles(line, notes), _zones(line, notes, zones)
        wanted_held = _qualifications(line, notes)
        if roles is None or own_zones is None or wanted_held is None:
            continue
        wanted: dict[str, Any] = line.of(*FIELDS)
        if "name" in wanted:
            wanted["pinyin"] = spell(wanted["name"])[0]
        person_id = person.id if person else person_id_for(number)
        if person is None:
            if not has_all(line, notes, "name", "roles"):
                continue
            commands: list[Any] = [AddPerson(person_id, number, roles=roles, zones=own_zones, **wanted)]
            changes: list[Change] = []
        else:
            commands, changes = _edits(line, person, wanted, roles, own_zones)
        missing = sorted(wanted_held - held[person_id], key=str)
        commands += [_qualification(person_id, one, revoked) for one in missing]
        commands += _van(line, person_id, vans)
        title = line.values.get("name", person.name if person else "")
        yield planned(line, number, title, changes, *commands, new=person is None)


def _edits(
    line: Line, person: Person, wanted: dict[str, Any], roles: tuple[str, ...], zones: tuple[str, ...]
) -> tuple[list[Any], list[Change]]:
    changes = list(edits_of(person, wanted))
    commands: list[Any] = [EditPerson(person.id, tuple(changes))] if changes else []
    if not person.active:
        commands.append(ReactivatePerson(person.id))
        changes += taken_up(person)
    if "roles" in line.values and set(roles) != set(person.roles):
        commands.append(SetRoles(person.id, roles))
        changes.append(Change("roles", ", ".join(person.roles), ", ".join(roles)))
    if "zones" in line.values and set(zones) != set(person.zones):
        commands.append(SetZones(person.id, zones))
        changes.append(Change("zones", ", ".join(person.zones), ", ".join(zones)))
    return commands, changes


def _roles(line: Line, notes: Notes) -> tuple[str, ...] | None:
    words = line.values.get("roles", ())
    codes = tuple(code for word in words if (code := code_for("role", word)))
    if len(codes) == len(words):
        return codes
    unknown = next(word for word in words if code_for("role", word) is None)
    notes.add("word_unknown", line.line, "roles", value=unknown, known=codes_of("role"))
    return None


def _zones(line: Line, notes: Notes, known: dict[str, str]) -> tuple[str, ...] | None:
    words = line.values.get("zones", ())
    if not known:
        return tuple(words)
    unknown = [word for word in words if fold(word) not in known]
    if unknown:
        codes = ", ".join(dict.fromkeys(known.values()))
        notes.add("zone_unknown", line.line, "zones", value=unknown[0], known=codes)
        return None
    return tuple(known[fold(word)] for word in words)


def _qualifications(line: Line, notes: Notes) -> set[Held] | None:
    """Read skills (`code`) and certificates (`code:number:last day`, the last two may be missing)."""
    found: set[Held] = {("skill", code, "", None) for code in line.values.get("skills", ())}
    for text in line.values.get("certificates", ()):
        code, number, until = (*text.split(":"), "", "")[:3]
        try:
            until_on = read_day(until) if until.strip() else None
        except BadCell:
            notes.add("certificate_unreadable", line.line, "certificates", value=text)
            return None
        found.add(("certificate", code.strip(), number.strip(), until_on))
    return found


def _qualification(person_id: str, one: Held, revoked: set[str]) -> AddQualification:
    kind, code, number, until_on = one
    ends = until_on.isoformat() if until_on else ""
    qualification_id = fresh_id(revoked, "qualification", person_id, kind, code, number, ends)
    return AddQualification(qualification_id, person_id, kind, code, number, until_on)  # type: ignore[arg-type]


def _van(line: Line, person_id: str, vans: dict[str, StockLocation]) -> list[Any]:
    code = line.values.get("van", "")
    if not code:
        return []
    van = vans.get(code)
    if van is None:
        return [RegisterLocation(location_id_for(code), code, code, "van", person_id)]
    return [] if van.person_id == person_id else [AssignVan(van.id, person_id)]
