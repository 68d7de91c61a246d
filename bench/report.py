"""Figures as JSON, as a table in Markdown, and in the README between its marks.

Owns what a figure is. Judges only the aims it is given; a missed aim is told, never hidden.
"""

from __future__ import annotations

import os
import platform
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.meter import Sample, median, percentile

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
HEADER = (
    "| | p50 ms | p95 ms | raw p50 ms | best / raw best | round trips | bytes up | bytes down | CPU tablet ms "
    "| CPU server ms | aim | met |"
)


@dataclass(frozen=True, slots=True)
class Aim:
    """`field` of a figure is to be at most `most`."""

    field: str
    most: float
    words: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement, summed up: medians over its runs, beside the raw limit of the same runs."""

    name: str
    title: str
    values: dict[str, Any]
    aims: tuple[Aim, ...] = ()

    @staticmethod
    def of(
        name: str,
        title: str,
        samples: list[Sample],
        raw_ms: list[float],
        aims: tuple[Aim, ...] = (),
        ops: int = 0,
    ) -> Figure:
        """Sum up the runs of one measurement; `ops` is how many commands or rows one run carried."""
        walls = [sample.wall_ms for sample in samples]
        values: dict[str, Any] = {
            "runs": len(samples),
            "p50_ms": round(median(walls), 2),
            "p95_ms": round(percentile(walls, 0.95), 2),
            "raw_p50_ms": round(median(raw_ms), 2),
            "raw_p95_ms": round(percentile(raw_ms, 0.95), 2),
            "best_ms": round(min(walls), 2),
            "raw_best_ms": round(min(raw_ms), 2),
            "ratio": round(min(walls) / min(raw_ms), 2),
            "client_cpu_ms": round(median([sample.client_cpu_ms for sample in samples]), 2),
            "server_cpu_ms": round(median([sample.server_cpu_ms for sample in samples]), 2),
        }
        for field in ("trips", "up", "down", "up_headers", "down_headers"):
            values[field] = round(median([getattr(sample, field) for sample in samples]))
        if ops:
            values["ops"] = ops
            values["up_per_op"] = round(values["up"] / ops, 1)
        for part in samples[0].parts_ms:
            values[f"raw_{part}_ms"] = round(median([sample.parts_ms[part] for sample in samples]), 2)
        return Figure(name, title, values, aims)

    def missed(self) -> list[Aim]:
        """List the aims that were not reached."""
        return [aim for aim in self.aims if self.values[aim.field] > aim.most]

    def as_json(self) -> dict[str, Any]:
        """Write the figure for programs."""
        aims = [
            {"field": a.field, "most": a.most, "words": a.words, "met": self.values[a.field] <= a.most}
            for a in self.aims
        ]
        return {"name": self.name, "title": self.title, **self.values, "aims": aims}


def machine() -> dict[str, str | int]:
    """Say on what it was measured."""
    return {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count() or 1,
    }


def as_table(figures: list[Figure]) -> str:
    """Write the figures as a Markdown table with what it was measured on."""
    lines = [HEADER, "|" + "---|" * 12]
    for figure in figures:
        v = figure.values
        on_wire = [_bytes(v["trips"]), _bytes(v["up"]), _bytes(v["down"])] if v["trips"] else ["–"] * 3
        aims = "; ".join(aim.words for aim in figure.aims) or "–"
        missed = figure.missed()
        met = "–" if not figure.aims else "yes" if not missed else "no: " + ", ".join(
            f"{aim.field} {v[aim.field]}" for aim in missed
        )  # fmt: skip
        server = f"{v['server_cpu_ms']:.1f}" if v["trips"] else "–"
        cells = [
            figure.title,
            f"{v['p50_ms']:.1f}",
            f"{v['p95_ms']:.1f}",
            f"{v['raw_p50_ms']:.2f}",
            f"{v['ratio']:.1f}",
        ]
        lines.append(
            "| " + " | ".join([*cells, *on_wire, f"{v['client_cpu_ms']:.1f}", server, aims, met]) + " |"
        )
    on = machine()
    where = f"{on['cores']} cores, {on['system']}, Python {on['python']}, SQLite {on['sqlite']}"
    told = (
        "Raw limit, measured in the same run with the same durability (WAL, synchronous=FULL): `executemany` of the "
        "same rows plus plain HTTP of the same bytes; for a save, one insert and commit. The ratio compares the best "
        "runs of both, which other work on the machine disturbs least. Bytes are HTTP bodies"
    )
    idle = next((f.values for f in figures if f.name == "idle"), None)
    if idle:
        told += f"; an idle sync's headers add {idle['up_headers']} up and {idle['down_headers']} down"
    push = next((f.values for f in figures if f.name == "push"), None)
    if push:
        told += f"; a pushed command takes {push['up_per_op']} bytes"
    broken = next((f.values for f in figures if f.name == "bad_line"), None)
    if broken and "up_again" in broken:
        told += f"; on the line that is cut, {broken['up_again']:,} bytes went up in vain and were sent again"
    return "\n".join([*lines, "", f"{told}. {where}."])


def write_readme(path: Path, table: str) -> None:
    """Put the table between the marks of the README. Raises ValueError where it has none."""
    text = path.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path.name} has no {BEGIN} … {END}")
    path.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", "utf-8")


def _bytes(count: int) -> str:
    return f"{count:,}"
