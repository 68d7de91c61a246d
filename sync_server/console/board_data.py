"""The words between the board's page and board.js: what is drawn, what a move sends, what it is answered.

Owns the shapes only. Times are wall-clock minutes of the shown day in the board's zone; the
page turns them into instants.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

Tone = Literal["neutral", "planned", "confirmed", "moving", "working", "paused", "done", "warn", "alert"]


class Mark(TypedDict):
    """A state in words, colour and icon; `title` is a longer sentence for the pointer."""

    tone: Tone
    label: str
    icon: NotRequired[str]
    title: NotRequired[str]


class Absence(TypedDict):
    """A stretch in which an engineer cannot be placed."""

    from_min: int
    to_min: int
    label: str


class Lane(TypedDict):
    """One engineer; `keywords` are further words the lane search finds (pinyin, skills, zones)."""

    engineer_id: str
    name: str
    note: str
    working: list[list[int]]
    absences: list[Absence]
    contact: Mark | None
    keywords: NotRequired[list[str]]


class Job(TypedDict):
    """A ticket (in the tray) or an assignment (on a lane).

    `id` names the bar on this board: the assignment's id, else the ticket's. `version` is sent back with a move.
    `day` is given on lanes; `locked` is the sentence why it may not be moved; `alert` a word for a red outline.
    """

    id: str
    ticket_id: str
    assignment_id: str | None
    version: int
    number: str
    customer: str
    title: str
    place: str
    state: Mark
    urgency: Mark | None
    due: Mark | None
    rank: float
    engineer_id: str | None
    day: str | None
    start_min: int | None
    duration_min: int
    travel_min: int
    locked: str | None
    alert: str | None
    parts: Mark | None
    url: str
    panel_url: str


class Urls(TypedDict):
    """`move`: POST a MoveRequest; `data`: GET BoardData anew; `fits`: GET Fits for `?ticket_id=…&day=…`."""

    move: str
    data: str
    fits: str


class BoardData(TypedDict):
    """Everything the board draws; `now_min` only on today; `live_kinds`: feed kinds that make it fetch itself."""

    day: str
    from_min: int
    to_min: int
    snap_min: int
    now_min: int | None
    is_past: bool
    is_read_only: bool
    live_kinds: list[str]
    lanes: list[Lane]
    jobs: list[Job]
    urls: Urls


class MoveRequest(TypedDict):
    """Place, move, resize, or with `engineer_id` null put back into the tray (`start_min` null then)."""

    ticket_id: str
    assignment_id: str | None
    version: int
    engineer_id: str | None
    day: str
    start_min: int | None
    duration_min: int
    override_reason: str | None


class Break(TypedDict):
    """A rule the move breaks, said in a sentence."""

    reason_code: str
    text: str
    can_override: bool


class MoveAnswer(TypedDict, total=False):
    """200: `job`. 409: `job` as it is now and `text`. 422: `breaks` (asked about), else `text`. 403: `text`."""

    job: Job
    text: str
    breaks: list[Break]


class Fit(TypedDict):
    """How an engineer suits a ticket: `warn` and `unfit` carry their reasons."""

    fit: Literal["fit", "warn", "unfit"]
    reasons: list[str]


class Fits(TypedDict):
    """Verdicts by engineer id."""

    engineers: dict[str, Fit]
