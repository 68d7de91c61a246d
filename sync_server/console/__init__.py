"""The dispatch console: one task a folder, page and template side by side.

Owns pages and what they are made of (templates/kit, static). Must not hold rules, permissions or SQL of a noun:
every write is a command, every read a function of the noun.
"""
