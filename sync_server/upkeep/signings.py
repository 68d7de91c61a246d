"""What the audit chain says of a report's signing, and whether the kept rows still agree with it (I6, P8).

Owns the reading of `sign_report` entries. Judges no signature: `common.visit.seal` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.kernel.clock import millis
from common.kernel.codec import canonical, decode
from common.kernel.op import Op, payload_of
from common.kernel.outcome import BadPayload
from common.visit.records import ReportSeal, ServiceReport
from common.visit.seal import SEALED, sha256, unpack_seal

TOOK_EFFECT = ("ok", "flagged", "merged")
UNFIT = "seal_broken"  # the flag of a seal that did not fit when it arrived


@dataclass(frozen=True, slots=True)
class Signing:
    """One signing as its entry has it: what was signed, its seal, who gave it and when."""

    report_id: str
    content_hash: str
    given: str  # hash of what the signer gave; '' where this program cannot read the command any more
    seal: str
    engineer_id: str
    signed_at: int
    device_at: int
    clock_error_ms: int
    is_unfit: bool

    @classmethod
    def of(cls, read: Mapping[str, Any]) -> Signing | None:
        """Read it from an entry; None for any other entry, and for a signing that had no effect."""
        op = read.get("op")
        if op is None or op["k"] != "sign_report" or read["status"] not in TOOK_EFFECT:
            return None
        args = op["a"]
        return cls(
            args["report_id"], args["content_hash"], _given_in(op), args.get("seal", ""), read["actor"],
            read["happened_at"], op["w"], read["clock_error_ms"], UNFIT in (read["code"], *read.get("flags", ())),
        )  # fmt: skip

    def differs(self, report: ServiceReport) -> str:
        """Say in which way a report is not the one signed here; '' where it is."""
        if self.content_hash != report.content_hash:
            return "is not the report that was signed"
        at_tablet = None if report.device_at is None else millis(report.device_at)
        kept = (report.engineer_id, millis(report.signed_at), at_tablet, report.clock_error_ms)
        if kept != (self.engineer_id, self.signed_at, self.device_at, self.clock_error_ms):
            return "was not signed at that time by that engineer"
        if self.given and self.given != _given_hash(report):
            return "has not the words, names and strokes that were signed"
        return ""

    def lacks(self, row: ReportSeal | None) -> str:
        """Say what is wrong with a report's kept seal, its signatures aside; '' where nothing is.

        The server counter-signs each seal that fits as it arrives, so only the entry's own flag excuses one without.
        """
        kept = None if row is None else (row.seal, row.key, row.signature)
        if unpack_seal(self.seal) != kept:
            return "is not the seal that came with the report"
        if row is not None and not self.is_unfit and not row.counter_signature:
            return "has lost the server's counter-signature"
        return ""


def _given_in(op: Mapping[str, Any]) -> str:
    try:
        return _given_hash(payload_of(decode(Op, op, strict=False)))
    except BadPayload:
        return ""


def _given_hash(signed: Any) -> str:
    return sha256(canonical({name: getattr(signed, name) for name in (*SEALED, "strokes")}))
