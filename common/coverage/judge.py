"""Covered, contract, paid or undetermined: the entitlement to a service on a day (R031–R037).

Owns the verdict and its reason. Pure: the tablet proposes with the data it carries and `data_version` says
which that was; a supervisor confirms elsewhere. Reads no tables and no clock.
"""

from __future__ import annotations

import calendar
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from common.policy.model import Warranty
from common.policy.titles import Values

Verdict = Literal["covered", "contract", "paid", "undetermined"]
SERVICE_TYPE: dict[Verdict, str | None] = {"covered": "C", "contract": "B", "paid": "A", "undetermined": None}


@dataclass(frozen=True, slots=True)
class ServiceContract:
    """A maintenance contract (商品保养合同书, R038): both days belong to it."""

    contract_no: str
    starts_on: date
    ends_on: date


@dataclass(frozen=True, slots=True)
class EntitlementJudgement:
    """A verdict. `reason` has a sentence `coverage.reason.<reason>`; `values` fill it.

    `service_type`: A paid, B contract, C free, None undetermined (R037). `expires_on`: last day of warranty.
    `is_provisional`: the cause is not known yet, so an exclusion may still change the verdict.
    """

    verdict: Verdict
    reason: str
    service_type: str | None
    data_version: str
    expires_on: date | None
    contract_no: str | None = None
    is_provisional: bool = False
    values: Values = field(default_factory=dict)


def judge_entitlement(
    accepted_on: date | None,
    term_months: int | None,
    warranty: Warranty,
    contracts: Sequence[ServiceContract],
    cause_code: str | None,
    on_day: date,
    policy_version: str,
) -> EntitlementJudgement:
    """Judge one unit of equipment on a local day.

    `accepted_on`: the day of the policy's start event; `term_months`: by contract, None: the policy's figure.
    Warranty comes before a contract, an excluded cause before both except that a contract still serves it.
    """
    term = term_months if term_months is not None else warranty.months
    expires_on = None if accepted_on is None or term is None else last_day_of_term(accepted_on, term)
    contract = _contract_on(contracts, on_day)
    verdict, reason = _decide(accepted_on, term, expires_on, warranty, contract, cause_code, on_day)
    values: dict[str, str | int] = {"day": on_day.isoformat()}
    if expires_on is not None:
        values["expires"] = expires_on.isoformat()
    if accepted_on is not None:
        values["accepted"] = accepted_on.isoformat()
    if contract is not None:
        values |= {"contract": contract.contract_no, "until": contract.ends_on.isoformat()}
    known = sorted((c.contract_no, c.starts_on, c.ends_on) for c in contracts)
    facts = [accepted_on, term, known, cause_code]
    return EntitlementJudgement(
        verdict=verdict,
        reason=reason,
        service_type=SERVICE_TYPE[verdict],
        data_version=f"{policy_version}+{_digest(facts)}",
        expires_on=expires_on,
        contract_no=contract.contract_no if contract is not None and verdict == "contract" else None,
        is_provisional=cause_code is None and verdict in ("covered", "contract"),
        values=values,
    )


def _decide(
    accepted_on: date | None,
    term: int | None,
    expires_on: date | None,
    warranty: Warranty,
    contract: ServiceContract | None,
    cause_code: str | None,
    on_day: date,
) -> tuple[Verdict, str]:
    if cause_code is not None and cause_code in warranty.excluded_causes:
        return ("contract", "excluded_but_contract") if contract else ("paid", "excluded_cause")
    is_running = expires_on is not None and accepted_on is not None and accepted_on <= on_day <= expires_on
    if is_running:
        if cause_code is None:
            return "covered", "in_warranty_cause_open"
        if cause_code in warranty.covered_causes:
            return "covered", "in_warranty"
        return ("contract", "cause_open_but_contract") if contract else ("undetermined", "cause_to_decide")
    if contract is not None:
        return "contract", "contract_in_force"
    if accepted_on is None:
        return "undetermined", "acceptance_unknown"
    if on_day < accepted_on:
        return "undetermined", "not_accepted_yet"
    if expires_on is None or term is None:
        return "undetermined", "term_unknown"
    if warranty.after_expiry is None:
        return "undetermined", "after_expiry_unset"
    return "paid", f"expired_{warranty.after_expiry}"


def _contract_on(contracts: Sequence[ServiceContract], on_day: date) -> ServiceContract | None:
    """Return the contract in force that ends last; its number breaks a tie."""
    running = [c for c in contracts if c.starts_on <= on_day <= c.ends_on]
    return max(running, key=lambda c: (c.ends_on, c.contract_no), default=None)


def last_day_of_term(start_on: date, months: int) -> date:
    """Return the last day of a term: the same day of its last month, or that month's end if it is shorter.

    So reckons the Civil Code of the PRC, art. 201 and 202: the first day is not counted. `months` 0–1200.
    """
    if not 0 <= months <= 1200:
        raise ValueError("months_out_of_range")
    year, month = divmod(start_on.year * 12 + start_on.month - 1 + months, 12)
    return date(year, month + 1, min(start_on.day, calendar.monthrange(year, month + 1)[1]))


def days_left(entitlement: EntitlementJudgement, on_day: date) -> int | None:
    """Return the days of warranty left after this day, negative when past, None when the end is unknown."""
    if entitlement.expires_on is None:
        return None
    return (entitlement.expires_on - on_day) // timedelta(days=1)


def _digest(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, default=str, sort_keys=True).encode()).hexdigest()[:8]
