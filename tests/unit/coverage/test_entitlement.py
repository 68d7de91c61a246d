"""Covered, contract, paid, undetermined: R031–R037 by table, boundary days exact."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from common.coverage.judge import (
    EntitlementJudgement,
    ServiceContract,
    days_left,
    judge_entitlement,
    last_day_of_term,
)
from common.i18n import LANGUAGES, translate
from common.policy.model import Warranty
from common.policy.preset import load_preset

CONTRACTOR = load_preset("system-contractor").warranty
ACCEPTED = date(2025, 3, 15)
CONTRACT = ServiceContract("B-7", date(2026, 1, 1), date(2026, 12, 31))


def judge(
    on: str,
    cause: str | None = "material",
    accepted: date | None = ACCEPTED,
    months: int | None = 12,
    contracts: tuple[ServiceContract, ...] = (),
    warranty: Warranty = CONTRACTOR,
) -> EntitlementJudgement:
    day = date.fromisoformat(on)
    return judge_entitlement(accepted, months, warranty, contracts, cause, day, "system-contractor@1#abc")


@pytest.mark.parametrize(
    ("start", "months", "last"),
    [
        ("2025-03-15", 12, "2026-03-15"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2027-02-28", 12, "2028-02-28"),
        ("2025-01-31", 1, "2025-02-28"),
        ("2025-08-31", 6, "2026-02-28"),
        ("2023-08-31", 6, "2024-02-29"),
        ("2025-12-31", 2, "2026-02-28"),
        ("2025-11-30", 3, "2026-02-28"),
        ("2025-12-15", 1, "2026-01-15"),
        ("2025-05-31", 0, "2025-05-31"),
        ("2025-05-31", 36, "2028-05-31"),
    ],
)
def test_last_day_of_a_term(start: str, months: int, last: str) -> None:
    assert last_day_of_term(date.fromisoformat(start), months) == date.fromisoformat(last)


@pytest.mark.parametrize("months", [-1, 1201])
def test_term_out_of_bounds_is_refused(months: int) -> None:
    with pytest.raises(ValueError, match="months_out_of_range"):
        last_day_of_term(ACCEPTED, months)


@pytest.mark.parametrize(
    ("on", "verdict", "reason", "kind"),
    [
        ("2025-03-14", "undetermined", "not_accepted_yet", None),
        ("2025-03-15", "covered", "in_warranty", "C"),
        ("2026-03-15", "covered", "in_warranty", "C"),
        ("2026-03-16", "paid", "expired_cost_only", "A"),
    ],
)
def test_boundary_days(on: str, verdict: str, reason: str, kind: str | None) -> None:
    found = judge(on)
    assert (found.verdict, found.reason, found.service_type) == (verdict, reason, kind)
    assert found.expires_on == date(2026, 3, 15)


@pytest.mark.parametrize(
    "cause", ["man_made", "user_fault", "natural_disaster", "earthquake", "lightning", "pests"]
)
def test_excluded_causes_are_paid_even_in_warranty(cause: str) -> None:
    found = judge("2025-06-01", cause)
    assert (found.verdict, found.reason, found.service_type) == ("paid", "excluded_cause", "A")
    contract = replace(CONTRACT, starts_on=date(2025, 1, 1))
    served = judge("2025-06-01", cause, contracts=(contract,))
    assert (served.verdict, served.reason, served.contract_no) == ("contract", "excluded_but_contract", "B-7")


@pytest.mark.parametrize("cause", ["material", "manufacturing", "assembly", "system_software"])
def test_material_manufacturing_and_assembly_faults_are_free(cause: str) -> None:
    assert judge("2025-06-01", cause).service_type == "C"


@pytest.mark.parametrize("cause", ["wear", "unknown", "never_heard_of"])
def test_cause_the_policy_does_not_settle_is_left_to_the_supervisor(cause: str) -> None:
    assert (judge("2025-06-01", cause).verdict, judge("2025-06-01", cause).reason) == (
        "undetermined",
        "cause_to_decide",
    )


def test_proposal_before_the_diagnosis_is_marked_provisional() -> None:
    found = judge("2025-06-01", None)
    assert (found.verdict, found.reason, found.is_provisional) == ("covered", "in_warranty_cause_open", True)
    assert not judge("2025-06-01").is_provisional


@pytest.mark.parametrize(
    ("on", "verdict"),
    [
        ("2026-03-16", "contract"),
        ("2026-12-31", "contract"),
        ("2027-01-01", "paid"),
        ("2026-03-15", "covered"),
    ],
)
def test_contract_takes_over_where_the_warranty_ends(on: str, verdict: str) -> None:
    assert judge(on, contracts=(CONTRACT,)).verdict == verdict


def test_contract_that_lasts_longest_is_named() -> None:
    longer = ServiceContract("B-9", date(2026, 6, 1), date(2027, 5, 31))
    found = judge("2026-07-01", contracts=(longer, CONTRACT))
    assert (found.contract_no, found.service_type) == ("B-9", "B")


@pytest.mark.parametrize(
    ("accepted", "months", "reason"),
    [(None, 12, "acceptance_unknown"), (ACCEPTED, None, "term_unknown"), (None, None, "acceptance_unknown")],
)
def test_missing_data_is_said_not_guessed(accepted: date | None, months: int | None, reason: str) -> None:
    found = judge("2026-06-01", accepted=accepted, months=months)
    assert (found.verdict, found.reason, found.service_type, found.expires_on) == (
        "undetermined",
        reason,
        None,
        None,
    )
    assert judge("2026-06-01", accepted=accepted, months=months, contracts=(CONTRACT,)).verdict == "contract"


def test_term_of_the_contract_beats_the_policys_figure() -> None:
    yearly = replace(CONTRACTOR, months=12)
    assert judge("2026-06-01", months=None, warranty=yearly).verdict == "paid"
    assert judge("2026-06-01", months=36, warranty=yearly).verdict == "covered"


@pytest.mark.parametrize("after", ["paid", "cost_only", "lifetime", "refuse"])
def test_rule_after_expiry_gives_the_reason(after: str) -> None:
    found = judge("2026-06-01", warranty=replace(CONTRACTOR, after_expiry=after))
    assert (found.verdict, found.reason) == ("paid", f"expired_{after}")


def test_policy_blank_after_expiry_decides_nothing() -> None:
    found = judge("2026-06-01", warranty=replace(CONTRACTOR, after_expiry=None))
    assert (found.verdict, found.reason) == ("undetermined", "after_expiry_unset")


def test_data_version_follows_every_fact_but_not_the_day_asked() -> None:
    base = judge("2025-06-01").data_version
    assert base.startswith("system-contractor@1#abc+")
    assert judge("2025-06-02").data_version == base
    others = [
        judge("2025-06-01", cause="wear"),
        judge("2025-06-01", months=24),
        judge("2025-06-01", contracts=(CONTRACT,)),
        judge("2025-06-01", accepted=date(2025, 3, 14)),
    ]
    assert len({base, *(other.data_version for other in others)}) == 5


def test_days_left_count_down_to_the_last_day() -> None:
    found = judge("2026-03-14")
    assert days_left(found, date(2026, 3, 15)) == 0
    assert days_left(found, date(2026, 3, 16)) == -1
    assert days_left(judge("2026-03-14", accepted=None), date(2026, 3, 14)) is None


@pytest.mark.parametrize("on", ["2025-03-14", "2025-06-01", "2026-06-01"])
@pytest.mark.parametrize("cause", [None, "material", "wear", "man_made"])
@pytest.mark.parametrize("contracts", [(), (CONTRACT,)])
def test_every_reason_is_a_whole_sentence(
    on: str, cause: str | None, contracts: tuple[ServiceContract, ...]
) -> None:
    found = judge(on, cause, contracts=contracts)
    for language in LANGUAGES:
        sentence = translate(language, f"coverage.reason.{found.reason}", **found.values)
        assert "{" not in sentence
        assert not sentence.startswith("coverage.")
