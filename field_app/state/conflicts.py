"""What needs this person: commands not accepted, fields both changed, notices, remarks of the office (P6).

Owns deciding about each, always by a command. Nothing is lost by leaving it for later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import flet as ft

from common.inbox.inbox_commands import HandToOffice, MarkNoticeSeen, SettleConflict, WithdrawCommand
from common.kernel.clock import millis
from common.kernel.codec import decode
from common.kernel.command import spec_of
from common.kernel.outcome import BadPayload
from common.tickets.ticket import Ticket
from field_app.state.edit_again import EditLine, edit_lines, with_changes
from field_app.state.reach import Reach
from field_app.state.signing import Trouble, give
from field_app.store.queries_inbox import Met, Notice, Stuck, met_changes, notices, stuck_commands
from field_app.store.queries_outbox import Entry, remarks

REMARKS_SEEN = "remarks.seen"


@ft.observable
@dataclass(eq=False)
class Conflicts:
    """The page's content. `editing`: the id of the command that is being written anew."""

    reach: Reach
    stuck: tuple[Stuck, ...] = ()
    met: tuple[Met, ...] = ()
    notices: tuple[Notice, ...] = ()
    remarks: tuple[Entry, ...] = ()
    editing: str = ""
    trouble: Trouble | None = None
    trouble_of: str = ""

    def __post_init__(self) -> None:
        self._newest = 0
        self.refresh()

    @property
    def is_empty(self) -> bool:
        """Say whether nothing at all is here."""
        return not (self.stuck or self.met or self.notices or self.remarks)

    def refresh(self) -> None:
        """Read everything again."""
        seen = int(self.reach.store.setting(REMARKS_SEEN, "0") or 0)
        with self.reach.store.read() as session:
            stuck, met, told = stuck_commands(session), met_changes(session), notices(session)
            marked = remarks(session, seen)
        self._newest = max((op_ord for op_ord, _ in marked), default=seen)
        self.stuck, self.met, self.notices = stuck, met, told
        self.remarks = tuple(entry for _, entry in marked)
        if self.editing not in {one.op_id for one in stuck}:
            self.editing = ""

    def withdraw(self, op_id: str) -> None:
        """Give up a command of one's own."""
        self._give(WithdrawCommand(op_id), op_id)

    def to_office(self, op_id: str) -> None:
        """Leave a command to the office."""
        self._give(HandToOffice(op_id), op_id)

    def settle(self, met: Met, choice: str) -> None:
        """Decide between two values: keep what stands, or swap."""
        self._give(SettleConflict(met.conflict_id, choice, met.ticket_id or None), met.conflict_id)  # type: ignore[arg-type]

    def read(self, item_id: str) -> None:
        """Mark one notice as read."""
        self._give(MarkNoticeSeen(item_id), item_id)

    def read_all(self) -> None:
        """Mark every notice as read."""
        for notice in self.notices:
            if not notice.is_seen:
                self._give(MarkNoticeSeen(notice.item_id), notice.item_id)

    def remarks_read(self) -> None:
        """Put the remarks away; the commands stay in the outbox."""
        self.reach.store.choose(REMARKS_SEEN, str(self._newest))
        self.refresh()

    def edit(self, op_id: str) -> None:
        """Begin, or with '' end, writing a command anew."""
        self.editing, self.trouble, self.trouble_of = op_id, None, ""

    def lines(self, stuck: Stuck, zone: Any) -> tuple[EditLine, ...]:
        """List what can be written anew in a command."""
        return edit_lines(stuck.kind, dict(stuck.args), zone)

    def send_again(self, stuck: Stuck, values: dict[str, str], zone: Any) -> None:
        """Give the command anew with what was written, and take the old one back."""
        try:
            args = with_changes(stuck.kind, dict(stuck.args), values, zone)
            self._look_again(stuck.kind, args)
            payload = decode(spec_of(stuck.kind).payload, args)
        except BadPayload as fault:
            where = fault.where.rpartition(".")[2]
            self.trouble = Trouble(fault.code, {"where": where, "field": where})
            self.trouble_of = stuck.op_id
            return
        if self._give(payload, stuck.op_id):
            self._give(WithdrawCommand(stuck.op_id), stuck.op_id)
            self.edit("")

    def _look_again(self, kind: str, args: dict[str, Any]) -> None:
        """Take what stands now as what was seen: whoever writes anew has looked at the page."""
        if kind == "reschedule_ticket":
            with self.reach.store.read() as session:
                ticket = session.get(Ticket, args["ticket_id"])
                seen = ticket.window_from_at if ticket else None
            args["seen_from_at"] = millis(seen) if seen else None

    def _give(self, payload: Any, about: str) -> bool:
        trouble = give(self.reach, payload)
        self.trouble, self.trouble_of = trouble, about if trouble else ""
        self.refresh()
        return trouble is None
