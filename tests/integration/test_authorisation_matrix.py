"""Who may give what, where and about whose ticket: every command of the registry, over HTTP, as the registry has it.

Expectations come from the registry alone (`roles`, `places`, `own_ticket`). Whatever is permitted may still be refused
for another reason; what is forbidden is always refused for the right one, and leaves the business as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text

from common.customers.customer_commands import RegisterCustomer
from common.equipment.equipment_commands import RegisterEquipment, RegisterModel
from common.kernel.clock import instant
from common.kernel.codec import encode
from common.kernel.command import REGISTRY, CommandSpec, Nature, Place, Role
from common.kernel.op import make_op
from common.kernel.record import synced_entities
from common.people.person_commands import SetRoles
from common.policy.policy_commands import AdoptPolicy
from common.protocol.messages import OPS_AT_MOST, OpResult
from common.stock.part_commands import RegisterPart
from common.stock.stock_commands import RegisterLocation
from common.tickets.dispatching import AssignTicket, UnassignTicket
from common.tickets.intake import ReportFault
from field_app.store.outbox import build_request
from field_app.sync.plan import MOST
from sync_server.db.office import SYSTEM, perform
from sync_server.db.tables import AuditEntry, Receipt
from tests.support.examples import EXAMPLES, Around
from tests.support.postgres import fresh_database
from tests.support.served import PASSWORD, Server, Tablet, a_server, a_tablet, listening

PEOPLE = tuple(role for role in Role if role is not Role.SYSTEM)
CLAIMS = ("current", "former", "none")
FORBIDDEN = frozenset({"not_permitted", "wrong_place", "not_your_ticket", "no_longer_yours"})
OF_THE_OFFICE = frozenset({"inbox_item", "discrepancy"})  # where it is shown that something was refused


def expected(spec: CommandSpec, roles: frozenset[Role], place: Place, claim: str) -> str:
    """Say with which code a command must be refused, '' where it may be given."""
    granted = roles & spec.roles
    if not granted:
        return "not_permitted"
    if place not in spec.places:
        return "wrong_place"
    if granted != {Role.ENGINEER} or spec.own_ticket is None or claim == "current":
        return ""
    if claim == "none":
        return "not_your_ticket"
    return "" if spec.nature is Nature.FACT else "no_longer_yours"


@dataclass(slots=True)
class Person:
    """One role's person: a session at the console, an enrolled tablet, and tickets he holds, held and never held."""

    role: Role
    person_id: str
    tablet: Tablet
    session: str
    csrf: str
    tickets: dict[str, str]


@dataclass(slots=True)
class Stand:
    """A company on a listening server, with one person for each role."""

    server: Server
    url: str
    around: Around
    people: dict[Role, Person]
    http: httpx.Client

    def built(self, spec: CommandSpec, ticket: str) -> Any:
        """Build the example of a command about a ticket."""
        return EXAMPLES[spec.payload](replace(self.around, ticket=ticket, visit=self.around.new()))

    def at_office(self, person: Person, payload: Any, kind: str) -> dict[str, Any]:
        """Give a command over the office's HTTP route."""
        site = self.server.app.app.state.site  # type: ignore[attr-defined]
        body = {"id": self.around.new(), "kind": kind, "args": encode(payload)}
        self.http.cookies = httpx.Cookies({site.cookie: person.session})
        answer = self.http.post(
            "/api/v1/commands", json=body,
            headers={"X-CSRF-Token": person.csrf},
        )  # fmt: skip
        told: dict[str, Any] = answer.json()
        assert answer.status_code in (200, 403, 409), (kind, answer.status_code, told)
        assert (answer.status_code == 403) == (told["reason_code"] in FORBIDDEN), (kind, told)
        assert bool(told["reason"]) == bool(told["reason_code"])
        return told

    def on_tablet(self, person: Person, payloads: list[Any]) -> list[OpResult]:
        """Push commands as the person's tablet would, past the app's own refusals."""
        tablet, clock = person.tablet, self.server.clock
        request = tablet.store.write(lambda session: build_request(session, clock.read(), "matrix", MOST))
        ops = [make_op(payload, self.around.new(), clock.read()) for payload in payloads]
        assert 0 < len(ops) <= OPS_AT_MOST
        numbered = tuple({**encode(op), "n": request_n(tablet) + i} for i, op in enumerate(ops))
        answer = tablet.exchange.sync(replace(request, ops=numbered))
        assert answer.fork is None
        remember(tablet, answer.tok, len(ops))
        assert [result.id for result in answer.res] == [op.id for op in ops]
        return list(answer.res)

    def business(self) -> dict[str, list[Any]]:
        """Read every synced row but those that tell of refusals."""
        return {
            entity: self.server.rows(f'SELECT * FROM "{entity}" ORDER BY id')
            for entity in synced_entities()
            if entity not in OF_THE_OFFICE
        }


def request_n(tablet: Tablet) -> int:
    """Return the next number of the tablet's lane."""
    with tablet.store.read() as session:
        return int(session.execute(text("SELECT next_n FROM sync_state")).scalar_one())


def remember(tablet: Tablet, token: str, pushed: int) -> None:
    """Go on in the lane after commands that were never in the outbox."""
    moved = text("UPDATE sync_state SET token = :token, next_n = next_n + :pushed")
    tablet.store.write(lambda session: session.execute(moved, {"token": token, "pushed": pushed}))


def a_stand(server: Server, url: str, folder: Path, roles: tuple[Role, ...], http: httpx.Client) -> Stand:
    """Make the company. Everybody begins as an engineer, so that he can be sent; then he becomes what he is."""
    database = server.parts.database
    new, at = database.new_id, instant(server.clock.read().wall_ms)
    around = Around.of(new, at)
    around = replace(around, colleague=server.person(Role.ENGINEER, name="同事"))

    def give(payload: Any) -> None:
        outcome = perform(database, SYSTEM, payload)
        assert outcome.took_effect, (payload, outcome)

    give(AdoptPolicy(new(), "medical-device"))
    give(RegisterCustomer(around.customer, "C1", "朝阳医院"))
    give(RegisterModel(around.model, "M1", "输液泵", checklist="infusion_pump"))
    give(RegisterEquipment(around.unit, "SN-1", around.model, around.customer))
    give(RegisterPart(around.part, "PS-1", "Pump seal", 12_000, "CNY"))
    give(RegisterLocation(around.shelf, "MAIN", "Main store", "central"))
    give(RegisterLocation(around.van, "VAN", "Van", "van"))
    people = {}
    for role in roles:
        person_id = server.person(Role.ENGINEER, name=role.value)
        tickets = {}
        for claim in CLAIMS:
            tickets[claim], assignment = new(), new()
            number = f"T-{role.value}-{claim}"
            give(
                ReportFault(
                    tickets[claim], number, "phone", around.customer, "不能开机", "minor", around.unit
                )
            )
            holder = around.colleague if claim == "none" else person_id
            give(AssignTicket(tickets[claim], assignment, holder, *around.window, "例子"))
            if claim == "former":
                give(UnassignTicket(tickets[claim], assignment, "病假"))
        site = server.app.app.state.site  # type: ignore[attr-defined]
        site.sessions.set_password(person_id, role.value, PASSWORD, person_id)
        session = site.sessions.login(role.value, PASSWORD, "127.0.0.1")
        tablet = a_tablet(server, url, folder / role.value, person_id)
        if role is not Role.ENGINEER:
            give(SetRoles(person_id, (role.value,)))
        found = site.sessions.find(session)
        assert found is not None
        people[role] = Person(role, person_id, tablet, session, found.csrf, tickets)
    return Stand(server, url, around, people, http)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def stand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """All roles on SQLite; on PostgreSQL three that differ most."""
    folder: Path = tmp_path_factory.mktemp(f"matrix-{request.param}")
    roles, url = PEOPLE, ""
    with ExitStack() as stack:
        if request.param == "postgresql":
            roles = (Role.ENGINEER, Role.CLERK, Role.ADMINISTRATOR)
            fresh = stack.enter_context(fresh_database(request.getfixturevalue("postgres_server")))
            url = fresh.render_as_string(hide_password=False)
        server = stack.enter_context(a_server(url, folder))
        address = stack.enter_context(listening(server))
        http = stack.enter_context(httpx.Client(base_url=address))
        yield a_stand(server, address, folder, roles, http)


def cases(stand: Stand, place: Place, *, permitted: bool) -> Iterator[tuple[Person, CommandSpec, str, str]]:
    """Yield (person, command, claim, expected code): claims only where the command asks whose ticket it is."""
    for role, person in stand.people.items():
        given = {role} & {Role.ENGINEER} if place is Place.TABLET else {role}
        for spec in sorted(REGISTRY.values(), key=lambda spec: spec.kind):
            for claim in CLAIMS if spec.own_ticket else ("none",):
                code = expected(spec, frozenset(given), place, claim)
                if permitted == (code == ""):
                    yield person, spec, claim, code


def test_the_matrix_is_not_trivial(stand: Stand) -> None:
    for place in (Place.TABLET, Place.OFFICE):
        forbidden = {code for *_, code in cases(stand, place, permitted=False)}
        assert {"not_permitted", "not_your_ticket"} <= forbidden
        assert len(list(cases(stand, place, permitted=True))) > 30


@pytest.mark.fault("P9")
def test_forbidden_at_the_office_changes_nothing_at_all(stand: Stand) -> None:
    """Who is present hears no at once: not even a receipt is left, so that the command can be sent again."""
    before, wrong = stand.business(), []
    receipts = stand.server.rows("SELECT count(*) FROM receipt")
    for person, spec, claim, code in cases(stand, Place.OFFICE, permitted=False):
        told = stand.at_office(person, stand.built(spec, person.tickets[claim]), spec.kind)
        if (told["status"], told["reason_code"]) != ("parked", code):
            wrong.append(
                f"{person.role} {spec.kind} {claim}: {told['status']} {told['reason_code']}, not {code}"
            )
    assert not wrong, "\n".join(wrong)
    assert stand.business() == before
    assert stand.server.rows("SELECT count(*) FROM receipt") == receipts


@pytest.mark.fault("G1", "G4", "P5", "P9")
def test_forbidden_on_a_tablet_is_kept_for_the_office_and_changes_nothing(stand: Stand) -> None:
    """Each is parked with its reason, stands in the audit log under the person's name, and has no effect."""
    before, wrong = stand.business(), []
    for person, given in by_person(cases(stand, Place.TABLET, permitted=False)).items():
        payloads = [stand.built(spec, stand.people[person].tickets[claim]) for spec, claim, _ in given]
        results = stand.on_tablet(stand.people[person], payloads)
        for (spec, claim, code), result in zip(given, results, strict=True):
            if (result.s, result.c) != ("parked", code):
                wrong.append(f"{person} {spec.kind} {claim}: {result.s} {result.c}, not {code}")
        assert audited(stand, results) == {
            result.id: (spec.kind, stand.people[person].person_id, "parked", code)
            for (spec, _, code), result in zip(given, results, strict=True)
        }
    assert not wrong, "\n".join(wrong)
    assert stand.business() == before


def test_permitted_on_a_tablet_is_never_refused_for_who_gives_it(stand: Stand) -> None:
    wrong = []
    for person, given in by_person(cases(stand, Place.TABLET, permitted=True)).items():
        payloads = [stand.built(spec, stand.people[person].tickets[claim]) for spec, claim, _ in given]
        results = stand.on_tablet(stand.people[person], payloads)
        for (spec, claim, _), result in zip(given, results, strict=True):
            if result.c in FORBIDDEN:
                wrong.append(f"{person} {spec.kind} {claim}: {result.c}")
        assert {result.s for result in results} & {"ok", "noop", "flagged"}
    assert not wrong, "\n".join(wrong)


def test_permitted_at_the_office_is_never_refused_for_who_gives_it(stand: Stand) -> None:
    """Last, for it changes what the other cases stand on. A ticket of nobody's stands for the office's own work."""
    wrong, took_effect = [], 0
    for person, spec, claim, _ in cases(stand, Place.OFFICE, permitted=True):
        ticket = person.tickets[claim if spec.own_ticket else "none"]
        told = stand.at_office(person, stand.built(spec, ticket), spec.kind)
        took_effect += told["status"] != "parked"
        if told["reason_code"] in FORBIDDEN:
            wrong.append(f"{person.role} {spec.kind} {claim}: {told['reason_code']}")
    assert not wrong, "\n".join(wrong)
    assert took_effect > 20


def test_nobody_gives_a_command_without_a_session_or_its_token(stand: Stand) -> None:
    person = next(iter(stand.people.values()))
    site = stand.server.app.app.state.site  # type: ignore[attr-defined]
    body = {
        "id": stand.around.new(),
        "kind": "add_note",
        "args": {"ticket_id": stand.around.ticket, "text": "x"},
    }
    address = f"{stand.url}/api/v1/commands"
    no_session = httpx.post(address, json=body, headers={"X-CSRF-Token": person.csrf})
    no_token = httpx.post(address, json=body, cookies={site.cookie: person.session})
    assert (no_session.status_code, no_token.status_code) == (403, 403)
    assert no_token.json()["reason_code"] == "csrf_token"
    signed_in = {"headers": {"X-CSRF-Token": person.csrf}, "cookies": {site.cookie: person.session}}
    unknown = httpx.post(address, json=body | {"kind": "no_such_thing"}, **signed_in)  # type: ignore[arg-type]
    assert (unknown.status_code, unknown.json()["reason_code"]) == (422, "command_unknown")
    extra = httpx.post(address, json=body | {"args": {"text": "x"}}, **signed_in)  # type: ignore[arg-type]
    assert (extra.status_code, extra.json()["values"]["where"]) == (422, "args.ticket_id")


def by_person(
    found: Iterator[tuple[Person, CommandSpec, str, str]],
) -> dict[Role, list[tuple[CommandSpec, str, str]]]:
    """Gather cases into one push a person."""
    gathered: dict[Role, list[tuple[CommandSpec, str, str]]] = {}
    for person, spec, claim, code in found:
        gathered.setdefault(person.role, []).append((spec, claim, code))
    return gathered


def audited(stand: Stand, results: list[OpResult]) -> dict[str, tuple[str, str, str, str]]:
    """Read (kind, person, status, code) of the audit entries and receipts of these commands."""
    wanted = {result.id for result in results}
    with stand.server.parts.database.read() as session:
        receipts = {
            row.op_id: row for row in session.scalars(select(Receipt).where(Receipt.op_id.in_(wanted)))
        }
        entries = [(entry, json.loads(entry.entry)) for entry in session.scalars(select(AuditEntry))]
    return {
        told["op"]["id"]: (entry.kind, entry.actor_id, told["status"], receipts[told["op"]["id"]].code)
        for entry, told in entries
        if told.get("op", {}).get("id") in wanted
    }
