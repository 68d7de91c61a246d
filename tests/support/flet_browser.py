"""Driving the engineer's app in a real browser: Flutter draws one canvas, the accessibility tree is the page.

Owns opening, finding, typing and drawing, and a server of an app on a free port. Knows no screen.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flet as ft
import uvicorn

from field_app.web import lay_in_assets, web_app
from tests.support.browser import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

EMPTY_BYTES = 12_000  # a picture smaller than this shows nothing yet
ASSETS = ROOT / ".build" / "test_app_assets"
# Flet's client asks for one animation runtime it does not need; the app's content policy stops it.
# Before its first layout Flutter asks for fallback fonts that are not there; the font laid in draws everything.
STOPPED_ON_PURPOSE = re.compile(r"rive|jsdelivr|unpkg|/assets/fonts/noto", re.IGNORECASE)


@contextmanager
def served(main: Callable[[ft.Page], Any], assets: Path = ASSETS) -> Iterator[str]:
    """Serve an app on a free port of this machine and yield its address."""
    lay_in_assets(assets)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(web_app(main, assets), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listener.close()


def open_app(page: Page, url: str) -> None:
    """Load the app and switch its accessibility tree on.

    Without a graphics card the renderer now and then starts and never paints; such a page is loaded once more.
    """
    _load(page, url)
    if not _paints(page):
        _load(page, url)


def _paints(page: Page) -> bool:
    for _ in range(60):
        if len(page.screenshot()) >= EMPTY_BYTES:
            return True
        page.wait_for_timeout(150)
    return False


def _load(page: Page, url: str) -> None:
    page.goto(url)
    page.locator("flt-semantics-placeholder").wait_for(state="attached", timeout=60_000)
    page.wait_for_function("!document.getElementById('loading')", timeout=60_000)
    page.evaluate("document.querySelector('flt-semantics-placeholder').click()")
    # The first thing of our own: before it there is only Flet's "Working…".
    page.locator("[flt-semantics-identifier]").first.wait_for(state="attached", timeout=60_000)


def by_id(page: Page, identifier: str) -> Locator:
    """Return the part of the screen with this semantics identifier."""
    return page.locator(f'[flt-semantics-identifier="{identifier}"]')


def reveal(page: Page, identifier: str) -> None:
    """Scroll to a part of the screen and wait until the picture stands still."""
    by_id(page, identifier).wait_for(state="attached")
    by_id(page, identifier).scroll_into_view_if_needed()
    settled(page)


def tap(page: Page, identifier: str) -> None:
    """Tap the middle of a part of the screen."""
    by_id(page, identifier).wait_for(state="attached")
    box = by_id(page, identifier).bounding_box()
    assert box is not None, identifier
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def type_into(box: Locator, text: str, tries: int = 4) -> None:
    """Replace the text of a field; taps until it has the focus, for Flutter may give it to something else."""
    for _ in range(tries):
        for _ in range(8):
            box.click()
            box.page.wait_for_timeout(200)
            if box.evaluate("e => document.activeElement === e"):
                break
        box.page.keyboard.press("Control+a")
        box.page.keyboard.press("Delete")
        box.page.keyboard.type(text)
        box.page.wait_for_timeout(250)
        if box.input_value() == text:
            return
    raise AssertionError(f"the field shows {box.input_value()!r}, not {text!r}")


def field(page: Page, identifier: str) -> Locator:
    """Return the editable element of a text field."""
    return by_id(page, identifier).locator("input, textarea").first


def draw(page: Page, identifier: str, strokes: list[list[tuple[float, float]]]) -> None:
    """Draw strokes on a pad; points are shares of its width and height."""
    box = by_id(page, identifier).bounding_box()
    assert box is not None, identifier
    for stroke in strokes:
        spots = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*spots[0])
        page.mouse.down()
        for spot in spots[1:]:
            page.mouse.move(*spot, steps=4)
        page.mouse.up()


def settled(page: Page, least_bytes: int = EMPTY_BYTES) -> None:
    """Wait until the picture is painted and stands still: the accessibility tree is there before the pixels.

    `least_bytes`: a smaller picture is an empty page.
    """
    before = b""
    for _ in range(150):
        now = page.screenshot()
        if now == before and len(now) >= least_bytes:
            return
        before = now
        page.wait_for_timeout(150)
    raise AssertionError(f"the picture never stood still: {len(before)} bytes")


def script_errors(page: Page) -> list[str]:
    """Return a list that fills with errors of scripts and console, but for what is stopped on purpose."""
    seen: list[str] = []

    def note(text: str) -> None:
        if not STOPPED_ON_PURPOSE.search(text):
            seen.append(text)

    page.on("pageerror", lambda error: note(str(error)))
    page.on(
        "console",
        lambda message: (
            note(f"{message.text} {message.location.get('url', '')}") if message.type == "error" else None
        ),
    )
    return seen


def red_boxes(page: Page) -> list[str]:
    """Return what Flutter says of controls it could not lay out: red boxes on screen, in no console."""
    labels = page.locator("[aria-label*='Error displaying'], flt-semantics:has-text('Error displaying')")
    return [str(label) for label in labels.evaluate_all("all => all.map(e => e.ariaLabel || e.textContent)")]
