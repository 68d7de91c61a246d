"""Fields, drafts, lists and signatures."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal

import flet as ft
import flet.canvas as cv
import pytest

from field_app.state.drafts import Drafts, MemoryDrafts
from field_app.widgets.fields import read_decimal, write_decimal
from field_app.widgets.lists import WINDOW_ROWS, window_at
from field_app.widgets.signature import PIECE_POINTS, Pen, draw
from field_app.widgets.strokes import POINTS_MAX, Signature, svg_document, svg_path
from field_app.widgets.theme import DARK, LIGHT, STATE_ICONS, Palette, State
from tests.support.flet_session import FletSession
from tests.support.widget_gallery import gallery_main, gallery_session

SCROLL = {
    "event_type": "update",
    "min_scroll_extent": 0.0,
    "max_scroll_extent": 280_000.0,
    "viewport_dimension": 700.0,
}


@pytest.mark.parametrize(
    ("typed", "number"),
    [("2", "2"), (" 2.50 ", "2.50"), ("２．５", "2.5"), ("0,5", "0.5"), ("2。5", "2.5"), ("-3", "-3")],
)
def test_typed_numbers_are_understood(typed: str, number: str) -> None:
    assert read_decimal(typed) == Decimal(number)


@pytest.mark.parametrize("typed", ["", "two", "1e5", "NaN", "1.2345", "9" * 30, "1,000,000"])
def test_what_is_no_number_is_none(typed: str) -> None:
    assert read_decimal(typed) is None


@pytest.mark.parametrize(("number", "text"), [(Decimal("2.50"), "2.5"), (Decimal("1E+2"), "100"), (None, "")])
def test_numbers_are_written_plainly(number: Decimal | None, text: str) -> None:
    assert write_decimal(number) == text


async def test_a_text_field_is_the_same_control_through_re_renders() -> None:
    async with FletSession.open(gallery_main(gallery_session()), route="/form") as app:
        before = app.key("cause")
        await app.type("cause", "继电器")
        await app.click("qty-more")
        await app.click("result-fail")
        assert app.key("cause") is before
        assert app.key("cause").value == "继电器"
        assert app.key("qty").value == "3"


async def test_saving_an_empty_form_says_what_is_missing_and_keeps_the_field() -> None:
    session = gallery_session()
    async with FletSession.open(gallery_main(session), route="/form") as app:
        field = app.key("cause")
        await app.click("save")
        assert app.ident("cause-error") is not None
        assert app.key("cause") is field
        await app.type("cause", "relay burnt")
        await app.click("save")
        assert session.app.saved == [{"cause": "relay burnt", "qty": Decimal(2), "result": ""}]
        assert app.key("cause").value == "", "the next form is empty"
        assert session.drafts.has("diagnosis:1") is False


async def test_a_half_typed_form_comes_back_in_the_next_session() -> None:
    kept = MemoryDrafts()
    first = gallery_session(drafts=Drafts(kept.load, kept.save, _no_wait))
    async with FletSession.open(gallery_main(first), route="/form") as app:
        await app.type("cause", "half ty")
    second = gallery_session(drafts=Drafts(kept.load, kept.save, _no_wait))
    async with FletSession.open(gallery_main(second), route="/form") as app:
        assert app.key("cause").value == "half ty"


async def _no_wait(_: float) -> None:
    await asyncio.sleep(0)


async def test_drafts_are_written_once_for_many_keys() -> None:
    written: list[tuple[str, Mapping[str, str]]] = []
    wake = asyncio.Event()

    async def wait(_: float) -> None:
        await wake.wait()

    drafts = Drafts(lambda _: {}, lambda form, fields: written.append((form, fields)), wait)
    for text in ("a", "ab", "abc"):
        drafts.put("f", "note", text)
    await asyncio.sleep(0)
    assert written == []
    wake.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert written == [("f", {"note": "abc"})]
    drafts.close()


async def test_step_buttons_stop_at_the_ends() -> None:
    async with FletSession.open(gallery_main(gallery_session()), route="/form") as app:
        for _ in range(12):
            if not app.key("qty-more").disabled:
                await app.click("qty-more")
        assert app.key("qty").value == "9"
        assert app.key("qty-more").disabled is True
        await app.type("qty", "x")
        assert app.key("qty").value == "x", "what was typed stays while it is no number"


async def test_the_chosen_answer_is_told_to_assistive_tools() -> None:
    async with FletSession.open(gallery_main(gallery_session()), route="/form") as app:
        await app.click("result-fail")
        chosen, other = app.ident("result-fail"), app.ident("result-pass")
        assert chosen is not None
        assert other is not None
        assert (chosen.selected, other.selected) == (True, False)


@pytest.mark.parametrize(("pixels", "start"), [(0, 0), (56 * 100, 60), (56 * 4_999, 4_940), (-50, 0)])
def test_the_window_follows_the_scroll(pixels: int, start: int) -> None:
    window = window_at(pixels, 56, 5_000)
    assert (window.start, window.rows) == (start, WINDOW_ROWS)


@pytest.mark.parametrize("total", [0, 1, 59, 60])
def test_short_lists_are_whole(total: int) -> None:
    assert window_at(0, 56, total).rows == total


async def test_a_long_list_holds_only_its_window() -> None:
    async with FletSession.open(gallery_main(gallery_session()), route="/long") as app:
        assert app.has("row-0")
        assert not app.has("row-100")
        event = SCROLL | {"pixels": 56.0 * 3000}
        await app.event(app.key("rows"), "scroll", event)
        assert app.has("row-3000")
        assert not app.has("row-0")
        assert app.errors == []


def test_a_pen_keeps_points_inside_the_pad_with_time() -> None:
    time_ms = iter([100, 100, 110, 125, 400, 400])
    pen = Pen(lambda: next(time_ms), width_px=300, height_px=100)
    assert pen.down(10, 20.04)
    assert pen.move(500, -5)
    assert pen.move(300, 0) is False, "the same point adds nothing"
    assert pen.down(1, 1)
    assert pen.signature() == Signature(3000, 1000, (((100, 200, 0), (3000, 0, 10)), ((10, 10, 300),)))
    pen.clear()
    assert pen.signature().is_empty()


def test_a_full_pad_takes_no_more() -> None:
    pen = Pen(lambda: 0, width_px=10_000, height_px=10_000)
    pen.down(0, 0)
    for n in range(POINTS_MAX + 10):
        pen.move(n % 1000 + 1, n // 1000)
    assert pen.signature().points == POINTS_MAX
    assert pen.down(5, 5) is False


def test_long_strokes_are_drawn_in_pieces_that_are_kept() -> None:
    stroke = [[n, n, n] for n in range(PIECE_POINTS * 2 + 5)]
    kept: dict[tuple[int, int], cv.Path] = {}
    first = draw([stroke], "#000000", kept=kept)
    stroke.append([999, 999, 999])
    second = draw([stroke], "#000000", kept=kept)
    assert len(first) == len(second) == 3
    assert second[0] is first[0]
    assert second[1] is first[1]
    assert second[2] is not first[2]


def test_a_signature_is_a_picture() -> None:
    signature = Signature(1000, 500, (((10, 20, 0), (30, 40, 5), (50, 20, 9)), ((70, 70, 20),)))
    assert svg_path(signature.strokes) == "M10 20Q30 40 40 30L50 20M70 70h1"
    document = svg_document(signature, 'A & "B"')
    assert 'viewBox="0 0 1000 500"' in document
    assert "A &amp; &quot;B&quot;" in document
    assert signature.as_lists()[1] == [[70, 70, 20]]


async def test_signing_and_clearing_reach_the_screen() -> None:
    session = gallery_session()
    async with FletSession.open(gallery_main(session), width=1180, route="/sign") as app:
        gesture, canvas = app.key("sigpad-gesture"), app.key("sigpad-canvas")
        await app.event(canvas, "resize", {"w": 800.0, "h": 240.0})
        await app.event(gesture, "pan_down", {"l": {"x": 20.0, "y": 30.0}, "g": {"x": 0.0, "y": 0.0}})
        for step in range(5):
            point = {"x": 30.0 + step * 10, "y": 40.0}
            data = {"l": point, "g": point, "ld": point, "gd": point, "pd": 0.0, "ts": None}
            await app.event(app.key("sigpad-gesture"), "pan_update", data)
        assert session.troubles.latest is None
        assert len(app.key("sigpad-canvas").shapes) == 1
        await app.event(app.key("sigpad-gesture"), "pan_end", {"l": point, "g": point, "v": point, "pv": 0.0})
        assert session.app.signature.points == 6
        assert app.ident("preview") is not None
        await app.click("sigpad-clear")
        assert session.app.signature.is_empty()
        assert app.key("sigpad-canvas").shapes == []


def _luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_all_colours_can_be_read(palette: Palette) -> None:
    for state in State:
        tone = palette.tone(state)
        assert _contrast(tone.fg, tone.bg) >= 4.5, state
        assert _contrast(tone.fg, palette.card) >= 4.5, state
        assert state in STATE_ICONS
    for ink in (palette.ink, palette.soft):
        assert min(_contrast(ink, palette.page), _contrast(ink, palette.card)) >= 4.5
    assert _contrast(palette.on_primary, palette.primary) >= 4.5
    assert _contrast(palette.on_primary_soft, palette.primary_soft) >= 4.5
    assert _contrast(palette.soft, palette.card) >= 3, "edges of fields"


async def test_buttons_are_big_enough_for_gloves() -> None:
    kinds = (ft.FilledButton, ft.OutlinedButton, ft.TextButton, ft.IconButton)
    session = gallery_session()
    async with FletSession.open(gallery_main(session), width=400) as app:
        for route in ("/ticket/T-1041", "/form", "/settings", "/sign"):
            await app.go(route)
            small = [
                (route, c.key, c.height)
                for c in app.walk()
                if isinstance(c, kinds) and c.key and not (c.height and c.height >= 48)
            ]
            assert small == []
