"""The seal of a report: one byte changed anywhere breaks it; an older app's report has none (I6, K4, P8)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.kernel.clock import Reading, instant, millis
from common.kernel.op import make_op, payload_of
from common.kernel.outcome import Outcome
from common.visit.records import ReportSeal, ServiceReport
from common.visit.seal import (
    Verdict,
    judge_seal,
    pack_seal,
    seal_document,
    seal_text,
    short_fingerprint,
    template_version,
    unpack_seal,
)
from common.visit.sign_off import SignReport
from sync_server.keys import to_text
from sync_server.notary import verify_signature
from tests.support.visit_world import VisitWorld

TABLET, SERVER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (7, 8))
FILES = (("0197c0de-0000-7000-8000-00000000000f", "ab" * 32),)


def public(key: Ed25519PrivateKey) -> str:
    return to_text(key.public_key().public_bytes_raw())


class Office:
    """Signs for the server; knows one tablet."""

    verify = staticmethod(verify_signature)

    def key_of(self, device_id: str) -> str | None:
        return public(TABLET) if device_id == "tablet" else None

    def sign(self, text: bytes) -> tuple[str, str]:
        return public(SERVER), to_text(SERVER.sign(text))


@pytest.fixture
def world() -> Iterator[VisitWorld]:
    made = VisitWorld()
    made.notary = Office()
    made.assign()
    made.repair(made.go())
    yield made
    made.close()


def sealed(world: VisitWorld, report: SignReport, key: Ed25519PrivateKey = TABLET) -> SignReport:
    document = seal_document(
        report, json.loads(report.content), device_id="tablet", device_at_ms=millis(world.now),
        policy_version=template_version(world.session), files=FILES,
    )  # fmt: skip
    return replace(report, seal=pack_seal(document, public(key), to_text(key.sign(seal_text(document)))))


def sign(world: VisitWorld, report: SignReport) -> Outcome:
    op = make_op(report, world.id("op"), Reading(millis(world.now), 0, ""))
    return world.field(report, op=op)


def verdict(world: VisitWorld, **given: Any) -> Verdict:
    world.session.expire_all()
    report = world.session.query(ServiceReport).one()
    row = world.session.get(ReportSeal, report.id)
    given = {"device_key": public(TABLET), "server_keys": [public(SERVER)]} | given
    return judge_seal(report, row, verify_signature, **given)


def test_the_server_signs_what_the_tablet_sealed(world: VisitWorld) -> None:
    assert sign(world, sealed(world, world.report())).status == "ok"
    told = verdict(world)
    assert (told.state, told.fault) == ("countersigned", "")
    assert len(short_fingerprint(told.fingerprint).split()) == 6
    assert {check.code for check in told.checks} >= {"content", "fields", "strokes", "signature", "counter"}


def test_without_a_notary_it_waits_for_the_server(world: VisitWorld) -> None:
    world.notary = None
    sign(world, sealed(world, world.report()))
    assert verdict(world).state == "sealed"


def test_a_report_of_an_older_app_has_no_seal_and_is_still_checked(world: VisitWorld) -> None:
    old = make_op(world.report(), world.id("op"), Reading(millis(world.now), 0, ""))
    assert payload_of(replace(old, v=1)).seal == ""
    assert sign(world, world.report()).status == "ok"
    assert verdict(world).state == "unsealed"
    report = world.session.query(ServiceReport).one()
    report.content = {**report.content, "minutes": 1}
    world.session.commit()
    assert verdict(world).state == "broken"


CHANGES: dict[str, Callable[[ServiceReport], Any]] = {
    "content": lambda r: {**r.content, "minutes": r.content["minutes"] + 1},
    "content_hash": lambda r: "0" * 64,
    "number": lambda r: r.number + "1",
    "language": lambda r: "en",
    "service_type": lambda r: "A",
    "accepted": lambda r: False,
    "refusal_reason": lambda r: "x",
    "opinion": lambda r: "不满意",
    "signer_name": lambda r: "王主仼",
    "signer_role": lambda r: "院长",
    "engineer_name": lambda r: "李炜",
    "engineer_id": lambda r: r.id,
    "ticket_id": lambda r: r.id,
    "round": lambda r: 2,
    "strokes": lambda r: r.strokes.replace("16", "17"),
    "signed_at": lambda r: instant(millis(r.signed_at) + 1),
    "device_at": lambda r: instant(millis(r.device_at) - 1),
    "clock_error_ms": lambda r: 1,
    "supersedes": lambda r: r.id,
}
EXEMPT = {"id", "agg"}


@pytest.mark.fault("I6", "K4")
def test_every_column_of_the_report_is_under_the_seal(world: VisitWorld) -> None:
    """P8: no value of the row can be changed unnoticed; a column added later must be sealed too."""
    assert set(CHANGES) == {column.name for column in ServiceReport.__table__.columns} - EXEMPT
    sign(world, sealed(world, world.report()))
    for name, change in CHANGES.items():
        report = world.session.query(ServiceReport).one()
        old = getattr(report, name)
        setattr(report, name, change(report))
        world.session.commit()
        assert verdict(world).state == "broken", name
        setattr(world.session.query(ServiceReport).one(), name, old)
        world.session.commit()
        assert verdict(world).state == "countersigned", name


@pytest.mark.fault("I6")
def test_every_byte_of_the_seal_counts(world: VisitWorld) -> None:
    sign(world, sealed(world, world.report()))
    row = world.session.query(ServiceReport).one()
    seal = world.session.get(ReportSeal, row.id)
    assert seal is not None
    for name, change in (
        ("seal", {**seal.seal, "files": []}),
        ("seal", {**seal.seal, "place": {"address": "x", "location": ""}}),
        ("seal", {**seal.seal, "template": {"report": 1, "policy": 9}}),
        ("key", public(SERVER)),
        ("signature", "A" + seal.signature[1:] if seal.signature[0] != "A" else "B" + seal.signature[1:]),
        ("counter", {**seal.counter, "received_at": 1}),
        ("counter_signature", seal.signature),
        ("counter_signature", "no signature"),
    ):
        old = getattr(seal, name)
        setattr(seal, name, change)
        world.session.commit()
        assert verdict(world).state == "broken", name
        setattr(seal, name, old)
        world.session.commit()
    assert verdict(world).state == "countersigned"


@pytest.mark.fault("I6")
def test_a_photo_swapped_after_sealing_breaks_the_seal(world: VisitWorld) -> None:
    sign(world, sealed(world, world.report()))
    (file_id, digest), *_ = FILES
    assert verdict(world, files={file_id: digest}).state == "countersigned"
    assert verdict(world, files={file_id: None}).state == "countersigned"  # not here yet
    swapped = verdict(world, files={file_id: "cd" * 32})
    assert (swapped.state, swapped.fault) == ("broken", "file")


def test_a_seal_that_does_not_fit_is_kept_and_shown_to_the_office(world: VisitWorld) -> None:
    for wrong in (
        replace(sealed(world, world.report()), opinion="别的"),
        sealed(world, world.report(), SERVER),  # a key this tablet was not enrolled with
        replace(world.report(), seal="[]"),
        replace(world.report(), seal='{"seal":{},"key":1,"signature":"x"}'),
    ):
        world.session.query(ServiceReport).delete()
        world.session.query(ReportSeal).delete()
        world.row.state = "tested"
        world.session.commit()
        outcome = sign(world, wrong)
        assert "seal_broken" in {flag.code for flag in outcome.flags}, wrong
        seal = world.session.query(ReportSeal).first()
        assert seal is None or seal.counter is None


def test_a_key_of_old_that_nobody_trusts_any_more_confirms_nothing(world: VisitWorld) -> None:
    sign(world, sealed(world, world.report()))
    assert verdict(world, server_keys=[public(TABLET)]).state == "sealed"
    assert verdict(world, device_key=public(SERVER)).state == "broken"


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"seal":1,"key":"","signature":""}', "{" * 40])
def test_what_is_no_seal_is_not_read_as_one(text: str) -> None:
    assert unpack_seal(text) is None


@pytest.mark.fault("K4")
def test_a_sealed_report_sent_again_changed_leaves_the_sealed_one(world: VisitWorld) -> None:
    first = sealed(world, world.report())
    sign(world, first)
    changed = sealed(world, replace(first, opinion="其实不满意", seal=""))
    sign(world, changed)
    assert verdict(world).state == "countersigned"
    assert world.session.query(ServiceReport).one().opinion == "满意"
    newer = sealed(world, replace(first, report_id=world.id("report"), number="A-2", opinion="更正", seal=""))
    assert sign(world, newer).code == "report_sealed"
    rows = {row.id: row.supersedes for row in world.session.query(ServiceReport)}
    assert rows == {first.report_id: None, newer.report_id: first.report_id}
