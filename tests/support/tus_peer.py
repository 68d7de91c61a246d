"""A server for files in memory that keeps to tus 1.0 as ours does: for tests of the sending side alone.

Owns its bytes and the line before it, which can break, double and spoil what is sent. The product's own server is met in
`tests/integration/test_uploads.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from common.protocol.messages import Busy, Unreachable
from field_app.sync.tus import BytesDamaged, FileRefused, OffsetLost


@dataclass
class TusPeer:
    """`stored` holds what arrived whole and right. `breaks` may raise, or cut or spoil a chunk that is under way."""

    stored: dict[str, bytes] = field(default_factory=dict)
    partial: dict[str, bytearray] = field(default_factory=dict)
    length: dict[str, int] = field(default_factory=dict)
    refuses: dict[str, str] = field(default_factory=dict)
    breaks: Callable[[bytes], bytes] = lambda chunk: chunk
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    arrivals: list[str] = field(default_factory=list)
    full: bool = False
    checks_hash: bool = True

    def open(self, sha: str, size: int, media_type: str) -> int:
        """Announce a file."""
        self.calls.append(("open", sha, size))
        self.breaks(b"")
        if sha in self.refuses:
            raise FileRefused(self.refuses[sha])
        if sha in self.stored:
            return size
        if self.length.get(sha, size) != size:  # of two lengths the last told counts, until the whole is here
            self.partial.pop(sha, None)
        self.length[sha] = size
        return len(self.partial.setdefault(sha, bytearray()))

    def send(self, sha: str, offset: int, chunk: bytes) -> int:
        """Take bytes in."""
        self.calls.append(("send", sha, len(chunk)))
        arrived = self.breaks(chunk)
        if self.full:
            raise Busy(30)
        there = self.partial.get(sha)
        if there is None or offset != len(there):
            raise OffsetLost
        if len(arrived) < len(chunk):  # the line broke: the checksum never came to be compared
            raise Unreachable("broken", partway=True)
        if arrived != chunk:
            raise BytesDamaged(whole=False)
        there += arrived
        if len(there) >= self.length[sha]:
            del self.partial[sha]
            if self.checks_hash and hashlib.sha256(there).hexdigest() != sha:
                raise BytesDamaged(whole=True)
            self.stored[sha] = bytes(there)
            self.arrivals.append(sha)
            return len(there)
        return len(there)

    def fetch(self, sha: str, *, preview: bool = False) -> bytes:
        """Give a file."""
        return self.stored[sha]
