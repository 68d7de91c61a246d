"""Pages of audit chain and backups, and the export button: who may, what they say, and that they are noted."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from common.approvals.approval import Approval
from common.i18n import LANGUAGES, translate
from sync_server.db.durable import note_backup
from sync_server.db.evidence_tables import ChainCheck
from sync_server.db.tables import AuditEntry
from sync_server.people.audit import note_event
from sync_server.upkeep.anchors import read_anchors
from tests.support.console_visit import whole_visit
from tests.support.console_world import NOW, PASSWORD, ConsoleWorld, an_id

CHAIN, BACKUPS, ASKED = "/console/evidence", "/console/backups", "/console/approvals"


def kinds(company: ConsoleWorld) -> list[str]:
    with company.database.read() as session:
        return list(session.scalars(select(AuditEntry.kind)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_chain_is_checked_and_anchored_at_the_press_of_a_button(
    company: ConsoleWorld, language: str
) -> None:
    admin = company.client("admin", language)
    shown = admin.get(CHAIN).text
    for key in ("evidence.state.never", "evidence.no_anchor", "console.nav.backups"):
        assert translate(language, key) in shown
    assert admin.fill(f"{CHAIN}/anchor", {}).headers["location"] == f"{CHAIN}?notice=anchored"
    assert admin.fill(f"{CHAIN}/check", {}).status_code == 303
    shown = admin.get(CHAIN).text
    for key in ("evidence.state.good", "evidence.anchored", "evidence.checks"):
        assert translate(language, key) in shown
    assert "管理员" in shown
    (anchor,) = read_anchors(company.settings.anchors_dir)
    assert anchor.digest[:32] in shown
    assert {"chain_checked", "chain_anchored"} <= set(kinds(company))


@pytest.mark.fault("D9")
def test_a_changed_entry_is_shown_with_its_number(company: ConsoleWorld) -> None:
    admin = company.client("admin")
    with company.database.engine.connect() as connection:
        connection.execute(text("UPDATE audit SET entry = replace(entry, '林梅', '林海') WHERE seq < 99"))
        bad = connection.execute(text("SELECT min(seq) FROM audit WHERE entry LIKE '%林海%'")).scalar_one()
        connection.commit()
    admin.fill(f"{CHAIN}/check", {})
    shown = admin.get(CHAIN).text
    assert translate("en", "evidence.state.bad") in shown
    assert f"audit: entry {bad}: add_person" in shown
    assert admin.fill(f"{CHAIN}/anchor", {}).headers["location"] == f"{CHAIN}?notice=not_anchored"


def test_a_check_that_runs_says_how_far_it_is(company: ConsoleWorld) -> None:
    def begin(unit: object) -> None:
        unit.session.add(  # type: ignore[attr-defined]
            ChainCheck(
                id=company.new_id(),
                began_at=NOW,
                ended_at=None,
                by="system",
                state="running",
                seen=2000,
                total=5000,
                anchors=0,
                faults=[],
            )  # fmt: skip
        )

    company.database.transact(begin)
    shown = company.client("admin").get(CHAIN).text
    assert "2,000 of 5,000 entries read" in shown
    assert 'hx-trigger="every 1s"' in shown
    assert '<progress max="5000" value="2000"' in shown


@pytest.mark.fault("M8")
@pytest.mark.parametrize("language", LANGUAGES)
def test_backups_say_how_old_the_last_good_one_is(company: ConsoleWorld, language: str) -> None:
    admin = company.client("admin", language)
    shown = admin.get(BACKUPS).text
    assert translate(language, "evidence.no_backup") in shown
    assert (
        translate(language, "evidence.backup_late") in shown
    )  # the company is older than a day, nothing was saved
    note_backup(company.database, "kept/fieldwright-1", NOW - timedelta(hours=3), 10, 0)
    note_backup(company.database, "kept/fieldwright-2", NOW - timedelta(hours=1), 12, 2)
    shown = admin.get(BACKUPS).text
    for key, values in (("evidence.backup_good", {}), ("evidence.backup_faults", {"n": 2})):
        assert translate(language, key, **values) in shown
    assert "fieldwright-1" in shown
    company.clock.advance(timedelta(hours=25))
    late = company.client("admin", language).get(BACKUPS).text
    assert translate(language, "evidence.backup_late_hint", hours=26) in late


@pytest.mark.parametrize("login", ["mei", "clerk", "keeper"])
def test_only_those_who_answer_for_it_get_in(company: ConsoleWorld, login: str) -> None:
    client = company.client(login)
    assert client.get(CHAIN).status_code == 403
    assert client.get(BACKUPS).status_code == 403
    assert client.fill(f"{CHAIN}/check", {}).status_code == 403
    told = {"unit_id": an_id("pump"), "reason": "x", "command_id": company.new_id()}
    assert client.fill(f"{ASKED}/export", told).status_code == 403
    assert client.fill(f"{ASKED}/{company.new_id()}/export", {}).status_code == 403
    assert CHAIN not in client.get("/console/password").text
    assert translate("en", "evidence.export") not in client.get(f"/console/equipment/{an_id('pump')}").text


def approval(company: ConsoleWorld) -> str:
    """Find the request that was made last."""
    with company.database.read() as session:
        newest = select(Approval.id).order_by(Approval.asked_at.desc(), Approval.id.desc()).limit(1)
        found = session.scalar(newest)
    assert found is not None
    return found


def test_two_people_hand_out_a_units_life_and_it_is_noted(company: ConsoleWorld) -> None:
    ticket_id = company.ticket()
    company.assign(ticket_id)
    whole_visit(company, ticket_id)
    zhou, manager, path = (
        company.client("zhou"),
        company.client("manager"),
        f"/console/equipment/{an_id('pump')}",
    )
    assert translate("en", "approval.two_needed") in zhou.get(path).text
    told = {"unit_id": an_id("pump"), "reason": "Asked for by the court", "command_id": company.new_id()}
    assert zhou.fill(f"{ASKED}/export", told).headers["location"] == f"{ASKED}?notice=saved"
    assert zhou.fill(f"{ASKED}/export", told | {"reason": ""}).headers["location"].endswith("reason_missing")
    mine, proof = f"{ASKED}/{approval(company)}", {"own_password": PASSWORD}
    assert "A second person must approve" in zhou.fill(f"{mine}/export", proof).text
    assert manager.fill(mine, {"choice": "approve"} | proof).status_code == 303
    assert zhou.fill(f"{mine}/export", {"own_password": "not this one at all"}).status_code == 422
    assert company.client("admin").fill(f"{mine}/export", proof).status_code == 422
    assert "equipment_exported" not in kinds(company)
    sent = proof | {"command_id": company.new_id()}
    answer = zhou.fill(f"{mine}/export", sent)
    assert answer.headers["content-disposition"] == 'attachment; filename="equipment-SN-70031.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {"manifest.json", "chain.json", "verify_evidence.py", "equipment.pdf"} <= set(
            archive.namelist()
        )
    assert (kinds(company).count("equipment_exported"), kinds(company).count("use_approval")) == (1, 3)
    again = zhou.fill(f"{mine}/export", sent)
    assert "A second person must approve" in again.text, "used once, however the form is sent"
    assert kinds(company).count("equipment_exported") == 1
    assert zhou.fill(f"{ASKED}/{company.new_id()}/export", proof).status_code == 404


@pytest.mark.parametrize("taken", ["set_password", "remove_second_factor"])
def test_who_gave_another_his_way_in_gets_no_approval_from_there(company: ConsoleWorld, taken: str) -> None:
    """One administrator would be two people: he resets a colleague's sign-in and approves in his name (R175)."""
    zhou, manager, proof = company.client("zhou"), company.client("manager"), {"own_password": PASSWORD}
    told = {"unit_id": an_id("pump"), "reason": "For the court", "command_id": company.new_id()}
    zhou.fill(f"{ASKED}/export", told)
    mine = f"{ASKED}/{approval(company)}"
    company.database.transact(lambda unit: note_event(unit, taken, an_id("zhou"), person=an_id("manager")))
    refused = manager.fill(mine, {"choice": "approve"} | proof)
    assert refused.status_code == 422
    assert "in the last 7 days" in refused.text
    assert company.client("admin").fill(mine, {"choice": "decline"}).status_code == 303
    company.clock.advance(timedelta(days=8))
    zhou, manager = company.client("zhou"), company.client("manager")
    zhou.fill(f"{ASKED}/export", told | {"command_id": company.new_id()})
    late = f"{ASKED}/{approval(company)}"
    assert manager.fill(late, {"choice": "approve"} | proof).status_code == 303, (
        "its owner has noticed by then"
    )


def test_a_restore_is_asked_for_with_a_proof_and_says_what_to_type(company: ConsoleWorld) -> None:
    note_backup(company.database, "kept/fieldwright-1", NOW - timedelta(hours=3), 10, 0)
    admin, manager = company.client("admin"), company.client("manager")
    told = {"backup": "fieldwright-1", "reason": "Wrong prices were loaded", "command_id": company.new_id()}
    assert admin.fill(f"{BACKUPS}/restore", told).status_code == 422
    assert admin.fill(f"{BACKUPS}/restore", told | {"own_password": PASSWORD}).status_code == 303
    mine = approval(company)
    assert manager.fill(f"{ASKED}/{mine}", {"choice": "approve", "own_password": PASSWORD}).status_code == 303
    assert f"sync-server restore --approval {mine} …/fieldwright-1" in admin.get(ASKED).text


def test_programs_cannot_give_what_needs_a_proof(company: ConsoleWorld) -> None:
    manager = company.client("manager")
    headers = {"X-CSRF-Token": manager.token("/console/password"), "sec-fetch-site": "same-origin"}
    args = {"approval_id": company.new_id(), "choice": "approve"}
    body = {"id": company.new_id(), "kind": "decide_approval", "args": args}
    answer = manager.post("/api/v1/commands", json=body, headers=headers)
    assert (answer.status_code, answer.json()["reason_code"]) == (409, "proof_needed")
    assert "decide_approval" not in kinds(company)
