"""Machines that try what nobody thought of: every operation of the API document, and the parsers of what comes in.

schemathesis reads the document FastAPI writes of the routes; hypothesis does the rest. Bounded, and the same every time
it runs (H1, H10, H12). `HYPOTHESIS_PROFILE=long` tries more.
"""

from __future__ import annotations

import ast
import contextlib
import json
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import httpx
import openpyxl
import pytest
import schemathesis
from fastapi.openapi.utils import get_openapi
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from common.kernel.codec import decode, encode
from common.kernel.command import REGISTRY, Role
from common.kernel.outcome import BadPayload
from common.protocol.access import EnrolRequest, NonceRequest, TokenRequest
from common.protocol.dictionary import BombError, deflate, gunzip, inflate
from common.protocol.messages import Put, SyncAnswer
from field_app.sync.enrol import INVITATION, read_invitation
from sync_server.imports.importer import preview
from sync_server.routing import all_routes
from sync_server.sync.cursor import read_cursor
from tests.support.examples import EXAMPLES, Around
from tests.support.fake_clock import START_AT
from tests.support.served import PASSWORD, Server, a_server, listening
from tests.support.source import PRODUCT, python_files, tree
from tests.support.world import World

LONG = settings().max_examples > 100
SAME = {"derandomize": True, "database": None, "deadline": None, "suppress_health_check": list(HealthCheck)}
HOSTILE = st.one_of(
    st.text(max_size=40), st.integers(), st.booleans(), st.none(), st.floats(), st.lists(st.integers(), max_size=3),
    st.sampled_from(["' OR 1=1 --", "\x00", "%s%n", "${7*7}", "{{7*7}}", "<script>", "../../x", "9" * 40, "\ud800"]),
    st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
)  # fmt: skip
NOT_ASKED = ("/console/events", "/console/sign-out", "/console/password")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with a_server("", tmp_path_factory.mktemp("fuzz")) as made, listening(made):
        made.sign_in_as(*(role for role in Role if role is not Role.SYSTEM), login="everything")
        yield made


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    """Speak as somebody who may everything, so that nothing stops before the routes themselves."""
    site = server.app.app.state.site  # type: ignore[attr-defined]
    session = site.sessions.login("everything", PASSWORD, "127.0.0.1")
    headers = {"X-CSRF-Token": site.sessions.find(session).csrf}
    with httpx.Client(
        base_url=server.url, cookies={site.cookie: session}, headers=headers, timeout=60
    ) as speaking:
        yield speaking


def judged(answer: httpx.Response, asked: object) -> None:
    """A page, or a refusal that says why; never a 500."""
    assert answer.status_code < 500, (answer.status_code, asked, answer.text[:400])
    if answer.request.method == "HEAD":  # has no body, whatever it says
        return
    if answer.status_code >= 400 and not answer.headers["content-type"].startswith("text/html"):
        assert answer.json()["reason_code"], asked


@pytest.mark.fault("H1", "H5")
def test_every_operation_of_the_document_takes_whatever_comes(server: Server, http: httpx.Client) -> None:
    routes = list(all_routes(server.app.app.routes))  # type: ignore[attr-defined]
    document = get_openapi(title="Fieldwright", version="1", routes=routes)
    schema = schemathesis.openapi.from_dict(document)
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.startswith(NOT_ASKED):
            continue

        @settings(max_examples=20 if LONG else 3, phases=[Phase.generate], **SAME)  # type: ignore[arg-type]
        @given(case=operation.as_strategy())
        def one(case: Any) -> None:
            nonlocal tried
            told = case.as_transport_kwargs(base_url=server.url)
            asked = {
                key: told[key]
                for key in ("method", "url", "params", "data", "json", "files")
                if told.get(key)
            }
            try:
                request = http.build_request(**asked)
            except (httpx.InvalidURL, UnicodeError, TypeError, ValueError):
                return  # what no client can even write
            tried += 1
            judged(http.send(request), asked)

        one()
    assert tried > 200


def twisted(value: Any, draw: Any) -> Any:
    """Change one place of a good message, wherever it lies, or leave it out."""
    if isinstance(value, dict) and value:
        key = draw(st.sampled_from(sorted(value)))
        if draw(st.integers(0, 3)) == 0:
            return {name: item for name, item in value.items() if name != key}
        return {**value, key: twisted(value[key], draw)}
    if isinstance(value, list) and value:
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], twisted(value[at], draw), *value[at + 1 :]]
    return draw(HOSTILE)


def sent(http: httpx.Client, path: str, body: Any) -> bool:
    """Send and judge; say whether it could be written at all."""
    try:
        raw = json.dumps(body).encode()
    except (ValueError, UnicodeError):
        return False
    judged(http.post(path, content=raw, headers={"Content-Type": "application/json"}), body)
    return True


AROUND = Around.of(World(name="fuzz").id, START_AT)
COMMANDS = [
    {"id": AROUND.new(), "kind": spec.kind, "args": encode(EXAMPLES[spec.payload](AROUND))}
    for spec in sorted(REGISTRY.values(), key=lambda spec: spec.kind)
]


@pytest.mark.fault("H1", "H5")
def test_commands_with_one_place_twisted_are_refused_with_a_reason(
    server: Server, http: httpx.Client
) -> None:
    @settings(max_examples=2_000 if LONG else 150, phases=[Phase.generate], **SAME)  # type: ignore[arg-type]
    @given(st.data())
    def one(data: st.DataObject) -> None:
        body = data.draw(st.sampled_from(COMMANDS))
        assert sent(http, "/api/v1/commands", {**body, "args": twisted(body["args"], data.draw)})

    one()


@pytest.mark.fault("H5")
def test_the_doors_of_tablets_take_whatever_comes(server: Server, http: httpx.Client) -> None:
    door = {
        "/v1/enrol": encode(EnrolRequest("AAAAAAAAAA", "k" * 43, "s" * 86, "Tablet")),
        "/v1/auth/nonce": encode(NonceRequest(AROUND.part)),
        "/v1/auth/token": encode(TokenRequest(AROUND.part, "1.2.3", "s" * 86)),
    }

    @settings(max_examples=1_000 if LONG else 100, phases=[Phase.generate], **SAME)  # type: ignore[arg-type]
    @given(st.data())
    def one(data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(door)))
        assert sent(http, path, twisted(door[path], data.draw))

    one()


@pytest.mark.fault("H12")
@settings(max_examples=400, **SAME)  # type: ignore[arg-type]
@given(
    st.one_of(
        st.text(max_size=3_000),
        st.builds(lambda url, code: f"{INVITATION}?u={url}&c={code}", st.text(max_size=60), st.text(max_size=20)),
        st.builds(
            lambda scheme, rest: f"{INVITATION}?u={scheme}{rest}&c=ABCDE-FGHJK",
            st.sampled_from(["http://", "https://", "javascript:", "file:///", "http://[", "http://a@", "//"]),
            st.text(max_size=40),
        ),
    )
)  # fmt: skip
def test_a_scanned_text_is_an_invitation_or_nothing(text: str) -> None:
    found = read_invitation(text)
    if found is not None and found.url:
        assert urlsplit(found.url).scheme in ("http", "https")
        assert urlsplit(found.url).hostname
        assert found.url.isprintable()
    if found is not None:
        assert re.fullmatch(r"[0-9A-Z]{10}", found.code)


PUT = Put("ticket:1", 3, {"ticket": [["a", 1]]})
ANSWER = encode(SyncAnswer(tok="t", put=(PUT,), cols={"ticket": ("id", "agg")}, cur="[1]", head=4))


@pytest.mark.fault("B3", "H5")
@settings(max_examples=300, **SAME)  # type: ignore[arg-type]
@given(st.data())
def test_a_damaged_answer_is_read_or_refused(data: st.DataObject) -> None:
    body = twisted(ANSWER, data.draw)
    try:
        read = decode(SyncAnswer, body, strict=False)
    except BadPayload:
        return
    assert isinstance(read, SyncAnswer)


@pytest.mark.fault("H5")
@settings(max_examples=300, **SAME)  # type: ignore[arg-type]
@given(st.binary(max_size=300), st.integers(0, 300), st.text(max_size=200))
def test_broken_compression_and_cursors_are_refused(junk: bytes, at: int, cursor: str) -> None:
    whole = deflate(b'{"dev":"' + junk.hex().encode() + b'"}')
    for read in (inflate, gunzip):
        for data in (junk, whole[:at] + junk, whole[: max(at - 1, 0)]):
            with contextlib.suppress(BombError, ValueError):
                assert len(read(data, 400)) <= 400
    found = read_cursor(cursor)
    assert found is None or cursor == "" or found.write()


CSV = [
    "number,name,phone\n", "K1,Hospital,010\n",
    '"', ";", "\t", "\r", "\x00", "=1+1", "\ufeff", "编号,名称\n", "9" * 30, "\n",
]  # fmt: skip
TABLES = st.lists(st.sampled_from(CSV), max_size=12).map(lambda parts: "".join(parts).encode())
ZIP = b"PK\x03\x04"
KINDS = st.sampled_from(["customers", "people", "parts", "stock", "prices", "equipment", "models"])


@settings(max_examples=80, phases=[Phase.generate], **SAME)  # type: ignore[arg-type]
@given(
    kind=KINDS,
    raw=st.one_of(st.binary(max_size=400), TABLES, st.binary(max_size=90).map(lambda b: b"PK\x03\x04" + b)),
)
def test_a_preview_of_anything_never_fails(server: Server, kind: str, raw: bytes) -> None:
    seen = preview(server.parts.database, raw, kind)  # type: ignore[arg-type]
    assert seen.can_apply == (not seen.faults)


@settings(max_examples=40, phases=[Phase.generate], **SAME)  # type: ignore[arg-type]
@given(data=st.data())
def test_a_damaged_workbook_is_read_or_a_fault(server: Server, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(BOOK) - 1))
    junk = data.draw(st.binary(min_size=1, max_size=20))
    seen = preview(server.parts.database, BOOK[:at] + junk + BOOK[at + len(junk) :], "customers")
    assert seen.can_apply == (not seen.faults)


def _book() -> bytes:
    book, out = openpyxl.Workbook(), BytesIO()
    for row in (("number", "name"), ("K1", "Hospital"), ("K2", "=1+1")):
        book.active.append(row)
    book.save(out)
    return out.getvalue()


BOOK = _book()


def patterns() -> Iterator[tuple[str, str]]:
    """Yield (place, pattern) of every regular expression written out in the product."""
    for path in python_files(*PRODUCT):
        for node in ast.walk(tree(path)):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re.") and node.args):
                continue
            raw = getattr(node.args[0], "value", None)
            if isinstance(raw, str | bytes):
                yield f"{path.name}:{node.lineno}", raw.decode() if isinstance(raw, bytes) else raw


@pytest.mark.fault("H10")
@pytest.mark.timeout(120)
def test_no_pattern_runs_away() -> None:
    """Texts that make bad patterns take for ever; a pattern that did would meet the time-out, not a stop-watch."""
    found = list(patterns())
    assert len(found) > 8
    hostile = [
        "a" * 20_000, "0" * 20_000, "1," * 10_000, "-" * 20_000 + "!", " " * 20_000 + "x", "1" + ",111" * 5_000 + "x",
        "[" * 20_000, ".a" * 10_000, "年" * 20_000, '<mergeCell ref="' + "A" * 20_000,
    ]  # fmt: skip
    for _, pattern in found:
        compiled = re.compile(pattern)
        for text in hostile:
            compiled.search(text)
            assert compiled.fullmatch(text) is None or compiled.match(text)
