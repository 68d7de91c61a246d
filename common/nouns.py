"""Every noun of the product: importing this module registers all tables, commands and scope rules.

Owns nothing else. Programs import it once, before they make tables or run commands.
"""

from importlib import import_module

ROOMS = (
    "common.approvals.approval",
    "common.coverage.coverage",
    "common.coverage.coverage_commands",
    "common.coverage.entitlement",
    "common.customers.customer",
    "common.customers.customer_commands",
    "common.equipment.acceptance",
    "common.equipment.equipment",
    "common.equipment.equipment_commands",
    "common.equipment.model_commands",
    "common.files.attach",
    "common.files.attachment",
    "common.files.bytes_arrive",
    "common.inbox.inbox_commands",
    "common.inbox.records",
    "common.people.erasure",
    "common.people.fitness_commands",
    "common.people.person",
    "common.people.person_commands",
    "common.policy.policy_commands",
    "common.policy.policy_set",
    "common.sla.clock_commands",
    "common.sla.clock_record",
    "common.stock.location",
    "common.stock.minimum_commands",
    "common.stock.movement",
    "common.stock.part",
    "common.stock.part_commands",
    "common.stock.part_usage",
    "common.stock.stock_commands",
    "common.tickets.appointment",
    "common.tickets.closing",
    "common.tickets.dispatching",
    "common.tickets.field_work",
    "common.tickets.intake",
    "common.tickets.ownership",
    "common.tickets.ticket",
    "common.visit.diagnosis",
    "common.visit.on_site",
    "common.visit.records",
    "common.visit.repair",
    "common.visit.sign_off",
    "common.visit.stop_use",
    "common.visit.voiding",
)
MODULES = tuple(import_module(name) for name in ROOMS)
