"""Names tell types: `_at` is a UTC instant, `_on` a local day, `_minor` whole minor units, `qty` exact."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest
from sqlalchemy import Boolean, Date, DateTime, Float, MetaData, Numeric, Table
from sqlalchemy.orm import configure_mappers

import common.nouns  # noqa: F401 - registers every shared table
from common.kernel.record import Base, DayColumn, InstantColumn, QuantityColumn
from tests.support.source import PRODUCT, assert_none, fields, functions, names_in, python_files, relative

EXACT = re.compile(r"(^|_)(minor|amount|price|cost|fee|total|qty|quantity|balance|level)(_|$)")
INSTANTS = frozenset({"at", "now"})
DAYS = frozenset({"on", "day", "today"})


def _tables() -> list[Table]:
    """Return every table of both programs: the shared ones, and those their database folders declare."""
    seen = {id(Base.metadata): Base.metadata}
    for package in ("sync_server.db", "field_app.store"):
        module = importlib.import_module(package)
        for info in pkgutil.iter_modules(module.__path__):
            if info.name == "migrations":
                continue
            found = importlib.import_module(f"{package}.{info.name}")
            for value in vars(found).values():
                metadata = getattr(value, "metadata", None)
                if isinstance(metadata, MetaData):
                    seen[id(metadata)] = metadata
    return [table for metadata in seen.values() for table in metadata.tables.values()]


def test_no_column_is_a_float_or_a_naive_time() -> None:
    wrong = [
        f"{column}: {column.type!r}"
        for table in _tables()
        for column in table.columns
        if isinstance(column.type, Float | DateTime | Date | Numeric | Boolean)
    ]
    assert_none(wrong)


def test_column_names_and_types_agree() -> None:
    wrong = []
    for table in _tables():
        for column in table.columns:
            name, kind = column.name, type(column.type)
            if kind is InstantColumn and not (name == "at" or name.endswith("_at")):
                wrong.append(f"{column}: an instant ends in _at")
            if kind is DayColumn and not (name == "on" or name.endswith("_on")):
                wrong.append(f"{column}: a day ends in _on")
            if name.endswith("_on") and kind is not DayColumn:
                wrong.append(f"{column}: _on is a local day")
            if (
                name == "qty" or name.startswith("qty_") or name.endswith("_qty")
            ) and kind is not QuantityColumn:
                wrong.append(f"{column}: a quantity is exact")
            if EXACT.search(name) and column.type.python_type is float:
                wrong.append(f"{column}: never float")
    assert_none(wrong)


def test_relations_never_load_by_themselves() -> None:
    configure_mappers()
    eager = [
        str(relation)
        for mapper in Base.registry.mappers
        for relation in mapper.relationships
        if relation.lazy not in {"raise", "raise_on_sql"}
    ]
    assert_none(eager)


def test_fields_of_records_and_commands_are_named_by_their_type() -> None:
    wrong = []
    for path in python_files("common", "sync_server"):
        for owner, name, line in fields(path):
            kinds = names_in(line.annotation)
            if kinds & {
                "dict",
                "tuple",
                "list",
                "Mapping",
                "Sequence",
                "Callable",
                "ClassVar",
                "frozenset",
                "set",
            }:
                continue
            where = f"{relative(path)}:{line.lineno} {owner.name}.{name}"
            if kinds & {"datetime", "Instant"} and not (name in INSTANTS or name.endswith("_at")):
                wrong.append(f"{where}: an instant ends in _at")
            if kinds & {"date", "Day"} and not (name in DAYS or name.endswith("_on")):
                wrong.append(f"{where}: a day ends in _on")
    assert_none(wrong)


@pytest.mark.parametrize("folder", PRODUCT)
def test_money_and_quantity_are_never_float(folder: str) -> None:
    wrong = []
    for path in python_files(folder):
        for owner, name, line in fields(path):
            if EXACT.search(name) and "float" in names_in(line.annotation):
                wrong.append(f"{relative(path)}:{line.lineno} {owner.name}.{name}")
        for node in functions(path):
            for argument in (*node.args.args, *node.args.kwonlyargs, *node.args.posonlyargs):
                if (
                    argument.annotation
                    and EXACT.search(argument.arg)
                    and "float" in names_in(argument.annotation)
                ):
                    wrong.append(f"{relative(path)}:{argument.lineno} {node.name}({argument.arg})")
            if node.returns and EXACT.search(node.name) and "float" in names_in(node.returns):
                wrong.append(f"{relative(path)}:{node.lineno} {node.name}")
    assert_none(wrong)
