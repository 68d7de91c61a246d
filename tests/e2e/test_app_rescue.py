"""Work carried by hand in a real browser: one tablet's file saved, another's picked and handed in to a real server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from common.i18n import LANGUAGES
from common.kernel.command import Role
from common.tickets.field_work import AddNote
from field_app.store.files import NewFile
from field_app.store.pictures import prepare
from tests.e2e.test_app_visit import SIZES
from tests.integration.test_restore import a_ticket, notes_of
from tests.support.browser import new_context, screenshot
from tests.support.flet_browser import open_app, red_boxes, reveal, script_errors, served, settled, tap
from tests.support.locked_tablet import enrolled, talked
from tests.support.photos import photo
from tests.support.served import a_server, listening
from tests.support.tablet_world import tablet_main

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.mark.fault("P5")
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_goes_from_tablet_to_tablet(browser: Browser, language: str, tmp_path: Path) -> None:
    with a_server("", tmp_path) as server, listening(server):
        person = server.person(Role.ENGINEER)
        ticket = a_ticket(server, person)
        alone = enrolled(server, tmp_path / "alone", person)
        assert talked(alone) == ""
        alone.cut_line(True)
        assert alone.give(AddNote(ticket, "钥匙在护士站")).outcome.took_effect
        assert alone.files is not None
        new = NewFile(ticket, None, "photo", "", "泵头.jpg", alone.now())
        assert alone.files.box.attach(new, prepare(photo())).outcome.took_effect
        other = enrolled(server, tmp_path / "other", server.person(Role.ENGINEER, name="王敏"), "840261")
        carried = tmp_path / "carried.fwrescue"
        with (
            served(tablet_main(alone, language)) as url,
            new_context(browser, size=SIZES["tablet"]) as context,
        ):
            page = context.new_page()
            open_app(page, f"{url}/settings")
            reveal(page, "rescue-write")
            with page.expect_download() as saved:
                tap(page, "rescue-write")
            assert saved.value.suggested_filename.endswith(".fwrescue")
            saved.value.save_as(carried)
            reveal(page, "rescue-written")
            screenshot(page, f"app-rescue-written-{language}")
            assert red_boxes(page) == []
        with (
            served(tablet_main(other, language)) as url,
            new_context(browser, size=SIZES["tablet"]) as context,
        ):
            page = context.new_page()
            errors = script_errors(page)
            open_app(page, f"{url}/settings")
            reveal(page, "rescue-hand-in")
            with page.expect_file_chooser() as chooser:
                tap(page, "rescue-hand-in")
            chooser.value.set_files(carried)
            for name in ("tablet", "phone"):
                page.set_viewport_size(SIZES[name])
                settled(page)
                reveal(page, "rescue-said")
                screenshot(page, f"app-rescue-{name}-{language}")
                assert red_boxes(page) == []
            assert errors == []
        assert notes_of(server) == {"钥匙在护士站"}
        assert server.rows("SELECT state FROM attachment") == [("stored",)]
