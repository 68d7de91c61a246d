"""Machinery that names no noun: ids, clock, text, quantities, records, commands, work, execute, scope, lifecycles.

Every write of the product passes through here; nothing here knows a ticket, a part or a person.
"""
