"""What the office does with persons: take on, change, give roles, let go (R165, register §2).

Owns these commands. The last active administrator keeps his role: someone must be able to undo a mistake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from sqlalchemy import select

from common.inbox.edits import Changes, Winner, after_edit, apply_changes, edited
from common.kernel.command import OFFICE, Nature, Role, command
from common.kernel.fields import Code, Id, Line, Many, Name
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.text import fold
from common.kernel.work import Work
from common.people.person import Person, person_agg, roles_of

Language = Literal["en", "zh-Hans", "zh-Hant"]
RoleNames = Annotated[tuple[Code, ...], Many(8)]
ZoneCodes = Annotated[tuple[Code, ...], Many(40)]
EDITABLE = {field: Winner.LATER for field in ("name", "pinyin", "phone", "email", "language")}


@dataclass(frozen=True, slots=True)
class AddPerson:
    """Take a person on (R165). `pinyin` is made by the caller."""

    person_id: Id
    number: Code
    name: Name
    roles: RoleNames
    pinyin: Line = ""
    phone: Line = ""
    email: Line = ""
    language: Language = "zh-Hans"
    zones: ZoneCodes = ()


@dataclass(frozen=True, slots=True)
class EditPerson:
    """Change a person's name, telephone, e-mail or language (R165)."""

    person_id: Id
    changes: Changes


@dataclass(frozen=True, slots=True)
class SetRoles:
    """Say what a person may do (R171)."""

    person_id: Id
    roles: RoleNames


@dataclass(frozen=True, slots=True)
class SetZones:
    """Say in which zones a person works (R047)."""

    person_id: Id
    zones: ZoneCodes


@dataclass(frozen=True, slots=True)
class DeactivatePerson:
    """End a person's access (R171)."""

    person_id: Id


@dataclass(frozen=True, slots=True)
class ReactivatePerson:
    """Give a person's access back (R171)."""

    person_id: Id


@command(
    AddPerson,
    nature=Nature.INTENT,
    roles=(Role.ADMINISTRATOR,),
    places=OFFICE,
    about=lambda c: person_agg(c.person_id),
)
def add_person(work: Work, c: AddPerson) -> Outcome:
    """Add a person. Refuses `role_unknown`, `number_taken`."""
    if work.get(Person, c.person_id) is not None:
        return NOOP
    if work.session.scalar(select(Person.id).where(Person.number == c.number)) is not None:
        raise Refused("number_taken", number=c.number)
    person = Person(
        id=c.person_id,
        agg=person_agg(c.person_id),
        number=c.number,
        name=c.name,
        pinyin=c.pinyin,
        phone=c.phone,
        email=c.email,
        language=c.language,
        roles=list(read_roles(c.roles)),
        active=True,
        zones=sorted(set(c.zones)),
        van_location_id=None,
        edited_by=work.actor.person_id,
    )
    fold_person(work, person)
    work.add(person)
    return OK


@command(
    EditPerson,
    nature=Nature.EDIT,
    roles=(Role.ADMINISTRATOR,),
    places=OFFICE,
    about=lambda c: person_agg(c.person_id),
)
def edit_person(work: Work, c: EditPerson) -> Outcome:
    """Merge changes into a person. Refuses `language_unknown` beside the codes of `apply_changes`."""
    if any(
        change.field == "language" and change.new not in ("en", "zh-Hans", "zh-Hant") for change in c.changes
    ):
        raise Refused("language_unknown")
    return apply_changes(work, work.need(Person, c.person_id), c.changes, EDITABLE, needed=("name",))


@command(
    SetRoles,
    nature=Nature.INTENT,
    roles=(Role.ADMINISTRATOR,),
    places=OFFICE,
    about=lambda c: person_agg(c.person_id),
)
def set_roles(work: Work, c: SetRoles) -> Outcome:
    """Replace a person's roles. Refuses `role_unknown`, `last_administrator`."""
    person = work.need(Person, c.person_id)
    roles = list(read_roles(c.roles))
    if person.roles == roles:
        return NOOP
    if Role.ADMINISTRATOR not in roles:
        keep_an_administrator(work, person)
    person.roles = roles
    edited(work, person)
    return OK


@command(
    SetZones,
    nature=Nature.INTENT,
    roles=(Role.ADMINISTRATOR, Role.SUPERVISOR),
    places=OFFICE,
    about=lambda c: person_agg(c.person_id),
)
def set_zones(work: Work, c: SetZones) -> Outcome:
    """Replace a person's zones."""
    person = work.need(Person, c.person_id)
    zones = sorted(set(c.zones))
    if person.zones == zones:
        return NOOP
    person.zones = zones
    edited(work, person)
    return OK


@command(
    DeactivatePerson,
    nature=Nature.INTENT,
    roles=(Role.ADMINISTRATOR,),
    places=OFFICE,
    about=lambda c: person_agg(c.person_id),
)
def deactivate_person(work: Work, c: DeactivatePerson) -> Outcome:
    """End access. Refuses `last_administrator`."""
    person = work.need(Person, c.person_id)
    if not person.active:
        return NOOP
    keep_an_administrator(work, person)
    person.active = False
    edited(work, person)
    return OK


@command(
    ReactivatePerson,
    nature=Nature.INTENT,
    roles=(Role.ADMINISTRATOR,),
    places=OFFICE,
    about=lambda c: person_agg(c.person_id),
)
def reactivate_person(work: Work, c: ReactivatePerson) -> Outcome:
    """Give access back, with the roles he had."""
    person = work.need(Person, c.person_id)
    if person.active:
        return NOOP
    person.active = True
    edited(work, person)
    return OK


def read_roles(names: tuple[str, ...]) -> tuple[str, ...]:
    """Check role names and put them in order. Refuses `role_unknown`; SYSTEM is nobody's."""
    known = [role.value for role in Role if role is not Role.SYSTEM]
    for name in names:
        if name not in known:
            raise Refused("role_unknown", role=name)
    return tuple(role for role in known if role in names)


def keep_an_administrator(work: Work, leaving: Person) -> None:
    """Refuse `last_administrator` if nobody else active is one. Holds the active persons against a race of two."""
    if Role.ADMINISTRATOR not in roles_of(leaving):
        return
    active = work.rows(select(Person).where(Person.active.is_(True)).order_by(Person.id).with_for_update())
    if not any(Role.ADMINISTRATOR in roles_of(other) for other in active if other.id != leaving.id):
        raise Refused("last_administrator")


@after_edit(Person)
def fold_person(work: Work, person: Person) -> None:
    """Make the text a person is found by."""
    words = (
        person.number,
        person.name,
        person.pinyin,
        person.pinyin.replace(" ", ""),
        person.phone,
        person.email,
    )
    person.folded = fold(" ".join(words))
