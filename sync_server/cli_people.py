"""`sync-server user` and `sync-server device`: help at the terminal for who cannot sign in at the console.

Owns arguments and tables on paper. Persons are made by commands, sign-ins and devices by `people`.
"""

from __future__ import annotations

import argparse
import getpass
import sys

from sqlalchemy import select

from common.i18n import LANGUAGES
from common.kernel.command import Role
from common.kernel.outcome import Outcome, Refused
from common.kernel.text import fold
from common.people.person import Person
from common.people.person_commands import AddPerson, DeactivatePerson
from common.protocol.access import CODE_ALPHABET
from sync_server.app import Parts
from sync_server.db.office import SYSTEM, perform
from sync_server.db.security_tables import Credential
from sync_server.db.tables import Device
from sync_server.people.enrolment import issue_code, revoke_device
from sync_server.people.factors import Factors
from sync_server.people.invitation import invitation
from sync_server.people.orders import report_found, report_lost
from sync_server.people.sessions import Sessions
from sync_server.sync.hand_in import hand_in_whole

ROLES = [role.value for role in Role if role is not Role.SYSTEM]


def add_user_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `user`."""
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    add = steps.add_parser("add", help="add a person, with a sign-in unless --no-login")
    add.add_argument("login")
    add.add_argument("--name", required=True)
    add.add_argument("--number", help="staff number (default: the sign-in name)")
    add.add_argument("--role", action="append", required=True, choices=ROLES, dest="roles")
    add.add_argument("--language", choices=LANGUAGES, default="zh-Hans")
    add.add_argument("--password-stdin", action="store_true", help="read the password instead of making one")
    add.add_argument("--no-login", action="store_true", help="a person who only uses a tablet")
    steps.add_parser("list", help="list people")
    for name, words in (
        ("reset-password", "give a new password, to be changed at the next sign-in"),
        ("reset-factor", "take a lost second factor away; a new one is set up at the next sign-in"),
        ("deactivate", "end a person's access"),
        ("sessions", "list the sessions of a person"),
    ):
        step = steps.add_parser(name, help=words)
        step.add_argument("who", help="sign-in name or staff number")
        if name == "sessions":
            step.add_argument("--end", action="store_true", help="end them all")
        if name == "reset-password":
            step.add_argument("--password-stdin", action="store_true")


def add_device_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `device`."""
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    steps.add_parser("code", help="make a one-time code for a person's tablet").add_argument("who")
    steps.add_parser("list", help="list tablets")
    steps.add_parser("revoke", help="take a tablet's access away").add_argument("device")
    steps.add_parser("lost", help="have a tablet wiped at its next contact").add_argument("device")
    steps.add_parser("found", help="take back that it was lost").add_argument("device")


def run_user(args: argparse.Namespace, parts: Parts) -> int:
    """Carry out `user`."""
    sessions = Sessions(parts.database)
    match args.step:
        case "add":
            return _add(args, parts, sessions)
        case "list":
            return _list_people(parts)
        case "reset-password":
            person = _person(parts, args.who)
            password, made = _password(args, parts)
            login = _login_of(parts, person.id) or person.number
            sessions.set_password(person.id, login, password, "", must_change=True)
            print(f"{login}  {password if made else '(as given)'}")
        case "reset-factor":
            person = _person(parts, args.who)
            Factors(parts.database, parts.keys, parts.security).reset(SYSTEM, person.id)
            print(f"{person.name} signs in with the password alone until a new second factor is set up.")
        case "deactivate":
            person = _person(parts, args.who)
            _done(perform(parts.database, SYSTEM, DeactivatePerson(person.id)))
            sessions.end_all(person.id, "")
            print(f"{person.name} has no access any more.")
        case _:
            person = _person(parts, args.who)
            for row in sessions.list_sessions(person.id):
                print(
                    f"{row.began_at:%Y-%m-%d %H:%M}  {row.seen_at:%Y-%m-%d %H:%M}  {row.address}  {row.browser}"
                )
            if args.end:
                print(f"{sessions.end_all(person.id, '')} ended.")
    return 0


def run_device(args: argparse.Namespace, parts: Parts) -> int:
    """Carry out `device`."""
    if args.step == "code":
        person = _person(parts, args.who)
        code = issue_code(parts.database, parts.keys, SYSTEM, person.id)
        print(f"{person.name}: {code.text}   (15 minutes, one tablet)")
        print(invitation(parts.settings.address, code.text))
    elif args.step == "revoke":
        revoke_device(parts.database, SYSTEM, args.device)
        print("It has no access any more; work still on it will come to the inbox.")
    elif args.step == "lost":
        report_lost(parts.database, SYSTEM, args.device)
        print("At its next contact it hands over its work, then it destroys its keys.")
    elif args.step == "found":
        report_found(parts.database, SYSTEM, args.device)
        print("It is in use again.")
    else:
        with parts.database.read() as session:
            rows = session.execute(
                select(Device, Person.name).join(Person, Person.id == Device.person_id)
            ).all()
        for device, name in rows:
            seen = f"{device.last_contact_at:%Y-%m-%d %H:%M}" if device.last_contact_at else "never"
            print(
                f"{device.id}  {device.state:8}  {name}  {device.name}  last contact {seen}, unsent {device.unsent}"
            )
    return 0


def run_rescue(args: argparse.Namespace, parts: Parts) -> int:
    """Carry out `rescue`. Refuses as `hand_in`; 1 where commands or photos of it could not be taken in."""
    with args.file.open("rb") as source:
        file, taken = hand_in_whole(parts.uploads, parts.keys, source, SYSTEM.person_id)
    print(f"{taken.person}: {taken.count} commands, {taken.known} of them known before.")
    print(f"{file.whole() - file.whole(taken.lacks)} of {file.whole()} photos and papers are here.")
    print(f"{taken.done} stand, {taken.waiting} wait for a decision in the inbox.")
    if taken.spoiled:
        print(f"{taken.spoiled} can no longer be read: have them entered again.")
    return 1 if taken.lacks or taken.spoiled else 0


def _add(args: argparse.Namespace, parts: Parts, sessions: Sessions) -> int:
    person_id = parts.database.new_id()
    number = args.number or args.login
    payload = AddPerson(person_id, number, args.name, tuple(args.roles), language=args.language)
    _done(perform(parts.database, SYSTEM, payload))
    if args.no_login:
        print(f"{number}  {args.name}")
        return 0
    password, made = _password(args, parts)
    sessions.set_password(person_id, args.login, password, "", must_change=made)
    print(f"{args.login}  {password if made else '(as given)'}")
    return 0


def _list_people(parts: Parts) -> int:
    with parts.database.read() as session:
        logins = {
            person_id: login
            for person_id, login in session.execute(select(Credential.person_id, Credential.login))
        }
        people = session.scalars(select(Person).order_by(Person.number)).all()
    for person in people:
        state = "active" if person.active else "ended"
        print(
            f"{person.number:12} {state:7} {logins.get(person.id, '-'):20} {person.name}  {', '.join(person.roles)}"
        )
    return 0


def _person(parts: Parts, who: str) -> Person:
    with parts.database.read() as session:
        by_login = select(Credential.person_id).where(Credential.login == fold(who))
        found = session.scalar(select(Person).where(Person.id.in_(by_login) | (Person.number == who)))
    if found is None:
        raise Refused("person_unknown")
    return found


def _login_of(parts: Parts, person_id: str) -> str:
    with parts.database.read() as session:
        return session.scalar(select(Credential.login).where(Credential.person_id == person_id)) or ""


def _password(args: argparse.Namespace, parts: Parts) -> tuple[str, bool]:
    """Return the password to set, and whether it was made here."""
    if args.password_stdin:
        return (getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")), False
    letters = "".join(CODE_ALPHABET[byte % 32] for byte in parts.database.random_bytes(15)).lower()
    return f"{letters[:5]}-{letters[5:10]}-{letters[10:]}", True


def _done(outcome: Outcome) -> None:
    if not outcome.took_effect:
        raise Refused(outcome.code, **outcome.values)
