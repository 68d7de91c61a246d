"""Anchors of the audit chain: signed statements of its head in a folder outside the database (Q2, D9).

Owns making, reading and checking them. Who can rewrite the database cannot rewrite what was kept elsewhere: put the
folder on another machine, print the anchors, or send them away.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.kernel.clock import instant, millis
from common.kernel.codec import canonical
from sync_server.db.database import Database
from sync_server.db.schema import FIRST_HASH
from sync_server.db.sequencer import link_hash
from sync_server.db.tables import AuditEntry, StreamHead
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.keys import ServerKeys
from sync_server.notary import sign_text, verify_signature
from sync_server.people.audit import note_event
from sync_server.upkeep.merkle import root_of
from sync_server.upkeep.running import held

ANCHOR_TEXT = b"fieldwright anchor 1\n"
SHORT_LINK = 16
LOCK = "anchors.lock"


class AnchorError(RuntimeError):
    """The chain cannot be anchored as it is; the message says why and what to do."""


@dataclass(frozen=True)
class Anchor:
    """One anchor as it lies in the folder: the chain's head at a time, and what came since the anchor before."""

    file: Path
    document: dict[str, Any]
    key: str
    signature: str

    @property
    def seq(self) -> int:
        """Return the last entry it covers."""
        return int(self.document["seq"])

    @property
    def from_seq(self) -> int:
        """Return the first entry it covers."""
        return int(self.document["from_seq"])

    @property
    def number(self) -> int:
        """Return its place among the anchors, from 1: clocks may be set back, this is not."""
        return int(self.document["number"])

    @property
    def at(self) -> datetime:
        """Return when it was made."""
        return instant(self.document["at"])

    @property
    def restarts(self) -> bool:
        """Say whether it was made after a restore that took the chain back behind earlier anchors."""
        return bool(self.document.get("restarts"))

    @cached_property
    def digest(self) -> str:
        """Return the hash the next anchor carries."""
        return hashlib.sha256(canonical(self.document).encode()).hexdigest()

    def is_signed_by(self, trusted: Sequence[str]) -> bool:
        """Say whether one of these keys signed it."""
        text = ANCHOR_TEXT + canonical(self.document).encode()
        return self.key in trusted and verify_signature(self.key, text, self.signature)

    def links(self) -> list[str]:
        """Read the beginnings of the hashes of the entries it covers; empty where that file is gone or was changed."""
        beside = self.file.with_suffix(".links")
        text = beside.read_bytes() if beside.exists() else b""
        is_whole = hashlib.sha256(text).hexdigest() == self.document["links_sha256"]
        return text.decode("ascii").split() if is_whole else []


@dataclass(frozen=True, slots=True)
class AnchorFault:
    """What an anchor says against the chain: the first entry that does not fit, 0 where the anchor itself is bad."""

    seq: int
    file: str
    what: str


def read_anchors(folder: Path) -> list[Anchor]:
    """Read the anchors of a folder, oldest first. Files that are no anchors raise AnchorError."""
    found = []
    for file in sorted(folder.glob("anchor-*.json")):
        try:
            read = json.loads(file.read_text("utf-8"))
            anchor = Anchor(file, dict(read["anchor"]), str(read["key"]), str(read["signature"]))
            found.append((anchor.number, file.name, anchor))
        except (ValueError, KeyError, TypeError) as error:
            raise AnchorError(f"{file.name} is no anchor: {error}") from None
    return [anchor for *_, anchor in sorted(found, key=lambda one: one[:2])]


def make_anchor(
    database: Database, keys: ServerKeys, folder: Path, *, after_restore: bool = False
) -> Anchor | None:
    """Anchor what the chain has grown by; None where it has not grown. Raises AnchorError where it does not hold.

    `after_restore`: the database was restored to before the newest anchor, and somebody says that this is so. One is
    made at a time: who comes second waits, and anchors what is new then.
    """
    with held(folder / LOCK, wait=True):
        return _make_anchor(database, keys, folder, after_restore)


def _make_anchor(database: Database, keys: ServerKeys, folder: Path, after_restore: bool) -> Anchor | None:
    database.number()
    known = read_anchors(folder)
    with database.read() as session:
        head = session.execute(select(StreamHead.audit_seq, StreamHead.audit_hash, StreamHead.epoch)).one()
        last = _last_that_fits(session, known) if after_restore else known[-1] if known else None
        if last is not None and not after_restore and _hash_at(session, last.seq) != last.document["hash"]:
            raise AnchorError(
                f"The chain does not contain the anchor {last.file.name}. Run sync-server verify. If the database was "
                "restored from an older backup: sync-server anchor --after-restore"
            )
        begins = last.seq + 1 if last else 1
        if begins > head.audit_seq and not after_restore:
            return None
        links = list(_checked_links(session, begins, last.document["hash"] if last else FIRST_HASH))
    document = {
        "format": 1,
        "number": known[-1].number + 1 if known else 1,
        "seq": head.audit_seq,
        "hash": head.audit_hash,
        "at": database.clock.read().wall_ms,
        "from_seq": begins,
        "root": root_of(links),
        "links_sha256": hashlib.sha256(_links_text(links)).hexdigest(),
        "previous": known[-1].digest if known else "",
        "epoch": head.epoch,
        "restarts": after_restore,
    }
    made = _write(folder, document, keys, links)

    def told(unit: UnitOfWork) -> None:
        note_event(
            unit, "chain_anchored", "system", seq=made.seq, digest=made.digest, restarts=int(after_restore)
        )

    database.transact(told)
    return made


def standing(anchors: Sequence[Anchor]) -> list[Anchor]:
    """Return the anchors the chain must still agree with: each declared restore took back those that reach into its own.

    They follow one another without a gap. Whoever judges gives signed ones only.
    """
    kept: list[Anchor] = []
    for one in anchors:
        if one.restarts:
            kept = [before for before in kept if before.seq < one.from_seq]
        kept.append(one)
    return kept


def check_anchors(
    session: Session, anchors: Sequence[Anchor], trusted: Sequence[str]
) -> Iterator[AnchorFault]:
    """Hold the chain against its anchors: the first entry that was cut or written anew, and anchors that are bad."""
    head = session.execute(select(StreamHead.audit_seq)).scalar_one()
    signed = {one.file: one for one in anchors if one.is_signed_by(trusted)}
    stand = {one.file for one in standing(list(signed.values()))}
    before, is_cut = "", False
    for anchor in anchors:
        name = anchor.file.name
        if anchor.file not in signed:
            yield AnchorFault(0, name, "is not signed by this server, or was changed")
            before = anchor.digest
            continue
        if anchor.document["previous"] != before:
            yield AnchorFault(0, name, "does not follow the anchor before it: one is missing")
        before = anchor.digest
        if is_cut or anchor.file not in stand:
            continue
        when = f"{anchor.at:%Y-%m-%d %H:%M} UTC"
        if anchor.seq > head:
            is_cut = True
            yield AnchorFault(
                head + 1, name, f"the chain is cut off: {anchor.seq} entries were anchored on {when}"
            )
        elif _hash_at(session, anchor.seq) != anchor.document["hash"]:
            is_cut = True
            seq = _first_other(session, anchor)
            yield AnchorFault(seq, name, f"was written anew after it had been anchored on {when}")


def anchor_page(anchor: Anchor) -> str:
    """Write an anchor as a few lines for paper or mail."""
    document = anchor.document
    return "\n".join(
        (
            "Fieldwright audit anchor / 审计链锚点",
            f"  number / 编号    {document['number']}",
            f"  entries / 条目   {document['from_seq']} – {document['seq']}",
            f"  made / 时间      {anchor.at:%Y-%m-%d %H:%M:%S} UTC",
            f"  head / 链头      {document['hash']}",
            f"  root / 树根      {document['root']}",
            f"  before / 前一锚  {document['previous'] or '-'}",
            f"  digest / 摘要    {anchor.digest}",
            f"  key / 公钥       {anchor.key}",
            f"  signature / 签名 {anchor.signature}",
        )
    )


def _last_that_fits(session: Session, known: Sequence[Anchor]) -> Anchor | None:
    fits = (one for one in reversed(standing(known)) if _hash_at(session, one.seq) == one.document["hash"])
    return next(fits, None)


def _hash_at(session: Session, seq: int) -> str | None:
    if seq == 0:
        return FIRST_HASH
    return session.scalar(select(AuditEntry.hash).where(AuditEntry.seq == seq))


def _checked_links(session: Session, begins: int, prev: str) -> Iterator[str]:
    query = select(AuditEntry).where(AuditEntry.seq >= begins).order_by(AuditEntry.seq)
    for seq, entry in enumerate(session.scalars(query.execution_options(yield_per=1000)), start=begins):
        if entry.seq != seq or link_hash(prev, seq, millis(entry.at), entry.entry) != entry.hash:
            raise AnchorError(f"Entry {seq} of the audit chain does not hold. Run sync-server verify.")
        prev = entry.hash
        session.expunge(entry)
        yield prev


def _first_other(session: Session, anchor: Anchor) -> int:
    """Find the first entry whose hash is not the anchored one; the first it covers where that is not known any more."""
    query = select(AuditEntry.hash).where(AuditEntry.seq.between(anchor.from_seq, anchor.seq))
    now = session.scalars(query.order_by(AuditEntry.seq)).all()
    for seq, (link, kept) in enumerate(zip(now, anchor.links(), strict=False), start=anchor.from_seq):
        if link[:SHORT_LINK] != kept:
            return seq
    return anchor.from_seq


def _links_text(links: Sequence[str]) -> bytes:
    return "".join(f"{link[:SHORT_LINK]}\n" for link in links).encode("ascii")


def _write(folder: Path, document: dict[str, Any], keys: ServerKeys, links: Sequence[str]) -> Anchor:
    name = f"anchor-{document['number']:06d}"  # nothing else: a name that is there refuses a second of that number
    signature = sign_text(keys, ANCHOR_TEXT + canonical(document).encode())
    made = Anchor(folder / f"{name}.json", document, keys.sign_public, signature)
    whole = {"anchor": document, "key": made.key, "signature": signature}
    _keep(made.file.with_suffix(".links"), _links_text(links), Path.replace)
    _keep(made.file, (json.dumps(whole, indent=1, sort_keys=True) + "\n").encode(), _name_once)
    return made


def _keep(file: Path, content: bytes, name: Callable[[Path, Path], object]) -> None:
    """Write a file that is there whole or not at all; `name` gives it its name."""
    fresh = file.with_name(f".{file.name}.new")
    with fresh.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    name(fresh, file)
    descriptor = os.open(file.parent, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _name_once(fresh: Path, file: Path) -> None:
    """Give a written file a name that no other has. Raises AnchorError where one has it."""
    try:
        os.link(fresh, file)
    except FileExistsError:
        fresh.unlink()
        raise AnchorError(f"{file.name} is there already: another server anchors in this folder.") from None
    except OSError:  # a disk that knows no second names: there the lock alone has to hold
        fresh.rename(file)
    else:
        fresh.unlink()
