"""The stop-use notice: the customer is told at once to stop using dangerous equipment, and signs (R150).

Owns the page's steps. Needs no network, and nothing else of the visit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import flet as ft

from common.visit.hashing import content_hash
from common.visit.stop_use import GiveStopUseNotice, notice_content
from field_app.state.signing import Handing, Trouble, give, strokes_text


@ft.observable
@dataclass(eq=False)
class StopUse(Handing):
    """One notice. `step`: write (the engineer's), sign, done (the customer's)."""

    area: ClassVar[str] = "stop-use"

    def hand_over(self) -> None:
        """Give the tablet to the customer, if danger and instruction are written."""
        if not (self._form.text("hazard") and self._form.text("instruction")):
            self.trouble = Trouble("notice_incomplete")
            return
        self.to_customer("sign")

    def sign(self) -> None:
        """Sign it; the unit counts as stopped from now on."""
        self.trouble = self.lacks_signature()
        facts, form = self.facts, self._form
        if self.trouble is not None or facts is None:
            return
        hazard, instruction = form.text("hazard"), form.text("instruction")
        shown = notice_content(facts.number, facts.equipment_id, hazard, instruction)
        self.trouble = give(
            self.reach,
            GiveStopUseNotice(
                form.id("notice_id", self.reach.store),
                self.ticket_id,
                facts.equipment_id,
                hazard,
                instruction,
                form.text("signer_name"),
                strokes_text(form),
                content_hash(shown),
                form.text("signer_role"),
            ),
        )
        if self.trouble is None:
            self.go("done")
            self.refresh()
