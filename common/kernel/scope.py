"""Scope as data: who may see which aggregate. Each kind of aggregate declares what it grants, and to whom.

A grant's reason is the aggregate that gave it, so the rows of one reason are found and compared in one query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy.orm import Session

Grant = tuple[str, str]  # (principal, aggregate)
ScopeRule = Callable[[Session, str], Iterable[Grant]]
RULES: dict[str, ScopeRule] = {}
EVERYONE = "all"


def user(person_id: str) -> str:
    """Name the principal of one person."""
    return f"user:{person_id}"


def scope_rule(kind: str) -> Callable[[ScopeRule], ScopeRule]:
    """Register what an aggregate of this kind grants: pairs of principal and aggregate."""

    def register(rule: ScopeRule) -> ScopeRule:
        if kind in RULES:
            raise ValueError(f"scope of {kind} is declared twice")
        RULES[kind] = rule
        return rule

    return register


def grants_of(session: Session, agg: str) -> frozenset[Grant]:
    """Ask the rule of the aggregate's kind; a kind without a rule is never seen by a tablet."""
    rule = RULES.get(agg.partition(":")[0])
    return frozenset(rule(session, agg)) if rule else frozenset()
