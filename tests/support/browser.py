"""Chromium for the end-to-end tests: found on the machine, started the same way everywhere.

Owns the launch arguments, the session's browser and the folder of screenshots. Must not know a page of the
product: page objects and steps belong to the tests.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import ViewportSize, expect, sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / ".artifacts" / "screenshots"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No look-ups outside the machine, the same picture on every run, and no sandbox because CI runs as root. Without the
# emulated graphics card Flutter paints on the processor itself, at half the cost.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-software-rasterizer",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--lang=en-US",
    # A camera that shows a clock, and leave to use it.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
TABLET = ViewportSize(width=820, height=1180)
PHONE = ViewportSize(width=390, height=844)
DESK = ViewportSize(width=1440, height=900)
PATIENCE_MS = 20_000  # for what must come about; a busy machine is no finding


def chromium_path() -> str:
    """Return the path of the browser; raises RuntimeError that says how to get one."""
    for name in (os.environ.get("FIELDWRIGHT_CHROMIUM", ""), *NAMES):
        if name and (path := shutil.which(name)):
            return path
    raise RuntimeError("No browser for the tests: install the distribution's package chromium.")


@contextmanager
def launched() -> Iterator[Browser]:
    """Yield a headless browser with a new, empty profile."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), headless=True, args=list(ARGUMENTS), chromium_sandbox=False
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def new_context(
    browser: Browser, *, size: ViewportSize | None = None, touch: bool = False, locale: str = "en-US"
) -> Iterator[BrowserContext]:
    """Yield a browser context of its own: no cookie or storage shared with another.

    `size` is one of TABLET, PHONE, DESK (default DESK), in CSS pixels.
    """
    context = browser.new_context(
        viewport=size or DESK, has_touch=touch, locale=locale, timezone_id="UTC", reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE_MS)
    try:
        yield context
    finally:
        context.close()


def screenshot(target: Page | Locator, name: str) -> Path:
    """Keep a picture of a page or a part of it as `.artifacts/screenshots/<name>.png` and return its path."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{re.sub(r'[^a-z0-9_-]+', '-', name.lower())}.png"
    target.screenshot(path=str(path), animations="disabled")
    return path


def off_site_requests(page: Page, *, allowed: tuple[str, ...] = ("unpkg", "jsdelivr")) -> list[str]:
    """Return a list that fills with every address outside this machine the page asks for.

    `allowed` are words in an address that are let pass: Flet's client asks for one animation runtime, unused.
    """
    seen: list[str] = []

    def note(url: str) -> None:
        local = re.match(r"^(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|^(data|blob|about):", url)
        if not local and not any(word in url for word in allowed):
            seen.append(url)

    page.on("request", lambda request: note(request.url))
    return seen
