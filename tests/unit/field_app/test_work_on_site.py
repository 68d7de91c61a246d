"""Checklist, diagnosis, repair and test: kept at each tap, judged at once, sealed after the signature."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from common.i18n import translate
from common.tickets.field_work import AcknowledgeTicket, StartTravel
from common.tickets.ticket import Ticket
from common.visit.on_site import AnswerChecklist, ArriveOnSite
from common.visit.records import ChecklistAnswer, Demonstration, Diagnosis, RepairMeasure, TestValue
from common.visit.report import answers_of
from field_app.state.checklist import load_checklists
from field_app.state.repair import is_within
from field_app.ui import UiSession
from tests.support.field_day import FieldDay, field_day
from tests.support.flet_session import FletSession
from tests.support.tablet_world import tablet_main


@pytest.fixture
def day() -> FieldDay:
    made = field_day()
    ticket_id = made.tickets["urgent"]
    made.tablet.give(AcknowledgeTicket(ticket_id))
    made.tablet.give(StartTravel(ticket_id))
    made.tablet.give(ArriveOnSite(made.tablet.new_id(), ticket_id, True, "李伟"))
    return made


def page(day: FieldDay, name: str) -> str:
    return f"/ticket/{day.tickets['urgent']}/{name}"


def rows(day: FieldDay, record: type) -> list:
    """Read this ticket's rows."""
    query = select(record).where(record.ticket_id == day.tickets["urgent"])  # type: ignore[attr-defined]
    return day.tablet.read(lambda session: list(session.scalars(query)))


def answers(day: FieldDay) -> dict[str, tuple[str, str, str]]:
    def read(session):  # noqa: ANN001, ANN202
        ticket = session.get(Ticket, day.tickets["urgent"])
        return {item: (a.answer, a.value, a.note) for (_, item), a in answers_of(session, ticket).items()}

    return day.tablet.read(read)


async def test_every_tap_is_an_answer_kept(day: FieldDay) -> None:
    opened: list[UiSession] = []
    async with FletSession.open(
        tablet_main(day.tablet, opened=opened.append), route=page(day, "checklist")
    ) as app:
        await app.click("on_site_conduct-badge_shown-ok")
        await app.click("on_site_conduct-work_explained-na")
        assert answers(day) == {"badge_shown": ("ok", "", ""), "work_explained": ("na", "", "")}
        assert app.shows("2 of 9 answered")
        await app.click("on_site_conduct-badge_shown-not_ok")
        assert answers(day)["badge_shown"][0] == "not_ok", "answering again corrects"
        await app.type("note-badge_shown", "Forgot it in the van")
        await app.click("keep-badge_shown")
        assert answers(day)["badge_shown"] == ("not_ok", "", "Forgot it in the van")
        assert opened[0].troubles.latest is None


async def test_a_reading_is_wanted_before_an_item_with_a_value_is_answered(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet), route=page(day, "checklist")) as app:
        await app.click("infusion_pump-flow_rate-ok")
        assert app.shows(translate("en", "app.checklist.value_first"))
        assert answers(day) == {}
        await app.type("value-flow_rate", "99.6")
        await app.click("infusion_pump-flow_rate-ok")
        assert answers(day)["flow_rate"] == ("ok", "99.6", "")


def test_the_lists_are_those_of_every_visit_and_of_the_model(day: FieldDay) -> None:
    lists = day.tablet.read(load_checklists(day.tickets["urgent"]))
    assert [one.code for one in lists] == ["on_site_conduct", "infusion_pump"]


async def test_before_arriving_everything_can_be_read_and_nothing_recorded() -> None:
    made = field_day()
    async with FletSession.open(tablet_main(made.tablet), route=page(made, "checklist")) as app:
        assert app.ident("not-there") is not None
        assert app.key("on_site_conduct-badge_shown-ok").disabled is True
        await app.go(page(made, "repair"))
        assert not app.has("measure-save")
        await app.go(page(made, "parts"))
        assert not app.has("part-search")


async def test_the_cause_says_at_once_who_pays(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet), route=page(day, "diagnosis")) as app:
        assert app.key("phenomenon").value == "Stops with an occlusion alarm after ten minutes"
        await app.click("cause-material")
        assert app.shows("In warranty until 2026-09-12, and the cause is covered")
        await app.click("cause-man_made")
        assert app.shows("The cause is excluded from warranty")
        assert app.shows("Data medical-device@6#")
        assert app.has("to-agreement")
        assert rows(day, Diagnosis) == [], "nothing is kept before it is saved"


async def test_a_diagnosis_is_kept_and_a_later_one_stands_in_front(day: FieldDay) -> None:
    day.tablet.give(AnswerChecklist(day.tickets["urgent"], "on_site_conduct", "badge_shown", "ok"))
    async with FletSession.open(tablet_main(day.tablet), route=page(day, "diagnosis")) as app:
        await app.click("diagnosis-save")
        assert app.shows(translate("en", "app.form.needed"))
        assert app.shows("Still needed: Finding, Cause"), (
            "beside the button too, for the fields stand far above"
        )
        await app.type("finding", "Seal brittle")
        await app.click("cause-material")
        await app.click("fault-leak")
        await app.click("diagnosis-save")
        first = rows(day, Diagnosis)
        assert [(d.finding, d.cause_code, d.fault_code) for d in first] == [
            ("Seal brittle", "material", "leak")
        ]
        assert app.shows("Recorded 08:42")
        assert app.key("finding").value == "Seal brittle"
        await app.click("cause-man_made")
        await app.click("diagnosis-save")
        assert [d.cause_code for d in rows(day, Diagnosis)] == ["material", "man_made"]
        ticket = day.tablet.read(lambda session: session.get(Ticket, day.tickets["urgent"]))
        assert ticket.service_type == "A", "now the customer pays"
        assert app.has("step-agreement")


async def test_half_a_diagnosis_survives_the_app_being_killed(day: FieldDay) -> None:
    opened: list[UiSession] = []
    async with FletSession.open(
        tablet_main(day.tablet, opened=opened.append), route=page(day, "diagnosis")
    ) as app:
        await app.type("finding", "密封圈老化")
        await app.click("cause-wear")
        opened[0].drafts.flush()
    async with FletSession.open(tablet_main(day.tablet), route=page(day, "diagnosis")) as app:
        assert app.key("finding").value == "密封圈老化"
        chosen = app.ident("cause-wear")
        assert chosen is not None
        assert chosen.selected is True


async def test_measures_are_added_and_taken_back_with_a_second_tap(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet), route=page(day, "repair")) as app:
        await app.type("measure-text", "Seal replaced")
        await app.click("measure-minutes-more")
        await app.click("measure-save")
        await app.type("measure-text", "Housing cleaned")
        await app.click("measure-save")
        kept = rows(day, RepairMeasure)
        assert sorted((m.text, m.minutes) for m in kept) == [("Housing cleaned", 15), ("Seal replaced", 20)]
        assert app.shows("35 minutes in all")
        assert app.ident("measure-0-unsent") is not None
        await app.click("measure-0-withdraw")
        assert sum(m.withdrawn for m in rows(day, RepairMeasure)) == 0
        await app.click("measure-0-sure")
        assert [m.text for m in rows(day, RepairMeasure) if m.withdrawn] == ["Seal replaced"]
        assert app.key("measure-text").value == ""


@pytest.mark.parametrize(
    ("value", "low", "high", "within"),
    [
        ("5.0", "4.9", "5.1", True),
        ("5.2", "4.9", "5.1", False),
        ("5,0", "4,9", "", True),
        ("５", "", "4", False),
        ("ok", "4.9", "5.1", None),
        ("5", "", "", None),
        ("5", "low", "high", None),
        ("-1", "-2", "0", True),
    ],
)
def test_numbers_judge_themselves(value: str, low: str, high: str, within: bool | None) -> None:
    assert is_within(value, low, high) is within


async def test_a_reading_within_its_limits_passes_by_itself(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet), route=page(day, "repair")) as app:
        await app.click("reading-flow_rate")
        assert app.key("test-unit").value == "ml/h"
        for name, text in (("value", "5.4"), ("low", "4.9"), ("high", "5.1"), ("instrument", "FA-3 no. 17")):
            await app.type(f"test-{name}", text)
        failed = app.ident("test-verdict-failed")
        assert failed is not None
        assert failed.selected is True
        await app.type("test-value", "5.0")
        await app.click("test-save")
        (test,) = rows(day, TestValue)
        assert (test.value, test.low, test.high, test.unit, test.passed) == (
            "5.0",
            "4.9",
            "5.1",
            "ml/h",
            True,
        )
        assert app.shows(translate("en", "app.repair.all_passed"))
        assert app.key("test-instrument").value == "FA-3 no. 17", "the instrument stays for the next reading"


async def test_correct_use_is_shown_to_somebody(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet), route=page(day, "repair")) as app:
        assert app.key("shown-to").value == "Sister Zhang"
        await app.type("points", "Switching on, alarm limits")
        await app.click("demonstration-save")
        (shown,) = rows(day, Demonstration)
        assert (shown.shown_to, shown.points) == ("Sister Zhang", "Switching on, alarm limits")
        assert app.key("points").value == ""


def test_answers_of_another_ticket_are_not_mixed_in(day: FieldDay) -> None:
    assert rows(day, ChecklistAnswer) == []
