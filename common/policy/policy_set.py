"""The policy in force: one preset or the company's own, kept whole in versions that never change (R173).

Owns the table and finding the one in force. What a policy says is read by `common.policy.preset`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from common.kernel.record import Base, Document, Key, Short, Synced
from common.kernel.scope import EVERYONE, Grant, scope_rule

POLICY_AGG = "policy:main"


class PolicySet(Synced, Base):
    """One version of the policy; `data` is the whole preset document. At most one version is active."""

    __tablename__ = "policy_set"
    preset: Mapped[Short]
    version: Mapped[int]
    title: Mapped[Short]
    data: Mapped[Document]
    data_hash: Mapped[Short]
    adopted_at: Mapped[datetime]
    adopted_by: Mapped[Key]
    active: Mapped[bool] = mapped_column(index=True)


@scope_rule("policy")
def policy_scope(session: Session, agg: str) -> Iterable[Grant]:
    """Show the policy to everyone."""
    return ((EVERYONE, agg),)


def active_set(session: Session) -> PolicySet | None:
    """Find the version in force; None before the first is adopted."""
    query = select(PolicySet).where(PolicySet.active.is_(True)).order_by(PolicySet.version.desc()).limit(1)
    return session.scalars(query).first()


def latest_version(session: Session) -> int:
    """Return the highest version given so far, 0 before the first."""
    query = select(PolicySet.version).order_by(PolicySet.version.desc()).limit(1)
    return session.scalar(query) or 0
