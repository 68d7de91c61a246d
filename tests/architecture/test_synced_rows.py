"""Synced rows are never deleted, never move, and hold no foreign key of the database (ADR-0005)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

import common.nouns  # noqa: F401 - registers every shared table
from common.kernel.clock import instant
from common.kernel.command import Place, Role
from common.kernel.op import Op
from common.kernel.record import Base
from common.kernel.work import Actor, Work, watch
from common.stock.location import StockLocation
from tests.support.source import assert_none

ID = "01a20000-0000-7000-8000-000000000001"


@pytest.fixture
def watched() -> Iterator[tuple[Session, StockLocation]]:
    """Give a row that is stored, in a session that a command is using."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    row = StockLocation(
        id=ID, agg=f"van:{ID}", code="V1", name="Van", kind="van", person_id=None, active=True
    )
    with Session(engine) as session:
        session.add(row)
        session.flush()
        actor = Actor(ID, frozenset({Role.PARTS_KEEPER}), Place.OFFICE)
        work = Work(session, actor, Op(ID, "x", 0, {}), instant(0), instant(0), live=True, authority=True)
        stop = watch(session, work)
        yield session, row
        stop()
    engine.dispose()


def test_no_table_that_travels_has_a_foreign_key() -> None:
    assert_none([str(key) for table in Base.metadata.tables.values() for key in table.foreign_keys])


def test_deleting_a_row_is_a_bug(watched: tuple[Session, StockLocation]) -> None:
    session, row = watched
    session.delete(row)
    with pytest.raises(TypeError, match="never deleted"):
        session.flush()


def test_moving_a_row_to_another_aggregate_is_a_bug(watched: tuple[Session, StockLocation]) -> None:
    session, row = watched
    row.agg = "van:another"
    with pytest.raises(TypeError, match="another aggregate"):
        session.flush()
