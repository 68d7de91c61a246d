"""What a person picked with the device's file dialog.

Owns reading it: a browser sends the bytes along, a device of its own leaves them where they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def read_picked(file: Any) -> bytes:
    """Return the bytes of a file the picker brought. Raises OSError."""
    return file.bytes if file.bytes is not None else Path(file.path or "").read_bytes()
