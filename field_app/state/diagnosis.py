"""The diagnosis in force and what it means for who pays, also before it is saved (R034 R035 R059).

Owns what the diagnosis page shows. The verdict is the coverage room's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from common.coverage.entitlement import judge_now
from common.coverage.judge import EntitlementJudgement
from common.tickets.ticket import Ticket
from common.visit.records import Diagnosis
from common.visit.report import newest_diagnosis


@dataclass(frozen=True, slots=True)
class DiagnosisView:
    """The diagnosis in force, if any, and the verdict for the cause asked about."""

    made: Diagnosis | None
    verdict: EntitlementJudgement | None


def load_diagnosis(ticket_id: str, cause_code: str) -> Callable[[Session], DiagnosisView]:
    """Return the query; `cause_code` '': that of the diagnosis in force."""

    def load(session: Session) -> DiagnosisView:
        ticket = session.get(Ticket, ticket_id)
        if ticket is None:
            return DiagnosisView(None, None)
        made = newest_diagnosis(session, ticket)
        cause = cause_code or (made.cause_code if made else "")
        return DiagnosisView(made, judge_now(session, ticket, cause) if cause else None)

    return load
