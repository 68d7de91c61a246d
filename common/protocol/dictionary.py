"""Compression of sync messages with a preset dictionary: small requests shrink to a third of gzip's size.

Owns the encoding `x-deflate-d1`: zlib with the dictionary in `dictionary1.txt`. The file never changes once
released; a better one gets the next number and is negotiated. Built by `python -m tools.build_dictionary`.
"""

from __future__ import annotations

import zlib
from functools import cache
from importlib import resources

ENCODING = "x-deflate-d1"
QUICK_FROM = 64 * 1024


class BombError(ValueError):
    """More came out of a compressed body than was allowed."""


@cache
def dictionary() -> bytes:
    """Read the preset dictionary: what is most frequent stands last."""
    return resources.files("common.protocol").joinpath("dictionary1.txt").read_bytes()


def deflate(data: bytes) -> bytes:
    """Compress for `x-deflate-d1`; large bodies at the quick level."""
    level = 9 if len(data) < QUICK_FROM else 2
    press = zlib.compressobj(level, zlib.DEFLATED, 15, 9, zlib.Z_DEFAULT_STRATEGY, dictionary())
    return press.compress(data) + press.flush()


def inflate(data: bytes, at_most: int) -> bytes:
    """Decompress `x-deflate-d1`. Raises BombError above `at_most` bytes, ValueError for what is not whole."""
    return _inflate(zlib.decompressobj(15, dictionary()), data, at_most)


def gunzip(data: bytes, at_most: int) -> bytes:
    """Decompress gzip, one member. Raises BombError above `at_most` bytes, ValueError for what is not whole."""
    return _inflate(zlib.decompressobj(31), data, at_most)


def _inflate(stream: zlib._Decompress, data: bytes, at_most: int) -> bytes:
    try:
        plain = stream.decompress(data, at_most + 1)
    except zlib.error as error:
        raise ValueError("not in the encoding it claims") from error
    if len(plain) > at_most:
        raise BombError
    if not stream.eof or stream.unused_data:
        raise ValueError("cut off, or something behind it")
    return plain
