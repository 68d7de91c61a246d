"""Attaching a file to a ticket, and taking it back (R061). The record never waits for the bytes.

Owns these commands. What may be attached is the policy's; a file taken without a line is kept whatever it says.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from common.files.attachment import (
    Attachment,
    Bytes,
    OptionalSha256,
    Sha256,
    is_file_sealed,
    is_sha256,
)
from common.kernel.command import ANYWHERE, Nature, Role, command
from common.kernel.fields import Code, Id, Instant, Name, Note, OptionalCode
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.work import Work
from common.policy.file_rules import FileRules, shipped_rules
from common.policy.policy_set import find_policy
from common.tickets.events import write_event
from common.tickets.ticket import Ticket, ticket_agg

OFFICE_ROLES = (Role.DISPATCHER, Role.SPECIALIST, Role.CLERK, Role.SUPERVISOR)


@dataclass(frozen=True, slots=True)
class AttachFile:
    """Attach a photo, paper or voice note to a ticket (R061); its bytes are named by `sha256` and follow."""

    attachment_id: Id
    ticket_id: Id
    kind: Code
    sha256: Sha256
    size_bytes: Bytes
    media_type: Code
    name: Name
    taken_at: Instant
    visit_id: Id | None = None
    purpose: OptionalCode = ""
    caption: Note = ""
    preview_sha256: OptionalSha256 = ""


@command(
    AttachFile,
    nature=Nature.FACT,
    roles=(Role.ENGINEER, *OFFICE_ROLES),
    places=ANYWHERE,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def attach_file(work: Work, c: AttachFile) -> Outcome:
    """Keep the record. Refuses `sha256_unusable`; flags `file_type_refused`, `file_too_large`, `too_many_files`."""
    ticket = work.need(Ticket, c.ticket_id)
    if work.session.get(Attachment, c.attachment_id) is not None:
        return NOOP
    if not is_sha256(c.sha256) or (c.preview_sha256 and not is_sha256(c.preview_sha256)):
        raise Refused("sha256_unusable")
    _judge(work, file_rules(work), ticket, c)
    work.add(
        Attachment(
            id=c.attachment_id,
            agg=ticket.agg,
            ticket_id=ticket.id,
            visit_id=c.visit_id,
            round=ticket.round,
            device_id=work.actor.device_id,
            by_id=work.actor.person_id,
            kind=c.kind,
            purpose=c.purpose,
            name=c.name,
            caption=c.caption,
            media_type=c.media_type,
            size_bytes=c.size_bytes,
            sha256=c.sha256,
            preview_sha256=c.preview_sha256,
            taken_at=c.taken_at,
            attached_at=work.at,
            state="pending",
            fault="",
            stored_at=None,
            late_at=None,
            withdrawn=False,
        )
    )
    write_event(work, ticket, "file_attached", c.caption[:200], name=c.name)
    return OK


def file_rules(work: Work) -> FileRules:
    """Find the rules in force."""
    policy = find_policy(work.session)
    return policy.files if policy else shipped_rules()


def _judge(work: Work, rules: FileRules, ticket: Ticket, c: AttachFile) -> None:
    kind = rules.kind(c.kind)
    work.require(kind is not None and c.media_type in kind.types, "file_type_refused", type=c.media_type)
    largest = kind.size_max_bytes if kind else rules.size_max_bytes
    work.require(c.size_bytes <= largest, "file_too_large", name=c.name, mb=largest // 1024**2)
    query = select(func.count(), func.coalesce(func.sum(Attachment.size_bytes), 0))
    here = work.session.execute(query.where(Attachment.ticket_id == ticket.id)).one()
    fits = here[0] < rules.per_ticket_max and int(here[1]) + c.size_bytes <= rules.per_ticket_bytes_max
    work.require(fits, "too_many_files", number=ticket.number)


@dataclass(frozen=True, slots=True)
class WithdrawFile:
    """Take back a file that was attached wrongly (R061); its bytes and its record stay, marked."""

    attachment_id: Id
    ticket_id: Id
    reason: Note = ""


@command(
    WithdrawFile,
    nature=Nature.INTENT,
    roles=(Role.ENGINEER, *OFFICE_ROLES),
    places=ANYWHERE,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def withdraw_file(work: Work, c: WithdrawFile) -> Outcome:
    """Mark it withdrawn. Refuses `attachment_unknown`, and `file_sealed` once a report was signed over it."""
    ticket, row = work.need(Ticket, c.ticket_id), work.need(Attachment, c.attachment_id)
    if row.ticket_id != ticket.id:
        raise Refused("attachment_unknown")
    if row.withdrawn:
        return NOOP
    if is_file_sealed(work.session, row):
        raise Refused("file_sealed", name=row.name)
    row.withdrawn = True
    write_event(work, ticket, "file_withdrawn", c.reason, name=row.name)
    return OK
