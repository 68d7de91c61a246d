"""What the strip on every screen has to say: a plain value the sync loop makes and the strip shows.

Owns the choice of words. Knows no page and no network.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum

from common.i18n import has_key, translate


class SyncMode(StrEnum):
    """How the tablet and the office stand to each other."""

    NEVER = "never"  # no contact yet since enrolment
    OFFLINE = "offline"
    ONLINE = "online"
    SENDING = "sending"
    ERROR = "error"
    ATTENTION = "attention"  # something came back and needs the engineer


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """`waiting`: commands saved here and not sent. `attention`: entries parked or in conflict.
    `error`: a reason code of the catalogue, `reason.<error>`."""

    mode: SyncMode = SyncMode.NEVER
    waiting: int = 0
    attention: int = 0
    last_contact_at: datetime | None = None
    error: str = ""
    files: int = 0  # photos and papers whose bytes are not at the office yet
    trouble: str = ""  # of the device itself: reason code, '' while it can save
    stuck: int = 0  # photos and papers that are lost here or that the office did not take


def local_moment(language: str, at: datetime, now: datetime, zone: tzinfo) -> str:
    """Write an instant as a person on site says it: time if today, else day and time. Instants are UTC."""
    here, today = at.astimezone(zone), now.astimezone(zone).date()
    time = f"{here:%H:%M}"
    if here.date() == today:
        return time
    key = "app.moment.day_time" if here.year == today.year else "app.moment.year_day_time"
    month = translate(language, f"app.moment.month.{here.month}")
    return translate(language, key, year=here.year, month=month, day=here.day, time=time)


def say_trouble(language: str, code: str) -> str:
    """Say what stands between this tablet and the office; a code only a newer server knows gets a plain sentence."""
    key = f"reason.{code}"
    return translate(language, key if has_key(key) else "reason.sync_failed")


def strip_words(
    status: SyncStatus, language: str, place: str, now: datetime, zone: tzinfo
) -> tuple[str, str]:
    """Return headline and detail of the strip. `place`: phone, tablet or desktop, for "saved on this …".

    Never says "sent" or "all sent" while something waits or cannot go, nor "saved" alone when it means sent.
    """
    t = translate
    saved = t(language, f"app.strip.saved.{place}")
    waits = status.waiting or status.files
    parts = [] if not waits and status.mode is SyncMode.ONLINE else [saved]
    if status.waiting:
        parts.append(t(language, "app.strip.waiting", n=status.waiting))
    if status.files:
        parts.append(t(language, "app.strip.files_waiting", n=status.files))
    if status.stuck:
        parts.append(t(language, "app.strip.files_stuck", n=status.stuck))
    if not (waits or status.stuck) and status.mode is SyncMode.OFFLINE:
        parts.append(t(language, "app.strip.nothing_waiting"))
    if status.last_contact_at is None:
        parts.append(t(language, "app.strip.no_contact"))
    else:
        moment = local_moment(language, status.last_contact_at, now, zone)
        parts.append(t(language, "app.strip.last_contact", moment=moment))
    headline = t(language, f"app.strip.{status.mode}", n=status.attention, waiting=status.waiting)
    if status.mode is SyncMode.ONLINE and waits:
        headline = t(language, "app.strip.online_waiting")
    elif status.mode is SyncMode.ONLINE and status.stuck:
        headline = t(language, "app.strip.online_stuck")
    if status.mode is SyncMode.ERROR and status.error:
        parts.insert(0, say_trouble(language, status.error))
    return headline, " · ".join(parts)
