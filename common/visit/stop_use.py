"""The stop-use notice: dangerous equipment is taken out of use at once, with or without a network (R150).

Owns the notice. It waits for nothing: neither a sealed report nor a cancelled ticket stands in its way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from common.equipment.equipment import stop_use
from common.kernel.command import TABLET, Nature, Role, command
from common.kernel.fields import Id, Line, Name, Needed, Strokes
from common.kernel.outcome import OK, Outcome
from common.kernel.work import Work
from common.tickets.events import write_event
from common.tickets.ticket import Ticket, ticket_agg
from common.visit.hashing import Hash, content_hash
from common.visit.records import StopUseNotice


@dataclass(frozen=True, slots=True)
class GiveStopUseNotice:
    """Tell the customer to stop using a unit at once; he signs that he knows (R015 R150)."""

    notice_id: Id
    ticket_id: Id
    equipment_id: Id
    hazard: Needed
    instruction: Needed
    signer_name: Name
    strokes: Strokes
    content_hash: Hash
    signer_role: Line = ""


def notice_content(number: str, equipment_id: str, hazard: str, instruction: str) -> dict[str, Any]:
    """Gather what the customer reads before signing; screen and command take the hash over the same."""
    return {"ticket": number, "equipment": equipment_id, "hazard": hazard, "instruction": instruction}


@command(
    GiveStopUseNotice,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def give_stop_use_notice(work: Work, c: GiveStopUseNotice) -> Outcome:
    """Seal the notice and stop the unit. On the server it stands among the exceptions as `stop_use_given`."""
    ticket = work.need(Ticket, c.ticket_id)
    stop_use(work, c.equipment_id)
    if work.has(StopUseNotice, c.notice_id):
        return OK
    shown = notice_content(ticket.number, c.equipment_id, c.hazard, c.instruction)
    work.require(content_hash(shown) == c.content_hash, "content_hash_wrong", number=ticket.number)
    work.add(
        StopUseNotice(
            id=c.notice_id,
            agg=ticket.agg,
            ticket_id=ticket.id,
            equipment_id=c.equipment_id,
            round=ticket.round,
            hazard=c.hazard,
            instruction=c.instruction,
            signer_name=c.signer_name,
            signer_role=c.signer_role,
            strokes=c.strokes,
            content_hash=c.content_hash,
            given_at=work.at,
        )
    )
    ticket.danger = True
    write_event(work, ticket, "stop_use_given", c.hazard, signer=c.signer_name)
    if work.authority:
        work.flag("stop_use_given", number=ticket.number)
    return OK
