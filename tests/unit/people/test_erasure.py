"""Erasing a person's data: a pseudonym takes the name's place, history and what was signed stay (M3, R171, R156)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from common.customers.customer import Customer
from common.customers.customer_commands import AddContact
from common.kernel.command import Place, Role
from common.people.erasure import Erasure, PseudonymiseContact, PseudonymisePerson, erasures_of
from common.people.fitness_commands import AddQualification
from common.people.person import Person, Qualification
from common.people.person_commands import DeactivatePerson
from common.tickets.ticket import Ticket
from common.visit.records import ServiceReport
from tests.support.visit_world import VisitWorld

ADMIN = (Role.ADMINISTRATOR,)


@pytest.fixture
def world() -> VisitWorld:
    """A ticket whose report is signed."""
    made = VisitWorld()
    made.finish()
    return made


@pytest.mark.fault("M3")
def test_who_has_left_is_a_pseudonym_and_his_work_stays(world: VisitWorld) -> None:
    report = world.session.query(ServiceReport).one()
    person_id = report.engineer_id
    before = (report.content, report.content_hash, report.engineer_name)
    held = world.id("q")
    world.office(AddQualification(held, person_id, "certificate", "ECG", "Z-77"), *ADMIN)
    erase = PseudonymisePerson(person_id, "left, asked for it")
    assert world.do(erase, roles=ADMIN, place=Place.OFFICE).code == "person_active"
    world.office(DeactivatePerson(person_id), *ADMIN)
    assert world.do(erase, roles=ADMIN, place=Place.OFFICE).status == "ok"
    assert world.do(erase, roles=ADMIN, place=Place.OFFICE).status == "noop"
    person = world.get(Person, person_id)
    assert person.name.startswith("P-")
    assert (person.number, person.phone, person.email, person.pinyin) == (person.name, "", "", "")
    assert "李" not in person.folded
    assert world.get(Qualification, held).number == ""
    assert (report.content, report.content_hash, report.engineer_name) == before
    [told] = erasures_of(world.session, person_id)
    assert (told.pseudonym, told.papers) == (person.name, 1)
    assert told.kept_until_on is not None
    assert told.kept_until_on >= (report.signed_at + timedelta(days=365)).date()
    assert told.agg == person.agg


@pytest.mark.fault("M3")
def test_a_contact_goes_from_file_and_tickets_and_stays_on_what_was_signed(world: VisitWorld) -> None:
    ticket = world.get(Ticket, world.ticket)
    report = world.session.query(ServiceReport).one()
    name = report.signer_name
    customer = world.get(Customer, ticket.customer_id)
    world.office(AddContact(world.id("contact"), customer.id, name, "设备科", "139"), *ADMIN)
    ticket.contact, ticket.contact_phone = name, "139"
    erasure_id = world.id("erasure")
    erase = PseudonymiseContact(erasure_id, customer.id, name, "asked for it")
    assert world.do(erase, roles=(Role.CLERK,), place=Place.OFFICE).code == "not_permitted"
    assert world.do(erase, roles=ADMIN, place=Place.OFFICE).status == "ok"
    assert world.do(erase, roles=ADMIN, place=Place.OFFICE).status == "noop"
    told = world.get(Erasure, erasure_id)
    assert (ticket.contact, ticket.contact_phone) == (told.pseudonym, "")
    assert name not in ticket.folded
    assert report.signer_name == name
    assert (told.papers, told.agg) == (1, customer.agg)
    again = PseudonymiseContact(world.id("other"), customer.id, name, "once more")
    assert world.do(again, roles=ADMIN, place=Place.OFFICE).code == "contact_unknown"
    assert ticket.state == world.get(Ticket, world.ticket).state
