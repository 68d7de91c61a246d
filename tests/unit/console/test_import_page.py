"""The import page: looked at first, faults by line and column, all of it or nothing, templates in three languages."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import select

from common.customers.customer import Customer
from common.customers.customer_commands import EditCustomer
from common.inbox.edits import Change
from common.kernel.command import Role
from common.stock.part import Part
from sync_server.db.office import SYSTEM, perform
from tests.support.office import Desk, Office, words

GOOD = "客户编号,客户名称,电话\nC1,东城医院,010-1\nC2,West Clinic,020-2\n".encode("gb18030")


def send(desk: Desk, kind: str, data: bytes, name: str = "table.csv") -> tuple[int, str]:
    """Upload a table for its preview."""
    answer = desk.post("/console/import", {"kind": kind}, files={"file": (name, data)})
    return answer.status_code, answer.text


def go(desk: Desk, kind: str, page: str) -> tuple[int, str]:
    """Say yes to a preview."""
    found = re.search(r'name="file_id" value="([^"]+)"', page)
    assert found is not None
    answer = desk.post("/console/import/apply", {"kind": kind, "file_id": found[1]})
    return answer.status_code, words(answer.text)


def test_a_table_is_looked_at_then_imported_once(office: Office) -> None:
    desk = office.desk(Role.SPECIALIST)
    status, page = send(desk, "customers", GOOD)
    assert status == 200
    assert "2 rows: 2 new, 0 changed, 0 unchanged, 0 faults" in words(page)
    assert "2 C1 东城医院 new" in words(page)
    assert office.rows(select(Customer)) == []
    status, said = go(desk, "customers", page)
    assert (status, "Imported: 2 rows" in said) == (200, True)
    assert {row.pinyin for row in office.rows(select(Customer))} == {"dong cheng yi yuan", ""}
    assert "All of it is there already" in words(send(desk, "customers", GOOD)[1])
    assert list((office.folder / "uploads").glob("*")) != []


def test_what_changes_is_shown_field_by_field(office: Office) -> None:
    desk = office.desk(Role.SPECIALIST)
    go(desk, "customers", send(desk, "customers", GOOD)[1])
    page = words(send(desk, "customers", b"number,phone\nC1,555\n")[1])
    assert "C1 东城医院 changed Phone: 010-1 → 555" in page
    boss = office.desk(Role.ADMINISTRATOR)
    head = "number,name,price,currency\n"
    go(boss, "parts", send(boss, "parts", f"{head}A-1,Seal,10,CNY\n".encode())[1])
    page = words(send(boss, "parts", f"{head}A-1,Seal,12.50,CNY\n".encode())[1])
    assert "A-1 Seal changed Price: 10.00 → 12.50" in page


def test_faults_are_named_by_line_and_column_and_keep_all_of_it_out(office: Office) -> None:
    desk = office.desk(Role.PARTS_KEEPER)
    data = b"number,name,price\nA-1,Seal,12.50\nA-2,,abc\nA-1,Seal,1\n"
    status, page = send(desk, "parts", data)
    said = words(page)
    assert status == 422
    assert "Line 3, Price “abc” is no amount" in said
    assert "Line 4, Part number A-1 stands in line 2 already" in said
    assert "/console/import/apply" not in page
    assert office.rows(select(Part)) == []


@pytest.mark.parametrize(
    ("data", "said"), [(b"", "must be filled in"), (b"\xd0\xcf\x11\xe0 old", "old XLS workbook")]
)
def test_an_unusable_file_says_what_to_do(office: Office, data: bytes, said: str) -> None:
    status, page = send(office.desk(Role.PARTS_KEEPER), "parts", data)
    assert (status, said in words(page)) == (422, True)


def test_what_the_commands_refuse_is_said_by_line_and_changes_nothing(office: Office) -> None:
    desk = office.desk(Role.PARTS_KEEPER)
    head = "number,name,price,currency\n"
    go(desk, "parts", send(desk, "parts", f"{head}A-1,Seal,10,CNY\n".encode())[1])
    _, page = send(desk, "parts", f"{head}A-2,Hose,5,CNY\nA-1,Seal,99,CNY\n".encode())
    status, said = go(desk, "parts", page)
    assert (status, "Line 3 Your role may not do this" in said) == (422, True)
    assert [row.number for row in office.rows(select(Part))] == ["A-1"]


def test_a_workbook_is_read_too(office: Office) -> None:
    book = Workbook()
    assert book.active is not None
    for row in (("Customer number", "Name"), ("C7", "North Lab")):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    desk = office.desk(Role.CLERK)
    status, _ = go(desk, "customers", send(desk, "customers", out.getvalue(), "table.xlsx")[1])
    assert (status, office.rows(select(Customer))[0].name) == (200, "North Lab")


def test_another_cannot_go_ahead_with_my_file_and_an_old_one_is_gone(office: Office) -> None:
    mine, other = office.desk(Role.SPECIALIST), office.desk(Role.SPECIALIST)
    _, page = send(mine, "customers", GOOD)
    status, said = go(other, "customers", page)
    assert (status, "The file is no longer there" in said) == (422, True)
    office.clock.advance(timedelta(minutes=61))
    late = office.desk(Role.SPECIALIST)
    send(late, "customers", GOOD)
    kept = [path.name for path in Path(office.folder / "uploads").iterdir()]
    assert len(kept) == 1
    assert late.person_id in kept[0]
    assert office.rows(select(Customer)) == []


def test_everybody_imports_what_his_role_may_enter(office: Office) -> None:
    keeper = office.desk(Role.PARTS_KEEPER)
    page = keeper.page("/console/import")
    assert re.findall(r'href="/console/import\?kind=(\w+)"', page) == ["parts", "stock"]
    assert (
        keeper.post("/console/import", {"kind": "people"}, files={"file": ("t.csv", GOOD)}).status_code == 403
    )
    assert (
        keeper.post("/console/import/apply", {"kind": "customers", "file_id": office.new()}).status_code
        == 403
    )
    assert office.desk(Role.ENGINEER).get("/console/import").status_code == 403
    assert "kind=parts" in keeper.page("/console/stock/parts")


def test_templates_come_in_the_readers_language(office: Office) -> None:
    desk = office.desk(Role.ADMINISTRATOR)
    desk.client.cookies.set("language", "zh-Hant")
    text = desk.get("/console/import/template/customers.csv").content.decode("utf-8-sig")
    assert text.startswith("客戶編號*")
    book = load_workbook(io.BytesIO(desk.get("/console/import/template/parts.xlsx").content))
    assert book.worksheets[0]["A1"].value == "備件編號*"
    assert desk.get("/console/import/template/parts.exe").status_code == 404
    for kind in ("people", "customers", "models", "equipment", "parts", "prices", "stock"):
        assert "console.import" not in words(desk.page(f"/console/import?kind={kind}"))


@pytest.mark.fault("M4")
def test_an_import_is_taken_back_at_the_press_of_a_button(office: Office) -> None:
    desk = office.desk(Role.SPECIALIST)
    go(desk, "customers", send(desk, "customers", GOOD)[1])
    page = words(desk.get("/console/import?kind=customers").text)
    assert "Import 1 Customers, 2 rows taken in" in page
    first = office.rows(select(Customer).where(Customer.number == "C1"))[0]
    perform(office.database, SYSTEM, EditCustomer(first.id, (Change("phone", first.phone, "1"),)))
    told = words(desk.post("/console/import/undo", {"number": "1"}).text)
    assert "Import 1 is taken back: one step" in told
    assert "C1 东城医院 changed since: it stays" in told
    assert {row.number: row.active for row in office.rows(select(Customer))} == {"C1": True, "C2": False}
    assert "taken back" in words(desk.get("/console/import?kind=customers").text)
    assert desk.post("/console/import/undo", {"number": "9"}).status_code == 404
    assert office.desk(Role.PARTS_KEEPER).post("/console/import/undo", {"number": "1"}).status_code == 403
