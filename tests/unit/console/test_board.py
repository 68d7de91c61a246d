"""The board: what it draws, what a move becomes, what it refuses and how it says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from common.kernel.clock import millis
from common.people.fitness_commands import RecordAbsence
from common.tickets.dispatching import MoveAssignment
from common.tickets.field_work import AcknowledgeTicket, StartTravel
from common.tickets.ticket import Assignment, Ticket
from tests.support.console_world import NOW, Client, ConsoleWorld, an_id

DAY = "2026-11-23"


def board(client: Client, day: str = DAY) -> dict[str, Any]:
    found = client.get("/console/board/data", params={"day": day})
    assert found.status_code == 200, found.text
    return dict(found.json())


def job(client: Client, ticket_id: str, day: str = DAY) -> dict[str, Any]:
    return next(one for one in board(client, day)["jobs"] if one["ticket_id"] == ticket_id)


def move(client: Client, shown: dict[str, Any], engineer: str | None, start: int | None, **more: Any) -> Any:
    body = {
        "ticket_id": shown["ticket_id"], "assignment_id": shown["assignment_id"], "version": shown["version"],
        "engineer_id": an_id(engineer) if engineer else None, "day": DAY, "start_min": start, "duration_min": 90,
        "override_reason": None,
    }  # fmt: skip
    headers = {"X-CSRF-Token": client.token("/console/password"), "sec-fetch-site": "same-origin"}
    return client.post("/console/board/moves", json=body | more, headers=headers)


def test_a_danger_stands_before_what_is_due_first(company: ConsoleWorld) -> None:
    first, danger = company.ticket(), company.ticket(danger=True)
    client = company.client()
    assert job(client, danger)["rank"] < job(client, first)["rank"]


def test_a_ticket_waits_in_the_tray_until_it_is_placed(company: ConsoleWorld) -> None:
    ticket_id, client = company.ticket(), company.client()
    waiting = job(client, ticket_id)
    assert (waiting["engineer_id"], waiting["start_min"], waiting["state"]["label"]) == (
        None,
        None,
        "To be assigned",
    )
    assert waiting["due"]["label"].startswith("Response by")
    placed = move(client, waiting, "li", 13 * 60 + 30)
    assert placed.status_code == 200, placed.text
    shown = placed.json()["job"]
    assert (shown["engineer_id"], shown["day"], shown["start_min"], shown["duration_min"]) == (
        an_id("li"),
        DAY,
        810,
        90,
    )
    assert shown["state"]["label"] == "No tablet"
    with company.database.read() as session:
        held = session.scalars(select(Assignment).where(Assignment.ticket_id == ticket_id)).one()
    assert str(held.from_at) == "2026-11-23 05:30:00+00:00"
    assert held.id == shown["id"]


def test_lanes_carry_hours_absences_skills_and_the_tablets_freshness(company: ConsoleWorld) -> None:
    company.give(RecordAbsence(company.new_id(), an_id("gao"), NOW, NOW + timedelta(hours=3), "培训"))
    with company.database.engine.connect() as connection:
        seen = {"id": an_id("d"), "person": an_id("li"), "at": millis(NOW - timedelta(minutes=8))}
        connection.execute(
            text(
                "INSERT INTO device (id, person_id, name, public_key, state, enrolled_at, last_contact_at, app,"
                " clock_error_ms, unsent, position, forks)"
                " VALUES (:id, :person, 'Tab', '', 'active', :at, :at, '', 7000, 3, 0, 0)"
            ),
            seen,
        )
        connection.commit()
    shown = {lane["name"]: lane for lane in board(company.client())["lanes"]}
    assert shown["李伟"]["working"] == [[510, 720], [810, 1080]]
    assert "infusion" in shown["李伟"]["note"]
    assert shown["高敏"]["absences"] == [{"from_min": 637, "to_min": 817, "label": "培训"}]
    contact = shown["李伟"]["contact"]
    assert (contact["label"], contact["tone"]) == ("10:29 · 3", "warn")
    assert "3 unsent" in contact["title"]
    assert "tablet clock 7 s off" in contact["title"]
    assert shown["王芳"]["contact"]["label"] == "none"


def reach(company: ConsoleWorld, position: int) -> None:
    """Let the tablet of 李伟 have read up to a position."""
    company.database.number()
    told = {"id": an_id("d"), "person": an_id("li"), "at": millis(NOW), "position": position}
    with company.database.engine.connect() as connection:
        connection.execute(text("DELETE FROM device WHERE id = :id"), told)
        connection.execute(
            text(
                "INSERT INTO device (id, person_id, name, public_key, state, enrolled_at, last_contact_at, app,"
                " clock_error_ms, unsent, position, forks)"
                " VALUES (:id, :person, 'Tab', '', 'active', :at, :at, '', 0, 0, :position, 0)"
            ),
            told,
        )
        connection.commit()


def test_a_chip_says_whether_the_tablet_has_the_appointment(company: ConsoleWorld) -> None:
    ticket_id, client = company.ticket(), company.client()
    assignment = company.assign(ticket_id)

    def shown() -> tuple[str, str]:
        state = job(client, ticket_id)["state"]
        return state["label"], state["tone"]

    assert shown() == ("No tablet", "warn")
    reach(company, 0)
    assert shown() == ("Not yet seen by the tablet", "warn")
    with company.database.read() as session:
        head = session.execute(text("SELECT seq FROM stream_head")).scalar_one()
    reach(company, head)
    assert shown() == ("On the tablet, not acknowledged", "planned")
    company.in_field(AcknowledgeTicket(ticket_id), "li")
    assert shown() == ("Acknowledged", "confirmed")
    company.clock.advance(timedelta(minutes=1))
    window = (NOW + timedelta(hours=5), NOW + timedelta(hours=6))
    company.give(MoveAssignment(ticket_id, assignment, an_id("li"), *window, "客户改约", "测试"), "mei")
    reach(company, head)
    assert shown() == ("Moved, not yet seen by the tablet", "warn")
    reach(company, head + 1000)
    assert shown() == ("Moved, the tablet has it", "planned")


def test_an_appointment_in_the_past_is_questioned(company: ConsoleWorld) -> None:
    ticket_id, client = company.ticket(), company.client()
    waiting = job(client, ticket_id)
    asked = move(client, waiting, "li", 8 * 60 + 30)
    assert asked.status_code == 422
    [told] = asked.json()["breaks"]
    assert (told["reason_code"], told["can_override"]) == ("in_the_past", True)
    assert told["text"] == "This begins in the past. Record it as done? Say why"
    assert move(client, waiting, "li", 8 * 60 + 30, override_reason="补记").status_code == 200


def test_a_broken_rule_is_shown_with_its_reason_and_needs_one(company: ConsoleWorld) -> None:
    ticket_id, client = company.ticket(), company.client()
    waiting = job(client, ticket_id)
    asked = move(client, waiting, "wang", 19 * 60)
    assert asked.status_code == 422
    told = asked.json()["breaks"]
    assert [one["reason_code"] for one in told] == ["skill_missing", "outside_working_hours"]
    assert told[0]["text"] == "Skill missing: infusion"
    assert all(one["can_override"] for one in told)
    assert job(client, ticket_id)["engineer_id"] is None
    assert move(client, waiting, "wang", 19 * 60, override_reason="客户指定").status_code == 200
    with company.database.read() as session:
        held = session.scalars(select(Assignment).where(Assignment.ticket_id == ticket_id)).one()
    assert (held.override_reason, held.rule_breaks) == (
        "客户指定",
        ["outside_working_hours", "skill_missing"],
    )


def test_an_old_picture_moves_nothing_and_shows_how_it_stands(company: ConsoleWorld) -> None:
    ticket_id, mei, zhou = company.ticket(), company.client(), company.client("zhou")
    old = job(mei, ticket_id)
    assert move(zhou, old, "li", 810).status_code == 200
    late = move(mei, old, "chen", 810)
    assert late.status_code == 409
    assert late.json()["job"]["engineer_id"] == an_id("li")
    assert "Somebody else has just changed T-2041" in late.json()["text"]


def test_moving_and_putting_back(company: ConsoleWorld) -> None:
    ticket_id, client = company.ticket(), company.client()
    placed = move(client, job(client, ticket_id), "li", 810).json()["job"]
    longer = move(client, placed, "li", 840, duration_min=120).json()["job"]
    assert (longer["start_min"], longer["duration_min"], longer["id"]) == (840, 120, placed["id"])
    other = move(client, longer, "chen", 840, duration_min=120).json()["job"]
    assert other["engineer_id"] == an_id("chen")
    assert other["id"] != placed["id"]
    back = move(client, other, None, None).json()["job"]
    assert (back["engineer_id"], back["id"]) == (None, ticket_id)


def test_work_under_way_is_protected(company: ConsoleWorld) -> None:
    ticket_id, client = company.ticket(), company.client()
    company.assign(ticket_id)
    company.in_field(AcknowledgeTicket(ticket_id), "li")
    assert job(client, ticket_id)["state"]["label"] == "Acknowledged"
    company.in_field(StartTravel(ticket_id), "li")
    shown = job(client, ticket_id)
    assert shown["locked"].startswith("Work is under way")
    refused = move(client, shown, "chen", 840, override_reason="急")
    assert refused.status_code == 422
    assert "work on it" in refused.json()["text"]
    assert move(client, shown, None, None).status_code == 422
    with company.database.read() as session:
        ticket = session.get(Ticket, ticket_id)
    assert ticket is not None
    assert ticket.assignee_id == an_id("li")


def test_fits_say_who_suits(company: ConsoleWorld) -> None:
    ticket_id, client = company.ticket(), company.client()
    found = client.get("/console/board/fits", params={"ticket_id": ticket_id, "day": DAY}).json()["engineers"]
    assert found[an_id("li")] == {"fit": "fit", "reasons": []}
    assert found[an_id("wang")] == {"fit": "unfit", "reasons": ["Skill missing: infusion"]}
    assert found[an_id("sun")]["fit"] == "warn"
    assert client.get("/console/board/fits", params={"ticket_id": "x"}).status_code == 404


def test_roles_decide_who_looks_and_who_moves(company: ConsoleWorld) -> None:
    ticket_id = company.ticket()
    manager = company.client("manager")
    shown = board(manager)
    assert shown["is_read_only"]
    assert move(manager, shown["jobs"][0], "li", 810).status_code == 403
    assert company.client("clerk").get("/console/board").status_code == 403
    assert job(company.client(), ticket_id)["engineer_id"] is None


@pytest.mark.parametrize("day", ["", "2026-02-30", "9999-12-31", "0001-01-01", "x" * 50])
def test_a_day_that_cannot_be_shown_is_today(company: ConsoleWorld, day: str) -> None:
    client = company.client()
    assert board(client, day)["day"] == DAY
    assert client.get("/console/board", params={"day": day}).status_code == 200


def test_overdue_work_is_outlined_and_other_days_show_their_own(company: ConsoleWorld) -> None:
    ticket_id = company.ticket()
    company.assign(ticket_id, hour=16)
    company.clock.advance(timedelta(days=1, hours=6))
    client = company.client()
    shown = job(client, ticket_id)
    assert shown["alert"] == "Overdue"
    assert shown["due"]["tone"] == "alert"
    assert [one for one in board(client, "2026-11-24")["jobs"] if one["ticket_id"] == ticket_id] == []
    page = client.get("/console/board", params={"day": DAY}).text
    assert 'aria-label="23 Nov: 1 visits"' in page
    panel = client.get(f"/console/board/jobs/{ticket_id}").text
    assert "Covered by warranty" in panel
