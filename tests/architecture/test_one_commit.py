"""One command, one transaction: only the units of work may end one.

A second commit inside an operation lets half of it stand when the rest fails. A savepoint is no commit: it
may be released anywhere, and is named so.
"""

from __future__ import annotations

import ast

from tests.support.source import PRODUCT, assert_none, python_files, relative, tree

UNITS_OF_WORK = ("sync_server/db/", "field_app/store/")
ENDS_A_TRANSACTION = frozenset({"commit", "begin"})


def _receiver(node: ast.Attribute) -> str:
    value = node.value
    return value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else ""


def test_only_units_of_work_commit() -> None:
    found = []
    for path in python_files(*PRODUCT):
        if relative(path).startswith(UNITS_OF_WORK):
            continue
        for node in ast.walk(tree(path)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ENDS_A_TRANSACTION
                and _receiver(node.func) != "savepoint"
            ):
                found.append(f"{relative(path)}:{node.lineno} {ast.unparse(node.func)}()")
    assert_none(found)


def test_few_places_commit() -> None:
    places = {
        relative(path)
        for path in python_files(*PRODUCT)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr == "commit" and _receiver(node) != "savepoint"
    }
    assert 1 <= len(places) <= 8, sorted(places)
