"""The list, the register and the page of a ticket: what is shown, what may be done, what a refusal says."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from sqlalchemy import select

from common.kernel.command import REGISTRY, Role
from common.tickets.appointment import AgreeAppointment
from common.tickets.field_work import AcknowledgeTicket, RequestHelp, StartTravel
from common.tickets.ticket import Assignment, Ticket
from sync_server.console.tickets.actions import ACTIONS, BY_KIND
from tests.support.console_world import NOW, STAFF, Client, ConsoleWorld, an_id
from tests.support.fake_clock import FakeClock


def row(company: ConsoleWorld, ticket_id: str) -> Ticket:
    with company.database.read() as session:
        found = session.get(Ticket, ticket_id)
    assert found is not None
    return found


def act(client: Client, ticket_id: str, kind: str, values: Mapping[str, str], subject: str = "") -> str:
    """Open an action's form, fill it in and send it; returns where the browser is sent, or the refused form."""
    url = f"/console/tickets/{ticket_id}/do/{kind}"
    page = client.get(url, params={"subject": subject} if subject else {}).text
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
    answer = client.fill(url, hidden | {"csrf_token": client.token("/console/password")} | dict(values))
    return str(answer.headers.get("location") or answer.text)


def test_the_list_is_searched_filtered_and_sorted(company: ConsoleWorld) -> None:
    first, second = company.ticket(), company.ticket("pump2", "renmin", fault_text="屏幕不亮", urgent=True)
    company.assign(first)
    client = company.client()
    every = client.get("/console/tickets").text
    assert "T-2041" in every
    assert "T-2042" in every
    for query, found in (
        ("q=屏幕", "T-2042"), ("q=renmin", "T-2042"), ("q=sn-70031", "T-2041"), ("state=waiting", "T-2042"),
        ("state=with_engineer", "T-2041"), (f"engineer={an_id('li')}", "T-2041"), ("engineer=none", "T-2042"),
        ("severity=urgent", "T-2042"), ("q=屏幕&state=open", "T-2042"),
    ):  # fmt: skip
        page = client.get(f"/console/tickets?{query}").text
        assert re.findall(r"T-20\d\d", re.sub(r"(?s)<head.*?</head>", "", page)) == [found], query
    part = client.get("/console/tickets?sort=number", headers={"HX-Request": "true"}).text
    assert part.lstrip().startswith('<div id="list"')
    assert part.index("T-2041") < part.index("T-2042")
    assert row(company, second).urgent


def test_clock_filter_finds_what_is_overdue(company: ConsoleWorld) -> None:
    company.ticket()
    client = company.client()
    assert "T-2041" not in client.get("/console/tickets?clock=overdue").text
    assert isinstance(company.clock, FakeClock)
    client = _later(company, hours=30)
    assert "T-2041" in client.get("/console/tickets?clock=overdue").text


def _later(company: ConsoleWorld, hours: int) -> Client:
    """Sign in again some hours later: a session would have ended."""
    company.clock.at = NOW.replace(hour=NOW.hour) + (company.clock.at - NOW)
    from datetime import timedelta

    company.clock.advance(timedelta(hours=hours))
    return company.client()


def test_the_page_shows_clocks_with_their_arithmetic_and_the_judgement(company: ConsoleWorld) -> None:
    page = company.client().get(f"/console/tickets/{company.ticket()}").text
    for words in ("Response", "Dispatch", "How it is reckoned", "Mon 10:37–12:00", "Covered by warranty", "流速偏低",
                  "SN-70031", "北京协和医院", "Fault reported (Phone)", "Proposal: the cause is still open"):  # fmt: skip
        assert words in page, words


def test_every_action_is_a_command_and_stands_in_three_languages() -> None:
    for action in ACTIONS:
        spec = REGISTRY[action.kind]
        assert spec.kind == action.kind
    assert len(BY_KIND) == len(ACTIONS)


@pytest.mark.parametrize("login", [*STAFF])
def test_buttons_are_those_the_registry_allows(company: ConsoleWorld, login: str) -> None:
    ticket_id = company.ticket()
    client = company.client(login)
    shown = set(re.findall(r'data-act="([a-z_]+)"', client.get(f"/console/tickets/{ticket_id}").text))
    roles = frozenset(STAFF[login][1])
    assert all(roles & REGISTRY[kind].roles for kind in shown), shown
    expected = {"assign_ticket", "cancel_ticket"} if roles & {Role.DISPATCHER, Role.SUPERVISOR} else set()
    assert expected <= shown
    refused = client.get(f"/console/tickets/{ticket_id}/do/confirm_entitlement")
    assert refused.status_code == (200 if Role.SUPERVISOR in roles else 403)


def test_an_engineer_is_sent_and_a_broken_rule_asks_for_its_reason(company: ConsoleWorld) -> None:
    ticket_id, client = company.ticket(), company.client()
    form = client.get(f"/console/tickets/{ticket_id}/do/assign_ticket").text
    assert form.index("李伟") < form.index("王芳")
    assert "Skill missing: infusion" in form
    slot = {"on": "2026-11-23", "start": "13:30", "duration": "90"}
    asked = act(client, ticket_id, "assign_ticket", slot | {"engineer_id": an_id("wang")})
    assert "Skill missing: infusion" in asked
    assert row(company, ticket_id).state == "triaged"
    done = act(client, ticket_id, "assign_ticket",
               slot | {"engineer_id": an_id("wang"), "override_reason": "李伟带教"})  # fmt: skip
    assert done == f"/console/tickets/{ticket_id}?notice=saved"
    page = client.get(done).text
    assert "Not yet seen by the tablet" in page
    assert "李伟带教" in page
    assert row(company, ticket_id).assignee_id == an_id("wang")


@pytest.mark.fault("K1")
def test_a_form_sent_twice_is_done_once(company: ConsoleWorld) -> None:
    ticket_id, client, command_id = company.ticket(), company.client(), company.new_id()
    values = {"command_id": command_id, "text": "客户来电催促"}
    for _ in range(2):
        assert client.fill(f"/console/tickets/{ticket_id}/do/add_note", values).status_code == 303
    assert client.get(f"/console/tickets/{ticket_id}").text.count("客户来电催促") == 1


def test_a_refused_form_comes_back_with_text_and_sentence(company: ConsoleWorld) -> None:
    ticket_id, client = company.ticket(), company.client()
    empty = act(
        client,
        ticket_id,
        "agree_appointment",
        {"on": "2026-11-24", "start": "", "end": "", "told_by": "林梅"},
    )
    assert "Give day, start and end" in empty
    assert 'value="2026-11-24"' in empty
    wrong = act(
        client,
        ticket_id,
        "agree_appointment",
        {"on": "24.11.", "start": "09:00", "end": "10:00", "told_by": "x"},
    )
    assert "This is not a day or time" in wrong


def test_edits_carry_the_old_value_and_both_values_are_kept(company: ConsoleWorld) -> None:
    ticket_id, client = company.ticket(), company.client()
    url = f"/console/tickets/{ticket_id}/do/edit_ticket"
    stale = client.get(url).text
    held = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', stale))
    plain = {name.removeprefix("old."): value for name, value in held.items() if name.startswith("old.")}
    flags = {name: plain.pop(name) for name in ("urgent", "danger")}
    assert flags == {"urgent": "0", "danger": "0"}
    zhou = company.client("zhou")
    assert act(zhou, ticket_id, "edit_ticket", plain | {"contact": "王主任"}).endswith("notice=saved")
    answer = client.fill(url, held | plain | {"contact": "刘护士长", "plan": "带密封圈"})
    assert answer.headers["location"].endswith("notice=merged")
    page = client.get(f"/console/tickets/{ticket_id}").text
    assert "Two people changed “Contact”" in page
    assert "王主任" in page
    conflict = re.search(r'name="subject" value="([^"]+)"', page)
    assert conflict
    settled = client.fill(
        f"/console/tickets/{ticket_id}/do/settle_conflict", {"subject": conflict[1], "choice": "swap"}
    )
    assert settled.status_code == 303
    assert row(company, ticket_id).contact == "王主任"


def test_rescheduling_needs_the_customer_told(company: ConsoleWorld) -> None:
    from datetime import timedelta

    ticket_id, client = company.ticket(), company.client()
    window = (NOW + timedelta(hours=3), NOW + timedelta(hours=5))
    company.give(AgreeAppointment(ticket_id, *window, "林梅"), "mei")
    move = {"on": "2026-11-25", "start": "09:00", "end": "11:00", "reason": "缺件"}
    assert "Tell the customer first" in act(client, ticket_id, "reschedule_ticket", move)
    done = act(client, ticket_id, "reschedule_ticket", move | {"told_customer": "1"})
    assert done.endswith("notice=saved")
    assert str(row(company, ticket_id).window_from_at) == "2026-11-25 01:00:00+00:00"


def test_work_under_way_is_protected_and_help_is_answered(company: ConsoleWorld) -> None:
    ticket_id, client = company.ticket(), company.client()
    company.assign(ticket_id)
    company.in_field(AcknowledgeTicket(ticket_id), "li")
    company.in_field(StartTravel(ticket_id), "li")
    with company.database.read() as session:
        held = session.scalars(select(Assignment).where(Assignment.ticket_id == ticket_id)).one()
    assert "work on it" in act(client, ticket_id, "unassign_ticket", {"reason": "改派"}, held.id)
    assert "work on it" in act(client, ticket_id, "cancel_ticket", {"reason": "客户取消"})
    company.in_field(RequestHelp(ticket_id, "缺工具", "扭矩扳手"), "li")
    page = client.get(f"/console/tickets/{ticket_id}").text
    assert "Help wanted" in page
    assert "Needs a decision" in page
    assert act(client, ticket_id, "answer_help", {"answer": "高敏下午送到"}).endswith("saved")
    assert not row(company, ticket_id).help_wanted


def test_hold_resume_cancel_reopen(company: ConsoleWorld) -> None:
    ticket_id, client = company.ticket(), company.client("zhou")
    assert act(client, ticket_id, "hold_ticket", {"reason": "awaiting_customer"}).endswith("saved")
    assert "Waiting for the customer" in client.get(f"/console/tickets/{ticket_id}").text
    assert act(client, ticket_id, "resume_ticket", {"note": ""}).endswith("saved")
    assert act(client, ticket_id, "cancel_ticket", {"reason": "客户自行解决"}).endswith("saved")
    assert act(client, ticket_id, "reopen_ticket", {"reason": "再次故障"}).endswith("saved")
    assert (row(company, ticket_id).state, row(company, ticket_id).round) == ("reopened", 2)


def test_the_register_shows_every_call_and_its_month(company: ConsoleWorld) -> None:
    ticket_id = company.ticket()
    company.assign(ticket_id)
    client = company.client("clerk")
    page = client.get("/console/register").text
    for words in ("T-2041", "北京协和医院", "张护士", "SN-70031", "林梅", "李伟"):
        assert words in page, words
    assert "T-2041" in client.get("/console/register?month=2026-11").text
    assert "T-2041" not in client.get("/console/register?month=2026-10").text
    assert "T-2041" in client.get("/console/register?month=2026-99").text
    assert "T-2041" not in client.get("/console/register?entry=due").text
    assert company.client("keeper").get("/console/register").status_code == 403


def test_a_ticket_that_does_not_exist_is_said_so(company: ConsoleWorld) -> None:
    client = company.client()
    for path in (
        f"/console/tickets/{company.new_id()}",
        "/console/tickets/none",
        "/console/intake/told/none",
    ):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant"])
def test_pages_stand_in_every_language(company: ConsoleWorld, language: str) -> None:
    ticket_id = company.ticket()
    company.assign(ticket_id)
    client = company.client("zhou", language)
    for path in ("/console/intake", "/console/tickets", "/console/register", f"/console/tickets/{ticket_id}"):
        page = client.get(path).text
        assert f'lang="{language}"' in page
        assert not re.search(
            r">\s*(intake|tickets|register|board|papers|field|reason)\.[a-z_.]+\s*<", page
        ), path


def test_the_choice_of_engineers_follows_the_slot(company: ConsoleWorld) -> None:
    ticket_id, client = company.ticket(), company.client()
    asked = {"on": "2026-11-23", "start": "21:00", "duration": "90", "engineer_id": an_id("li")}
    late = client.get(f"/console/tickets/{ticket_id}/engineers", params=asked).text
    assert late.count("outside working hours") == 6
    assert re.search(rf'value="{an_id("li")}" checked', late)
    early = client.get(f"/console/tickets/{ticket_id}/engineers", params=asked | {"start": "14:00"}).text
    assert "outside working hours" not in early
