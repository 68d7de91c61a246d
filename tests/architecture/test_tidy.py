"""Size, docstrings and leftovers: what decays first when nobody looks."""

from __future__ import annotations

import ast
import re
import statistics

from tests.support.source import (
    OWN,
    PRODUCT,
    assert_none,
    functions,
    python_files,
    relative,
    source,
    text_files,
    tree,
)

FILE_LINES_MAX = 400
TEST_FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
MEDIAN_LINES_MAX = 120
# Written in halves so that this file does not find itself.
LEFTOVERS = re.compile(r"\b(NotImpl" + r"ementedError|TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
MACHINE_PATHS = re.compile(r"(?<![\w.:/])/(work|farm|home/\w|root/\w|Users/\w|tmp/brief)")
HOSTS = re.compile(
    "|".join(("pypi" + r"\.org", "pythonho" + r"sted\.org", "npm" + r"js\.(org|com)", "yarn" + r"pkg"))
)


def test_files_are_short() -> None:
    long = []
    for path in python_files(*OWN):
        limit = TEST_FILE_LINES_MAX if relative(path).startswith("tests/") else FILE_LINES_MAX
        lines = source(path).count("\n")
        if lines > limit:
            long.append(f"{relative(path)}: {lines} lines, at most {limit}")
    assert_none(long)


def test_most_files_are_much_shorter() -> None:
    lengths = [source(path).count("\n") for path in python_files(*PRODUCT) if source(path).strip()]
    assert statistics.median(lengths) <= MEDIAN_LINES_MAX


def test_functions_are_short() -> None:
    long = [
        f"{relative(path)}:{node.lineno} {node.name}"
        for path in python_files(*OWN)
        for node in functions(path)
        if node.end_lineno is not None and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert_none(long)


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        relative(path)
        for path in python_files(*OWN)
        if source(path).strip() and not ast.get_docstring(tree(path))
    ]
    assert_none(silent)


def test_every_public_function_and_class_of_common_says_what_it_does() -> None:
    silent = []
    for path in python_files("common"):
        for node in tree(path).body:
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                and not node.name.startswith("_")
                and not ast.get_docstring(node)
            ):
                silent.append(f"{relative(path)}:{node.lineno} {node.name}")
    assert_none(silent)


def test_nothing_is_left_unfinished() -> None:
    marks = [
        f"{relative(path)}:{number} {line.strip()[:80]}"
        for path in python_files(*OWN)
        for number, line in enumerate(source(path).splitlines(), 1)
        if LEFTOVERS.search(line)
    ]
    assert_none(marks)


def test_no_error_is_caught_unnamed_or_dropped() -> None:
    bare = []
    for path in python_files(*OWN):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler):
                everything = node.type is None or (
                    isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}
                )
                silent = all(isinstance(line, ast.Pass | ast.Continue) for line in node.body)
                if node.type is None or (everything and silent):
                    bare.append(f"{relative(path)}:{node.lineno}")
    assert_none(bare)


def test_no_file_carries_a_path_of_one_machine_or_the_host_of_a_registry() -> None:
    found = []
    for path in text_files():
        for number, line in enumerate(source(path).splitlines(), 1):
            if MACHINE_PATHS.search(line) or HOSTS.search(line):
                found.append(f"{relative(path)}:{number} {line.strip()[:80]}")
    assert_none(found)


def test_every_test_asserts_something() -> None:
    words = re.compile(r"\b(assert\w*|raises|expect\w*|check\w*|fail)\b")
    empty = []
    for path in python_files("tests"):
        for node in functions(path):
            if node.name.startswith("test_") and not words.search(ast.unparse(ast.Module(node.body, []))):
                empty.append(f"{relative(path)}:{node.lineno} {node.name}")
    assert_none(empty)
