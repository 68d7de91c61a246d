"""The registry holds what it promises: every command has its source, its words, its example and its story."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import common
import common.nouns
import sync_server.sync.parked  # noqa: F401 - the one command that only the server has
from common.i18n import catalogue
from common.kernel.codec import decode, encode
from common.kernel.command import REGISTRY
from common.kernel.record import Synced, synced_entities
from common.kernel.scope import RULES
from common.protocol import messages
from tests.contract import test_protocol_hash
from tests.support.examples import EXAMPLES, Around
from tests.support.fake_clock import START_AT
from tests.support.source import ROOT, assert_none, python_files, relative, source, tree
from tests.support.world import World

ROW = re.compile(r"\bR\d{3}\b")
HIGHEST_ROW = 176  # the register's last row
SAYS_NO = {"Refused": 0, "work.flag": 0, "work.require": 1, "Outcome": 1}  # where the code stands in the call
MACHINERY = ("common.kernel", "common.protocol", "common.i18n")


def test_every_command_names_the_rows_it_comes_from() -> None:
    wrong = []
    for kind, spec in sorted(REGISTRY.items()):
        rows = ROW.findall(spec.payload.__doc__ or "")
        if not rows or any(not 1 <= int(row[1:]) <= HIGHEST_ROW for row in rows):
            wrong.append(f"{kind}: {spec.payload.__doc__!r}")
    assert len(REGISTRY) >= 80
    assert_none(wrong)


def test_every_command_has_a_label() -> None:
    assert_none([kind for kind in sorted(REGISTRY) if f"command.{kind}" not in catalogue()])


def codes_in(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, code) for each reason written out in a file: refused, flagged, required or answered."""
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call):
            continue
        place = SAYS_NO.get(ast.unparse(node.func))
        if place is None or len(node.args) <= place:
            continue
        said = node.args[place]
        for value in [said.body, said.orelse] if isinstance(said, ast.IfExp) else [said]:
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
                yield node.lineno, value.value


def test_every_reason_has_a_sentence() -> None:
    found = [(relative(path), line, code) for path in python_files("common") for line, code in codes_in(path)]
    assert len({code for _, _, code in found}) > 60
    assert_none(
        [f"{path}:{line} {code}" for path, line, code in found if f"reason.{code}" not in catalogue()]
    )


def test_a_reason_without_a_sentence_would_be_noticed(tmp_path: Path) -> None:
    path = tmp_path / "room.py"
    path.write_text(
        'work.require(a, "b_c" if d else "e", n=1)\nraise Refused("f_g")\nwork.flag("h", x="i")\n'
    )
    assert sorted(code for _, code in codes_in(path)) == ["b_c", "e", "f_g", "h"]


def test_every_record_that_may_be_missing_has_a_sentence() -> None:
    needed = re.compile(r"\.need\(\s*([A-Z]\w+),")
    names = {name for path in python_files("common") for name in needed.findall(source(path))}
    tables = {record.__name__: table for table, record in synced_entities().items()}
    missing = [f"reason.{tables[name]}_unknown" for name in sorted(names & tables.keys())]
    assert_none([key for key in missing if key not in catalogue()])


def test_every_command_has_an_example() -> None:
    payloads = {spec.payload for spec in REGISTRY.values()}
    assert_none(sorted(f"no example of {payload.__name__}" for payload in payloads - EXAMPLES.keys()))
    assert_none(sorted(f"no such command: {payload.__name__}" for payload in EXAMPLES.keys() - payloads))


def test_every_example_travels_as_its_command() -> None:
    around = Around.of(World(name="examples").id, START_AT)
    for payload, build in EXAMPLES.items():
        made = build(around)
        assert type(made) is payload
        assert decode(payload, encode(made)) == made


def test_every_command_is_told_of_in_a_test() -> None:
    """Its class is named in a test, not only in the examples that stand for all."""
    tests = [path for path in python_files("tests") if path.name != "examples.py"]
    named = {
        name
        for path in tests
        for node in ast.walk(tree(path))
        for name in ([node.id] if isinstance(node, ast.Name) else [])
    }
    assert_none([spec.payload.__name__ for spec in REGISTRY.values() if spec.payload.__name__ not in named])


def test_the_shape_of_the_wire_is_agreed() -> None:
    assert messages.PROTOCOL in test_protocol_hash.AGREED
    assert callable(test_protocol_hash.test_the_shape_is_the_agreed_one)


def test_every_room_is_registered() -> None:
    """Importing every module of `common` adds no table, command or scope rule that `common.nouns` forgot."""
    before = set(REGISTRY), {record.__name__ for record in _records()}, set(RULES)
    for info in pkgutil.walk_packages(common.__path__, "common."):
        if not info.name.startswith(MACHINERY):
            importlib.import_module(info.name)
    assert (set(REGISTRY), {record.__name__ for record in _records()}, set(RULES)) == before


def test_every_module_that_registers_is_named_in_nouns() -> None:
    wrong = []
    for path in python_files("common"):
        module = relative(path).removesuffix(".py").replace("/", ".")
        if module.startswith(MACHINERY) or module in common.nouns.ROOMS:
            continue
        for node in ast.walk(tree(path)):
            marks = node.decorator_list if isinstance(node, ast.FunctionDef) else []
            names = {getattr(mark.func, "id", "") for mark in marks if isinstance(mark, ast.Call)}
            if names & {"command", "scope_rule"}:
                wrong.append(f"{module}.{getattr(node, 'name', '')}")
            if isinstance(node, ast.ClassDef) and any(
                getattr(base, "id", "") == "Synced" for base in node.bases
            ):
                wrong.append(f"{module}.{node.name}")
    assert_none(wrong)
    assert (ROOT / "common" / "nouns.py").exists()


def _records() -> list[type[Synced]]:
    return list(Synced.__subclasses__())
