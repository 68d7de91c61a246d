"""Policies from data: load, check, hash, list what is blank, fill blanks.

Owns turning policy data into a `Policy`. The two presets shipped beside it are starting points with sources;
a company's own policy is the same data, changed. No default is ever put in silently.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from importlib import resources

from common.policy import facets
from common.policy.file_rules import read_files, shipped_rules
from common.policy.model import Policy
from common.policy.reader import Node, PolicyError, blanks, marked, parse_json
from common.sla.rule import conditions_of

PRESETS = ("medical-device", "system-contractor")
STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[([A-Za-z0-9_.-]+)\]")


def preset_data(preset_id: str) -> Mapping[str, object]:
    """Return the raw data of a shipped preset. Raises PolicyError for an unknown name."""
    if preset_id not in PRESETS:
        raise PolicyError("$", "preset_unknown", preset_id[:40])
    place = resources.files("common.policy").joinpath("presets", f"{preset_id}.json")
    return parse_json(place.read_text("utf-8"))


def load_preset(preset_id: str) -> Policy:
    """Return a shipped preset, checked."""
    return load_policy(preset_data(preset_id))


def load_policy(data: Mapping[str, object]) -> Policy:
    """Check policy data and return it as values. Raises PolicyError at the first unusable place."""
    root = Node(data, "$")
    root.whole("format", 1, 1)
    causes = root.coded("cause_codes", facets.read_cause, at_least=1)
    policy = Policy(
        policy_id=root.code("id"),
        version=root.whole("version", 1, 10**6),
        policy_hash=policy_hash(data),
        title=root.title(),
        source=root.text("source"),
        is_locked=root.flag("locked"),
        calendar=facets.read_calendar(root.child("calendar")),
        clocks=root.coded("clocks", facets.read_clock, at_least=1),
        zones=root.coded("zones", facets.read_zone),
        channels=root.coded("channels", facets.read_named, at_least=1),
        levels=root.coded("levels", facets.read_named, at_least=1),
        urgencies=root.coded("urgencies", facets.read_named, at_least=1),
        warranty=facets.read_warranty(root.child("warranty"), causes),
        fee=facets.read_fee(root.child("fee")),
        checklists=root.coded("checklists", facets.read_checklist, at_least=1),
        report_fields=root.coded("report_fields", facets.read_named, at_least=1),
        fault_codes=root.coded("fault_codes", facets.read_named, at_least=1),
        cause_codes=causes,
        satisfaction=facets.read_satisfaction(root.child("satisfaction")),
        signature=facets.read_signature(root.child("signature")),
        figures=root.coded("figures", facets.read_figure),
        files=read_files(root.child("files")) if root.has("files") else shipped_rules(),
        unset=blanks(data),
        to_confirm=marked(data),
    )
    root.done()
    _check_clocks(policy)
    return policy


def _check_clocks(policy: Policy) -> None:
    """Refuse rules that name an unknown condition, and two rules with the same conditions."""
    known = [{entry.code for entry in group} for group in (policy.urgencies, policy.zones, policy.levels)]
    seen: dict[tuple[object, ...], str] = {}
    for rule in policy.clocks:
        conditions = conditions_of(rule)
        for key, wanted, codes in zip(("urgency", "zone", "level"), conditions, known, strict=True):
            if wanted is not None and wanted not in codes:
                raise PolicyError(f"$.clocks[{rule.code}].{key}", "code_unknown", wanted)
        twin = seen.setdefault((rule.clock, *conditions), rule.code)
        if twin != rule.code:
            raise PolicyError(f"$.clocks[{rule.code}]", "same_conditions", twin)


def policy_hash(data: Mapping[str, object]) -> str:
    """Return the SHA-256 of policy data in one canonical writing; order of keys and blanks do not matter."""
    text = json.dumps(data, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def unset_facets(policy: Policy) -> tuple[str, ...]:
    """Return the places the source leaves blank, to be filled before go-live (§5.1: no silent default)."""
    return policy.unset


def fill_policy(data: Mapping[str, object], values: Mapping[str, object]) -> dict[str, object]:
    """Return a copy with values put at paths as `unset_facets` writes them (`zones[city].match`).

    Only existing places can be set, and a locked brand policy not at all (R174). Raises PolicyError
    (`policy_locked`, `no_such_place`); the result is still to be checked by `load_policy`.
    """
    if data.get("locked") is True:
        raise PolicyError("$", "policy_locked")
    filled = copy.deepcopy(dict(data))
    for path, value in values.items():
        steps = [match[1] or match[2] for match in STEP.finditer(f".{path}")]
        place: object = filled
        for step in steps[:-1]:
            place = _below(place, step, path)
        if not isinstance(place, dict) or not steps or steps[-1] not in place:
            raise PolicyError(path, "no_such_place")
        place[steps[-1]] = copy.deepcopy(value)
    return filled


def _below(place: object, step: str, path: str) -> object:
    if isinstance(place, dict) and step in place:
        return place[step]
    if isinstance(place, list):
        for item in place:
            if isinstance(item, dict) and item.get("code") == step:
                return item
    raise PolicyError(path, "no_such_place")


def zone_of(policy: Policy, address: str) -> str | None:
    """Return the first zone whose patterns fit an address, None when none does."""
    plain = " ".join(address.split()).casefold()
    for zone in policy.zones:
        if any(fnmatchcase(plain, pattern.casefold()) for pattern in zone.match or ()):
            return zone.code
    return None
