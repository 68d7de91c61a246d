"""What a report holds, what it lacks, and its hash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from common.i18n import has_key
from common.policy.policy_set import find_policy
from common.stock.part_commands import SetPrice
from common.stock.part_usage import RecordPartUsage, WithdrawPartUsage
from common.visit.completeness import missing_fields, missing_sign_off
from common.visit.diagnosis import RecordDiagnosis
from common.visit.hashing import content_hash
from common.visit.on_site import AnswerChecklist
from common.visit.repair import RecordMeasure, RecordTest, WithdrawMeasure, WithdrawTest
from common.visit.report import compose_report, differing_parts
from tests.support.visit_world import STROKES, VisitWorld


@pytest.fixture
def world() -> Iterator[VisitWorld]:
    """Give a company with one assigned ticket."""
    made = VisitWorld()
    made.assign()
    yield made
    made.close()


def missing(world: VisitWorld, service_type: str = "") -> tuple[str, ...]:
    """List what the report lacks."""
    world.session.expire_all()
    return missing_fields(world.session, world.ticket, find_policy(world.session), service_type=service_type)


def test_what_is_missing_shrinks_step_by_step(world: VisitWorld) -> None:
    assert missing(world) == ("visit", "checklist", "diagnosis", "measures", "test")
    visit = world.go()
    assert missing(world) == ("checklist", "diagnosis", "measures", "test")
    for answer in world.checklists():
        world.field(answer)
    assert missing(world) == ("diagnosis", "measures", "test")
    world.field(RecordDiagnosis(world.id("d"), world.ticket, visit, "漏液", "密封圈老化", "material"))
    measure, test = world.id("m"), world.id("t")
    world.field(RecordMeasure(measure, world.ticket, visit, "更换密封圈", 25))
    world.field(RecordTest(test, world.ticket, visit, "flow_rate", "5", True))
    assert missing(world) == ()
    world.field(WithdrawMeasure(measure, world.ticket))
    assert missing(world) == ("measures",)
    world.field(RecordMeasure(world.id("m"), world.ticket, visit, "更换密封圈", 25))
    world.field(WithdrawTest(test, world.ticket))
    assert missing(world) == ("test",)
    world.field(RecordTest(world.id("t"), world.ticket, visit, "flow_rate", "3", False))
    assert missing(world) == ("test",)


def test_paid_work_needs_an_agreement_that_covers_the_fee(world: VisitWorld) -> None:
    visit = world.go()
    world.repair(visit)
    assert missing(world) == ()
    assert missing(world, "A") == ("agreement",)
    assert world.field(world.agreement(labour=10_000, part=12_000)).status == "ok"
    assert missing(world, "A") == ()
    world.field(RecordPartUsage(world.id("u"), world.ticket, world.part, Decimal(2), visit, charged=True))
    assert missing(world, "A") == ("agreement_exceeded",)
    assert world.field(world.agreement(labour=10_000, part=24_000)).status == "ok"
    assert missing(world, "A") == ()
    fee = compose_report(world.session, world.ticket)["fee"]
    assert (fee["total_minor"], fee["currency"]) == (34_000, "CNY")
    assert [line["kind"] for line in fee["lines"]] == ["labour", "part"]


def test_an_undecided_entitlement_needs_a_service_type(world: VisitWorld) -> None:
    visit = world.go()
    world.repair(visit, "wear")
    assert world.row.service_type == ""
    assert missing(world) == ("service_type",)
    assert missing(world, "C") == ()


def test_without_a_unit_the_product_is_missing(world: VisitWorld) -> None:
    world.row.equipment_id = None
    world.session.commit()
    assert "product" in missing(world)
    assert missing_fields(world.session, world.id("ghost"), None) == ("ticket",)


def test_the_agreement_is_checked_where_it_is_signed(world: VisitWorld) -> None:
    world.go()
    good = world.agreement()
    wrong_sum = replace(good, total_minor=1)
    assert world.field(wrong_sum, live=True).code == "total_wrong"
    wrong_hash = replace(good, content_hash="0" * 64)
    assert world.field(wrong_hash, live=True).code == "content_hash_wrong"
    other = world.a_part("OTHER", 99)
    world.must(SetPrice(other, 100, "CNY"))
    assert world.field(replace(good, agreement_id=world.id("a")), live=True).status == "ok"
    world.must(SetPrice(world.part, 15_000, "CNY"))
    assert world.field(good, live=True).code == "price_changed"
    late = world.field(good)
    assert (late.status, late.code, late.values["codes"]) == ("flagged", "price_changed", "PS-100")
    assert world.field(good).status == "noop"


def test_an_unknown_cause_is_refused_on_site_and_kept_when_late(world: VisitWorld) -> None:
    visit = world.go()
    odd = RecordDiagnosis(world.id("d"), world.ticket, visit, "x", "y", "gremlins")
    assert world.field(odd, live=True).code == "cause_unknown"
    assert world.field(odd).code == "cause_unknown"
    assert world.row.state == "diagnosed"


def test_content_holds_what_form_f04_asks_for(world: VisitWorld) -> None:
    visit = world.go()
    world.repair(visit, "man_made")
    content = compose_report(world.session, world.ticket, service_type="A")
    assert content["customer"]["name"] == "北京协和医院"
    unit = content["equipment"]
    assert (unit["serial"], unit["name"]) == ("SN-7", "监护仪")
    assert (content["service_on"], content["engineers"]) == ("2026-03-02", ["李伟"])
    assert content["visits"][0]["arrived_at"] is not None
    assert content["diagnosis"]["cause"]["code"] == "man_made"
    assert len(content["diagnosis"]["cause"]["title"]) == 3
    assert content["measures"] == [{"text": "更换密封圈", "minutes": 25}]
    assert content["parts"][0]["qty_milli"] == 1000
    assert content["tests"][0]["passed"] is True
    assert content["service_type"]["code"] == "A"
    assert content["entitlement"]["verdict"] == "paid"
    assert content["agreement"]["total_minor"] == 42_000
    assert [c["code"] for c in content["checklists"]] == ["on_site_conduct", "infusion_pump"]
    assert content["minutes"] == 25


def test_a_withdrawn_part_is_not_in_it(world: VisitWorld) -> None:
    visit = world.go()
    usage = world.id("u")
    world.field(RecordPartUsage(usage, world.ticket, world.part, Decimal(1), visit))
    world.field(WithdrawPartUsage(usage, world.ticket, "拿错"))
    assert compose_report(world.session, world.ticket)["parts"] == []


def test_an_answer_may_be_corrected_until_it_is_signed(world: VisitWorld) -> None:
    world.go()
    answer = AnswerChecklist(world.ticket, "on_site_conduct", "site_clean", "not_ok", "", "油渍")
    world.field(answer)
    world.field(AnswerChecklist(world.ticket, "on_site_conduct", "site_clean", "ok"))
    items = compose_report(world.session, world.ticket)["checklists"][0]["items"]
    assert [(item["code"], item["answer"], item["note"]) for item in items] == [("site_clean", "ok", "")]


def test_the_hash_is_over_content_not_over_writing() -> None:
    assert content_hash({"b": 1, "a": "维"}) == content_hash({"a": "维", "b": 1})
    assert content_hash({"a": 1}) != content_hash({"a": 2})
    assert len(content_hash({})) == 64


def test_differences_are_named_by_part_and_instants_do_not_count(world: VisitWorld) -> None:
    visit = world.go()
    world.repair(visit)
    shown = compose_report(world.session, world.ticket)
    later = {**shown, "visits": [{**shown["visits"][0], "arrived_at": 1}]}
    later["measures"] = list(reversed(shown["measures"]))
    assert differing_parts(shown, later) == []
    later["customer"] = {**shown["customer"], "address": "帅府园1号"}
    later["minutes"] = 99
    assert differing_parts(shown, later) == ["customer", "minutes"]


@pytest.mark.parametrize(
    ("given", "lacking"),
    [
        ({}, ()),
        ({"opinion": ""}, ("opinion",)),
        ({"signer_name": ""}, ("signer_name",)),
        ({"signer_role": ""}, ("signer_role",)),
        ({"strokes": "[]"}, ("signature",)),
        ({"accepted": False}, ("refusal_reason",)),
        ({"accepted": False, "refusal_reason": "还漏", "opinion": ""}, ()),
    ],
)
def test_what_the_customer_must_give(
    world: VisitWorld, given: dict[str, object], lacking: tuple[str, ...]
) -> None:
    values = {
        "accepted": True,
        "opinion": "满意",
        "refusal_reason": "",
        "signer_name": "王",
        "signer_role": "科",
    }
    values |= {"strokes": STROKES, **given}
    assert missing_sign_off(find_policy(world.session), **values) == lacking  # type: ignore[arg-type]


def test_everything_that_can_be_missing_has_words() -> None:
    codes = [
        "ticket",
        "visit",
        "checklist",
        "product",
        "user_name",
        "diagnosis",
        "cause",
        "measures",
        "time_used",
    ]
    codes += ["test", "service_type", "agreement", "agreement_exceeded", "opinion", "refusal_reason"]
    codes += ["signer_name", "signer_role", "signature"]
    assert [code for code in codes if not has_key(f"missing.{code}")] == []
