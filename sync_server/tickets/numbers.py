"""Ticket numbers: one run a day, without gaps or doubles, whoever asks at the same time.

Owns the counting. Must be called inside the transaction that makes the ticket.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from common.tickets.ticket import Ticket

PREFIX = "T"
LOCK = 7_203_551  # any number nobody else locks


def hold_numbers(session: Session) -> None:
    """Let others wait until this transaction ends. SQLite's writers wait for each other already."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


def next_number(session: Session, on_day: date) -> str:
    """Return the day's next number, `T261122-007`; call `hold_numbers` before."""
    start = f"{PREFIX}{on_day:%y%m%d}-"
    query = select(Ticket.number).where(Ticket.number.startswith(start, autoescape=True))
    last = session.scalar(query.order_by(func.length(Ticket.number).desc(), Ticket.number.desc()).limit(1))
    tail = (last or "").removeprefix(start)
    return f"{start}{(int(tail) if tail.isdecimal() else 0) + 1:03d}"
