"""The dispatch console: one task a folder, page and template side by side.

Owns pages and what they are made of (templates/kit, static). Holds no rule, permission or SQL: every
write is a command, every read a function of the noun.
"""
