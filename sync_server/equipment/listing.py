"""Models and units as statements, and what covers a unit today.

Owns joins and filters. Verdicts are the coverage room's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Select, and_, func, literal, or_, select
from sqlalchemy.orm import Session

from common.coverage.coverage import Coverage
from common.coverage.entitlement import judge_unit
from common.coverage.judge import EntitlementJudgement
from common.customers.customer import Customer
from common.equipment.equipment import Equipment, EquipmentModel
from common.kernel.search import matching
from common.policy.policy_set import find_policy
from common.tickets.ticket import OPEN, Ticket

STATES = ("in_use", "stopped", "retired")


def units_listed(search: str, filters: Mapping[str, str]) -> Select[Any]:
    """Select (unit, model, customer, open tickets) by words of unit, model or customer.

    Filters: `state`, `model` id, `customer` id.
    """
    running = select(func.count()).where(Ticket.equipment_id == Equipment.id, Ticket.state.in_(OPEN))
    query: Any = (
        select(
            Equipment,
            EquipmentModel,
            Customer,
            running.correlate(Equipment).scalar_subquery().label("running"),
        )
        .outerjoin(EquipmentModel, EquipmentModel.id == Equipment.model_id)
        .outerjoin(Customer, Customer.id == Equipment.customer_id)
    )
    if search:
        query = query.where(
            or_(and_(*matching(Equipment.folded, search)), and_(*matching(Customer.folded, search)))
        )
    for name, column in (
        ("state", Equipment.state),
        ("model", Equipment.model_id),
        ("customer", Equipment.customer_id),
    ):
        if name in filters:
            query = query.where(column == filters[name])
    return query


def unit_columns() -> dict[str, Any]:
    """Map the names the list may be sorted by; units without acceptance come last."""
    return {
        "serial": Equipment.serial,
        "model": func.coalesce(EquipmentModel.name, ""),
        "customer": func.coalesce(Customer.name, ""),
        "accepted": func.coalesce(Equipment.accepted_on, literal(date.max, Equipment.accepted_on.type)),
    }


def coverage_listed(session: Session, equipment_id: str) -> list[Coverage]:
    """List every contract and warranty of a unit, the newest first, ended ones too."""
    query = select(Coverage).where(Coverage.equipment_id == equipment_id)
    return list(session.scalars(query.order_by(Coverage.cancelled, Coverage.until_on.desc(), Coverage.id)))


def judged_today(session: Session, unit: Equipment, today: date) -> EntitlementJudgement | None:
    """Judge what a call about this unit would be today; None while no policy is in force."""
    policy = find_policy(session)
    return judge_unit(session, unit, policy, None, today) if policy else None


def models_listed(session: Session) -> list[Any]:
    """List (model, units in use) by name."""
    units = select(func.count()).where(Equipment.model_id == EquipmentModel.id, Equipment.state != "retired")
    query = select(EquipmentModel, units.correlate(EquipmentModel).scalar_subquery())
    return list(session.execute(query.order_by(EquipmentModel.name, EquipmentModel.code)))


def model_options(session: Session) -> list[tuple[str, str]]:
    """List models in service for a choice, by name."""
    query = select(EquipmentModel).where(EquipmentModel.active.is_(True))
    rows = session.scalars(query.order_by(EquipmentModel.name, EquipmentModel.code))
    return [(row.id, row.title) for row in rows]
