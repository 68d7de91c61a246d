"""A tablet's database as if nothing had ever been taken off it: its worked tickets again and again, back through years.

Works on the file alone; the server knows nothing of the copies. Owns how a copy is made: fresh ids, earlier instants, a
closed ticket, and of each a few commands that the server has long answered and no backup holds.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from pathlib import Path
from typing import Any

from common.kernel.record import columns_of, synced_entities

DAY_MS = 24 * 3600 * 1000
YEARS = 5
KEPT_EACH = 5
LONG_DURABLE = 2**53


def age(path: Path, tickets: int, years: int = YEARS) -> int:
    """Copy the file's tickets until there are so many more, spread over the years; returns the rows written.

    Nobody may have the file open.
    """
    rows = 0
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("BEGIN IMMEDIATE")
        models = [agg for (agg,) in connection.execute("SELECT agg FROM agg WHERE agg LIKE 'ticket:%'")]
        told = {agg: _rows_of(connection, agg) for agg in models}
        for number in range(tickets):
            back_ms = (30 + number * years * 365 // tickets) * DAY_MS
            rows += _copy(
                connection, told[models[number % len(models)]], models[number % len(models)], number, back_ms
            )
        connection.execute("COMMIT")
    connection.close()
    return rows


def _rows_of(connection: sqlite3.Connection, agg: str) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for entity in synced_entities():
        names = columns_of(entity)
        quoted = ", ".join(f'"{name}"' for name in names)
        rows = connection.execute(f'SELECT {quoted} FROM "{entity}" WHERE agg = ?', (agg,)).fetchall()
        if rows:
            found[entity] = [dict(zip(names, row, strict=True)) for row in rows]
    return found


def _copy(
    connection: sqlite3.Connection,
    model: dict[str, list[dict[str, Any]]],
    agg: str,
    number: int,
    back_ms: int,
) -> int:
    ids = {agg.partition(":")[2]: str(uuid.uuid4())}
    ids |= {row["id"]: str(uuid.uuid4()) for rows in model.values() for row in rows if row["id"] not in ids}
    written = json.dumps(model, ensure_ascii=False)
    for old, new in ids.items():
        written = written.replace(old, new)
    fresh, count = json.loads(written), 0
    for entity, rows in fresh.items():
        for row in rows:
            for name, value in row.items():
                if name.endswith("_at") and isinstance(value, int):
                    row[name] = value - back_ms
            if entity == "ticket":
                row |= {
                    "number": f"{row['number']}-{number}",
                    "state": "closed",
                    "closed_at": row["state_since_at"],
                }
        names = ", ".join(f'"{name}"' for name in rows[0])
        marks = ", ".join("?" for _ in rows[0])
        connection.executemany(
            f'INSERT INTO "{entity}" ({names}) VALUES ({marks})', [tuple(row.values()) for row in rows]
        )
        count += len(rows)
    ticket_id = ids[agg.partition(":")[2]]
    connection.execute(
        "INSERT INTO agg (agg, rev, generation, detached) SELECT ?, 1, generation, 0 FROM sync_state",
        (f"ticket:{ticket_id}",),
    )
    _keep(connection, ticket_id, number)
    return count


def _keep(connection: sqlite3.Connection, ticket_id: str, number: int) -> None:
    """Leave commands in the outbox as if no backup had ever made them durable."""
    for place in range(KEPT_EACH):
        op_id = str(uuid.uuid4())
        envelope = {"id": op_id, "k": "add_note", "a": {"ticket_id": ticket_id, "note": f"{number}/{place}"}}
        connection.execute(
            "INSERT INTO op (id, n, kind, envelope, agg, ticket_id, given_ms, state, tries, result_seq, status, code, "
            "details, local_code) VALUES (?, 0, 'add_note', ?, ?, ?, 0, 'kept', 1, ?, 'ok', '', '{}', '')",
            (op_id, json.dumps(envelope), f"ticket:{ticket_id}", ticket_id, LONG_DURABLE),
        )
