"""The seal of a report: what it covers, how it is written, and whether it still holds (Q3, I6, K4, P8).

Owns the two sealed documents and their checks. Signs and verifies nothing itself: both are passed in as functions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.kernel.clock import millis
from common.kernel.codec import canonical, read_json
from common.kernel.outcome import BadPayload
from common.kernel.record import synced_entities
from common.policy.policy_set import active_set
from common.visit.hashing import content_hash

FORMAT = 1
TABLET_TEXT, SERVER_TEXT = b"fieldwright seal 1\n", b"fieldwright counter-seal 1\n"
FILES = "attachment"  # the table of files, by its name: files know reports, reports know no files
# What the signer gave, under the names the command and the report share.
SEALED = (
    "ticket_id", "number", "content_hash", "language", "service_type", "accepted", "refusal_reason", "opinion",
    "signer_name", "signer_role", "engineer_name",
)  # fmt: skip
Document = dict[str, Any]
Verify = Callable[[str, bytes, str], bool]
State = Literal["countersigned", "sealed", "broken", "unsealed"]


class SealRow(Protocol):
    """A kept seal; `counter` is None until the server has signed too."""

    seal: Any
    key: Any
    signature: Any
    counter: Any
    counter_key: Any
    counter_signature: Any


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `is_good` None: it cannot be said here, or not yet."""

    code: str
    is_good: bool | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the seal of a report says: its state, its fingerprint, and each check behind it."""

    state: State
    fingerprint: str
    checks: tuple[Check, ...]

    @property
    def fault(self) -> str:
        """Name the first check that failed, '' where none did."""
        return next((check.code for check in self.checks if check.is_good is False), "")


def seal_document(
    signed: Any,
    content: Mapping[str, Any],
    *,
    device_id: str,
    device_at_ms: int,
    policy_version: int,
    files: Iterable[tuple[str, str]] = (),
) -> Document:
    """Write what the tablet signs. `signed`: the command; `files`: (id, SHA-256) of everything attached to the ticket."""
    unit, customer = content.get("equipment") or {}, content.get("customer") or {}
    return {
        "format": FORMAT,
        "report_id": signed.report_id,
        **{name: getattr(signed, name) for name in SEALED},
        "meaning": "accepted" if signed.accepted else "refused",
        "template": {"report": content.get("format", 0), "policy": policy_version},
        "strokes_sha256": sha256(signed.strokes),
        "files": [{"id": file_id, "sha256": digest} for file_id, digest in sorted(files)],
        "place": {"address": customer.get("address", ""), "location": unit.get("location", "")},
        "device_id": device_id,
        "device_at": device_at_ms,
    }


def template_version(session: Session) -> int:
    """Return the version of the policy whose checklists and fields the report was filled in by (F4)."""
    found = active_set(session)
    return found.version if found else 0


def template_of(text: str) -> int:
    """Read from a seal which version of the policy the report was filled in by; 0 where it does not say."""
    read = unpack_seal(text) if text else None
    told = read[0].get("template") if read else None
    version = told.get("policy") if isinstance(told, dict) else None
    return version if type(version) is int and 0 < version < 2**31 else 0


def standing_files(session: Session, ticket_id: str) -> list[Any]:
    """List the files of a ticket that were not withdrawn, as they were taken; none in a program that keeps no files."""
    record: Any = synced_entities().get(FILES)
    if record is None:
        return []
    query = select(record).where(record.ticket_id == ticket_id, record.withdrawn.is_(False))
    return list(session.scalars(query.order_by(record.taken_at, record.id)))


def attached_files(session: Session, ticket_id: str) -> list[tuple[str, str]]:
    """List (id, SHA-256) of a ticket's files that stand."""
    return [(row.id, row.sha256) for row in standing_files(session, ticket_id)]


def files_now(session: Session, row: SealRow | None) -> dict[str, str | None]:
    """Map the sealed files to the hashes their records have now; None for one that is not here."""
    record, sealed = synced_entities().get(FILES), row.seal if row is not None else None
    ids = [one["id"] for one in (sealed.get("files") or [] if isinstance(sealed, dict) else [])]
    found = [session.get(record, file_id) for file_id in ids] if record is not None else []
    return {one.id: one.sha256 for one in found if one is not None}


def seal_text(document: Mapping[str, Any]) -> bytes:
    """Write what the device's key signs."""
    return TABLET_TEXT + canonical(document).encode()


def counter_text(document: Mapping[str, Any]) -> bytes:
    """Write what the server's key signs."""
    return SERVER_TEXT + canonical(document).encode()


def pack_seal(document: Mapping[str, Any], key: str, signature: str) -> str:
    """Write a seal as it travels in the command."""
    return canonical({"seal": document, "key": key, "signature": signature})


def unpack_seal(text: str) -> tuple[Document, str, str] | None:
    """Read a seal as it travelled: document, key, signature; None where it is none."""
    try:
        read = read_json(text)
    except BadPayload:
        return None
    if type(read) is not dict or set(read) != {"seal", "key", "signature"} or type(read["seal"]) is not dict:
        return None
    key, signature = read["key"], read["signature"]
    if type(key) is not str or type(signature) is not str or max(len(key), len(signature)) > 200:
        return None
    return read["seal"], key, signature


def seal_hash(document: Any, key: str, signature: str) -> str:
    """Hash a tablet's seal: its fingerprint, and what the server's signature is about."""
    return sha256(canonical({"seal": document, "key": key, "signature": signature}))


def short_fingerprint(digest: str) -> str:
    """Write the first 24 characters of a hash in groups of four, to be compared by eye."""
    return " ".join(digest[at : at + 4] for at in range(0, min(24, len(digest)), 4))


def counter_document(report: Any, digest: str, received_at_ms: int) -> Document:
    """Write what the server signs on arrival: the tablet's seal, and what the server itself put into the record."""
    return {
        "format": FORMAT,
        "report_id": report.id,
        "seal_sha256": digest,
        "received_at": received_at_ms,
        **_servers_part(report),
    }


def _servers_part(report: Any) -> Document:
    return {
        "signed_at": millis(report.signed_at),
        "clock_error_ms": report.clock_error_ms,
        "round": report.round,
        "engineer_id": report.engineer_id,
        "supersedes": report.supersedes,
    }


def judge_seal(
    report: Any,
    row: SealRow | None,
    verify: Verify,
    *,
    device_key: str | None = None,
    server_keys: Iterable[str] | None = None,
    files: Mapping[str, str | None] | None = None,
) -> Verdict:
    """Check a report against its seal.

    `device_key`: the key the device enrolled with, None where it is not known here; `server_keys`: those trusted,
    None to trust the one named; `files`: SHA-256 as it is now by file id, None where the bytes are not here yet.
    """
    kept = content_hash(report.content) == report.content_hash
    if row is None:
        only = (Check("content", kept), Check("seal", None))
        return Verdict("unsealed" if kept else "broken", "", only)
    digest = seal_hash(row.seal, row.key, row.signature)
    checks = (
        Check("content", kept),
        *_tablet_checks(report, row, verify, device_key),
        *_file_checks(row.seal, files or {}),
        *_server_checks(report, row, verify, digest, server_keys),
    )
    if any(check.is_good is False for check in checks):
        return Verdict("broken", digest, checks)
    by_server = next(check.is_good for check in checks if check.code == "counter")
    return Verdict("countersigned" if by_server else "sealed", digest, checks)


def _tablet_checks(report: Any, row: SealRow, verify: Verify, device_key: str | None) -> Iterator[Check]:
    sealed = row.seal if isinstance(row.seal, dict) else {}
    wrong = [name for name in SEALED if sealed.get(name) != getattr(report, name)]
    if sealed.get("report_id") != report.id:
        wrong.append("report_id")
    if report.device_at is None or sealed.get("device_at") != millis(report.device_at):
        wrong.append("device_at")
    if sealed.get("meaning") != ("accepted" if report.accepted else "refused"):
        wrong.append("meaning")
    yield Check("fields", not wrong, " ".join(wrong))
    yield Check("strokes", sealed.get("strokes_sha256") == sha256(report.strokes))
    yield Check("signature", verify(row.key, seal_text(sealed), row.signature))
    yield Check(
        "device", None if device_key is None else device_key == row.key, str(sealed.get("device_id", ""))
    )


def _file_checks(sealed: Any, files: Mapping[str, str | None]) -> Iterator[Check]:
    for one in sealed.get("files") or [] if isinstance(sealed, dict) else []:
        now = files.get(one["id"])
        yield Check("file", None if now is None else now == one["sha256"], one["id"])


def _server_checks(
    report: Any, row: SealRow, verify: Verify, digest: str, trusted: Iterable[str] | None
) -> Iterator[Check]:
    counter = row.counter
    if not isinstance(counter, dict) or not row.counter_signature:
        yield Check("counter", None if counter is None and not row.counter_signature else False)
        return
    is_ours = trusted is None or row.counter_key in set(trusted)
    is_signed = verify(row.counter_key, counter_text(counter), row.counter_signature)
    yield Check("counter", is_signed if is_ours or not is_signed else None)
    expected = counter_document(report, digest, counter.get("received_at", 0))
    wrong = sorted(name for name in expected if counter.get(name) != expected[name])
    yield Check("counter_fields", not wrong, " ".join(wrong))


def sha256(text: str) -> str:
    """Hash a text."""
    return hashlib.sha256(text.encode()).hexdigest()
