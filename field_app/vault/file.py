"""The file of wrappings: what opens the data key, and how often somebody tried.

Owns its form and that it is on the disk before the call returns. Holds no key in the clear.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path

FORM = 1


@dataclass(frozen=True, slots=True)
class Wrappings:
    """`by_pin` empty: the PIN was destroyed. `by_keystore` empty: the platform has no secure storage."""

    key_id: str
    key_version: int
    salt: bytes
    memory_kib: int
    passes: int
    by_pin: bytes
    by_keystore: bytes
    tries: int = 0
    tried_ms: int = 0
    wiped: bool = False


class VaultFileDamaged(Exception):
    """The file of wrappings cannot be read; it is left as it is."""


def read_wrappings(path: Path) -> Wrappings | None:
    """Read the file; None where there is none. Raises VaultFileDamaged."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        told = json.loads(raw)
        if told["form"] != FORM:
            raise VaultFileDamaged("written by another version")
        return Wrappings(
            str(told["key_id"]),
            int(told["key_version"]),
            base64.b64decode(told["salt"]),
            int(told["memory_kib"]),
            int(told["passes"]),
            base64.b64decode(told["by_pin"]),
            base64.b64decode(told["by_keystore"]),
            int(told["tries"]),
            int(told["tried_ms"]),
            bool(told["wiped"]),
        )
    except (ValueError, KeyError, TypeError) as fault:
        raise VaultFileDamaged(str(fault)) from fault


def write_wrappings(path: Path, wrappings: Wrappings) -> None:
    """Write the file for good: a crash leaves the old one or the new one."""
    told = {
        "form": FORM,
        "key_id": wrappings.key_id,
        "key_version": wrappings.key_version,
        "salt": base64.b64encode(wrappings.salt).decode(),
        "memory_kib": wrappings.memory_kib,
        "passes": wrappings.passes,
        "by_pin": base64.b64encode(wrappings.by_pin).decode(),
        "by_keystore": base64.b64encode(wrappings.by_keystore).decode(),
        "tries": wrappings.tries,
        "tried_ms": wrappings.tried_ms,
        "wiped": wrappings.wiped,
    }
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(json.dumps(told).encode())
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    folder = os.open(path.parent, os.O_RDONLY) if os.name == "posix" else -1
    if folder >= 0:
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
