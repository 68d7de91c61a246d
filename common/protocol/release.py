"""Which release this program is, and whether another one is newer.

Owns the number; `pyproject.toml` says the same (a test compares them). Releases are `major.minor.patch`.
"""

from __future__ import annotations

RELEASE = "0.1.0"


def is_newer(other: str, own: str = RELEASE) -> bool:
    """Say whether a release is newer than this one. What is no release number is not newer."""
    return _numbers(other) > _numbers(own)


def _numbers(release: str) -> tuple[int, ...]:
    parts = release.split("+")[0].split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() and len(part) < 6 for part in parts) else ()
