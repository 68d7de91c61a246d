"""Passwords of the console: the rules they must meet, hashing and checking with argon2id.

Owns credentials' content. Lengths count characters; no rule about kinds of characters, no expiry (ASVS 6.2).
"""

from __future__ import annotations

import threading
from functools import cache
from importlib import resources
from typing import NamedTuple

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from common.kernel.outcome import Refused
from common.kernel.text import clean_fault, fold

SHORTEST = 8
ADVISED = 12
LONGEST = 200


class Cost(NamedTuple):
    """What one argon2id run takes: passes over memory, KiB of it, lanes beside each other."""

    passes: int
    memory_kib: int
    lanes: int


COST = Cost(3, 65_536, 4)  # RFC 9106, the choice for machines without gigabytes to spare
AT_ONCE = 2  # so that a flood of sign-ins takes two times that memory, and the rest wait in line


class Passwords:
    """Hashes and checks. One for a process: the first use makes the hash that unknown names are checked against."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._hasher = PasswordHash((Argon2Hasher(COST.passes, COST.memory_kib, COST.lanes),))
        self._nobody = ""

    def hash(self, password: str) -> str:
        """Hash a password with a fresh salt; about 50 ms and 64 MiB."""
        with self._places:
            return self._hasher.hash(password)

    def check(self, password: str, known: str | None) -> tuple[bool, str | None]:
        """Compare; returns whether it fits, and a new hash where the parameters have moved on.

        An unknown name takes as long as a known one (G11).
        """
        self._nobody = self._nobody or self.hash("nobody has this password")
        with self._places:
            if known is None:
                self._hasher.verify(password, self._nobody)
                return False, None
            return self._hasher.verify_and_update(password, known)


def judge_password(password: str, login: str, name: str) -> None:
    """Refuse `password_unclean`, `password_too_short`, `password_too_long`, `password_common`, `password_is_name`."""
    if clean_fault(password):
        raise Refused("password_unclean")
    if len(password) < SHORTEST:
        raise Refused("password_too_short", least=SHORTEST, advised=ADVISED)
    if len(password) > LONGEST:
        raise Refused("password_too_long", most=LONGEST)
    plain = fold(password).replace(" ", "")
    if plain in common_passwords() or len(set(plain)) < 4:
        raise Refused("password_common")
    if any(len(word) >= 4 and fold(word).replace(" ", "") in plain for word in (login, name)):
        raise Refused("password_is_name")


@cache
def common_passwords() -> frozenset[str]:
    """Read the list of passwords that everybody tries first."""
    text = resources.files("sync_server.people").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line and not line.startswith("#"))
