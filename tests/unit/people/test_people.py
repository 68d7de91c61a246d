"""Persons: taken on, changed, qualified, away; and the administrator nobody can take away."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from common.inbox.records import FieldConflict
from common.kernel.command import Role
from common.kernel.scope import grants_of
from common.people.fitness_commands import AddQualification, CancelAbsence, RecordAbsence, RevokeQualification
from common.people.person import (
    Absence,
    Person,
    absences_between,
    find_people,
    people_with_role,
    roles_of,
    valid_qualifications,
)
from common.people.person_commands import (
    AddPerson,
    DeactivatePerson,
    EditPerson,
    ReactivatePerson,
    SetRoles,
    SetZones,
)
from tests.support.world import World, change

ADMIN = Role.ADMINISTRATOR


def test_a_person_is_added_once_and_found(world: World) -> None:
    payload = AddPerson(
        world.id(), "E07", "陳志明", ("engineer",), pinyin="chen zhi ming", phone="13800001234"
    )
    assert world.do(payload).status == "ok"
    assert world.do(payload).status == "noop"
    for typed in ("e07", "陈志明", "陳志明", "chenzhi", "zhi ming", "1380000"):
        assert [p.id for p in find_people(world.session, typed)] == [payload.person_id], typed
    assert world.do(AddPerson(world.id(), "E07", "另一个", ())).code == "number_taken"


def test_roles_are_known_ones_and_only_while_active(world: World) -> None:
    world.a_person(ADMIN)
    person = world.a_person(Role.ENGINEER)
    assert world.do(SetRoles(person, ("wizard",))).code == "role_unknown"
    assert world.do(SetRoles(person, ("system",))).code == "role_unknown"
    world.must(SetRoles(person, ("supervisor", "engineer")))
    assert world.do(SetRoles(person, ("engineer", "supervisor"))).status == "noop"
    assert roles_of(world.get(Person, person)) == {Role.ENGINEER, Role.SUPERVISOR}
    world.must(DeactivatePerson(person))
    assert roles_of(world.get(Person, person)) == frozenset()
    assert person not in {p.id for p in people_with_role(world.session, Role.ENGINEER)}
    world.must(ReactivatePerson(person))
    assert Role.SUPERVISOR in roles_of(world.get(Person, person))


@pytest.mark.fault("G12")
@pytest.mark.parametrize("leave", [lambda p: SetRoles(p, ("engineer",)), DeactivatePerson])
def test_the_last_administrator_stays(world: World, leave: object) -> None:
    first, second = world.a_person(ADMIN), world.a_person(ADMIN)
    assert world.do(leave(first)).status == "ok"  # type: ignore[operator]
    assert world.do(leave(second)).code == "last_administrator"  # type: ignore[operator]
    assert ADMIN in roles_of(world.get(Person, second))


def test_an_edit_changes_the_search_text_and_keeps_the_loser(world: World) -> None:
    person = world.a_person(name="王芳")
    world.must(EditPerson(person, (change("name", "王芳", "王芬"),)))
    assert find_people(world.session, "王芬")
    assert not find_people(world.session, "王芳")
    assert world.do(EditPerson(person, (change("name", "王芳", "王方"),))).status == "merged"
    conflict = world.session.query(FieldConflict).one()
    assert (conflict.kept, conflict.lost, conflict.state) == ("王方", "王芬", "open")
    assert world.do(EditPerson(person, (change("roles", "", "[]"),))).code == "field_not_editable"
    assert world.do(EditPerson(person, (change("name", "王方", ""),))).code == "field_empty"
    assert world.do(EditPerson(person, (change("language", "zh-Hans", "tlh"),))).code == "language_unknown"


def test_only_administrators_give_roles(world: World) -> None:
    person = world.a_person()
    assert world.do(SetRoles(person, ("administrator",)), roles=(Role.SUPERVISOR,)).code == "not_permitted"
    assert world.do(SetZones(person, ("city",)), roles=(Role.SUPERVISOR,)).status == "ok"
    assert world.do(SetZones(person, ("city",))).status == "noop"


def test_a_certificate_counts_until_its_last_day(world: World) -> None:
    person, held = world.a_person(), world.id()
    world.must(AddQualification(held, person, "certificate", "ventilator", "Z-1", date(2026, 6, 30)))
    world.must(AddQualification(world.id(), person, "skill", "pump"))

    def on(day: date) -> frozenset[str]:
        return valid_qualifications(world.session, person, "certificate", day)

    assert on(date(2026, 6, 30)) == {"ventilator"}
    assert on(date(2026, 7, 1)) == frozenset()
    assert world.do(RevokeQualification(held, world.id())).code == "qualification_unknown"
    world.must(RevokeQualification(held, person))
    assert world.do(RevokeQualification(held, person)).status == "noop"
    assert on(date(2026, 6, 30)) == frozenset()
    assert valid_qualifications(world.session, person, "skill", date(2030, 1, 1)) == {"pump"}


def test_an_absence_meets_what_it_overlaps_only(world: World) -> None:
    person, absence = world.a_person(), world.id()
    start, end = world.now, world.now + timedelta(hours=4)
    assert world.do(RecordAbsence(absence, person, end, start)).code == "window_backwards"
    world.must(RecordAbsence(absence, person, start, end, "培训"))

    def met(from_h: int, until_h: int) -> list[Absence]:
        window = (start + timedelta(hours=from_h), start + timedelta(hours=until_h))
        return absences_between(world.session, [person], *window)

    assert met(-1, 1)
    assert met(3, 9)
    assert not met(4, 5)
    assert not met(-2, 0)
    world.must(CancelAbsence(absence, person))
    assert not met(0, 4)


def test_a_person_sees_himself(world: World) -> None:
    person = world.a_person()
    assert grants_of(world.session, f"person:{person}") == {(f"user:{person}", f"person:{person}")}
