"""The first pull of many rows: page after page, and ten times the rows take no more memory on either side (L2)."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bench.catalogue import fill_catalogue
from common.kernel.command import Role
from common.protocol.messages import SyncAnswer, SyncRequest
from field_app.sync.http import HttpExchange
from sync_server.sync import pull
from tests.support.served import a_server, a_tablet, listening

PAGE_BYTES = 128 * 1024
FEW, MANY = 1_600, 16_000


@dataclass(slots=True)
class SmallPages:
    """Asks for pages of one size, however good the line is, and counts what came."""

    inner: HttpExchange
    rows: list[int] = field(default_factory=list)

    def sync(self, request: SyncRequest) -> SyncAnswer:
        answer = self.inner.sync(replace(request, max=PAGE_BYTES))
        self.rows.append(sum(len(rows) for put in answer.put for rows in put.rows.values()))
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def pulled(folder: Path, rows: int) -> tuple[int, list[int]]:
    """Pull a catalogue of so many rows; returns the most memory both sides had at once, and the rows of each page."""
    with a_server("", folder) as server:
        person = server.person(Role.ENGINEER)
        fill_catalogue(server.parts.database, rows)
        with listening(server) as url:
            tablet = a_tablet(server, url, folder / "tablet", person)
            pages = SmallPages(tablet.exchange)
            tablet.engine.exchange = pages
            gc.collect()
            tracemalloc.start()
            try:
                while not pages.rows or tablet.engine.line.more:
                    tablet.engine.turn(asked=True)
                    assert tablet.engine.last_error == ""
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
        with tablet.store.read() as session:
            assert session.execute(text("SELECT count(*) FROM part")).scalar_one() == rows
        tablet.store.engine.dispose()
    return peak, pages.rows


@pytest.mark.fault("L2")
@pytest.mark.usefixtures("swept_as_in_earnest")
def test_ten_times_the_rows_take_no_more_memory(tmp_path: Path) -> None:
    small, few_pages = pulled(tmp_path / "few", FEW)
    large, pages = pulled(tmp_path / "many", MANY)
    assert len(pages) > 5 * len(few_pages) > 15
    assert max(pages) < 2 * max(few_pages)
    assert large < 1.5 * small


@pytest.mark.fault("L2")
def test_a_catalogue_behind_small_things_is_not_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, at_once = pull._rows_of, []

    def counted(connection: Any, wanted: dict[str, pull.Wanted]) -> Any:
        at_once.append(sum(what.count for what in wanted.values()))
        return real(connection, wanted)

    monkeypatch.setattr(pull, "ROWS_AT_ONCE", 50)
    monkeypatch.setattr(pull, "_rows_of", counted)
    pulled(tmp_path, FEW)
    assert sum(at_once) > FEW
    assert max(at_once) <= 50
