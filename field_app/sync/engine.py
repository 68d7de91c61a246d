"""One turn of the conversation: read the facts, choose the step, do it, remember how the line was.

Owns no thread and no timer. The app's loop and the simulator call `turn`; network and disk are never held together.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from common.kernel.clock import Clock
from common.kernel.codec import compact
from common.protocol.epoch import is_of_the_past
from common.protocol.messages import (
    Busy,
    ExchangeError,
    HaveRequest,
    NotTrusted,
    Rejected,
    SyncAnswer,
    SyncExchange,
    SyncRequest,
    TooOld,
    Unreachable,
)
from common.protocol.orders import FILES_WAIT_MS, lease_text, wipe_text
from field_app.store.apply import apply_answer, apply_have, apply_reconciled
from field_app.store.dismissal import note_answer
from field_app.store.outbox import UNSENT, build_request, number_of, reconcile_request, to_offer_again
from field_app.store.schema import SyncState
from field_app.store.settings import SIGN_KEY_SETTING, setting_of
from field_app.store.spoiled import set_spoiled_aside
from field_app.store.store import Store, state_of
from field_app.sync.collector import no_collection
from field_app.sync.keys import verify_signature
from field_app.sync.plan import Facts, Line, Sent, Step, after_failure, after_success, next_step
from field_app.sync.upload import Uploads


@dataclass(slots=True)
class SyncEngine:
    """Drives one store against one server. `last_error` is a reason code for the strip, '' when all is well."""

    store: Store
    exchange: SyncExchange
    clock: Clock
    jitter: Callable[[], float]
    app: str = ""
    uploads: Uploads | None = None
    line: Line = field(default_factory=Line)
    last_error: str = ""
    wipe: Callable[[str], None] | None = None  # destroys the keys, for a reason
    _ops: tuple[dict[str, Any], ...] = ()  # of the request under way

    def turn(self, *, asked: bool = False) -> Step:
        """Do the next step, if it is time. Never raises for a bad line; the error is kept in `last_error`."""
        now_ms = self.clock.read().mono_ms
        step = next_step(self.facts(), self.line, now_ms, asked=asked)
        if step is Step.WAIT:
            return Step.UPLOAD if self._send_files(now_ms) else step
        self._ops = ()
        try:
            more = self._do(step)
        except DBAPIError:
            if not set_spoiled_aside(self.store):
                raise
            more = True  # a command that no longer opens was in the way: the next turn goes on without it
        except ExchangeError as error:
            retry_after_s = error.retry_after_s if isinstance(error, Busy) else 0
            partway = isinstance(error, Unreachable) and error.partway
            now_ms = self.clock.read().mono_ms
            sent = Sent(len(self._ops), len(compact(list(self._ops)).encode()))
            self.line = after_failure(
                self.line, now_ms, self.jitter(), retry_after_s, partway=partway, sent=sent
            )
            self.last_error = error_code(error)
            return step
        self.line = after_success(self.line, self.clock.read().mono_ms, more=more)
        self.last_error = ""
        return step

    @property
    def has_files_to_send(self) -> bool:
        """Say whether a portion of a file can go now: the line is there, and nothing else is due."""
        uploads = self.uploads
        return uploads is not None and self.line.worked and not self.line.failures and uploads.is_due()

    def _send_files(self, now_ms: int) -> bool:
        """Send a portion of a file in the pause; once all have arrived, the feed is asked at once what became of them."""
        if self.uploads is None or not self.has_files_to_send:
            return False
        done = self.uploads.turn()
        if self.uploads.has_news and not self.uploads.is_due():
            self.uploads.has_news = False
            self.line = replace(self.line, next_try_ms=now_ms)
        return done

    def facts(self) -> Facts:
        """Read what matters for the next step."""
        with self.store.read() as session:
            found = session.execute(
                select(SyncState.token, SyncState.reoffer, SyncState.reconcile, number_of(UNSENT))
            ).one()
        return Facts(bool(found[0]), bool(found[1]), bool(found[2]), found[3])

    def _do(self, step: Step) -> bool:
        if step is Step.ASK_WHAT_IS_LOST:
            self._ask_what_is_lost()
            return True
        if step is Step.RECONCILE:
            with self.store.read() as session:
                request = reconcile_request(session)
            answer = self.exchange.reconcile(request)
            self.store.write(lambda session: apply_reconciled(session, answer, self.clock.read()))
            return False
        sync_request = self.store.write(
            lambda session: build_request(session, self.clock.read(), self.app, self.line.limits)
        )
        self._ops = sync_request.ops
        try:
            answer = self.exchange.sync(sync_request)
            self._refuse_the_past(answer)
        except (NotTrusted, TooOld) as error:
            if self._handed_over(sync_request, error):
                return True
            raise
        with no_collection():
            self.store.write(partial(self._take, sync_request, answer))
        note_answer(self.store, "")
        facts = self.facts()
        if self.uploads is not None and not answer.more:
            self.uploads.box.let_go()
        return answer.more or answer.reset or facts.reoffer or facts.reconcile or sync_request.left > 0

    def _take(self, request: SyncRequest, answer: SyncAnswer, session: Session) -> None:
        """Take an answer in, and with it what the server says of time; a lease nobody signed is none."""
        reading = self.clock.read()
        apply_answer(session, request, answer, reading)
        lease, who = answer.lease, state_of(session).device_id
        if lease is not None and not self._is_signed(
            session, lease_text(who, lease.at, lease.until), lease.sig
        ):
            lease = None
        self.store.lease.heard(session, lease, answer.now, reading)

    def _handed_over(self, request: SyncRequest, error: NotTrusted | TooOld) -> bool:
        """Take in what became of the commands, though nothing comes back; True while some are still to be sent.

        With the last one and its files handed over, an order to forget everything is carried out (G5).
        """
        taken = error.answer
        if isinstance(error, NotTrusted):
            note_answer(self.store, error.code)
        if taken is None:
            return False
        self.store.write(partial(self._take, request, taken))
        facts = self.facts()
        if facts.waiting or facts.reoffer:
            return isinstance(error, NotTrusted)
        order = taken.wipe
        if order is None or self.wipe is None:
            return False
        with self.store.read() as session:
            if not self._is_signed(session, wipe_text(request.dev, order.at, order.why), order.sig):
                return False
            token = state_of(session).token
        if self.uploads is not None and not self.uploads.hand_over() and taken.now - order.at < FILES_WAIT_MS:
            return False  # the next contact brings the order again
        with suppress(ExchangeError):  # the office hears of it where it can; the order holds all the same
            self.exchange.sync(replace(request, tok=token, ops=(), dig=None, left=0, old=0, bye=True))
        self.wipe(order.why)
        return False

    def _is_signed(self, session: Session, text: bytes, signature: str) -> bool:
        """Say whether the server this tablet was enrolled at signed a text."""
        return verify_signature(setting_of(session, SIGN_KEY_SETTING), text, signature)

    def _refuse_the_past(self, answer: SyncAnswer) -> None:
        """Take nothing from a server that another has replaced. Raises NotTrusted `server_replaced` (M1)."""
        with self.store.read() as session:
            known = state_of(session).epoch
        if answer.epoch and is_of_the_past(answer.epoch, known):
            raise NotTrusted("server_replaced")

    def _ask_what_is_lost(self) -> None:
        after, last = 0, False
        while not last:
            with self.store.read() as session:
                device_id = state_of(session).device_id
                portion = to_offer_again(session, after)
            ids = tuple(op_id for _, op_id in portion)
            answer = self.exchange.have(HaveRequest(device_id, ids))
            last = len(portion) < 1000
            self.store.write(partial(apply_have, asked=ids, answer=answer, last=last))
            after = portion[-1][0] if portion else after


def error_code(error: ExchangeError) -> str:
    """Name an exchange error for the strip; the sentence is `sync.error.<code>`."""
    match error:
        case NotTrusted():
            return error.code
        case Busy():
            return "busy"
        case TooOld():
            return "too_old"
        case Rejected():
            return "rejected"
        case _:
            return "unreachable"
