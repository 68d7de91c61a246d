"""Half-typed forms: kept in memory at each key, written down a moment later, given back after a crash.

Owns the waiting and the writing order. Knows neither screen nor database: it is given `load` and `save`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

Load = Callable[[str], Mapping[str, str]]
Save = Callable[[str, Mapping[str, str]], None]  # an empty mapping means: forget the form
Sleep = Callable[[float], Awaitable[None]]

DELAY_S = 0.4


@dataclass(eq=False)
class Drafts:
    """All half-typed forms of one session. `form` names a form, such as `diagnosis:<ticket_id>`."""

    load: Load
    save: Save
    sleep: Sleep = asyncio.sleep
    delay_s: float = DELAY_S
    _forms: dict[str, dict[str, str]] = field(default_factory=dict)
    _dirty: set[str] = field(default_factory=set)
    _timer: asyncio.Task[None] | None = None

    def get(self, form: str, name: str, initial: str = "") -> str:
        """Return what was typed last into a field, or `initial`."""
        return self._form(form).get(name, initial)

    def put(self, form: str, name: str, text: str) -> None:
        """Remember what stands in a field now; it is written down within `delay_s` seconds."""
        if self._form(form).get(name) == text:
            return
        self._form(form)[name] = text
        self._dirty.add(form)
        if self._timer is None or self._timer.done():
            self._timer = asyncio.ensure_future(self._flush_later())

    def forget(self, form: str) -> None:
        """Drop a form that has been saved or thrown away."""
        self._forms[form] = {}
        self._dirty.discard(form)
        self.save(form, {})

    def has(self, form: str) -> bool:
        """Say whether something half-typed is kept for the form."""
        return bool(self._form(form))

    def flush(self) -> None:
        """Write down everything now: called when the app is hidden, paused or closed."""
        for form in sorted(self._dirty):
            self.save(form, dict(self._forms[form]))
            self._dirty.discard(form)

    def drop(self) -> None:
        """Forget everything and write nothing more."""
        self._forms.clear()
        self._dirty.clear()

    def close(self) -> None:
        """Write down everything and stop the timer."""
        self.flush()
        if self._timer is not None:
            self._timer.cancel()

    async def _flush_later(self) -> None:
        while self._dirty:
            await self.sleep(self.delay_s)
            self.flush()

    def _form(self, form: str) -> dict[str, str]:
        if form not in self._forms:
            self._forms[form] = dict(self.load(form))
        return self._forms[form]


@dataclass(eq=False)
class MemoryDrafts:
    """Where drafts go when there is no database yet: this run of the app only."""

    kept: dict[str, dict[str, str]] = field(default_factory=dict)

    def load(self, form: str) -> Mapping[str, str]:
        """Return the kept fields of a form."""
        return self.kept.get(form, {})

    def save(self, form: str, fields: Mapping[str, str]) -> None:
        """Keep or, when empty, forget the fields of a form."""
        if fields:
            self.kept[form] = dict(fields)
        else:
            self.kept.pop(form, None)
