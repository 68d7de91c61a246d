"""The office's inbox: refused entries in words, decisions that take effect, exceptions and conflicts settled."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from common.customers.customer import Customer
from common.customers.customer_commands import EditCustomer, RegisterCustomer
from common.inbox.edits import Change
from common.inbox.inbox_commands import HandToOffice
from common.inbox.records import Discrepancy, FieldConflict, InboxItem
from common.kernel.command import Role
from common.tickets.appointment import RescheduleTicket
from common.tickets.field_work import AddNote, RequestHelp
from common.tickets.intake import ReportFault
from common.tickets.ticket import TicketEvent
from sync_server.db.tables import ParkedOp
from sync_server.people.devices import device_label
from tests.support.office import Desk, Office, words


@pytest.fixture
def ticket(office: Office) -> str:
    customer, ticket = office.new(), office.new()
    office.do(RegisterCustomer(customer, "C1", "东城医院"))
    office.do(
        ReportFault(
            ticket_id=ticket,
            number="T-7",
            channel="phone",
            customer_id=customer,
            fault_text="停机",
            severity="minor",
        )
    )
    return ticket


def a_note(office: Office, ticket: str, text: str = "Power was off") -> str:
    """Let an engineer send a note on a ticket that is not his."""
    tablet = office.tablet(office.person(name="Li Wei"), "Tablet 3")
    op = tablet.op(AddNote(ticket, text))
    follow = tablet.op(AddNote(ticket, "And then on again"), after=(op,))
    tablet.push(op, follow)
    return op.id


def test_an_empty_inbox_says_so(office: Office) -> None:
    desk = office.desk(Role.DISPATCHER)
    for show in ("parked", "exceptions", "clocks", "conflicts", "settled"):
        page = words(desk.page(f"/console/inbox?show={show}"))
        assert "console.inbox" not in page
    assert "Everything the tablets sent has taken effect" in words(desk.page("/console/inbox"))


def test_a_refused_entry_is_shown_in_words_and_accepted(office: Office, ticket: str) -> None:
    op_id = a_note(office, ticket)
    desk = office.desk(Role.DISPATCHER)
    page = words(desk.page("/console/inbox"))
    assert "The engineer was never assigned to this ticket" in page
    assert "Li Wei, Tablet 3" in page
    assert "Power was off" in page
    assert "T-7" in page
    assert "One entry waits for this one" in page
    assert ticket not in page
    assert desk.done(f"/console/inbox/parked/{op_id}", {"choice": "accept", "note": "thanks"}).endswith(
        "notice=saved"
    )
    notes = office.rows(select(TicketEvent).where(TicketEvent.kind == "note"))
    assert {row.note for row in notes} == {"Power was off", "And then on again"}
    assert "No refused entries" in words(desk.page("/console/inbox?show=parked"))
    settled = words(desk.page("/console/inbox?show=settled"))
    assert "thanks" in settled


@pytest.mark.parametrize(
    ("device", "shown"),
    [("Li Wei", ""), ("Li Wei · tablet", "tablet"), ("Li Weiming", "Li Weiming"), ("Tablet 3", "Tablet 3")],
)
def test_a_person_is_not_named_twice_beside_his_tablet(device: str, shown: str) -> None:
    assert device_label(device, "Li Wei") == shown


def test_what_an_engineer_hands_to_the_office_is_told_there_and_ends_with_the_decision(
    office: Office, ticket: str
) -> None:
    tablet = office.tablet(office.person(name="Li Wei"), "Li Wei")
    op = tablet.op(AddNote(ticket, "Power was off"))
    tablet.push(op)
    tablet.push(tablet.op(HandToOffice(op.id)))
    told = office.rows(select(Discrepancy).where(Discrepancy.code == "handed_to_office"))[0]
    assert (told.op_id, told.ticket_id, told.state) == (op.id, ticket, "open")
    desk = office.desk(Role.DISPATCHER)
    page = words(desk.page("/console/inbox"))
    assert "Left to the office" in page or "office" in page.lower()
    assert "Li Wei, Li Wei" not in page
    assert "No exceptions" in words(desk.page("/console/inbox?show=exceptions"))  # it is listed itself
    desk.done(f"/console/inbox/parked/{op.id}", {"choice": "accept", "note": ""})
    assert office.row(Discrepancy, told.id).state == "resolved"


def test_the_number_beside_the_inbox_is_fetched_anew_alone(office: Office, ticket: str) -> None:
    desk = office.desk(Role.DISPATCHER)
    page = desk.page("/console/board")
    assert 'hx-get="/console/counts/inbox"' in page
    assert re.search(r'class="count" hidden[^>]*>0<', desk.page("/console/counts/inbox"))
    a_note(office, ticket)
    part = desk.page("/console/counts/inbox")
    assert ">2</b>" in part
    assert not any(word in part for word in ("hidden", "<html"))
    assert desk.get("/console/counts/tickets").status_code == 404
    assert office.desk(Role.ENGINEER).get("/console/counts/inbox").status_code in (403, 404)


def test_the_same_decision_sent_twice_is_answered_once(office: Office, ticket: str) -> None:
    op_id = a_note(office, ticket)
    desk = office.desk(Role.SUPERVISOR)
    form = {"choice": "decline", "note": "wrong ticket", "command_id": office.new()}
    assert desk.done(f"/console/inbox/parked/{op_id}", form) == desk.done(
        f"/console/inbox/parked/{op_id}", form
    )
    assert office.row(ParkedOp, op_id).state == "declined"


def test_declining_needs_a_reason(office: Office, ticket: str) -> None:
    op_id = a_note(office, ticket)
    desk = office.desk(Role.SUPERVISOR)
    answer = desk.post(f"/console/inbox/parked/{op_id}", {"choice": "decline", "note": ""})
    assert answer.status_code == 422
    assert "Say why it is declined" in words(answer.text)
    assert office.row(ParkedOp, op_id).state == "open"
    desk.done(f"/console/inbox/parked/{op_id}", {"choice": "decline", "note": "not your ticket"})
    item = office.rows(select(InboxItem).where(InboxItem.op_id == op_id))[0]
    assert (item.state, item.details["note"]) == ("declined", "not your ticket")
    assert "The entry it builds on was declined" in words(desk.page("/console/inbox?show=parked"))


def test_what_cannot_be_done_even_so_says_why(office: Office, ticket: str) -> None:
    tablet = office.tablet(office.person())
    start = office.clock.at + timedelta(hours=3)
    op = tablet.op(RescheduleTicket(ticket, start, start - timedelta(hours=1), "x", True))
    tablet.push(op)
    answer = office.desk(Role.SUPERVISOR).post(f"/console/inbox/parked/{op.id}", {"choice": "accept"})
    assert (answer.status_code, "The end must be after the beginning" in words(answer.text)) == (422, True)


def test_who_may_not_decide_sees_no_button_and_is_refused(office: Office, ticket: str) -> None:
    op_id = a_note(office, ticket)
    desk = office.desk(Role.CLERK)
    page = desk.page("/console/inbox?show=parked")
    assert "Power was off" in page
    assert "/console/inbox/parked/" not in page
    answer = desk.post(f"/console/inbox/parked/{op_id}", {"choice": "accept"})
    assert (answer.status_code, "Your role may not do this" in words(answer.text)) == (403, True)
    assert office.row(ParkedOp, op_id).state == "open"


def test_an_engineer_has_no_inbox_of_the_office(office: Office) -> None:
    assert office.desk(Role.ENGINEER).get("/console/inbox").status_code == 403


def test_an_exception_is_settled_with_what_was_done(office: Office, ticket: str) -> None:
    engineer = office.person(name="Wang Fang")
    tablet = office.tablet(engineer)
    tablet.push(tablet.op(RequestHelp(ticket, "Two people needed")))
    (parked,) = office.rows(select(ParkedOp))
    desk = office.desk(Role.DISPATCHER)
    desk.done(f"/console/inbox/parked/{parked.op_id}", {"choice": "accept"})
    page = words(desk.page("/console/inbox?show=exceptions"))
    assert "T-7" in page
    assert "Wang Fang" in page
    row = office.rows(select(Discrepancy).where(Discrepancy.code == "help_requested"))[0]
    form = {"resolution": "Zhou goes there too", "show": "exceptions"}
    assert "show=exceptions" in desk.done(f"/console/inbox/exceptions/{row.id}", form)
    assert office.row(Discrepancy, row.id).resolution == "Zhou goes there too"
    assert "Zhou goes there too" in words(desk.page("/console/inbox?show=settled"))
    answer = desk.post(f"/console/inbox/exceptions/{row.id}", {"resolution": "again"})
    assert "Someone has resolved this already" in words(answer.text)


def two_edits(office: Office) -> tuple[str, FieldConflict]:
    """Let two edits of a customer's telephone meet."""
    customer = office.new()
    office.do(RegisterCustomer(customer, "C2", "West Clinic", phone="1"))
    office.do(EditCustomer(customer, (Change("phone", "1", "22"),)))
    office.do(EditCustomer(customer, (Change("phone", "1", "33"),)))
    return customer, office.rows(select(FieldConflict))[0]


@pytest.mark.parametrize(("choice", "phone"), [("keep", "33"), ("swap", "22")])
def test_two_edits_of_one_field_are_decided(office: Office, choice: str, phone: str) -> None:
    customer, conflict = two_edits(office)
    desk = office.desk(Role.SPECIALIST)
    page = words(desk.page("/console/inbox"))
    assert "Customer West Clinic · Telephone" in page
    assert page.index("Stands now") < page.index("33") < page.index("Other value") < page.index("22")
    form = {"choice": choice, "back": f"/console/customers/{customer}"}
    assert desk.done(f"/console/inbox/conflicts/{conflict.id}", form).startswith(
        f"/console/customers/{customer}"
    )
    assert office.row(Customer, customer).phone == phone


def test_the_navigation_counts_what_is_open(office: Office, ticket: str) -> None:
    a_note(office, ticket)
    two_edits(office)
    page = office.desk(Role.DISPATCHER).page("/console/inbox")
    assert re.search(r'class="count" [^>]*>3</b>', page)  # two entries, one conflict


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant"])
def test_every_word_is_in_the_readers_language(office: Office, ticket: str, language: str) -> None:
    a_note(office, ticket, "断电")
    two_edits(office)
    desk: Desk = office.desk(Role.DISPATCHER)
    desk.client.cookies.set("language", language)
    page = words(desk.page("/console/inbox?show=parked"))
    assert {"zh-Hans": "该工程师未被指派到此工单", "zh-Hant": "該工程師未被指派到此工單"}[language] in page
    for show in ("conflicts", "exceptions", "clocks", "settled"):
        assert "console." not in words(desk.page(f"/console/inbox?show={show}"))


@pytest.mark.parametrize("path", ["parked", "exceptions", "conflicts"])
def test_an_address_that_names_nothing_is_not_found(office: Office, path: str) -> None:
    desk = office.desk(Role.DISPATCHER)
    assert desk.post(f"/console/inbox/{path}/nothing", {"choice": "keep"}).status_code == 404
