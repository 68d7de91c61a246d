"""How often one may try, and how little a stranger's guesses do to whom they are about (G6, G11, ASVS 2.4.1, 6.3.1)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from common.kernel.codec import encode
from common.kernel.command import Role
from common.kernel.outcome import Refused
from common.protocol.access import NonceRequest
from field_app.sync.keys import DeviceKey
from sync_server.gate import REMEMBERED, Rates
from sync_server.people.known_browser import recognise, remember
from sync_server.people.passwords import Passwords
from sync_server.people.sessions import Sessions
from sync_server.security import Rate, SecurityError, read_security
from tests.integration.test_auth import a_device, a_token, enrol_body, sync
from tests.integration.test_sign_in import post, sign_in
from tests.support.fake_clock import FakeClock
from tests.support.served import PASSWORD, Server, a_server, client

FIGURES = """
[session]
idle_min = 10
absolute_h = 1
[waits.account]
free = 2
longest_s = 120
[rates.nonce_device]
burst = 3
per_min = 60
[rates.sync_device]
burst = 2
per_min = 6
[rates.import]
burst = 2
per_min = 1
[rates.command]
burst = 2
per_min = 1
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "figures.toml").write_text(FIGURES)
    with a_server("", tmp_path, security=str(tmp_path / "figures.toml")) as made:
        yield made


@pytest.fixture
def http(server: Server) -> Iterator[TestClient]:
    with client(server) as speaking:
        yield speaking


def assert_later(answer: Any) -> int:
    assert (answer.status_code, answer.json()["reason_code"]) == (429, "try_later"), answer.text
    wait_s = int(answer.headers["Retry-After"])
    assert 1 <= wait_s <= 900
    return wait_s


@pytest.mark.fault("G6")
def test_a_strangers_guesses_do_not_keep_a_person_out(server: Server, http: TestClient) -> None:
    """Her own browser has a count of its own; and elsewhere the longest wait is bounded, by data."""
    server.sign_in_as(Role.DISPATCHER, login="mei")
    assert sign_in(http, "mei").status_code == 303
    sessions: Sessions = server.app.app.state.site.sessions  # type: ignore[attr-defined]
    for _ in range(20):
        with pytest.raises(Refused):
            sessions.login("mei", "wrong", "10.6.6.6")
    http.cookies.delete("session")
    assert sign_in(http, "mei").status_code == 303
    for _ in range(3):
        http.cookies.delete("session")
        last = sign_in(http, "mei", "a guess at her own desk")
    assert last.status_code == 429
    http.cookies.clear()
    assert sign_in(http, "mei").status_code == 429
    server.clock.advance(timedelta(seconds=121))
    assert sign_in(http, "mei").status_code == 303


@pytest.mark.fault("G6")
def test_a_browser_is_known_for_one_name_and_until_its_day(server: Server) -> None:
    keys, now = server.parts.keys, server.clock.at
    cookie = remember(keys, os.urandom, "Mei", now, 180)
    name = recognise(keys, cookie, "ＭＥＩ", now)
    assert len(name) == 24
    forged = ("", "x", "a.b.c", f"{name}.ffffff.{'0' * 32}", "é", "." * 200, cookie[:-1], cookie + "0")
    assert [recognise(keys, one, "mei", now) for one in forged] == [""] * len(forged)
    assert recognise(keys, cookie, "wang", now) == ""
    assert recognise(keys, cookie, "mei", now + timedelta(days=181)) == ""


class CountingPasswords(Passwords):
    """Counts the argon2id runs: they are what a sign-in's time consists of."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[str] = []
        hasher = self._hasher
        verify, better, made = hasher.verify, hasher.verify_and_update, hasher.hash

        def counted(name: str, run: Any) -> Any:
            def counting(*words: Any) -> Any:
                self.runs.append(name)
                return run(*words)

            return counting

        hasher.verify = counted("verify", verify)  # type: ignore[method-assign]
        hasher.verify_and_update = counted("verify", better)  # type: ignore[method-assign]
        hasher.hash = counted("hash", made)  # type: ignore[method-assign]


@pytest.mark.fault("G11")
def test_an_unknown_name_costs_the_same_as_a_wrong_password(server: Server) -> None:
    """Same sentence, as many argon2id runs, as many questions to the database; also for one who has left."""
    server.sign_in_as(Role.DISPATCHER, login="mei")
    gone, _ = server.sign_in_as(Role.DISPATCHER, login="gone")
    with server.parts.database.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE person SET active = 0 WHERE id = '{gone}'")
    passwords = CountingPasswords()
    sessions = Sessions(server.parts.database, passwords)
    with pytest.raises(Refused):
        sessions.login("somebody", "else", "10.0.0.9")  # the first of a process makes the hash nobody has
    asked: list[str] = []
    event.listen(server.parts.database.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    costs = {}
    for name in ("mei", "nobody", "gone"):
        passwords.runs.clear()
        asked.clear()
        with pytest.raises(Refused, match="login_wrong"):
            sessions.login(name, PASSWORD if name == "gone" else "wrong", f"10.0.0.{len(costs)}")
        costs[name] = (
            tuple(passwords.runs),
            len([one for one in asked if not one.startswith("SELECT person")]),
        )
    assert costs["mei"] == costs["nobody"] == costs["gone"]
    assert costs["mei"][0] == ("verify",)


@pytest.mark.fault("G6")
def test_nonces_are_counted_by_device_and_address(server: Server, http: TestClient) -> None:
    device_id, key, _ = a_device(server, http)
    other, other_key, _ = a_device(server, http)
    for _ in range(3):
        assert http.post("/v1/auth/nonce", json=encode(NonceRequest(device_id))).status_code == 200
    assert_later(http.post("/v1/auth/nonce", json=encode(NonceRequest(device_id))))
    assert a_token(http, other, other_key)
    elsewhere = TestClient(server.app, base_url="http://127.0.0.1", client=("10.9.9.9", 1))
    assert a_token(elsewhere, device_id, key)
    server.clock.advance(timedelta(seconds=2))
    assert a_token(http, device_id, key)


@pytest.mark.fault("G6")
def test_a_tablet_gone_wild_is_slowed_and_the_others_are_not(server: Server, http: TestClient) -> None:
    device_id, key, device = a_device(server, http)
    token = a_token(http, device_id, key)
    for _ in range(2):
        answer = sync(http, server, device, token)
        assert answer.status_code == 200
        device["tok"] = answer.json()["tok"]
    wait_s = assert_later(sync(http, server, device, token))
    other, other_key, other_device = a_device(server, http)
    assert sync(http, server, other_device, a_token(http, other, other_key)).status_code == 200
    server.clock.advance(timedelta(seconds=wait_s))
    assert sync(http, server, device, token).status_code == 200


@pytest.mark.fault("G6")
def test_guessing_enrolment_codes_waits_for_the_address_only(server: Server, http: TestClient) -> None:
    codes = [enrol_body("AAAAA-AAAA" + letter, DeviceKey(os.urandom(32))) for letter in "BCDEFGH"]
    answers = [http.post("/v1/enrol", json=body) for body in codes]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429] * 2
    elsewhere = TestClient(server.app, base_url="http://127.0.0.1", client=("10.9.9.9", 1))
    right = enrol_body(server.code(server.person(Role.ENGINEER)), DeviceKey(os.urandom(32)))
    assert elsewhere.post("/v1/enrol", json=right).status_code == 200
    server.clock.advance(timedelta(minutes=16))
    later = enrol_body(server.code(server.person(Role.ENGINEER)), DeviceKey(os.urandom(32)))
    assert http.post("/v1/enrol", json=later).status_code == 200


@pytest.mark.fault("G6")
def test_imports_and_commands_are_counted_by_person(server: Server, http: TestClient) -> None:
    server.sign_in_as(Role.ADMINISTRATOR, login="admin")
    sign_in(http, "admin")
    files = {"file": ("people.csv", b"a,b\n1,2\n")}
    token = post(http, "/console/password/sessions", page="/console/password")
    assert token.status_code == 303
    csrf = http.get("/console/password").text.split('name="csrf-token" content="')[1].split('"')[0]
    told = {"csrf_token": csrf, "kind": "people"}
    answers = [http.post("/console/import", data=told, files=files) for _ in range(3)]
    assert [answer.status_code for answer in answers[:2]] == [422, 422]
    assert_later(answers[2])
    body = {"id": server.parts.database.new_id(), "kind": "add_person", "args": {}}
    given = [http.post("/api/v1/commands", json=body, headers={"X-CSRF-Token": csrf}) for _ in range(3)]
    assert [answer.status_code for answer in given[:2]] == [422, 422]
    assert_later(given[2])


@pytest.mark.fault("G6")
def test_who_found_a_browser_open_guesses_no_faster_than_at_the_door(
    server: Server, http: TestClient
) -> None:
    server.sign_in_as(Role.DISPATCHER, login="mei")
    sign_in(http, "mei")
    other = {"new": "another long walk", "again": "another long walk"}
    answers = [post(http, "/console/password", old=f"guess {i}", **other) for i in range(3)]
    assert "wrong" in answers[0].text
    right = post(http, "/console/password", old=PASSWORD, **other)
    assert right.status_code == 422
    server.clock.advance(timedelta(seconds=121))
    assert post(http, "/console/password", old=PASSWORD, **other).status_code == 303


@pytest.mark.parametrize(("minutes", "alive"), [(9, True), (11, False)])
def test_how_long_a_session_lives_is_data(server: Server, minutes: int, alive: bool) -> None:
    _, token = server.sign_in_as(Role.DISPATCHER)
    sessions: Sessions = server.app.app.state.site.sessions  # type: ignore[attr-defined]
    server.clock.advance(timedelta(minutes=minutes))
    assert (sessions.find(token) is not None) is alive


def test_a_rate_gives_back_with_time_and_forgets_callers_it_cannot_hold() -> None:
    clock = FakeClock()
    rates = Rates({"door": Rate(2, 60)}, clock)
    rates.take("door", "a")
    rates.take("door", "a")
    for _ in range(3):
        with pytest.raises(Refused, match="try_later"):
            rates.take("door", "a")
    clock.advance(timedelta(seconds=1))
    rates.take("door", "a")
    for i in range(REMEMBERED + 5):
        rates.take("door", str(i))
    assert len(rates._left) == REMEMBERED


@pytest.mark.parametrize(
    "figures",
    ["[session]\nidle_min = 0", "[session]\nidle_min = 1.5", "[session]\nidle = 3", "[rates.nothing]\nburst = 1",
     "waits = 3", "[session]\nabsolute_h = 500", "not toml", "[line]\nheader_s = 'x'"],
)  # fmt: skip
def test_figures_that_cannot_be_used_are_said(figures: str, tmp_path: Path) -> None:
    file = tmp_path / "figures.toml"
    file.write_text(figures)
    with pytest.raises(SecurityError):
        read_security(str(file))
    with pytest.raises(SecurityError):
        read_security(str(tmp_path / "not there"))
