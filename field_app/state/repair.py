"""What was done, measured and shown on this visit, and whether a reading is within its limits (R061 R063 R064).

Owns what the repair page shows. The limits are compared as numbers where they are numbers; else a person says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.orm import Session

from common.kernel.quantity import parse_quantity
from common.policy.model import ChecklistItem
from common.policy.policy_set import find_policy
from common.tickets.ticket import Ticket
from common.visit.records import Demonstration, RepairMeasure, TestValue
from common.visit.repair import all_passed, tests_of
from common.visit.report import checklists_for, model_of, rows_of_round


@dataclass(frozen=True, slots=True)
class RepairView:
    """Standing rows of the round. `readings`: items of the unit's checklist that ask for a value."""

    measures: tuple[RepairMeasure, ...]
    tests: tuple[TestValue, ...]
    demonstrations: tuple[Demonstration, ...]
    readings: tuple[ChecklistItem, ...]
    all_passed: bool

    @property
    def minutes(self) -> int:
        """Add up the minutes of all measures."""
        return sum(measure.minutes for measure in self.measures)


def load_repair(ticket_id: str) -> Callable[[Session], RepairView | None]:
    """Return the query."""

    def load(session: Session) -> RepairView | None:
        ticket, policy = session.get(Ticket, ticket_id), find_policy(session)
        if ticket is None:
            return None
        measures = rows_of_round(session, RepairMeasure, ticket, RepairMeasure.made_at)
        lists = checklists_for(policy, model_of(session, ticket)) if policy else ()
        return RepairView(
            tuple(measure for measure in measures if not measure.withdrawn),
            tuple(tests_of(session, ticket)),
            tuple(rows_of_round(session, Demonstration, ticket, Demonstration.at)),
            tuple(item for one in lists for item in one.items if item.kind == "value"),
            all_passed(session, ticket),
        )

    return load


def is_within(value: str, low: str, high: str) -> bool | None:
    """Say whether a reading is within its limits; None where it or both limits are no numbers."""
    read, least, most = _number(value), _number(low), _number(high)
    if read is None or (least is None and most is None):
        return None
    return (least is None or read >= least) and (most is None or read <= most)


def _number(text: str) -> Decimal | None:
    try:
        return parse_quantity(text.replace(",", "."))
    except ValueError:
        return None
