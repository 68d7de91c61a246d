"""Tablets at the console: their state in words, codes that enrol, access taken away."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from common.kernel.command import Role
from common.protocol.access import EnrolRequest, enrol_text
from sync_server.db.tables import AuditEntry, Device
from sync_server.keys import to_text
from sync_server.people.enrolment import enrol
from sync_server.people.handed_over import last_heard
from tests.support.office import Office, words
from tests.support.office_day import make_day


def set_device(office: Office, device_id: str, **values: Any) -> None:
    """Let a tablet have said something of itself."""

    def write(unit: Any) -> None:
        device = unit.session.get(Device, device_id)
        for name, value in values.items():
            setattr(device, name, value)

    office.database.transact(write)


def test_without_a_tablet_the_page_says_what_to_do(office: Office) -> None:
    desk = office.desk(Role.DISPATCHER)
    page = words(desk.page("/console/tablets"))
    assert "No tablet is enrolled yet" in page
    assert "No engineer yet" in words(desk.page("/console/tablets/enrol"))


def test_a_healthy_and_a_troubled_tablet_in_words(office: Office) -> None:
    now = office.clock.at
    good = office.tablet(office.person(name="Chen Jun")).device_id
    bad = office.tablet(office.person(name="Gao Min")).device_id
    office.tablet(office.person(name="He Tao"))
    desk = office.desk(Role.DISPATCHER)
    now = office.clock.at
    head = office.database.number()
    set_device(office, good, last_contact_at=now - timedelta(minutes=3), position=head, app="1.4.0")
    set_device(
        office, bad, last_contact_at=now - timedelta(days=4), unsent=17, oldest_unsent_at=now - timedelta(days=2),
        clock_error_ms=-400_000, forks=2,
    )  # fmt: skip
    rows = re.findall(r"(?s)<tr>.*?</tr>", desk.page("/console/tablets?sort=person"))[1:]
    assert [words(row).split(" Tablet")[0] for row in rows] == ["Chen Jun", "Gao Min", "He Tao"]
    fine, troubled, fresh = map(words, rows)
    assert all(text in fine for text in ("3 min ago", "Nothing waiting", "Right", "Up to date", "1.4.0"))
    assert all(
        text in troubled for text in ("4 d ago", "17 unsent, oldest 2 d", "6 min slow", "restored 2 times")
    )
    assert "Never heard of" in fresh
    page = words(desk.page(f"/console/tablets/{bad}"))
    assert "Gao Min" in page
    assert "6 min slow" in page
    chinese = office.desk(Role.SUPERVISOR)
    chinese.client.cookies.set("language", "zh-Hans")
    assert "慢 6分钟" in words(chinese.page(f"/console/tablets/{bad}"))


def test_a_code_made_here_enrols_a_tablet_once(office: Office) -> None:
    engineer = office.person(name="Li Wei")
    desk = office.desk(Role.DISPATCHER)
    answer = desk.post("/console/tablets/enrol", {"person_id": engineer})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    found = re.search(r'id="code">([0-9A-Z]{5}-[0-9A-Z]{5})<', answer.text)
    assert found is not None
    assert "<svg" in answer.text
    assert 'data-countdown="900"' in answer.text
    assert "http://testserver" in words(answer.text)
    assert "For Li Wei" in words(desk.page("/console/tablets"))
    key = Ed25519PrivateKey.generate()
    public = to_text(key.public_key().public_bytes_raw())
    signature = to_text(key.sign(enrol_text(found[1], public)))
    told = EnrolRequest(found[1], public, signature, "Li's tablet", "1.0.0")
    enrolled = enrol(office.database, office.site.keys, told, "127.0.0.1")
    assert office.row(Device, enrolled.dev).person_id == engineer
    page = words(desk.page("/console/tablets"))
    assert "Li's tablet" in page
    assert "For Li Wei" not in page


def test_a_code_is_for_somebody_who_works_here(office: Office) -> None:
    office.person()
    desk = office.desk(Role.DISPATCHER)
    assert desk.post("/console/tablets/enrol", {"person_id": ""}).status_code == 422
    answer = desk.post("/console/tablets/enrol", {"person_id": office.new()})
    assert "This person is not known here" in words(answer.text)


def test_access_is_taken_away(office: Office) -> None:
    device = office.tablet(office.person(name="Sun Hao")).device_id
    desk = office.desk(Role.SUPERVISOR)
    assert "Take this tablet of Sun Hao out of use?" in words(desk.page(f"/console/tablets/{device}"))
    desk.done(f"/console/tablets/{device}/revoke")
    assert office.row(Device, device).state == "revoked"
    page = words(desk.page(f"/console/tablets/{device}"))
    assert "Access taken away" in page
    assert "out of use?" not in page
    assert "No match" not in words(desk.page("/console/tablets?state=revoked"))


def test_only_some_see_tablets(office: Office) -> None:
    device = office.tablet(office.person()).device_id
    clerk = office.desk(Role.CLERK)
    assert clerk.get("/console/tablets").status_code == 403
    assert clerk.post(f"/console/tablets/{device}/revoke").status_code == 403
    assert office.row(Device, device).state == "active"
    assert office.desk(Role.DISPATCHER).get("/console/tablets/none").status_code == 404


@pytest.mark.fault("A15")
def test_a_lost_tablet_says_what_is_missing_and_is_wiped(office: Office) -> None:
    day = make_day(office)
    tablet = day.tablets[0]
    now = office.clock.at
    set_device(
        office, tablet.device_id, last_contact_at=now - timedelta(hours=5), unsent=4,
        oldest_unsent_at=now - timedelta(hours=6),
    )  # fmt: skip
    desk = office.desk(Role.DISPATCHER)
    path = f"/console/tablets/{tablet.device_id}"
    page = words(desk.page(path))
    assert "At its last contact 4 entries had not arrived" in page
    assert re.search(r"Last contact 5 h", page)
    with office.database.read() as session:
        held = last_heard(session, tablet.person_id)
    assert held
    assert all(ticket.number in page for ticket, _ in held)
    desk.done(f"{path}/lost")
    page = words(desk.page(path))
    assert "The order waits for the tablet's next contact" in page
    assert "Lost" in words(desk.page("/console/tablets?state=lost"))
    desk.done(f"{path}/found")
    assert office.row(Device, tablet.device_id).state == "active"
    desk.done(f"{path}/lost")
    set_device(office, tablet.device_id, told_at=office.clock.at)
    answer = desk.post(f"{path}/found")
    assert answer.status_code == 422
    assert "cannot be taken back" in words(answer.text)
    set_device(office, tablet.device_id, wiped_at=office.clock.at)
    page = words(desk.page(path))
    assert "The tablet said that it destroyed its data" in page
    assert "Report as lost" not in page
    entries = {row.kind for row in office.rows(select(AuditEntry))}
    assert {"report_device_lost", "report_device_found"} <= entries
    clerk = office.desk(Role.CLERK)
    for deed in ("lost", "found", "handed-over"):
        assert clerk.post(f"{path}/{deed}").status_code == 403


def test_what_is_no_rescue_file_is_said(office: Office) -> None:
    desk = office.desk(Role.DISPATCHER)
    assert "only this server reads" in words(desk.page("/console/tablets/rescue"))
    answer = desk.post("/console/tablets/rescue", files={"file": ("x.fwrescue", b"nothing")})
    assert answer.status_code == 422
    assert "This is not a rescue file" in words(answer.text)
