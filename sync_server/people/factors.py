"""The second factor: one-time codes of an authenticator (RFC 6238), each good once, and recovery codes.

Owns secrets and codes. A secret lies encrypted under the server's key, recovery codes as keyed hashes. Nothing but
another administrator (or whoever holds the machine) takes a factor away from its person (ASVS 6.3.3, 6.4.4, 6.5.1).
"""

from __future__ import annotations

import hmac
from base64 import b32encode
from dataclasses import dataclass

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.kernel.command import Role
from common.kernel.outcome import Refused
from common.kernel.work import Actor
from common.protocol.access import tidy_code
from sync_server.db.database import Database
from sync_server.db.security_tables import SecondFactor
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.keys import ServerKeys, from_text, to_text
from sync_server.people.audit import note_event
from sync_server.people.enrolment import new_code, shown
from sync_server.people.sessions import end_sessions
from sync_server.people.throttle import clear, count_failure, wait_s
from sync_server.security import Security

ISSUER = "Fieldwright"
STEP_S = 30
AROUND = 1  # steps before and after: clocks of telephones
RECOVERY_CODES = 10
SECRET_BYTES = 20


@dataclass(frozen=True, slots=True)
class Begun:
    """A secret to put into an authenticator, shown until its first code is given."""

    secret: str
    address: str  # otpauth://…, as a QR code carries it


@dataclass(frozen=True, slots=True)
class Factors:
    """The second factors over one database."""

    database: Database
    keys: ServerKeys
    security: Security

    def set_up(self, person_id: str, login: str) -> Begun:
        """Make a secret and keep it as pending; the factor in force, if any, stays in force."""
        secret = b32encode(self.database.random_bytes(SECRET_BYTES)).decode()

        def write(unit: UnitOfWork) -> None:
            row = unit.session.get(SecondFactor, person_id, with_for_update=True)
            if row is None:
                row = SecondFactor(
                    person_id=person_id, secret="", pending="", last_step=0, codes=[], confirmed_at=None
                )
                unit.session.add(row)
            row.pending = self._seal(person_id, secret)

        self.database.transact(write)
        return Begun(secret, pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER))

    def pending(self, person_id: str, login: str) -> Begun | None:
        """Return what is being set up, to show it again."""
        with self.database.read() as session:
            row = session.get(SecondFactor, person_id)
        if row is None or not row.pending:
            return None
        secret = self._open(person_id, row.pending)
        return Begun(secret, pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER))

    def confirm(self, person_id: str, code: str) -> tuple[str, ...]:
        """Put the pending secret in force; returns the recovery codes, shown once.

        Refuses `factor_not_begun`, `factor_code_wrong`, `try_later`.
        """
        codes = tuple(new_code(self.database.random_bytes) for _ in range(RECOVERY_CODES))

        def write(unit: UnitOfWork) -> Refused | None:
            row = unit.session.get(SecondFactor, person_id, with_for_update=True)
            if row is None or not row.pending:
                return Refused("factor_not_begun")
            if wait := wait_s(unit.session, "factor", person_id, unit.now):
                return Refused("try_later", wait_s=wait)
            step = self._step(self._open(person_id, row.pending), code, 0)
            if step is None:
                count_failure(unit, self.security, "factor", person_id)
                return Refused("factor_code_wrong")
            row.secret, row.pending, row.last_step = row.pending, "", step
            row.codes = [self._hash(person_id, one) for one in codes]
            row.confirmed_at = unit.now
            clear(unit, "factor", person_id)
            note_event(unit, "set_second_factor", person_id)
            return None

        if refused := self.database.transact(write):
            raise refused
        return tuple(shown(one) for one in codes)

    def check(self, unit: UnitOfWork, person_id: str, code: str) -> Refused | None:
        """Take a one-time code or a recovery code, once. Answers what it refuses: `factor_code_wrong`, `try_later`."""
        row = unit.session.get(SecondFactor, person_id, with_for_update=True)
        if wait := wait_s(unit.session, "factor", person_id, unit.now):
            return Refused("try_later", wait_s=wait)
        if row is not None and row.confirmed_at is not None:
            step = self._step(self._open(person_id, row.secret), code, row.last_step)
            told = self._hash(person_id, tidy_code(code))
            left = [one for one in row.codes if not hmac.compare_digest(one, told)]
            if step is not None or len(left) < len(row.codes):
                row.last_step, row.codes = max(step or 0, row.last_step), left
                clear(unit, "factor", person_id)
                if step is None:
                    note_event(unit, "use_recovery_code", person_id, left=len(left))
                return None
        count_failure(unit, self.security, "factor", person_id)
        note_event(unit, "second_factor_failed", person_id)
        return Refused("factor_code_wrong")

    def turn_off(self, person_id: str, code: str, roles: frozenset[Role]) -> None:
        """Give one's own factor up. Refuses `factor_required`, `factor_code_wrong`, `try_later`."""
        if self.security.requires_factor(roles):
            raise Refused("factor_required")

        def write(unit: UnitOfWork) -> Refused | None:
            refused = self.check(unit, person_id, code)
            if refused is None:
                self._remove(unit, person_id, person_id)
            return refused

        if refused := self.database.transact(write):
            raise refused

    def prove(self, person_id: str, code: str) -> None:
        """Ask for a code of the factor in force. Refuses `factor_code_wrong`, `try_later`."""
        if refused := self.database.transact(lambda unit: self.check(unit, person_id, code)):
            raise refused

    def reset(self, actor: Actor, person_id: str) -> None:
        """Take a lost factor away, by another administrator. Refuses `not_permitted`, `factor_own`, `factor_none`."""
        if not actor.roles & {Role.ADMINISTRATOR, Role.SYSTEM}:
            raise Refused("not_permitted")
        if actor.person_id == person_id:
            raise Refused("factor_own")

        def write(unit: UnitOfWork) -> None:
            if not self._remove(unit, person_id, actor.person_id):
                raise Refused("factor_none")
            end_sessions(unit, person_id, actor.person_id)

        self.database.transact(write)

    def _remove(self, unit: UnitOfWork, person_id: str, by_id: str) -> bool:
        row = unit.session.get(SecondFactor, person_id, with_for_update=True)
        if row is None:
            return False
        unit.session.delete(row)
        note_event(unit, "remove_second_factor", by_id, person=person_id)
        return True

    def _step(self, secret: str, code: str, after: int) -> int | None:
        """Return the step a code belongs to; None for a wrong one and for one of a step that was used."""
        digits = "".join(code.split())
        if len(digits) != 6 or not (digits.isascii() and digits.isdigit()):
            return None
        now = self.database.clock.read().wall_ms // 1000 // STEP_S
        totp = pyotp.TOTP(secret)
        for step in range(now - AROUND, now + AROUND + 1):
            if hmac.compare_digest(totp.generate_otp(step), digits) and step > after:
                return step
        return None

    def _hash(self, person_id: str, code: str) -> str:
        return self.keys.mac("recovery", f"{person_id}|{code}")

    def _seal(self, person_id: str, secret: str) -> str:
        nonce = self.database.random_bytes(12)
        return to_text(nonce + self._cipher().encrypt(nonce, secret.encode(), person_id.encode()))

    def _open(self, person_id: str, sealed: str) -> str:
        raw = from_text(sealed)
        try:
            return self._cipher().decrypt(raw[:12], raw[12:], person_id.encode()).decode()
        except InvalidTag:
            raise Refused("factor_unreadable") from None

    def _cipher(self) -> AESGCM:
        return AESGCM(bytes.fromhex(self.keys.mac("second factor", "key")))
