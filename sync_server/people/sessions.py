"""Console sessions: sign in, who is reading, sign out, and listing and ending sessions (ASVS 7).

Owns credentials and sessions. A cookie carries a 256-bit number, the database only its hash; a new number at every
sign-in. How long one lives is data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from common.kernel.clock import instant
from common.kernel.command import Role
from common.kernel.outcome import Refused
from common.kernel.text import fold
from common.people.person import Person, roles_of
from sync_server.db.database import Database
from sync_server.db.security_tables import ConsoleSession, Credential, HalfSignIn, SecondFactor
from sync_server.db.tables import AuditEntry
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.people.audit import note_event
from sync_server.people.passwords import Passwords, judge_password
from sync_server.people.throttle import clear, count_try, take_back
from sync_server.security import Security, SessionRules, read_security

TOUCH_EVERY = timedelta(seconds=60)
TOKEN_BYTES = 32
HALF_LIFE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is reading, and in which session."""

    id_hash: str
    person: Person
    roles: frozenset[Role]
    language: str
    csrf: str
    must_change: bool
    has_factor: bool = False


class FactorAsked(Exception):  # noqa: N818 - nothing is wrong, something is still owed
    """The password was right; `token` names the half sign-in that still owes a one-time code."""

    def __init__(self, token: str) -> None:
        super().__init__("factor_asked")
        self.token = token


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as its owner or an administrator sees it."""

    id_hash: str
    began_at: datetime
    seen_at: datetime
    address: str
    browser: str


def hash_of(token: str) -> str:
    """Return what the database knows of a session's number."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_alive(row: ConsoleSession, now: datetime, rules: SessionRules) -> bool:
    """Say whether a session has not run out."""
    return now - row.seen_at <= timedelta(minutes=rules.idle_min) and now - row.began_at <= timedelta(
        hours=rules.absolute_h
    )


class Sessions:
    """The console's sign-in over one database."""

    def __init__(
        self, database: Database, passwords: Passwords | None = None, security: Security | None = None
    ) -> None:
        self.database = database
        self.passwords = passwords or Passwords()
        self.security = security or read_security()

    def login(self, login: str, password: str, address: str, browser: str = "", known: str = "") -> str:
        """Check a password and begin a session; returns the number for the cookie.

        `known` names a browser this person has signed in with before: it has a count of its own, so that strangers who
        guess do not keep him out. Refuses `login_wrong` (for an unknown name as for a wrong password, G11),
        `try_later`. Raises FactorAsked for a person with a second factor.
        """
        name = fold(login)[:200]
        counts = {"account": f"{name[:100]} {known}"} if known else {"account": name, "address": address}
        with self.database.read() as session:
            found = session.scalar(select(Credential).where(Credential.login == name))
            person = session.get(Person, found.person_id) if found else None
        counted_at = self._count(counts)
        fits, better = self.passwords.check(password[:1000], found.hash if found else None)
        if not fits or found is None or person is None or not person.active:
            self._note_failure("sign_in_failed", person.id if person else "", name, address)
            raise Refused("login_wrong")
        token = self.database.random_bytes(TOKEN_BYTES).hex()

        def begin(unit: UnitOfWork) -> bool:
            credential = unit.session.get(Credential, person.id)
            if credential is not None:
                credential.hash = better or credential.hash
            clear(unit, "account", counts["account"])
            if "address" in counts:
                take_back(unit, "address", address, counted_at)
            if not has_factor(unit.session, person.id):
                self._begin(unit, token, person.id, address, browser)
                return True
            unit.session.add(
                HalfSignIn(
                    id_hash=hash_of(token), person_id=person.id, began_at=unit.now, address=address[:100],
                    browser=browser[:200],
                )
            )  # fmt: skip
            return False

        if not self.database.transact(begin):
            raise FactorAsked(token)
        return token

    def complete(self, half: str, check: Callable[[UnitOfWork, str], Refused | None]) -> tuple[str, str]:
        """Take the second factor of a half sign-in; returns a new number for the cookie and the sign-in name.

        Refuses `sign_in_ran_out` beside what `check` answers.
        """
        token = self.database.random_bytes(TOKEN_BYTES).hex()

        def finish(unit: UnitOfWork) -> str | Refused:
            row = unit.session.get(HalfSignIn, hash_of(half), with_for_update=True)
            person = unit.session.get(Person, row.person_id) if row is not None else None
            credential = unit.session.get(Credential, row.person_id) if row is not None else None
            if row is None or unit.now - row.began_at > HALF_LIFE or credential is None:
                return Refused("sign_in_ran_out")
            if person is None or not person.active or credential.changed_at > row.began_at:
                return Refused("sign_in_ran_out")
            if refused := check(unit, row.person_id):
                return refused
            unit.session.delete(row)
            self._begin(unit, token, row.person_id, row.address, row.browser)
            return credential.login

        done = self.database.transact(finish)
        if isinstance(done, Refused):
            raise done
        return token, done

    def _begin(self, unit: UnitOfWork, token: str, person_id: str, address: str, browser: str) -> None:
        credential = unit.session.get(Credential, person_id)
        if credential is not None:
            credential.last_login_at = unit.now
        unit.session.add(
            ConsoleSession(
                id_hash=hash_of(token), person_id=person_id, csrf=self.database.random_bytes(16).hex(),
                began_at=unit.now, seen_at=unit.now, address=address[:100], browser=browser[:200],
            )
        )  # fmt: skip
        note_event(unit, "sign_in", person_id, address=address[:100])

    def is_given_by(self, person_id: str, giver_id: str) -> bool:
        """Say whether somebody lately gave this person a password or took the second factor away: he may sit there."""
        since = instant(self.database.clock.read().wall_ms) - timedelta(
            days=self.security.session.given_sign_in_d
        )
        with self.database.read() as session:
            told = session.scalars(
                select(AuditEntry.entry).where(
                    AuditEntry.actor_id == giver_id,
                    AuditEntry.kind.in_(("set_password", "remove_second_factor")),
                    AuditEntry.at > since,
                )
            )
            return any(json.loads(one)["values"]["person"] == person_id for one in told)

    def _count(self, counts: dict[str, str]) -> datetime:
        """Count a try before it is made; returns when. Refuses `try_later`."""

        def count(unit: UnitOfWork) -> datetime | Refused:
            wait = count_try(unit, self.security, counts)
            return Refused("try_later", wait_s=wait) if wait else unit.now

        counted = self.database.transact(count)
        if isinstance(counted, Refused):
            raise counted
        return counted

    def _note_failure(self, kind: str, person_id: str, name: str, address: str) -> None:
        """Keep in the audit that a password did not fit (ASVS 16.3.1); an unknown name may be one, and is not kept."""
        told = {"login": name[:100] if person_id else "", "address": address[:100]}
        self.database.transact(lambda unit: note_event(unit, kind, person_id, **told))

    def find(self, token: str, *, touch: bool = True) -> SignedIn | None:
        """Say who a cookie belongs to; None when it has ended. `touch` False leaves the idle time running."""
        if len(token) != TOKEN_BYTES * 2:
            return None
        now = instant(self.database.clock.read().wall_ms)
        with self.database.read() as session:
            row = session.get(ConsoleSession, hash_of(token))
            if row is None or not is_alive(row, now, self.security.session):
                return None
            person = session.get(Person, row.person_id)
            if person is None or not person.active:
                return None
            credential = session.get(Credential, person.id)
            guarded = has_factor(session, person.id)
        if touch and now - row.seen_at > TOUCH_EVERY:
            self.database.transact(lambda unit: _touch(unit, row.id_hash))
        must_change = credential is not None and credential.must_change
        return SignedIn(
            row.id_hash, person, roles_of(person), person.language, row.csrf, must_change, guarded
        )

    def logout(self, id_hash: str, person_id: str) -> None:
        """End one session of a person."""

        def end(unit: UnitOfWork) -> None:
            known = delete(ConsoleSession).where(
                ConsoleSession.id_hash == id_hash, ConsoleSession.person_id == person_id
            )
            if unit.session.execute(known).rowcount:  # type: ignore[attr-defined]
                note_event(unit, "sign_out", person_id)

        self.database.transact(end)

    def list_sessions(self, person_id: str) -> list[SessionRow]:
        """List a person's living sessions, newest first."""
        now = instant(self.database.clock.read().wall_ms)
        with self.database.read() as session:
            rows = session.scalars(
                select(ConsoleSession)
                .where(ConsoleSession.person_id == person_id)
                .order_by(ConsoleSession.began_at.desc())
            ).all()
        return [
            SessionRow(row.id_hash, row.began_at, row.seen_at, row.address, row.browser)
            for row in rows
            if is_alive(row, now, self.security.session)
        ]

    def end_one(self, id_hash: str, person_id: str, by_id: str) -> None:
        """End one session of a person, by himself or an administrator."""

        def end(unit: UnitOfWork) -> None:
            known = delete(ConsoleSession).where(
                ConsoleSession.id_hash == id_hash, ConsoleSession.person_id == person_id
            )
            if unit.session.execute(known).rowcount:  # type: ignore[attr-defined]
                note_event(unit, "end_sessions", by_id, person=person_id, count=1)

        self.database.transact(end)

    def end_all(self, person_id: str, by_id: str, *, keep: str = "") -> int:
        """End all sessions of a person but `keep`; returns how many there were."""

        def end(unit: UnitOfWork) -> int:
            return end_sessions(unit, person_id, by_id, keep)

        return self.database.transact(end)

    def login_of(self, person_id: str) -> str:
        """Return a person's sign-in name, '' where there is none."""
        with self.database.read() as session:
            found = session.get(Credential, person_id)
        return found.login if found is not None else ""

    def set_password(
        self,
        person_id: str,
        login: str,
        password: str,
        by_id: str,
        *,
        must_change: bool = False,
        keep: str = "",
    ) -> None:
        """Give a person a name and password to sign in with, and end his other sessions.

        Refuses `person_unknown`, `login_taken`, `login_missing` beside the codes of `judge_password`.
        """
        name = fold(login)[:200]
        if not name:
            raise Refused("login_missing")
        with self.database.read() as session:
            person = session.get(Person, person_id)
        if person is None:
            raise Refused("person_unknown")
        judge_password(password, name, person.name)
        hashed = self.passwords.hash(password)

        self.database.transact(
            lambda unit: write_credential(
                unit, person_id, name, hashed, by_id, must_change=must_change, keep=keep
            )
        )

    def change_password(self, reader: SignedIn, old: str, new: str) -> None:
        """Change one's own password; whoever found a browser open guesses here no faster than at the door.

        Refuses `password_wrong`, `password_unchanged`, `try_later`, codes of `judge_password`.
        """
        login = self.prove(reader.person.id, old)
        if old == new:
            raise Refused("password_unchanged")
        self.set_password(reader.person.id, login, new, reader.person.id, keep=reader.id_hash)

    def prove(self, person_id: str, password: str) -> str:
        """Ask for a person's own password once more; returns the sign-in name. Refuses `password_wrong`, `try_later`."""
        own = f"own {person_id}"
        with self.database.read() as session:
            credential = session.get(Credential, person_id)
        self._count({"account": own})
        if credential is None or not self.passwords.check(password[:1000], credential.hash)[0]:
            self._note_failure("proof_failed", person_id, credential.login if credential else "", "")
            raise Refused("password_wrong")
        self.database.transact(lambda unit: clear(unit, "account", own))
        return credential.login


def write_credential(
    unit: UnitOfWork,
    person_id: str,
    name: str,
    hashed: str,
    by_id: str,
    *,
    must_change: bool = False,
    keep: str = "",
) -> None:
    """Write a folded name and a hashed password, and end the person's other sessions. Refuses `login_taken`."""
    other = unit.session.scalar(select(Credential.person_id).where(Credential.login == name))
    if other not in (None, person_id):
        raise Refused("login_taken")
    credential = unit.session.get(Credential, person_id)
    if credential is None:
        credential = Credential(person_id=person_id, login=name, last_login_at=None)
        unit.session.add(credential)
    credential.login, credential.hash = name, hashed
    credential.must_change, credential.changed_at = must_change, unit.now
    clear(unit, "account", name)
    end_sessions(unit, person_id, by_id, keep)
    note_event(unit, "set_password", by_id, person=person_id)


def has_factor(session: Session, person_id: str) -> bool:
    """Say whether a person has a second factor in force."""
    row = session.get(SecondFactor, person_id)
    return row is not None and row.confirmed_at is not None


def _touch(unit: UnitOfWork, id_hash: str) -> None:
    row = unit.session.get(ConsoleSession, id_hash)
    if row is not None:
        row.seen_at = unit.now


def end_sessions(unit: UnitOfWork, person_id: str, by_id: str, keep: str = "") -> int:
    """End all sessions of a person but `keep`, half sign-ins too; returns how many sessions there were."""
    unit.session.execute(delete(HalfSignIn).where(HalfSignIn.person_id == person_id))
    ended = unit.session.execute(
        delete(ConsoleSession).where(ConsoleSession.person_id == person_id, ConsoleSession.id_hash != keep)
    ).rowcount  # type: ignore[attr-defined]
    if ended:
        note_event(unit, "end_sessions", by_id, person=person_id, count=ended)
    return int(ended)


def forget_sign_in(database: Database, person_id: str, by_id: str) -> None:
    """Delete name, password, second factor and sessions of somebody whose data are erased."""

    def forget(unit: UnitOfWork) -> None:
        end_sessions(unit, person_id, by_id)
        unit.session.execute(delete(SecondFactor).where(SecondFactor.person_id == person_id))
        unit.session.execute(delete(Credential).where(Credential.person_id == person_id))
        note_event(unit, "forget_sign_in", by_id, person=person_id)

    database.transact(forget)
