"""The checklist changes while a report is under way: it is judged by the version it was filled in by (F4)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from common.kernel.clock import Reading, millis
from common.kernel.command import Role
from common.kernel.op import make_op
from common.policy.policy_commands import AdoptPolicy
from common.policy.preset import preset_data
from common.visit.on_site import AnswerChecklist
from common.visit.report import compose_report
from common.visit.seal import template_of, template_version
from common.visit.sign_off import SignReport
from tests.support.visit_world import VisitWorld
from tests.unit.visit.test_seal import Office, sealed

NEW_ITEM: dict[str, Any] = {
    "code": "esd_strap_worn", "title": ["Wrist strap worn", "已佩戴防静电手环", "已佩戴防靜電手環"],
    "source": "company rule", "kind": "tick", "required": True,
}  # fmt: skip
ON_SITE = "on_site_conduct"


@pytest.fixture
def world() -> Iterator[VisitWorld]:
    """Give a ticket that is repaired and not yet signed, its forms filled in by version 1."""
    made = VisitWorld()
    made.notary = Office()
    made.assign()
    made.repair(made.go())
    yield made
    made.close()


def adopt(world: VisitWorld, change: Callable[[list[dict[str, Any]]], None]) -> int:
    """Put the next version in force: the items of the checklist of every visit changed; returns its number."""
    data = copy.deepcopy(preset_data("medical-device"))
    change(next(one["items"] for one in data["checklists"] if one["code"] == ON_SITE))
    document = json.dumps(data, ensure_ascii=False)
    world.must(AdoptPolicy(world.id("policy"), "own", document), roles=(Role.ADMINISTRATOR,))
    return template_version(world.session)


def other_items(items: list[dict[str, Any]]) -> None:
    """Ask something new, and no longer ask the first."""
    items[:] = [*items[1:], NEW_ITEM]


@pytest.mark.fault("F4")
def test_a_report_filled_in_before_is_judged_by_the_form_it_was_filled_in_by(world: VisitWorld) -> None:
    world.tick(10)
    report = sealed(world, world.report())
    op, signed_at = make_op(report, world.id("op"), Reading(millis(world.now), 0, "")), world.now
    assert template_of(report.seal) == 1
    world.tick(10)
    assert adopt(world, other_items) == 2
    world.tick(10)
    outcome = world.field(report, op=op, at=signed_at)
    assert (outcome.status, outcome.code) == ("ok", "")


@pytest.mark.fault("F4")
def test_a_report_filled_in_by_the_new_form_must_answer_it(world: VisitWorld) -> None:
    adopt(world, other_items)
    lacking = sealed(world, world.report())
    assert template_of(lacking.seal) == 2
    refused = world.field(lacking, live=True)
    assert (refused.code, refused.values["missing"]) == ("report_incomplete", "checklist")
    late = world.field(lacking)
    assert (late.status, late.code) == ("flagged", "report_incomplete")


@pytest.mark.fault("F4")
def test_without_a_seal_it_is_the_form_in_force_when_it_was_signed(world: VisitWorld) -> None:
    """From an app that does not seal, or with a version nobody ever adopted."""
    report = world.report()
    signed_at = world.tick(1)
    world.tick(60)
    adopt(world, other_items)
    world.tick(60)
    assert template_of("") == template_of("no seal") == 0
    assert world.field(report, at=signed_at).status == "ok"


@pytest.mark.fault("F4")
def test_answers_that_are_no_longer_asked_keep_their_words(world: VisitWorld) -> None:
    """The version changes between arrival and signature: the report names what was asked, and asks what is new."""
    before = {item["code"]: item for item in _items(world)}
    adopt(world, other_items)
    world.field(AnswerChecklist(world.ticket, ON_SITE, NEW_ITEM["code"], "ok"))
    after = {item["code"]: item for item in _items(world)}
    assert after == before | {NEW_ITEM["code"]: after[NEW_ITEM["code"]]}
    assert after[NEW_ITEM["code"]]["title"] == NEW_ITEM["title"]
    assert all(all(item["title"]) for item in after.values())
    signed: SignReport = sealed(world, world.report())
    assert world.field(signed, live=True).status == "ok"


def _items(world: VisitWorld) -> list[dict[str, Any]]:
    lists = compose_report(world.session, world.ticket)["checklists"]
    found: list[dict[str, Any]] = next(one["items"] for one in lists if one["code"] == ON_SITE)
    return found
