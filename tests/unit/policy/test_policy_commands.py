"""Adopting and filling a policy: versions, sources, and refusals that name the place."""

from __future__ import annotations

import json

import pytest

from common.kernel.command import Role
from common.kernel.outcome import Refused
from common.kernel.scope import grants_of
from common.policy.policy_commands import AdoptPolicy, FillPolicyFacet
from common.policy.policy_set import PolicySet, active_policy, active_set, find_policy, zone_for
from common.policy.preset import PRESETS, preset_data
from tests.support.world import World


def test_before_any_policy_nothing_is_judged_by_a_default(world: World) -> None:
    assert find_policy(world.session) is None
    with pytest.raises(Refused, match="policy_missing"):
        active_policy(world.session)
    assert zone_for(world.session, "上海市浦东新区") == ""
    assert world.do(FillPolicyFacet(world.id(), "a.b", "1", "x")).code == "policy_missing"


@pytest.mark.parametrize("preset", PRESETS)
def test_a_shipped_preset_is_adopted(world: World, preset: str) -> None:
    payload = AdoptPolicy(world.id(), preset)
    world.must(payload)
    assert world.do(payload).status == "noop"
    policy = active_policy(world.session)
    assert (policy.policy_id, policy.version) == (preset, 1)
    assert active_policy(world.session) is policy


def test_each_change_is_a_new_version_and_one_is_active(world: World) -> None:
    world.must(AdoptPolicy(world.id(), "medical-device"))
    world.must(AdoptPolicy(world.id(), "system-contractor"))
    rows = world.session.query(PolicySet).order_by(PolicySet.version).all()
    assert [(row.preset, row.version, row.active) for row in rows] == [
        ("medical-device", 1, False),
        ("system-contractor", 2, True),
    ]
    assert active_policy(world.session).version == 2


def test_filling_a_blank_names_its_source(world: World) -> None:
    world.must(AdoptPolicy(world.id(), "medical-device"))
    blank = next(path for path in active_policy(world.session).unset if path.endswith(".match"))
    filled = FillPolicyFacet(world.id(), blank, '["*浦东新区*"]', "经理决定 2026-03")
    world.must(filled)
    assert world.do(filled).status == "noop"
    policy = active_policy(world.session)
    assert blank not in policy.unset
    assert policy.version == 2
    zone = next(zone for zone in policy.zones if f"[{zone.code}]" in blank)
    assert zone.source == "经理决定 2026-03"
    assert zone_for(world.session, "上海市浦东新区世纪大道 1 号") == zone.code


def test_unusable_data_is_refused_with_its_place(world: World) -> None:
    world.must(AdoptPolicy(world.id(), "medical-device"))
    broken = {**preset_data("medical-device"), "clocks": []}
    outcome = world.do(AdoptPolicy(world.id(), "own", json.dumps(broken)))
    assert (outcome.code, outcome.values["path"]) == ("policy_unusable", "$.clocks")
    for path, value, code in (
        ("nowhere.at_all", "1", "policy_unusable"),
        ("warranty.months", '"many"', "policy_unusable"),
        ("warranty.months", "{", "value_not_readable"),
        ("warranty.months", "1.5", "value_not_readable"),
    ):
        assert world.do(FillPolicyFacet(world.id(), path, value, "x")).code == code, path
    assert world.do(AdoptPolicy(world.id(), "nonsense")).values["fault"] == "preset_unknown"
    kept = active_set(world.session)
    assert kept is not None
    assert kept.version == 1


def test_who_may_and_who_sees(world: World) -> None:
    assert (
        world.do(AdoptPolicy(world.id(), "medical-device"), roles=(Role.SUPERVISOR,)).code == "not_permitted"
    )
    assert grants_of(world.session, "policy:main") == {("all", "policy:main")}
