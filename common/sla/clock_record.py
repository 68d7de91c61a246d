"""The table of SLA clocks: each holds the rule it is judged by, frozen when it was chosen.

Owns the table only; `clocks.py` starts and stops, the pure rules judge.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from common.kernel.record import Base, Document, Key, PrivateDocument, Short, Synced


class SlaClock(Synced, Base):
    """One limit running for one ticket (R009–R012). Instants are event times, whenever they became known.

    `known_at`: when the server last learned a fact of this clock; alarms due before it came late (R015).
    """

    __tablename__ = "sla_clock"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    kind: Mapped[Short]  # response | confirm | dispatch | arrival | repair
    round: Mapped[int]
    rule: Mapped[Document]
    policy_version: Mapped[int]
    started_at: Mapped[datetime]
    due_at: Mapped[datetime | None] = mapped_column(index=True)  # None while an open pause holds it back
    warn_at: Mapped[datetime | None] = mapped_column(index=True)
    stopped_at: Mapped[datetime | None]
    state: Mapped[Short] = mapped_column(index=True)  # running | paused | stopped | dropped
    pauses: Mapped[Document]  # [{started_at, ended_at, reason}], instants in Unix milliseconds
    changes: Mapped[PrivateDocument]  # [{at, old, new, reason}], old and new as titles of rules
    exception: Mapped[PrivateDocument | None]
    warned_at: Mapped[datetime | None]
    breached_at: Mapped[datetime | None]
    known_at: Mapped[datetime | None]
    known_late: Mapped[bool]
