"""Tones of what the evidence pages say. Owns nothing else; the words are the catalogue's."""

from __future__ import annotations

SEAL_TONES = {"countersigned": "working", "sealed": "planned", "broken": "alert", "unsealed": "paused"}
