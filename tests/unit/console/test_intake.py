"""Taking a call: found while typing, told before and after, registered as one transaction."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from common.coverage.entitlement import current_entitlement
from common.customers.customer import Customer
from common.equipment.equipment import Equipment
from common.tickets.ticket import Ticket
from tests.support.console_world import ConsoleWorld, an_id

FORM = {
    "customer_id": an_id("xiehe"), "equipment_id": an_id("pump"), "channel": "phone", "caller": "张护士",
    "caller_phone": "13800001111", "fault_text": "流速偏低，报警", "severity": "minor", "mode": "visit",
}  # fmt: skip


def tickets(company: ConsoleWorld) -> list[Ticket]:
    with company.database.read() as session:
        return list(session.scalars(select(Ticket).order_by(Ticket.number)))


@pytest.mark.parametrize(
    ("words", "name"),
    [("K001", "北京协和医院"), ("协和", "北京协和医院"), ("xiehe", "北京协和医院"), ("bjxh", "北京协和医院"),
     ("sn-70077", "城东人民医院"), ("69155564", "北京协和医院"), ("協和醫院", "北京协和医院")],
)  # fmt: skip
def test_the_caller_is_found_while_typing(company: ConsoleWorld, words: str, name: str) -> None:
    found = company.client().get("/console/intake/found", params={"q": words}).text
    assert name in found
    assert "西山口腔诊所" not in found


def test_nobody_found_says_what_to_do(company: ConsoleWorld) -> None:
    assert (
        "Nobody fits “quokka”" in company.client().get("/console/intake/found", params={"q": "quokka"}).text
    )


def test_verdict_and_promise_are_told_before_saving(company: ConsoleWorld) -> None:
    client = company.client()
    asked = {"customer_id": an_id("xiehe"), "equipment_id": an_id("pump"), "severity": "minor"}
    told = client.get("/console/intake/known", params=asked).text
    assert "Covered by warranty" in told
    assert "2027-03-02" in told
    assert "Wed 25 Nov 2026 10:37" in told
    urgent = client.get("/console/intake/known", params=asked | {"urgent": "1"}).text
    assert re.search(r"Response.*?23 Nov 14:07", urgent, re.S), urgent
    contract = client.get(
        "/console/intake/known", params={"customer_id": an_id("kouqiang"), "equipment_id": an_id("old")}
    )
    assert "Contract HT-2026-18 in force until 2026-12-31" in contract.text


def test_what_is_told_before_is_what_is_judged_after(company: ConsoleWorld) -> None:
    client = company.client()
    before = client.get("/console/intake/known", params=FORM).text
    answer = client.fill("/console/intake", FORM | {"command_id": company.new_id()})
    assert answer.status_code == 303, answer.text
    (ticket,) = tickets(company)
    assert answer.headers["location"] == f"/console/intake/told/{ticket.id}"
    assert ticket.promised_at is not None
    assert ticket.promised_at.strftime("%Y-%m-%dT%H:%M:%SZ") in before
    with company.database.read() as session:
        judged = current_entitlement(session, ticket.id)
    assert judged is not None
    assert judged.verdict == "covered"
    told = client.get(answer.headers["location"]).text
    assert "T261123-001" in told
    assert "Wed 25 Nov 2026 10:37" in told


def test_open_tickets_and_history_stand_beside_the_form(company: ConsoleWorld) -> None:
    ticket_id = company.ticket()
    page = company.client().get("/console/intake", params={"equipment_id": an_id("pump")}).text
    assert f"/console/tickets/{ticket_id}" in page
    assert "No service so far" in page or "Choose the equipment" in page
    known = company.client().get("/console/intake/known", params=FORM).text
    assert "T-2041" in known


def test_whoever_calls_about_a_danger_is_told_to_stop_using_it(company: ConsoleWorld) -> None:
    """R150: the caller hears it before anybody can be there, and of which unit."""
    client = company.client()
    for danger in ({}, {"danger": "1"}):
        done = client.fill("/console/intake", FORM | danger | {"command_id": company.new_id()})
        told = client.get(done.headers["location"]).text
        assert ("Please do not use it any more" in told) is bool(danger)
        assert "SN-70031" in told


@pytest.mark.fault("K1")
def test_a_form_sent_twice_makes_one_ticket(company: ConsoleWorld) -> None:
    client, form = company.client(), FORM | {"command_id": company.new_id()}
    first, second = client.fill("/console/intake", form), client.fill("/console/intake", form)
    assert first.headers["location"] == second.headers["location"]
    assert len(tickets(company)) == 1


def test_numbers_have_no_doubles_when_several_desks_save_at_once(company: ConsoleWorld) -> None:
    desks = [company.client("mei"), company.client("zhou"), company.client("mei")]

    def save(place: int) -> int:
        return int(
            desks[place % 3].fill("/console/intake", FORM | {"command_id": company.new_id()}).status_code
        )

    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(save, range(9))) == {303}
    assert [ticket.number for ticket in tickets(company)] == [f"T261123-{n:03d}" for n in range(1, 10)]


def test_an_empty_form_keeps_what_was_typed_and_says_what_is_missing(company: ConsoleWorld) -> None:
    client = company.client()
    nobody = client.fill("/console/intake", {"fault_text": "不能开机", "severity": "complex"})
    assert nobody.status_code == 422
    assert "Customer: Choose the customer" in nobody.text
    assert "不能开机" in nobody.text
    speechless = client.fill("/console/intake", FORM | {"fault_text": "  "})
    assert speechless.status_code == 422
    assert "Fault: must be filled in" in speechless.text
    assert "Fault: Fault" not in speechless.text
    assert "张护士" in speechless.text
    assert tickets(company) == []


def test_a_new_customer_and_his_unit_are_registered_with_the_call(company: ConsoleWorld) -> None:
    form = {
        "command_id": company.new_id(), "customer_id": "new", "customer_name": "南湖社区卫生院",
        "customer_phone": "021-5550011", "customer_address": "朝阳南湖路1号", "unit_model_id": an_id("m-pump"),
        "unit_serial": "SN-88001", "unit_accepted_on": "2026-10-01", "fault_text": "不能开机", "severity": "minor",
    }  # fmt: skip
    assert company.client().fill("/console/intake", form).status_code == 303
    (ticket,) = tickets(company)
    with company.database.read() as session:
        customer, unit = (
            session.get(Customer, ticket.customer_id),
            session.get(Equipment, ticket.equipment_id),
        )
    assert customer is not None
    assert (customer.name, customer.pinyin, customer.zone) == (
        "南湖社区卫生院",
        "nan hu she qu wei sheng yuan",
        "same_city",
    )
    assert unit is not None
    assert (unit.serial, unit.customer_id) == ("SN-88001", customer.id)


def test_a_refused_part_leaves_nothing_of_the_call(company: ConsoleWorld) -> None:
    form = FORM | {"customer_id": "new", "customer_name": "新客户", "equipment_id": "", "unit_serial": "SN-70031",
                   "unit_model_id": an_id("m-pump"), "command_id": company.new_id()}  # fmt: skip
    answer = company.client().fill("/console/intake", form)
    assert answer.status_code == 422
    assert "serial SN-70031 is already registered" in answer.text
    with company.database.read() as session:
        assert session.scalar(select(Customer).where(Customer.name == "新客户")) is None
    assert tickets(company) == []


@pytest.mark.parametrize(("end", "state"), [("solved", "remote_solved"), ("refused", "refused")])
def test_a_call_can_end_right_there_with_its_reason(company: ConsoleWorld, end: str, state: str) -> None:
    client = company.client()
    missing = client.fill("/console/intake", FORM | {"end": end, "command_id": company.new_id()})
    assert missing.status_code == 422
    assert "must be filled in" in missing.text
    assert tickets(company) == []
    done = client.fill(
        "/console/intake", FORM | {"end": end, "outcome_note": "已指导重启", "command_id": company.new_id()}
    )
    assert done.status_code == 303
    assert [(ticket.state, ticket.outcome_note) for ticket in tickets(company)] == [(state, "已指导重启")]


def test_a_time_agreed_with_the_caller_becomes_the_appointment(company: ConsoleWorld) -> None:
    window = {"window_on": "2026-11-24", "window_from": "09:00", "window_until": "11:00"}
    client = company.client()
    backwards = client.fill(
        "/console/intake", FORM | window | {"window_until": "08:00", "command_id": company.new_id()}
    )
    assert backwards.status_code == 422
    assert "Until: The end must be after the beginning" in backwards.text
    half = client.fill("/console/intake", FORM | window | {"window_from": "", "command_id": company.new_id()})
    assert "Give day, start and end" in half.text
    assert client.fill("/console/intake", FORM | window | {"command_id": company.new_id()}).status_code == 303
    (ticket,) = tickets(company)
    assert (str(ticket.window_from_at), ticket.told_by) == ("2026-11-24 01:00:00+00:00", "林梅")


def test_roles_decide_who_sees_and_registers(company: ConsoleWorld) -> None:
    assert company.client("keeper").get("/console/intake").status_code == 403
    admin = company.client("admin")
    assert "may look here, but not register" in admin.get("/console/intake").text
    refused = admin.fill("/console/intake", FORM | {"command_id": company.new_id()})
    assert refused.status_code == 422
    assert "Your role may not do this" in refused.text
    assert tickets(company) == []
