"""What a person chose about the app itself (language, light or dark), in one small file beside the database.

Owns that file. Holds nothing of the trade: losing it loses no work.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from common.i18n import LANGUAGES

THEME_MODES = ("system", "light", "dark")


@dataclass(frozen=True, slots=True)
class SavedPrefs:
    """Choices as they stand in the file; `language` empty means: as the system says."""

    language: str = ""
    theme_mode: str = "system"


def read_prefs(path: Path) -> SavedPrefs:
    """Read the choices; a missing or damaged file means the defaults."""
    try:
        raw = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return SavedPrefs()
    if not isinstance(raw, dict):
        return SavedPrefs()
    language = raw.get("language")
    mode = raw.get("theme_mode")
    return SavedPrefs(
        language=language if language in LANGUAGES else "",
        theme_mode=mode if mode in THEME_MODES else "system",
    )


def write_prefs(path: Path, prefs: SavedPrefs) -> None:
    """Write the choices so that a crash leaves either the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(prefs)), "utf-8")
    os.replace(fresh, path)
