"""One history written by hand for the golden corpus: what a test of a room cannot give in a world of its own.

A danger on site, help, a stranger's command, what the office and the engineer then do with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from common.equipment.equipment_commands import RetireEquipment, ReturnToUse
from common.inbox.inbox_commands import HandToOffice, MarkNoticeSeen, ResolveDiscrepancy
from common.kernel.clock import Reading, millis
from common.kernel.codec import encode
from common.kernel.command import Place, Role
from common.kernel.op import make_op
from common.people.person_commands import AddPerson
from common.tickets.closing import CancelTicket, ReleaseTicket
from common.tickets.field_work import AcknowledgeTicket, AnswerHelp, RequestHelp
from common.visit.hashing import content_hash
from common.visit.stop_use import GiveStopUseNotice, notice_content
from tests.support.fake_clock import START_AT
from tests.support.golden import Master, Step
from tests.support.visit_world import STROKES, VisitWorld
from tests.support.world import World


def told(world: VisitWorld, master: Master) -> Iterator[Step]:
    """Tell what happens, a minute apart; every step must be given to the master before the next is asked for."""
    ids = World(name="story")
    unit, ticket, engineer = world.unit, world.ticket, world.engineer
    shown = notice_content(world.row.number, unit, "电源漏电", "停止使用")
    given = GiveStopUseNotice(
        ids.id(), ticket, unit, "电源漏电", "停止使用", "王主任", STROKES, content_hash(shown), "设备科"
    )
    at = max(world.now, START_AT)

    def step(payload: Any, person: str, role: Role, place: Place) -> Step:
        nonlocal at
        at += timedelta(minutes=1)
        op = make_op(payload, ids.id("op"), Reading(millis(at), 0, ""))
        device = "tablet" if place is Place.TABLET else ""
        live = place is not Place.TABLET
        return Step(
            encode(op) | {"v": op.v}, person, (role.value,), place.value, device, millis(at), millis(at), live, False,
            "", "",
        )  # fmt: skip

    def found(query: str, **values: str) -> str:
        with master.database.read() as session:
            return str(session.execute(text(query), values).scalar_one())

    field, stranger = (Role.ENGINEER, Place.TABLET), ids.id("stranger")
    lead = (world.boss, Role.SUPERVISOR, Place.OFFICE)
    taken_on = AddPerson(stranger, "P-9", "赵六", (Role.ENGINEER.value,))
    yield step(taken_on, world.boss, Role.ADMINISTRATOR, Place.OFFICE)
    yield step(AcknowledgeTicket(ticket), engineer, *field)
    yield step(RequestHelp(ticket, "需要第二人"), engineer, *field)
    yield step(AnswerHelp(ticket, "马上来"), *lead)
    yield step(given, engineer, *field)
    alarm = found("SELECT id FROM discrepancy WHERE code = 'stop_use_given'")
    yield step(ResolveDiscrepancy(alarm, "已派人"), *lead)
    yield step(ReturnToUse(unit, "已更换电源"), *lead)
    yield step(RetireEquipment(unit, "报废"), *lead)
    yield step(AcknowledgeTicket(ticket), stranger, *field)
    yield step(HandToOffice(found("SELECT op_id FROM op_parked")), stranger, *field)
    yield step(CancelTicket(ticket, "客户取消"), world.boss, Role.DISPATCHER, Place.OFFICE)
    told_to = "SELECT min(id) FROM inbox_item WHERE kind = 'notice' AND person_id = :person"
    notice = found(told_to, person=engineer)
    yield step(MarkNoticeSeen(notice), engineer, *field)
    at += timedelta(days=60)
    yield step(ReleaseTicket(ticket), "system", Role.SYSTEM, Place.SYSTEM)
