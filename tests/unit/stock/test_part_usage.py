"""Parts used on a job: booked offline, replayed, withdrawn, and flagged where something cannot be right (R088)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from common.kernel.command import Place, Role
from common.stock.ledger import balance, ledger_faults
from common.stock.location import ADJUSTMENTS, CUSTOMER_SITES
from common.stock.movement import StockMovement
from common.stock.part_commands import EditPart, SetPrice
from common.stock.part_usage import PartUsage, RecordPartUsage, WithdrawPartUsage, usages_of
from common.stock.search import serials_at
from common.stock.stock_commands import AssignVan
from common.tickets.dispatching import MoveAssignment
from tests.support.world import World, change


class Job:
    """An engineer with a van on a ticket of his, and a part in the van."""

    def __init__(self, world: World, *, serials: tuple[str, ...] = (), qty: int = 5) -> None:
        self.world = world
        self.engineer = world.a_person()
        self.van = world.a_van(self.engineer)
        self.part = world.a_part("PT-1", 12_000, name_zh="密封圈", serialised=bool(serials))
        world.stock_up(self.van, self.part, qty, *serials)
        self.ticket = world.a_ticket(self.engineer)

    def used(self, qty: str = "1", serial: str = "", **fields: object) -> RecordPartUsage:
        """Write the command."""
        usage_id = self.world.id("usage")
        made = RecordPartUsage(usage_id, self.ticket, self.part, Decimal(qty), serial_in=serial)
        return replace(made, **fields)  # type: ignore[arg-type]

    @property
    def left(self) -> Decimal:
        """Say how many the books have in the van."""
        return balance(self.world.session, self.van, self.part)


@pytest.fixture
def job(world: World) -> Job:
    """Give an engineer at work."""
    return Job(world)


def test_a_part_leaves_the_van_and_stands_in_the_report(job: Job) -> None:
    payload = job.used("2", serial_out="OLD-1", charged=True)
    assert job.world.do(payload, person=job.engineer).status == "ok"
    usage = job.world.get(PartUsage, payload.usage_id)
    assert (usage.part_number, usage.part_name, usage.unit_price_minor) == ("PT-1", "密封圈", 12_000)
    assert (usage.charged, usage.serial_out, usage.round, usage.agg) == (
        True,
        "OLD-1",
        1,
        f"ticket:{job.ticket}",
    )
    assert job.left == 3
    assert balance(job.world.session, CUSTOMER_SITES, job.part) == 2
    movement = job.world.get(StockMovement, usage.movement_id)
    assert (movement.agg, movement.ticket_id, movement.reason) == (usage.agg, job.ticket, "used")
    assert usages_of(job.world.session, job.ticket) == [usage]
    assert ledger_faults(job.world.session) == []


def test_replayed_it_moves_nothing_twice(job: Job) -> None:
    payload = job.used()
    job.world.must(payload, person=job.engineer)
    assert job.world.do(payload, person=job.engineer).status == "noop"
    assert job.left == 4


def test_a_later_price_does_not_change_the_line(job: Job) -> None:
    payload = job.used()
    job.world.must(payload, person=job.engineer)
    job.world.must(SetPrice(job.part, 99_000, "CNY"))
    assert job.world.get(PartUsage, payload.usage_id).unit_price_minor == 12_000


def test_withdrawn_it_is_back_in_the_van(world: World) -> None:
    job = Job(world, serials=("A1", "A2"))
    payload = job.used(serial="A1")
    world.must(payload, person=job.engineer)
    assert serials_at(world.session, job.van, job.part) == ["A2"]
    back = WithdrawPartUsage(payload.usage_id, job.ticket, "装错")
    world.must(back, person=job.engineer)
    assert world.do(back, person=job.engineer).status == "noop"
    assert job.left == 2
    assert serials_at(world.session, job.van, job.part) == ["A1", "A2"]
    assert usages_of(world.session, job.ticket) == []
    assert world.get(PartUsage, payload.usage_id).withdrawn_reason == "装错"
    assert world.do(job.used(serial="A1"), person=job.engineer).status == "ok"
    other = world.a_ticket(job.engineer)
    foreign = WithdrawPartUsage(payload.usage_id, other, "x")
    assert world.do(foreign, person=job.engineer).code == "part_usage_unknown"


@pytest.mark.fault("J1")
def test_more_than_the_books_hold_is_kept_and_flagged_on_both_sides(job: Job) -> None:
    for live in (True, False):
        outcome = job.world.do(job.used("9"), person=job.engineer, live=live)
        assert (outcome.status, outcome.code) == ("flagged", "stock_below_zero")
    assert job.left == -13


@pytest.mark.fault("J4")
def test_a_serial_fitted_twice_is_flagged(world: World) -> None:
    job = Job(world, serials=("A1",))
    world.must(job.used(serial="A1"), person=job.engineer)
    outcome = world.do(job.used(serial="A1"), person=job.engineer)
    assert {flag.code for flag in outcome.flags} == {
        "serial_fitted_twice",
        "serial_not_here",
        "stock_below_zero",
    }


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"qty": Decimal(0)}, "quantity_not_positive"),
        ({"serial_in": "X", "qty": Decimal(2)}, "serial_is_one_piece"),
    ],
)
def test_refused_live_but_kept_in_a_replay(job: Job, fields: dict[str, object], code: str) -> None:
    payload = job.used(**fields)
    assert job.world.do(payload, person=job.engineer, live=True).code == code
    replayed = job.world.do(payload, person=job.engineer, live=False)
    assert replayed.took_effect
    assert code in {flag.code for flag in replayed.flags}


def test_a_part_nobody_knows_is_kept_in_a_replay(job: Job) -> None:
    payload = job.used(part_id=job.world.id())
    assert job.world.do(payload, person=job.engineer, live=True).code == "part_unknown"
    assert job.world.do(payload, person=job.engineer).code == "part_unknown"
    assert job.world.get(PartUsage, payload.usage_id).part_number == ""


def test_an_engineer_without_a_van(job: Job) -> None:
    job.world.must(AssignVan(job.van, None))
    payload = job.used()
    assert job.world.do(payload, person=job.engineer, live=True).code == "van_missing"
    assert job.world.do(payload, person=job.engineer).code == "van_missing"
    usage = job.world.get(PartUsage, payload.usage_id)
    assert job.world.get(StockMovement, usage.movement_id).from_location_id == ADJUSTMENTS
    named = job.used(location_id=job.van)
    assert job.world.do(named, person=job.engineer).code == "van_of_another"
    assert job.left == 4


def test_a_part_taken_out_of_use_is_flagged(job: Job) -> None:
    job.world.must(EditPart(job.part, (change("active", "1", "0"),)))
    assert job.world.do(job.used(), person=job.engineer).code == "part_inactive"


def test_only_on_his_own_ticket_and_only_from_a_tablet(job: Job) -> None:
    stranger = job.world.a_person()
    assert job.world.do(job.used(), person=stranger).code == "not_your_ticket"
    office = job.world.do(job.used(), person=job.engineer, place=Place.OFFICE)
    assert office.code == "wrong_place"
    assert job.world.do(job.used(), roles=(Role.DISPATCHER,)).code == "not_permitted"
    assert job.world.do(job.used(ticket_id=job.world.id()), person=job.engineer).code == "not_your_ticket"


def test_fitted_before_the_ticket_went_to_another_is_kept(job: Job) -> None:
    from common.tickets.ticket import Assignment

    other = job.world.a_person()
    assignment = job.world.session.query(Assignment).filter_by(ticket_id=job.ticket).one()
    moved = MoveAssignment(
        job.ticket, assignment.id, other, assignment.from_at, assignment.until_at, "换人", "测试"
    )
    job.world.must(moved)
    outcome = job.world.do(job.used(), person=job.engineer)
    assert outcome.status == "flagged"
    assert "no_longer_assigned" in {flag.code for flag in outcome.flags}
    assert job.left == 4
