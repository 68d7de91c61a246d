"""Forms whose template has changed since they were filled in: each answer keeps the words it was asked with (F4).

Owns a checklist's part of the report, and finding an item in earlier versions of the policy; decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from common.policy.model import Checklist, Policy
from common.policy.policy_set import earlier_policies
from common.policy.titles import Title
from common.visit.records import ChecklistAnswer


def known_lists(
    session: Session, policy: Policy | None, answers: Iterable[tuple[str, str]]
) -> dict[str, Checklist]:
    """Map the checklists by code; what was answered and is no longer asked is named by the policy that asked (F4)."""
    known = {checklist.code: checklist for checklist in policy.checklists} if policy else {}
    strange = {
        (template, item)
        for template, item in answers
        if item not in {one.code for one in (known[template].items if template in known else ())}
    }
    for earlier in earlier_policies(session) if strange else ():
        for checklist in earlier.checklists:
            found = tuple(item for item in checklist.items if (checklist.code, item.code) in strange)
            if found:
                there = known.get(checklist.code, replace(checklist, items=()))
                known[checklist.code] = replace(there, items=there.items + found)
                strange -= {(checklist.code, item.code) for item in found}
        if not strange:
            break
    return known


def checklist_part(
    template: str, checklist: Checklist | None, given: list[ChecklistAnswer]
) -> dict[str, Any]:
    """Write one checklist with its answers, in the order of its items."""
    items = {item.code: item for item in checklist.items} if checklist else {}
    order = {code: place for place, code in enumerate(items)}
    given.sort(key=lambda answer: (order.get(answer.item, len(order)), answer.item))
    return {
        "code": template,
        "title": title_list(checklist.title if checklist else None),
        "items": [
            {
                "code": answer.item,
                "title": title_list(items[answer.item].title if answer.item in items else None),
                "unit": items[answer.item].unit if answer.item in items else "",
                "answer": answer.answer,
                "value": answer.value,
                "note": answer.note,
            }
            for answer in given
        ],
    }


def title_list(title: Title | None) -> list[str]:
    """Write a title as [English, simplified, traditional]; empty where none is known."""
    return [title.en, title.zh_hans, title.zh_hant] if title else []
