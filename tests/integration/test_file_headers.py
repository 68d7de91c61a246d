"""What strangers may write into tus requests: never more than a refusal with a reason (H8, L4; ASVS 2.2, 5.2)."""

from __future__ import annotations

import base64
import os
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from common.kernel.command import Role
from sync_server.db.office import SYSTEM
from sync_server.people.enrolment import revoke_device
from tests.integration.test_auth import a_device, a_token
from tests.support.served import Server, a_server, client
from tests.support.uploading import PIECE, TUS, packed, picture, sha

FIGURES = "[upload]\nkeep_free_mb = 1\npiece_mb = 2\nunrecorded_files = 1000000\n"
MB = 1024 * 1024
VALUES = st.one_of(
    st.text(string.printable.replace("\n", "").replace("\r", ""), max_size=60),
    st.integers(-(10**20), 10**20).map(str),
    st.binary(max_size=60).map(lambda raw: base64.b64encode(raw).decode()),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("headers")
    (folder / "figures.toml").write_text(FIGURES)
    with a_server("", folder, security=str(folder / "figures.toml")) as made:
        yield made


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[TestClient]:
    with client(server) as speaking:
        device, key, _ = a_device(server, speaking)
        speaking.headers["Authorization"] = f"Bearer {a_token(speaking, device, key)}"
        yield speaking


def created(http: TestClient, data: bytes) -> int:
    told = {"Upload-Length": str(len(data)), "Upload-Metadata": f"sha256 {packed(sha(data))}"}
    return http.post("/v1/files", headers=TUS | told).status_code


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["POST", "PATCH", "HEAD", "GET"]), VALUES, VALUES, VALUES, VALUES, st.binary(max_size=50)
)
@example("POST", "9" * 15, "sha256 " + packed("0" * 64), "", "", b"")
@example("PATCH", "-1", "sha1 AAAA", "bytes=5-2", "..", b"x")
def test_any_header_is_answered_with_a_reason(
    http: TestClient, method: str, number: str, metadata: str, span: str, name: str, body: bytes
) -> None:
    told = {
        "Upload-Length": number, "Upload-Offset": number, "Upload-Metadata": metadata, "Upload-Checksum": metadata,
        "Range": span,
    } | TUS | PIECE  # fmt: skip
    quoted = "".join(f"%{byte:02x}" for byte in name.encode())
    paths = ("/v1/files",) if method == "POST" else (f"/v1/files/{quoted or 'x'}", f"/v1/files/{'0' * 63}a")
    for path in paths:
        answer = http.request(
            method, path, headers={k: v.strip().encode() for k, v in told.items()}, content=body
        )
        assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
        if method != "HEAD":
            assert answer.json()["reason_code"]


def test_a_large_piece_passes_and_a_larger_one_does_not(http: TestClient) -> None:
    data = b"\xff\xd8\xff" + os.urandom(4 * MB)
    assert created(http, data) == 201
    path = f"/v1/files/{sha(data)}"
    first = http.patch(path, content=data[: 2 * MB], headers=TUS | PIECE | {"Upload-Offset": "0"})
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, str(2 * MB))
    larger = http.patch(path, content=data[2 * MB :], headers=TUS | PIECE | {"Upload-Offset": str(2 * MB)})
    assert (larger.status_code, larger.json()["reason_code"]) == (413, "body_too_large")

    def endless() -> Iterator[bytes]:
        yield from (bytes(MB),) * 4

    streamed = http.patch(path, content=endless(), headers=TUS | PIECE | {"Upload-Offset": str(2 * MB)})
    assert streamed.status_code == 413
    assert int(http.head(path, headers=TUS).headers["Upload-Offset"]) <= 4 * MB


def test_more_bytes_than_announced_are_not_taken(http: TestClient) -> None:
    data = picture(50)
    assert created(http, data) == 201
    path = f"/v1/files/{sha(data)}"
    answer = http.patch(path, content=data + b"more", headers=TUS | PIECE | {"Upload-Offset": "0"})
    assert (answer.status_code, answer.json()["reason_code"]) == (413, "upload_too_long")
    assert http.patch(path, content=data, headers=TUS | PIECE | {"Upload-Offset": "0"}).status_code == 204


@pytest.mark.parametrize("length", ["0", str(10**12)])
def test_sizes_outside_the_policy_are_refused_before_a_byte_comes(http: TestClient, length: str) -> None:
    told = {"Upload-Length": length, "Upload-Metadata": f"sha256 {packed('ab' * 32)}"}
    answer = http.post("/v1/files", headers=TUS | told)
    assert (answer.status_code, answer.json()["reason_code"]) == (413, "file_over_limit")


def test_what_of_tus_is_spoken_is_said(http: TestClient) -> None:
    told = http.options("/v1/files").headers
    assert (told["Tus-Version"], told["Tus-Extension"]) == ("1.0.0", "creation,checksum")
    assert (told["Tus-Checksum-Algorithm"], told["Tus-Max-Size"]) == ("sha1,sha256", str(25 * MB))
    answer = http.head(f"/v1/files/{'a' * 64}", headers={"Tus-Resumable": "0.2.2"})
    assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")
    assert http.head(f"/v1/files/{'a' * 64}", headers=TUS).status_code == 404


@pytest.mark.fault("G5")
def test_a_stopped_device_hands_over_and_fetches_nothing(server: Server, http: TestClient) -> None:
    """What it has may still hold an engineer's work, so its bytes are taken; nothing is shown to it."""
    device, key, _ = a_device(server, http, server.person(Role.ENGINEER))
    door = {"Authorization": f"Bearer {a_token(http, device, key)}"}
    told = {"Upload-Length": "10", "Upload-Metadata": f"sha256 {packed('ab' * 32)}"}
    assert http.post("/v1/files", headers=TUS | told | door).status_code == 201
    revoke_device(server.parts.database, SYSTEM, device)
    path = f"/v1/files/{'ab' * 32}"
    assert http.post("/v1/files", headers=TUS | told | door).status_code == 201
    assert http.head(path, headers=TUS | door).status_code == 200
    assert http.get(path, headers=TUS | door).status_code == 410
    assert http.get(f"{path}?preview=true", headers=TUS | door).status_code == 410
    assert http.post("/v1/files", headers=TUS | told | {"Authorization": "Bearer x"}).status_code == 401
