"""Bad files: each is refused whole, its faults named by line and column, in words, in three languages."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

import pytest
from openpyxl import Workbook
from sqlalchemy import func, select

from common.customers.customer import Customer
from common.i18n import LANGUAGES
from common.kernel.command import Place, Role
from common.kernel.work import Actor
from sync_server.db.database import Database
from sync_server.db.office import SYSTEM
from sync_server.db.tables import AuditEntry
from sync_server.imports.columns import KINDS, columns_of_kind, recognise
from sync_server.imports.importer import apply, preview
from sync_server.imports.sheet import ROWS_MAX, Fault
from sync_server.imports.templates import safe_cell, template_csv, template_xlsx
from sync_server.imports.wording import say_fault, say_place
from tests.support.master import a_master

HEAD = "客户编号,客户名称,电话,重点客户\n"


@pytest.fixture
def database() -> Iterator[Database]:
    """Give an empty master database."""
    master = a_master()
    yield master
    master.engine.dispose()


def workbook(*rows: list[object], merge: str = "") -> bytes:
    """Make a workbook of one sheet."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    if merge:
        sheet.merge_cells(merge)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


BAD = {
    "empty": (b"  \n", "file_empty", 0),
    "old excel": (b"\xd0\xcf\x11\xe0" + bytes(600), "old_excel", 0),
    "no text at all": (bytes(range(128, 256)) * 3 + b"\xff", "file_encoding", 0),
    "damaged workbook": (b"PK\x03\x04" + bytes(200), "workbook_unreadable", 0),
    "column missing": ("客户名称,电话\n甲,1\n".encode(), "column_missing", 1),
    "column doubled": ("客户编号,客户名称,name\nC1,甲,乙\n".encode(), "column_doubled", 1),
    "number missing": ((HEAD + "C1,甲,,\n,乙,,\n").encode(), "value_missing", 3),
    "number doubled": ((HEAD + "C1,甲,,\nC2,乙,,\nC1,丙,,\n").encode(), "row_doubled", 4),
    "new without name": ((HEAD + "C1,,1,\n").encode(), "value_missing_for_new", 2),
    "formula": ((HEAD + 'C1,"=HYPERLINK(""x"")",,\n').encode(), "cell_formula", 2),
    "no flag": ((HEAD + "C1,甲,,maybe\n").encode(), "flag_unreadable", 2),
    "too long": ((HEAD + f"C1,{'甲' * 121},,\n").encode(), "cell_too_long", 2),
    "control character": ((HEAD + "C1,甲\x07,,\n").encode(), "text_control", 2),
    "merged cells": (
        workbook(["客户编号", "客户名称"], ["C1", "甲"], ["C2", "乙"], merge="B2:B3"),
        "cells_merged",
        2,
    ),
    "formula without value": (
        workbook(["客户编号", "客户名称"], ["C1", '=A1&"x"']),
        "cell_formula",
        2,
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_says_what_is_wrong_and_changes_nothing(database: Database, case: str) -> None:
    data, code, line = BAD[case]
    plan = preview(database, data, "customers")
    assert (code, line) in [(fault.code, fault.line) for fault in plan.faults]
    assert not plan.can_apply
    with pytest.raises(ValueError, match="faults"):
        apply(database, SYSTEM, plan)
    for language in LANGUAGES:
        for fault in plan.faults:
            said = say_fault("customers", fault, language)
            assert said != f"import.fault.{fault.code}"
            assert "{" not in said
            assert say_place("customers", fault, language)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == 0


def test_a_half_bad_file_changes_nothing(database: Database) -> None:
    rows = "".join(f"C{i},医院{i},,{'是' if i != 500 else '也许'}\n" for i in range(1, 1001))
    plan = preview(database, (HEAD + rows).encode("gb18030"), "customers")
    assert [(f.code, f.line, f.column) for f in plan.faults] == [("flag_unreadable", 501, "key_customer")]
    assert not plan.can_apply


def test_a_refusal_by_a_command_takes_everything_back(database: Database) -> None:
    plan = preview(database, (HEAD + "C1,甲,,\nC2,乙,,\n").encode(), "customers")
    engineer = Actor("someone", frozenset({Role.ENGINEER}), Place.OFFICE)
    done = apply(database, engineer, plan)
    assert [(fault.code, fault.values["reason"], fault.line) for fault in done.faults] == [
        ("refused", "not_permitted", 2),
        ("refused", "not_permitted", 3),
    ]
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 0


def test_more_rows_than_the_limit_are_refused(database: Database) -> None:
    table = HEAD + "".join(f"C{i},x,,\n" for i in range(ROWS_MAX + 1))
    assert [f.code for f in preview(database, table.encode(), "customers").faults] == ["rows_too_many"]


def test_an_archive_that_unpacks_without_end_is_refused(database: Database) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(450_000_000))
    assert [f.code for f in preview(database, out.getvalue(), "customers").faults] == ["file_too_large"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_found(database: Database, encoding: str, delimiter: str) -> None:
    table = (HEAD + '"C1","甲,乙;丙\n医院",123,是\n').replace(",", "\x00")
    table = table.replace("甲\x00乙;丙", "甲、乙").replace("\x00", delimiter)
    plan = preview(database, table.encode(encoding), "customers")
    assert plan.faults == ()
    assert (plan.planned[0].key, plan.planned[0].title) == ("C1", "甲、乙 医院")


def test_traditional_headings_in_big5_are_read(database: Database) -> None:
    plan = preview(database, "客戶編號,客戶名稱,電話\nH1,聖保祿醫院,2890 6008\n".encode("big5"), "customers")
    assert (plan.faults, plan.planned[0].title) == ((), "聖保祿醫院")


def test_a_workbook_is_read_with_days_numbers_and_blank_rows(database: Database) -> None:
    data = workbook([], ["客户编号", "客户名称", "Fax"], [1001, " 甲 ", 7], [None, None], [1002, "乙"])
    plan = preview(database, data, "customers")
    assert (plan.faults, plan.ignored) == ((), ("Fax",))
    assert [(one.key, one.title, one.line) for one in plan.planned] == [("1001", "甲", 3), ("1002", "乙", 5)]


def test_many_faults_are_counted_and_cut(database: Database) -> None:
    table = HEAD + "".join(f"C{i},,,\n" for i in range(3000))
    plan = preview(database, table.encode(), "customers")
    assert (plan.fault_count, len(plan.faults)) == (3000, 500)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_template_is_read_by_the_import(database: Database, kind: str, language: str) -> None:
    for data in (template_csv(kind, language), template_xlsx(kind, language)):
        plan = preview(database, data, kind)
        assert (plan.faults, plan.ignored, plan.rows) == ((), (), 0)
        assert set(plan.columns) == set(columns_of_kind(kind))


@pytest.mark.fault("H3")
@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2", "@sum", "\tx"])
def test_what_we_write_is_never_a_formula(database: Database, text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert safe_cell("plain") == "plain"


def test_headings_are_recognised_however_they_are_written() -> None:
    for heading in ("Customer_Number*", "ＣＵＳＴＯＭＥＲ number", "客戶編號 *", "客户编号：", "number"):
        assert recognise("customers", heading) == "number"
    assert recognise("customers", "nonsense") is None


def test_a_fault_of_the_whole_file_has_no_line() -> None:
    assert say_place("customers", Fault("file_empty"), "en") == "File"


def test_the_consoles_own_words_are_headings(database: Database) -> None:
    for zone in ("区域", "區域", "服务区域"):
        plan = preview(database, f"客户编号,客户名称,{zone}\nC1,甲,same_city\n".encode(), "customers")
        assert (plan.ignored, plan.faults) == ((), ()), zone
