"""What the sync loop does next, and how much it sends, as pure rules."""

from __future__ import annotations

import pytest

from field_app.sync.plan import (
    FEWEST,
    IDLE_MS,
    MOST,
    Facts,
    Line,
    Step,
    after_failure,
    after_success,
    next_step,
)


def test_a_line_that_breaks_partway_gets_less_and_a_good_one_more() -> None:
    line = Line()
    for _ in range(20):
        line = after_failure(line, 0, 0.5, partway=True)
    assert line.limits == FEWEST
    for _ in range(20):
        line = after_success(line, 0, more=False)
    assert line.limits == MOST


def test_hours_without_an_answer_do_not_cut_the_first_request_back_in_signal() -> None:
    line = Line()
    for _ in range(200):
        line = after_failure(line, 0, 0.5)
    assert line.limits == MOST


@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_the_pause_grows_to_two_minutes_and_no_more(jitter: float) -> None:
    line, pauses = Line(), []
    for _ in range(12):
        line = after_failure(line, 1000, jitter)
        pauses.append(line.next_try_ms - 1000)
    assert pauses == sorted(pauses)
    assert pauses[0] >= 1000
    assert pauses[-1] <= 120_000


def test_a_server_that_names_a_time_is_given_it() -> None:
    assert after_failure(Line(), 0, 0.0, retry_after_s=90).next_try_ms >= 90_000


@pytest.mark.parametrize(
    ("facts", "line", "asked", "step"),
    [
        (Facts(False, False, False, 9), Line(), True, Step.WAIT),
        (Facts(True, False, False, 0), Line(next_try_ms=5), False, Step.WAIT),
        (Facts(True, False, False, 0), Line(next_try_ms=5), True, Step.SYNC),
        (Facts(True, True, True, 3), Line(), False, Step.ASK_WHAT_IS_LOST),
        (Facts(True, False, True, 3), Line(), False, Step.SYNC),
        (Facts(True, False, True, 0), Line(), False, Step.RECONCILE),
    ],
)
def test_the_next_step(facts: Facts, line: Line, asked: bool, step: Step) -> None:
    assert next_step(facts, line, 0, asked=asked) is step


def test_more_is_fetched_at_once_and_an_idle_line_rests() -> None:
    assert after_success(Line(), 7, more=True).next_try_ms == 7
    assert after_success(Line(), 7, more=False).next_try_ms == 7 + IDLE_MS
