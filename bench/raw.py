"""The raw limits: what SQLite and HTTP alone cost on this machine, for the same rows and the same bytes.

Owns the comparison. Durability is the product's: WAL, synchronous=FULL, one commit where the product makes one.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import httpx

from bench.meter import timed_ms
from common.kernel.record import columns_of, synced_entities

Rows = dict[str, list[tuple[Any, ...]]]
WARM_UPS = 3


def open_raw(path: Path) -> sqlite3.Connection:
    """Open a file with the product's durability."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def rows_of(path: Path, only: set[tuple[str, str]] | None = None) -> Rows:
    """Read the synced rows of a store's file, all or only those named by (entity, id)."""
    found: Rows = {}
    with sqlite3.connect(path) as connection:
        for entity in synced_entities():
            names = ", ".join(f'"{name}"' for name in columns_of(entity))
            rows = connection.execute(f'SELECT {names} FROM "{entity}"').fetchall()
            rows = [row for row in rows if only is None or (entity, row[0]) in only]
            if rows:
                found[entity] = rows
    return found


def raw_upsert_ms(model: Path, path: Path, rows: Rows) -> float:
    """Time `executemany` of these rows into a new file with the tables and indexes of `model`, one commit."""
    with sqlite3.connect(model) as connection:
        kinds = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type DESC"
        schema = [sql for (sql,) in connection.execute(kinds)]
    connection = open_raw(path)
    for sql in schema:
        connection.execute(sql)

    def write() -> None:
        connection.execute("BEGIN IMMEDIATE")
        for entity, found in rows.items():
            names = columns_of(entity)
            quoted = ", ".join(f'"{name}"' for name in names)
            changes = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name != "id")
            marks = ", ".join("?" for _ in names)
            connection.executemany(
                f'INSERT INTO "{entity}" ({quoted}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {changes}',
                found,
            )
        connection.execute("COMMIT")

    took = timed_ms(write)
    connection.close()
    return took


def raw_saves_ms(path: Path, bodies: list[str]) -> list[float]:
    """Time one durable insert and commit for each body."""
    connection = open_raw(path)
    connection.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")

    def save(body: str) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO kept (body) VALUES (?)", (body,))
        connection.execute("COMMIT")

    took = [timed_ms(lambda body=body: save(body)) for body in bodies]  # type: ignore[misc]
    connection.close()
    return took


def raw_batch_ms(path: Path, bodies: list[str]) -> float:
    """Time one durable commit of all bodies."""
    connection = open_raw(path)
    connection.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")

    def save() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO kept (body) VALUES (?)", [(body,) for body in bodies])
        connection.execute("COMMIT")

    took = timed_ms(save)
    connection.close()
    return took


class PlainLine:
    """An open connection to the bare server."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url)
        for _ in range(WARM_UPS):
            self._client.post("/0")

    def transfer_ms(self, trips: int, up: int, down: int) -> float:
        """Time `trips` exchanges that together carry these bytes."""
        body, path = bytes(up // max(trips, 1)), f"/{down // max(trips, 1)}"

        def send() -> None:
            for _ in range(trips):
                self._client.post(path, content=body).raise_for_status()

        return timed_ms(send)

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()
