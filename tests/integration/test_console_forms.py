"""Every form of the console takes what no browser sends: odd words, encodings and parts never end in a 5xx (H1, H10)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import sync_server.console
from common.kernel.command import Role
from sync_server.routing import all_routes
from tests.support.console_world import Client, ConsoleWorld, an_id, make_world
from tests.support.served import PASSWORD, Server, a_server, client

LONG = settings().max_examples > 100
SAME = {"derandomize": True, "database": None, "deadline": None, "suppress_health_check": list(HealthCheck)}
ENDS_THE_SESSION = ("/console/sign-out", "/console/password", "/console/sessions", "/console/factor")
ODD = ("", "+2AA-", "\x00", "\ud800", "日本 %s%n", "${7*7}", "9" * 40, "-1", "1e999", "NaN", "2026-02-30", "25:61",
       "../../x", "true", "{}", "[]", "\u202eabc", "a" * 5000)  # fmt: skip
KNOWN = tuple(
    an_id(name) for name in ("pump", "m-pump", "xiehe", "li", "seal", "van-li", "contract", "nobody")
)
CHARSETS = ("", "; charset=utf-8", "; charset=utf-7", "; charset=latin-1", "; charset=idna", "; charset=none")
CONSOLE = Path(sync_server.console.__file__).parent
Fields = list[tuple[str, str]]


def field_names() -> tuple[str, ...]:
    """List the names that the console's code reads from forms."""
    source = "\n".join(path.read_text("utf-8") for path in CONSOLE.rglob("*.py"))
    read = r"(?:entry|sent|ask)\.(?:text|identifier|choice|flag|day|whole|qty|minor|file|opened)\(\"(\w+)\""
    return tuple(sorted({*re.findall(read, source), "command_id", "version", "back", "csrf_token"}))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> ConsoleWorld:
    return make_world(tmp_path_factory.mktemp("forms"))


@pytest.fixture(scope="module")
def desk(company: ConsoleWorld) -> Client:
    company.ticket()
    return company.client("admin")


def multipart(fields: Fields, charset: str) -> tuple[bytes, str]:
    parts = [
        b'--X\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + raw(value) + b"\r\n"
        for name, value in fields
    ]
    return b"".join(parts) + b"--X--\r\n", f"multipart/form-data; boundary=X{charset}"


def plain(fields: Fields) -> tuple[bytes, str]:
    return urlencode(
        [(name, raw(value)) for name, value in fields]
    ).encode(), "application/x-www-form-urlencoded"


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def posts(app: Any) -> list[str]:
    found = {route.path for route in all_routes(app.app.routes) if "POST" in (route.methods or ())}
    return sorted(path for path in found if path.startswith("/console") and path not in ENDS_THE_SESSION)


@pytest.mark.fault("H1")
def test_no_form_of_the_console_breaks_the_server(desk: Client) -> None:
    paths, names, token = posts(desk.app), field_names(), desk.token("/console/password")
    assert len(paths) > 60
    assert len(names) > 60
    values = st.sampled_from((*ODD, *KNOWN))

    @settings(max_examples=20 if LONG else 5, **SAME)
    @example(
        fields=[("csrf_token", "+2AA-")], charset="; charset=utf-7", is_multipart=True, known=KNOWN[0],
        has_header=False,
    )  # fmt: skip
    @given(
        fields=st.lists(st.tuples(st.sampled_from(names), values), max_size=12),
        charset=st.sampled_from(CHARSETS), is_multipart=st.booleans(), known=st.sampled_from(KNOWN),
        has_header=st.booleans(),
    )  # fmt: skip
    def attempt(*, fields: Fields, charset: str, is_multipart: bool, known: str, has_header: bool) -> None:
        own = [] if has_header else [("csrf_token", token)]
        fields = [*own, *fields, ("command_id", an_id("a command"))]
        body, kind = multipart(fields, charset) if is_multipart else plain(fields)
        headers = {"content-type": kind, "sec-fetch-site": "same-origin"}
        headers |= {"X-CSRF-Token": token} if has_header else {}
        for path in paths:
            address = re.sub(r"\{\w+(:\w+)?\}", known, path)
            answer = desk.post(address, content=body, headers=headers, follow_redirects=False)
            assert answer.status_code < 500, (address, body, kind)

    attempt()
    assert desk.token("/console/password") == token  # signed in to the end


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with a_server("", tmp_path) as made:
        made.sign_in_as(Role.ADMINISTRATOR, login="adm")
        yield made


@pytest.mark.fault("H1")
@pytest.mark.parametrize(
    "path", ["/console/sign-in", "/console/start", "/console/language", "/console/sign-in/code"]
)
def test_a_token_in_another_encoding_is_refused(server: Server, path: str) -> None:
    for name, value, code in (("csrf_token", "+2AA-", "text_surrogate"), ("login", "a\x00", "text_nul")):
        body, kind = multipart([(name, value), ("language", "en")], "; charset=utf-7")
        with client(server) as http:
            answer = http.post(
                path, content=body, headers={"content-type": kind, "sec-fetch-site": "same-origin"}
            )
        assert (answer.status_code, code in answer.text) == (422, True), answer.text


@pytest.mark.fault("H1")
@pytest.mark.parametrize("path", ["/console/tickets/日", "/console/people/a?b", "/console/papers/x/50%"])
def test_a_stranger_is_led_to_the_sign_in_and_back(server: Server, path: str) -> None:
    quoted = path.replace("%", "%25").replace("?", "%3F").replace("日", "%E6%97%A5")
    with client(server) as http:
        answer = http.get(quoted, headers={"accept": "text/html"}, follow_redirects=False)
        assert answer.status_code == 303
        part = http.get(quoted, headers={"accept": "text/html", "HX-Request": "true"}, follow_redirects=False)
        assert part.headers["HX-Redirect"] == answer.headers["location"]
        shown = http.get(answer.headers["location"], headers={"accept": "text/html"})
        *_, back = re.findall(r'name="back" value="([^"]+)"', shown.text)  # the first is the language's
        token = re.search(r'name="csrf_token" value="([^"]+)"', shown.text)
        assert token
        form = {"login": "adm", "password": PASSWORD, "back": back, "csrf_token": token[1]}
        for more in ({}, {"HX-Request": "true"}):
            done = http.post("/console/sign-in", data=form, headers=more, follow_redirects=False)
            assert done.headers.get("HX-Redirect", done.headers["location"]) == quoted
            http.cookies.delete("session")


def test_an_address_outside_ascii_never_breaks_a_header(server: Server) -> None:
    with client(server) as http:
        shown = http.get("/console/sign-in", headers={"accept": "text/html"})
        token = re.search(r'name="csrf_token" value="([^"]+)"', shown.text)
        assert token
        form = {"login": "adm", "password": PASSWORD, "back": "/console/日本", "csrf_token": token[1]}
        done = http.post(
            "/console/sign-in", data=form, headers={"HX-Request": "true"}, follow_redirects=False
        )
        assert done.headers["HX-Redirect"] == "/console/%E6%97%A5%E6%9C%AC"
