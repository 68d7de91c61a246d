"""The text-edge corpus against every route: 4xx with a reason code, never 500, nothing inflated without end.

Walks the application's own routes, so that a new page is tested the day it appears.
"""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from common.kernel.codec import encode
from common.kernel.command import Role
from common.protocol.dictionary import ENCODING, deflate
from common.protocol.messages import BODY_AT_MOST
from sync_server.routing import all_routes
from tests.integration.test_auth import a_device, a_token
from tests.support.postgres import fresh_database
from tests.support.served import PASSWORD, Server, a_server, client

NOT_WALKED = frozenset({"/console/events"})  # an answer without end; its own test below
EVERY_ROLE = tuple(role for role in Role if role is not Role.SYSTEM)
DEEP = b"[" * 100_000 + b"]" * 100_000
JSON_EDGES: dict[str, bytes] = {
    "empty": b"",
    "not json": b"{",
    "not utf-8": b'{"dev":"\xff\xfe"}',
    "lone surrogate": b'{"dev":"\\ud800","op_id":"\\udfff"}',
    "nul": b'{"dev":"a\\u0000b","ticket_id":"\\u0000"}',
    "control": b'{"dev":"\\u0007"}',
    "nan": b'{"dev":NaN,"max":NaN}',
    "infinity": b'{"max":-Infinity}',
    "float": b'{"inc":1.5}',
    "1e999": b'{"inc":1e999}',
    "2^63": b'{"inc":9223372036854775808,"version":9223372036854775808}',
    "5000 digits": b'{"inc":' + b"9" * 5000 + b"}",
    "deep": DEEP,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "doubled keys": b'{"dev":"a","dev":"b"}',
    "list": b"[]",
    "text": b'"text"',
    "null": b"null",
    "true for a number": b'{"inc":true,"dev":7,"clk":[],"ops":{}}',
    "unknown field": b'{"is_admin":true}',
    "huge": b'{"a":"' + b"x" * (BODY_AT_MOST + 10) + b'"}',
}
FORM_EDGES: dict[str, bytes] = {
    "nul": b"login=a%00b&csrf_token=x",
    "not utf-8": b"login=%FF%FE",
    "raw not utf-8": b"login=\xff\xfe",
    "surrogate": b"login=%ED%A0%80",
    "control": b"login=%07",
    "2^63": b"qty=9223372036854775808&page=9223372036854775808",
    "5000 digits": b"qty=" + b"9" * 5000,
    "huge": b"login=" + b"x" * (BODY_AT_MOST + 10),
    "many fields": b"&".join(b"f%d=1" % i for i in range(5_000)),
    "no separator": b"&&&===",
}
ADDRESS_EDGES = (
    "?q=%00", "?q=%FF", "?q=%ED%A0%80", "?page=9223372036854775808", "?page=-1", "?page=1e999", "?day=2026-99-99",
    "?day=99999-01-01", "?after=" + "9" * 30, "?sort=';DROP TABLE ticket;--", "?q=" + "x" * 9000, "?q=%0A",
    "?back=//evil.example", "?id=../../etc/passwd", "?q=%25%5F%27%22", "?state[]=1&state[]=2",
)  # fmt: skip
PATH_EDGES = (
    "%00",
    "%FF",
    "..%2F..%2Fetc",
    "9" * 40,
    "x" * 300,
    "'%20OR%201=1",
    "%ED%A0%80",
    "%E2%80%AE",
    "-1",
)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of a database: nothing here changes what another test sees."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        url = ""
        if request.param == "postgresql":
            fresh = stack.enter_context(fresh_database(request.getfixturevalue("postgres_server")))
            url = fresh.render_as_string(hide_password=False)
        made = stack.enter_context(a_server(url, folder))
        made.sign_in_as(*EVERY_ROLE, login="everything")
        yield made


@pytest.fixture
def http(server: Server) -> Iterator[TestClient]:
    """Speak as somebody who may everything, with the session's own token against forgery."""
    site = server.app.app.state.site  # type: ignore[attr-defined]
    with client(server) as speaking:
        session = site.sessions.login("everything", PASSWORD, "127.0.0.1")
        speaking.cookies.set(site.cookie, session)
        speaking.headers["X-CSRF-Token"] = site.sessions.find(session).csrf
        yield speaking


def routes(server: Server) -> list[APIRoute]:
    found = [route for route in all_routes(server.app.app.routes) if route.path not in NOT_WALKED]  # type: ignore[attr-defined]
    assert {"/v1/sync", "/v1/enrol", "/console/sign-in", "/health"} <= {route.path for route in found}
    return found


def filled(path: str, value: str = "01a200c0-2d5b-752d-ad44-b54d7d5371db") -> str:
    return re.sub(r"\{[^}]+\}", value, path)


def is_well_answered(answer: Any) -> bool:
    """Say whether an answer is a page or a refusal with its reason; 500 and a bare 4xx are neither."""
    if answer.status_code >= 500:
        return False
    if answer.status_code < 400 or answer.headers.get("content-type", "").startswith("text/html"):
        return True
    return bool(answer.json().get("reason_code"))


def wrong(answers: dict[str, Any]) -> list[str]:
    return [
        f"{name}: {one.status_code} {one.text[:120]}"
        for name, one in answers.items()
        if not is_well_answered(one)
    ]


def unsafe(server: Server) -> Iterator[tuple[str, str]]:
    """Yield every way to write; signing out last, so that the others are tried by somebody signed in."""
    for route in sorted(routes(server), key=lambda route: route.path == "/console/sign-out"):
        for method in sorted((route.methods or set()) - {"GET", "HEAD", "OPTIONS"}):
            yield method, filled(route.path)


@pytest.mark.fault("D5", "H5")
@pytest.mark.parametrize("edge", sorted(JSON_EDGES))
def test_json_edges_on_every_route(server: Server, http: TestClient, edge: str) -> None:
    answers = {}
    for method, path in unsafe(server):
        answers[f"{method} {path}"] = http.request(
            method,
            path,
            content=JSON_EDGES[edge],
            headers={"Content-Type": "application/json"},
            follow_redirects=False,
        )
    assert not wrong(answers)
    assert {one.status_code for name, one in answers.items() if " /v1/" in name} <= {400, 401, 413, 422}


@pytest.mark.fault("D5")
@pytest.mark.parametrize("edge", sorted(FORM_EDGES))
def test_form_edges_on_every_route(server: Server, http: TestClient, edge: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answers = {
        f"{method} {path}": http.request(
            method, path, content=FORM_EDGES[edge], headers=headers, follow_redirects=False
        )
        for method, path in unsafe(server)
    }
    assert not wrong(answers)
    if edge in ("nul", "not utf-8", "raw not utf-8", "surrogate", "control", "5000 digits", "huge"):
        assert {one.status_code for name, one in answers.items() if " /console" in name} <= {413, 422}


@pytest.mark.fault("D5", "H1")
def test_address_edges_on_every_route(server: Server, http: TestClient) -> None:
    answers = {}
    for route in routes(server):
        if "GET" not in (route.methods or set()):
            continue
        for edge in ADDRESS_EDGES:
            answers[f"{route.path}{edge[:40]}"] = http.get(filled(route.path) + edge, follow_redirects=False)
        if "{" in route.path:
            for edge in PATH_EDGES:
                answers[f"{route.path} {edge[:20]}"] = http.get(
                    filled(route.path, edge), follow_redirects=False
                )
    assert not wrong(answers)
    stopped = [one.status_code for name, one in answers.items() if name.endswith(("?q=%00", "?q=%FF"))]
    assert stopped
    assert set(stopped) == {422}


def test_strange_encodings_and_types(server: Server, http: TestClient) -> None:
    answers = {}
    for method, path in unsafe(server):
        for name, headers in {
            "br": {"Content-Encoding": "br", "Content-Type": "application/json"},
            "doubled": {"Content-Encoding": "gzip, gzip", "Content-Type": "application/json"},
            "lying gzip": {"Content-Encoding": "gzip", "Content-Type": "application/json"},
            "lying d1": {"Content-Encoding": ENCODING, "Content-Type": "application/json"},
            "xml": {"Content-Type": "application/xml"},
            "no boundary": {"Content-Type": "multipart/form-data"},
            "utf-16": {"Content-Type": "application/json; charset=utf-16"},
            "no type": {"Content-Type": ""},
            "lying length": {"Content-Type": "application/json", "Content-Length": "99999999999999999999999"},
            "odd length": {"Content-Type": "application/json", "Content-Length": "-5"},
        }.items():
            answers[f"{method} {path} {name}"] = http.request(
                method, path, content=b'{"a":1}', headers=headers, follow_redirects=False
            )
    assert not wrong(answers)


@pytest.mark.fault("H5")
@pytest.mark.parametrize("encoding", ["gzip", ENCODING])
def test_a_bomb_is_refused_before_it_grows(server: Server, http: TestClient, encoding: str) -> None:
    device_id, key, _ = a_device(server, http)
    press = gzip.compress if encoding == "gzip" else deflate
    bomb = press(b'{"dev":"' + b"0" * 50_000_000 + b'"}')
    assert len(bomb) < 300_000
    headers = {
        "Content-Encoding": encoding, "Content-Type": "application/json",
        "Authorization": f"Bearer {a_token(http, device_id, key)}",
    }  # fmt: skip
    answer = http.post("/v1/sync", content=bomb, headers=headers)
    assert (answer.status_code, answer.json()["reason_code"]) == (413, "body_too_large")


def test_wrong_messages_of_a_real_device_have_their_reason(server: Server, http: TestClient) -> None:
    device_id, key, device = a_device(server, http)
    head = {"Authorization": f"Bearer {a_token(http, device_id, key)}"}
    good: dict[str, Any] = {
        "dev": device_id,
        "inc": 1,
        "tok": device["tok"],
        "clk": {"w": 1, "m": 1, "bt": "b"},
    }
    cases: list[tuple[dict[str, Any], str]] = [
        ({"inc": "1"}, "type_int"),
        ({"inc": True}, "type_int"),
        ({"inc": 0}, "number_out_of_range"),
        ({"dev": "x"}, "type_id"),
        ({"cur": "x" * 201}, "text_too_long"),
        ({"clk": None}, "type_object"),
        ({"ops": [{}]}, "type_int"),
        ({"ops": [{"n": 1}]}, "field_missing"),
        ({"ops": [1]}, "type_object"),
        ({"ops": [{"n": 1, "id": "x", "k": "k", "w": 1, "a": {}}]}, "type_id"),
        ({"ops": [{}] * 201}, "list_too_long"),
        ({"more": 1}, "field_unknown"),
        ({"app": "a\u0000"}, "text_nul"),
    ]
    for changed, code in cases:
        answer = http.post("/v1/sync", json=good | changed, headers=head)
        assert (answer.status_code, answer.json()["reason_code"]) == (422, code), changed
    newer = http.post("/v1/sync", json=good | {"p": 2}, headers=head)
    assert (newer.status_code, newer.json()["reason_code"]) == (426, "server_too_old")


def test_a_command_no_program_sends_is_parked_and_the_lane_goes_on(server: Server, http: TestClient) -> None:
    """Bad arguments never block a lane (T17): both databases take and answer them alike (D5)."""
    device_id, key, device = a_device(server, http)
    head = {"Authorization": f"Bearer {a_token(http, device_id, key)}"}
    new_id = server.parts.database.new_id
    bad_args: list[dict[str, Any]] = [
        {}, {"ticket_id": 7}, {"ticket_id": "x"}, {"ticket_id": new_id(), "extra": 1}, {"ticket_id": "a\u0007"},
        {"ticket_id": new_id()},
    ]  # fmt: skip
    ops = [
        {"n": n, "id": new_id(), "k": "start_travel", "w": 1_795_000_000_000, "a": args}
        for n, args in enumerate(bad_args, start=1)
    ]
    ops.append({"n": len(ops) + 1, "id": new_id(), "k": "no_such_thing", "w": 1, "a": {}})
    body = {"dev": device_id, "inc": 1, "tok": device["tok"], "clk": {"w": 1, "m": 1, "bt": "b"}, "ops": ops}
    answer = http.post("/v1/sync", json=body, headers=head)
    assert answer.status_code == 200, answer.text
    told = answer.json()["res"]
    assert [one["s"] for one in told] == ["parked"] * len(ops)
    assert all(one["c"] for one in told)


def test_a_crash_inside_tells_nothing_but_a_reference(server: Server, http: TestClient) -> None:
    @server.app.app.get("/crash")  # type: ignore[attr-defined]
    def crash() -> None:
        raise RuntimeError("SELECT secret FROM table")

    answer = http.get("/crash")
    assert answer.status_code == 500
    told = answer.json()
    assert (told["reason_code"], "secret" in answer.text) == ("internal_error", False)
    assert told["reference"] in told["title"]
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.fault("G9")
def test_every_answer_has_its_headers(server: Server, http: TestClient) -> None:
    for route in routes(server):
        method = "GET" if "GET" in (route.methods or set()) else "POST"
        answer = http.request(method, filled(route.path), follow_redirects=False)
        assert "default-src 'none'" in answer.headers["content-security-policy"], route.path
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_event_stream_wants_a_session(server: Server, http: TestClient) -> None:
    http.cookies.clear()
    answer = http.get("/console/events")
    assert (answer.status_code, answer.json()["reason_code"]) == (401, "not_signed_in")


@pytest.mark.fault("G9")
def test_nobody_elses_page_writes_here(server: Server, http: TestClient) -> None:
    """Without the session's token, or from another origin, no form of the console is taken (G9)."""
    csrf = http.headers.pop("X-CSRF-Token")
    for method, path in unsafe(server):
        if not path.startswith("/console"):
            continue
        plain = http.request(method, path, data={"a": "1"}, follow_redirects=False)
        foreign = http.request(
            method, path, data={"a": "1", "csrf_token": csrf}, follow_redirects=False,
            headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        )  # fmt: skip
        assert (plain.status_code, plain.json()["reason_code"]) == (403, "csrf_token"), path
        assert (foreign.status_code, foreign.json()["reason_code"]) == (403, "csrf_origin"), path


def test_pages_want_a_session(server: Server, http: TestClient) -> None:
    http.cookies.clear()
    for route in routes(server):
        if route.path.startswith("/console") and "GET" in (route.methods or set()):
            answer = http.get(filled(route.path), headers={"Accept": "text/html"}, follow_redirects=False)
            open_to_all = route.path in ("/console/sign-in", "/console/start")
            assert answer.status_code in ((200, 303) if open_to_all else (303, 401)), route.path


def test_random_bytes_never_break_a_sync_route(server: Server, http: TestClient) -> None:
    device_id, key, device = a_device(server, http)
    head = {"Authorization": f"Bearer {a_token(http, device_id, key)}", "Content-Type": "application/json"}
    whole = str(encode({"dev": device_id, "inc": 1, "tok": device["tok"]})).encode()
    for length in (1, 7, 63, 512, 4096):
        for body in (os.urandom(length), whole[:length] + os.urandom(3)):
            assert http.post("/v1/sync", content=body, headers=head).status_code in (400, 413, 422)
