"""Opened opinion cards: read by supervisor and manager, by nobody else, and never by whom they are about."""

from __future__ import annotations

import os

import pytest

from common.kernel.command import Role
from common.people.person_commands import SetRoles
from common.visit.opinion_card import CardUnreadableError, OpinionCard, read_card, write_card
from common.visit.sign_off import RecordRating
from field_app.sync.seal import seal
from sync_server.app import site_of
from tests.support.console_world import STAFF, ConsoleWorld, an_id

CARD = OpinionCard({"attitude": 4, "skill": 1}, "希望夜班有人值守", "zh-Hans")


def rated(company: ConsoleWorld, text: str = "") -> str:
    """Have a ticket of Li Wei's rated by the customer on his tablet."""
    ticket_id = company.ticket()
    company.assign(ticket_id)
    keys = site_of(company.app().app).keys
    sealed = seal(text or write_card(CARD), keys.box_public, ticket_id, os.urandom)
    company.in_field(RecordRating(company.new_id(), ticket_id, sealed), "li")
    return ticket_id


@pytest.mark.parametrize("login", [*STAFF])
def test_cards_are_for_supervisor_and_manager(company: ConsoleWorld, login: str) -> None:
    ticket_id = rated(company)
    client = company.client(login)
    may = {Role.SUPERVISOR, Role.MANAGER} & set(STAFF[login][1])
    for path in ("/console/ratings", f"/console/tickets/{ticket_id}/ratings"):
        answer = client.get(path)
        assert answer.status_code == (200 if may else 403), path
        assert ("希望夜班有人值守" in answer.text) == bool(may)
    page = client.get(f"/console/tickets/{ticket_id}").text
    assert (f"/console/tickets/{ticket_id}/ratings" in page) == bool(may)
    assert "希望夜班有人值守" not in page


def test_a_card_is_told_in_the_policys_words(company: ConsoleWorld) -> None:
    ticket_id = rated(company)
    page = company.client("zhou", "zh-Hans").get("/console/ratings").text
    assert "服务态度 · 很满意" in page
    assert "技术水平 · 不满意" in page
    part = company.client("manager").get(
        f"/console/tickets/{ticket_id}/ratings", headers={"HX-Request": "true"}
    )
    assert part.text.index("Attitude") < part.text.index("Very satisfied") < part.text.index("Dissatisfied")
    assert "T-2041" in company.client("zhou").get("/console/ratings?q=xiehe").text
    assert "T-2041" not in company.client("zhou").get("/console/ratings?q=kouqiang").text


def test_nobody_reads_what_is_said_of_his_own_work(company: ConsoleWorld) -> None:
    company.give(SetRoles(an_id("zhou"), ("supervisor", "engineer")), "admin")
    ticket_id = company.ticket()
    company.assign(ticket_id, "zhou")
    keys = site_of(company.app().app).keys
    sealed = seal(write_card(CARD), keys.box_public, ticket_id, os.urandom)
    company.in_field(RecordRating(company.new_id(), ticket_id, sealed), "zhou")
    for path in ("/console/ratings", f"/console/tickets/{ticket_id}/ratings"):
        assert "希望夜班有人值守" not in company.client("zhou").get(path).text
        assert "希望夜班有人值守" in company.client("manager").get(path).text


def test_a_card_that_does_not_open_says_so(company: ConsoleWorld) -> None:
    rated(company, "no card at all")
    assert "This card does not open here" in company.client("zhou").get("/console/ratings").text
    assert company.client("zhou").get("/console/tickets/nothing/ratings").status_code == 404


def test_one_form_is_written_and_read() -> None:
    assert read_card(write_card(CARD)) == CARD
    for wrong in ("", "[]", '{"attitude":4}', '{"format":1,"grades":{"a":"x"}}', '{"format":2,"grades":{}}',
                  '{"format":1,"grades":{"a":true}}', '{"format":1,"grades":{},"suggestion":1}'):  # fmt: skip
        with pytest.raises(CardUnreadableError):
            read_card(wrong)
