"""Files under the data key: sealed in frames of 1 MiB, so that a large one is never whole in memory.

Owns the form on the disk, version 1: each frame sealed by itself, bound to the file's id, the frame's number and whether
it is the last. A frame that is missing, doubled, moved, taken from another file or cut off does not open.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from field_app.vault.cipher import OVERHEAD, SealBroken, Sealer

FRAME = 1024 * 1024  # bytes of content in every frame but the last, which may be shorter or empty
SEALED_FRAME = FRAME + OVERHEAD


class Readable(Protocol):
    """What bytes are read from: an open file."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes, b"" at the end."""
        ...


def seal_frames(sealer: Sealer, file_id: str, source: Readable) -> Iterator[bytes]:
    """Yield the sealed frames of a file, in order; an empty file has one. Raises VaultClosed."""
    no, held = 0, _full(source, FRAME)
    while True:
        coming = _full(source, FRAME) if len(held) == FRAME else b""
        yield sealer.seal(held, _place(file_id, no, last=not coming))
        if not coming:
            return
        no, held = no + 1, coming


def open_frames(sealer: Sealer, file_id: str, source: Readable, *, first: int = 0) -> Iterator[bytes]:
    """Yield the content of the frames from number `first` on; `source` stands at that frame's beginning.

    Raises SealBroken where anything was changed or the end is missing, VaultClosed. Use nothing of a file before its
    end was reached, or check its hash.
    """
    no, held = first, _full(source, SEALED_FRAME)
    if not held:
        raise SealBroken("the file has no end")
    while held:
        coming = _full(source, SEALED_FRAME) if len(held) == SEALED_FRAME else b""
        yield sealer.open(held, _place(file_id, no, last=not coming))
        no, held = no + 1, coming


def sealed_size(size: int) -> int:
    """Return how many bytes a file of so many bytes takes once it is sealed."""
    return size + OVERHEAD * max(1, -(-size // FRAME))


def frame_of(offset: int) -> tuple[int, int]:
    """Say where to go on reading for a place in the content: the frame's number, and its place in the sealed file."""
    return offset // FRAME, offset // FRAME * SEALED_FRAME


def _place(file_id: str, no: int, *, last: bool) -> bytes:
    return f"file|{file_id}|{no}|{int(last)}".encode()


def _full(source: Readable, size: int) -> bytes:
    """Read so many bytes, fewer only at the end."""
    parts, left = [], size
    while left and (part := source.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
