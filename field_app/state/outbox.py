"""The outbox in words: what waits, since when, when it is tried again, and why it did not go.

Owns the choice of words' keys and figures. The page only shows them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import flet as ft

from field_app.state.files import FileLine, waiting_files
from field_app.state.reach import LineState, Reach
from field_app.store.queries_outbox import Entry, OutboxPage, outbox_page, whole_outbox

KIB = 1024


@ft.observable
@dataclass(eq=False)
class Outbox:
    """What was given on this tablet, and how the line is."""

    reach: Reach
    page: OutboxPage | None = None
    line: LineState = LineState()
    files: tuple[FileLine, ...] = ()
    holds_photos_back: bool = False
    next_file_in_ms: int = 0  # until the next portion of a file is tried, 0 while nothing failed

    def __post_init__(self) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Read the outbox and the line again."""
        desk = self.reach.files
        held = desk is not None and desk.holds_photos_back
        with self.reach.store.read() as session:
            self.page = outbox_page(session)
            self.files = waiting_files(session, held)
        self.holds_photos_back = held and any(line.state == "held" for line in self.files)
        self.next_file_in_ms = desk.next_try_in_ms if desk is not None else 0
        self.line = self.reach.line()

    def send_anyway(self) -> None:
        """Send photos now, whatever the line costs."""
        desk = self.reach.files
        if desk is not None:
            desk.send_anyway()
        self.refresh()

    def try_now(self) -> None:
        """Have everything sent at once."""
        self.reach.sync_now()
        self.refresh()

    def export(self) -> bytes:
        """Write every command with all its content as JSON, for the office to read where nothing else helps."""
        with self.reach.store.read() as session:
            ops = whole_outbox(session)
        return json.dumps(ops, ensure_ascii=False, indent=1).encode()


def state_key(entry: Entry) -> str:
    """Name the sentence of an entry's state: `app.outbox.state.<key>`."""
    if entry.state == "new":
        return "tried" if entry.tries else "new"
    if entry.state in ("kept", "closed") and entry.status in ("flagged", "merged"):
        return "remark"
    return entry.state


def say_size(size: int) -> tuple[str, dict[str, str]]:
    """Name the key and values of a size: bytes below one KiB, else KiB with one place."""
    if size < KIB:
        return "app.outbox.bytes", {"n": str(size)}
    tenths = size * 10 // KIB
    return "app.outbox.kib", {"n": f"{tenths // 10}.{tenths % 10}"}
