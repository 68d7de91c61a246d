"""Adopting a policy and filling what its source leaves blank; each makes a new version (R173, R174).

Owns these commands. What makes policy data usable is decided by `common.policy.preset`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import select

from common.kernel.codec import read_json
from common.kernel.command import OFFICE, Nature, Role, command
from common.kernel.fields import Code, Id, Text
from common.kernel.outcome import NOOP, OK, BadPayload, Outcome, Refused
from common.kernel.work import Work
from common.policy.policy_set import POLICY_AGG, PolicySet, latest_version
from common.policy.preset import fill_policy, load_policy, preset_data
from common.policy.reader import PolicyError, parse_json

PolicyText = Annotated[str, Text(0, 500_000, lines=True)]
POLICY_ROLES = (Role.ADMINISTRATOR, Role.MANAGER)


@dataclass(frozen=True, slots=True)
class AdoptPolicy:
    """Put a policy in force: a shipped preset, or the company's own document (R173)."""

    policy_id: Id
    preset: Code
    document: PolicyText = ""


@dataclass(frozen=True, slots=True)
class FillPolicyFacet:
    """Fill a place of the policy in force and name who decided it (R173); `policy_id` is the new version."""

    policy_id: Id
    path: Annotated[str, Text(1, 200)]
    value_json: Annotated[str, Text(1, 8000, lines=True)]
    source: Annotated[str, Text(1, 200)]


@command(AdoptPolicy, nature=Nature.INTENT, roles=POLICY_ROLES, places=OFFICE, about=lambda c: POLICY_AGG)
def adopt_policy(work: Work, c: AdoptPolicy) -> Outcome:
    """Make a policy the one in force. Refuses `policy_unusable` with the place and what is wrong there."""
    if work.get(PolicySet, c.policy_id) is not None:
        return NOOP
    try:
        data = parse_json(c.document) if c.document else preset_data(c.preset)
    except PolicyError as error:
        raise unusable(error) from None
    put_in_force(work, c.policy_id, c.preset, data)
    return OK


@command(FillPolicyFacet, nature=Nature.INTENT, roles=POLICY_ROLES, places=OFFICE, about=lambda c: POLICY_AGG)
def fill_policy_facet(work: Work, c: FillPolicyFacet) -> Outcome:
    """Put a new version in force. Refuses `policy_missing`, `policy_unusable`, `value_not_readable`."""
    if work.get(PolicySet, c.policy_id) is not None:
        return NOOP
    current = hold_active(work)
    if not current:
        raise Refused("policy_missing")
    try:
        value = read_json(c.value_json)
    except BadPayload:
        raise Refused("value_not_readable", field=c.path) from None
    try:
        data = fill_policy(current[0].data, {c.path: value})
    except PolicyError as error:
        raise unusable(error) from None
    put_in_force(work, c.policy_id, current[0].preset, settle_source(data, c.path, c.source))
    return OK


def put_in_force(work: Work, policy_id: str, preset: str, data: Mapping[str, Any]) -> PolicySet:
    """Check the data, give it the next version, end the version before."""
    before = hold_active(work)
    version = latest_version(work.session) + 1
    try:
        policy = load_policy({**data, "version": version})
    except PolicyError as error:
        raise unusable(error) from None
    for old in before:
        old.active = False
    return work.add(
        PolicySet(
            id=policy_id,
            agg=POLICY_AGG,
            preset=preset,
            version=version,
            title=policy.title.en[:200],
            data={**data, "version": version},
            data_hash=policy.policy_hash,
            adopted_at=work.at,
            adopted_by=work.actor.person_id,
            active=True,
        )
    )


def hold_active(work: Work) -> list[PolicySet]:
    """Read and hold the version in force, so that of two changes at once the second builds on the first."""
    query = select(PolicySet).where(PolicySet.active.is_(True)).order_by(PolicySet.version.desc())
    return work.rows(query.with_for_update())


def settle_source(data: dict[str, Any], path: str, source: str) -> dict[str, Any]:
    """Name who filled a place in the object around it, and take away its mark `confirm`."""
    around = path.rpartition(".")[0]
    if not around:
        return data
    for key, value in (("source", source), ("confirm", False)):
        try:
            data = fill_policy(data, {f"{around}.{key}": value})
        except PolicyError:
            continue  # this object carries no such key
    return data


def unusable(error: PolicyError) -> Refused:
    """Turn a fault of policy data into a refusal: the place, and the code of what is wrong."""
    return Refused("policy_unusable", path=error.path, fault=error.code, detail=error.detail)
