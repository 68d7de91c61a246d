"""One ticket for an engineer, made through the product's commands: for tests that need work to be done on."""

from __future__ import annotations

from datetime import timedelta

from common.customers.customer_commands import RegisterCustomer
from common.kernel.clock import instant
from common.tickets.dispatching import AssignTicket
from common.tickets.intake import ReportFault
from sync_server.db.office import SYSTEM, perform
from tests.support.served import Server


def a_ticket_for(server: Server, engineer: str) -> str:
    """Register a customer and a call, send the engineer; returns the ticket's id."""
    database = server.parts.database
    new = database.new_id
    customer, ticket = new(), new()
    begin = instant(server.clock.read().wall_ms) + timedelta(hours=1)
    number = next(server.numbers)
    for payload in (
        RegisterCustomer(customer, f"C{number}", "东城医院"),
        ReportFault(ticket, f"T{number}", "phone", customer, "停机", "minor"),
        AssignTicket(ticket, new(), engineer, begin, begin + timedelta(hours=1), "当班"),
    ):
        outcome = perform(database, SYSTEM, payload)
        assert outcome.took_effect, outcome
    return ticket
