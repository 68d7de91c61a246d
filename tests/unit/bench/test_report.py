"""The bench's report: medians beside raw limits, missed aims told, the README changed only between its marks."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.bounds import Bound, as_bounds_table
from bench.meter import Sample, percentile
from bench.report import Aim, Figure, as_table, write_readme


def a_figure(**values: float) -> Figure:
    samples = [Sample(wall_ms=ms, trips=1, up=100, down=250) for ms in (10.0, 30.0, 20.0)]
    return Figure.of(
        "idle", "idle sync", samples, [5.0, 5.0, 6.0], (Aim("up", values.get("up", 300), "few bytes up"),)
    )


def test_a_figure_is_the_median_and_the_ratio_of_the_best_runs() -> None:
    figure = a_figure()
    assert (figure.values["p50_ms"], figure.values["raw_p50_ms"], figure.values["ratio"]) == (20.0, 5.0, 2.0)
    assert figure.missed() == []


def test_a_missed_aim_is_told_with_its_figure() -> None:
    table = as_table([a_figure(up=50)])
    assert "no: up 100" in table
    assert a_figure(up=50).as_json()["aims"][0]["met"] is False


def test_every_line_of_the_table_has_as_many_cells() -> None:
    head, rule, row = as_table([a_figure()]).splitlines()[:3]
    assert head.count("|") == rule.count("|") == row.count("|")


def test_percentiles() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.0), percentile(values, 0.95), percentile(values, 1.0)) == (1.0, 95.0, 100.0)


def test_the_readme_changes_between_its_marks_only(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n", "utf-8")
    write_readme(path, "| new |")
    write_readme(path, "| newer |")
    assert path.read_text("utf-8") == "before\n<!-- bench -->\n| newer |\n<!-- /bench -->\nafter\n"
    path.write_text("no marks", "utf-8")
    with pytest.raises(ValueError, match="README"):
        write_readme(path, "| new |")


def test_a_bound_that_is_missed_is_told() -> None:
    bounds = [Bound(f"b{most}", "memory", 12.5, most, "MB", "arithmetic", {"rows": 3}) for most in (20, 10)]
    lines = as_bounds_table(bounds).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].endswith("| yes |")
    assert lines[3] == "| memory | 12.5 MB | 10 MB | arithmetic | no |"
    assert bounds[1].as_json()["met"] is False
    assert bounds[0].as_json()["rows"] == 3
