"""The policy in force as checked values, read once per version and kept.

Owns the small memory of read policies; the row is `policy_set`, the reading `preset`.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.kernel.outcome import Refused
from common.policy.model import Policy
from common.policy.policy_set import PolicySet
from common.policy.preset import load_policy, zone_of

KEPT = 8
_read: dict[str, Policy] = {}


def find_policy(session: Session) -> Policy | None:
    """Return the policy in force; None before the first is adopted. One small query once it has been read."""
    query = select(PolicySet.id, PolicySet.data_hash).where(PolicySet.active.is_(True))
    found = session.execute(query.order_by(PolicySet.version.desc()).limit(1)).first()
    if found is None:
        return None
    if found.data_hash not in _read:
        if len(_read) >= KEPT:
            _read.clear()
        data = session.scalar(select(PolicySet.data).where(PolicySet.id == found.id))
        _read[found.data_hash] = load_policy(data or {})
    return _read[found.data_hash]


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
