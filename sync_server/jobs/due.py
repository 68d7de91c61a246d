"""Whether something is due, by a wall clock that may have been wrong when it was noted.

Owns the one rule. Two machines of one server may be a little apart; a stamp further ahead than that was made by a wrong
clock, says nothing of how long ago it was, and so holds nothing up.
"""

from __future__ import annotations

from datetime import datetime, timedelta

SLACK = timedelta(minutes=5)


def is_due(last: datetime, now: datetime, every: timedelta) -> bool:
    """Say whether `every` has passed since `last`, or `last` is of a clock that was ahead."""
    return now - last >= every or last - now > SLACK
