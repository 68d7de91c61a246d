"""Job: warn before and at breach of SLA clocks (R015), ticket by ticket through the command."""

from __future__ import annotations

from common.kernel.clock import instant
from common.policy.policy_set import find_policy
from common.sla.clock_commands import RaiseClockAlarms, tickets_with_due_alarms
from sync_server.db.database import Database
from sync_server.db.office import SYSTEM, perform


def raise_alarms(database: Database) -> int:
    """Give `raise_clock_alarms` for every ticket that has one due; returns how many had."""
    with database.read() as session:
        if find_policy(session) is None:
            return 0
        due = tickets_with_due_alarms(session, instant(database.clock.read().wall_ms))
    return sum(perform(database, SYSTEM, RaiseClockAlarms(ticket_id)).status == "ok" for ticket_id in due)
