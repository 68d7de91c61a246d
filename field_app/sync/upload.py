"""Sending files in the pauses of the conversation: one request a turn, sized by the line, resumed where it broke.

Owns when and how much. Commands always go first: a turn is only taken while nothing else is due (ADR-0033). What was
sent says so only by the feed, once the server has checked the hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from common.kernel.clock import Clock
from common.protocol.messages import Busy, ExchangeError, NotTrusted, Rejected, TooOld, Unreachable
from field_app.store.files import FileBox, note_failure, note_offset, note_progress, sendable
from field_app.store.schema import Blob
from field_app.store.shelf import BytesUnreadable, ShelfClosed
from field_app.sync.plan import pause_ms
from field_app.sync.tus import BytesDamaged, FileExchange, FileRefused, OffsetLost

KIB = 1024
FEWEST_BYTES = 1 * KIB
FIRST_BYTES = 32 * KIB
MOST_BYTES = 512 * KIB
QUICK_MS, SLOW_MS = 3_000, 8_000  # a chunk is to take no longer than a person waits for a command to go
BREAKS_OF_SIZE = 2
CALM = 12
CLOSED_PAUSE_MS = 5_000


@dataclass(frozen=True, slots=True)
class Chunks:
    """How the line has been for files: how much is sent at once, failures in a row, when to try next.

    `ceiling`: more than this was broken lately. It rises slowly at first, quickly once `calm` successes followed.
    """

    size: int = FIRST_BYTES
    ceiling: int = MOST_BYTES
    failures: int = 0
    next_try_ms: int = 0
    calm: int = 0


def after_chunk(chunks: Chunks, sent: int, took_ms: int) -> Chunks:
    """Grow after a quick one, shrink after a slow one."""
    size, ceiling, calm = chunks.size, chunks.ceiling, chunks.calm + 1
    if sent >= size:
        ceiling = min(ceiling * 9 // 8 if calm < CALM else ceiling * 2, MOST_BYTES)
    if took_ms > SLOW_MS:
        size = max(min(sent, size) // 2, FEWEST_BYTES)
    elif took_ms < QUICK_MS and sent >= size:
        size = min(size * 2, ceiling)
    return Chunks(size, ceiling, calm=calm)


def after_break(
    chunks: Chunks, sent: int, now_ms: int, jitter: float, retry_after_s: int = 0, *, partway: bool = False
) -> Chunks:
    """Wait; after a line that broke while bytes were under way send half as many."""
    pause = pause_ms(chunks.failures, jitter, retry_after_s, partway=partway)
    size, ceiling = chunks.size, chunks.ceiling
    if partway and sent:
        size = max(sent // 2, FEWEST_BYTES)
        ceiling = size if chunks.failures < BREAKS_OF_SIZE else ceiling
    return Chunks(size, ceiling, chunks.failures + 1, now_ms + pause)


@dataclass(slots=True)
class Uploads:
    """Sends the files of one tablet. `is_heavy_allowed`: whether photos may go on the network there is now."""

    box: FileBox
    exchange: FileExchange
    clock: Clock
    jitter: Callable[[], float]
    is_heavy_allowed: Callable[[], bool] = lambda: True
    chunks: Chunks = field(default_factory=Chunks)
    last_error: str = ""
    has_news: bool = False  # a file arrived: the feed will say what the server made of it
    is_leaving: bool = False  # this tablet was sent away and hands over what it has

    def is_due(self) -> bool:
        """Say whether a turn would do something now."""
        return self.clock.read().mono_ms >= self.chunks.next_try_ms and self._next() is not None

    def turn(self) -> bool:
        """Send the next portion, if there is one and it is time; says whether something was done.

        Never raises for a bad line.
        """
        if self.clock.read().mono_ms < self.chunks.next_try_ms:
            return False
        blob = self._next()
        while blob is not None and not self.box.shelf.has(blob.sha):
            self._failed(blob, "file_lost", state="lost")
            blob = self._next()
        if blob is None:
            return False
        if blob.offset < 0 or blob.offset >= blob.size:  # it is announced, and the server says what it has
            self._try(blob, b"")
        else:
            chunk = self._read(blob)
            if chunk is not None:
                self._try(blob, chunk)
        return True

    def hand_over(self) -> bool:
        """Send all there is before this tablet forgets it, on whatever network; says whether nothing is left.

        The office keeps it beside the work it has yet to judge (G5).
        """
        self.is_leaving = True
        try:
            while self.turn():
                pass
            return self._next() is None
        finally:
            self.is_leaving = False

    def _next(self) -> Blob | None:
        with self.box.store.read() as session:
            heavy = self.is_leaving or self.is_heavy_allowed()
            blob = sendable(heavy, unsettled=self.is_leaving)(session)
            session.expunge_all()
            return blob

    def _read(self, blob: Blob) -> bytes | None:
        try:
            return self.box.shelf.read(blob.sha, blob.offset, self.chunks.size)
        except ShelfClosed:  # the vault was closed meanwhile
            self.chunks = replace(self.chunks, next_try_ms=self.clock.read().mono_ms + CLOSED_PAUSE_MS)
        except (FileNotFoundError, BytesUnreadable):  # gone or spoiled, and said to be
            self._failed(blob, "file_damaged", state="lost")
        except OSError:  # of the device, not of the bytes: they may well be read later
            self._broken(blob, "file_unreadable", 0, Unreachable("not read"))
        return None

    def _try(self, blob: Blob, chunk: bytes) -> None:
        began_ms = self.clock.read().mono_ms
        try:
            if chunk:
                offset = self.exchange.send(blob.sha, blob.offset, chunk)
            else:
                offset = self.exchange.open(blob.sha, blob.size, blob.media_type)
        except OffsetLost:
            self._broken(blob, "offset_lost", 0, Unreachable("it stands elsewhere", partway=True))
        except BytesDamaged as damage:
            self._damaged(blob, len(chunk), damage)
        except FileRefused as refused:
            self._failed(blob, refused.code, state="refused")
        except ExchangeError as error:
            self._broken(blob, _code(error), len(chunk), error)
        else:
            if chunk:
                took_ms = self.clock.read().mono_ms - began_ms
                self.chunks, self.last_error = after_chunk(self.chunks, len(chunk), took_ms), ""
            self.has_news = self.has_news or offset >= blob.size
            note = note_progress if chunk else note_offset
            self.box.store.write(partial(note, sha=blob.sha, offset=offset))

    def _damaged(self, blob: Blob, sent: int, damage: BytesDamaged) -> None:
        """A chunk is sent again; where the whole is wrong, it is looked at whether it is wrong here already."""
        if damage.whole and self._is_rotten(blob):
            self._failed(blob, "file_damaged", state="lost")
            return
        self._broken(blob, "file_hash_wrong", sent, Unreachable("damaged on the way", partway=True))

    def _is_rotten(self, blob: Blob) -> bool:
        try:
            return hashlib.sha256(self.box.shelf.read(blob.sha)).hexdigest() != blob.sha
        except (FileNotFoundError, BytesUnreadable):
            return True
        except (OSError, ShelfClosed):  # nothing is known of it: it is sent again
            return False

    def _broken(self, blob: Blob, code: str, sent: int, error: ExchangeError) -> None:
        retry_after_s = error.retry_after_s if isinstance(error, Busy) else 0
        partway = isinstance(error, Unreachable) and error.partway
        now_ms = self.clock.read().mono_ms
        self.chunks = after_break(self.chunks, sent, now_ms, self.jitter(), retry_after_s, partway=partway)
        self.last_error = code
        # Nothing of a refusal was taken in; after a break, or a shift of the server's, only the server knows.
        self._failed(blob, code, ask=not isinstance(error, NotTrusted | TooOld))

    def _failed(self, blob: Blob, code: str, *, state: str = "waiting", ask: bool = True) -> None:
        self.box.store.write(partial(note_failure, sha=blob.sha, error=code, state=state, ask=ask))


def _code(error: ExchangeError) -> str:
    match error:
        case NotTrusted() | Rejected():
            return error.code
        case Busy():
            return "busy"
        case TooOld():
            return "too_old"
        case _:
            return "unreachable"
