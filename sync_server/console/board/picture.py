"""The board's picture: lanes and jobs in the words and minutes the script draws.

Owns turning a day that was read into `board_data`. Wall-clock minutes count from local midnight of the shown day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from common.i18n import translate
from common.people.person import Person
from common.policy.model import Policy
from common.sla.calendar import as_utc
from common.tickets.ticket import SIGNED, UNDER_WAY
from common.tickets.wording import say_code
from sync_server.board.day import BoardDay, Work
from sync_server.console.board_data import Absence, BoardData, Job, Lane, Mark, Tone
from sync_server.console.formats import format_day, format_instant
from sync_server.console.tickets.words import STATES, urgency, zone_name
from sync_server.db.tables import Device

SNAP_MIN = 15
OPENS_MIN, CLOSES_MIN = 7 * 60, 20 * 60
# Tone and icon of what the engineer's tablet does not have yet, and of what it has and he has not acknowledged.
UNSEEN: tuple[Tone, str] = ("warn", "offline")
ON_TABLET: tuple[Tone, str] = ("planned", "tablet")
NEW_VISIT_MIN = 90
DAY_MIN = 1440
FRESH = timedelta(minutes=30)
STALE = timedelta(hours=4)
CLOCK_ERROR_MS = 5_000
DANGER_FIRST = 1e13  # seconds: before every other ticket of the tray, whatever their limits
LIVE_KINDS = ["ticket", "person", "policy"]
DONE = (*SIGNED, "archived")


@dataclass(frozen=True, slots=True)
class Picture:
    """A reader's view of a day: his language, the office's zone, the time of looking, and whether he may move."""

    day: date
    language: str
    time_zone: str
    now: datetime
    may_move: bool

    def word(self, key: str, **values: object) -> str:
        """Say a sentence."""
        return translate(self.language, key, **values)

    @property
    def starts_at(self) -> datetime:
        """Return the instant of local midnight."""
        return self.at_minute(0)

    @property
    def ends_at(self) -> datetime:
        """Return the instant of the next local midnight."""
        return self.at_minute(DAY_MIN)

    def at_minute(self, minute: int, day: date | None = None) -> datetime:
        """Turn wall-clock minutes of a day into an instant."""
        wall = datetime.combine(day or self.day, time()) + timedelta(minutes=minute)
        return as_utc(wall.replace(tzinfo=ZoneInfo(self.time_zone)))

    def minute_of(self, at: datetime) -> int:
        """Turn an instant into wall-clock minutes of the shown day; before it they are negative."""
        wall = at.astimezone(ZoneInfo(self.time_zone)).replace(tzinfo=None)
        return int((wall - datetime.combine(self.day, time())) / timedelta(minutes=1))

    def data(self, board: BoardDay) -> BoardData:
        """Draw a day."""
        today = self.now.astimezone(ZoneInfo(self.time_zone)).date()
        jobs = [self.job(work, board.policy) for work in (*board.placed, *board.waiting)]
        lanes = [self.lane(person, board) for person in board.engineers]
        begins, ends = self._hours(lanes, jobs)
        return {
            "day": self.day.isoformat(), "from_min": begins, "to_min": ends, "snap_min": SNAP_MIN,
            "now_min": self.minute_of(self.now) if self.day == today else None, "is_past": self.day < today,
            "is_read_only": not self.may_move, "live_kinds": LIVE_KINDS, "lanes": lanes, "jobs": jobs,
            "urls": {"move": "/console/board/moves", "data": f"/console/board/data?day={self.day}",
                     "fits": "/console/board/fits"},
        }  # fmt: skip

    def _hours(self, lanes: list[Lane], jobs: list[Job]) -> tuple[int, int]:
        spans = [span for lane in lanes for span in lane["working"]]
        for job in jobs:
            start = job["start_min"]
            if start is not None:
                spans.append([max(0, start), min(DAY_MIN, start + job["duration_min"])])
        begins = min([OPENS_MIN, *(span[0] // 60 * 60 for span in spans)])
        return begins, max([CLOSES_MIN, *(-(-span[1] // 60) * 60 for span in spans)])

    def lane(self, person: Person, board: BoardDay) -> Lane:
        """Draw an engineer."""
        skills = [
            say_code(self.language, "skill", held.code) for held in board.qualifications.get(person.id, ())
        ]
        zones = [zone_name(board.policy, code, self.language) for code in person.zones]
        note = " · ".join(
            filter(None, (", ".join(zones) or self.word("board.serves_all"), ", ".join(skills)))
        )
        stretches = board.policy.calendar.stretches_on(self.day) if board.policy else ()
        absences: list[Absence] = [
            {
                "from_min": max(0, self.minute_of(gone.from_at)),
                "to_min": min(DAY_MIN, self.minute_of(gone.until_at)),
                "label": gone.reason or self.word("board.absent"),
            }
            for gone in board.absences.get(person.id, ())
        ]
        return {
            "engineer_id": person.id, "name": person.name, "note": note,
            "working": [[self.minute_of(s.starts_at), self.minute_of(s.ends_at)] for s in stretches],
            "absences": absences, "contact": self.contact(board.devices.get(person.id)),
            "keywords": [person.pinyin, person.pinyin.replace(" ", ""), person.number, *person.zones],
        }  # fmt: skip

    def contact(self, device: Device | None) -> Mark:
        """Say how fresh an engineer's tablet is: last contact, what it has not sent, how wrong its clock runs."""
        if device is None or device.last_contact_at is None:
            return {"tone": "neutral", "icon": "offline", "label": self.word("board.never"),
                    "title": self.word("board.no_tablet")}  # fmt: skip
        age = self.now - device.last_contact_at
        local = device.last_contact_at.astimezone(ZoneInfo(self.time_zone))
        is_today = local.date() == self.now.astimezone(ZoneInfo(self.time_zone)).date()
        label = f"{local:%H:%M}" if is_today else format_day(local.date(), self.language, "short")
        told = [
            self.word(
                "board.contact",
                when=format_instant(device.last_contact_at, self.language, self.time_zone, "short"),
            )
        ]
        tone, icon = (
            ("working", "check") if age <= FRESH else ("warn" if age > STALE else "neutral", "tablet")
        )
        if device.unsent:
            told.append(self.word("board.unsent", n=device.unsent))
            tone, icon, label = "warn", "tablet", f"{label} · {device.unsent}"
        if abs(device.clock_error_ms) >= CLOCK_ERROR_MS:
            told.append(self.word("board.clock_error", n=round(device.clock_error_ms / 1000)))
            tone, icon = "warn", "clock"
        if age > STALE:
            icon = "offline"
        return {"tone": tone, "icon": icon, "label": label, "title": " · ".join(told)}  # type: ignore[typeddict-item]

    def job(self, work: Work, policy: Policy | None) -> Job:
        """Draw a ticket: on its engineer's lane, or in the tray."""
        ticket, held = work.ticket, work.held
        words, tone, icon = urgency(ticket, self.language)
        due, until = self.due(work)
        start = self.minute_of(held.from_at) if held else None
        return {
            "id": held.id if held else ticket.id, "ticket_id": ticket.id, "assignment_id": held.id if held else None,
            "version": work.version, "number": ticket.number, "customer": work.customer,
            "title": " · ".join(filter(None, (ticket.fault_text[:80], work.unit))),
            "place": zone_name(policy, ticket.zone, self.language), "state": self.state(work),
            "urgency": {"tone": tone, "icon": icon, "label": words}, "due": due,
            "rank": until - DANGER_FIRST * ticket.danger,
            "engineer_id": held.engineer_id if held else None,
            "day": self.day_of(work),
            "start_min": start, "duration_min": self._minutes(work), "travel_min": 0, "locked": self.locked(work),
            "alert": self.alert(work), "parts": None,
            "url": f"/console/tickets/{ticket.id}", "panel_url": f"/console/board/jobs/{ticket.id}",
        }  # fmt: skip

    def day_of(self, work: Work) -> str | None:
        """Name the day a job is drawn on: the shown one whenever it reaches into it, else its own."""
        held = work.held
        if held is None:
            return None
        is_here = held.from_at < self.ends_at and held.until_at > self.starts_at
        return (self.day if is_here else held.from_at.astimezone(ZoneInfo(self.time_zone)).date()).isoformat()

    def _minutes(self, work: Work) -> int:
        held = work.held
        return (
            max(SNAP_MIN, int((held.until_at - held.from_at) / timedelta(minutes=1)))
            if held
            else NEW_VISIT_MIN
        )

    def state(self, work: Work) -> Mark:
        """Say how far it is; an assignment no tablet has acknowledged says so."""
        ticket = work.ticket
        if ticket.hold_reason:
            return {
                "tone": "paused",
                "icon": "pause",
                "label": self.word(f"ticket.hold_reason.{ticket.hold_reason}"),
            }
        if work.held is not None and ticket.state in ("dispatched", "acknowledged"):
            return self.freshness(work, work.held.seen_at is not None)
        tone, icon = STATES[ticket.state]
        return {"tone": "done" if ticket.state in DONE else tone, "icon": icon,
                "label": self.word(f"ticket.state.{ticket.state}")}  # fmt: skip

    def freshness(self, work: Work, is_seen: bool) -> Mark:
        """Say whether the engineer's tablet has the appointment as it stands, and whether he has acknowledged it."""
        reached = work.reached
        if is_seen and not work.is_moved:
            return {"tone": "confirmed", "icon": "check", "label": self.word("ticket.state.acknowledged")}
        if reached is None:
            word, (tone, icon) = "board.no_tablet_yet", UNSEEN
        elif reached:
            word, (tone, icon) = "board.moved_on_tablet" if is_seen else "board.on_tablet", ON_TABLET
        else:
            word, (tone, icon) = "board.moved_unseen" if is_seen else "board.unseen", UNSEEN
        return {"tone": tone, "icon": icon, "label": self.word(word)}

    def due(self, work: Work) -> tuple[Mark | None, float]:
        """Say which limit ends next, and when: what is due first stands first."""
        clock = work.due
        if clock is None or clock.due_at is None:
            return None, work.ticket.received_at.timestamp() + 1e12
        late, warned = clock.due_at < self.now, clock.warn_at is not None and clock.warn_at <= self.now
        when = format_instant(clock.due_at, self.language, self.time_zone, "short")
        if (
            clock.due_at.astimezone(ZoneInfo(self.time_zone)).date()
            == self.now.astimezone(ZoneInfo(self.time_zone)).date()
        ):
            when = format_instant(clock.due_at, self.language, self.time_zone, "time")
        label = self.word(
            "board.overdue" if late else "board.due", clock=self.word(f"sla.clock.{clock.kind}"), when=when
        )
        return {
            "tone": "alert" if late else "warn" if warned else "neutral",
            "label": label,
        }, clock.due_at.timestamp()

    def alert(self, work: Work) -> str | None:
        """Say why a job is outlined in red."""
        if work.ticket.help_wanted:
            return self.word("board.alert_help")
        clock = work.due
        is_late = clock is not None and clock.due_at is not None and clock.due_at < self.now
        return self.word("board.alert_overdue") if is_late and work.held is not None else None

    def locked(self, work: Work) -> str | None:
        """Say why a job may not be moved."""
        ticket = work.ticket
        if not self.may_move:
            return self.word("board.locked_role")
        if ticket.state in DONE:
            return self.word("board.locked_done")
        leads = work.held is None or work.held.engineer_id == ticket.assignee_id
        if ticket.state in UNDER_WAY and leads:
            return self.word("board.locked_under_way")
        return self.word("board.locked_held") if ticket.hold_reason else None
