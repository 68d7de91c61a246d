"""The figures of the lock: how long a PIN, how many tries, how long to wait, when to lock by itself.

Owns the figures and the arithmetic of waiting. They are data: a company may set others (setting `lock.policy`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

MINUTE_MS = 60_000
LOCK_POLICY = "lock.policy"  # setting: figures that differ from those below, as JSON


@dataclass(frozen=True, slots=True)
class LockPolicy:
    """`free_tries` cost no waiting; each one more doubles `first_wait_ms`; at `tries_at_most` the PIN is destroyed.

    `memory_kib`, `passes`: cost of argon2id. `warn_below` characters: what to tell a person on a machine without
    secure storage, where only the length protects.
    """

    fewest: int = 6
    most: int = 64
    warn_below: int = 12
    free_tries: int = 5
    tries_at_most: int = 10
    first_wait_ms: int = MINUTE_MS
    idle_ms: int = 5 * MINUTE_MS
    memory_kib: int = 65_536
    passes: int = 3

    def wait_ms(self, failed: int) -> int:
        """Say how long to wait after so many failures in a row, in milliseconds."""
        over = failed - self.free_tries
        return 0 if over < 0 else self.first_wait_ms << over

    def is_long_enough(self, pin: str) -> bool:
        """Say whether a PIN may be chosen: long enough, and not one character over and over or a plain run."""
        if not self.fewest <= len(pin) <= self.most or len(set(pin)) < 3:
            return False
        steps = {ord(b) - ord(a) for a, b in zip(pin, pin[1:], strict=False)}
        return steps not in ({1}, {-1})


def read_policy(text: str) -> LockPolicy:
    """Read figures from JSON text; what is missing or no whole number stays as it is here."""
    try:
        told: Any = json.loads(text or "{}")
    except ValueError:
        told = {}
    known = {field.name for field in fields(LockPolicy)}
    given = told.items() if isinstance(told, dict) else ()
    good = {name: value for name, value in given if name in known and type(value) is int and value > 0}
    return LockPolicy(**good)
