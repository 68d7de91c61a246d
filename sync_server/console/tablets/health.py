"""How a tablet is, in words and tones: last contact, unsent work, clock, position, copies.

Owns the words and the limits beyond which somebody should look.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from common.i18n import translate
from sync_server.console.formats import format_distance, format_duration
from sync_server.db.tables import Device

QUIET_WARN, QUIET_ALERT = timedelta(days=1), timedelta(days=3)
UNSENT_ALERT = timedelta(hours=12)
CLOCK_FINE_MS, CLOCK_ALERT_MS = 5_000, 120_000
BEHIND_WARN = 500


@dataclass(frozen=True, slots=True)
class Sign:
    """A state in words with its tone."""

    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class Health:
    """A tablet's signs."""

    contact: Sign
    unsent: Sign
    clock: Sign
    position: Sign
    copies: Sign


def health_of(device: Device, head: int, now: datetime, language: str) -> Health:
    """Judge a tablet."""
    return Health(
        _contact(device, now, language),
        _unsent(device, now, language),
        _clock(device, language),
        _position(device, head, language),
        _copies(device, language),
    )


def _contact(device: Device, now: datetime, language: str) -> Sign:
    if device.last_contact_at is None:
        return Sign(translate(language, "console.tablets.never"), "paused")
    quiet = now - device.last_contact_at
    tone = "working" if quiet < QUIET_WARN else "warn" if quiet < QUIET_ALERT else "alert"
    return Sign(format_distance(device.last_contact_at, now, language), tone)


def _unsent(device: Device, now: datetime, language: str) -> Sign:
    if not device.unsent:
        return Sign(translate(language, "console.tablets.all_sent"), "done")
    if device.oldest_unsent_at is None:
        return Sign(translate(language, "console.tablets.unsent", n=device.unsent), "warn")
    age = now - device.oldest_unsent_at
    since = format_duration(max(0, int(age / timedelta(minutes=1))), language)
    text = translate(language, "console.tablets.unsent_since", n=device.unsent, span=since)
    return Sign(text, "alert" if age > UNSENT_ALERT else "warn")


def _clock(device: Device, language: str) -> Sign:
    error = device.clock_error_ms
    if device.last_contact_at is None:
        return Sign(translate(language, "console.tablets.not_known"), "neutral")
    if abs(error) <= CLOCK_FINE_MS:
        return Sign(translate(language, "console.tablets.clock_right"), "done")
    key = "console.tablets.clock_fast" if error > 0 else "console.tablets.clock_slow"
    seconds = abs(error) // 1000
    span = format_duration(seconds // 60, language) if seconds >= 60 else translate(
        language, "console.tablets.seconds", n=seconds
    )  # fmt: skip
    return Sign(translate(language, key, span=span), "alert" if abs(error) > CLOCK_ALERT_MS else "warn")


def _position(device: Device, head: int, language: str) -> Sign:
    behind = max(0, head - device.position)
    if device.last_contact_at is None:
        return Sign(translate(language, "console.tablets.not_packed"), "neutral")
    if not behind:
        return Sign(translate(language, "console.tablets.up_to_date"), "done")
    text = translate(language, "console.tablets.behind", n=behind)
    return Sign(text, "warn" if behind > BEHIND_WARN else "neutral")


def _copies(device: Device, language: str) -> Sign:
    if not device.forks:
        return Sign(translate(language, "console.tablets.no_copies"), "done")
    return Sign(translate(language, "console.tablets.copies", n=device.forks), "warn")
