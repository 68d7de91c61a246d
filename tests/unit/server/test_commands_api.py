"""The office's commands over HTTP: what is answered, in which words, and what repeating one does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import select

from common.customers.customer import Customer
from common.kernel.command import Role
from sync_server.db.tables import AuditEntry
from sync_server.upkeep.verify import verify
from tests.support.office import Desk, Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.close()


def give(desk: Desk, body: dict[str, Any], **headers: str) -> Response:
    return desk.client.post("/api/v1/commands", json=body, headers={"X-CSRF-Token": desk.csrf, **headers})


def a_customer(office: Office, name: str = "朝阳医院") -> dict[str, Any]:
    args = {"customer_id": office.new(), "number": "C1", "name": name}
    return {"id": office.new(), "kind": "register_customer", "args": args}


def test_a_command_takes_effect_once_however_often_it_is_sent(office: Office) -> None:
    desk, body = office.desk(Role.CLERK), a_customer(office)
    first, again = give(desk, body), give(desk, body)
    assert (first.status_code, first.json()["status"]) == (200, "ok")
    assert again.json() == first.json()
    assert office.row(Customer, body["args"]["customer_id"]).name == "朝阳医院"
    changed = give(desk, {**body, "args": {**body["args"], "name": "别的医院"}})
    assert (changed.status_code, changed.json()["reason_code"]) == (409, "command_id_reused")


def test_a_refusal_says_why_in_the_readers_language(office: Office) -> None:
    desk = office.desk(Role.PARTS_KEEPER)
    desk.client.cookies.set("language", "zh-Hans")
    told = give(desk, a_customer(office)).json()
    assert (told["status"], told["reason_code"]) == ("parked", "not_permitted")
    assert any("\u4e00" <= char <= "\u9fff" for char in told["reason"])


def test_what_was_refused_stands_in_the_audit_and_may_be_sent_again(office: Office) -> None:
    keeper, clerk, body = office.desk(Role.PARTS_KEEPER), office.desk(Role.CLERK), a_customer(office)
    assert give(keeper, body).status_code == 403
    noted = select(AuditEntry).where(AuditEntry.kind == "register_customer").order_by(AuditEntry.seq)
    entry = json.loads(office.rows(noted)[0].entry)
    assert (entry["status"], entry["code"], entry["actor"]) == ("refused", "not_permitted", keeper.person_id)
    assert entry["op"]["id"] == body["id"]
    assert give(clerk, body).status_code == 200
    assert [json.loads(row.entry)["status"] for row in office.rows(noted)] == ["refused", "ok"]
    with office.database.read() as session:
        assert verify(session) == []


def test_the_registers_own_refusals_are_409(office: Office) -> None:
    desk, body = office.desk(Role.CLERK), a_customer(office)
    give(desk, body)
    answer = give(desk, a_customer(office, "同号医院"))
    assert answer.status_code == 409
    assert answer.json()["reason"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"id": "x"}, "type_id"),
        ({"kind": ""}, "text_missing"),
        ({"kind": "drop_table"}, "command_unknown"),
        ({"args": []}, "type_object"),
        ({"args": {"name": "x"}}, "field_missing"),
        ({"actor": "boss"}, "field_unknown"),
    ],
)
def test_what_cannot_be_read_is_422(office: Office, changed: dict[str, Any], code: str) -> None:
    answer = give(office.desk(Role.CLERK), a_customer(office) | changed)
    assert (answer.status_code, answer.json()["reason_code"]) == (422, code)


def test_another_site_gives_no_command(office: Office) -> None:
    desk = office.desk(Role.CLERK)
    answer = give(desk, a_customer(office), **{"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.json()["reason_code"]) == (403, "csrf_origin")
