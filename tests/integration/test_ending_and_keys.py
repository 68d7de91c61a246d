"""A server told to end finishes what it has begun (C6); one that lost its secret loses no device, no seal (M5)."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from common.kernel.command import Role
from field_app.sync.plan import Line
from sync_server.app import create_app
from tests.integration.test_serve import free_port, run, serving
from tests.support.browser import ROOT
from tests.support.served import Server, a_server, a_tablet, client, listening

ENDS_WITHIN_S = 10


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | {
        "PYTHONPATH": str(ROOT), "FIELDWRIGHT_DATA": str(tmp_path), "FIELDWRIGHT_SERVER_PORT": free_port(),
    }  # fmt: skip


@pytest.mark.fault("C6")
def test_a_request_under_way_is_answered_after_sigterm_and_the_server_ends(env: dict[str, str]) -> None:
    run(env, "init")
    body = b'{"dev":"01a200c0-2d5b-752d-ad44-b54d7d5371db"}'
    with serving(env) as (address, process):
        port = httpx.URL(address).port
        assert port is not None
        with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
            line.sendall(
                b"POST /v1/auth/nonce HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body[:10]
            )
            assert httpx.get(f"{address}/health").status_code == 200, "what was begun has been read"
            process.send_signal(signal.SIGTERM)
            line.sendall(body[10:])
            answer = b""
            while b"\r\n\r\n" not in answer and (got := line.recv(4096)):
                answer += got
        assert answer.startswith(b"HTTP/1.1 200")
        assert process.wait(timeout=ENDS_WITHIN_S) in (0, -signal.SIGTERM)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with a_server("", tmp_path) as made:
        yield made


@pytest.mark.fault("M5", "P5")
def test_without_its_old_secret_devices_and_seals_live_and_codes_are_void(
    server: Server, tmp_path: Path
) -> None:
    engineer = server.person(Role.ENGINEER)
    code = server.code(server.person(Role.ENGINEER))
    keys = server.parts.settings.keys_dir
    with listening(server) as url:
        tablet = a_tablet(server, url, tmp_path / "tablet", engineer)
        tablet.engine.turn(asked=True)
        assert tablet.engine.last_error == ""
    public = server.parts.keys.sign_public
    (keys / "secret.key").unlink()
    again = Server(create_app(server.parts.settings, clock=server.clock), server.clock)
    assert again.parts.keys.sign_public == public, "seals and pins stay what they were"
    with client(again) as http:
        body = {"code": code, "key": tablet.key.public, "sig": "x", "name": "t"}
        assert http.post("/v1/enrol", json=body).status_code == 422, (
            "codes made under the old secret are void"
        )
    with listening(again) as fresh:
        tablet.exchange._line._client.base_url = httpx.URL(fresh)
        for _ in range(2):
            tablet.engine.line = Line()
            tablet.engine.turn(asked=True)
            assert tablet.engine.last_error == "", "a device proves itself by its own key"
    tablet.exchange.close()
    tablet.store.engine.dispose()
