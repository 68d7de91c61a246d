"""Plans for customers: new files are opened, known ones edited where the table says otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.customers.customer import Customer
from common.customers.customer_commands import EditCustomer, RegisterCustomer
from common.kernel.ids import derive_id
from common.kernel.text import fold
from sync_server.imports.pinyin import spell
from sync_server.imports.plan import Line, Notes, Planned, edits_of, has_all, planned, taken_up
from sync_server.imports.words import zones_known

FIELDS = ("name", "contact", "phone", "address", "zone", "language", "key_customer", "site_notes")


def customer_id_for(number: str) -> str:
    """Name a customer by its number, so that the same row is the same customer in every import."""
    return derive_id("import", "customer", number)


def plan_customers(session: Session, lines: list[Line], notes: Notes) -> Iterator[Planned]:
    """Plan each customer. Notes `zone_unknown`, `value_missing_for_new`."""
    known = {customer.number: customer for customer in session.scalars(select(Customer))}
    zones = zones_known(session)
    for line in lines:
        wanted: dict[str, Any] = line.of(*FIELDS)
        if not settle_zone(line, wanted, zones, notes):
            continue
        if "name" in wanted:
            wanted["pinyin"], wanted["initials"] = spell(wanted["name"])
        number = line.values["number"]
        customer = known.get(number)
        if customer is None:
            if has_all(line, notes, "name"):
                command = RegisterCustomer(customer_id_for(number), number, **wanted)
                yield planned(line, number, wanted["name"], (), command, new=True)
            continue
        changes = (*edits_of(customer, wanted), *taken_up(customer))
        commands = [EditCustomer(customer.id, changes)] if changes else []
        yield planned(line, number, customer.name, changes, *commands)


def settle_zone(line: Line, wanted: dict[str, Any], zones: dict[str, str], notes: Notes) -> bool:
    """Turn a zone's code or name into its code; notes `zone_unknown`."""
    if "zone" not in wanted or not zones:
        return True
    code = zones.get(fold(wanted["zone"]))
    if code is None:
        known = ", ".join(dict.fromkeys(zones.values()))
        notes.add("zone_unknown", line.line, "zone", value=wanted["zone"], known=known)
        return False
    wanted["zone"] = code
    return True
