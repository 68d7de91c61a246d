"""What the office notes of a person's fitness and time: skills, certificates, absences (R047, R165).

Owns these commands. Who may be sent where is judged by the dispatch rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from common.kernel.command import OFFICE, Nature, Role, command
from common.kernel.fields import Code, Day, Id, Instant, Line, OptionalCode
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.work import Work
from common.people.person import Absence, Person, Qualification, person_agg

STAFF_ROLES = (Role.ADMINISTRATOR, Role.SUPERVISOR)


@dataclass(frozen=True, slots=True)
class AddQualification:
    """Note a skill or a certificate with its last valid day (R165)."""

    qualification_id: Id
    person_id: Id
    kind: Literal["skill", "certificate"]
    code: Code
    number: OptionalCode = ""
    valid_until_on: Day | None = None


@dataclass(frozen=True, slots=True)
class RevokeQualification:
    """Take a skill or a certificate back (R165)."""

    qualification_id: Id
    person_id: Id


@dataclass(frozen=True, slots=True)
class RecordAbsence:
    """Note when a person takes no work (R047)."""

    absence_id: Id
    person_id: Id
    from_at: Instant
    until_at: Instant
    reason: Line = ""


@dataclass(frozen=True, slots=True)
class CancelAbsence:
    """Take an absence back (R047)."""

    absence_id: Id
    person_id: Id


@command(
    AddQualification,
    nature=Nature.INTENT,
    roles=STAFF_ROLES,
    places=OFFICE,
    about=lambda c: person_agg(c.person_id),
)
def add_qualification(work: Work, c: AddQualification) -> Outcome:
    """Add a qualification. Refuses `person_unknown`."""
    work.need(Person, c.person_id)
    if work.get(Qualification, c.qualification_id) is not None:
        return NOOP
    work.add(
        Qualification(
            id=c.qualification_id,
            agg=person_agg(c.person_id),
            person_id=c.person_id,
            kind=c.kind,
            code=c.code,
            number=c.number,
            valid_until_on=c.valid_until_on,
            revoked=False,
        )
    )
    return OK


@command(
    RevokeQualification,
    nature=Nature.INTENT,
    roles=STAFF_ROLES,
    places=OFFICE,
    about=lambda c: person_agg(c.person_id),
)
def revoke_qualification(work: Work, c: RevokeQualification) -> Outcome:
    """Revoke a qualification. Refuses `qualification_unknown`."""
    held = work.need(Qualification, c.qualification_id)
    if held.person_id != c.person_id:
        raise Refused("qualification_unknown")
    if held.revoked:
        return NOOP
    held.revoked = True
    return OK


@command(
    RecordAbsence,
    nature=Nature.INTENT,
    roles=STAFF_ROLES,
    places=OFFICE,
    about=lambda c: person_agg(c.person_id),
)
def record_absence(work: Work, c: RecordAbsence) -> Outcome:
    """Record an absence. Refuses `person_unknown`, `window_backwards`."""
    work.need(Person, c.person_id)
    if c.from_at >= c.until_at:
        raise Refused("window_backwards")
    if work.get(Absence, c.absence_id) is not None:
        return NOOP
    work.add(
        Absence(
            id=c.absence_id,
            agg=person_agg(c.person_id),
            person_id=c.person_id,
            from_at=c.from_at,
            until_at=c.until_at,
            reason=c.reason,
            cancelled=False,
        )
    )
    return OK


@command(
    CancelAbsence,
    nature=Nature.INTENT,
    roles=STAFF_ROLES,
    places=OFFICE,
    about=lambda c: person_agg(c.person_id),
)
def cancel_absence(work: Work, c: CancelAbsence) -> Outcome:
    """Cancel an absence. Refuses `absence_unknown`."""
    absence = work.need(Absence, c.absence_id)
    if absence.person_id != c.person_id:
        raise Refused("absence_unknown")
    if absence.cancelled:
        return NOOP
    absence.cancelled = True
    return OK
