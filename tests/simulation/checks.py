"""What must hold: the invariants of the sync protocol (§4.1), checked on a history at rest and along the way."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from common.kernel.record import columns_of, synced_entities
from common.kernel.scope import grants_of
from common.stock.ledger import ledger_faults
from common.visit.hashing import content_hash
from field_app.store.apply import rebase_all
from field_app.store.overlay import OVERLAY_STATES
from field_app.store.private import open_row, private_of, read_cells
from sync_server.db.audit import first_fault
from sync_server.sync.pull import standings
from tests.simulation.cluster import SimDevice, SimServer
from tests.simulation.stage import ENGINEERS

# A refusal is a business answer; anything else that parks a command is a fault of the engine (invariant 20).
_WAITS = "SELECT op_touch.agg FROM op_touch JOIN op ON op.ord = op_ord WHERE state IN ('parked', 'blocked')"
ENGINE_FAULTS = ("replay_failed", "json_", "type_", "field_", "command_unknown", "version_")


class Violation(AssertionError):  # noqa: N818 - named after what it is
    """An invariant does not hold."""


def check(holds: bool, invariant: str, *seen: Any) -> None:
    """Raise Violation where it does not hold."""
    if not holds:
        raise Violation(f"{invariant}: {seen!r}"[:2000])


def check_rebase_law(device: SimDevice) -> None:
    """Screen tables = base + overlay: rebuilding from nothing changes nothing (6)."""
    check_rebase_law_of(device.disk.engine, device.name)


def check_rebase_law_of(engine: Engine, name: str) -> None:
    """Check the law on one tablet's database: business rows and outbox rows belong together."""
    with Session(engine) as session:
        before = dump(session)
        rebase_all(session)
        session.flush()
        after = dump(session)
        session.rollback()
    check(before == after, "6 rebase law", name, difference(before, after))


def check_at_rest(server: SimServer, devices: list[SimDevice], expected: set[str]) -> None:
    """Check everything that must hold once the line was good long enough."""
    with Session(server.disk.engine) as session:
        receipts = {
            row[0]: row for row in session.execute(text("SELECT op_id, status, code, n FROM receipt"))
        }
        audited = [row[0] for row in session.execute(text("SELECT entry FROM audit ORDER BY seq"))]
        check(first_fault(session) is None, "audit chain", first_fault(session))
        check(not ledger_faults(session), "13 ledger", ledger_faults(session)[:3])
        _check_effects(session, receipts, [json.loads(entry) for entry in audited], expected)
        _check_lane_order([json.loads(entry) for entry in audited])
        _check_sealed(session)
        _check_scope(session)
        master = dump(session)
        for device in devices:
            _check_convergence(session, device, master)


def _check_effects(session: Session, receipts: dict[str, Any], audit: list[Any], expected: set[str]) -> None:
    lost = sorted(expected - receipts.keys())
    check(not lost, "1 durable intent: commands without a receipt", lost[:5])
    seen: dict[str, int] = {}
    for entry in audit:
        seen[entry["op"]["id"]] = seen.get(entry["op"]["id"], 0) + (
            entry["status"] not in ("parked", "blocked")
        )
    twice = [op_id for op_id, times in seen.items() if times > 1]
    check(not twice, "2 exactly once: applied twice", twice[:5])
    check(receipts.keys() == seen.keys(), "2 receipt ⇔ effect", len(receipts), len(seen))
    used = {row[0] for row in session.execute(text("SELECT id FROM part_usage"))}
    noted = session.execute(text("SELECT count(*) FROM ticket_event WHERE kind = 'note'")).scalar_one()
    notes = usages = 0
    for entry in audit:
        if entry["status"] in ("parked", "blocked"):
            check(not entry["code"].startswith(ENGINE_FAULTS), "20 parked by the engine", entry)
            continue
        notes += entry["op"]["k"] == "add_note"
        if entry["op"]["k"] == "record_part_usage":
            usages += 1
            check(
                entry["op"]["a"]["usage_id"] in used,
                "1 effect of an accepted usage is gone",
                entry["op"]["id"],
            )
    check(noted == notes, "2 notes accepted and notes there", notes, noted)
    check(len(used) == usages, "2 usages accepted and usages there", usages, len(used))
    groups: dict[str, set[bool]] = {}
    for entry in audit:
        if entry["op"].get("g"):
            groups.setdefault(entry["op"]["g"], set()).add(entry["status"] in ("parked", "blocked"))
    check(all(len(fates) == 1 for fates in groups.values()), "4 group atomicity", groups)


def _check_lane_order(audit: list[Any]) -> None:
    last: dict[str, int] = {}
    for entry in audit:
        if entry["device"]:
            lane, n = f"{entry['device']}/{entry['lane']}", entry["n"]
            check(n > last.get(lane, 0), "3 lane order", lane, n, last.get(lane))
            last[lane] = n


def _check_sealed(session: Session) -> None:
    for report_id, content, stored in session.execute(
        text("SELECT id, content, content_hash FROM service_report")
    ):
        check(content_hash(json.loads(content)) == stored, "14 sealed", report_id)


def _check_scope(session: Session) -> None:
    """Memberships in force are exactly what the rules grant, asked afresh of every aggregate."""
    wanted = {
        (principal, agg)
        for reason in session.scalars(text("SELECT agg FROM agg_head"))
        for principal, agg in grants_of(session, reason)
    }
    rows = session.execute(text("SELECT principal, agg FROM member WHERE state = 'active'"))
    active = {(principal, agg) for principal, agg in rows}
    check(wanted == active, "7, 8 memberships", sorted(wanted ^ active)[:4])


def _check_convergence(
    session: Session, device: SimDevice, master: dict[str, dict[str, tuple[Any, ...]]]
) -> None:
    person_id = device.store.identity().person_id
    check(person_id in ENGINEERS, "identity", device.name)
    scope = {s.agg for s in standings(session.connection(), person_id).values() if s.active and s.rev}
    check_rebase_law(device)
    with Session(device.disk.engine) as tablet:
        pending = tablet.execute(
            text(f"SELECT count(*) FROM op WHERE state IN {OVERLAY_STATES[:2]!r}")  # noqa: S608 - own constant
        ).scalar_one()
        check(pending == 0, "20 outbox drained", device.name, pending)
        truth = base_dump(tablet)
        waits = set(tablet.scalars(text(_WAITS)))
        detached = set(tablet.scalars(text("SELECT agg FROM agg WHERE detached = 1")))
        check(detached <= waits, "7 taken away and kept without unsent work", device.name, detached - waits)
    for entity in synced_entities():
        due = {row_id: row for row_id, row in master[entity].items() if row[1] in scope}
        here = {row_id: row for row_id, row in truth[entity].items() if row[1] not in detached}
        seen = difference({entity: due}, {entity: here})
        check(due == here, "5 convergence / 7, 8 scope", device.name, entity, seen)


@cache
def _select(entity: str) -> str:
    names = ", ".join(f'"{name}"' for name in columns_of(entity))
    return f'SELECT {names} FROM "{entity}"'  # noqa: S608 - own names


def dump(session: Session) -> dict[str, dict[str, tuple[Any, ...]]]:
    """Read every business row, past SQLAlchemy: thousands of histories do little else at their checks."""
    raw: Any = session.connection().connection.driver_connection
    return {
        entity: {row[0]: row for row in raw.execute(_select(entity)).fetchall()}
        for entity in synced_entities()
    }


def base_dump(session: Session) -> dict[str, dict[str, tuple[Any, ...]]]:
    """Read the server's truth as the tablet holds it: the tables with the base copies put back."""
    rows = dump(session)
    for entity, row_id, body in session.execute(text("SELECT entity, row_id, body FROM base")).all():
        if body is None or body == "null":
            rows[entity].pop(row_id, None)
        else:
            private, cells = private_of(session.connection()), read_cells(body)
            rows[entity][row_id] = tuple(open_row(private, entity, cells) if private else cells)
    return rows


def difference(a: dict[str, Any], b: dict[str, Any]) -> list[Any]:
    """Name a few rows that differ."""
    found: list[Any] = []
    for entity in a:
        for row_id in a[entity].keys() | b[entity].keys():
            if a[entity].get(row_id) != b[entity].get(row_id):
                names = columns_of(entity)
                left, right = a[entity].get(row_id), b[entity].get(row_id)
                if left and right:
                    found.append(
                        (
                            entity,
                            row_id,
                            [(n, x, y) for n, x, y in zip(names, left, right, strict=True) if x != y],
                        )
                    )
                else:
                    found.append((entity, row_id, "only first" if left else "only second", left or right))
    return found[:4]
