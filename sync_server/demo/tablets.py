"""The demo's enrolled tablets, and what two of them bring that the office must look at.

Owns devices made through the real enrolment, and requests through the real sync service.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.inbox.edits import Change
from common.kernel.clock import Reading, millis
from common.kernel.codec import encode
from common.kernel.command import Role
from common.kernel.op import make_op
from common.protocol.access import EnrolAnswer, EnrolRequest, enrol_text
from common.protocol.messages import ClockNow, SyncAnswer, SyncRequest
from common.tickets.appointment import AgreeAppointment, RescheduleTicket
from common.tickets.field_work import AddNote
from common.tickets.intake import EditTicket
from sync_server.db.office import SYSTEM
from sync_server.demo.calls import Call, Calls
from sync_server.demo.stage import DemoError, Stage, minutes
from sync_server.keys import ServerKeys, to_text
from sync_server.people.enrolment import enrol, issue_code
from sync_server.sync.service import SyncService

APP = "demo"


class Tablet:
    """One enrolled tablet of an engineer that talks to the server as the app does."""

    def __init__(self, stage: Stage, keys: ServerKeys, number: str) -> None:
        self.stage, self.number = stage, number
        person = stage.people[number]
        key = Ed25519PrivateKey.generate()
        public = to_text(key.public_key().public_bytes_raw())
        code = issue_code(stage.database, keys, SYSTEM, person.id).text
        sig = to_text(key.sign(enrol_text(code, public)))
        wanted = EnrolRequest(code, public, sig, "平板", APP)
        self.known: EnrolAnswer = enrol(stage.database, keys, wanted, "127.0.0.1")
        self.token, self.sent, self.cursor = self.known.tok, 0, ""

    def sync(self, *payloads: Any, at: datetime, error_ms: int = 0, left: int = 0) -> SyncAnswer:
        """Bring commands given at a time on a tablet whose clock is wrong by so much; leave `left` unsent."""
        stage = self.stage
        ops = []
        for payload in payloads:
            self.sent += 1
            stage.given += 1
            reading = Reading(millis(at) + error_ms, self.sent, f"boot-{self.number}")
            op = make_op(payload, stage.id("op"), reading, clock_error_ms=error_ms)
            ops.append({**encode(op), "n": self.sent})
        answer = self._ask(tuple(ops), error_ms, left)
        while (
            answer.more or answer.cur != self.cursor
        ):  # once more at the end: so the office knows it has come there
            self.cursor = answer.cur
            answer = self._ask((), error_ms, left)
        return answer

    def _ask(self, ops: tuple[Any, ...], error_ms: int, left: int) -> SyncAnswer:
        stage = self.stage
        now = ClockNow(millis(stage.now) + error_ms, 10**9, f"later-{self.number}")
        old = millis(stage.now - timedelta(minutes=25)) if left else 0
        request = SyncRequest(
            self.known.dev,
            self.known.inc,
            self.token,
            now,
            app=APP,
            cur=self.cursor,
            ops=ops,
            left=left,
            old=old,
        )
        answer = SyncService(stage.database).sync(request)
        if answer.fork is not None:
            raise DemoError("a tablet of the demo lost its lane")
        self.token = answer.tok
        return answer


def leave_exceptions(stage: Stage, keys: ServerKeys, calls: Calls, now: datetime) -> None:
    """Enrol the tablets, and have two engineers meet a decision of the office while they were without signal."""
    engineers = sorted(n for n, p in stage.people.items() if Role.ENGINEER.value in p.roles)
    tablets = {number: Tablet(stage, keys, number) for number in engineers if number != "E01"}
    for place, tablet in enumerate(tablets.values()):
        stage.clock.at = now - minutes(2 + 17 * place % 90)
        tablet.sync(
            at=stage.clock.at, error_ms=(0, 1200, -800, 95_000, 300)[place % 5], left=(0, 0, 3, 0)[place % 4]
        )
    stage.clock.at = now
    _meet(stage, calls, tablets["E06"], now, _parks)
    _meet(stage, calls, tablets["E02"], now, _conflicts)


def _meet(stage: Stage, calls: Calls, tablet: Tablet, now: datetime, what: Any) -> None:
    """Give an engineer a ticket, let office and tablet change it both, then bring the tablet's side."""
    kept: dict[str, Any] = {}

    def prepare() -> None:
        call = calls.call(stage.now, category="pump", urgent=False)
        kept["call"], kept["ticket"] = call, calls.report(call)
        from_at = now + timedelta(hours=3)
        calls.assign(call, kept["ticket"], from_at, tablet.number)
        window = (from_at, from_at + timedelta(hours=2))
        stage.office("S01", AgreeAppointment(kept["ticket"], *window, call.customer.contact or "设备科"))
        kept["payloads"] = what(stage, call, kept["ticket"], from_at)

    stage.do(prepare, now)
    tablet.sync(*kept["payloads"], at=now - minutes(20))


def _parks(stage: Stage, call: Call, ticket_id: str, from_at: datetime) -> list[Any]:
    """The office moves the appointment while the engineer, without signal, moves it elsewhere."""
    later = from_at + timedelta(hours=1)
    stage.office(
        "D01", RescheduleTicket(ticket_id, later, later + timedelta(hours=2), "客户手术推迟", True, from_at)
    )
    wanted = from_at + timedelta(hours=22)
    return [RescheduleTicket(ticket_id, wanted, wanted + timedelta(hours=2), "客户要求明早", True, from_at)]


def _conflicts(stage: Stage, call: Call, ticket_id: str, from_at: datetime) -> list[Any]:
    """Both correct the same fields from the same old values."""
    phone, fault = call.customer.phone, call.story["fault"]
    changes = (
        Change("contact_phone", phone, "0570-5559988"),
        Change("fault_text", fault, f"{fault}（科室补充：夜间更频繁）"),
    )
    stage.office("S01", EditTicket(ticket_id, changes))
    mine = (
        replace(changes[0], new="0570-5557766"),
        replace(changes[1], new=f"{fault}（到场听到继电器异响）"),
    )
    return [EditTicket(ticket_id, mine), AddNote(ticket_id, "途中与护士长通过电话")]
