"""A browser somebody has signed in with before: a cookie that says so, for one name, until a day.

Owns the cookie's content. It opens nothing; it only gives this browser a count of wrong passwords of its own, so that
whoever guesses from elsewhere cannot keep the person out (G6).
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta

from common.kernel.ids import RandomBytes
from common.kernel.text import fold
from sync_server.keys import ServerKeys

LONGEST = 120


def remember(keys: ServerKeys, random_bytes: RandomBytes, login: str, now: datetime, days: int) -> str:
    """Write the cookie for a browser that has just signed in."""
    body = f"{random_bytes(12).hex()}.{(now + timedelta(days=days)).date().toordinal():x}"
    return f"{body}.{_mac(keys, login, body)}"


def recognise(keys: ServerKeys, cookie: str, login: str, now: datetime) -> str:
    """Return the browser's name if it is known for this sign-in name, else ''."""
    body, _, mac = cookie[:LONGEST].rpartition(".")
    if not body or not hmac.compare_digest(mac.encode(), _mac(keys, login, body).encode()):
        return ""
    name, _, until = body.partition(".")
    return name if now.date().toordinal() <= int(until, 16) else ""


def _mac(keys: ServerKeys, login: str, body: str) -> str:
    return keys.mac("known", f"{fold(login)[:200]}|{body}")[:32]
