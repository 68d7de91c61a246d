"""Pages of audit chain and backups, and the export button: who may, what they say, and that they are noted."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from common.i18n import LANGUAGES, translate
from sync_server.db.durable import note_backup
from sync_server.db.evidence_tables import ChainCheck
from sync_server.db.tables import AuditEntry
from sync_server.upkeep.anchors import read_anchors
from tests.support.console_visit import whole_visit
from tests.support.console_world import NOW, ConsoleWorld, an_id

CHAIN, BACKUPS = "/console/evidence", "/console/backups"


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
    assert client.fill(f"/console/equipment/{an_id('pump')}/export", {}).status_code == 403
    assert CHAIN not in client.get("/console/password").text
    assert translate("en", "evidence.export") not in client.get(f"/console/equipment/{an_id('pump')}").text


def test_the_button_hands_out_a_units_life_and_notes_it(company: ConsoleWorld) -> None:
    ticket_id = company.ticket()
    company.assign(ticket_id)
    whole_visit(company, ticket_id)
    client, path = company.client("zhou"), f"/console/equipment/{an_id('pump')}"
    assert translate("en", "evidence.export") in client.get(path).text
    answer = client.fill(f"{path}/export", {})
    assert answer.headers["content-disposition"] == 'attachment; filename="equipment-SN-70031.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {"manifest.json", "chain.json", "verify_evidence.py", "equipment.pdf"} <= set(
            archive.namelist()
        )
    assert kinds(company).count("equipment_exported") == 1
    assert client.fill(f"/console/equipment/{company.new_id()}/export", {}).status_code in (404, 409, 422)
