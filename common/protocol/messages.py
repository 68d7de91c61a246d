"""The messages of the sync protocol, version 1: one request pushes all and brings all.

Requests are refused when they hold what is not declared here; answers may grow and unknown fields are ignored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

from common.kernel.fields import Code, Id, Line, Many, Millis, OptionalCode, Text, Whole
from common.protocol.orders import Lease, WipeOrder

PROTOCOL = 1
OPS_AT_MOST = 200
WANTED_AT_MOST = 200
OPS_BYTES_AT_MOST = 128 * 1024
BODY_AT_MOST = 1024 * 1024
PAGE_BYTES = 1024 * 1024
# An answer is cut by its bytes; small aggregates and drops come by the thousand.
AGGREGATES_AT_MOST = 1_000_000
Sequence = Annotated[int, Whole(0, 2**53)]


@dataclass(frozen=True, slots=True)
class ClockNow:
    """The tablet's clocks at the moment of asking: wall ms, monotonic ms, boot name."""

    w: Millis
    m: Annotated[int, Whole(0, 2**53)]
    bt: OptionalCode


@dataclass(frozen=True, slots=True)
class Digest:
    """What the tablet holds: the number of aggregates and the xor of their (name, revision) hashes, 16 hex digits."""

    n: Annotated[int, Whole(0, 10_000_000)]
    x: Code


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """`inc` and `tok` name the lane; `cur` is the server's own cursor given back; `ops` in order of their number `n`.

    `left` counts what stays unsent after this request, `old` is the wall time of the oldest unsent command. `bye`:
    everything was handed over, the keys are destroyed next.
    """

    dev: Id
    inc: Annotated[int, Whole(1, 1_000_000)]
    tok: Line
    clk: ClockNow
    p: Annotated[int, Whole(1, 1000)] = PROTOCOL
    app: OptionalCode = ""
    cur: Annotated[str, Text(0, 200)] = ""
    ops: Annotated[tuple[dict[str, Any], ...], Many(OPS_AT_MOST)] = field(default=())
    dig: Digest | None = None
    max: Annotated[int, Whole(1024, 8 * 1024 * 1024)] = PAGE_BYTES
    left: Annotated[int, Whole(0, 10_000_000)] = 0
    old: Millis = 0
    bye: bool = False


@dataclass(frozen=True, slots=True)
class OpResult:
    """What became of one command: `s` status, `q` the position that contains its effect, `c` reason, `f` details."""

    id: Id
    s: Code
    q: Sequence = 0
    c: OptionalCode = ""
    f: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fork:
    """The lane is not the caller's any more: go on under this incarnation, offer again what may be lost."""

    inc: int
    tok: str


@dataclass(frozen=True, slots=True)
class Put:
    """Rows of one aggregate in column order of `SyncAnswer.cols`; `full` replaces all rows of the aggregate."""

    agg: str
    rev: int
    full: bool = False
    rows: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Bytes the server lacks, of a file this tablet attached: `st` missing or partial, `off` how many are there."""

    sha: str
    st: Code
    off: int = 0


@dataclass(frozen=True, slots=True)
class SyncAnswer:
    """`cols` names the columns of each entity in this page. `more` asks for another page at once.

    `blob` is a wish list of the server's: previews first, then by age.
    """

    tok: str = ""
    next_n: int = 0
    res: tuple[OpResult, ...] = ()
    reset: bool = False
    cols: dict[str, Any] = field(default_factory=dict)
    put: Annotated[tuple[Put, ...], Many(AGGREGATES_AT_MOST)] = ()
    drop: Annotated[tuple[str, ...], Many(AGGREGATES_AT_MOST)] = ()
    cur: str = ""
    head: int = 0
    more: bool = False
    dig: OptionalCode = ""
    durable: int = 0
    epoch: str = ""
    now: int = 0
    fork: Fork | None = None
    blob: tuple[Wanted, ...] = ()
    lease: Lease | None = None
    wipe: WipeOrder | None = None


@dataclass(frozen=True, slots=True)
class HaveRequest:
    """Which of these commands does the server not know? Asked only after a fork or reset."""

    dev: Id
    ids: Annotated[tuple[Id, ...], Many(1000)]


@dataclass(frozen=True, slots=True)
class HaveAnswer:
    """`unknown` commands must be offered again; `head` contains the effect of all the others."""

    unknown: tuple[str, ...] = ()
    head: int = 0


@dataclass(frozen=True, slots=True)
class ReconcileRequest:
    """All aggregates the tablet holds with their revisions, after a digest that did not agree."""

    dev: Id
    have: dict[str, Sequence]
    max: Annotated[int, Whole(1024, 8 * 1024 * 1024)] = PAGE_BYTES


class ExchangeError(Exception):
    """The exchange did not happen. Children: Unreachable, Busy, NotTrusted, TooOld; only the sync loop catches them."""


class Unreachable(ExchangeError):
    """No answer, or an answer that is not the server's (a captive portal's page).

    `partway`: the line was there and broke while a message was under way, so that less at once may get through.
    """

    def __init__(self, why: str = "", *, partway: bool = False) -> None:
        super().__init__(why)
        self.partway = partway


class Busy(ExchangeError):
    """The server asks to come back later."""

    def __init__(self, retry_after_s: int = 5) -> None:
        super().__init__(f"busy, come back in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class NotTrusted(ExchangeError):
    """The server does not accept this device's key or session (`code` says why).

    `answer` tells what became of the commands, where they were taken in all the same.
    """

    def __init__(self, code: str = "not_trusted", answer: SyncAnswer | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.answer = answer


class TooOld(ExchangeError):
    """This app is too old for the server to bring it rows; `answer` tells what became of what it pushed."""

    def __init__(self, answer: SyncAnswer | None = None) -> None:
        super().__init__("too_old")
        self.answer = answer


class Rejected(ExchangeError):
    """The server could not read the request: a bug, never a reason to drop work."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SyncExchange(Protocol):
    """The seam between tablet and server: in-process in the simulator, HTTP in the product."""

    def sync(self, request: SyncRequest) -> SyncAnswer:
        """Push and pull. Raises ExchangeError."""
        ...

    def have(self, request: HaveRequest) -> HaveAnswer:
        """Ask which commands are unknown. Raises ExchangeError."""
        ...

    def reconcile(self, request: ReconcileRequest) -> SyncAnswer:
        """Ask for what differs. Raises ExchangeError."""
        ...
