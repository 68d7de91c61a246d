"""Registering and ending what covers a unit: maintenance contracts and added warranties (R031, R038).

Owns these commands. The warranty that begins with acceptance is written by `record_acceptance`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from common.coverage.coverage import Coverage
from common.equipment.equipment import Equipment, equipment_agg
from common.kernel.command import OFFICE, Nature, Role, command
from common.kernel.fields import Day, Id, Line, Needed, Note
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.work import Work

COVERAGE_ROLES = (Role.SPECIALIST, Role.CLERK, Role.SUPERVISOR, Role.ADMINISTRATOR)


@dataclass(frozen=True, slots=True)
class RegisterCoverage:
    """Register a contract or an added warranty over a unit (R031, R038); both days belong to it."""

    coverage_id: Id
    equipment_id: Id
    kind: Literal["warranty", "contract"]
    from_on: Day
    until_on: Day
    number: Line = ""
    scope: Note = ""


@dataclass(frozen=True, slots=True)
class CancelCoverage:
    """End a contract or an added warranty before its day (R038)."""

    coverage_id: Id
    equipment_id: Id
    reason: Needed


@command(
    RegisterCoverage,
    nature=Nature.INTENT,
    roles=COVERAGE_ROLES,
    places=OFFICE,
    about=lambda c: equipment_agg(c.equipment_id),
)
def register_coverage(work: Work, c: RegisterCoverage) -> Outcome:
    """Register coverage. Refuses `equipment_unknown`, `window_backwards`."""
    if work.look(Equipment, c.equipment_id) is None:
        raise Refused("equipment_unknown")
    if c.from_on > c.until_on:
        raise Refused("window_backwards")
    if work.get(Coverage, c.coverage_id) is not None:
        return NOOP
    work.add(
        Coverage(
            id=c.coverage_id,
            agg=equipment_agg(c.equipment_id),
            equipment_id=c.equipment_id,
            kind=c.kind,
            number=c.number,
            from_on=c.from_on,
            until_on=c.until_on,
            terms={"scope": c.scope},
            cancelled=False,
        )
    )
    return OK


@command(
    CancelCoverage,
    nature=Nature.INTENT,
    roles=(Role.SUPERVISOR, Role.ADMINISTRATOR),
    places=OFFICE,
    about=lambda c: equipment_agg(c.equipment_id),
)
def cancel_coverage(work: Work, c: CancelCoverage) -> Outcome:
    """Cancel coverage; its reason is kept in its terms. Refuses `coverage_unknown`."""
    coverage = work.need(Coverage, c.coverage_id)
    if coverage.equipment_id != c.equipment_id:
        raise Refused("coverage_unknown")
    if coverage.cancelled:
        return NOOP
    coverage.cancelled = True
    coverage.terms = {**coverage.terms, "cancelled": c.reason}
    return OK
