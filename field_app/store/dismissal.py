"""That the office sent this tablet away, and that it was wiped: kept until it is taken back or set up anew.

Owns these two notes. What is shown of them is the screens', what is destroyed the vault's.
"""

from __future__ import annotations

from common.protocol.orders import DISMISSALS, WIPES
from field_app.store.store import Store

DISMISSED = "dismissed"  # setting: the reason code the server gave
WIPED = "wiped"  # setting: why, where this tablet was wiped


def dismissal(store: Store) -> str:
    """Return why the office sent this tablet away, '' where it did not."""
    return store.setting(DISMISSED)


def note_answer(store: Store, code: str) -> None:
    """Note what the server's last answer means: one of `DISMISSALS`, or '' for one as it should be."""
    if code in ("", *DISMISSALS) and store.setting(DISMISSED) != code:
        store.choose(DISMISSED, code)


def is_wipe(why: str) -> bool:
    """Say whether a reason asks for the keys."""
    return why in WIPES


def wiped(store: Store) -> str:
    """Return why this tablet was wiped, '' where it was not."""
    return store.setting(WIPED)
