"""The checklists of a visit with the answers given so far (R058).

Owns what a checklist shows. Which lists and items there are is the policy's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from common.policy.policy_set import find_policy
from common.policy.titles import Title
from common.tickets.ticket import Ticket
from common.visit.report import answers_of, checklists_for, model_of


@dataclass(frozen=True, slots=True)
class Item:
    """One step with its answer: ok, not_ok, na, or '' while open."""

    template: str
    code: str
    title: Title
    kind: str
    unit: str
    is_required: bool
    answer: str
    value: str
    note: str

    @property
    def is_open(self) -> bool:
        """Say whether it has still to be answered."""
        return self.is_required and not self.answer


@dataclass(frozen=True, slots=True)
class Checklist:
    """One list."""

    code: str
    title: Title
    items: tuple[Item, ...]

    @property
    def answered(self) -> int:
        """Count the items with an answer."""
        return sum(bool(item.answer) for item in self.items)


def load_checklists(ticket_id: str) -> Callable[[Session], tuple[Checklist, ...]]:
    """Return the query of a ticket's checklists."""

    def load(session: Session) -> tuple[Checklist, ...]:
        ticket, policy = session.get(Ticket, ticket_id), find_policy(session)
        if ticket is None or policy is None:
            return ()
        answers = answers_of(session, ticket)
        lists = []
        for checklist in checklists_for(policy, model_of(session, ticket)):
            items = []
            for item in checklist.items:
                given = answers.get((checklist.code, item.code))
                items.append(
                    Item(
                        checklist.code,
                        item.code,
                        item.title,
                        item.kind,
                        item.unit,
                        item.is_required,
                        given.answer if given else "",
                        given.value if given else "",
                        given.note if given else "",
                    )
                )
            lists.append(Checklist(checklist.code, checklist.title, tuple(items)))
        return tuple(lists)

    return load
