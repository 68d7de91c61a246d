"""Security records of the server: credentials, sessions, codes, throttles. No noun of the product lives here.

Secrets are stored as hashes only. Rows that ran out are deleted by the ticker.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from common.kernel.record import Document, Key, Long, Short
from sync_server.db.tables import ServerBase


class Credential(ServerBase):
    """How a person signs in at the console: a name and the argon2id hash of a password."""

    __tablename__ = "credential"
    person_id: Mapped[Key] = mapped_column(primary_key=True)
    login: Mapped[Short] = mapped_column(unique=True)  # folded
    hash: Mapped[Long]
    must_change: Mapped[bool]
    changed_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]


class ConsoleSession(ServerBase):
    """A browser that is signed in. `id_hash` is the SHA-256 of the 256-bit number in its cookie."""

    __tablename__ = "console_session"
    id_hash: Mapped[Short] = mapped_column(primary_key=True)
    person_id: Mapped[Key] = mapped_column(index=True)
    csrf: Mapped[Short]
    began_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    address: Mapped[Short]
    browser: Mapped[Short]


class EnrolCode(ServerBase):
    """A one-time code for one device of one person. Found by its first characters, checked by its keyed hash."""

    __tablename__ = "enrol_code"
    id: Mapped[Key] = mapped_column(primary_key=True)
    person_id: Mapped[Key] = mapped_column(index=True)
    prefix: Mapped[Short] = mapped_column(index=True)
    code_hash: Mapped[Short]
    made_by: Mapped[Key]
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    tries: Mapped[int]
    device_id: Mapped[Key | None]  # the device that used it


class StartCode(ServerBase):
    """The one-time code printed by `sync-server init`, with which the first administrator signs up."""

    __tablename__ = "start_code"
    id: Mapped[Short] = mapped_column(primary_key=True)
    code_hash: Mapped[Short]
    made_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class UsedNonce(ServerBase):
    """A nonce that has been signed for a token: it is never taken a second time."""

    __tablename__ = "used_nonce"
    nonce_hash: Mapped[Short] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]


class Throttle(ServerBase):
    """Failures in a row of one account or one address, and until when it must wait."""

    __tablename__ = "throttle"
    key: Mapped[Short] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime]
    until_at: Mapped[datetime | None]


class SecondFactor(ServerBase):
    """A person's one-time codes: their secret (encrypted), the last step taken, recovery codes as keyed hashes."""

    __tablename__ = "second_factor"
    person_id: Mapped[Key] = mapped_column(primary_key=True)
    secret: Mapped[Long]  # '' until a first code has been shown to be right
    pending: Mapped[Long]  # a secret being set up
    last_step: Mapped[int]
    codes: Mapped[Document]
    confirmed_at: Mapped[datetime | None]


class HalfSignIn(ServerBase):
    """Somebody who gave the right password and still owes the second factor. Opens nothing else."""

    __tablename__ = "half_sign_in"
    id_hash: Mapped[Short] = mapped_column(primary_key=True)
    person_id: Mapped[Key] = mapped_column(index=True)
    began_at: Mapped[datetime]
    address: Mapped[Short]
    browser: Mapped[Short]
