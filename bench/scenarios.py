"""The measurements themselves, each beside its raw limit: bootstrap, local save, rebase, push, idle sync.

Owns what is done and how often. What comes out are figures; `report.py` writes them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, text

from bench.bad_line import CUT_AFTER, ROUND_TRIP_MS, CuttingLine, fill, push_over
from bench.company import Company, a_day
from bench.host import Host
from bench.meter import Sample, Wire, measuring
from bench.raw import PlainLine, raw_batch_ms, raw_saves_ms, raw_upsert_ms, rows_of
from bench.report import Aim, Figure
from bench.tablets import KEY_ID, BenchTablet, a_tablet
from common.kernel.codec import compact
from common.protocol.messages import OPS_AT_MOST
from field_app.store.apply import rebase_all
from field_app.store.outbox import counts
from field_app.store.schema import BaseRow, OutboxOp
from field_app.store.store import Store

IDLE_SYNCS = 60
REBASES = 5


@dataclass(frozen=True, slots=True)
class Bench:
    """One run: a company, the product's server over it, the bare server, and a folder for files."""

    company: Company
    host: Host
    plain: PlainLine
    folder: Path
    commands: int
    repeats: int

    def figures(self) -> Iterator[Figure]:
        """Measure everything, in an order in which nothing disturbs the next."""
        yield self._bootstrap()
        saves, rebases, firsts, pushes = [], [], [], []
        *days, bad_day = self.company.engineers
        tablets = [self._tablet(f"day-{i}", person_id) for i, person_id in enumerate(days)]
        for tablet, person_id in zip(tablets, days, strict=True):
            tablet.sync()
            saves.append(self._save(tablet, person_id))
            rebases.append(self._rebase(tablet, self._raw_rebases(tablet)))
            firsts.append(self._first_rebase(tablet))
            pushes.append(self._push(tablet))
        yield Figure.of(
            "save", "local save of one command", [s for found, _ in saves for s in found],
            [ms for _, raw in saves for ms in raw],
            (Aim("p95_ms", 30, "p95 at most 30 ms with synchronous=FULL"),),
        )  # fmt: skip
        yield Figure.of(
            "rebase", f"rebase of {self.commands} pending commands", [s for found, _ in rebases for s in found],
            [ms for _, raw in rebases for ms in raw],
            (Aim("best_ms", 200, "at most 200 ms (design), the best run"),), ops=self.commands,
        )  # fmt: skip
        yield Figure.of(
            "first_rebase", "the same, first after a start of the app", firsts,
            [ms for _, raw in rebases for ms in raw], ops=self.commands,
        )  # fmt: skip
        requests = -(-self.commands // OPS_AT_MOST)
        yield Figure.of(
            "push", f"push of a day's {self.commands} commands", [s for s, _ in pushes], [raw for _, raw in pushes],
            (
                Aim("trips", requests, f"one round trip for each {OPS_AT_MOST} commands"),
                Aim("up_per_op", 100, "at most 100 bytes a command"),
            ),
            ops=self.commands,
        )  # fmt: skip
        yield self._bad_line(bad_day)
        yield self._idle(tablets[0])
        for tablet in tablets:
            tablet.close()

    def _bootstrap(self) -> Figure:
        found, raw, rows = [], [], 0
        for i in range(self.repeats):
            tablet = self._tablet(f"empty-{i}", self.company.engineers[0])
            with measuring(tablet.wire, self.host.pid) as sample:
                tablet.sync()
            tablet.close()
            content = rows_of(tablet.path)
            rows = sum(len(some) for some in content.values())
            write_ms = raw_upsert_ms(tablet.path, self.folder / f"raw-{i}.db", content)
            line_ms = self.plain.transfer_ms(sample.trips, sample.up, sample.down)
            sample.parts_ms = {"sqlite": write_ms, "http": line_ms}
            found.append(sample)
            raw.append(write_ms + line_ms)
        return Figure.of(
            "bootstrap", f"bootstrap of {rows} rows", found, raw,
            (Aim("ratio", 3, "within 3 times the raw limit"),), ops=rows,
        )  # fmt: skip

    def _save(self, tablet: BenchTablet, person_id: str) -> tuple[list[Sample], list[float]]:
        planned = a_day(tablet.store, self.company.tickets[person_id], self.company.part_ids, self.commands)
        found = []
        for payload in planned:
            with measuring() as sample:
                given = tablet.store.give(payload)
            if not given.outcome.took_effect:
                raise RuntimeError(f"{payload} was refused: {given.outcome}")
            found.append(sample)
        return found, raw_saves_ms(tablet.path.with_name("saves.db"), _envelopes(tablet))

    def _raw_rebases(self, tablet: BenchTablet) -> list[float]:
        with tablet.store.read() as session:
            touched = {
                (entity, row_id) for entity, row_id in session.execute(select(BaseRow.entity, BaseRow.row_id))
            }
        rows = rows_of(tablet.path, touched)
        names = [tablet.path.with_name(f"rebase-{i}.db") for i in range(REBASES)]
        return [raw_upsert_ms(tablet.path, name, rows) for name in names]

    def _rebase(self, tablet: BenchTablet, raw: list[float]) -> tuple[list[Sample], list[float]]:
        found = []
        for _ in range(REBASES):
            with measuring() as sample:
                tablet.store.write(rebase_all)
            found.append(sample)
        return found, raw

    def _first_rebase(self, tablet: BenchTablet) -> Sample:
        started_anew = Store(tablet.store.engine, tablet.store.clock, tablet.store.random_bytes)
        started_anew.unseal(tablet.sealer, KEY_ID)
        with measuring() as sample:
            started_anew.write(rebase_all)
        return sample

    def _bad_line(self, person_id: str) -> Figure:
        lines: list[CuttingLine] = []

        def over(wire: Wire) -> CuttingLine:
            lines.append(CuttingLine(wire, random.Random(9)))
            return lines[-1]

        tablet = a_tablet(self.company, self.host.url, self.folder / "bad-line", person_id, over)
        tablet.sync()
        fill(tablet, self.company.tickets[person_id], self.company.part_ids, self.commands)
        sample, least_ms = push_over(tablet, lines[0])
        self._require_once(tablet)
        tablet.close()
        kilobytes = f"{CUT_AFTER[0] // 1000} to {CUT_AFTER[1] // 1000} kB"
        title = f"push of {self.commands} commands, cut every {kilobytes}, {ROUND_TRIP_MS} ms a round trip (reckoned)"
        figure = Figure.of("bad_line", title, [sample], [least_ms], ops=self.commands)
        figure.values["up_again"] = lines[0].up - lines[0].useful
        return figure

    def _require_once(self, tablet: BenchTablet) -> None:
        """Raise RuntimeError unless the server has taken every command of a tablet, each once."""
        query = text("SELECT count(*) FROM audit WHERE device_id = :device AND kind <> 'enrol_device'")
        with self.company.parts.database.read() as session:
            taken = session.execute(query, {"device": tablet.store.identity().device_id}).scalar_one()
        if taken != self.commands:
            raise RuntimeError(f"{taken} of {self.commands} commands were taken")

    def _push(self, tablet: BenchTablet) -> tuple[Sample, float]:
        envelopes = _envelopes(tablet)
        with measuring(tablet.wire, self.host.pid) as sample:
            tablet.sync()
        with tablet.store.read() as session:
            left = counts(session)
            states = set(session.scalars(select(OutboxOp.state)))
        if left.waiting or left.needs_a_look:
            raise RuntimeError(f"the push did not get through: {left} {states}")
        write_ms = raw_batch_ms(tablet.path.with_name("push.db"), envelopes)
        line_ms = self.plain.transfer_ms(sample.trips, sample.up, sample.down)
        sample.parts_ms = {"sqlite": write_ms, "http": line_ms}
        return sample, write_ms + line_ms

    def _idle(self, tablet: BenchTablet) -> Figure:
        found, raw = [], []
        tablet.sync()
        for _ in range(IDLE_SYNCS):
            with measuring(tablet.wire, self.host.pid) as sample:
                tablet.sync()
            found.append(sample)
            raw.append(self.plain.transfer_ms(sample.trips, sample.up, sample.down))
        return Figure.of(
            "idle", "idle sync", found, raw,
            (
                Aim("trips", 1, "one round trip"),
                Aim("up", 300, "at most 300 bytes up"),
                Aim("down", 300, "at most 300 bytes down"),
            ),
        )  # fmt: skip

    def _tablet(self, name: str, person_id: str) -> BenchTablet:
        return a_tablet(self.company, self.host.url, self.folder / name, person_id)


def _envelopes(tablet: BenchTablet) -> list[str]:
    with tablet.store.read() as session:
        return [
            compact(envelope)
            for envelope in session.scalars(select(OutboxOp.envelope).order_by(OutboxOp.ord))
        ]
