"""One-time codes at the console: each good once, guessing slowed, no way around them but another administrator (G6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pyotp
import pytest
from fastapi.testclient import TestClient

from common.kernel.command import Role
from common.kernel.outcome import Refused
from common.people.person_commands import DeactivatePerson
from sync_server import cli
from sync_server.db.office import SYSTEM, perform
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.people.factors import Factors
from sync_server.people.sessions import FactorAsked, Sessions
from tests.integration.test_sign_in import HTML, post, sign_in
from tests.support.served import PASSWORD, Server, a_server, client


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server where the shipped policy holds: everybody at the office needs a second factor."""
    with a_server("", tmp_path, second_factor="required") as made:
        yield made


@pytest.fixture
def http(server: Server) -> Iterator[TestClient]:
    with client(server) as speaking:
        yield speaking


def _checked(factors: Factors, code: str, unit: UnitOfWork, person_id: str) -> Refused | None:
    return factors.check(unit, person_id, code)


def now_code(server: Server, secret: str) -> str:
    return pyotp.TOTP(secret).generate_otp(server.clock.read().wall_ms // 30_000)


def factors_of(server: Server) -> Factors:
    site = server.app.app.state.site  # type: ignore[attr-defined]
    return Factors(server.parts.database, server.parts.keys, site.security)


def with_factor(server: Server, *roles: Role, login: str = "admin") -> tuple[str, str, tuple[str, ...]]:
    """Add a person who has set a second factor up; returns id, secret and recovery codes."""
    person_id, _ = server.sign_in_as(*roles, login=login)
    factors = factors_of(server)
    secret = factors.set_up(person_id, login).secret
    codes = factors.confirm(person_id, now_code(server, secret))
    server.clock.advance(timedelta(seconds=31))
    return person_id, secret, codes


@pytest.mark.fault("G6")
def test_a_role_that_needs_one_sets_it_up_before_anything_else(server: Server, http: TestClient) -> None:
    assert factors_of(server).security.factor_roles == set(Role) - {Role.ENGINEER, Role.SYSTEM}
    server.sign_in_as(Role.ADMINISTRATOR, login="admin")
    assert sign_in(http, "admin").status_code == 303
    page = http.get("/console/people", headers=HTML)
    assert page.url.path == "/console/password/factor"
    assert "Your role needs a second factor" in page.text
    csrf = page.text.split('name="csrf-token" content="')[1].split('"')[0]
    body = {"id": server.parts.database.new_id(), "kind": "add_person", "args": {}}
    direct = http.post("/api/v1/commands", json=body, headers={"X-CSRF-Token": csrf})
    assert (direct.status_code, direct.json()["reason_code"]) == (403, "factor_missing")
    assert post(http, "/console/password/factor").status_code == 303
    shown = http.get("/console/password/factor", headers=HTML).text
    assert "<svg" in shown
    secret = "".join(re.findall(r"[A-Z2-7]{4}", shown.split("factor-key")[1].split("</p>")[0]))
    wrong = post(http, "/console/password/factor/confirm", page="/console/password/factor", code="000000")
    assert wrong.status_code == 422
    assert "not right" in wrong.text
    done = post(
        http,
        "/console/password/factor/confirm",
        page="/console/password/factor",
        code=now_code(server, secret),
    )
    assert len(re.findall(r"<li><code>\w{5}-\w{5}</code>", done.text)) == 10
    assert http.get("/console/people", headers=HTML).url.path == "/console/people"
    assert secret not in str(server.rows("SELECT secret, pending, codes FROM second_factor"))


@pytest.mark.fault("G6")
def test_the_password_alone_opens_nothing(server: Server, http: TestClient) -> None:
    person_id, secret, _ = with_factor(server, Role.ADMINISTRATOR)
    asked = sign_in(http, "admin")
    assert asked.headers["location"].startswith("/console/sign-in/code")
    assert "session" not in http.cookies
    half = http.cookies["half"]
    http.cookies.set("session", half, domain="127.0.0.1")
    assert http.get("/console/people", headers=HTML, follow_redirects=False).status_code == 303
    assert Sessions(server.parts.database).find(half) is None
    http.cookies.delete("session")
    taken = post(http, "/console/sign-in/code", code=now_code(server, secret))
    assert (taken.status_code, taken.headers["location"]) == (303, "/console")
    assert http.cookies["session"] != half
    assert http.get("/console/people", headers=HTML).url.path == "/console/people"
    assert server.rows("SELECT id_hash FROM half_sign_in") == []
    assert len(Sessions(server.parts.database).list_sessions(person_id)) == 2  # one was there before


@pytest.mark.fault("G6")
def test_a_code_works_once_and_a_recovery_code_too(server: Server) -> None:
    _, secret, codes = with_factor(server, Role.MANAGER)
    factors, sessions = factors_of(server), Sessions(server.parts.database)

    def come_in(code: str) -> str:
        with pytest.raises(FactorAsked) as asked:
            sessions.login("admin", PASSWORD, "10.0.0.1")
        return sessions.complete(asked.value.token, lambda unit, person: factors.check(unit, person, code))[0]

    code = now_code(server, secret)
    assert sessions.find(come_in(code)) is not None
    with pytest.raises(Refused, match="factor_code_wrong"):
        come_in(code)
    assert come_in(codes[0].lower())
    with pytest.raises(Refused, match="factor_code_wrong"):
        come_in(codes[0])
    server.clock.advance(timedelta(seconds=30))
    assert come_in(now_code(server, secret))
    server.clock.advance(timedelta(seconds=90))
    with pytest.raises(Refused, match="factor_code_wrong"):  # two steps old
        come_in(pyotp.TOTP(secret).generate_otp(server.clock.read().wall_ms // 30_000 - 2))
    for wrong in ("", "12345", "1234567", "١٢٣٤٥٦", "abcdef", " " * 40):
        with pytest.raises(Refused, match="factor_code_wrong|try_later"):
            come_in(wrong)


@pytest.mark.fault("G6")
def test_guessing_codes_waits_and_never_for_ever(server: Server) -> None:
    _, secret, _ = with_factor(server, Role.MANAGER)
    factors, sessions = factors_of(server), Sessions(server.parts.database)
    with pytest.raises(FactorAsked) as asked:
        sessions.login("admin", PASSWORD, "10.0.0.1")
    said = []
    for guess in range(8):
        code = f"{guess:06}"
        with pytest.raises(Refused) as refused:
            sessions.complete(asked.value.token, partial(_checked, factors, code))
        said.append(refused.value.code)
    assert said == ["factor_code_wrong"] * 5 + ["try_later"] * 3
    server.clock.advance(timedelta(minutes=9))
    right = now_code(server, secret)
    assert sessions.complete(asked.value.token, lambda unit, person: factors.check(unit, person, right))
    server.clock.advance(timedelta(minutes=2))
    with pytest.raises(FactorAsked) as asked:
        sessions.login("admin", PASSWORD, "10.0.0.1")
    server.clock.advance(timedelta(minutes=11))
    with pytest.raises(Refused, match="sign_in_ran_out"):
        sessions.complete(asked.value.token, lambda unit, person: factors.check(unit, person, "0"))


@pytest.mark.fault("G6")
def test_a_new_password_does_not_go_around_it(server: Server) -> None:
    person_id, secret, _ = with_factor(server, Role.ADMINISTRATOR)
    sessions, factors = Sessions(server.parts.database), factors_of(server)
    with pytest.raises(FactorAsked) as before:
        sessions.login("admin", PASSWORD, "10.0.0.1")
    sessions.set_password(person_id, "admin", "another long walk", "", must_change=True)
    with pytest.raises(Refused, match="sign_in_ran_out"):
        sessions.complete(
            before.value.token, lambda unit, person: factors.check(unit, person, now_code(server, secret))
        )
    with pytest.raises(FactorAsked):
        sessions.login("admin", "another long walk", "10.0.0.1")


@pytest.mark.fault("G6")
def test_only_another_administrator_removes_a_lost_one(
    server: Server, http: TestClient, tmp_path: Path
) -> None:
    boss, secret, _ = with_factor(server, Role.ADMINISTRATOR, login="boss")
    lost, _, _ = with_factor(server, Role.ADMINISTRATOR, login="lost")
    clerk, _ = server.sign_in_as(Role.CLERK, login="clerk")
    sign_in(http, "clerk")
    assert post(http, f"/console/people/{lost}/factor", page="/console/password").status_code == 403
    http.cookies.clear()
    sign_in(http, "boss")
    post(http, "/console/sign-in/code", code=now_code(server, secret))
    server.clock.advance(timedelta(minutes=2))
    proof = {"own_password": PASSWORD, "own_code": now_code(server, secret)}
    own = post(http, f"/console/people/{boss}/factor", page="/console/password", **proof)
    assert own.status_code == 422
    assert "Nobody removes his own" in own.text
    assert (
        post(http, "/console/password/factor/off", page="/console/password/factor", code="1").status_code
        == 422
    )
    unproved = post(http, f"/console/people/{lost}/factor", page="/console/password", own_password=PASSWORD)
    assert unproved.status_code == 422
    server.clock.advance(timedelta(minutes=2))
    proof["own_code"] = now_code(server, secret)
    assert post(http, f"/console/people/{lost}/factor", page="/console/password", **proof).status_code == 303
    sessions = Sessions(server.parts.database)
    assert sessions.list_sessions(lost) == []
    assert sessions.login("lost", PASSWORD, "10.0.0.1")
    kinds = [kind for (kind,) in server.rows("SELECT kind FROM audit ORDER BY at, tx, ordinal")]
    assert "remove_second_factor" in kinds
    server.parts.database.engine.dispose()
    arguments = ["--data", str(tmp_path / "server"), "user", "reset-factor", "boss"]
    assert cli.main(arguments) == 0  # whoever holds the machine holds everything
    assert sessions.login("boss", PASSWORD, "10.0.0.1")


def test_who_need_not_may_set_one_up_change_it_and_turn_it_off(server: Server, http: TestClient) -> None:
    engineer, secret, codes = with_factor(server, Role.ENGINEER, login="li")
    sign_in(http, "li")
    post(http, "/console/sign-in/code", code=codes[3])
    begun = post(http, "/console/password/factor", code=now_code(server, secret))
    assert begun.status_code == 303
    fresh = factors_of(server).pending(engineer, "li")
    assert fresh is not None
    assert fresh.secret != secret
    server.clock.advance(timedelta(seconds=30))
    done = post(
        http,
        "/console/password/factor/confirm",
        page="/console/password/factor",
        code=now_code(server, fresh.secret),
    )
    assert done.status_code == 200
    server.clock.advance(timedelta(seconds=30))
    off = post(
        http,
        "/console/password/factor/off",
        page="/console/password/factor",
        code=now_code(server, fresh.secret),
    )
    assert off.status_code == 303
    assert server.rows("SELECT person_id FROM second_factor") == []


def test_sessions_are_listed_and_ended_one_by_one_by_their_owner_and_an_administrator(
    server: Server, http: TestClient
) -> None:
    person_id, one = server.sign_in_as(Role.CLERK, login="clerk")
    sessions = Sessions(server.parts.database)
    two = sessions.login("clerk", PASSWORD, "10.0.0.2", "Firefox · Linux")
    sign_in(http, "clerk")
    page = http.get("/console/password", headers=HTML).text
    assert "Firefox · Linux" in page
    rows = {row.address: row.id_hash for row in sessions.list_sessions(person_id)}
    post(http, "/console/password/sessions", page="/console/password", session=rows["10.0.0.2"])
    assert (sessions.find(two), sessions.find(one) is None) == (None, False)
    _, secret, _ = with_factor(server, Role.ADMINISTRATOR, login="boss")
    http.cookies.clear()
    sign_in(http, "boss")
    post(http, "/console/sign-in/code", code=now_code(server, secret))
    left = sessions.list_sessions(person_id)
    post(http, f"/console/people/{person_id}/sessions", page="/console/password", session=left[0].id_hash)
    assert len(sessions.list_sessions(person_id)) == len(left) - 1
    post(http, f"/console/people/{person_id}/sessions", page="/console/password")
    assert sessions.list_sessions(person_id) == []
    foreign, _ = server.sign_in_as(Role.CLERK, login="other")
    http.cookies.clear()
    sign_in(http, "clerk")
    others = sessions.list_sessions(foreign)[0].id_hash
    post(http, "/console/password/sessions", page="/console/password", session=others)
    assert len(sessions.list_sessions(foreign)) == 1
    assert perform(server.parts.database, SYSTEM, DeactivatePerson(person_id)).took_effect
    assert http.get("/console/password", headers=HTML, follow_redirects=False).status_code == 303
