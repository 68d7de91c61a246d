"""What covers a unit, and the judgement of a ticket from report to confirmation (R031–R037)."""

from __future__ import annotations

from datetime import date

import pytest

from common.coverage.coverage import Coverage
from common.coverage.coverage_commands import CancelCoverage, RegisterCoverage
from common.coverage.entitlement import (
    ConfirmEntitlement,
    coverage_of,
    current_entitlement,
    judge_now,
    service_type_for,
)
from common.i18n import has_key
from common.kernel.command import Role
from common.policy.policy_commands import AdoptPolicy
from common.policy.policy_set import active_policy
from common.tickets.ticket import Ticket, TicketEvent
from tests.support.world import World


@pytest.fixture
def contractor(world: World) -> World:
    """Give a world that works by the contractor's policy."""
    world.must(AdoptPolicy(world.id(), "system-contractor"))
    return world


def ticket_of(world: World, **unit: object) -> Ticket:
    """Report a fault of a unit."""
    made: Ticket = world.get(Ticket, world.a_ticket(unit_id=world.a_unit(**unit)))
    return made


def test_a_report_is_judged_at_once(contractor: World) -> None:
    covered = ticket_of(contractor, accepted_on=date(2025, 9, 1), warranty_months=12)
    found = current_entitlement(contractor.session, covered.id)
    assert found is not None
    assert (found.verdict, found.service_type, found.provisional, found.confirmed_by) == (
        "covered",
        "C",
        True,
        None,
    )
    assert found.values["expires"] == "2026-09-01"
    assert found.data_version.startswith(active_policy(contractor.session).data_version)
    assert contractor.get(Ticket, covered.id).service_type == "C"
    expired = ticket_of(contractor, accepted_on=date(2020, 1, 1), warranty_months=12)
    assert current_entitlement(contractor.session, expired.id).verdict == "paid"  # type: ignore[union-attr]


def test_an_excluded_cause_changes_the_verdict(contractor: World) -> None:
    ticket = ticket_of(contractor, accepted_on=date(2025, 9, 1), warranty_months=12)
    cause = sorted(active_policy(contractor.session).warranty.excluded_causes)[0]
    found = judge_now(contractor.session, ticket, cause)
    assert (found.verdict, found.reason, found.is_provisional) == ("paid", "excluded_cause", False)


def test_a_contract_covers_what_warranty_does_not(contractor: World) -> None:
    unit, contract = contractor.a_unit(accepted_on=date(2020, 1, 1), warranty_months=12), contractor.id()
    payload = RegisterCoverage(contract, unit, "contract", date(2026, 1, 1), date(2026, 12, 31), "HT-26")
    contractor.must(payload)
    assert contractor.do(payload).status == "noop"
    ticket = contractor.get(Ticket, contractor.a_ticket(unit_id=unit))
    found = current_entitlement(contractor.session, ticket.id)
    assert found is not None
    assert (found.verdict, found.service_type, found.values["contract"]) == ("contract", "B", "HT-26")
    assert contractor.do(CancelCoverage(contract, contractor.id(), "x")).code == "coverage_unknown"
    contractor.must(CancelCoverage(contract, unit, "客户退约"))
    assert contractor.do(CancelCoverage(contract, unit, "客户退约")).status == "noop"
    assert contractor.get(Coverage, contract).terms["cancelled"] == "客户退约"
    assert coverage_of(contractor.session, unit) == []
    assert judge_now(contractor.session, ticket, None).verdict == "paid"


def test_an_added_warranty_counts_to_its_own_last_day(contractor: World) -> None:
    unit = contractor.a_unit(accepted_on=date(2020, 1, 1), warranty_months=12)
    added = RegisterCoverage(contractor.id(), unit, "warranty", date(2025, 7, 10), date(2026, 4, 3), "YB-1")
    contractor.must(added)
    ticket = contractor.get(Ticket, contractor.a_ticket(unit_id=unit))
    found = judge_now(contractor.session, ticket, None)
    assert (found.verdict, found.expires_on, found.values["expires"]) == (
        "covered",
        date(2026, 4, 3),
        "2026-04-03",
    )


def test_where_facts_lack_nothing_is_decided(world: World) -> None:
    ticket = world.get(Ticket, world.a_ticket())
    assert judge_now(world.session, ticket, None).reason == "policy_missing"
    world.must(AdoptPolicy(world.id(), "medical-device"))
    found = judge_now(world.session, ticket, None)
    assert (found.verdict, found.reason) == ("undetermined", "equipment_not_known")
    for reason in ("policy_missing", "equipment_not_known", "decided_by_supervisor"):
        assert has_key(f"coverage.reason.{reason}")


def test_a_supervisor_confirms_or_decides_otherwise(contractor: World) -> None:
    ticket = ticket_of(contractor, accepted_on=date(2025, 9, 1), warranty_months=12)
    found = current_entitlement(contractor.session, ticket.id)
    assert found is not None
    payload = ConfirmEntitlement(ticket.id, found.id, "paid", "A", "人为损坏")
    assert contractor.do(payload, roles=(Role.DISPATCHER,)).code == "not_permitted"
    assert contractor.do(payload, roles=(Role.SUPERVISOR,)).status == "ok"
    assert contractor.do(payload, roles=(Role.SUPERVISOR,)).status == "noop"
    found = current_entitlement(contractor.session, ticket.id)
    assert found is not None
    assert (found.verdict, found.service_type, found.reason) == ("paid", "A", "decided_by_supervisor")
    assert found.confirmed_by == contractor.boss
    assert contractor.get(Ticket, ticket.id).service_type == "A"
    events = contractor.session.query(TicketEvent).filter_by(
        ticket_id=ticket.id, kind="entitlement_confirmed"
    )
    assert events.count() == 1
    other = ticket_of(contractor)
    assert contractor.do(ConfirmEntitlement(other.id, found.id, "paid", "A")).code == "entitlement_unknown"


def test_service_types_and_windows(contractor: World) -> None:
    assert [
        service_type_for(verdict) for verdict in ("covered", "contract", "paid", "undetermined", "?")
    ] == [
        "C",
        "B",
        "A",
        "",
        "",
    ]
    backwards = RegisterCoverage(
        contractor.id(), contractor.a_unit(), "contract", date(2026, 2, 1), date(2026, 1, 1)
    )
    assert contractor.do(backwards).code == "window_backwards"
    unknown = RegisterCoverage(
        contractor.id(), contractor.id(), "contract", date(2026, 1, 1), date(2026, 2, 1)
    )
    assert contractor.do(unknown).code == "equipment_unknown"
