"""The engineer's app as he uses it: found by the accessibility tree, scrolled like a hand does, read in words.

Owns where things are on its screens. What must be true of them is said by the tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, ViewportSize

from tests.support.browser import screenshot
from tests.support.flet_browser import by_id, draw, field, open_app, red_boxes, settled, tap, type_into

# Bars that stand still while the page scrolls: what is in them needs no scrolling.
FIXED = re.compile(
    r"^(tabs-|step-(?!next|back|error)|back$|customer-|hand-over|fetch-now|said|nav-|sync-strip|arrive-)"
)
TALL = ViewportSize(width=1180, height=1700)
README = ViewportSize(width=1180, height=820)
TOP_PX, BOTTOM_PX, TURN_PX = 200, 110, 600
NAME = [
    [(0.15, 0.7), (0.2, 0.2), (0.28, 0.7), (0.36, 0.3), (0.45, 0.65)],
    [(0.5, 0.5), (0.6, 0.4), (0.7, 0.6), (0.85, 0.45)],
]
# Labels, values and texts of elements, as an assistive tool would read them.
WORDS = """css => [...document.querySelectorAll(css)].flatMap(root => [root, ...root.querySelectorAll('*')])
    .flatMap(e => [e.getAttribute('aria-label'), e.value,
        ...[...e.childNodes].filter(n => n.nodeType === 3).map(n => n.textContent)])
    .filter(Boolean).join(' | ')"""


@dataclass
class AppPage:
    """One browser tab on the app of one device."""

    page: Page
    url: str

    def open(self, path: str = "/") -> AppPage:
        """Load the app anew at an address."""
        open_app(self.page, f"{self.url}{path}")
        return self

    def on(self, screen: str) -> AppPage:
        """Wait for a screen."""
        by_id(self.page, f"screen-{screen}").wait_for(state="attached", timeout=90_000)
        return self

    def see(self, ident: str) -> Locator:
        """Wait for a part of the screen, below the fold too."""
        self._reveal(ident)
        return by_id(self.page, ident)

    def gone(self, ident: str) -> None:
        """Wait until a part is no longer there."""
        by_id(self.page, ident).wait_for(state="detached", timeout=90_000)

    def tap(self, ident: str) -> None:
        """Tap a part, scrolling to it first."""
        self._reveal(ident)
        tap(self.page, ident)

    def type(self, ident: str, text: str) -> None:
        """Replace what stands in a field."""
        self._reveal(ident)
        type_into(field(self.page, ident), text)

    def typed(self, ident: str) -> str:
        """Return what stands in a field; the tree knows it once the field has the focus."""
        self._reveal(ident)
        box = field(self.page, ident)
        for _ in range(40):
            box.click()
            self.page.wait_for_timeout(100)
            if text := box.input_value():
                return text
        return ""

    def sign(self, name: str, role: str) -> None:
        """Write name and function, and sign on the pad."""
        self.type("signer-name", name)
        self.tap(f"role-{role}")
        self._reveal("signature")
        draw(self.page, "signature", NAME)

    def hand_back(self, staff_number: str) -> None:
        """Take the tablet back from the customer."""
        self.tap("customer-leave")
        self.type("customer-code", staff_number)
        self.tap("customer-open")

    def picture(self, name: str) -> None:
        """Keep a picture in the size of a tablet on its side."""
        self.page.set_viewport_size(README)
        self.still()
        screenshot(self.page, name)
        self.page.set_viewport_size(TALL)

    def words(self, ident: str = "") -> str:
        """Return everything a part of the screen says; of the whole screen without a name."""
        root = f'[flt-semantics-identifier="{ident}"]' if ident else "flt-semantics-host"
        return str(self.page.evaluate(WORDS, root))

    def says(self, words: str | re.Pattern[str], ident: str = "", timeout_s: float = 90) -> None:
        """Wait until the screen, or a part of it, says something."""
        wanted = re.compile(re.escape(words)) if isinstance(words, str) else words
        for _ in range(int(timeout_s * 5)):
            if wanted.search(self.words(ident)):
                return
            self.page.wait_for_timeout(200)
        raise AssertionError(f"never said {words!r}: {self.words(ident)[:3000]}")

    def still(self) -> AppPage:
        """Wait until the picture stands still, whole: no red box in it."""
        settled(self.page)
        assert red_boxes(self.page) == []
        return self

    def _reveal(self, ident: str) -> None:
        """Scroll the page under the finger until a part is well inside it."""
        where = by_id(self.page, ident)
        if FIXED.match(ident):
            where.first.wait_for(state="attached", timeout=90_000)
            return
        size = self.page.viewport_size or TALL
        self.page.mouse.move(size["width"] * 0.7, size["height"] * 0.5)
        stood = [0.0, 0.0, 0.0]  # where it was at the last turns: at the end of a page nothing moves any more
        for turn in range(60):
            box = where.first.bounding_box() if where.count() else None
            if box is not None and box["height"] > 4:
                middle = box["y"] + box["height"] / 2
                stood = [*stood[1:], middle]
                is_at_end = max(stood) - min(stood) < 1 and 0 < middle < size["height"]
                if TOP_PX <= middle <= size["height"] - BOTTOM_PX or is_at_end:
                    return
                self.page.mouse.wheel(0, middle - size["height"] / 2)
            elif turn >= 5:  # not there yet, or far away: down to the end first, then up
                self.page.mouse.wheel(0, TURN_PX if turn < 25 else -TURN_PX)
            self.page.wait_for_timeout(120)
        raise AssertionError(f"{ident} is not to be found: {self.words()[:3000]}")
