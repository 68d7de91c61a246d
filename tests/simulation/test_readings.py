"""Pages of the feed while rights come and go: what is dropped, given back, or granted for two reasons (T7, T8, T26)."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.simulation.readings import (
    AGGS,
    CUSTOMERS,
    ONE_AGGREGATE,
    PRINCIPALS,
    REASONS,
    Reading,
    try_many,
)

HOW_MANY = int(os.environ.get("FIELDWRIGHT_READINGS", "200"))  # noqa: TID251 - how much to run, not what
ME, TEAM = PRINCIPALS
FIRST, SECOND, _ = REASONS


@pytest.fixture
def reading() -> Iterator[Reading]:
    made = Reading(0)
    with made.rules():
        for customer_id in CUSTOMERS:
            made.edit(customer_id)
        yield made
    made.scrap()


def turn(reading: Reading, aggregates: int) -> list[str]:
    """Turn so many pages of one aggregate each; returns which they told of."""
    told = []
    for _ in range(aggregates):
        page = reading.page_for(reading.readers[0], ONE_AGGREGATE)
        told += [put.agg for put in page.put] + [f"-{agg}" for agg in page.drop]
    return told


def turn_to_the_end(reading: Reading) -> None:
    """Turn pages until there is none; the reading itself compares what it holds then."""
    while reading.page_for(reading.readers[0], ONE_AGGREGATE).more:
        pass


@pytest.mark.fault("A14")
@pytest.mark.timeout(900)
def test_readings_end_with_what_the_person_may_see() -> None:
    failed = try_many(0, HOW_MANY)
    assert not failed, failed[0]


def test_what_two_reasons_grant_is_not_passed_over_when_one_ends(reading: Reading) -> None:
    reading.toggle(FIRST, ME, AGGS[0])
    reading.toggle(FIRST, ME, AGGS[1])
    reading.toggle(SECOND, ME, AGGS[0])
    assert turn(reading, 1) == [AGGS[1]], "the one with the newer reason comes later"
    reading.toggle(SECOND, ME, AGGS[0])
    turn_to_the_end(reading)
    assert AGGS[0] in reading.readers[0].held


def test_what_went_and_came_back_for_another_reason_comes_whole(reading: Reading) -> None:
    for agg in AGGS[:3]:
        reading.toggle(FIRST, ME, agg)
    turn_to_the_end(reading)
    gone, *others = AGGS[:3]
    reading.toggle(FIRST, ME, gone)
    for agg in others:
        reading.edit(_a_row_of(agg))
    assert turn(reading, 1) == [f"-{gone}"]
    reading.toggle(SECOND, TEAM, gone)
    for agg in (others[0], gone):
        reading.edit(_a_row_of(agg))
    assert turn(reading, 2) == [others[1], others[0]], "past the moment in which it came back, not yet at it"
    turn_to_the_end(reading)


def test_what_ended_twice_before_a_number_was_given_is_taken_away(reading: Reading) -> None:
    reading.toggle(FIRST, ME, AGGS[0])
    turn_to_the_end(reading)
    for _ in range(3):
        reading.toggle(FIRST, ME, AGGS[0])
    turn_to_the_end(reading)
    assert AGGS[0] not in reading.readers[0].held


def _a_row_of(agg: str) -> str:
    return next(customer_id for customer_id, of in CUSTOMERS.items() if of == agg)
