"""Photos stand under the seal of the report: swapped afterwards, the seal is broken (I6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from common.files.attach import AttachFile, WithdrawFile
from common.files.attachment import Attachment
from common.kernel.clock import millis
from common.visit.records import ReportSeal, ServiceReport
from common.visit.report import compose_report
from common.visit.seal import attached_files, files_now, judge_seal, pack_seal, seal_document, seal_text
from common.visit.voucher import voucher_lines
from sync_server.keys import to_text
from sync_server.notary import verify_signature
from tests.support.visit_world import VisitWorld
from tests.unit.visit.test_seal import TABLET, Office, public, sign

SHA = "ab" * 32


@pytest.fixture
def world() -> Iterator[VisitWorld]:
    made = VisitWorld()
    made.notary = Office()
    made.assign()
    yield made
    made.close()


def photo(world: VisitWorld, sha256: str) -> str:
    file_id = world.id("file")
    given = AttachFile(
        file_id,
        world.ticket,
        "photo",
        sha256,
        200_000,
        "image/jpeg",
        "漏液.jpg",
        world.now,
        purpose="diagnosis",
    )
    assert world.field(given).status == "ok"
    return file_id


@pytest.mark.fault("I6")
def test_a_photo_swapped_after_signing_is_seen(world: VisitWorld) -> None:
    visit = world.go()
    first, wrong = photo(world, SHA), photo(world, "cd" * 32)
    world.field(WithdrawFile(wrong, world.ticket, "错拍"))
    world.repair(visit)
    report, files = world.report(), attached_files(world.session, world.ticket)
    assert files == [(first, SHA)]
    document = seal_document(
        report, json.loads(report.content), device_id="tablet", device_at_ms=millis(world.now), policy_version=1,
        files=files,
    )  # fmt: skip
    seal = pack_seal(document, public(TABLET), to_text(TABLET.sign(seal_text(document))))
    assert sign(world, replace(report, seal=seal)).status == "ok"

    def state() -> tuple[str, str]:
        world.session.expire_all()
        kept = world.session.query(ServiceReport).one()
        row = world.session.get(ReportSeal, kept.id)
        told = judge_seal(kept, row, verify_signature, files=files_now(world.session, row))
        return told.state, told.fault

    assert state() == ("countersigned", "")
    world.session.query(Attachment).filter_by(id=first).update({"sha256": "ef" * 32})
    world.session.commit()
    assert state() == ("broken", "file")


def test_the_report_names_what_was_there_and_nothing_where_nothing_was(world: VisitWorld) -> None:
    visit = world.go()
    world.repair(visit)
    assert "files" not in compose_report(world.session, world.ticket)
    mine = photo(world, SHA)
    report = world.report()
    (listed,) = json.loads(report.content)["files"]
    assert (listed["id"], listed["sha256"], listed["name"]) == (mine, SHA, "漏液.jpg")
    section = next(one for one in voucher_lines(json.loads(report.content), "zh-Hans") if one.code == "files")
    assert section.rows[0].value == "照片 · 漏液.jpg · abababababababab"
    of_office = AttachFile(
        world.id("file"), world.ticket, "photo", "cd" * 32, 1000, "image/jpeg", "b.jpg", world.now
    )
    assert world.office(of_office).status == "ok"
    # The signer did not see the office's picture: no difference. Another picture under his would be one.
    assert world.field(report, live=True).status == "ok"


def test_a_picture_changed_under_the_report_differs(world: VisitWorld) -> None:
    visit = world.go()
    world.repair(visit)
    mine = photo(world, SHA)
    report = world.report()
    world.session.query(Attachment).filter_by(id=mine).update({"sha256": "ef" * 32})
    world.session.commit()
    refused = world.field(report, live=True)
    assert (refused.code, refused.values["parts"]) == ("content_differs", "files")
