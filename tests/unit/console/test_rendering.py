"""One environment for three languages: escaping, kept values, page or part, notices, redirects."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from starlette.requests import Request

from common.i18n import LANGUAGES, catalogue
from sync_server.console.assets import Assets
from sync_server.console.forms import FormState
from sync_server.console.icons import paths
from sync_server.console.reader import AREAS, Reader
from sync_server.console.rendering import CONSOLE_FOLDER, Pages, safe_json, see_other

HOSTILE = """<script>alert(1)</script>"'&{{ 7*7 }}"""


@pytest.fixture
def assets(tmp_path: Path) -> Assets:
    for name in ("vendor/bootstrap.min.css", "vendor/htmx.min.js"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    for path in (CONSOLE_FOLDER / "static").glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return Assets(tmp_path)


@pytest.fixture
def pages(assets: Assets, tmp_path: Path) -> Pages:
    (tmp_path / "page.html").write_text('{% extends "base.html" %}{% block main %}{{ text }}{% endblock %}')
    (tmp_path / "part.html").write_text("<i>{{ text }}</i>")
    return Pages(assets, lambda: 7, [tmp_path])


def a_request(path: str = "/console/x", query: str = "", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": raw}
    return Request(scope)


def a_reader(language: str = "en") -> Reader:
    return Reader(language, "UTC", "Lin", "Dispatcher", "tok", frozenset(area.name for area in AREAS))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_shell_speaks_each_language(pages: Pages, language: str) -> None:
    html = pages.answer(a_request(), a_reader(language), "page.html", text="x").body.decode()
    assert f'<html lang="{language}">' in html
    for area in AREAS:
        assert catalogue()[f"console.nav.{area.name}"][LANGUAGES.index(language)] in html
    assert not re.search(r"console\.(nav|shell|live|kit)\.", html)


@pytest.mark.fault("H2")
def test_hostile_text_is_inert(pages: Pages) -> None:
    html = pages.answer(a_request(), a_reader(), "page.html", text=HOSTILE).body.decode()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;&amp;{{ 7*7 }}" in html


def test_nobody_signed_in_sees_no_navigation(pages: Pages) -> None:
    html = pages.answer(a_request(), Reader(), "page.html", text="x").body.decode()
    assert "/console/board" not in html
    assert "live.js" not in html


def test_a_part_is_sent_to_htmx_and_the_page_to_everybody_else(pages: Pages) -> None:
    reader = a_reader()
    part = pages.answer(a_request(hx_request="true"), reader, "page.html", "part.html", text="x")
    whole = pages.answer(a_request(), reader, "page.html", "part.html", text="x")
    back = a_request(hx_request="true", hx_history_restore_request="true")
    restored = pages.answer(back, reader, "page.html", "part.html", text="x")
    assert part.body == b"<i>x</i>"
    assert b"<nav" in whole.body
    assert b"<nav" in restored.body
    assert part.headers["vary"] == "HX-Request"


def test_a_forgotten_value_fails_loudly(pages: Pages) -> None:
    with pytest.raises(UndefinedError):
        pages.answer(a_request(), a_reader(), "page.html")


def test_only_known_notices_are_shown(pages: Pages) -> None:
    shown = pages.answer(a_request(query="notice=saved"), a_reader(), "page.html", text="x").body.decode()
    unknown = pages.answer(a_request(query="notice=<b>"), a_reader(), "page.html", text="x").body.decode()
    assert "Saved on the server." in shown
    assert "notice tone-working" not in unknown


@pytest.mark.fault("H11")
def test_redirects_stay_on_this_server() -> None:
    answer = see_other(a_request(), "/console/tickets?q=x", "saved")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/tickets?q=x&notice=saved")
    assert see_other(a_request(hx_request="true"), "/console").headers["hx-redirect"] == "/console"
    for url in ("https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example"):
        with pytest.raises(ValueError, match="leaves this server"):
            see_other(a_request(), url)


def test_json_in_a_page_cannot_end_its_script_element() -> None:
    text = str(safe_json({"a": "</script><!-- & 工单"}))
    assert "<" not in text
    assert json.loads(text) == {"a": "</script><!-- & 工单"}


def test_fields_keep_what_was_typed_and_say_what_is_wrong(pages: Pages, tmp_path: Path) -> None:
    (tmp_path / "form.html").write_text(
        '{% import "kit/form.html" as f %}{{ f.error_summary(form) }}'
        '{{ f.field(form, "qty", "Qty", maxlength=9) }}'
        '{{ f.text(form, "why", "Why") }}{{ f.select(form, "zone", "Zone", [("e", "East"), ("w", "West")]) }}'
    )
    form = FormState({"qty": HOSTILE, "why": "待料", "zone": "w"}, {"qty": "Not a number."}, {"qty": "Qty"})
    html = pages.text("form.html", a_reader(), {"form": form})
    assert 'aria-invalid="true" aria-describedby="f-qty-error"' in html
    assert "<script>alert" not in html
    assert ">待料</textarea>" in html
    assert '<option value="w" selected>' in html
    assert '<a href="#f-qty">Qty: Not a number.</a>' in html
    assert 'maxlength="9"' in html


def test_static_addresses_change_with_their_content(assets: Assets) -> None:
    before = assets.url("console.css")
    (assets.folder / "console.css").write_text("changed")
    assert Assets(assets.folder).url("console.css") != before
    with pytest.raises(FileNotFoundError, match="missing.css"):
        assets.url("missing.css")


def test_templates_hold_no_inline_script_style_or_handler() -> None:
    templates = [*CONSOLE_FOLDER.rglob("*.html")]
    assert len(templates) >= 6
    for path in templates:
        text = path.read_text("utf-8")
        assert not re.search(r"\son[a-z]+=|\sstyle=|hx-on|javascript:|<style", text), path
        assert not re.search(r"<script(?![^>]*(src=|application/json))", text), path


def test_templates_and_scripts_name_only_icons_and_words_that_exist() -> None:
    sources = [*CONSOLE_FOLDER.rglob("*.html"), *(CONSOLE_FOLDER / "static").glob("*.js")]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    icons = set(re.findall(r"""icon\(["']([a-z-]+)["']\)""", text))
    keys = set(re.findall(r"""\bt\(["'](console\.[a-z_.]+[a-z_])["']""", text))
    words = set(re.findall(r"strings\.([a-z_]+)", text)) | set(re.findall(r"this\.words\.([a-z_]+)", text))
    assert icons <= paths().keys()
    assert {key for key in keys if key not in catalogue()} == set()
    assert {word for word in words if f"console.board.{word}" not in catalogue()} == set()
