# ruff: noqa: N802  (components are functions in capitals, as Flet writes them)
"""The frame around every screen: routes, sync strip, caught errors, customer's lock.

Owns where a screen appears. Takes a table of screens: adding one is one line in `screens/table.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flet as ft

from field_app.i18n import use_t
from field_app.routes import ScreenTable
from field_app.ui import (
    Form,
    UiSession,
    use_form,
    use_gate,
    use_lock,
    use_rebuilds,
    use_session,
    use_troubles,
    with_session,
)
from field_app.widgets.nav import BottomNav, SideNav
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.states import Banner, EmptyState
from field_app.widgets.storebar import StoreBar
from field_app.widgets.syncstrip import SyncStrip
from field_app.widgets.theme import State, use_palette


@ft.component  # the one bare component: it only hands the session to all others, which are safe
def App(session: UiSession, table: ScreenTable) -> Any:
    """Build the whole app of one session; render it with `page.render_views(App, session, table)`."""
    return with_session(session, lambda: _Routes(table, key="routes"))


@safe_component
def _Routes(table: ScreenTable) -> Any:
    """Hand the screens to the router; anew when the gate opens, for a page taken away knows its address no more."""
    gate = use_gate()

    def make_routes() -> list[ft.Route]:
        children = [
            ft.Route(path=s.path, component=s.component)
            if s.path
            else ft.Route(index=True, component=s.component)
            for s in table.screens
        ]
        children.append(ft.Route(path=":rest*", component=NotFound))
        return [ft.Route(component=lambda: Frame(table), outlet=True, children=children)]

    return ft.Router(ft.use_memo(make_routes, [table, bool(gate.step)]), manage_views=True)


@safe_component
def NotFound() -> ft.Control:
    """Say that an address leads nowhere, and lead home."""
    t = use_t()
    page = ft.context.page
    return EmptyState(
        ft.Icons.EXPLORE_OFF_OUTLINED,
        t("app.not_found.title"),
        t("app.not_found.body"),
        t("app.not_found.action"),
        lambda _: page.navigate("/"),
        "not-found",
    )


@safe_component
def Frame(table: ScreenTable) -> Any:
    """Put the strip, the navigation and the matched screen together, for the form of the window."""
    palette, form, lock, session, guarded = use_palette(), use_form(), use_lock(), use_session(), use_guard()
    page, path = ft.context.page, ft.use_route_location() or "/"
    outlet = ft.use_route_outlet()
    epoch = use_rebuilds().epoch
    target = lock.path if lock.path and path != lock.path else table.redirect(session, path)

    def go() -> None:
        session.touched()
        if target and target != path:
            page.navigate(target)

    ft.use_effect(guarded(go), [target, path])
    spec, leaving = table.find(path), bool(target) and target != path
    shut = bool(use_gate().step) and table.gate is not None
    bare = shut or leaving or bool(lock.path) or (spec is not None and spec.bare)
    parent = "" if lock.path or shut else table.parent_of(path)

    def back(_: ft.Event[ft.View]) -> None:
        if parent:
            page.navigate(parent)

    # Keyed lists, never another nesting: turning the tablet or closing the lock must keep what is on the page.
    column: list[ft.Control] = [] if bare else [SyncStrip(_opener(page, table), key="strip")]
    if not lock.path:
        column.append(StoreBar(key="store"))
    column.append(TroubleBar(key="trouble"))
    # While another page is due nothing of this one may be seen: the customer must not get a glimpse.
    if shut and table.gate is not None:
        column.append(ft.Container(table.gate(), key="gate", expand=True))
    else:
        column.append(_Nowhere(key="nowhere") if leaving else _Body(outlet, key=f"{path} {epoch}"))
    main = ft.Container(ft.Column(column, spacing=0, expand=True), key="main", expand=True)
    with_nav = not bare and len(table.nav) > 1
    row: list[ft.Control] = [main]
    if with_nav and form is not Form.PHONE:
        edge = ft.Border.only(right=ft.BorderSide(1, palette.line))
        row.insert(0, ft.Container(key="side", border=edge, content=SideNav(table, path)))
    layout = ft.Row(row, spacing=0, expand=True, vertical_alignment=ft.CrossAxisAlignment.STRETCH)
    return ft.View(
        # One fixed route: changing places must not slide whole pages. System back is answered by `back`.
        route="/",
        padding=0,
        bgcolor=palette.page,
        can_pop=not (lock.path or parent),
        on_confirm_pop=guarded(back),
        controls=[ft.SafeArea(layout, expand=True, avoid_intrusions_bottom=not with_nav)],
        navigation_bar=BottomNav(table, path) if with_nav and form is Form.PHONE else None,
    )


def _opener(page: ft.Page, table: ScreenTable) -> Callable[[Any], Any] | None:
    if table.find(table.outbox) is None:
        return None
    return lambda _: page.navigate(table.outbox)


@safe_component
def _Nowhere() -> ft.Control:
    return ft.Container(expand=True)


@safe_component
def _Body(outlet: ft.Control) -> ft.Control:
    return ft.Container(expand=True, content=outlet)


@safe_component
def TroubleBar() -> ft.Control:
    """Show the newest caught error in words until it is put away."""
    t, troubles, rebuilds = use_t(), use_troubles(), use_session().rebuilds
    latest = troubles.latest
    if latest is None:
        return ft.Container(key="no-trouble", height=0)

    def rebuild(_: Any) -> None:
        troubles.dismiss()
        rebuilds.epoch += 1

    return Banner(
        State.DANGER,
        t("app.trouble.title"),
        t("app.trouble.body", number=latest.number),
        t("app.trouble.rebuild"),
        rebuild,
        "trouble",
    )
