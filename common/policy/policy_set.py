"""The policy in force: one preset or the company's own, kept whole in versions that never change (R173).

Owns the table and the small memory of checked policies. What a policy says is read by `common.policy.preset`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from common.kernel.outcome import Refused
from common.kernel.record import Base, Document, Key, Short, Synced
from common.kernel.scope import EVERYONE, Grant, scope_rule
from common.policy.model import Policy
from common.policy.preset import load_policy, zone_of

POLICY_AGG = "policy:main"
KEPT = 8
_read: dict[str, Policy] = {}


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


def find_policy(session: Session) -> Policy | None:
    """Return the policy in force, checked; None before the first is adopted. One small query once read."""
    query = select(PolicySet.id, PolicySet.data_hash).where(PolicySet.active.is_(True))
    found = session.execute(query.order_by(PolicySet.version.desc()).limit(1)).first()
    return _checked(session, found.id, found.data_hash) if found else None


def policy_of_form(session: Session, version: int, signed_at: datetime) -> Policy | None:
    """Return the policy a form was filled in by (F4): the version it names, else the one in force when it was signed.

    None before the first is adopted. A form of an older app names no version (0).
    """
    query = select(PolicySet.id, PolicySet.data_hash)
    found = session.execute(query.where(PolicySet.version == version).limit(1)).first() if version else None
    if found is None:
        then = query.where(PolicySet.adopted_at <= signed_at).order_by(PolicySet.version.desc()).limit(1)
        found = session.execute(then).first()
    return _checked(session, found.id, found.data_hash) if found else find_policy(session)


def earlier_policies(session: Session) -> Iterator[Policy]:
    """Yield the policies that were in force before, newest first."""
    query = select(PolicySet.id, PolicySet.data_hash).where(PolicySet.active.is_(False))
    for row_id, data_hash in session.execute(query.order_by(PolicySet.version.desc())).all():
        yield _checked(session, row_id, data_hash)


def _checked(session: Session, row_id: str, data_hash: str) -> Policy:
    known = _read.get(data_hash)
    if known is None:
        data = session.scalar(select(PolicySet.data).where(PolicySet.id == row_id))
        known = load_policy(data or {})
        if len(_read) >= KEPT:
            _read.clear()
        _read[data_hash] = known
    return known


def active_policy(session: Session) -> Policy:
    """Return the policy in force. Refuses `policy_missing`: nothing is judged by a silent default (R173)."""
    policy = find_policy(session)
    if policy is None:
        raise Refused("policy_missing")
    return policy


def zone_for(session: Session, address: str) -> str:
    """Return the zone of an address by the policy in force, '' where none fits or no policy is adopted."""
    policy = find_policy(session)
    return (zone_of(policy, address) if policy else None) or ""


def active_set(session: Session) -> PolicySet | None:
    """Find the row of the version in force; None before the first is adopted."""
    query = select(PolicySet).where(PolicySet.active.is_(True)).order_by(PolicySet.version.desc()).limit(1)
    return session.scalars(query).first()


def latest_version(session: Session) -> int:
    """Return the highest version given so far, 0 before the first."""
    query = select(PolicySet.version).order_by(PolicySet.version.desc()).limit(1)
    return session.scalar(query) or 0
