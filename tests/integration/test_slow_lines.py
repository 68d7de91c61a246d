"""Callers that only hold a line, send without end or all come at once; who works is served (B11, H5, H6, L1, L3).

A real uvicorn with the protocol of `serve`, real sockets. Figures are small, so that nothing is waited for long.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from common.kernel.codec import encode
from common.kernel.command import Role
from common.protocol.access import EnrolRequest, NonceRequest, TokenRequest, enrol_text, token_text
from common.protocol.messages import BODY_AT_MOST, ClockNow, SyncRequest
from field_app.sync.keys import DeviceKey
from field_app.sync.plan import Line, after_failure
from sync_server.people.enrolment import enrol
from tests.support.served import Server, a_server, listening

FIGURES = """
[line]
header_s = 3
half_open = 40
connections = 60
idle_s = 1
grace_s = 1
slowest_bytes_s = 1000
head_bytes = 20000
[load]
sync_at_once = 6
database_wait_s = 1
"""
HEAD = b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "figures.toml").write_text(FIGURES)
    with a_server("", tmp_path, security=str(tmp_path / "figures.toml")) as made, listening(made):
        yield made


@contextmanager
def dialled(server: Server, said: bytes = b"") -> Iterator[socket.socket]:
    """Open a connection and say the beginning of something."""
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall(said)
        yield line


def heard(line: socket.socket) -> bytes:
    """Read until the other side closes; b'' where it closed without a word."""
    parts = []
    try:
        while part := line.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@pytest.mark.fault("L1")
@pytest.mark.parametrize(
    "said", [b"", b"POST /v1/sync HT", b"\r\n"], ids=["nothing", "half a head", "blank lines"]
)
def test_three_hundred_half_open_connections_leave_others_served(server: Server, said: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(dialled(server, said))
        for _ in range(5):
            assert httpx.get(f"{server.url}/health").json() == {"status": "ok"}


@pytest.mark.fault("L1")
def test_idle_connections_make_room_for_whoever_comes(server: Server) -> None:
    asked = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with ExitStack() as stack:
        lines = [stack.enter_context(dialled(server, asked)) for _ in range(100)]
        assert all(line.recv(12) == b"HTTP/1.1 200" for line in lines)
        assert httpx.get(f"{server.url}/health").status_code == 200


@pytest.mark.fault("L1")
def test_a_head_that_never_ends_is_ended(server: Server) -> None:
    with dialled(server, b"GET / HTTP/1.1\r\nX-A: b\r\n") as slow, dialled(server) as silent:
        assert heard(slow).startswith(b"HTTP/1.1 408")
        assert heard(silent).startswith(b"HTTP/1.1 408")
    with dialled(server, b"GET / HTTP/1.1\r\n" + b"X-A: " + b"b" * 60_000) as long:
        assert heard(long)[:12] in (b"HTTP/1.1 431", b"")


@pytest.mark.fault("H6", "L1")
@pytest.mark.parametrize("path", [b"/v1/auth/nonce", b"/console/sign-in", b"/api/v1/commands"])
def test_a_body_that_stands_still_is_given_up(server: Server, path: bytes) -> None:
    with dialled(server, HEAD % path + b'Content-Length: 100\r\n\r\n{"de') as line:
        told = heard(line)
    assert told.startswith(b"HTTP/1.1 408")
    assert b"request_too_slow" in told
    assert b"connection: close" in told.lower()


@pytest.mark.fault("H6", "L1")
def test_a_body_that_only_drips_is_given_up(server: Server) -> None:
    with dialled(server, HEAD % b"/v1/auth/nonce" + b"Content-Length: 5000\r\n\r\n") as line:
        line.settimeout(0.2)
        told = b""
        for _ in range(100):
            try:
                line.sendall(b" ")
                told = line.recv(4096)
                break
            except TimeoutError:
                continue
            except OSError:
                break
    assert told.startswith(b"HTTP/1.1 408")


@pytest.mark.fault("H5", "H6")
@pytest.mark.parametrize(
    ("path", "kind"),
    [("/v1/sync", "application/json"), ("/v1/auth/nonce", "application/json"), ("/v1/enrol", "application/json"),
     ("/console/sign-in", "application/x-www-form-urlencoded"), ("/console/sign-in", "multipart/form-data; boundary=b"),
     ("/api/v1/commands", "application/json")],
)  # fmt: skip
def test_more_than_is_taken_is_413_declared_or_not(server: Server, path: str, kind: str) -> None:
    headers = {"Content-Type": kind}

    def chunks() -> Iterator[bytes]:
        yield (
            b'--b\r\nContent-Disposition: form-data; name="login"\r\n\r\n'
            if "multipart" in kind
            else b'{"a":"'
        )
        for _ in range(BODY_AT_MOST // 65_536 + 2):
            yield b"x" * 65_536

    if path == "/v1/sync":  # read by nobody before the token is right
        headers["Authorization"] = f"Bearer {_signed_in_device(server)}"
    declared = _posted(server, path, b"x" * (BODY_AT_MOST + 1), headers)
    chunked = _posted(server, path, chunks(), headers)
    assert [declared, chunked] == [413, 413]


def _posted(server: Server, path: str, content: object, headers: dict[str, str]) -> int:
    try:
        return httpx.post(f"{server.url}{path}", content=content, headers=headers).status_code  # type: ignore[arg-type]
    except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):  # closed while we still wrote
        return 413


@pytest.mark.fault("H5")
@pytest.mark.usefixtures("swept_as_in_earnest")
def test_a_bomb_is_stopped_at_the_limit_and_deep_json_at_its_depth(server: Server) -> None:
    """64 MiB in 64 KiB, four times: the memory of this process, the server in it, stays where it was."""
    bomb = gzip.compress(b'{"dev":"' + b" " * (64 * 1024 * 1024))
    before = _resident_kb()
    for _ in range(4):
        status = _posted(
            server,
            "/v1/auth/nonce",
            bomb,
            {"Content-Encoding": "gzip", "Content-Type": "application/json"},
        )
        assert status in (400, 413)
    assert _resident_kb() - before < 32 * 1024
    deep = b"[" * 4000 + b"]" * 4000
    answer = httpx.post(
        f"{server.url}/v1/auth/nonce", content=deep, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422


def _resident_kb() -> int:
    return int(
        next(
            line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line
        )
    )


@pytest.mark.fault("L3")
def test_without_a_free_connection_the_answer_is_503_at_once_and_it_recovers(server: Server) -> None:
    """`database_wait_s` later, not half a minute; also for a page, which needs the database for its frame."""
    engine = server.parts.database.engine
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(engine.connect())
        answers = [  # within the patience of each request, which a pool's own half minute would outlast
            httpx.get(f"{server.url}/health", timeout=20),
            httpx.get(f"{server.url}/console/sign-in", headers={"Accept": "text/html"}, timeout=20),
            httpx.get(
                f"{server.url}/console",
                headers={"Accept": "text/html"},
                cookies={"session": "f" * 64},
                timeout=20,
            ),
        ]
        assert [answer.status_code for answer in answers] == [503] * 3
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
        assert "database" in answers[1].text
    assert httpx.get(f"{server.url}/health").json() == {"status": "ok"}


def _enrolled(server: Server, person_id: str) -> tuple[str, DeviceKey, str]:
    """Enrol a device without HTTP; returns its id, key and the lane's token."""
    key, code = DeviceKey(os.urandom(32)), server.code(person_id)
    told = EnrolRequest(code, key.public, key.sign(enrol_text(code, key.public)), "Tablet")
    made = enrol(server.parts.database, server.parts.keys, told, "10.0.0.1")
    return made.dev, key, made.tok


def _signed_in_device(server: Server) -> str:
    device_id, key, _ = _enrolled(server, server.person(Role.ENGINEER))
    nonce = httpx.post(f"{server.url}/v1/auth/nonce", json=encode(NonceRequest(device_id))).json()["nonce"]
    told = TokenRequest(device_id, nonce, key.sign(token_text(device_id, nonce, "sync")))
    return str(
        httpx.post(f"{server.url}/v1/auth/token", json={**encode(told), "aud": "sync"}).json()["token"]
    )


TABLETS = 300
HURRY = 40  # one second of the app's pauses takes a fortieth here


@pytest.mark.fault("B11")
def test_three_hundred_tablets_at_eight_in_the_morning_all_come_through(tmp_path: Path) -> None:
    """Some are sent away with 503 and a Retry-After; they keep to it as the app does, and everybody gets his answer."""
    (tmp_path / "figures.toml").write_text(
        "[load]\nsync_at_once = 6\n[line]\nconnections = 1000\nhalf_open = 1000\n"
    )
    with a_server("", tmp_path, security=str(tmp_path / "figures.toml")) as server, listening(server):
        people = [server.person(Role.ENGINEER, name=f"工程师{i}") for i in range(10)]
        tablets = [_enrolled(server, people[i % 10]) for i in range(TABLETS)]
        sent_away, waits = asyncio.run(_morning(server, tablets))
        synced = server.rows("SELECT count(*) FROM device WHERE last_contact_at IS NOT NULL")
    assert synced[0][0] == TABLETS
    assert sent_away
    assert set(sent_away) <= {429, 503}
    assert len(set(waits)) > 3


async def _morning(server: Server, tablets: list[tuple[str, DeviceKey, str]]) -> tuple[list[int], list[int]]:
    """Have all come at the same moment; returns with which statuses and waits some were sent away."""
    sent_away: list[int] = []
    waits: list[int] = []
    limits = httpx.Limits(max_connections=TABLETS, max_keepalive_connections=TABLETS)

    async def ask(http: httpx.AsyncClient, path: str, body: object, token: str = "") -> dict[str, str]:
        line = Line()
        for _ in range(60):
            answer = await http.post(
                path, json=body, headers={"Authorization": f"Bearer {token}"} if token else {}
            )
            if answer.status_code == 200:
                told: dict[str, str] = answer.json()
                return told
            wait_s = int(answer.headers["retry-after"])
            sent_away.append(answer.status_code)
            waits.append(wait_s)
            line = after_failure(line, 0, os.urandom(1)[0] / 255, wait_s)
            await asyncio.sleep(line.next_try_ms / 1000 / HURRY)
        raise AssertionError(f"{path} never came through")

    async def come_in(http: httpx.AsyncClient, device_id: str, key: DeviceKey, lane: str) -> None:
        nonce = (await ask(http, "/v1/auth/nonce", encode(NonceRequest(device_id))))["nonce"]
        told = TokenRequest(device_id, nonce, key.sign(token_text(device_id, nonce, "sync")))
        token = (await ask(http, "/v1/auth/token", {**encode(told), "aud": "sync"}))["token"]
        reading = server.clock.read()
        now = ClockNow(reading.wall_ms, reading.mono_ms, "b")
        answer = await ask(http, "/v1/sync", encode(SyncRequest(device_id, 1, lane, now)), token)
        assert answer["tok"] != lane
        assert answer["cur"]

    async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=120) as http:
        await asyncio.gather(*(come_in(http, *tablet) for tablet in tablets))
    return sent_away, waits
