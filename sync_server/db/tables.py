"""The server's own tables of the sync engine: feed, scope, lanes, receipts, audit. No noun lives here."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, MetaData, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from common.kernel.record import NAMING, Agg, Base, Document, Key, Long, Short


class ServerBase(DeclarativeBase):
    """Tables only the server has."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = Base.type_annotation_map


class Change(ServerBase):
    """That a row changed, or a membership. Written unnumbered with the business; numbered after it (ADR-0003)."""

    __tablename__ = "change"
    id: Mapped[Key] = mapped_column(primary_key=True)
    stream: Mapped[Short]
    tx: Mapped[Key]
    agg: Mapped[Agg]
    entity: Mapped[Short]
    row_id: Mapped[Key]
    seq: Mapped[int | None]
    at: Mapped[datetime]
    __table_args__ = (
        Index(
            "ix_change_unnumbered",
            "at",
            postgresql_where=text("seq IS NULL"),
            sqlite_where=text("seq IS NULL"),
        ),
        Index("ix_change_agg_seq", "agg", "seq"),
        Index("ix_change_seq", "seq"),
    )


class StreamHead(ServerBase):
    """The newest number given, the lock of the sequencer, and the head of the audit chain."""

    __tablename__ = "stream_head"
    stream: Mapped[Short] = mapped_column(primary_key=True)
    seq: Mapped[int]
    audit_seq: Mapped[int]
    audit_hash: Mapped[Short]
    epoch: Mapped[Short]
    durable: Mapped[int]


class Batch(ServerBase):
    """A numbering run and its random mark: a restored server cannot give the same mark again."""

    __tablename__ = "batch"
    stream: Mapped[Short] = mapped_column(primary_key=True)
    last_seq: Mapped[int] = mapped_column(primary_key=True)
    mark: Mapped[int]
    at: Mapped[datetime]


class AggHead(ServerBase):
    """An aggregate's newest number and revision."""

    __tablename__ = "agg_head"
    agg: Mapped[Agg] = mapped_column(primary_key=True)
    last_seq: Mapped[int]
    rev: Mapped[int]


class Member(ServerBase):
    """That a principal may see an aggregate, and why. `state`: granting → active → revoking → revoked."""

    __tablename__ = "member"
    id: Mapped[Key] = mapped_column(primary_key=True)
    principal: Mapped[Agg]
    agg: Mapped[Agg]
    reason: Mapped[Agg] = mapped_column(index=True)
    state: Mapped[Short]
    granted_seq: Mapped[int | None]
    revoked_seq: Mapped[int | None]
    __table_args__ = (Index("ix_member_principal", "principal", "agg"),)


class PrincipalOf(ServerBase):
    """Which principals a person is."""

    __tablename__ = "principal_of"
    person_id: Mapped[Key] = mapped_column(primary_key=True)
    principal: Mapped[Agg] = mapped_column(primary_key=True)
    granted_seq: Mapped[int]


class Device(ServerBase):
    """An enrolled tablet, phone or laptop, bound to one person, and what it last said of itself."""

    __tablename__ = "device"
    id: Mapped[Key] = mapped_column(primary_key=True)
    person_id: Mapped[Key] = mapped_column(index=True)
    name: Mapped[Short]
    public_key: Mapped[Short]
    state: Mapped[Short]  # active | revoked | lost
    enrolled_at: Mapped[datetime]
    last_contact_at: Mapped[datetime | None]
    clock_error_ms: Mapped[int]
    unsent: Mapped[int]
    oldest_unsent_at: Mapped[datetime | None]
    app: Mapped[Short]
    position: Mapped[int]
    forks: Mapped[int]
    leased_at: Mapped[datetime | None]
    lost_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]  # the wipe order went out for the first time
    wiped_at: Mapped[datetime | None]  # the device said that it destroys its keys now


class KeyRequest(ServerBase):
    """A tablet that cannot open its data asks for its key: `box` holds it, sealed for the server; newest one only."""

    __tablename__ = "key_request"
    device_id: Mapped[Key] = mapped_column(primary_key=True)
    key_id: Mapped[Short]
    fresh_key: Mapped[Short]
    box: Mapped[Long]
    asked_at: Mapped[datetime]
    state: Mapped[Short]  # waiting | given | declined
    sealed: Mapped[Long]
    decided_by: Mapped[Key | None]
    decided_at: Mapped[datetime | None]


class Lane(ServerBase):
    """One incarnation of a device's numbered command lane."""

    __tablename__ = "lane"
    device_id: Mapped[Key] = mapped_column(primary_key=True)
    incarnation: Mapped[int] = mapped_column(primary_key=True)
    last_n: Mapped[int]
    token: Mapped[Short]
    prev_token: Mapped[Short]


class Receipt(ServerBase):
    """That a command was handled, and how: the answer to every repetition. Kept at least 24 months."""

    __tablename__ = "receipt"
    op_id: Mapped[Key] = mapped_column(primary_key=True)
    device_id: Mapped[Key]
    incarnation: Mapped[int]
    n: Mapped[int]
    status: Mapped[Short]
    code: Mapped[Short]
    details: Mapped[Document]
    content_hash: Mapped[Short]
    at: Mapped[datetime]


class ParkedOp(ServerBase):
    """The full envelope of a command that had no effect, so that it can be run again."""

    __tablename__ = "op_parked"
    op_id: Mapped[Key] = mapped_column(primary_key=True)
    person_id: Mapped[Key]
    device_id: Mapped[Key]
    envelope: Mapped[Document]
    code: Mapped[Short]
    blocked_by: Mapped[Key | None] = mapped_column(index=True)
    happened_at: Mapped[datetime]
    state: Mapped[Short]  # open | accepted | declined


class AuditEntry(ServerBase):
    """One command in the hash chain. `seq`, `prev_hash` and `hash` are given by the sequencer, in commit order."""

    __tablename__ = "audit"
    id: Mapped[Key] = mapped_column(primary_key=True)
    seq: Mapped[int | None] = mapped_column(unique=True)
    at: Mapped[datetime]
    tx: Mapped[Key]
    ordinal: Mapped[int]  # within its transaction
    actor_id: Mapped[Short]
    device_id: Mapped[Short]
    kind: Mapped[Short]
    entry: Mapped[Long]
    prev_hash: Mapped[Short]
    hash: Mapped[Short]
    __table_args__ = (
        Index(
            "ix_audit_unchained", "at", postgresql_where=text("seq IS NULL"), sqlite_where=text("seq IS NULL")
        ),
    )
