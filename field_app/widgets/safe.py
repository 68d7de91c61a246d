"""Nothing an author forgets may blank the app: errors are caught, shown in words and logged.

Owns the wrappers around handlers and components and the last nets of a session. No rules of the trade.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec

import flet as ft

from field_app.i18n import use_t
from field_app.ui import UiSession, use_session

P = ParamSpec("P")
Report = Callable[[BaseException, str], object]


def guard(fn: Callable[P, Any], report: Report) -> Callable[P, Any]:
    """Wrap an event handler or effect so that an error is reported and goes no further."""
    where = getattr(fn, "__qualname__", repr(fn))
    if inspect.iscoroutinefunction(fn):

        @functools.wraps(fn)
        async def guarded_async(*args: P.args, **kwargs: P.kwargs) -> Any:
            try:
                return await fn(*args, **kwargs)
            except Exception as error:
                report(error, where)
                return None

        return guarded_async

    @functools.wraps(fn)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            return fn(*args, **kwargs)
        except Exception as error:
            report(error, where)
            return None

    return guarded


def use_guard() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return `guarded(fn)` for this session: `on_click=guarded(save)`."""
    report = use_session().troubles.report
    return lambda fn: guard(fn, report)


def safe_component(fn: Callable[P, Any]) -> Callable[..., Any]:
    """Turn a function into a component whose failed render becomes a card with words, never a dead screen.

    Use it in place of `ft.component`, on every component; like there, every call takes `key=` too.
    """

    @functools.wraps(fn)
    def rendered(*args: P.args, **kwargs: P.kwargs) -> Any:
        tries, set_tries = ft.use_state(0)
        t = use_t()
        session = use_session()
        try:
            return fn(*args, **kwargs)
        except Exception as error:
            trouble = session.troubles.report(error, fn.__qualname__)
            return _broken_part(t, trouble.number, lambda _: set_tries(tries + 1))

    return ft.component(rendered)


def _broken_part(t: Callable[..., str], number: int, again: Callable[[Any], None]) -> ft.Control:
    # Plain controls only: the card must not fail where the component failed.
    return ft.Container(
        key="render-error",
        padding=16,
        content=ft.Column(
            tight=True,
            spacing=12,
            controls=[
                ft.Text(t("app.trouble.part_title"), theme_style=ft.TextThemeStyle.TITLE_MEDIUM),
                ft.Text(t("app.trouble.part_body", number=number)),
                ft.OutlinedButton(
                    t("app.trouble.try_again"),
                    icon=ft.Icons.REFRESH,
                    key="render-again",
                    height=48,
                    on_click=again,
                ),
            ],
        ),
    )


def harden(page: ft.Page, ui: UiSession) -> None:
    """Spread the last nets under a session, for what no wrapper caught.

    Flet covers the whole app with an error after an unhandled exception in a handler, and silently stops
    updating after one between render and patch. Here both are reported, and updating goes on.
    """
    flet_session = page.session

    def error_in_handler(message: str) -> None:
        ui.troubles.report(RuntimeError(message.splitlines()[0] if message else "unknown"), "handler")

    flet_session.error = error_in_handler  # type: ignore[method-assign]
    _watch_updates(page, ui)


def _watch_updates(page: ft.Page, ui: UiSession) -> None:
    # The attribute is private to flet 1.0.5, hence the pin and tests/unit/field_app/test_safe.py.
    task: asyncio.Task[None] | None = getattr(page.session, "_Session__updates_task", None)
    if task is None:
        return

    def ended(done: asyncio.Task[None]) -> None:
        if done.cancelled() or done.exception() is None:
            return
        page.session.start_updates_scheduler()
        _watch_updates(page, ui)
        error = done.exception()
        assert error is not None

        async def tell() -> None:
            ui.troubles.report(error, "update")

        page.run_task(tell)

    task.add_done_callback(ended)
