"""Who is reading a page: language, time zone, which areas he may open.

Made by the sign-in code for each request, read by rendering. Decides no permission: areas only hide links.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Area:
    """One entry of the navigation; its label is the catalogue key `console.nav.<name>`."""

    name: str
    icon: str
    url: str


AREAS = (
    Area("intake", "phone", "/console/intake"),
    Area("register", "book", "/console/register"),
    Area("board", "board", "/console/board"),
    Area("tickets", "ticket", "/console/tickets"),
    Area("ratings", "star", "/console/ratings"),
    Area("stock", "boxes", "/console/stock"),
    Area("customers", "building", "/console/customers"),
    Area("equipment", "machine", "/console/equipment"),
    Area("people", "people", "/console/people"),
    Area("policy", "scales", "/console/policy"),
    Area("tablets", "tablet", "/console/tablets"),
    Area("inbox", "inbox", "/console/inbox"),
    Area("approvals", "signature", "/console/approvals"),
    Area("evidence", "shield", "/console/evidence"),
    Area("backups", "archive", "/console/backups"),
)
# What must have changed for a number beside an entry to be counted anew.
COUNTED_KINDS = {"inbox": "office inbox ticket customer equipment person catalogue"}


@dataclass(frozen=True, slots=True)
class Reader:
    """The person a page is rendered for.

    `language` is one of `common.i18n.LANGUAGES`, `time_zone` an IANA name; `counts` are numbers beside
    navigation entries (inbox: open items); zero is not shown, but kept so that it can rise.
    `name` empty: nobody is signed in, no navigation.
    """

    language: str = "en"
    time_zone: str = "UTC"
    name: str = ""
    role: str = ""
    csrf_token: str = ""
    areas: frozenset[str] = frozenset()
    counts: Mapping[str, int] = field(default_factory=dict)

    def open_areas(self) -> list[Area]:
        """List the areas he may open, in the order of the day's work."""
        return [area for area in AREAS if area.name in self.areas]
