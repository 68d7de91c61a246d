"""Notices, discrepancies, conflicts and parked commands: what people do with what was put before them (P6)."""

from __future__ import annotations

from typing import Any

import pytest

from common.customers.customer import Customer
from common.customers.customer_commands import EditCustomer
from common.inbox.inbox_commands import (
    HandToOffice,
    MarkNoticeSeen,
    ResolveDiscrepancy,
    SettleConflict,
    WithdrawCommand,
)
from common.inbox.records import OFFICE_INBOX, Discrepancy, FieldConflict, InboxItem
from common.inbox.spoiled import ReportSpoiled
from common.kernel.command import Place, Role
from common.kernel.scope import grants_of
from common.tickets.intake import EditTicket
from common.tickets.ticket import Ticket
from common.tickets.wording import say_reason
from tests.support.world import World, change


def an_item(world: World, person: str, kind: str = "notice") -> InboxItem:
    """Put something into a person's inbox, as the server does."""
    item = InboxItem(
        id=world.id(),
        agg=f"inbox:{person}",
        person_id=person,
        kind=kind,
        code="notice_edited",
        details={},
        ticket_id=None,
        op_id=world.id(),
        command=None,
        raised_at=world.now,
        state="open",
    )
    world.session.add(item)
    world.session.commit()
    return item


def a_conflict(world: World) -> tuple[str, FieldConflict]:
    """Let two edits of a customer's name meet."""
    customer = world.a_customer("甲")
    world.must(EditCustomer(customer, (change("name", "甲", "乙"),)))
    world.must(EditCustomer(customer, (change("name", "甲", "丙"),)))
    return customer, world.session.query(FieldConflict).filter_by(row_id=customer).one()


def test_a_notice_is_seen_by_its_person_only(world: World) -> None:
    person = world.a_person()
    item = an_item(world, person)
    tablet: dict[str, Any] = {"roles": (Role.ENGINEER,), "place": Place.TABLET}
    assert world.do(MarkNoticeSeen(item.id), person=world.a_person(), **tablet).code == "inbox_item_unknown"
    world.must(MarkNoticeSeen(item.id), person=person, **tablet)
    assert world.get(InboxItem, item.id).state == "seen"
    assert world.do(MarkNoticeSeen(item.id), person=person, **tablet).status == "noop"
    assert grants_of(world.session, item.agg) == {(f"user:{person}", item.agg)}


def test_a_discrepancy_is_resolved_once(world: World) -> None:
    found = Discrepancy(
        id=world.id(),
        agg=OFFICE_INBOX,
        code="stock_below_zero",
        details={},
        ticket_id=None,
        op_id=None,
        person_id=None,
        raised_at=world.now,
        state="open",
        resolution="",
        resolved_by=None,
        resolved_at=None,
    )
    world.session.add(found)
    world.session.commit()
    assert world.do(ResolveDiscrepancy(found.id, "已盘点"), roles=(Role.ENGINEER,)).code == "not_permitted"
    world.must(ResolveDiscrepancy(found.id, "已盘点"))
    assert world.do(ResolveDiscrepancy(found.id, "已盘点")).status == "noop"
    assert world.do(ResolveDiscrepancy(found.id, "别的")).code == "already_resolved"
    row = world.get(Discrepancy, found.id)
    assert (row.state, row.resolution, row.resolved_by) == ("resolved", "已盘点", world.boss)


@pytest.mark.parametrize(
    ("choice", "name", "state"), [("keep", "丙", "confirmed"), ("swap", "乙", "swapped")]
)
def test_a_conflict_is_settled_either_way(world: World, choice: Any, name: str, state: str) -> None:
    customer, conflict = a_conflict(world)
    world.must(SettleConflict(conflict.id, choice))
    assert world.do(SettleConflict(conflict.id, choice)).status == "noop"
    row = world.get(Customer, customer)
    assert (row.name, world.get(FieldConflict, conflict.id).state) == (name, state)
    assert name in row.folded
    other: Any = "keep" if choice == "swap" else "swap"
    assert world.do(SettleConflict(conflict.id, other)).code == "already_settled"


def test_a_field_that_moved_on_is_not_swapped(world: World) -> None:
    customer, conflict = a_conflict(world)
    world.must(EditCustomer(customer, (change("name", "丙", "丁"),)))
    outcome = world.do(SettleConflict(conflict.id, "swap"))
    assert (outcome.code, outcome.values) == ("edited_since", {"field": "name"})
    world.must(SettleConflict(conflict.id, "keep"))


def test_an_engineer_settles_on_his_own_ticket_only(world: World) -> None:
    engineer = world.a_person()
    ticket = world.a_ticket(engineer, fault_code="F1")
    desk: dict[str, Any] = {"roles": (Role.SPECIALIST,), "place": Place.OFFICE}
    mine: dict[str, Any] = {"roles": (Role.ENGINEER,), "place": Place.TABLET, "person": engineer}
    world.must(EditTicket(ticket, (change("fault_code", "F1", "F2"),)), **desk)
    assert world.do(EditTicket(ticket, (change("fault_code", "F1", "F3"),)), **mine).status == "merged"
    assert world.get(Ticket, ticket).fault_code == "F3"
    conflict = world.session.query(FieldConflict).filter_by(row_id=ticket).one()
    _, foreign = a_conflict(world)
    assert world.do(SettleConflict(foreign.id, "swap", ticket), **mine).code == "field_conflict_unknown"
    assert world.do(SettleConflict(foreign.id, "swap"), **mine).code == "not_your_ticket"
    stranger = {**mine, "person": world.a_person()}
    assert world.do(SettleConflict(conflict.id, "swap", ticket), **stranger).code == "not_your_ticket"
    world.must(SettleConflict(conflict.id, "swap", ticket), **mine)
    assert world.get(Ticket, ticket).fault_code == "F2"


def test_a_parked_command_is_withdrawn_or_handed_over(world: World) -> None:
    person = world.a_person()
    mine: dict[str, Any] = {"roles": (Role.ENGINEER,), "person": person}
    item = an_item(world, person, "parked")
    assert item.op_id is not None
    assert world.do(WithdrawCommand(item.op_id), roles=mine["roles"]).code == "inbox_item_unknown"
    world.must(HandToOffice(item.op_id), **mine)
    assert world.do(HandToOffice(item.op_id), **mine).status == "noop"
    assert world.get(InboxItem, item.id).state == "office"
    told = world.session.query(Discrepancy).filter_by(op_id=item.op_id, code="handed_to_office").one()
    assert (told.state, told.person_id) == ("open", person)
    world.must(WithdrawCommand(item.op_id), **mine)
    assert world.get(InboxItem, item.id).state == "withdrawn"
    assert world.do(HandToOffice(item.op_id), **mine).code == "already_decided"


def test_a_command_its_tablet_cannot_read_is_put_before_the_office_once(world: World) -> None:
    person = world.a_person()
    mine: dict[str, Any] = {"roles": (Role.ENGINEER,), "person": person}
    spoiled = ReportSpoiled(world.id(), "add_note", world.now)
    world.must(spoiled, **mine)
    assert world.do(spoiled, **mine).status == "noop"
    told = world.session.query(Discrepancy).filter_by(code="command_spoiled").one()
    assert (told.op_id, told.person_id, told.state) == (spoiled.op_id, person, "open")
    said = say_reason(told.code, told.details, "en", "UTC")
    assert "Add a note" in said, "the kind in words"
