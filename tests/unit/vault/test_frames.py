"""Files in frames: whatever is done to the sealed file, it opens as it was or not at all."""

from __future__ import annotations

import io
import random

import pytest

from field_app.vault.cipher import Cipher, SealBroken
from field_app.vault.frames import FRAME, SEALED_FRAME, frame_of, open_frames, seal_frames, sealed_size

CIPHER = Cipher(b"k" * 32, 1, random.Random(3).randbytes)


class Dripping(io.BytesIO):
    """A source that gives a little at a time, as a socket does."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, 100_003))


def sealed(content: bytes, name: str = "f") -> bytes:
    return b"".join(seal_frames(CIPHER, name, Dripping(content)))


def opened(raw: bytes, name: str = "f") -> bytes:
    return b"".join(open_frames(CIPHER, name, Dripping(raw)))


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 2 * FRAME + 7])
def test_it_opens_as_it_was(size: int) -> None:
    content = random.Random(size).randbytes(size)
    raw = sealed(content)
    assert len(raw) == sealed_size(size)
    assert opened(raw) == content
    assert content == b"" or content[:64] not in raw or size == 1


def test_nothing_else_opens() -> None:
    content = random.Random(1).randbytes(2 * FRAME + 7)
    raw = sealed(content)
    one, two, three = raw[:SEALED_FRAME], raw[SEALED_FRAME : 2 * SEALED_FRAME], raw[2 * SEALED_FRAME :]
    spoiled = (
        b"", one, one + two, two + one + three, one + one + three, one + three, three, one + two + three[:-1],
        one + two + three + three, one + two + three + b"x", sealed(content, "g"), raw[1:],
        raw[:40] + bytes((raw[40] ^ 1,)) + raw[41:],
    )  # fmt: skip
    for other in spoiled:
        with pytest.raises(SealBroken):
            opened(other)


def test_reading_goes_on_in_the_middle() -> None:
    content = random.Random(2).randbytes(3 * FRAME - 5)
    source = io.BytesIO(sealed(content))
    no, place = frame_of(2 * FRAME + 9)
    source.seek(place)
    assert b"".join(open_frames(CIPHER, "f", source, first=no)) == content[2 * FRAME :]
