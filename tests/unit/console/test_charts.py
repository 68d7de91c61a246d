"""Charts are well-formed SVG, carry their figures as text and survive odd figures."""

from __future__ import annotations

from xml.etree import ElementTree

from sync_server.console.charts import Bar, bars, meter, sparkline

SVG = "{http://www.w3.org/2000/svg}"


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(str(svg).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def test_bars_are_stacked_in_proportion() -> None:
    root = parse(bars([Bar("East", ((6, "done"), (2, "working"))), Bar("West", ((4, "planned"),))], "Load"))
    first, second, third = root.findall(f"{SVG}rect")
    assert float(first.get("width", "")) == 3 * float(second.get("width", ""))
    assert float(third.get("width", "")) == 2 * float(second.get("width", ""))
    assert root.get("aria-label") == "Load: East 8; West 4"


def test_labels_are_escaped() -> None:
    root = parse(bars([Bar("<b>&'\"", ((1, "done"),))], '"<x>'))
    assert root.find(f"{SVG}text").text == "<b>&'\""  # type: ignore[union-attr]


def test_nothing_to_draw_draws_nothing() -> None:
    assert bars([], "x") == ""
    assert sparkline([3], "x") == ""


def test_a_flat_course_is_a_level_line() -> None:
    points = parse(sparkline([5, 5, 5], "x")).find(f"{SVG}polyline").get("points", "")  # type: ignore[union-attr]
    assert len({pair.split(",")[1] for pair in points.split()}) == 1


def test_a_meter_over_its_limit_is_full_and_alert() -> None:
    assert 'class="fill-alert" width="96.0"' in meter(12, 8, "Load")
    assert 'class="fill-planned" width="48.0"' in meter(4, 8, "Load")
    assert 'width="0.0"' in meter(0, 0, "Load")
