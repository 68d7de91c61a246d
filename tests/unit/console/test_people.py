"""People at the console: entered, given roles, qualified, away, let in and let go."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from common.kernel.command import Role
from common.kernel.outcome import Refused
from common.people.fitness_commands import AddQualification, RecordAbsence
from common.people.person import Absence, Person, Qualification
from common.policy.policy_commands import AdoptPolicy
from common.stock.stock_commands import RegisterLocation
from tests.support.office import Desk, Office, words
from tests.support.served import PASSWORD

LOST = re.compile(r"\b(console|field|reason|command|person|role)\.[a-z]")


@pytest.fixture
def admin(office: Office) -> Desk:
    office.do(AdoptPolicy(office.new(), "medical-device"))
    return office.desk(Role.ADMINISTRATOR, name="Zhou Admin")


def a_person(office: Office, **fields: str) -> str:
    """Take on an engineer with a van."""
    person = office.person(name="李伟", pinyin="li wei", phone="139 0001", **fields)
    office.do(RegisterLocation(office.new(), "V1", "Van 1", "van", person))
    return person


@pytest.mark.parametrize("typed", ["李伟", "liwei", "li wei", "139", "P00"])
def test_a_person_is_found(office: Office, admin: Desk, typed: str) -> None:
    a_person(office)
    assert "李伟" in admin.get(f"/console/people?q={typed}", **{"HX-Request": "true"}).text
    assert "李伟" in admin.page("/console/people?role=engineer")
    assert "李伟" not in admin.page("/console/people?role=dispatcher")
    assert "李伟" not in admin.page("/console/people?active=false")


def test_the_list_shows_role_van_absence_and_what_runs_out(office: Office, admin: Desk) -> None:
    person = a_person(office)
    today, now = office.clock.at.date(), office.clock.at
    office.do(
        AddQualification(office.new(), person, "certificate", "xray", "No 5", today + timedelta(days=20))
    )
    office.do(RecordAbsence(office.new(), person, now - timedelta(hours=1), now + timedelta(days=2), "leave"))
    rows = [words(row) for row in re.findall(r"(?s)<tr>.*?</tr>", admin.page("/console/people?q=李伟"))]
    assert "Engineer" in rows[1]
    assert "Van 1" in rows[1]
    assert "Away now" in rows[1]
    assert "One certificate to renew" in rows[1]
    assert "李伟" in admin.page("/console/people?away=yes")


def test_a_person_is_taken_on_with_roles_and_pinyin(office: Office, admin: Desk) -> None:
    form = {
        "number": "E7",
        "name": "高敏",
        "language": "zh-Hans",
        "roles": ["engineer", "dispatcher"],
        "zones": ["same_city"],
    }
    url = admin.done("/console/people/new", form).partition("?")[0]
    row = office.row(Person, url.rpartition("/")[2])
    assert (row.pinyin, row.roles, row.zones) == ("gao min", ["engineer", "dispatcher"], ["same_city"])
    again = admin.post("/console/people/new", {**form, "roles": []})
    page = words(again.text)
    assert again.status_code == 422
    assert "Roles: must be filled in" in page
    taken = admin.post("/console/people/new", form)
    assert "The number E7 is already in use" in words(taken.text)
    assert taken.text.count(" checked") == 3


def test_roles_and_zones_are_set_and_the_last_administrator_stays(office: Office, admin: Desk) -> None:
    person = a_person(office)
    admin.done(f"/console/people/{person}/roles", {"roles": ["engineer", "supervisor"]})
    admin.done(f"/console/people/{person}/zones", {"zones": ["elsewhere"]})
    row = office.row(Person, person)
    assert (row.roles, row.zones) == (["engineer", "supervisor"], ["elsewhere"])
    answer = admin.post(f"/console/people/{admin.person_id}/roles", {"roles": ["clerk"]})
    assert (answer.status_code, "The last administrator must stay" in words(answer.text)) == (422, True)
    answer = admin.post(f"/console/people/{admin.person_id}/deactivate")
    assert (answer.status_code, "The last administrator must stay" in words(answer.text)) == (422, True)


def test_a_certificate_says_how_long_it_counts(office: Office, admin: Desk) -> None:
    person, today = a_person(office), office.clock.at.date()
    path = f"/console/people/{person}"
    for code, days in (("old", -1), ("soon", 30), ("long", 400)):
        form = {"kind": "certificate", "code": code, "valid_until_on": f"{today + timedelta(days=days)}"}
        admin.done(path + "/qualification", form)
    admin.done(path + "/qualification", {"kind": "skill", "code": "pumps", "valid_until_on": ""})
    page = words(admin.page(path))
    for code, sign in (
        ("old", "Ended: does not count"),
        ("soon", "Ends soon"),
        ("long", "Valid"),
        ("pumps", "Without end"),
    ):
        assert re.search(rf"{code} (\d+ \w+ \d+ )?{sign}", page), code
    row = next(row for row in office.rows(select(Qualification)) if row.code == "soon")
    admin.done(path + "/revoke", {"qualification_id": row.id})
    assert office.row(Qualification, row.id).revoked
    wrong = admin.post(path + "/qualification", {"kind": "skill", "code": "", "valid_until_on": "tomorrow"})
    assert "must be a day like" in words(wrong.text)
    assert 'id="qualification-code"' in wrong.text


def test_an_absence_is_written_in_the_offices_own_time(office: Office, admin: Desk) -> None:
    person = a_person(office)
    path = f"/console/people/{person}"
    form = {
        "from_on": "2026-03-09",
        "from_time": "08:00",
        "until_on": "2026-03-10",
        "until_time": "18:00",
        "reason": "training",
    }
    admin.done(path + "/absence", form)
    (row,) = office.rows(select(Absence))
    assert row.from_at.isoformat() == "2026-03-09T00:00:00+00:00"
    assert "9 Mar 2026 08:00 10 Mar 2026 18:00 training To come" in words(admin.page(path))
    backwards = admin.post(path + "/absence", {**form, "until_on": "2026-03-08"})
    assert "The end must be after the beginning" in words(backwards.text)
    assert 'value="training"' in backwards.text
    admin.done(path + "/cancel-absence", {"absence_id": row.id})
    assert office.row(Absence, row.id).cancelled


def test_a_sign_in_is_made_once_shown_once_and_must_be_changed(office: Office, admin: Desk) -> None:
    person = office.person(Role.DISPATCHER, name="Lin Mei")
    path = f"/console/people/{person}"
    office.site.sessions.set_password(admin.person_id, "boss", PASSWORD, "")
    admin = office.desk(person_id=admin.person_id)
    form = {"login": "linmei", "own_password": PASSWORD}
    unproved = admin.post(path + "/access", form | {"own_password": "a guess at it"})
    assert unproved.status_code == 422
    assert 'id="made"' not in unproved.text
    answer = admin.post(path + "/access", form)
    found = re.search(r'id="made">([0-9A-Z-]{14})<', answer.text)
    assert found is not None
    assert found[1] not in admin.page(path)
    sessions = office.site.sessions
    signed_in = sessions.find(sessions.login("linmei", found[1], "10.0.0.1", "Firefox"))
    assert signed_in is not None
    assert signed_in.must_change
    own = admin.post(f"/console/people/{admin.person_id}/access", form)
    assert "Change your own password on the page" in words(own.text)
    other = office.person(Role.DISPATCHER, name="Lin Hai")
    taken = admin.post(f"/console/people/{other}/access", form | {"login": "LinMei"})
    assert "Somebody else signs in with this name" in words(taken.text)
    again = admin.post(path + "/access", form)
    assert found[1] not in again.text
    assert sessions.list_sessions(person) == []
    with pytest.raises(Refused, match="login_wrong"):
        sessions.login("linmei", found[1], "10.0.0.1", "Firefox")


def test_sessions_are_listed_and_ended(office: Office, admin: Desk) -> None:
    boss = office.desk(Role.SUPERVISOR)
    path = f"/console/people/{boss.person_id}"
    page = admin.page(path)
    assert "Test browser" in words(page)
    found = re.search(r'name="session" value="(\w{64})"', page)
    assert found is not None
    admin.done(path + "/sessions", {"session": found[1]})
    assert boss.get("/console/inbox").status_code == 303
    other = office.desk(person_id=boss.person_id)
    admin.done(path + "/sessions")
    assert other.get("/console/inbox").status_code == 303


def test_who_leaves_is_out_at_once_and_may_come_back(office: Office, admin: Desk) -> None:
    boss = office.desk(Role.SUPERVISOR, name="Gone Soon")
    path = f"/console/people/{boss.person_id}"
    assert boss.get("/console/people").status_code == 200
    admin.done(path + "/deactivate")
    assert boss.get("/console/people").status_code == 303
    assert not office.row(Person, boss.person_id).active
    assert "Gone Soon" in admin.page("/console/people?active=false")
    admin.done(path + "/reactivate")
    assert office.row(Person, boss.person_id).active


def test_a_supervisor_sees_people_and_writes_fitness_but_gives_no_access(office: Office, admin: Desk) -> None:
    person = a_person(office)
    boss = office.desk(Role.SUPERVISOR)
    page = boss.page(f"/console/people/{person}")
    for shown, hidden in (("/qualification", "/access"), ("/absence", "/roles"), ("/zones", "/deactivate")):
        assert (shown in page, f"{person}{hidden}" in page) == (True, False)
    assert boss.post(f"/console/people/{person}/roles", {"roles": ["administrator"]}).status_code == 403
    assert boss.post(f"/console/people/{person}/access", {"login": "x"}).status_code == 403
    assert boss.post(f"/console/people/{person}/sessions").status_code == 403
    assert office.desk(Role.DISPATCHER).get("/console/people").status_code == 403


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant"])
def test_every_word_is_in_the_readers_language(office: Office, admin: Desk, language: str) -> None:
    person = a_person(office)
    admin.client.cookies.set("language", language)
    for path in ("", "/new", f"/{person}", f"/{person}/edit"):
        assert not LOST.search(words(admin.page(f"/console/people{path}"))), path
    assert admin.get("/console/people/none").status_code == 404
    assert admin.post(f"/console/people/{person}/promote").status_code == 404
