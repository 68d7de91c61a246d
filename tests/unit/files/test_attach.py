"""Attaching files to a ticket: kept whatever happens, judged where the person can correct it, sealed by a signature."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from common.files.attach import AttachFile, WithdrawFile
from common.files.attachment import Attachment, files_of, is_file_sealed, wanted_files
from common.files.bytes_arrive import NoteFileState
from common.kernel.command import Place, Role
from common.policy.file_rules import shipped_rules
from common.policy.preset import load_policy, preset_data
from tests.support.visit_world import VisitWorld

SHA = "ab" * 32
KB = 1024


@pytest.fixture
def world() -> Iterator[VisitWorld]:
    made = VisitWorld()
    made.assign()
    yield made
    made.close()


def photo(world: VisitWorld, **changes: object) -> AttachFile:
    made = AttachFile(
        world.id("file"), world.ticket, "photo", SHA, 200 * KB, "image/jpeg", "漏液.jpg", world.now,
        purpose="diagnosis",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_record_stands_at_once_and_waits_for_its_bytes(world: VisitWorld) -> None:
    given = photo(world)
    assert world.field(given).status == "ok"
    row = world.get(Attachment, given.attachment_id)
    assert (row.state, row.stored_at, row.device_id, row.agg) == (
        "pending",
        None,
        "tablet",
        f"ticket:{world.ticket}",
    )
    assert wanted_files(world.session) == [row]
    assert world.field(given).status == "noop"


def test_the_server_says_when_the_bytes_are_here(world: VisitWorld) -> None:
    given = photo(world)
    world.field(given)
    stored = NoteFileState(given.attachment_id, world.ticket, "stored")
    assert world.do(stored, roles=(Role.SYSTEM,), place=Place.SYSTEM).status == "ok"
    row = world.get(Attachment, given.attachment_id)
    assert (row.state, row.stored_at) == ("stored", world.now)
    assert world.do(stored, roles=(Role.SYSTEM,), place=Place.SYSTEM).status == "noop"
    missing = world.do(
        NoteFileState(given.attachment_id, world.ticket, "missing"), roles=(Role.SYSTEM,), place=Place.SYSTEM
    )
    assert (missing.status, missing.code, row.stored_at) == ("flagged", "file_missing", None)


def test_what_never_arrives_is_told_once(world: VisitWorld) -> None:
    given = photo(world)
    world.field(given)
    late = NoteFileState(given.attachment_id, world.ticket, "late")
    assert world.do(late, roles=(Role.SYSTEM,), place=Place.SYSTEM).code == "file_late"
    assert world.do(late, roles=(Role.SYSTEM,), place=Place.SYSTEM).status == "noop"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"media_type": "image/svg+xml"}, "file_type_refused"),
        ({"kind": "video"}, "file_type_refused"),
        ({"size_bytes": 26 * KB * KB}, "file_too_large"),
    ],
)
def test_the_policy_is_asked_where_it_can_still_be_corrected(
    world: VisitWorld, change: dict[str, object], code: str
) -> None:
    refused = world.field(photo(world, **change), live=True)
    assert (refused.status, refused.code) == ("parked", code)
    kept = photo(world, **change)
    late = world.field(kept)
    assert (late.status, late.code) == ("flagged", code)
    assert world.get(Attachment, kept.attachment_id).state == "pending"


def test_a_ticket_takes_only_so_many(world: VisitWorld) -> None:
    data = dict(preset_data("medical-device"))
    assert load_policy(data).files.per_ticket_bytes_max == 2048 * KB * KB
    large = [photo(world, size_bytes=25 * KB * KB) for _ in range(82)]
    for given in large[:-1]:
        assert world.field(given, live=True).status == "ok"
    assert world.field(large[-1], live=True).code == "too_many_files"


def test_a_hash_that_names_nothing_is_refused(world: VisitWorld) -> None:
    assert world.field(photo(world, sha256="AB" * 32)).code == "sha256_unusable"
    assert world.field(photo(world, preview_sha256="ab")).code == "sha256_unusable"


def test_a_file_is_taken_back_until_it_is_signed_over(world: VisitWorld) -> None:
    wrong, right = photo(world, name="a.jpg"), photo(world, name="b.jpg")
    world.field(wrong)
    world.field(right)
    assert world.field(WithdrawFile(wrong.attachment_id, world.ticket, "拍错")).status == "ok"
    assert [row.id for row in files_of(world.session, world.ticket)] == [right.attachment_id]
    world.finish_from_here()
    after = photo(world, name="c.jpg")
    world.field(after)
    assert is_file_sealed(world.session, world.get(Attachment, right.attachment_id))
    assert world.field(WithdrawFile(right.attachment_id, world.ticket)).code == "file_sealed"
    assert world.field(WithdrawFile(after.attachment_id, world.ticket)).status == "ok"


def test_the_office_may_attach_a_paper(world: VisitWorld) -> None:
    paper = photo(world, kind="document", media_type="application/pdf", name="报价.pdf")
    assert world.office(paper, Role.CLERK).status == "ok"
    assert world.get(Attachment, paper.attachment_id).device_id == ""


def test_a_policy_from_before_is_read_with_the_shipped_rules() -> None:
    before = {key: value for key, value in preset_data("medical-device").items() if key != "files"}
    assert load_policy(before).files == shipped_rules()
    assert shipped_rules().kind("photo") is not None
    assert "image/svg+xml" not in shipped_rules().types
