"""Job: take tickets closed some days ago off the tablets, so that time ends a scope as any write does (T11)."""

from __future__ import annotations

from common.kernel.clock import instant
from common.tickets.closing import ReleaseTicket, tickets_to_release
from sync_server.db.database import Database
from sync_server.db.office import SYSTEM, perform


def end_old_scopes(database: Database) -> int:
    """Give `release_ticket` for every ticket closed long enough; returns how many there were."""
    with database.read() as session:
        due = tickets_to_release(session, instant(database.clock.read().wall_ms))
    return sum(perform(database, SYSTEM, ReleaseTicket(ticket_id)).took_effect for ticket_id in due)
