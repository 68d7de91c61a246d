"""The frame: navigation by width, addresses, language and look at once, the strip's words, the customer's lock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import flet as ft
import pytest

from common.i18n import LANGUAGES, translate
from field_app.screens.table import screen_table
from field_app.session import close_session
from field_app.state.prefs import SavedPrefs, read_prefs, write_prefs
from field_app.state.status import SyncMode, SyncStatus, local_moment, say_trouble, strip_words
from field_app.ui import Form, UiSession, form_of
from tests.support.field_day import field_day
from tests.support.flet_session import FletSession
from tests.support.tablet_world import tablet_main
from tests.support.widget_gallery import gallery_main, gallery_session, gallery_table

CHINA = timezone(timedelta(hours=8))
NOW = datetime(2026, 3, 5, 2, 42, tzinfo=UTC)


@pytest.mark.parametrize(
    ("width", "form"),
    [
        (None, Form.PHONE),
        (400, Form.PHONE),
        (699, Form.PHONE),
        (700, Form.TABLET),
        (1180, Form.TABLET),
        (1280, Form.DESKTOP),
    ],
)
def test_width_decides_the_form(width: int | None, form: Form) -> None:
    assert form_of(width) is form


async def test_navigation_is_at_the_bottom_of_a_phone_and_at_the_side_of_wider_windows() -> None:
    async with FletSession.open(gallery_main(gallery_session()), width=400) as app:
        assert len(app.all(ft.NavigationBar)) == 1
        assert app.all(ft.NavigationRail) == []
        await app.resize(1180)
        assert app.all(ft.NavigationBar) == []
        assert app.all(ft.NavigationRail)[0].extended is False
        await app.resize(1440)
        assert app.all(ft.NavigationRail)[0].extended is True
        assert app.errors == []


async def test_a_ticket_stands_beside_its_list_on_a_tablet_and_alone_on_a_phone() -> None:
    async with FletSession.open(gallery_main(gallery_session()), width=1180, route="/ticket/T-1042") as app:
        assert app.ident("screen-list") is not None
        assert app.ident("screen-job") is not None
        await app.resize(400)
        assert app.ident("screen-list") is None
        assert app.ident("screen-job") is not None
        await app.click("back")
        assert app.page.route == "/"
        assert app.ident("screen-list") is not None


async def test_turning_the_tablet_keeps_what_is_on_the_page() -> None:
    async with FletSession.open(gallery_main(gallery_session()), width=400, route="/ticket/T-1041") as app:
        await app.click("tabs-parts")
        for width in (1180, 1440, 400, 820):
            await app.resize(width)
            chosen = app.ident("tabs-parts")
            assert chosen is not None
            assert chosen.selected is True
        await app.click("tabs-history")
        chosen = app.ident("tabs-history")
        assert chosen is not None
        assert chosen.selected is True, "and it still answers"


async def test_places_lead_to_their_screens() -> None:
    async with FletSession.open(gallery_main(gallery_session())) as app:
        bar = app.all(ft.NavigationBar)[0]
        app.session.apply_patch(bar._i, {"selected_index": 4})
        await app.event(bar, "change", 4)
        assert app.page.route == "/settings"
        assert app.ident("screen-settings") is not None


async def test_an_unknown_address_says_so_and_leads_home() -> None:
    async with FletSession.open(gallery_main(gallery_session()), route="/nowhere/at/all") as app:
        assert app.shows(translate("en", "app.not_found.title"))
        await app.click("not-found-action")
        assert app.page.route == "/"


async def test_the_language_changes_everything_at_once_and_is_kept() -> None:
    kept: list[SavedPrefs] = []
    session = gallery_session(save_prefs=kept.append)
    async with FletSession.open(gallery_main(session), route="/settings") as app:
        for language in LANGUAGES[1:] + LANGUAGES[:1]:
            await app.click(f"language-{language}")
            assert app.shows(translate(language, "app.settings.title"))
            assert app.shows(translate(language, "app.nav.outbox"))
            assert app.shows(translate(language, "app.strip.offline"))
            assert app.page.title == translate(language, "app.name")
        assert [p.language for p in kept] == ["zh-Hans", "zh-Hant", "en"]
        assert app.page.locale_configuration is not None
        assert app.page.locale_configuration.current_locale == ft.Locale("en", "US")


async def test_the_look_changes_at_once() -> None:
    session = gallery_session()
    async with FletSession.open(gallery_main(session), route="/settings") as app:
        await app.click("theme-dark")
        assert app.page.theme_mode is ft.ThemeMode.DARK
        assert session.prefs.dark is True
        assert app.errors == []


async def test_all_themes_carry_the_chinese_font() -> None:
    async with FletSession.open(gallery_main(gallery_session())) as app:
        themes = [theme for theme in (app.page.theme, app.page.dark_theme) if theme is not None]
        assert [theme.font_family for theme in themes] == ["NotoSC", "NotoSC"]


async def test_the_product_s_own_table_opens_with_its_settings() -> None:
    opened: list[UiSession] = []
    main = tablet_main(field_day("zh-Hant").tablet, "zh-Hant", "dark", opened.append)
    async with FletSession.open(main) as app:
        assert app.page.route in [s.url for s in screen_table().screens]
        assert app.ident("sync-strip") is not None
        assert opened[0].troubles.latest is None


@pytest.mark.parametrize(
    ("status", "said", "unsaid"),
    [
        (
            SyncStatus(SyncMode.OFFLINE, 4, 0, NOW),
            "Saved on this tablet · 4 waiting · last contact 10:42",
            "sent",
        ),
        (SyncStatus(SyncMode.ONLINE, 0, 0, NOW), "last contact 10:42", "waiting"),
        (SyncStatus(SyncMode.SENDING, 2, 0, NOW), "Saved on this tablet · 2 waiting", "sent"),
        (SyncStatus(SyncMode.NEVER, 1), "no contact with the office yet", "sent"),
    ],
)
def test_the_strip_says_what_is_so(status: SyncStatus, said: str, unsaid: str) -> None:
    headline, detail = strip_words(status, "en", "tablet", NOW, CHINA)
    assert said in detail
    assert unsaid not in f"{headline} {detail}".lower()


def test_a_trouble_nobody_here_has_a_word_for_is_still_said_in_words() -> None:
    for language in LANGUAGES:
        for code in ("plain_http", "server_certificate", "too_old", "rejected", "of_a_later_server"):
            said = say_trouble(language, code)
            assert "reason." not in said
            assert code not in said


def test_all_sent_is_only_said_when_nothing_waits() -> None:
    nothing, _ = strip_words(SyncStatus(SyncMode.ONLINE, 0, 0, NOW), "en", "phone", NOW, CHINA)
    something, _ = strip_words(SyncStatus(SyncMode.ONLINE, 1, 0, NOW), "en", "phone", NOW, CHINA)
    assert nothing == "Everything sent"
    for mode in (SyncMode.ONLINE, SyncMode.OFFLINE):
        lost, detail = strip_words(SyncStatus(mode, 0, 0, NOW, stuck=1), "en", "phone", NOW, CHINA)
        assert "verything" not in lost
        assert "1 photo or paper lost" in detail
        assert "nothing waiting" not in detail
    assert "not all sent" in something


def test_one_entry_needs_you_in_english() -> None:
    headline, _ = strip_words(SyncStatus(SyncMode.ATTENTION, 0, 1, NOW), "en", "phone", NOW, CHINA)
    assert headline == "1 entry needs you"


@pytest.mark.parametrize(
    ("language", "at", "text"),
    [
        ("en", NOW, "10:42"),
        ("en", NOW - timedelta(hours=11), "4 Mar 23:42"),
        ("zh-Hans", NOW - timedelta(hours=11), "3月4日 23:42"),
        ("zh-Hant", NOW - timedelta(days=365), "2025年3月5日 10:42"),
    ],
)
def test_a_moment_is_told_as_on_site(language: str, at: datetime, text: str) -> None:
    assert local_moment(language, at, NOW, CHINA) == text


async def test_the_strip_follows_the_sync() -> None:
    session = gallery_session()
    async with FletSession.open(gallery_main(session)) as app:
        session.strip.status = SyncStatus(SyncMode.SENDING, 3, 0, session.now())
        await app.settle()
        assert app.shows("3 waiting")
        assert "3" in [badge.label for badge in app.badges()]


async def test_every_address_leads_back_to_the_customer_s_page_until_the_engineer_opens_it() -> None:
    session = gallery_session()
    async with FletSession.open(gallery_main(session), width=1180, route="/sign") as app:
        assert session.lock.path == "/sign"
        assert app.all(ft.NavigationRail) == []
        assert app.ident("sync-strip") is None
        for escape in ("/", "/settings", "/ticket/T-1041"):
            await app.go(escape)
            assert app.page.route == "/sign"
            assert app.ident("customer-mode") is not None
            assert not app.shows("Harbour Clinic")

        await app.click("customer-language-zh-Hans")
        assert app.shows("请阅读并签字")
        assert session.prefs.language == "en", "the engineer's language stays"
        await app.click("customer-leave")
        assert app.shows("For the engineer"), "asked in the engineer's language"
        await app.type("customer-code", "0000")
        await app.click("customer-open")
        assert session.lock.path == "/sign"
        assert app.ident("customer-code-error") is not None
        await app.type("customer-code", "4711")
        await app.click("customer-open")
        assert session.lock.path == ""
        assert app.page.route == "/"
        assert app.shows("Harbour Clinic")


async def test_closing_flushes_drafts_and_lets_go() -> None:
    session = gallery_session()
    async with FletSession.open(gallery_main(session), route="/form") as app:
        await app.type("cause", "half typed")
        close_session(session)
        assert session.drafts.load("diagnosis:1") == {"cause": "half typed"}
        assert session.close_listeners == []


def test_a_route_finds_its_screen_and_place() -> None:
    table = gallery_table()
    found = table.find("/ticket/T-1")
    assert found is not None
    assert found.path == "ticket/:id"
    assert table.nav_index("/ticket/T-1") == 0
    assert table.nav_index("/outbox") == 3
    assert table.find("/ticket/T-1/more") is None


def test_choices_survive_and_damage_is_forgiven(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "deep" / "prefs.json"
    assert read_prefs(path) == SavedPrefs()
    write_prefs(path, SavedPrefs("zh-Hant", "dark"))
    assert read_prefs(path) == SavedPrefs("zh-Hant", "dark")
    for damage in ("", "[]", '{"language": "xx", "theme_mode": 3}', "\x00"):
        path.write_text(damage, "utf-8")
        assert read_prefs(path) == SavedPrefs()
