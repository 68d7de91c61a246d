"""The command line of the import: previews, asks, imports, says what is wrong, writes templates."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from common.customers.customer import Customer
from sync_server.db.database import Database
from sync_server.imports.cli import ABANDONED, FAULTY, GOOD, add_arguments, needs_database, run
from tests.support.master import a_master

GOOD_TABLE = "客户编号,客户名称\nC1,宁波市第一医院\n"


@pytest.fixture
def database() -> Iterator[Database]:
    """Give an empty master database."""
    master = a_master()
    yield master
    master.engine.dispose()


def command(database: Database | None, *words: str, answer: str = "n") -> tuple[int, str]:
    """Run the command; return its code and what it said."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    said: list[str] = []
    code = run(parser.parse_args(words), database, say=said.append, ask=lambda _question: answer)
    return code, "\n".join(said)


def customers(database: Database) -> int:
    """Count the customers."""
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Customer)) or 0


def test_nothing_is_imported_before_it_is_agreed(database: Database, tmp_path: Path) -> None:
    table = tmp_path / "customers.csv"
    table.write_text(GOOD_TABLE, "gb18030")
    assert command(database, "customers", str(table))[0] == ABANDONED
    assert command(database, "customers", str(table), "--check")[0] == GOOD
    assert customers(database) == 0
    code, said = command(database, "customers", str(table), answer="y")
    assert (code, customers(database)) == (GOOD, 1)
    assert "1 new" in said
    assert "already" in command(database, "customers", str(table), "--yes")[1]


def test_faults_are_said_with_line_and_column(database: Database, tmp_path: Path) -> None:
    table = tmp_path / "customers.csv"
    table.write_text(GOOD_TABLE + ",乙\n", "utf-8")
    code, said = command(database, "customers", str(table), "--yes", "--language", "zh-Hans")
    assert (code, customers(database)) == (FAULTY, 0)
    assert "第3行「客户编号」" in said
    assert "未导入任何内容" in said


def test_a_file_that_is_not_there_is_said(database: Database, tmp_path: Path) -> None:
    code, said = command(database, "customers", str(tmp_path / "none.csv"))
    assert code == ABANDONED
    assert "none.csv" in said


def test_a_template_needs_no_database(tmp_path: Path) -> None:
    target = tmp_path / "t.xlsx"
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(["--template", "stock", "-o", str(target)])
    assert not needs_database(args)
    assert run(args, None, say=lambda _line: None) == GOOD
    assert target.read_bytes().startswith(b"PK")
