"""`execute`: the one gate through which every write goes, on the tablet and on the server.

Decodes, authorises, runs the command's function and says what became of it; undoes a refusal by a savepoint, where the
caller does not. Storing the envelope, the receipt and the audit entry is the caller's (outbox on the tablet, unit of
work on the server).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from common.kernel.command import CommandSpec, Nature, Role, spec_of
from common.kernel.op import payload_of
from common.kernel.outcome import Outcome, Refused
from common.kernel.work import Work, forget_held, watch

Claim = Literal["current", "former", "none"]
Claims = Callable[[Work, str], Claim]
_claims: list[Claims] = []


def claims_from(judge: Claims) -> Claims:
    """Register the function that says whose ticket it is (the tickets' room does, once)."""
    _claims[:] = [judge]
    return judge


def execute(work: Work, *, undo: bool = True) -> Outcome:
    """Run one command. No exception means the session holds exactly its effect; nothing is committed.

    Returns `parked` with a reason code where it was refused, and then nothing is changed. With `undo` False there is
    no savepoint, which costs as much as a small command: the caller undoes a refusal that left something behind
    (`left_something`).
    Raises BadPayload for what no correct program sends; any other exception is a bug and must abort the transaction.
    """
    spec = spec_of(work.op.k)
    payload = payload_of(work.op)
    stop_watching = watch(work.session, work)
    savepoint = work.session.begin_nested() if undo else None
    try:
        authorise(work, spec, payload)
        outcome = spec.handler(work, payload)
        work.session.flush()
        if savepoint is not None:
            savepoint.commit()
    except Refused as refusal:
        if savepoint is not None:
            savepoint.rollback()
            forget_held(work.session)
            work.touched.clear()
        return Outcome("parked", refusal.code, refusal.values)
    finally:
        stop_watching()
    if work.flags:
        first = work.flags[0]
        return Outcome("flagged", first.code, first.values, tuple(work.flags))
    return outcome


def left_something(work: Work) -> bool:
    """Say whether a command refused without a savepoint has written, or would with the next flush."""
    return bool(work.touched or work.session.new or work.session.dirty)


def authorise(work: Work, spec: CommandSpec, payload: Any) -> None:
    """Refuse what the actor may not do: `not_permitted`, `wrong_place`, `not_your_ticket`, `no_longer_yours`.

    A fact of a former assignee is kept and flagged: it happened (register §3.1, sync-protocol T12).
    """
    roles = work.actor.roles & spec.roles
    if not roles:
        raise Refused("not_permitted")
    if work.actor.place not in spec.places:
        raise Refused("wrong_place")
    if roles != {Role.ENGINEER} or spec.own_ticket is None:
        return
    claim = _claims[0](work, spec.own_ticket(payload))
    if claim == "current" or work.override:
        return
    if claim == "former" and spec.nature is Nature.FACT:
        work.flag("no_longer_assigned")
        return
    raise Refused("no_longer_yours" if claim == "former" else "not_your_ticket")
