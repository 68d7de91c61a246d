"""Every page of the office on both databases: lists in every order and with every filter, one page of each record."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import select

from common.inbox.records import Discrepancy
from sync_server.db.tables import ParkedOp
from tests.support.office import Office, words
from tests.support.office_day import make_day, roles_of_the_office

SORTED = {
    "customers": ("number", "name", "zone"),
    "equipment": ("serial", "model", "customer", "accepted"),
    "people": ("number", "name"),
    "stock/parts": ("number", "name", "qty", "price"),
    "stock/ledger": ("happened", "part"),
    "tablets": ("person", "contact", "unsent"),
}
FILTERED = (
    "customers?q=xiehe&key=yes&zone=same_city",
    "customers?q=010-5551",
    "customers?active=false",
    "equipment?q=东城&state=in_use",
    "people?role=engineer&away=yes",
    "people?active=false",
    "stock/parts?level=negative",
    "stock/parts?level=few&active=true",
    "stock/parts?q=ps100",
    "stock/ledger?reason=counted&days=7",
    "stock/ledger?q=T-2051",
    "tablets?q=chen&state=active",
    "inbox?show=parked",
    "inbox?show=exceptions",
    "inbox?show=clocks",
    "inbox?show=conflicts",
    "inbox?show=settled",
    "policy",
    "stock",
    "stock/prices",
    "equipment/models",
    "stock/receive",
    "stock/count",
    "import?kind=parts",
)
PLACE_OR_CODE = re.compile(r"\b(console|field|reason|command)\.[a-z]")


@pytest.fixture
def office(tmp_path: Path, database_url: str) -> Office:
    return Office(tmp_path, database_url=database_url)


def test_every_page_is_drawn_and_decisions_take_effect(office: Office) -> None:
    day = make_day(office)
    desk = office.desk(*roles_of_the_office())
    paths = [
        f"{path}?sort={turn}{name}" for path, names in SORTED.items() for name in names for turn in ("", "-")
    ]
    paths += [*FILTERED, f"stock/places/{day.store}", f"stock/places/{day.vans[1]}?level=negative"]
    paths += [f"stock/parts/{part}" for part in day.parts[:4]] + [
        f"stock/parts?location={day.store}&level=some"
    ]
    paths += [f"customers/{day.customers[1]}", f"equipment/{day.units[0]}", f"people/{day.engineers[1]}"]
    paths += [f"tablets/{tablet.device_id}" for tablet in day.tablets]
    for path in paths:
        assert not PLACE_OR_CODE.search(words(desk.page(f"/console/{path}"))), path
    order = re.findall(r">(SN-\d+)</a>", desk.page("/console/equipment?sort=accepted"))
    assert order == sorted(order)
    for parked in office.rows(select(ParkedOp).where(ParkedOp.blocked_by.is_(None))):
        desk.done(f"/console/inbox/parked/{parked.op_id}", {"choice": "accept"})
    assert {row.state for row in office.rows(select(ParkedOp))} == {"accepted"}
    for row in office.rows(select(Discrepancy).where(Discrepancy.state == "open")):
        desk.done(f"/console/inbox/exceptions/{row.id}", {"resolution": "seen"})
    assert "No exceptions" in words(desk.page("/console/inbox?show=exceptions"))
    office.close()
