"""The project's own source as data, for the checks in tests/architecture.

Owns which files count and how they are read. Must not judge them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("common", "field_app", "sync_server")
OWN = (*PRODUCT, "bench", "tests", "tools", "web")
TEXT_SUFFIXES = frozenset(
    {".css", ".html", ".js", ".json", ".lock", ".md", ".py", ".sh", ".svg", ".toml", ".txt", ".yml"}
)
_SKIPPED = frozenset({"__pycache__", "node_modules", "vendor", "vendor.new"})


def relative(path: Path) -> str:
    """Return the path as it is written in reports: from the root, with slashes."""
    return path.relative_to(ROOT).as_posix()


@cache
def python_files(*folders: str) -> tuple[Path, ...]:
    """Return every Python file below the folders, sorted; a folder that does not exist holds none."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return tuple(sorted(path for path in found if not _SKIPPED.intersection(path.parts)))


@cache
def text_files() -> tuple[Path, ...]:
    """Return every text file of the project: all folders of its own, and the files beside them."""
    folders = [ROOT / name for name in (*OWN, "docs", ".ci")]
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    found += [path for path in ROOT.iterdir() if path.is_file()]
    wanted = [
        path
        for path in found
        if not _SKIPPED.intersection(path.parts)
        and (path.suffix in TEXT_SUFFIXES or path.name in {"Makefile", "run", ".gitignore"})
    ]
    return tuple(sorted(wanted))


@cache
def source(path: Path) -> str:
    """Return a file's text."""
    return path.read_text("utf-8")


@cache
def tree(path: Path) -> ast.Module:
    """Return a Python file's syntax tree."""
    return ast.parse(source(path), filename=str(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method of a file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def fields(path: Path) -> Iterator[tuple[ast.ClassDef, str, ast.AnnAssign]]:
    """Yield (class, field name, annotation) for every annotated field in a class body."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef):
            for line in node.body:
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                    yield node, line.target.id, line


def names_in(annotation: ast.expr) -> set[str]:
    """Return every name in an annotation, also in quoted ones: `Mapped[Key | None]` gives Mapped, Key."""
    found: set[str] = set()
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            found.add(node.value)
    return found


def assert_none(found: list[str]) -> None:
    """Fail with every finding on a line of its own."""
    assert not found, "\n" + "\n".join(found)
