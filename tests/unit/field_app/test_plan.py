"""What the sync loop does next, and how much it sends, as pure rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from field_app.sync.plan import (
    FEW,
    FEWEST,
    IDLE_MS,
    MOST,
    Facts,
    Line,
    Sent,
    Step,
    after_failure,
    after_success,
    next_step,
)

BIG, SMALL = Sent(200, 60_000), Sent(5, 1_500)


def test_what_breaks_after_a_success_is_halved_and_grows_again_by_steps() -> None:
    line = after_success(Line(), 0, more=False)
    line = after_failure(line, 0, 0.5, partway=True, sent=BIG)
    assert (line.limits.ops, line.limits.ops_bytes) == (100, 30_000)
    line = after_failure(line, 0, 0.5, partway=True, sent=Sent(100, 30_000))
    assert line.limits.ops == 50
    line = after_failure(line, 0, 0.5, partway=True, sent=Sent(50, 15_000))
    assert line.limits.ops == FEW.ops
    steps = []
    for _ in range(20):
        line = after_success(line, 0, more=False)
        steps.append(line.limits.ops)
    assert steps[0] == 50
    assert steps == sorted(steps)
    assert line.limits == MOST


def test_a_line_that_was_down_is_tried_with_few_and_gets_all_with_the_first_success() -> None:
    line = Line()
    for _ in range(20):
        line = after_failure(line, 0, 0.5, partway=True, sent=BIG)
        assert line.limits.ops == FEW.ops
    line = after_success(line, 0, more=True)
    assert line.limits == MOST


def test_a_small_request_that_broke_keeps_its_commands_and_asks_for_a_smaller_answer() -> None:
    line = after_success(Line(), 0, more=False)
    for _ in range(20):
        line = after_failure(line, 0, 0.5, partway=True, sent=SMALL)
    assert line.limits == replace(MOST, page_bytes=line.limits.page_bytes)
    assert FEWEST.page_bytes <= line.limits.page_bytes < FEW.page_bytes
    line = after_success(line, 0, more=True)
    assert line.limits.ops == MOST.ops


def test_a_line_that_breaks_is_tried_sooner_than_one_where_nobody_answers() -> None:
    broken, silent = Line(), Line()
    for _ in range(10):
        broken = after_failure(broken, 0, 1.0, partway=True, sent=SMALL)
        silent = after_failure(silent, 0, 1.0)
        assert broken.next_try_ms < silent.next_try_ms


def test_nothing_is_ever_less_than_one_command() -> None:
    line = Line()
    for _ in range(30):
        line = after_failure(after_success(line, 0, more=True), 0, 0.5, partway=True, sent=Sent(1, 90_000))
    assert line.limits.ops >= 1


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
