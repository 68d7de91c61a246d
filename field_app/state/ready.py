"""Ready for today? What the day needs without a network, and fetching what is missing (R021 R022).

Owns this view's content. What must be here stands in the query.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

import flet as ft

from field_app.state.reach import LineState, Reach
from field_app.store.queries_ready import Readiness, readiness


@ft.observable
@dataclass(eq=False)
class Ready:
    """The day as this tablet sees it. `asked`: somebody has asked the office since the page was opened."""

    reach: Reach
    found: Readiness | None = None
    line: LineState = LineState()
    asked: bool = False

    def refresh(self, now: datetime, zone: tzinfo) -> None:
        """Look again."""
        with self.reach.store.read() as session:
            self.found = readiness(session, now, zone)
        self.line = self.reach.line()

    def fetch(self) -> None:
        """Ask the office for all that is missing."""
        self.asked = True
        self.reach.sync_now()
