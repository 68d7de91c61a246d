"""A company's policy as values: every figure with its unit and source, nothing decided here.

Owns the shape only. `None` stands where the source leaves a figure blank; `Policy.unset` lists those places,
`Policy.to_confirm` the ones we filled on our own account: both must be settled before go-live (R173).
"""

from __future__ import annotations

from dataclasses import dataclass

from common.policy.file_rules import FileRules
from common.policy.titles import Title
from common.sla.calendar import WorkingCalendar
from common.sla.rule import ClockRule


@dataclass(frozen=True, slots=True)
class Named:
    """A code with its name and source: channels, levels, fault codes, report fields, service types."""

    code: str
    title: Title
    source: str


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone of addresses. `match`: shell patterns (`*浦东新区*`), None until filled."""

    code: str
    title: Title
    source: str
    match: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class CauseCode:
    """A cause of a fault. `warranty`: `covered`, `excluded` (R034) or `decide`: a supervisor judges."""

    code: str
    title: Title
    source: str
    warranty: str


@dataclass(frozen=True, slots=True)
class Warranty:
    """Warranty rules (R031–R036). `months` is the fallback where contract and equipment name no term.

    `start_event`: acceptance, final_acceptance or sale. `after_expiry`: paid, cost_only, lifetime or refuse.
    """

    source: str
    start_event: str | None
    months: int | None
    after_expiry: str | None
    excluded_causes: frozenset[str]
    covered_causes: frozenset[str]


@dataclass(frozen=True, slots=True)
class PriceLine:
    """A line of the public price list (收费标准公示). `amount_minor` None until the company sets it."""

    code: str
    title: Title
    source: str
    unit: str
    amount_minor: int | None


@dataclass(frozen=True, slots=True)
class Fee:
    """Fees on the job (R037, R068, R069): service types A–D, price list, ceiling for cash on site."""

    source: str
    currency: str
    service_types: tuple[Named, ...]
    price_list: tuple[PriceLine, ...]
    small_fee_ceiling_minor: int | None
    quote_owner: str | None


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One step. `kind`: tick, choice (pass, fail, not applicable) or value with `unit`."""

    code: str
    title: Title
    source: str
    kind: str
    is_required: bool
    unit: str


@dataclass(frozen=True, slots=True)
class Checklist:
    """A checklist template; `product_type` None: every visit."""

    code: str
    title: Title
    source: str
    product_type: str | None
    items: tuple[ChecklistItem, ...]


@dataclass(frozen=True, slots=True)
class Grade:
    """One grade of the opinion card, best first."""

    code: str
    title: Title
    score: int


@dataclass(frozen=True, slots=True)
class SatisfactionCard:
    """The customer's opinion card (R108, R113): items × grades, sealed from the engineer it rates."""

    source: str
    items: tuple[Named, ...]
    grades: tuple[Grade, ...]
    is_for_every_job: bool
    is_sealed: bool


@dataclass(frozen=True, slots=True)
class SignatureRules:
    """What a sign-off needs (R060, R065, R066)."""

    source: str
    is_name_required: bool
    is_role_required: bool
    is_refusal_reason_required: bool
    is_agreement_needed_for_paid_work: bool


@dataclass(frozen=True, slots=True)
class Figure:
    """A published figure of the standard that no clock runs on (R173). Units: h, d, month, year, pct …"""

    code: str
    title: Title
    source: str
    amount: int | None
    unit: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole policy, checked. `policy_hash` is over its data; `version` rises with every approved change."""

    policy_id: str
    version: int
    policy_hash: str
    title: Title
    source: str
    is_locked: bool
    calendar: WorkingCalendar
    clocks: tuple[ClockRule, ...]
    zones: tuple[Zone, ...]
    channels: tuple[Named, ...]
    levels: tuple[Named, ...]
    urgencies: tuple[Named, ...]
    warranty: Warranty
    fee: Fee
    checklists: tuple[Checklist, ...]
    report_fields: tuple[Named, ...]
    fault_codes: tuple[Named, ...]
    cause_codes: tuple[CauseCode, ...]
    satisfaction: SatisfactionCard
    signature: SignatureRules
    figures: tuple[Figure, ...]
    files: FileRules
    unset: tuple[str, ...]
    to_confirm: tuple[str, ...]

    @property
    def data_version(self) -> str:
        """Name exactly which data a judgement stood on: `medical-device@1#0123abcd4567`."""
        return f"{self.policy_id}@{self.version}#{self.policy_hash[:12]}"
