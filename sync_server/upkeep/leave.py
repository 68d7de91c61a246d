"""By whose leave a server is restored: an approval, two people known to the backup, or one alone (ADR-0029).

Owns the three ways and the alarm of the last. Whoever holds the machine and a backup holds the data: what is asked here
keeps one person from putting the house back to an earlier day unseen, it cannot keep him from the files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from common.approvals.approval import TWO_PEOPLE, Approval, UseApproval
from common.inbox.records import OFFICE_INBOX, Discrepancy
from common.kernel.outcome import Refused
from common.kernel.text import fold
from common.people.person import Person, roles_of
from sync_server.db.database import Database
from sync_server.db.office import SYSTEM, perform
from sync_server.db.security_tables import Credential
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.keys import ServerKeys
from sync_server.people.factors import Factors
from sync_server.people.sessions import Sessions, has_factor
from sync_server.security import Security

TRIES = 3
Ask = Callable[[str], str]


class LeaveError(Exception):
    """Nobody gave leave; the message is for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Leave:
    """`way`: approval | people | alone, '' for a copy; `people` are the two, by id; why it is done."""

    way: str
    people: tuple[str, ...] = ()
    reason: str = ""
    approval_id: str = ""


AskLeave = Callable[
    [Database], Leave
]  # asked of the restored database, before it takes the place of anything


def for_a_copy(_restored: Database) -> Leave:
    """Give leave for a copy: it takes no tablets, and backups must be tried often."""
    return Leave("")


def alone(reason: str) -> AskLeave:
    """Let one person do it in the night; the office finds an alarm and the audit chain the reason."""
    if len(reason.strip()) < 10:
        raise LeaveError("--alone wants the reason in words: ten characters at least.")
    return lambda _restored: Leave("alone", reason=reason.strip()[:1000])


def by_approval(approval_id: str, folder: str, there: Database | None) -> AskLeave:
    """Ask the database that is being replaced, else the backup itself, for an approval; it is used up in both."""

    def leave(restored: Database) -> Leave:
        for database in filter(None, (there, restored)):
            with database.read() as session:
                row = session.get(Approval, approval_id)
            if row is None:
                continue
            if row.subject not in ("", folder):
                raise LeaveError(f"The approval is for the backup {row.subject}, not for {folder}.")
            outcome = perform(database, SYSTEM, UseApproval(row.id, "restore", row.subject))
            if not outcome.took_effect:
                raise LeaveError(f"The approval does not hold: {outcome.code} (it is {row.state}).")
            if database is there:
                _use_up(restored, row.id, row.subject)
            return Leave("approval", (row.asked_by, row.decided_by or ""), row.reason, row.id)
        raise LeaveError("There is no such approval in the database that is there, nor in the backup.")

    return leave


def by_people(
    logins: tuple[str, ...], reason: str, keys: ServerKeys, security: Security, ask: Ask
) -> AskLeave:
    """Ask two people for the passwords and codes the backup knows them by: the way of a server that burnt."""

    def leave(restored: Database) -> Leave:
        found = tuple(_known(restored, login) for login in logins)
        if len(logins) != 2 or found[0] == found[1]:
            raise LeaveError("Two different people are needed: --by NAME --by NAME")
        for login, person_id in zip(logins, found, strict=True):
            _prove(restored, keys, security, login, person_id, ask)
        return Leave("people", found, reason.strip()[:1000])

    return leave


def raise_alarm(unit: UnitOfWork, code: str, reason: str, subject: str) -> None:
    """Put before the office what one person did alone, or what is wrong with the books. `code`: one with a sentence."""
    unit.add(
        Discrepancy(
            id=unit.new_id(), agg=OFFICE_INBOX, code=code, details={"reason": reason, "subject": subject},
            ticket_id=None, op_id=None, person_id=None, raised_at=unit.now, state="open", resolution="",
            resolved_by=None, resolved_at=None,
        )
    )  # fmt: skip


def _use_up(restored: Database, approval_id: str, subject: str) -> None:
    """Use the same approval up in the backup, where it may still stand approved."""
    with restored.read() as session:
        row = session.get(Approval, approval_id)
        waits = row is not None and row.state == "approved"
    if waits:
        perform(restored, SYSTEM, UseApproval(approval_id, "restore", subject))


def _known(database: Database, login: str) -> str:
    """Find who goes by a sign-in name and may agree to this."""
    with database.read() as session:
        person_id = session.scalar(select(Credential.person_id).where(Credential.login == fold(login)[:200]))
        person = session.get(Person, person_id) if person_id else None
    if person is None or not person.active or not roles_of(person) & frozenset(TWO_PEOPLE):
        roles = ", ".join(role.value for role in TWO_PEOPLE)
        raise LeaveError(f"{login} is nobody in this backup who may agree to it ({roles}).")
    return person.id


def _prove(
    database: Database, keys: ServerKeys, security: Security, login: str, person_id: str, ask: Ask
) -> None:
    sessions, factors = Sessions(database, security=security), Factors(database, keys, security)
    with database.read() as session:
        guarded = has_factor(session, person_id)
    for _ in range(TRIES):
        try:
            sessions.prove(person_id, ask(f"Password of {login}: "))
            if guarded:
                factors.prove(person_id, ask(f"Code of {login}: "))
        except Refused as refused:
            said = refused.code
            continue
        return
    raise LeaveError(f"{login} did not prove to be {login} ({said}). Nothing was replaced.")


def keys_folder(folder: Path, own: Path) -> Path:
    """Return where the keys lie with which the backup's secrets open."""
    return folder / "keys" if (folder / "keys" / "secret.key").exists() else own
