"""How a screen reads and saves: rows of the store that follow every change, commands with their answer in words.

Owns the hooks between Flet and the tablet. Holds no rules: what is refused comes back as a reason code.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, TypeVar

import flet as ft
from sqlalchemy.orm import Session

from common.i18n import has_key, translate
from common.kernel.outcome import BadPayload, Outcome
from common.tickets.wording import say_reason
from field_app.i18n import use_language
from field_app.network import watch_network
from field_app.state.reach import HANDED_TO, LineState, Pulse
from field_app.state.tablet import Tablet
from field_app.store.roomy import StoreFullError
from field_app.sync.enrol import Enrolled, Invitation
from field_app.ui import UiSession, use_app, use_feed, use_session
from field_app.widgets.theme import State

T = TypeVar("T")


class PageApp:
    """What `use_app()` gives on one page: satisfies `field_app.state.reach.Reach`."""

    def __init__(self, tablet: Tablet) -> None:
        self.tablet = tablet
        self.store = tablet.store
        self.files = tablet.files
        self.pulse = Pulse()
        self.sync_now: Callable[[], Any] = tablet.sync_now
        self.sign: Callable[[bytes], tuple[str, str] | None] = tablet.sign
        self.line: Callable[[], LineState] = tablet.line
        self.enrol: Callable[[Invitation, str], Enrolled] = tablet.enrol


def use_tablet() -> Tablet:
    """Return this tablet; by itself this re-renders nothing."""
    app = use_app()
    if not isinstance(app, PageApp):
        raise LookupError("this session was opened without a tablet")
    return app.tablet


def use_loaded(load: Callable[[Session], T], *deps: Any) -> T:
    """Return what `load` reads from the store; read again when the store, the minute or `deps` change."""
    tablet, feed = use_tablet(), use_feed()
    return ft.use_memo(lambda: tablet.read(load), [feed.epoch, *deps])


@dataclass(frozen=True, slots=True)
class Said:
    """What the app answered to the last thing a person did."""

    state: State
    text: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing has been said yet, or what was."""

    said: Said | None = None


Give = Callable[..., bool]


def use_giving() -> tuple[Said | None, Give, Callable[[Said | None], None]]:
    """Return the last answer, `give(payload) -> bool`, and a way to say something else.

    `give` is True where the command is kept on this device; False leaves the form as it is, and says why.
    """
    tablet, language, session = use_tablet(), use_language(), use_session()
    told, tell = ft.use_state(Silence())
    said = told.said

    def set_said(fresh: Said | None) -> None:
        tell(Silence(fresh))

    def give(payload: Any, *more: Any, text: str = "") -> bool:
        answer: Said | None = None
        for one in (payload, *more):
            try:
                outcome = tablet.give(one).outcome
            except BadPayload as fault:
                set_said(Said(State.DANGER, say_fault(fault, language)))
                return False
            except StoreFullError as full:  # the form stays as it is
                set_said(Said(State.DANGER, translate(language, f"reason.{full.code}")))
                return False
            answer = answer_of(outcome, language, session.zone, text)
            if not outcome.took_effect:
                set_said(answer)
                return False
        set_said(answer)
        return True

    return said, give, set_said


def answer_of(outcome: Outcome, language: str, zone: tzinfo, text: str = "") -> Said:
    """Put what became of a command into words; never "sent", for it is only saved here."""
    if not outcome.took_effect:
        return Said(State.DANGER, say_code(outcome.code, outcome.values, language, zone))
    saved = text or translate(language, "app.given.saved")
    flags = tuple(say_code(flag.code, flag.values, language, zone) for flag in outcome.flags)
    return Said(State.WARN if flags else State.WAITING, saved, flags)


def say_code(code: str, values: Any, language: str, zone: tzinfo) -> str:
    """Say a reason code in words."""
    return say_reason(code, values, language, str(zone))


def say_fault(fault: BadPayload, language: str) -> str:
    """Say what is wrong with something typed, with the field's own label."""
    name = fault.where.rsplit(".", 1)[-1]
    where = translate(language, f"field.{name}") if has_key(f"field.{name}") else name
    return translate(language, f"reason.{fault.code}", where=where)


def attach(page: ft.Page, session: UiSession, tablet: Tablet) -> None:
    """Let a session follow the tablet: strip, rows and minutes; it lets go when the session closes."""
    tablet.shut_if_idle()  # before anything is drawn: while no page was open, none looked at the clock
    app = PageApp(tablet)
    session.app = app
    session.zone = tablet.zone()
    session.lock.path = tablet.store.setting(
        HANDED_TO
    )  # a killed app comes back locked to the customer's page
    seen: dict[str, Any] = {"stamp": tablet.stamp(), "minute": _minute(tablet), "due": False}
    session.strip.status = tablet.status()
    session.gate.step = tablet.gate
    session.touched = tablet.touch

    async def follow() -> None:
        seen["due"] = False
        tablet.shut_if_idle()
        if session.gate.step != (step := tablet.gate):
            session.gate.step = step  # first: a form that cannot be written down keeps no door open
            session.drafts.drop() if step == "wiped" else session.drafts.close()
        asked = tablet.recovery
        session.gate.asking = "" if asked is None else asked.state or "out"
        status, stamp, minute = tablet.status(), tablet.stamp(), _minute(tablet)
        if status != session.strip.status:
            session.strip.status = status
        if (stamp, minute) != (seen["stamp"], seen["minute"]):
            seen.update(stamp=stamp, minute=minute)
            session.zone = tablet.zone()
            session.feed.epoch += 1
            app.pulse.beat += 1

    def told() -> None:
        # A page without a line (reloading, a browser asleep) follows when it is back.
        if seen["due"] or page.session.connection is None:
            return
        seen["due"] = True
        try:
            # In a context of its own: Flet notes the page there, and the caller may be another session's handler.
            copy_context().run(page.run_task, follow)
        except AttributeError:  # the line went between the two
            seen["due"] = False

    if tablet.files is not None:
        watch_network(page, session, tablet.files)
    tablet.listeners.add(told)
    page.on_connect = lambda _: told()
    session.close_listeners.append(lambda: tablet.listeners.discard(told))


def _minute(tablet: Tablet) -> int:
    return tablet.clock.read().wall_ms // 60_000
