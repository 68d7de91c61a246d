"""The shape of the screen table: which component answers to which address, and what stands in the navigation.

Owns matching an address to a screen. Builds nothing; the table itself is `screens/table.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import flet as ft

from field_app.state.status import SyncStatus
from field_app.ui import UiSession


@dataclass(frozen=True, slots=True)
class NavItem:
    """A place in the navigation; `badge(status)` counts what wants attention there."""

    label_key: str
    icon: ft.IconData
    icon_selected: ft.IconData
    badge: Callable[[SyncStatus], int] | None = None


@dataclass(frozen=True, slots=True)
class ScreenSpec:
    """One screen. `path` as `ticket/:id` (read with `ft.use_route_params()`), "" is the first page.

    `parent` is the address where system back leads, with the same parameters (`/ticket/:id`). `bare` screens show
    neither strip nor navigation.
    """

    path: str
    component: Callable[[], ft.Control]
    nav: NavItem | None = None
    parent: str = ""
    bare: bool = False

    @property
    def url(self) -> str:
        """Return the address of a screen without parameters."""
        return "/" + self.path


@dataclass(frozen=True, eq=False)
class ScreenTable:
    """All screens. `redirect(session, path)` may name a path to show instead, such as that of enrolment.

    `gate` is built in place of any of them while the tablet is locked.
    """

    screens: Sequence[ScreenSpec]
    outbox: str = "/outbox"
    redirect: Callable[[UiSession, str], str | None] = lambda _session, _path: None
    gate: Callable[[], ft.Control] | None = None
    nav: tuple[ScreenSpec, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nav", tuple(s for s in self.screens if s.nav is not None))

    def find(self, path: str) -> ScreenSpec | None:
        """Return the screen that answers to a path."""
        wanted = path.strip("/").split("/")
        for spec in self.screens:
            parts = spec.path.split("/")
            if len(parts) == len(wanted) and all(
                part.startswith(":") or part == there for part, there in zip(parts, wanted, strict=True)
            ):
                return spec
        return None

    def parent_of(self, path: str) -> str:
        """Return where system back leads from a path, its parameters filled in; '' where it leads nowhere."""
        spec = self.find(path)
        if spec is None or not spec.parent:
            return ""
        given = dict(zip(spec.path.split("/"), path.strip("/").split("/"), strict=True))
        return "/".join(
            given.get(part, part) if part.startswith(":") else part for part in spec.parent.split("/")
        )

    def nav_index(self, path: str) -> int:
        """Return which place of the navigation a path belongs to: its own, or that of the first parent that has one."""
        urls = [s.url for s in self.nav]
        for _ in self.screens:
            spec = self.find(path)
            if spec is None or spec.url in urls or not spec.parent:
                break
            path = self.parent_of(path)
        spec = self.find(path)
        return urls.index(spec.url) if spec is not None and spec.url in urls else 0
