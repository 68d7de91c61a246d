"""Laws of three-way edits: equal is no work, different fields commute, the loser is always recorded (invariant 15)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from common.customers.customer import Customer
from common.customers.customer_commands import EditCustomer
from common.equipment.equipment import Equipment
from common.inbox.edits import Change, Winner, apply_changes, read_value, show_value
from common.inbox.records import FieldConflict
from common.kernel.command import Place, Role
from common.kernel.op import Op
from common.kernel.text import tidy
from common.kernel.work import Actor, Work
from common.stock.part import Part
from common.stock.part_usage import PartUsage
from tests.support.world import World

WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=12).filter(
    lambda text: tidy(text) == text
)
FIELDS = ("phone", "contact", "address", "site_notes")
MOMENT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def edited(world: World, customer: str, **values: tuple[str, str]) -> object:
    """Give one edit of several fields: field=(old, new)."""
    changes = tuple(Change(field, old, new) for field, (old, new) in values.items())
    return world.do(EditCustomer(customer, changes), person=world.id("editor"))


def shown(world: World, customer: str) -> dict[str, str]:
    """Read the fields."""
    row = world.get(Customer, customer)
    return {field: getattr(row, field) for field in FIELDS}


@given(st.dictionaries(st.sampled_from(FIELDS), WORDS, min_size=1))
@settings(max_examples=30)
def test_equal_is_no_work(values: dict[str, str]) -> None:
    world = World()
    customer = world.a_customer(**values)
    outcome = edited(world, customer, **{field: ("anything", new) for field, new in values.items()})
    assert outcome.status == "noop"  # type: ignore[attr-defined]
    assert world.session.query(FieldConflict).count() == 0
    world.close()


@given(st.permutations(FIELDS), WORDS, WORDS)
@settings(max_examples=30)
def test_edits_of_different_fields_commute(fields: list[str], one: str, other: str) -> None:
    ends = []
    for order in ((0, 1), (1, 0)):
        world = World()
        customer = world.a_customer()
        edits = [
            {fields[0]: ("", one), fields[1]: ("", one)},
            {fields[2]: ("", other), fields[3]: ("", other)},
        ]
        for place in order:
            assert edited(world, customer, **edits[place]).status == "ok"  # type: ignore[attr-defined]
        ends.append(shown(world, customer))
        assert world.session.query(FieldConflict).count() == 0
        world.close()
    assert ends[0] == ends[1]


@pytest.mark.fault("P6")
@given(WORDS, st.lists(WORDS, min_size=2, max_size=5))
@settings(max_examples=40)
def test_no_value_is_ever_lost(base: str, values: list[str]) -> None:
    world = World()
    customer = world.a_customer(phone=base)
    for value in values:
        edited(world, customer, phone=(base, value))
    kept = world.get(Customer, customer).phone
    recorded = {text for row in world.session.query(FieldConflict) for text in (row.kept, row.lost)}
    written = {value for value in values if value != base}
    assert written <= recorded | {kept, base}
    world.close()


@given(WORDS, WORDS, WORDS, st.sampled_from(list(Winner)), st.booleans())
@settings(max_examples=60)
def test_who_wins_is_said_by_the_noun(
    base: str, theirs: str, mine: str, winner: Winner, in_field: bool
) -> None:
    assume(len({base, theirs, mine}) == 3)
    world = World()
    customer = world.a_customer(phone=theirs)
    row = world.get(Customer, customer)
    place = Place.TABLET if in_field else Place.OFFICE
    actor = Actor(world.id(), frozenset({Role.ENGINEER}), place)
    work = Work(world.session, actor, Op(world.id(), "x", 0, {}), MOMENT, MOMENT, live=False, authority=True)
    outcome = apply_changes(work, row, (Change("phone", base, mine),), {"phone": winner})
    mine_wins = winner is Winner.LATER or (winner is Winner.FIELD) == in_field
    assert (outcome.status, row.phone) == ("merged", mine if mine_wins else theirs)
    conflict = world.session.query(FieldConflict).one()
    assert {conflict.kept, conflict.lost} == {mine, theirs}
    assert conflict.kept == row.phone
    assert (conflict.kept_by if mine_wins else conflict.lost_by) == actor.person_id
    again = apply_changes(work, row, (Change("phone", base, mine),), {"phone": winner})
    assert again.status == ("noop" if mine_wins else "merged")
    assert world.session.query(FieldConflict).count() == 1
    world.close()


@pytest.mark.parametrize(
    ("row", "field", "values"),
    [
        (Customer(), "key_customer", (True, False)),
        (Customer(), "name", ("甲", "0123", "true")),
        (Equipment(), "sold_on", (date(2026, 2, 28), None)),
        (Equipment(), "warranty_months", (12, 0, None)),
        (Part(), "price_minor", (-5, 10**12)),
        (PartUsage(), "qty", (Decimal("0.125"), Decimal(-3))),
        (PartUsage(), "used_at", (MOMENT,)),
    ],
)
def test_what_is_shown_is_read_back(row: object, field: str, values: tuple[object, ...]) -> None:
    for value in values:
        assert read_value(row, field, show_value(value)) == value  # type: ignore[arg-type]
