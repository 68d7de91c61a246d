"""Write docs/faults.md: each fault and promise of docs/faults.toml with the tests that are marked as its proof.

Owns the page only. Marks are read from the source of the tests (`@pytest.mark.fault("A2", "P1")`); nothing is run.
Usage: python -m tools.faults_page
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "docs" / "faults.toml"
PAGE = ROOT / "docs" / "faults.md"
TESTS = ROOT / "tests"
HEAD = """# Faults survived, promises kept

Written by `python -m tools.faults_page` from `docs/faults.toml` and the marks of the tests
(`@pytest.mark.fault("A2")`); never by hand. A row is *survived* when a test that runs in `make test` injects the fault
or its nearest reproducible form and asserts what must happen; *not yet* says why. Tests marked *soak* run in
`make soak`.
"""


def known() -> dict[str, Any]:
    """Read the faults and promises."""
    return tomllib.loads(DATA.read_text("utf-8"))


def marked() -> dict[str, list[tuple[str, str, bool]]]:
    """Collect (file, test, runs under soak only) for each id that a test is marked with."""
    found: dict[str, list[tuple[str, str, bool]]] = {}
    for path in sorted(TESTS.rglob("*.py")):
        source = path.read_text("utf-8")
        if "mark.fault" in source:
            for fault, test, soak in _marks_of(ast.parse(source)):
                place = (path.relative_to(ROOT).as_posix(), test, soak)
                if place not in found.setdefault(fault, []):
                    found[fault].append(place)
    return found


def _marks_of(module: ast.Module) -> Iterator[tuple[str, str, bool]]:
    """Yield what each test, class and the module itself is marked with; a class passes its marks on as a whole."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            soak = any(_is_mark(part, "soak") for line in node.decorator_list for part in ast.walk(line))
            for fault in _ids(*node.decorator_list):
                yield fault, node.name, soak
    for line in module.body:
        if isinstance(line, ast.Assign | ast.AnnAssign) and line.value is not None:
            for fault in _ids(line.value):
                yield fault, "", False


def _ids(*parts: ast.AST) -> Iterator[str]:
    for part in parts:
        for node in ast.walk(part):
            if isinstance(node, ast.Call) and _is_mark(node.func, "fault"):
                for arg in node.args:
                    yield str(ast.literal_eval(arg))


def _is_mark(node: ast.AST, name: str) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == name
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "mark"
    )


def page() -> str:
    """Return the page as it must be now."""
    data, tests = known(), marked()
    survived = sum(1 for row in data["faults"] if row["id"] in tests)
    parts = [HEAD, f"**{survived} of {len(data['faults'])} survived.**\n", "## Promises\n"]
    parts.append(_line("promise", "", "tests"))
    parts.append("|---|---|---|")
    parts += [_line(key, text, _promise(key, data, tests)) for key, text in data["promises"].items()]
    for letter, title in data["areas"].items():
        rows = [row for row in data["faults"] if row["id"].rstrip("0123456789") == letter]
        done = sum(1 for row in rows if row["id"] in tests)
        parts += [f"\n## {letter}. {title}: {done} of {len(rows)}\n", _line("", "fault", "must happen", "")]
        parts.append("|---|---|---|---|")
        parts += [_line(row["id"], row["fault"], row["must"], _state(row, tests)) for row in rows]
    return "\n".join(parts) + "\n"


def _promise(key: str, data: dict[str, Any], tests: dict[str, list[tuple[str, str, bool]]]) -> str:
    if key in tests:
        return _names(tests[key])
    return "**not yet**: " + str(data.get("pending", {}).get(key, "no test proves it"))


def _state(row: dict[str, str], tests: dict[str, list[tuple[str, str, bool]]]) -> str:
    if row["id"] in tests:
        return "survived: " + _names(tests[row["id"]])
    return "**not yet**: " + row.get("reason", "no test proves it")


def _names(places: list[tuple[str, str, bool]]) -> str:
    """List tests as links, each file once."""
    by_file: dict[str, list[str]] = {}
    for path, test, soak in places:
        by_file.setdefault(path, []).append((test or "every test") + (" (soak)" if soak else ""))
    return "; ".join(
        f"[{Path(path).stem}](../{path}): " + ", ".join(sorted(names)) for path, names in by_file.items()
    )


def _line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
