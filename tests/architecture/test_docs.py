"""The papers agree with what is there: links, make targets, variables, decisions."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from tests.support.source import OWN, PRODUCT, ROOT, assert_none, python_files, relative, source, text_files

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
TARGET = re.compile(r"`make ([a-z0-9-]+)")
VARIABLE = re.compile(r"\b(FIELDWRIGHT_[A-Z_]+|TEST_DATABASE_URL)\b")
DECISION = re.compile(r"ADR-(\d{4})")
PLACE = re.compile(r"`([\w./-]*\w\.(?:py|toml|txt|sh|md|json))(?::(\w+))?`")
ADR = ROOT / "docs" / "adr"
HEADINGS = ("## Context", "## Decision", "## Consequences", "## Alternatives", "## Check")
PAPERS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "STATE.md")
ADR_LINES_MAX = 60
# Read by code that writes its name from parts: `FIELDWRIGHT_{NAME}_PORT` of the demo.
MADE = frozenset({"FIELDWRIGHT_LINE_PORT", "FIELDWRIGHT_SWITCH_PORT"})


@cache
def markdown() -> tuple[Path, ...]:
    """Return every Markdown file of the project."""
    return tuple(path for path in text_files() if path.suffix == ".md")


def decisions() -> list[Path]:
    """Return the pages of decisions in order."""
    return sorted(ADR.glob("[0-9]*.md"))


def test_the_papers_are_there() -> None:
    wanted = [*PAPERS, "docs/glossary.md", "docs/operations.md", "docs/protocol.md", "docs/adr/README.md"]
    assert_none([name for name in wanted if not (ROOT / name).is_file()])


def test_every_relative_link_leads_somewhere() -> None:
    dead = []
    for path in markdown():
        for link in LINK.findall(source(path)):
            if re.match(r"[a-z]+:", link) or link.startswith("#"):
                continue
            target, _, anchor = link.partition("#")
            there = path.parent / target
            if not there.exists() or (anchor and anchor not in anchors(there)):
                dead.append(f"{relative(path)}: {link}")
    assert_none(dead)


def anchors(path: Path) -> set[str]:
    """Return the anchors of a Markdown file's headings."""
    heads = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    unknown = [
        f"{relative(path)}: make {name}"
        for path in markdown()
        for name in TARGET.findall(source(path))
        if name not in targets
    ]
    assert_none(unknown)


def test_every_variable_that_is_read_is_documented() -> None:
    told = set(VARIABLE.findall("".join(source(ROOT / name) for name in ("README.md", "docs/operations.md"))))
    asked = {
        name
        for path in [*python_files(*PRODUCT), *(ROOT / "tests" / "support").glob("*.py"), ROOT / "Makefile"]
        for name in VARIABLE.findall(source(path))
    }
    assert_none(sorted((asked | MADE) - told))


def test_every_variable_that_is_documented_is_read() -> None:
    told = {name for path in markdown() for name in VARIABLE.findall(source(path))}
    everywhere = "".join(source(path) for path in text_files() if path.suffix != ".md")
    assert_none(sorted(name for name in told - MADE if name not in everywhere))


def test_every_decision_is_listed_and_whole() -> None:
    index = source(ADR / "README.md")
    wrong = []
    for path in decisions():
        text = path.read_text("utf-8")
        title = text.splitlines()[0]
        if not title.startswith(f"# ADR-{path.name[:4]}: ") or f"({path.name})" not in index:
            wrong.append(f"{path.name}: not listed, or another number in its title")
        wrong += [f"{path.name}: no “{head}”" for head in HEADINGS if f"\n{head}\n" not in text]
        if text.count("\n") > ADR_LINES_MAX:
            wrong.append(f"{path.name}: longer than a page")
    assert_none(wrong)
    assert [int(path.name[:4]) for path in decisions()] == list(range(1, len(decisions()) + 1))


def test_every_decision_that_is_named_exists() -> None:
    numbers = {path.name[:4] for path in decisions()}
    unknown = [
        f"{relative(path)}: ADR-{number}"
        for path in [*python_files(*OWN), *markdown()]
        for number in DECISION.findall(source(path))
        if number not in numbers
    ]
    assert_none(unknown)


def test_the_checks_that_decisions_name_exist() -> None:
    """A check that was renamed away enforces nothing."""
    gone = []
    for path in decisions():
        text = path.read_text("utf-8")
        for name in re.findall(r"`((?:tests|common|sync_server|field_app|tools)/[\w./]+)(?:::\w+)?`", text):
            if not (ROOT / name).exists():
                gone.append(f"{path.name}: {name}")
        tests = "".join(source(file) for file in python_files("tests"))
        gone += [
            f"{path.name}: {name}" for name in re.findall(r"::(test_\w+)", text) if f"def {name}" not in tests
        ]
    assert_none(gone)


def test_files_and_functions_that_papers_name_exist() -> None:
    """`db/feed.py:write_changes` means a file that ends so, and something in it that is called so."""
    files = {relative(path): path for path in text_files()}
    gone = []
    for paper in markdown():
        for name, word in PLACE.findall(source(paper)):
            found = [path for place, path in files.items() if f"/{place}".endswith(f"/{name}")]
            if name == "manifest.json":  # written beside each backup
                continue
            if not found or (word and not any(re.search(rf"\b{word}\b", source(path)) for path in found)):
                gone.append(f"{relative(paper)}: {name} {word}".rstrip())
    assert_none(gone)
