"""A Flet session without browser and Flutter: real session and components, a connection that keeps notes.

Owns finding, clicking, typing and resizing. Leans on flet 1.0.5's `messaging`, hence one file and the pin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import flet as ft
import msgpack
from flet.controls.base_control import BaseControl
from flet.controls.context import _context_page, context
from flet.messaging.connection import Connection
from flet.messaging.protocol import MessageAction, configure_encode_object_for_msgpack
from flet.messaging.session import Session
from flet.pubsub.pubsub_hub import PubSubHub

_encode = configure_encode_object_for_msgpack(BaseControl)
C = TypeVar("C", bound=BaseControl)
SETTLE_TURNS = 25


class NotedConnection(Connection):
    """Encodes every message as the real one does (later diffs need it) and notes errors and calls."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()
        self.executor = ThreadPoolExecutor(1)
        self.pubsubhub = PubSubHub(loop=self.loop)
        self.page_url = "http://test"
        self.session: Session | None = None
        self.errors: list[str] = []
        self.calls: list[tuple[str, Any]] = []
        self.replies: dict[str, Any] = {}
        self.bytes_sent = 0

    def send_message(self, message: Any) -> None:
        """Encode and note a message."""
        self.bytes_sent += len(msgpack.packb([message.action, message.body], default=_encode))
        if message.action == MessageAction.SESSION_CRASHED:
            self.errors.append(message.body.message)
        elif message.action == MessageAction.INVOKE_METHOD:
            self.calls.append((message.body.name, message.body.args))
            self.loop.call_soon(self._reply, message.body)

    def _reply(self, body: Any) -> None:
        assert self.session is not None
        self.session.handle_invoke_method_results(
            body.control_id, body.call_id, self.replies.get(body.name), None
        )
        if body.name == "push_route":
            asyncio.ensure_future(self.went(body.args["route"]))

    async def went(self, route: str) -> None:
        """Tell the session that the address changed."""
        assert self.session is not None
        self.session.page.route = route
        await self.session.dispatch_event(1, "route_change", {"route": route})


class FletSession:
    """One page under test. Use `async with FletSession.open(main) as app`."""

    def __init__(self, main: Callable[[ft.Page], Any], width: int, height: int, route: str) -> None:
        self._main, self._size, self._route = main, (width, height), route

    @classmethod
    def open(
        cls, main: Callable[[ft.Page], Any], width: int = 400, height: int = 800, route: str = "/"
    ) -> FletSession:
        """Prepare a session of a window of this size."""
        return cls(main, width, height, route)

    async def __aenter__(self) -> FletSession:
        self.connection = NotedConnection()
        self.session = self.connection.session = Session(self.connection)
        page = self.session.page
        self.session.apply_page_patch(
            {"width": self._size[0], "height": self._size[1], "route": self._route, "platform": "linux"}
        )
        _context_page.set(page)
        self.session.get_page_patch()
        context.reset_auto_update()
        msgpack.packb(page, default=_encode)
        answer = self._main(page)
        if asyncio.iscoroutine(answer):
            await answer
        await self.session.after_event(page)
        await self.settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.session.close()
        await self.settle()
        self.connection.executor.shutdown(wait=False)

    @property
    def page(self) -> ft.Page:
        """Return the page."""
        return self.session.page

    @property
    def errors(self) -> list[str]:
        """Return the messages that would have covered the whole app."""
        return self.connection.errors

    @property
    def updating(self) -> bool:
        """Say whether the session still updates: a failed render can silently end that."""
        return not getattr(self.session, "_Session__updates_task").done()  # noqa: B009

    async def settle(self) -> None:
        """Let everything that is due happen."""
        for _ in range(SETTLE_TURNS):
            await asyncio.sleep(0)

    async def until(self, happened: Callable[[], bool], turns: int = 500) -> None:
        """Let a thread's work come in: wait until something has happened."""
        for _ in range(turns):
            if happened():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it never happened")

    def walk(self) -> Iterator[BaseControl]:
        """Go through what is on the page now, dialogs included, from the outside inwards."""
        yield from _below(self.page.views, set())
        yield from _below(self.page._dialogs, set())

    def all(self, kind: type[C], key: str | None = None) -> list[C]:
        """Return all controls of a kind on the page, with a key if given."""
        return [c for c in self.walk() if isinstance(c, kind) and (key is None or c.key == key)]

    def key(self, key: str) -> Any:
        """Return the one control with the key."""
        found = [c for c in self.walk() if c.key == key and not isinstance(c, ft.Semantics)]
        assert found, (
            f"no control with key {key!r}; keys: {sorted({str(c.key) for c in self.walk() if c.key})}"
        )
        return found[0]

    def has(self, key: str) -> bool:
        """Say whether a control with the key is on the page."""
        return any(c.key == key for c in self.walk())

    def ident(self, identifier: str) -> ft.Semantics | None:
        """Return the part of the page with this semantics identifier."""
        return next((c for c in self.all(ft.Semantics) if c.identifier == identifier), None)

    def badges(self) -> list[ft.Badge]:
        """Return the badges on controls of the page."""
        found = (getattr(control, "badge", None) for control in self.walk())
        return [badge for badge in found if isinstance(badge, ft.Badge)]

    def texts(self) -> list[str]:
        """Return all visible texts, labels of buttons and fields included."""
        found: list[str] = []
        for control in self.walk():
            for name in ("value", "content", "label", "text"):
                text = getattr(control, name, None)
                if isinstance(text, str) and text:
                    found.append(text)
        return found

    def shows(self, text: str) -> bool:
        """Say whether a text is part of what is visible."""
        return any(text in shown for shown in self.texts())

    async def click(self, key: str) -> None:
        """Click the control with the key."""
        await self.event(self.key(key), "click", None)

    async def type(self, key: str, text: str) -> None:
        """Put text into the field with the key, as if typed."""
        field = self.key(key)
        self.session.apply_patch(field._i, {"value": text})
        await self.event(field, "change", text)

    async def event(self, control: BaseControl, name: str, data: Any) -> None:
        """Send an event of a control."""
        await self.session.dispatch_event(control._i, name, data)
        await self.settle()

    async def resize(self, width: int, height: int = 800) -> None:
        """Change the size of the window."""
        self.session.apply_page_patch({"width": width, "height": height})
        await self.session.dispatch_event(1, "resize", {"width": width, "height": height})
        await self.settle()

    async def go(self, route: str) -> None:
        """Go to an address, as by the address bar or browser back."""
        await self.connection.went(route)
        await self.settle()


def _below(value: Any, seen: set[int]) -> Iterator[BaseControl]:
    if isinstance(value, list):
        for item in value:
            yield from _below(item, seen)
    elif isinstance(value, BaseControl) and id(value) not in seen:
        seen.add(id(value))
        yield value
        if getattr(value, "_c", "") == "C":
            yield from _below(getattr(value, "_b"), seen)  # noqa: B009
            return
        for name in (
            "controls",
            "content",
            "destinations",
            "navigation_bar",
            "leading",
            "title",
            "actions",
            "icon",
        ):
            yield from _below(getattr(value, name, None), seen)
