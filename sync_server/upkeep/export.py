"""The whole life of one piece of equipment as a ZIP that can be checked without this program (Q9, R085).

Owns what goes into it and its form. Reads one snapshot; notes the export in the audit chain and anchors that first, so
that everything in it stands under a signed anchor.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from common.equipment.equipment import Equipment
from common.files.attachment import Attachment
from common.kernel.clock import millis
from common.kernel.codec import canonical
from common.kernel.outcome import Refused
from common.kernel.record import DocumentColumn, columns_of, synced_entities
from common.tickets.ticket import Ticket
from common.visit.records import RepairAgreement, ReportSeal, ServiceReport, StopUseNotice
from sync_server.db.database import Database
from sync_server.db.tables import AuditEntry, Device, Receipt
from sync_server.documents.life import life_sheet
from sync_server.documents.pdf import draw_pdf
from sync_server.documents.sheets import PaperKind, read_sheet
from sync_server.keys import ServerKeys
from sync_server.notary import judge_report, sign_text, trusted_keys
from sync_server.people.audit import note_event
from sync_server.settings import Settings
from sync_server.upkeep.anchors import Anchor, make_anchor, read_anchors, standing
from sync_server.upkeep.merkle import path_of

EXPORT_TEXT = b"fieldwright export 1\n"
VERIFIER = Path(__file__).with_name("verify_evidence.py")
README = Path(__file__).with_name("export_readme.txt")
PAPERS: tuple[tuple[PaperKind, Any], ...] = (
    ("report", ServiceReport),
    ("agreement", RepairAgreement),
    ("stop-use", StopUseNotice),
)
Bytes = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: which unit, how many tickets, reports and audit entries, and the hash of the manifest."""

    serial: str
    tickets: int
    reports: int
    entries: int
    manifest_sha256: str


@dataclass(slots=True)
class _Bundle:
    """A ZIP being written, with the hash of each file in it."""

    zip: zipfile.ZipFile
    at: datetime
    files: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, content: bytes) -> None:
        """Add a file, and its hash to the list."""
        self.files[name] = hashlib.sha256(content).hexdigest()
        self.put(name, content)

    def put(self, name: str, content: bytes) -> None:
        """Add a file that the list does not name."""
        info = zipfile.ZipInfo(name, self.at.timetuple()[:6])
        info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
        self.zip.writestr(info, content)


def find_unit(session: Session, serial: str) -> Equipment:
    """Find a unit by its serial number. Refuses `equipment_unknown`, `serial_ambiguous`."""
    units = session.scalars(select(Equipment).where(Equipment.serial == serial).limit(2)).all()
    if not units:
        raise Refused("equipment_unknown")
    if len(units) > 1:
        raise Refused("serial_ambiguous", serial=serial)
    return units[0]


def export_equipment(
    database: Database,
    keys: ServerKeys,
    settings: Settings,
    unit_id: str,
    by: str,
    out: IO[bytes],
    bytes_of: Bytes = lambda _sha256: None,
    *,
    approval_id: str = "",
    alone: str = "",
) -> Exported:
    """Write the export of a unit. `by`: whose request it is; `bytes_of`: the bytes of a file by its SHA-256.

    `approval_id` is the approval that was used for it, `alone` why there was none; the chain keeps either.

    Refuses `equipment_unknown`. Raises AnchorError where the audit chain does not hold: such an export proves nothing.
    """
    with database.read() as session:
        if session.get(Equipment, unit_id) is None:
            raise Refused("equipment_unknown")
    told = {"approval": approval_id} if approval_id else {"alone": alone[:200]} if alone else {}
    database.transact(lambda unit: note_event(unit, "equipment_exported", by, equipment_id=unit_id, **told))
    make_anchor(database, keys, settings.anchors_dir)
    anchors = read_anchors(settings.anchors_dir)
    with database.read() as session, zipfile.ZipFile(out, "w") as archive:
        made_ms = database.clock.read().wall_ms
        bundle = _Bundle(archive, anchors[-1].at)
        life = _Life.of(session, unit_id)
        entries = list(life.entries(session))
        _add_records(bundle, session, life, entries)
        trusted = trusted_keys(keys, settings.keys_dir)
        _add_papers(bundle, session, life, settings, trusted)
        _add_files(bundle, session, life, bytes_of)
        bundle.add("chain.json", _json(_chain(session, entries, anchors)))
        bundle.add("keys.json", _json({"server": list(trusted), "devices": life.device_keys(session)}))
        bundle.add("verify_evidence.py", VERIFIER.read_bytes())
        bundle.add("README.txt", README.read_bytes())
        manifest = {
            "format": 1,
            "equipment_id": unit_id,
            "serial": life.unit.serial,
            "made_at": made_ms,
            "by": by,
            "tickets": len(life.tickets),
            "entries": len(entries),
            "files": bundle.files,
        }
        raw = _json(manifest)
        bundle.put("manifest.json", raw)
        signed = {"key": keys.sign_public, "signature": sign_text(keys, EXPORT_TEXT + raw)}
        bundle.put("manifest.sig", _json(signed))
    reports = sum(name.startswith("papers/report-") for name in bundle.files)
    return Exported(
        life.unit.serial, len(life.tickets), reports, len(entries), hashlib.sha256(raw).hexdigest()
    )


@dataclass(frozen=True, slots=True)
class _Life:
    """The unit, its tickets, and the aggregates that tell of it."""

    unit: Equipment
    tickets: Sequence[Ticket]
    aggs: tuple[str, ...]

    @classmethod
    def of(cls, session: Session, unit_id: str) -> _Life:
        """Gather a unit's life."""
        unit = session.get(Equipment, unit_id)
        assert unit is not None
        query = select(Ticket).where(Ticket.equipment_id == unit_id)
        tickets = session.scalars(query.order_by(Ticket.received_at, Ticket.id)).all()
        return cls(unit, tickets, (unit.agg, *(ticket.agg for ticket in tickets)))

    def entries(self, session: Session) -> Iterator[AuditEntry]:
        """List the audit entries that name the unit or one of its tickets, in the chain's order."""
        named = re.compile("|".join(re.escape(i) for i in (self.unit.id, *(t.id for t in self.tickets))))
        query = select(AuditEntry).where(AuditEntry.seq.is_not(None)).order_by(AuditEntry.seq)
        for entry in session.scalars(query.execution_options(yield_per=1000)):
            if named.search(entry.entry):
                yield entry
            else:
                session.expunge(entry)

    def device_keys(self, session: Session) -> dict[str, str]:
        """Map the tablets that sealed a report to the keys they were enrolled with."""
        seals = session.scalars(select(ReportSeal).where(ReportSeal.agg.in_(self.aggs)))
        ids = {str(seal.seal.get("device_id", "")) for seal in seals if isinstance(seal.seal, dict)}
        return {
            device.id: device.public_key
            for device in session.scalars(select(Device).where(Device.id.in_(ids)).order_by(Device.id))
        }


def _add_records(bundle: _Bundle, session: Session, life: _Life, entries: Sequence[AuditEntry]) -> None:
    """Add every row of the aggregates, with model and customer, and the receipts of the commands."""
    aggs = [*life.aggs, f"customer:{life.unit.customer_id}"]
    records = {entity: rows for entity in synced_entities() if (rows := _rows(session, entity, "agg", aggs))}
    records["equipment_model"] = _rows(session, "equipment_model", "id", [life.unit.model_id])
    bundle.add("records.json", _json({"format": 1, "records": records}))
    told = [json.loads(entry.entry) for entry in entries]
    ids = [one["op"]["id"] for one in told if "op" in one]
    receipts = [
        {"id": r.op_id, "status": r.status, "code": r.code, "details": r.details, "sha256_32": r.content_hash}
        for chunk in _chunks(ids)
        for r in session.scalars(select(Receipt).where(Receipt.op_id.in_(chunk)).order_by(Receipt.op_id))
    ]
    commands = [one for one in told if "op" in one]
    bundle.add("commands.json", _json({"format": 1, "commands": commands, "receipts": receipts}))


def _rows(session: Session, entity: str, column: str, values: Sequence[str]) -> list[dict[str, Any]]:
    names = columns_of(entity)
    table = synced_entities()[entity].__table__
    documents = {name for name in names if isinstance(table.columns[name].type, DocumentColumn)}
    quoted = ", ".join(f'"{name}"' for name in names)
    found = []
    for chunk in _chunks(values):
        marks = {f"v{n}": value for n, value in enumerate(chunk)}
        wanted = ", ".join(f":{name}" for name in marks)
        query = f'SELECT {quoted} FROM "{entity}" WHERE "{column}" IN ({wanted}) ORDER BY id'  # noqa: S608 - own names
        for row in session.execute(text(query), marks):
            written = dict(zip(names, row, strict=True))
            for name in documents:
                written[name] = None if written[name] is None else json.loads(written[name])
            found.append(written)
    return found


def _add_papers(
    bundle: _Bundle, session: Session, life: _Life, settings: Settings, trusted: tuple[str, ...]
) -> None:
    """Add the life as a paper, and each signed paper in the language it was signed in."""
    judge = partial(_judge, trusted)
    sheet = life_sheet(session, life.unit, life.tickets, settings.language, settings.time_zone, bundle.at)
    bundle.add("equipment.pdf", draw_pdf(sheet))
    for kind, record in PAPERS:
        for row in session.scalars(select(record).where(record.agg.in_(life.aggs)).order_by(record.id)):
            paper = read_sheet(
                session, kind, row.id, "", settings.time_zone, judge=judge,
                verify_url=f"{settings.address}/console/verify/{row.id}",
            )  # fmt: skip
            if paper is not None:
                bundle.add(f"papers/{kind}-{row.id}.pdf", draw_pdf(paper))


def _judge(trusted: tuple[str, ...], session: Session, report: ServiceReport) -> Any:
    return judge_report(session, report, trusted)


def _add_files(bundle: _Bundle, session: Session, life: _Life, bytes_of: Bytes) -> None:
    """Add the bytes of every file of the tickets that is here, under their hash: sealed, added later or taken back."""
    wanted = set(session.scalars(select(Attachment.sha256).where(Attachment.agg.in_(life.aggs))))
    wanted |= {
        one["sha256"]
        for seal in session.scalars(select(ReportSeal).where(ReportSeal.agg.in_(life.aggs)))
        if isinstance(seal.seal, dict)
        for one in seal.seal.get("files", [])
    }
    for digest in sorted(wanted):
        content = bytes_of(digest)
        if content is not None:
            bundle.add(f"files/{digest}", content)


def _chain(session: Session, entries: Sequence[AuditEntry], anchors: Sequence[Anchor]) -> dict[str, Any]:
    """Write the entries with their way up to a signed anchor, and all anchors."""
    proved = []
    for anchor in standing(anchors):
        own = [entry for entry in entries if entry.seq and anchor.from_seq <= entry.seq <= anchor.seq]
        if not own:
            continue
        links = session.scalars(
            select(AuditEntry.hash)
            .where(AuditEntry.seq.between(anchor.from_seq, anchor.seq))
            .order_by(AuditEntry.seq)
        ).all()
        proved += [_proof(entry, anchor, links) for entry in own]
    kept = [{"anchor": one.document, "key": one.key, "signature": one.signature} for one in anchors]
    return {"format": 1, "anchors": kept, "entries": sorted(proved, key=lambda one: int(one["seq"]))}


def _proof(entry: AuditEntry, anchor: Anchor, links: Sequence[str]) -> dict[str, Any]:
    assert entry.seq is not None
    return {
        "seq": entry.seq,
        "at": millis(entry.at),
        "entry": entry.entry,
        "prev_hash": entry.prev_hash,
        "hash": entry.hash,
        "anchor": anchor.digest,
        "path": path_of(links, entry.seq - anchor.from_seq),
    }


def _chunks(values: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    for at in range(0, len(values), size):
        yield values[at : at + size]


def _json(value: Any) -> bytes:
    return canonical(value).encode()


def plain_name(text: str) -> str:
    """Write a serial number so that it can be part of a file name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._")[:60] or "unit"
