"""The walls around every route of the application, found by walking it: headers, policy, cookies, names, redirects.

A new page is inside them the day it appears (ASVS 3.3, 3.4; G9, H11).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.routing import Mount

from common.kernel.command import Role
from sync_server.console.headers import CONTENT_SECURITY_POLICY, HEADERS
from sync_server.routing import all_routes
from tests.support.served import PASSWORD, Server, a_server

HOME = "https://service.example"
HTML = {"Accept": "text/html"}
ENDLESS = "/console/events"
ELSEWHERE = (
    "//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
    "/\t/evil.example", "http:evil.example", " //evil.example",
)  # fmt: skip
EVERY_ROLE = tuple(role for role in Role if role is not Role.SYSTEM)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server behind TLS for all tests: nothing here changes what another test sees."""
    with a_server("", tmp_path_factory.mktemp("walls"), public_url=HOME) as made:
        made.sign_in_as(*EVERY_ROLE, login="everything")
        yield made


@pytest.fixture
def http(server: Server) -> Iterator[TestClient]:
    """Speak as somebody who may everything."""
    with signed_in(server) as speaking:
        yield speaking


@contextmanager
def signed_in(server: Server) -> Iterator[TestClient]:
    """Open a browser without a window."""
    site = server.app.app.state.site  # type: ignore[attr-defined]
    with TestClient(server.app, raise_server_exceptions=False, base_url=HOME) as speaking:
        session = site.sessions.login("everything", PASSWORD, "127.0.0.1")
        speaking.cookies.set(site.cookie, session)
        speaking.headers["X-CSRF-Token"] = site.sessions.find(session).csrf
        speaking.headers["Sec-Fetch-Site"] = "same-origin"
        yield speaking


@pytest.fixture(scope="module")
def asked(server: Server) -> dict[str, Any]:
    """Everything asked once, with its answer."""
    with signed_in(server) as http:
        return dict(answers(server, http))


def answers(server: Server, http: TestClient) -> Iterator[tuple[str, Any]]:
    """Ask every route by every method it knows and by one it does not; yield what was asked and the answer."""
    app = server.app.app
    for route in sorted(all_routes(app.routes), key=lambda route: route.path == "/console/sign-out"):  # type: ignore[attr-defined]
        if route.path == ENDLESS:
            continue
        path = re.sub(r"\{[^}]+\}", "01a200c0-2d5b-752d-ad44-b54d7d5371db", route.path)
        for method in sorted((route.methods or set()) | {"PATCH"}):
            yield f"{method} {path}", http.request(method, path, headers=HTML, follow_redirects=False)
    for mount in [route for route in app.routes if isinstance(route, Mount)]:  # type: ignore[attr-defined]
        for path in ("console.css", "nothing.css", "../keys"):
            yield f"GET {mount.path}/{path}", http.get(f"{mount.path}/{path}")
    for path in ("/no/such/page", "/%00", "/console/tickets?q=%FF"):
        yield f"GET {path}", http.get(path, headers=HTML)


@pytest.mark.fault("G9")
def test_every_answer_of_every_route_has_every_header(asked: dict[str, Any]) -> None:
    assert len(asked) > 150
    assert {one.status_code for one in asked.values()} >= {200, 303, 404, 405, 422}
    wrong = []
    for name, answer in asked.items():
        for header, value in HEADERS.items():
            told = answer.headers.get(header)
            if told != value and not (header == "Referrer-Policy" and told == "no-referrer"):
                wrong.append(f"{name}: {header} {told!r}")
        if not answer.headers.get("strict-transport-security", "").startswith("max-age=31536000"):
            wrong.append(f"{name}: not remembered as TLS only")
        static = name.startswith("GET /console/static/")
        kept = answer.headers.get("cache-control", "")
        if kept != "no-store" and not (static and answer.status_code == 200):
            wrong.append(f"{name}: may be kept, {kept!r}")
        if answer.status_code >= 500:
            wrong.append(f"{name}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.fault("G9")
def test_the_policy_forbids_frames_and_all_that_is_inline() -> None:
    told = dict(part.split(" ", 1) for part in CONTENT_SECURITY_POLICY.split("; "))
    assert told["default-src"] == "'none'"
    assert told["script-src"] == told["style-src"] == told["form-action"] == "'self'"
    assert told["frame-ancestors"] == told["base-uri"] == "'none'"
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY


@pytest.mark.fault("G9")
def test_no_page_carries_script_or_style_of_its_own(asked: dict[str, Any]) -> None:
    """What the policy would stop is not there to be stopped."""
    seen = 0
    for name, answer in asked.items():
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        seen += 1
        bare = re.sub(r'<script[^>]*type="application/json".*?</script>', "", answer.text, flags=re.DOTALL)
        assert not re.search(r"<script(?![^>]*\ssrc=)[^>]*>|<style|\sstyle=|\son[a-z]+=\"", bare), name
    assert seen > 30


@pytest.mark.fault("G9")
def test_every_cookie_is_locked_to_this_host(server: Server, http: TestClient) -> None:
    http.cookies.clear()
    del http.headers["X-CSRF-Token"]
    page = http.get("/console/sign-in", headers=HTML)
    token = re.search(r'name="csrf_token" value="(\w+)"', page.text)
    assert token
    told = {"login": "everything", "password": PASSWORD, "csrf_token": token[1]}
    signed = http.post("/console/sign-in", data=told, headers=HTML, follow_redirects=False)
    assert signed.status_code == 303
    given = [*page.headers.get_list("set-cookie"), *signed.headers.get_list("set-cookie")]
    assert {one.split("=")[0] for one in given} >= {"__Host-visitor", "__Host-session"}
    for cookie in given:
        assert cookie.startswith("__Host-")
        assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(cookie.split("; ")), cookie
        assert "Domain" not in cookie


@pytest.mark.fault("H11")
@pytest.mark.parametrize(
    "host", ["evil.example", "service.example.evil.example", "service.example@evil.example", "", "evil:443"]
)
def test_another_name_than_our_own_is_refused(server: Server, http: TestClient, host: str) -> None:
    for path in ("/console/sign-in", "/v1/auth/nonce", "/console/tablets/enrol"):
        answer = http.get(path, headers={"Host": host} | HTML)
        assert (answer.status_code, answer.json()["reason_code"]) == (421, "host_unknown")
    assert http.get("/health", headers={"Host": host}).json() == {"status": "ok"}


@pytest.mark.fault("H11")
@pytest.mark.parametrize("host", ["service.example", "SERVICE.example:443", "127.0.0.1:8700", "[::1]:8700"])
def test_our_own_names_are_taken_and_never_written_into_a_page(
    server: Server, http: TestClient, host: str
) -> None:
    forwarded = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example", "Host": host}
    page = http.get("/console/tablets/enrol", headers=forwarded | HTML)
    assert page.status_code == 200
    assert "evil.example" not in page.text


@pytest.mark.fault("H11")
def test_no_route_sends_a_browser_elsewhere(asked: dict[str, Any], http: TestClient) -> None:
    """Whatever stands where an address to come back to might stand."""
    leading = [name.split()[1] for name, one in asked.items() if name[:3] == "GET" and one.is_redirect]
    assert "/console" in leading
    http.cookies.clear()
    for path in [*leading, "/console/sign-in", "/console/start"]:
        for where in ELSEWHERE:
            told = {"back": where, "next": where, "url": where}
            answer = http.get(path, params=told, headers=HTML, follow_redirects=False)
            leads = answer.headers.get("location", "/")
            assert re.match(r"/(?![/\\])", leads), (path, where, leads)
            assert f'value="{where}"' not in answer.text, (path, where)


def test_an_own_name_beside_the_public_one_can_be_told(tmp_path: Path) -> None:
    with (
        a_server("", tmp_path, public_url=HOME, hosts="service.lan, 10.0.0.7") as server,
        TestClient(server.app, base_url="https://service.lan") as http,
    ):
        assert http.get("/console/sign-in", follow_redirects=False).status_code == 303
        assert http.get("/", headers={"Host": "10.0.0.8"}).status_code == 421
