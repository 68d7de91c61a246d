"""Seals a report on this tablet and says how a kept seal stands (Q3, I6).

Owns the way from the signed command to its seal. What is covered, and the checks, are `common.visit.seal`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from common.kernel.clock import Reading
from common.visit.records import ReportSeal, ServiceReport
from common.visit.seal import (
    Verdict,
    attached_files,
    files_now,
    judge_seal,
    pack_seal,
    seal_document,
    seal_text,
    template_version,
)
from common.visit.sign_off import SignReport
from field_app.state.reach import Reach
from field_app.store.settings import SIGN_KEY_SETTING, setting_of
from field_app.sync.keys import verify_signature


def sealed_payload(
    reach: Reach, payload: SignReport, content: Mapping[str, Any], reading: Reading
) -> SignReport:
    """Add the seal of this device, as of a reading of its clocks; without a key the report stays unsealed."""
    with reach.store.read() as session:
        version, files = template_version(session), attached_files(session, payload.ticket_id)
    document = seal_document(
        payload,
        content,
        device_id=reach.store.identity().device_id,
        device_at_ms=reading.wall_ms,
        policy_version=version,
        files=files,
    )
    signed = reach.sign(seal_text(document))
    return payload if signed is None else replace(payload, seal=pack_seal(document, *signed))


def verdict_of(session: Session, report_id: str) -> Verdict | None:
    """Check a report that is on this tablet; None where it is not."""
    report = session.get(ServiceReport, report_id)
    if report is None:
        return None
    server_key = setting_of(session, SIGN_KEY_SETTING)
    row = session.get(ReportSeal, report_id)
    return judge_seal(
        report,
        row,
        verify_signature,
        files=files_now(session, row),
        server_keys=(server_key,) if server_key else None,
    )
