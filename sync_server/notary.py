"""Signs and checks for the server: seals of reports and anchors of the audit chain, Ed25519.

Owns the way from texts to signatures and the list of keys this server has ever signed with. What is signed is others'.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.orm import Session

from common.visit.records import ReportSeal, ServiceReport
from common.visit.seal import Verdict, files_now, judge_seal
from sync_server.db.tables import Device
from sync_server.keys import ServerKeys, from_text, to_text

PAST_KEYS = "sign.past"


@dataclass(frozen=True, slots=True)
class SessionNotary:
    """The server's notary inside one transaction: satisfies `common.kernel.work.Notary`."""

    keys: ServerKeys
    session: Session

    def verify(self, key: str, text: bytes, signature: str) -> bool:
        """Say whether a key signed a text."""
        return verify_signature(key, text, signature)

    def key_of(self, device_id: str) -> str | None:
        """Return the key a device was enrolled with, revoked or not."""
        device = self.session.get(Device, device_id) if device_id else None
        return device.public_key if device is not None else None

    def sign(self, text: bytes) -> tuple[str, str]:
        """Sign with the server's key."""
        return self.keys.sign_public, sign_text(self.keys, text)


def verify_signature(key: str, text: bytes, signature: str) -> bool:
    """Say whether a key (base64url) signed a text; False for whatever is no key or no signature."""
    try:
        Ed25519PublicKey.from_public_bytes(from_text(key)).verify(from_text(signature), text)
    except (ValueError, InvalidSignature):
        return False
    return True


def sign_text(keys: ServerKeys, text: bytes) -> str:
    """Sign a text with the server's key; returns base64url."""
    return to_text(keys.signer.sign(text))


def trusted_keys(keys: ServerKeys, folder: Path | None = None) -> tuple[str, ...]:
    """List the public keys whose server signatures count: today's, and those of old that were put into the folder.

    Old ones stand in a text file beside the keys, one a line, so that seals outlive a change of key (M5).
    """
    past: list[str] = []
    if folder is not None and (folder / PAST_KEYS).exists():
        past = [line.strip() for line in (folder / PAST_KEYS).read_text("utf-8").splitlines() if line.strip()]
    return (keys.sign_public, *past)


def judge_report(
    session: Session,
    report: ServiceReport,
    trusted: tuple[str, ...],
) -> Verdict:
    """Check a kept report against its seal and the keys this server knows."""
    row = session.get(ReportSeal, report.id)
    device_id = str(row.seal.get("device_id", "")) if row is not None and isinstance(row.seal, dict) else ""
    device = session.get(Device, device_id) if device_id else None
    return judge_seal(
        report,
        row,
        verify_signature,
        device_key=device.public_key if device is not None else "",
        server_keys=trusted,
        files=files_now(session, row),
    )


def fingerprint_of_key(key: str) -> str:
    """Hash a public key, for a person to compare."""
    return hashlib.sha256(from_text(key)).hexdigest()
