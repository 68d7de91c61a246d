"""Small values a tablet keeps by name, read and written inside a transaction of the store.

Owns their reading and writing, and the names of those the store itself must know. What the others mean is their owner's.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from field_app.store.schema import Setting

SIGN_KEY_SETTING = "server.sign_key"  # what the server's leases and orders are checked with
BOX_KEY_SETTING = "server.box_key"  # what is sealed for the server
SERVER_KEYS = (SIGN_KEY_SETTING, BOX_KEY_SETTING)


def setting_of(session: Session, key: str) -> str:
    """Read a setting of this tablet; '' where there is none."""
    return session.scalar(select(Setting.value).where(Setting.key == key)) or ""


def keep_setting(session: Session, key: str, value: str) -> None:
    """Keep a setting."""
    session.execute(delete(Setting).where(Setting.key == key))
    session.execute(insert(Setting).values(key=key, value=value))
