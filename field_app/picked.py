"""What a person picked with the device's file dialog, or took with its camera.

Owns reading it: a browser sends the bytes along, a device of its own leaves them where they are.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO


@dataclass(frozen=True, slots=True)
class Shot:
    """A photo just taken: like a picked file, with its bytes at hand."""

    name: str
    bytes: bytes


def open_picked(file: Any) -> BinaryIO:
    """Open a file the picker brought. Raises OSError."""
    return io.BytesIO(file.bytes) if file.bytes is not None else Path(file.path or "").open("rb")


def read_picked(file: Any) -> bytes:
    """Return the bytes of a file the picker brought. Raises OSError."""
    return file.bytes if file.bytes is not None else Path(file.path or "").read_bytes()
