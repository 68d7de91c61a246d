"""Devices: enrolment codes, nonces, tokens, revocation. What was stolen, forged or repeated opens nothing (G5–G8, K3)."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from fastapi.testclient import TestClient

from common.kernel.codec import encode
from common.kernel.command import Role
from common.people.person_commands import DeactivatePerson
from common.protocol.access import (
    EnrolRequest,
    NonceRequest,
    enrol_text,
    token_text,
)
from common.protocol.messages import ClockNow, SyncRequest
from field_app.sync.keys import DeviceKey, from_text, to_text
from sync_server.db.office import SYSTEM, perform
from sync_server.people.enrolment import revoke_device
from tests.support.served import Server, a_server, client


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    with a_server(database_url, tmp_path) as made:
        yield made


@pytest.fixture
def http(server: Server) -> Iterator[TestClient]:
    with client(server) as speaking:
        yield speaking


def enrol_body(code: str, key: DeviceKey) -> dict[str, Any]:
    code = code.replace("-", "")
    return encode(EnrolRequest(code, key.public, key.sign(enrol_text(code, key.public)), "Tablet 7"))


def a_device(server: Server, http: TestClient, person_id: str = "") -> tuple[str, DeviceKey, dict[str, Any]]:
    """Enrol a device by hand; returns its id, key and the answer."""
    key = DeviceKey(os.urandom(32))
    answer = http.post(
        "/v1/enrol", json=enrol_body(server.code(person_id or server.person(Role.ENGINEER)), key)
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["dev"], key, answer.json()


def token_body(http: TestClient, device_id: str, key: DeviceKey, **changed: Any) -> dict[str, Any]:
    nonce = (
        changed.pop("nonce", None)
        or http.post("/v1/auth/nonce", json=encode(NonceRequest(device_id))).json()["nonce"]
    )
    audience = changed.pop("aud", "sync")
    signed = key.sign(token_text(device_id, nonce, audience))
    return {"dev": device_id, "nonce": nonce, "sig": signed, "aud": audience} | changed


def a_token(http: TestClient, device_id: str, key: DeviceKey) -> str:
    answer = http.post("/v1/auth/token", json=token_body(http, device_id, key))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


def sync(http: TestClient, server: Server, device: dict[str, Any], token: str, **changed: Any) -> Any:
    reading = server.clock.read()
    request = SyncRequest(device["dev"], 1, device["tok"], ClockNow(reading.wall_ms, reading.mono_ms, "b"))
    body = encode(request) | changed
    return http.post("/v1/sync", json=body, headers={"Authorization": f"Bearer {token}"})


def assert_refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json().get("reason_code")) == (status, code), answer.text


def test_an_enrolled_device_syncs(server: Server, http: TestClient) -> None:
    device_id, key, device = a_device(server, http)
    answer = sync(http, server, device, a_token(http, device_id, key))
    assert answer.status_code == 200
    assert answer.json()["epoch"] == device["epoch"]
    assert [
        kind for (kind,) in server.rows("SELECT kind FROM audit WHERE kind LIKE '%enrol%' ORDER BY seq")
    ] == [
        "issue_enrolment_code",
        "enrol_device",
    ]


def test_a_code_makes_one_device_and_its_answer_can_be_asked_again(server: Server, http: TestClient) -> None:
    code = server.code(server.person(Role.ENGINEER))
    key = DeviceKey(os.urandom(32))
    first = http.post("/v1/enrol", json=enrol_body(code, key))
    again = http.post("/v1/enrol", json=enrol_body(code.lower(), key))
    other = http.post("/v1/enrol", json=enrol_body(code, DeviceKey(os.urandom(32))))
    assert first.json() == again.json()
    assert_refused(other, 422, "enrol_code_wrong")
    assert len(server.rows("SELECT id FROM device")) == 1


def test_a_code_lives_fifteen_minutes(server: Server, http: TestClient) -> None:
    code = server.code(server.person(Role.ENGINEER))
    server.clock.advance(timedelta(minutes=15, seconds=1))
    assert_refused(
        http.post("/v1/enrol", json=enrol_body(code, DeviceKey(os.urandom(32)))), 422, "enrol_code_wrong"
    )


@pytest.mark.fault("G6")
def test_guessing_a_code_burns_it_and_then_the_address_waits(server: Server, http: TestClient) -> None:
    code = server.code(server.person(Role.ENGINEER)).replace("-", "")
    key = DeviceKey(os.urandom(32))
    wrong = code[:3] + ("0000000" if code[3:] != "0000000" else "1111111")
    for _ in range(5):
        assert_refused(http.post("/v1/enrol", json=enrol_body(wrong, key)), 422, "enrol_code_wrong")
    waiting = http.post("/v1/enrol", json=enrol_body(code, key))
    assert_refused(waiting, 429, "try_later")
    assert int(waiting.headers["retry-after"]) >= 60
    server.clock.advance(timedelta(minutes=5))
    assert_refused(http.post("/v1/enrol", json=enrol_body(code, key)), 422, "enrol_code_wrong")


def test_a_device_must_hold_the_key_it_names(server: Server, http: TestClient) -> None:
    code = server.code(server.person(Role.ENGINEER))
    body = enrol_body(code, DeviceKey(os.urandom(32))) | {"key": DeviceKey(os.urandom(32)).public}
    assert_refused(http.post("/v1/enrol", json=body), 422, "enrol_signature_wrong")


def test_nobody_enrols_for_a_person_who_has_left(server: Server, http: TestClient) -> None:
    server.person(Role.ADMINISTRATOR)
    person_id = server.person(Role.ENGINEER)
    code = server.code(person_id)
    assert perform(server.parts.database, SYSTEM, DeactivatePerson(person_id)).took_effect
    assert_refused(
        http.post("/v1/enrol", json=enrol_body(code, DeviceKey(os.urandom(32)))), 410, "person_inactive"
    )


@pytest.mark.fault("K3")
def test_a_nonce_is_signed_once(server: Server, http: TestClient) -> None:
    device_id, key, _ = a_device(server, http)
    body = token_body(http, device_id, key)
    assert http.post("/v1/auth/token", json=body).status_code == 200
    assert_refused(http.post("/v1/auth/token", json=body), 401, "nonce_used")


@pytest.mark.fault("K3", "G7")
def test_a_nonce_runs_out_and_belongs_to_its_device(server: Server, http: TestClient) -> None:
    device_id, key, _ = a_device(server, http)
    other_id, other_key, _ = a_device(server, http)
    stale = token_body(http, device_id, key)
    foreign = http.post("/v1/auth/nonce", json={"dev": other_id}).json()["nonce"]
    assert_refused(
        http.post("/v1/auth/token", json=token_body(http, device_id, key, nonce=foreign)), 401, "nonce_wrong"
    )
    made_up = f"{server.clock.read().wall_ms:x}.{os.urandom(12).hex()}.{os.urandom(16).hex()}"
    assert_refused(
        http.post("/v1/auth/token", json=token_body(http, device_id, key, nonce=made_up)), 401, "nonce_wrong"
    )
    server.clock.advance(timedelta(seconds=121))
    assert_refused(http.post("/v1/auth/token", json=stale), 401, "nonce_expired")
    wrong_key = token_body(http, device_id, other_key)
    assert_refused(http.post("/v1/auth/token", json=wrong_key), 401, "signature_wrong")


def test_a_signature_is_for_one_audience(server: Server, http: TestClient) -> None:
    device_id, key, _ = a_device(server, http)
    assert_refused(
        http.post("/v1/auth/token", json=token_body(http, device_id, key, aud="console")),
        401,
        "audience_wrong",
    )


@pytest.mark.fault("G7")
def test_a_token_dies_after_ten_minutes(server: Server, http: TestClient) -> None:
    device_id, key, device = a_device(server, http)
    token = a_token(http, device_id, key)
    server.clock.advance(timedelta(seconds=599))
    assert sync(http, server, device, token).status_code == 200
    server.clock.advance(timedelta(seconds=1))
    assert_refused(sync(http, server, device, token), 401, "token_expired")


def test_a_token_speaks_only_for_its_own_device(server: Server, http: TestClient) -> None:
    device_id, key, _ = a_device(server, http)
    _, _, other = a_device(server, http)
    assert_refused(sync(http, server, other, a_token(http, device_id, key)), 403, "device_mismatch")


def forged(token: str) -> dict[str, str]:
    """Tokens that look right: none, algorithm swap to a shared secret, other key, other type, changed claims."""
    head, claims, signature = token.split(".")

    def text(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    def mac(header: str, secret: bytes) -> str:
        made = hmac.HMAC(secret, hashes.SHA256())
        made.update(f"{header}.{claims}".encode())
        return to_text(made.finalize())

    read = json.loads(from_text(claims))
    swapped = text({"alg": "HS256", "typ": "at+jwt"})
    other = DeviceKey(os.urandom(32))
    foreign_kid = text(
        {"alg": "Ed25519", "typ": "at+jwt", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": other.public}}
    )
    plain_type = text({"alg": "Ed25519", "typ": "JWT"})
    later = text(read | {"exp": read["exp"] + 9_999})
    return {
        "none": f"{text({'alg': 'none', 'typ': 'at+jwt'})}.{claims}.",
        "None": f"{text({'alg': 'None', 'typ': 'at+jwt'})}.{claims}.",
        "hs256": f"{swapped}.{claims}.{mac(swapped, b'secret')}",
        "other key": f"{head}.{claims}.{other.sign(f'{head}.{claims}'.encode())}",
        "key in header": f"{foreign_kid}.{claims}.{other.sign(f'{foreign_kid}.{claims}'.encode())}",
        "type": f"{plain_type}.{claims}.{signature}",
        "claims": f"{head}.{later}.{signature}",
        "cut": token[:-2],
        "garbage": "a.b.c",
        "five parts": "a.b.c.d.e",
        "long": token + "A" * 2000,
    }


@pytest.mark.fault("G8")
def test_forged_tokens_open_nothing(server: Server, http: TestClient) -> None:
    device_id, key, device = a_device(server, http)
    token = a_token(http, device_id, key)
    answers = {name: sync(http, server, device, wrong) for name, wrong in forged(token).items()}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 401)
    assert_refused(http.post("/v1/sync", json={}), 401, "token_missing")


@pytest.mark.fault("G8")
def test_the_servers_key_signs_no_other_kind_of_token(server: Server, http: TestClient) -> None:
    """A text signed with the right key for another purpose is not an access token."""
    device_id, key, device = a_device(server, http)
    token = a_token(http, device_id, key)
    claims = json.loads(from_text(token.split(".")[1]))
    for changed in (
        {"aud": "seal"},
        {"iss": "other"},
        {"sub": 7},
        {"exp": "9"},
        {"iat": claims["iat"] + 3600},
    ):
        head = to_text(json.dumps({"alg": "Ed25519", "typ": "at+jwt"}).encode())
        body = to_text(json.dumps(claims | changed).encode())
        signed = server.parts.keys.signer.sign(f"{head}.{body}".encode())
        assert_refused(sync(http, server, device, f"{head}.{body}.{to_text(signed)}"), 401, "token_wrong")


@pytest.mark.fault("P5", "P9")
def test_a_revoked_device_hands_over_its_work_and_sees_nothing(server: Server, http: TestClient) -> None:
    person_id = server.person(Role.ENGINEER)
    device_id, key, device = a_device(server, http, person_id)
    token = a_token(http, device_id, key)
    revoke_device(server.parts.database, SYSTEM, device_id)
    op_id, ticket_id = server.parts.database.new_id(), server.parts.database.new_id()
    op = {"id": op_id, "k": "start_travel", "w": 1_795_000_000_000, "a": {"ticket_id": ticket_id}, "n": 1}
    answer = sync(http, server, device, token, ops=[op])
    assert answer.status_code == 410
    told = answer.json()
    assert [(one["id"], one["s"], one["c"]) for one in told["res"]] == [(op_id, "parked", "device_revoked")]
    assert "put" not in told
    assert server.rows("SELECT code FROM op_parked") == [("device_revoked",)]
    assert server.rows("SELECT code FROM discrepancy") == [("device_revoked",)]
    passport = {"Authorization": f"Bearer {token}"}
    answer = http.post("/v1/sync/reconcile", json={"dev": device_id, "have": {}}, headers=passport)
    assert_refused(answer, 410, "device_revoked")
    # Which of its own commands came in it may ask: the others it has to hand over.
    answer = http.post("/v1/sync/have", json={"dev": device_id, "ids": [op_id, ticket_id]}, headers=passport)
    assert answer.json()["unknown"] == [ticket_id]


def test_a_person_who_left_sees_nothing(server: Server, http: TestClient) -> None:
    server.person(Role.ADMINISTRATOR)
    person_id = server.person(Role.ENGINEER)
    device_id, key, device = a_device(server, http, person_id)
    token = a_token(http, device_id, key)
    assert perform(server.parts.database, SYSTEM, DeactivatePerson(person_id)).took_effect
    assert sync(http, server, device, token).status_code == 410
    reconcile = http.post(
        "/v1/sync/reconcile",
        json={"dev": device_id, "have": {}},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert_refused(reconcile, 410, "person_inactive")


def test_secrets_are_not_in_the_database(server: Server, http: TestClient) -> None:
    code = server.code(server.person(Role.ENGINEER)).replace("-", "")
    _, session = server.sign_in_as(Role.DISPATCHER)
    for table in ("enrol_code", "console_session", "credential", "audit"):
        told = str(server.rows(f"SELECT * FROM {table}"))
        assert code not in told
        assert session not in told
        assert "a long walk home" not in told
