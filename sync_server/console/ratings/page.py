"""Opened opinion cards: the list, and those of one ticket (R108 R112 R113).

Owns the page and the cards' words. Who may read which card is `sync_server.followup.ratings`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from common.i18n import translate
from common.kernel.command import Role
from common.people.person import people_with_role
from common.policy.model import Policy
from common.policy.policy_set import find_policy
from common.visit.records import Rating
from sync_server.console.desk import Desk, known_id, page_of
from sync_server.console.lists import ListPage, ListSpec
from sync_server.console.site import Site
from sync_server.followup.ratings import OpenedRating, opened, ratings_listed, ratings_of, sort_columns

SPEC = ListSpec(
    "/console/ratings", ("given", "number", "customer", "engineer"), "-given", filters={"engineer": ()}
)
TONES = (("working", "check-circle"), ("confirmed", "check"), ("warn", "info"), ("alert", "alert"))
PLAIN = ("neutral", "dot")


@dataclass(frozen=True, slots=True)
class GradeLine:
    """One item of a card in words; `tone` is its colour, `icon` its picture."""

    item: str
    grade: str
    tone: str
    icon: str


def grade_lines(rating: OpenedRating, policy: Policy | None, language: str) -> Sequence[GradeLine]:
    """Say a card's grades in words of the policy in force; what it does not know is shown as it was given."""
    card = policy.satisfaction if policy else None
    items = {item.code: item.title.in_language(language) for item in card.items} if card else {}
    grades = list(card.grades) if card else []
    words = {grade.score: grade.title.in_language(language) for grade in grades}
    places = {grade.score: place for place, grade in enumerate(grades)}
    given = rating.card.grades if rating.card else {}
    known = [code for code in items if code in given]
    rest = [code for code in given if code not in items]
    return [
        GradeLine(
            items.get(code, code),
            words.get(given[code], str(given[code])),
            *(TONES[min(places[given[code]], len(TONES) - 1)] if given[code] in places else PLAIN),
        )
        for code in (*known, *rest)
    ]


def ratings_router(site: Site) -> APIRouter:
    """Make the page."""
    desk = Desk(site, "ratings")
    router = APIRouter(dependencies=[Depends(site.allow("ratings"))])

    @router.get(SPEC.path)
    def ratings(request: Request) -> Response:
        query, language = SPEC.read(request), site.language(request)
        with site.database.read() as session:
            statement = ratings_listed(query.search, query.filters, site.actor(request).person_id)
            page = page_of(session, statement, query, sort_columns(), Rating.id)
            policy = find_policy(session)
            engineers = [(person.id, person.name) for person in people_with_role(session, Role.ENGINEER)]
        cards = [opened(row.Rating, site.keys) for row in page.rows]
        rows = [
            (row, card, grade_lines(card, policy, language))
            for row, card in zip(page.rows, cards, strict=True)
        ]
        return desk.show(
            request,
            "ratings/list.html",
            "ratings/_list.html",
            page=ListPage(rows, page.total, page.query),
            filters=[("engineer", translate(language, "field.engineer_id"), engineers)],
        )

    @router.get("/console/tickets/{ticket_id}/ratings")
    def of_ticket(request: Request, ticket_id: str) -> Response:
        reader_id, language = site.actor(request).person_id, site.language(request)
        with site.database.read() as session:
            cards = ratings_of(session, known_id(ticket_id), reader_id, site.keys)
            policy = find_policy(session)
        told = [(card, grade_lines(card, policy, language)) for card in cards]
        return desk.show(
            request, "ratings/of_ticket.html", "ratings/_of_ticket.html", cards=told, ticket_id=ticket_id
        )

    return router
