"""The acceptance certificate (产品验收证明书) enters the warranty register (保修时间登记, R031).

Owns this command: it dates the unit and writes the warranty it begins.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from common.coverage.coverage import Coverage
from common.coverage.judge import last_day_of_term
from common.equipment.equipment import Equipment, equipment_agg
from common.equipment.equipment_commands import Term
from common.inbox.edits import edited
from common.kernel.command import OFFICE, Nature, Role, command
from common.kernel.fields import Day, Id, Line, Note
from common.kernel.ids import derive_id
from common.kernel.outcome import OK, Outcome
from common.kernel.work import Work


@dataclass(frozen=True, slots=True)
class RecordAcceptance:
    """Note acceptance: day, contract, scope (R031–R033). `term_months` None: the term of the policy."""

    equipment_id: Id
    accepted_on: Day
    contract: Line = ""
    term_months: Term | None = None
    scope: Note = ""


@command(
    RecordAcceptance,
    nature=Nature.FACT,
    roles=(Role.SPECIALIST, Role.CLERK, Role.SUPERVISOR, Role.ADMINISTRATOR),
    places=OFFICE,
    about=lambda c: equipment_agg(c.equipment_id),
)
def record_acceptance(work: Work, c: RecordAcceptance) -> Outcome:
    """Date the unit, register its warranty and end the entry before. Refuses `equipment_unknown`."""
    unit = work.need(Equipment, c.equipment_id)
    unit.accepted_on = c.accepted_on
    unit.warranty_months = c.term_months
    edited(work, unit)
    entry_id = derive_id("acceptance", unit.id, c.accepted_on.isoformat(), c.contract, str(c.term_months))
    for entry in work.rows(
        select(Coverage).where(Coverage.equipment_id == unit.id, Coverage.kind == "warranty")
    ):
        if "acceptance" in entry.terms:
            entry.cancelled = entry.id != entry_id
    if c.term_months is not None:
        work.add(
            Coverage(
                id=entry_id,
                agg=unit.agg,
                equipment_id=unit.id,
                kind="warranty",
                number=c.contract,
                from_on=c.accepted_on,
                until_on=last_day_of_term(c.accepted_on, c.term_months),
                terms={"acceptance": True, "months": c.term_months, "scope": c.scope},
                cancelled=False,
            )
        )
    return OK
