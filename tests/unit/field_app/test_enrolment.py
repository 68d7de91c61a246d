"""First start: what is typed or pasted is understood, every failure is said in words, and then the work comes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flet as ft
import pytest

from common.i18n import LANGUAGES, has_key, translate
from common.protocol.messages import Busy, NotTrusted, Unreachable
from field_app.routes import ScreenSpec, ScreenTable
from field_app.screens.enrolment import EnrolmentScreen
from field_app.screens.table import screen_table
from field_app.state.enrolment import Enrolment, whole_address
from field_app.state.reach import LineState, Pulse
from field_app.store.settings import SIGN_KEY_SETTING
from field_app.store.store import state_of
from field_app.sync.enrol import Enrolled, EnrolRefused, Invitation
from field_app.ui import UiSession
from tests.support.flet_session import FletSession
from tests.support.tablet import TabletStand, bare

CODE = "7KQ29XWM4T"


@dataclass(eq=False)
class Line:
    """What the app reaches before it is anybody's; `answer` is what enrolling meets."""

    stand: TabletStand
    answer: Exception | None = None
    asked: list[tuple[Invitation, str]] = field(default_factory=list)
    turns: int = 0

    def __post_init__(self) -> None:
        self.store, self.pulse = self.stand.store, Pulse()

    def line(self) -> LineState:
        """Say that the line is good."""
        return LineState()

    def sync_now(self) -> None:
        """Count."""
        self.turns += 1

    def enrol(self, invitation: Invitation, name: str, /) -> Enrolled:
        """Do what the exchange does to the store."""
        self.asked.append((invitation, name))
        if self.answer is not None:
            raise self.answer
        office = self.stand.office
        told = {SIGN_KEY_SETTING: "key", "person.name": "李伟"}
        self.store.enrol(office.id("device"), office.engineer, invitation.url, "token", settings=told)
        return Enrolled("d", office.engineer, "李伟", "zh-Hans")


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(bare(tmp_path))


def model_of(line: Line) -> Enrolment:
    return Enrolment(line, line.stand.drafts())


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("service.example.com", "https://service.example.com"),
        ("127.0.0.1:8700/", "http://127.0.0.1:8700"),
        ("localhost:8700", "http://localhost:8700"),
        ("http://10.0.0.5", "http://10.0.0.5"),
        ("", ""),
    ],
)
def test_a_typed_address_is_completed(typed: str, address: str) -> None:
    assert whole_address(typed) == address


async def test_a_pasted_invitation_fills_address_and_code(line: Line) -> None:
    model = model_of(line)
    assert not model.read_paste("7kq2-9xwm-4t")
    assert model.read_paste(f"fieldwright:enrol?u=https://office.example:8700&c={CODE}")
    assert model.invitation() == Invitation("https://office.example:8700", CODE)


async def test_enrolling_makes_the_device_a_persons(line: Line) -> None:
    model = model_of(line)
    model.form.keep(code="7kq2 9xwm 4t", server="localhost:8700")
    await model.enrol("平板 3")
    assert line.asked == [(Invitation("http://localhost:8700", CODE), "平板 3")]
    assert (model.step, model.person, model.trouble) == ("fetching", "李伟", None)
    assert line.turns == 1
    assert line.store.draft("enrol") == {}

    def come(session: Any) -> None:
        state_of(session).position = 7

    line.store.write(come)
    model.follow()
    assert model.step == "done"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (EnrolRefused("enrol_code_wrong", {}), "enrol_code_wrong"),
        (NotTrusted("plain_http"), "plain_http"),
        (NotTrusted("server_certificate"), "server_certificate"),
        (Busy(30), "try_later"),
        (Unreachable("ConnectError"), "enrol_unreachable"),
        (ValueError("store_of_another_person"), "store_of_another_person"),
        (ValueError("unknown url type"), "enrol_failed"),
    ],
)
async def test_every_failure_has_a_sentence_and_keeps_what_was_typed(
    line: Line, answer: Exception, code: str
) -> None:
    line.answer = answer
    model = model_of(line)
    model.form.keep(code=CODE, server="office.example")
    await model.enrol("Tablet")
    assert model.trouble is not None
    assert (model.trouble.code, model.step) == (code, "ask")
    assert has_key(f"reason.{code}")
    for language in LANGUAGES:
        assert "{" not in translate(language, f"reason.{code}", **dict(model.trouble.values))
    assert line.store.draft("enrol")["code"] == CODE


async def test_a_wrong_code_is_not_even_sent(line: Line) -> None:
    model = model_of(line)
    model.form.keep(code="hello", server="office.example")
    await model.enrol("Tablet")
    assert model.trouble is not None
    assert (model.trouble.code, line.asked) == ("enrol_code_unreadable", [])


def table() -> ScreenTable:
    return ScreenTable([ScreenSpec("enrol", EnrolmentScreen, bare=True)])


async def test_the_page_from_paste_to_welcome(line: Line) -> None:
    session: UiSession = line.stand.session()
    session.app = line

    def main(page: ft.Page) -> None:
        from field_app.session import open_session
        from field_app.state.prefs import SavedPrefs

        open_session(page, session, table(), SavedPrefs("en", "light"))

    async with FletSession.open(main, route="/enrol") as app:
        await app.click("language-zh-Hant")
        assert app.shows(translate("zh-Hant", "app.enrol.title"))
        await app.type("enrol-code", f"fieldwright:enrol?u=http://127.0.0.1:8700&c={CODE}")
        assert app.key("enrol-code").value == CODE
        assert app.key("enrol-server").value == "http://127.0.0.1:8700"
        line.answer = Unreachable("ConnectError")
        await app.click("enrol-go")
        await app.until(lambda: app.ident("enrol-error") is not None)
        line.answer = None
        await app.click("enrol-go")
        await app.until(lambda: app.ident("enrol-welcome") is not None)
        assert app.shows(translate("zh-Hant", "app.enrol.welcome", name="李伟"))
        assert app.errors == []


async def test_a_device_of_nobody_begins_with_enrolment(line: Line) -> None:
    async with FletSession.open(line.stand.main(screen_table())) as app:
        assert app.page.route == "/enrol"
        assert app.ident("screen-enrol") is not None
        await app.go("/ticket/x")
        assert app.ident("screen-enrol") is not None
