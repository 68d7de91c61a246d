"""The list of tickets: searched by folded words, filtered, sorted, fifty a page, live (R155).

Owns the page. The statement is `sync_server.tickets.listing`'s.
"""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from common.i18n import translate
from common.kernel.command import Role
from common.people.person import people_with_role
from common.policy.policy_set import find_policy
from sync_server.console.commands import choices, now_of
from sync_server.console.lists import ListPage, ListSpec, counted, in_page, last_page
from sync_server.console.site import Site
from sync_server.console.tickets.words import teach
from sync_server.tickets.listing import CLOCKS, NOBODY, STATES, sort_columns, tickets_listed

GROUPS = (*list(STATES)[:4], "held", "help", *list(STATES)[4:])
SEVERITIES = ("urgent", "minor", "complex")
SPEC = ListSpec(
    "/console/tickets",
    sorts=("number", "received", "customer", "engineer", "state", "due"),
    default_sort="-received",
    filters={"state": GROUPS, "engineer": (), "zone": (), "clock": CLOCKS, "severity": SEVERITIES},
)


def listing_router(site: Site) -> APIRouter:
    """Make the list of tickets."""
    teach(site.pages)
    router = APIRouter(dependencies=[Depends(site.allow("tickets"))])

    @router.get(SPEC.path)
    def tickets(request: Request) -> Response:
        query, now, language = SPEC.read(request), now_of(site), site.language(request)
        with site.database.read() as session:
            statement = tickets_listed(query.search, query.filters, now)
            total = session.scalar(counted(statement)) or 0
            query = last_page(query, total)
            columns = sort_columns()
            rows = session.execute(in_page(statement, query, columns, columns["number"])).all()
            engineers = [(person.id, person.name) for person in people_with_role(session, Role.ENGINEER)]
            policy = find_policy(session)
        zones = [(zone.code, zone.title.in_language(language)) for zone in policy.zones] if policy else []
        nobody = (NOBODY, translate(language, "tickets.nobody"))
        filters = [
            ("state", translate(language, "field.state"), choices(language, "tickets.group", GROUPS)),
            ("clock", translate(language, "tickets.clock"), choices(language, "tickets.clocks", CLOCKS)),
            ("engineer", translate(language, "field.engineer_id"), [nobody, *engineers]),
            ("zone", translate(language, "field.zone"), zones),
            (
                "severity",
                translate(language, "field.severity"),
                choices(language, "tickets.severity", SEVERITIES),
            ),
        ]
        return site.pages.answer(
            request, site.reader(request), "tickets/list.html", "tickets/_list.html", area="tickets",
            page=ListPage(rows, total, query), filters=filters, policy=policy, now=now,
        )  # fmt: skip

    return router
