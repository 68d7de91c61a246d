"""One session of the app as its screens see it: choices, window, troubles, sync strip, drafts, clock.

Owns the session value and the hooks that read it. One per session, never shared: a shared observable would
redraw somebody else's page. Holds nothing of the trade.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any

import flet as ft

from common.kernel.clock import Clock, instant
from field_app.i18n import with_language
from field_app.state.drafts import Drafts, MemoryDrafts
from field_app.state.prefs import SavedPrefs
from field_app.state.status import SyncStatus

log = logging.getLogger("field_app")

TABLET_FROM_PX = 700
DESKTOP_FROM_PX = 1280


class Form(StrEnum):
    """What kind of screen this is; also what the strip calls it ("saved on this tablet")."""

    PHONE = "phone"
    TABLET = "tablet"
    DESKTOP = "desktop"


def form_of(width_px: float | None) -> Form:
    """Name the form of a window: below 700 px a phone, below 1280 px a tablet, else a desktop."""
    if not width_px or width_px < TABLET_FROM_PX:
        return Form.PHONE
    return Form.TABLET if width_px < DESKTOP_FROM_PX else Form.DESKTOP


@ft.observable
@dataclass(eq=False)
class Prefs:
    """The person's choices, live. `dark` is what is really shown, after asking the system."""

    language: str = "en"
    theme_mode: str = "system"
    dark: bool = False


@ft.observable
@dataclass(eq=False)
class Viewport:
    """The form of the window; changes only when a breakpoint is crossed. `mobile`: an Android or iOS device.

    `has_camera`: the platform lets the app show its camera; whether there is one is known when it is opened.
    """

    form: Form = Form.PHONE
    mobile: bool = False
    has_camera: bool = False

    @property
    def place(self) -> Form:
        """Name the thing in the hand: a wide tablet is laid out as a desktop and is still a tablet."""
        return Form.TABLET if self.mobile and self.form is Form.DESKTOP else self.form


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error that was caught: `number` counts within the session and stands in the log too."""

    number: int
    where: str
    text: str


@ft.observable
@dataclass(eq=False)
class Troubles:
    """The newest caught error."""

    latest: Trouble | None = None
    _count: int = 0

    def report(self, error: BaseException, where: str) -> Trouble:
        """Log a caught error with its traceback and show it in words above the screen."""
        self._count += 1
        trouble = Trouble(self._count, where, f"{type(error).__name__}: {error}")
        log.error("trouble %s in %s", trouble.number, where, exc_info=error)
        self.latest = trouble
        return trouble

    def dismiss(self) -> None:
        """Take the message off the screen."""
        self.latest = None


@ft.observable
@dataclass(eq=False)
class Rebuilds:
    """How often the person asked to build the screen anew. Apart from Troubles: telling an error must not redraw
    the screen it came from."""

    epoch: int = 0


@ft.observable
@dataclass(eq=False)
class Strip:
    """What the sync strip shows."""

    status: SyncStatus = field(default_factory=SyncStatus)


@ft.observable
@dataclass(eq=False)
class Feed:
    """Counts up whenever what is in the store may have changed, or another minute has begun."""

    epoch: int = 0


@ft.observable
@dataclass(eq=False)
class Lock:
    """While `path` is set the customer holds the tablet: only that page may be seen."""

    path: str = ""


@ft.observable
@dataclass(eq=False)
class Gate:
    """What stands before every screen: '' nothing, choose (a PIN), unlock, lost, stopped or wiped."""

    step: str = ""
    asking: str = ""  # how the request for the key stands: '' none, out, waiting, given, declined


@dataclass(eq=False)
class UiSession:
    """Everything a screen may ask for that is not of the trade. `app` comes from the composition root."""

    clock: Clock
    zone: tzinfo = UTC
    prefs: Prefs = field(default_factory=Prefs)
    viewport: Viewport = field(default_factory=Viewport)
    troubles: Troubles = field(default_factory=Troubles)
    rebuilds: Rebuilds = field(default_factory=Rebuilds)
    strip: Strip = field(default_factory=Strip)
    feed: Feed = field(default_factory=Feed)
    lock: Lock = field(default_factory=Lock)
    gate: Gate = field(default_factory=Gate)
    drafts: Drafts = field(default_factory=lambda: _memory_drafts())
    save_prefs: Callable[[SavedPrefs], None] = lambda _: None
    touched: Callable[[], None] = lambda: None  # a person is at work: the lock waits
    version: str = ""
    app: Any = None
    close_listeners: list[Callable[[], None]] = field(default_factory=list)
    kept: list[object] = field(default_factory=list)

    def now(self) -> datetime:
        """Read the wall clock, UTC."""
        return instant(self.clock.read().wall_ms)

    def mono_ms(self) -> int:
        """Read the clock that never jumps, milliseconds."""
        return self.clock.read().mono_ms


def _memory_drafts() -> Drafts:
    kept = MemoryDrafts()
    return Drafts(kept.load, kept.save)


_SESSION: ft.ContextProvider[UiSession | None] = ft.create_context(None)
_PREFS: ft.ContextProvider[Prefs | None] = ft.create_context(None)
_VIEWPORT: ft.ContextProvider[Viewport | None] = ft.create_context(None)
_REBUILDS: ft.ContextProvider[Rebuilds | None] = ft.create_context(None)
_TROUBLES: ft.ContextProvider[Troubles | None] = ft.create_context(None)
_STRIP: ft.ContextProvider[Strip | None] = ft.create_context(None)
_FEED: ft.ContextProvider[Feed | None] = ft.create_context(None)
_LOCK: ft.ContextProvider[Lock | None] = ft.create_context(None)
_GATE: ft.ContextProvider[Gate | None] = ft.create_context(None)


def with_session(session: UiSession, build: Callable[[], Any]) -> Any:
    """Build components that can reach the session and its language through the hooks below."""
    held: list[tuple[Any, object]] = [
        (_SESSION, session),
        (_PREFS, session.prefs),
        (_VIEWPORT, session.viewport),
        (_TROUBLES, session.troubles),
        (_REBUILDS, session.rebuilds),
        (_STRIP, session.strip),
        (_FEED, session.feed),
        (_LOCK, session.lock),
        (_GATE, session.gate),
    ]

    def inside(depth: int) -> Any:
        if depth == len(held):
            return with_language(session.prefs, build)
        provide, value = held[depth]
        return provide(value, lambda: inside(depth + 1))

    return inside(0)


def use_session() -> UiSession:
    """Return the session; by itself this re-renders nothing."""
    session = ft.use_context(_SESSION)
    if session is None:
        raise LookupError("no session around this component: build it inside with_session")
    return session


def use_app() -> Any:
    """Return what the composition root handed to the screens."""
    return use_session().app


def use_prefs() -> Prefs:
    """Return the live choices; the component re-renders when one changes."""
    return ft.use_context(_PREFS) or use_session().prefs


def use_form() -> Form:
    """Return phone, tablet or desktop; the component re-renders when a breakpoint is crossed."""
    viewport = ft.use_context(_VIEWPORT)
    return viewport.form if viewport is not None else Form.PHONE


def use_troubles() -> Troubles:
    """Return the caught errors; the component re-renders when one comes or goes."""
    return ft.use_context(_TROUBLES) or use_session().troubles


def use_strip() -> Strip:
    """Return what the sync strip shows; the component re-renders when it changes."""
    return ft.use_context(_STRIP) or use_session().strip


def use_feed() -> Feed:
    """Return the feed; the component re-renders when the store may have changed."""
    return ft.use_context(_FEED) or use_session().feed


def use_lock() -> Lock:
    """Return the customer's lock; the component re-renders when it closes or opens."""
    return ft.use_context(_LOCK) or use_session().lock


def use_gate() -> Gate:
    """Return what stands before the screens; the component re-renders when it opens or closes."""
    return ft.use_context(_GATE) or use_session().gate


def use_rebuilds() -> Rebuilds:
    """Return how often the screen was built anew; the component re-renders when it is again."""
    return ft.use_context(_REBUILDS) or use_session().rebuilds
