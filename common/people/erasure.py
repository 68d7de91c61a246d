"""Erasing a natural person's data: a pseudonym takes the place of the name, history stays readable (M3, R171).

Owns these commands and their record. What was sealed or signed is evidence and stays as it is, for as long as the policy
keeps records (R156: 000-G 9, 000-G 14); the record says how many papers those are and until when. The audit chain keeps
its entries; nothing that is chained can be changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from common.customers.customer import Customer, CustomerContact, customer_agg
from common.customers.customer_commands import refold_customer
from common.inbox.edits import edited
from common.kernel.command import OFFICE, Nature, Role, command
from common.kernel.fields import Id, Name, Needed
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.record import Base, Key, Long, Short, Synced
from common.kernel.text import fold
from common.kernel.work import Work
from common.people.person import Absence, Person, Qualification, person_agg
from common.people.person_commands import fold_person
from common.policy.policy_set import find_policy
from common.tickets.intake import fold_ticket
from common.tickets.ticket import Ticket, TicketEvent
from common.visit.records import RepairAgreement, ServiceReport, StopUseNotice

RETENTION = "retention_"  # figures of the policy whose code begins so, in years


class Erasure(Synced, Base):
    """That a person's data were replaced by a pseudonym, by whom and why, and which papers are kept until when."""

    __tablename__ = "erasure"
    subject_id: Mapped[Key] = mapped_column(
        index=True
    )  # the person's, or the customer's whose contact it was
    pseudonym: Mapped[Short]
    reason: Mapped[Long]
    by: Mapped[Key]
    erased_at: Mapped[datetime]
    papers: Mapped[int]
    kept_until_on: Mapped[date | None]  # None: no paper is kept, or the policy names no time


@dataclass(frozen=True, slots=True)
class PseudonymisePerson:
    """Erase what the company knows of someone who has left (R171)."""

    person_id: Id
    reason: Needed


@dataclass(frozen=True, slots=True)
class PseudonymiseContact:
    """Erase a natural person at a customer's by name, on tickets; `with_phone`: the customer's number too (R171)."""

    erasure_id: Id
    customer_id: Id
    name: Name
    reason: Needed
    with_phone: bool = False


def pseudonym_of(an_id: str) -> str:
    """Make the name that takes the place: the same for the same id, telling nothing."""
    return f"P-{an_id.replace('-', '')[-8:].upper()}"


@command(
    PseudonymisePerson,
    nature=Nature.INTENT,
    roles=(Role.ADMINISTRATOR,),
    places=OFFICE,
    about=lambda c: person_agg(c.person_id),
)
def pseudonymise_person(work: Work, c: PseudonymisePerson) -> Outcome:
    """Erase a person. Refuses `person_unknown`, `person_active`: end the access first."""
    person = work.need(Person, c.person_id)
    if work.has(Erasure, person.id):
        return NOOP
    if person.active:
        raise Refused("person_active")
    pseudonym = pseudonym_of(person.id)
    person.name, person.number, person.pinyin, person.phone, person.email = pseudonym, pseudonym, "", "", ""
    fold_person(work, person)
    edited(work, person)
    for held in work.rows(select(Qualification).where(Qualification.person_id == person.id)):
        held.number = ""
    for away in work.rows(select(Absence).where(Absence.person_id == person.id)):
        away.reason = ""
    signed = select(ServiceReport.signed_at).where(ServiceReport.engineer_id == person.id)
    _note(work, person.id, person.agg, person.id, pseudonym, c.reason, list(work.session.scalars(signed)))
    return OK


@command(
    PseudonymiseContact,
    nature=Nature.INTENT,
    roles=(Role.ADMINISTRATOR,),
    places=OFFICE,
    about=lambda c: customer_agg(c.customer_id),
)
def pseudonymise_contact(work: Work, c: PseudonymiseContact) -> Outcome:
    """Erase a contact. Refuses `customer_unknown`, `contact_unknown` where the name stands nowhere at this customer's."""
    customer = work.need(Customer, c.customer_id)
    if work.has(Erasure, c.erasure_id):
        return NOOP
    pseudonym = pseudonym_of(c.erasure_id)
    found = _on_file(work, customer, c, pseudonym) + _on_tickets(work, customer, c.name, pseudonym)
    if not found:
        raise Refused("contact_unknown", name=c.name)
    _note(
        work,
        c.erasure_id,
        customer.agg,
        customer.id,
        pseudonym,
        c.reason,
        _signed_by(work.session, customer, c.name),
    )
    return OK


def erasures_of(session: Session, subject_id: str) -> list[Erasure]:
    """List what was erased of a person, or at a customer's, newest first."""
    query = select(Erasure).where(Erasure.subject_id == subject_id)
    return list(session.scalars(query.order_by(Erasure.erased_at.desc(), Erasure.id)))


def retention_years(session: Session) -> int:
    """Read from the policy how many years papers are kept at least; 0 where it names none."""
    policy = find_policy(session)
    figures = policy.figures if policy else ()
    kept = [one.amount for one in figures if one.code.startswith(RETENTION) and one.unit == "year"]
    return max((amount for amount in kept if amount is not None), default=0)


def _on_file(work: Work, customer: Customer, c: PseudonymiseContact, pseudonym: str) -> int:
    found = 0
    named = select(CustomerContact).where(
        CustomerContact.customer_id == customer.id, CustomerContact.name == c.name
    )
    for contact in work.rows(named):
        contact.name, contact.phone, found = pseudonym, "", found + 1
    if customer.contact == c.name:
        customer.contact, found = pseudonym, found + 1
        customer.phone = "" if c.with_phone else customer.phone
        refold_customer(work, customer)
        edited(work, customer)
    return found


def _on_tickets(work: Work, customer: Customer, name: str, pseudonym: str) -> int:
    about = select(Ticket).where(Ticket.customer_id == customer.id).order_by(Ticket.id)
    found = 0
    for ticket in work.rows(about.where((Ticket.caller == name) | (Ticket.contact == name))):
        if ticket.caller == name:
            ticket.caller, ticket.caller_phone = pseudonym, ""
        if ticket.contact == name:
            ticket.contact, ticket.contact_phone = pseudonym, ""
        ticket.folded = f"{fold_ticket(work, ticket)} {fold(ticket.archive_ref)}".strip()
        found += 1
    told = select(TicketEvent).where(
        TicketEvent.ticket_id.in_(select(Ticket.id).where(Ticket.customer_id == customer.id))
    )
    for event in work.rows(told.order_by(TicketEvent.id)):
        if name in event.values.values():
            event.values = {key: pseudonym if value == name else value for key, value in event.values.items()}
    return found


def _signed_by(session: Session, customer: Customer, name: str) -> list[datetime]:
    tickets = select(Ticket.id).where(Ticket.customer_id == customer.id)
    moments: list[datetime] = []
    for record, at in (
        (ServiceReport, ServiceReport.signed_at),
        (RepairAgreement, RepairAgreement.signed_at),
        (StopUseNotice, StopUseNotice.given_at),
    ):
        moments += session.scalars(
            select(at).where(record.ticket_id.in_(tickets), record.signer_name == name)
        )
    return moments


def _note(
    work: Work,
    erasure_id: str,
    agg: str,
    subject_id: str,
    pseudonym: str,
    reason: str,
    signed: list[datetime],
) -> None:
    years = retention_years(work.session)
    last = max(signed).date() if signed and years else None
    work.add(
        Erasure(
            id=erasure_id, agg=agg, subject_id=subject_id, pseudonym=pseudonym, reason=reason,
            by=work.actor.person_id, erased_at=work.at, papers=len(signed),
            kept_until_on=date(last.year + years, last.month, min(last.day, 28)) if last else None,
        )
    )  # fmt: skip
