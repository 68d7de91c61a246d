"""What files a company takes (ASVS 5.2): kinds with their types and sizes, pixels, quotas, when a missing one alarms.

Owns the facet's shape and reading. The shipped presets stay as they were released and carry no such facet: policies
without one are read with `file_rules.json` beside this file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from common.policy.reader import Node, parse_json
from common.policy.titles import Title

MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,60}\Z")
KB = 1024
MB = 1024 * KB
LARGEST_KB = 512 * 1024


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file (photo, document, voice, signature) with the media types it may have and its largest size."""

    code: str
    title: Title
    source: str
    types: tuple[str, ...]
    size_max_bytes: int


@dataclass(frozen=True, slots=True)
class FileRules:
    """Kinds that are taken, and the bounds of a picture, a ticket and a tablet's day."""

    source: str
    kinds: tuple[FileKind, ...]
    pixels_max: int
    per_ticket_max: int
    per_ticket_bytes_max: int
    per_device_day_max: int
    per_device_day_bytes_max: int
    pending_alarm_h: int

    def kind(self, code: str) -> FileKind | None:
        """Find a kind by its code."""
        return next((kind for kind in self.kinds if kind.code == code), None)

    @property
    def types(self) -> frozenset[str]:
        """Gather every media type that is taken."""
        return frozenset(media_type for kind in self.kinds for media_type in kind.types)

    @property
    def size_max_bytes(self) -> int:
        """Give the largest size any kind may have."""
        return max(kind.size_max_bytes for kind in self.kinds)


def read_files(node: Node) -> FileRules:
    """Read the facet; sizes are written in KB and MB."""
    rules = FileRules(
        source=node.text("source"),
        kinds=node.coded("kinds", _read_kind, at_least=1),
        pixels_max=node.whole("pixels_max_mp", 1, 100) * 1_000_000,
        per_ticket_max=node.whole("per_ticket_max", 1, 10_000),
        per_ticket_bytes_max=node.whole("per_ticket_max_mb", 1, 10**6) * MB,
        per_device_day_max=node.whole("per_device_day_max", 1, 100_000),
        per_device_day_bytes_max=node.whole("per_device_day_max_mb", 1, 10**6) * MB,
        pending_alarm_h=node.whole("pending_alarm_h", 1, 24 * 90),
    )
    node.done()
    return rules


def _read_kind(node: Node) -> FileKind:
    types: list[str] = []
    for found in node.items("types"):
        if not isinstance(found, str) or not MEDIA_TYPE.match(found):
            node.fail("types", "not_allowed", ascii(found)[:40])
        types.append(found)
    if not types:
        node.fail("types", "list_too_short", "0")
    size_max_bytes = node.whole("size_max_kb", 1, LARGEST_KB) * KB
    return FileKind(node.code(), node.title(), node.text("source"), tuple(types), size_max_bytes)


@cache
def shipped_rules() -> FileRules:
    """Read the rules for policies that say nothing about files."""
    place = resources.files("common.policy").joinpath("file_rules.json")
    return read_files(Node(parse_json(place.read_text("utf-8")), "files"))
