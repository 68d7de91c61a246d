"""The office decides about what was refused in the field: accepted it happens, declined it is told, never lost."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text

from common.customers.customer_commands import RegisterCustomer
from common.inbox.inbox_commands import WithdrawCommand
from common.inbox.records import Discrepancy, InboxItem
from common.kernel.command import Place, Role
from common.kernel.outcome import Outcome
from common.kernel.work import Actor
from common.stock.location import StockLocation
from common.stock.movement import StockLevel
from common.stock.part_commands import RegisterPart
from common.stock.part_usage import RecordPartUsage
from common.stock.stock_commands import RegisterLocation
from common.tickets.appointment import AgreeAppointment, RescheduleTicket
from common.tickets.dispatching import AssignTicket
from common.tickets.field_work import AddNote, StartTravel
from common.tickets.intake import ReportFault
from common.tickets.ticket import Ticket, TicketEvent
from sync_server.db.office import perform
from sync_server.db.tables import AuditEntry, Change, ParkedOp, Receipt
from sync_server.db.upkeep_tables import Restoration
from sync_server.sync.parked import DecideParked
from sync_server.upkeep.healed import healed_since
from sync_server.upkeep.verify import verify
from tests.support.office import Office, Tablet

BOSS = "0192f000-0000-7000-8000-000000000001"


class Field:
    """An engineer with a tablet, and a ticket that is not his."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.engineer = office.person()
        self.tablet: Tablet = office.tablet(self.engineer)
        self.customer = office.new()
        office.do(RegisterCustomer(self.customer, "C1", "东城医院"))
        self.ticket = self.a_ticket("T1")

    def a_ticket(self, number: str) -> str:
        """Register a call."""
        ticket = self.office.new()
        self.office.do(
            ReportFault(
                ticket_id=ticket,
                number=number,
                channel="phone",
                customer_id=self.customer,
                fault_text="停机",
                severity="minor",
            )
        )
        return ticket

    def decide(
        self, op_id: str, choice: Any = "accept", note: str = "", role: Role = Role.SUPERVISOR
    ) -> Outcome:
        """Decide at the office."""
        actor = Actor(BOSS, frozenset({role}), Place.OFFICE)
        return perform(self.office.database, actor, DecideParked(op_id, choice, note))

    def item(self, op_id: str) -> InboxItem:
        """Read what the engineer sees of it."""
        found = self.office.rows(select(InboxItem).where(InboxItem.op_id == op_id))
        assert len(found) == 1
        return found[0]

    def states(self, op_id: str) -> tuple[str, str, str, int]:
        """Return how parked row, receipt, inbox and exceptions stand."""
        open_ones = select(Discrepancy).where(Discrepancy.op_id == op_id, Discrepancy.state == "open")
        return (
            self.office.row(ParkedOp, op_id).state,
            self.office.row(Receipt, op_id).status,
            self.item(op_id).state,
            len(self.office.rows(open_ones)),
        )

    def events(self) -> list[str]:
        """List what stands on the ticket's timeline."""
        rows = self.office.rows(select(TicketEvent).where(TicketEvent.ticket_id == self.ticket))
        return sorted(row.kind for row in rows)


@pytest.fixture
def field(office: Office) -> Field:
    return Field(office)


def test_accepted_it_happens_as_of_its_time_and_on_the_engineers_behalf(field: Field) -> None:
    note = field.tablet.op(AddNote(field.ticket, "现场已断电"))
    happened = field.office.clock.at
    (result,) = field.tablet.push(note)
    assert (result.s, result.c) == ("parked", "not_your_ticket")
    field.office.clock.advance(timedelta(hours=2))
    assert field.decide(note.id, note="代班").status == "ok"
    assert field.states(note.id) == ("accepted", "ok", "accepted", 0)
    event = field.office.rows(select(TicketEvent).where(TicketEvent.kind == "note"))[0]
    assert (event.note, event.actor_id, event.at) == ("现场已断电", field.engineer, happened)
    assert field.item(note.id).details["note"] == "代班"
    assert field.tablet.push()[:] == []


def test_what_it_touched_and_the_engineers_inbox_reach_the_feed(field: Field) -> None:
    note = field.tablet.op(AddNote(field.ticket, "到场"))
    field.tablet.push(note)
    before = max(row.seq or 0 for row in field.office.rows(select(Change)))
    field.decide(note.id)
    fresh = field.office.rows(select(Change).where(Change.seq > before))
    assert {(row.entity, row.agg.partition(":")[0]) for row in fresh} >= {
        ("ticket_event", "ticket"),
        ("inbox_item", "inbox"),
        ("discrepancy", "office"),
    }


def test_deciding_twice_changes_nothing(field: Field) -> None:
    note = field.tablet.op(AddNote(field.ticket, "一次"))
    field.tablet.push(note)
    assert field.decide(note.id).status == "ok"
    assert field.decide(note.id).status == "noop"
    assert field.decide(note.id, "decline", "不").code == "already_decided"
    assert field.events().count("note") == 1


def test_the_tablet_that_asks_again_hears_the_new_answer(field: Field) -> None:
    note = field.tablet.op(AddNote(field.ticket, "再问"))
    field.tablet.push(note)
    field.decide(note.id)
    field.tablet.sent -= 1
    (result,) = field.tablet.push(note)
    assert result.s == "ok"
    assert field.events().count("note") == 1


def test_declined_it_is_told_with_the_reason(field: Field) -> None:
    note = field.tablet.op(AddNote(field.ticket, "别家的"))
    field.tablet.push(note)
    assert field.decide(note.id, "decline").code == "decision_note_missing"
    assert field.decide(note.id, "decline", "工单不归您").status == "ok"
    assert field.states(note.id) == ("declined", "parked", "declined", 0)
    assert field.item(note.id).details["note"] == "工单不归您"
    assert field.decide(note.id, "decline", "工单不归您").status == "noop"
    assert "note" not in field.events()


def test_what_waited_for_it_follows_in_order(field: Field) -> None:
    first = field.tablet.op(StartTravel(field.ticket))
    second = field.tablet.op(AddNote(field.ticket, "二"), after=(first,))
    third = field.tablet.op(AddNote(field.ticket, "三"), after=(second,))
    assert [result.s for result in field.tablet.push(first, second, third)] == [
        "parked",
        "blocked",
        "blocked",
    ]
    assert field.decide(first.id).status == "ok"
    for op in (first, second, third):
        assert field.states(op.id)[0] == "accepted"
        assert field.item(op.id).state == "accepted"
    notes = field.office.rows(select(TicketEvent).where(TicketEvent.kind == "note"))
    assert {row.note for row in notes} == {"二", "三"}


@pytest.mark.fault("D9")
def test_the_chain_alone_tells_what_a_decision_made_of_what_waited(field: Field) -> None:
    """Each command it carried out or parked anew has a second entry, as of its own time; nothing excuses a receipt."""
    first, declined = (
        field.tablet.op(StartTravel(field.ticket)),
        field.tablet.op(AddNote(field.ticket, "别家")),
    )
    then = field.tablet.op(AddNote(field.ticket, "二"), after=(first,))
    field.tablet.push(first, then, declined)
    field.office.clock.advance(timedelta(hours=2))
    field.decide(first.id)
    field.decide(declined.id, "decline", "不归您")
    field.office.database.number()
    told: dict[str, list[Any]] = {op.id: [] for op in (first, then, declined)}
    for row in field.office.rows(select(AuditEntry).order_by(AuditEntry.seq)):
        entry = json.loads(row.entry)
        if entry["op"]["id"] in told:
            told[entry["op"]["id"]].append(entry)
    assert [len(entries) for entries in told.values()] == [2, 2, 1]
    for waited, decided in (told[first.id], told[then.id]):
        assert (waited["status"], decided["status"]) in (("parked", "ok"), ("blocked", "ok"))
        assert decided.pop("decision") not in told
        assert decided == {**waited, "status": "ok", "code": decided["code"]}
    with field.office.database.read() as session:
        assert verify(session) == []
    for lie in ("UPDATE receipt SET status = 'merged'", "UPDATE receipt SET status = 'parked'"):
        with field.office.database.engine.connect() as connection:
            connection.execute(text(f"{lie} WHERE op_id = :op"), {"op": then.id})
            connection.commit()
        with field.office.database.read() as session:
            assert [str(fault) for fault in verify(session)] == [
                f"receipt: {then.id}: differs from its audit entry"
            ]


def test_a_decision_after_a_restore_is_no_command_that_came_back(field: Field) -> None:
    note = field.tablet.op(AddNote(field.ticket, "先前"))
    field.tablet.push(note)
    field.office.clock.advance(timedelta(hours=2))
    at = field.office.clock.at
    found = Restoration(id=field.office.new(), restored_at=at, backup_at=at, backup_seq=1)
    field.office.clock.advance(timedelta(hours=1))
    field.decide(note.id)
    with field.office.database.read() as session:
        assert healed_since(session, found).commands == 0


def test_a_released_command_is_judged_by_its_own_rules(field: Field) -> None:
    office, start = field.office, field.office.clock.at + timedelta(hours=3)
    office.do(AgreeAppointment(field.ticket, start, start + timedelta(hours=1), "林"))
    note = field.tablet.op(AddNote(field.ticket, "改期前"))
    later = start + timedelta(days=1)
    move = field.tablet.op(
        RescheduleTicket(field.ticket, later, later + timedelta(hours=1), "客户外出", True, later),
        after=(note,),
    )
    field.tablet.push(note, move)
    office.do(AssignTicket(field.ticket, office.new(), field.engineer, start, later, "仍派"))
    assert field.decide(note.id).status == "ok"
    assert field.states(move.id) == ("open", "parked", "open", 1)
    assert (office.row(ParkedOp, move.id).code, field.item(move.id).kind) == ("window_changed", "parked")
    with office.database.read() as session:
        assert verify(session) == []
    assert office.row(ParkedOp, move.id).blocked_by is None
    assert field.decide(move.id).status == "ok"
    assert office.row(Ticket, field.ticket).window_from_at == later


def test_what_still_cannot_be_done_stays_parked_whole(field: Field) -> None:
    start = field.office.clock.at + timedelta(hours=3)
    move = field.tablet.op(RescheduleTicket(field.ticket, start, start - timedelta(hours=1), "倒", True))
    field.tablet.push(move)
    before = len(field.office.rows(select(Change)))
    assert field.decide(move.id).code == "window_backwards"
    assert field.states(move.id) == ("open", "parked", "open", 1)
    assert len(field.office.rows(select(Change))) == before


def test_one_waiting_for_two_runs_only_after_both(field: Field) -> None:
    other = field.a_ticket("T2")
    one, two = field.tablet.op(AddNote(field.ticket, "甲")), field.tablet.op(AddNote(other, "乙"))
    both = field.tablet.op(AddNote(field.ticket, "丙"), after=(one, two))
    field.tablet.push(one, two, both)
    field.decide(one.id)
    assert field.states(both.id)[0] == "open"
    field.decide(two.id)
    assert field.states(both.id)[0] == "accepted"


def test_a_group_is_accepted_or_refused_as_one(field: Field) -> None:
    start = field.office.clock.at + timedelta(hours=3)
    good = field.tablet.op(AddNote(field.ticket, "同组"), group="g1")
    bad = field.tablet.op(
        RescheduleTicket(field.ticket, start, start - timedelta(hours=1), "倒", True), group="g1"
    )
    field.tablet.push(good, bad)
    assert field.decide(good.id).code == "window_backwards"
    assert [field.states(op.id)[0] for op in (good, bad)] == ["open", "open"]
    assert "note" not in field.events()
    assert field.decide(bad.id, "decline", "作废").status == "ok"
    assert [field.states(op.id)[0] for op in (good, bad)] == ["declined", "declined"]


def test_flags_of_an_accepted_command_come_before_the_office(field: Field) -> None:
    office, part, van = field.office, field.office.new(), field.office.new()
    office.do(RegisterPart(part, "PS-1", "Seal", 100, "CNY"))
    office.do(RegisterLocation(van, "V1", "Van 1", "van", field.engineer))
    use = field.tablet.op(RecordPartUsage(office.new(), field.ticket, part, Decimal(2)))
    field.tablet.push(use)
    assert office.row(StockLocation, van).person_id == field.engineer
    assert field.decide(use.id).status == "ok"
    assert office.row(Receipt, use.id).status == "flagged"
    codes = {
        row.code
        for row in office.rows(
            select(Discrepancy).where(Discrepancy.op_id == use.id, Discrepancy.state == "open")
        )
    }
    assert codes == {"stock_below_zero"}
    assert [row.qty for row in office.rows(select(StockLevel))] == [-2]


def test_an_entry_the_engineer_took_back_is_only_closed(field: Field) -> None:
    note = field.tablet.op(AddNote(field.ticket, "作罢"))
    field.tablet.push(note)
    field.tablet.push(field.tablet.op(WithdrawCommand(note.id)))
    assert field.decide(note.id).code == "parked_taken_back"
    assert field.decide(note.id, "decline", "已收回").status == "ok"
    assert field.states(note.id) == ("declined", "parked", "withdrawn", 0)


@pytest.mark.parametrize("role", [Role.CLERK, Role.PARTS_KEEPER, Role.SPECIALIST, Role.ENGINEER])
def test_only_some_may_decide(field: Field, role: Role) -> None:
    note = field.tablet.op(AddNote(field.ticket, "谁能定"))
    field.tablet.push(note)
    assert field.decide(note.id, role=role).code == "not_permitted"


def test_an_unknown_entry_is_refused(field: Field) -> None:
    assert field.decide(field.office.new()).code == "parked_unknown"
