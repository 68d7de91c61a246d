"""The first administrator: made by whoever holds the one-time code printed at the server's start (ASVS 6.3.2).

Owns the start-up code. There is no default account.
"""

from __future__ import annotations

from sqlalchemy import select

from common.kernel.command import Role
from common.kernel.outcome import Refused
from common.kernel.text import fold
from common.people.person import Person, roles_of
from common.people.person_commands import AddPerson
from common.protocol.access import tidy_code
from sync_server.db.database import Database
from sync_server.db.office import SYSTEM, Given, give
from sync_server.db.security_tables import StartCode
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.keys import ServerKeys
from sync_server.people.audit import note_event
from sync_server.people.enrolment import new_code, shown
from sync_server.people.passwords import judge_password
from sync_server.people.sessions import Sessions, write_credential
from sync_server.people.throttle import count_failure, wait_s
from sync_server.security import Security

ONLY = "first"
FIRST_NUMBER = "A001"


def has_administrator(database: Database) -> bool:
    """Say whether anybody can administer this server."""
    with database.read() as session:
        people = session.scalars(select(Person).where(Person.active.is_(True)))
        return any(Role.ADMINISTRATOR in roles_of(person) for person in people)


def new_start_code(database: Database, keys: ServerKeys) -> str:
    """Make the code, replacing an unused one. Refuses `administrator_exists`."""
    if has_administrator(database):
        raise Refused("administrator_exists")
    code = new_code(database.random_bytes) + new_code(database.random_bytes)

    def write(unit: UnitOfWork) -> None:
        row = unit.session.get(StartCode, ONLY)
        if row is None:
            row = StartCode(id=ONLY, code_hash="", made_at=unit.now, used_at=None)
            unit.session.add(row)
        row.code_hash, row.made_at, row.used_at = keys.mac("start", code), unit.now, None
        note_event(unit, "issue_start_code", "")

    database.transact(write)
    return f"{shown(code[:10])}-{shown(code[10:])}"


def make_first_administrator(
    sessions: Sessions,
    keys: ServerKeys,
    *,
    code: str,
    name: str,
    login: str,
    password: str,
    language: str,
    address: str,
) -> str:
    """Make the administrator; returns the person's id.

    Refuses `start_code_wrong`, `administrator_exists`, `try_later`, beside the codes of `add_person` and passwords.
    """
    database = sessions.database
    folded = fold(login)[:200]
    if not folded:
        raise Refused("login_missing")
    judge_password(password, folded, name)
    hashed = sessions.passwords.hash(password)
    person_id = database.new_id()
    payload = AddPerson(person_id, FIRST_NUMBER, name, (Role.ADMINISTRATOR.value,), language=language)  # type: ignore[arg-type]

    def write(unit: UnitOfWork) -> Refused | None:
        if refused := _try_code(unit, sessions.security, keys, code, address):
            return refused
        outcome = give(unit, database, SYSTEM, Given(payload))
        if not outcome.took_effect:
            raise Refused(outcome.code, **outcome.values)
        write_credential(unit, person_id, folded, hashed, person_id)
        return None

    if has_administrator(database):
        raise Refused("administrator_exists")
    if refused := database.transact(write):
        raise refused
    return person_id


def _try_code(
    unit: UnitOfWork, security: Security, keys: ServerKeys, code: str, address: str
) -> Refused | None:
    if wait := wait_s(unit.session, "start", address, unit.now):
        return Refused("try_later", wait_s=wait)
    row = unit.session.get(StartCode, ONLY, with_for_update=True)
    if row is None or row.used_at is not None or row.code_hash != keys.mac("start", tidy_code(code)):
        count_failure(unit, security, "start", address)
        return Refused("start_code_wrong")
    row.used_at = unit.now
    return None
