"""Papers: what stands on page and PDF is what was signed, in three languages, with its hash."""

from __future__ import annotations

import io
import re
import unicodedata

import pytest
from pypdf import PdfReader
from pypdf.generic import ContentStream
from sqlalchemy import select, text

from common.approvals.approval import decision_number
from common.equipment.equipment import Equipment
from common.tickets.ticket import Ticket
from common.visit.records import RepairAgreement, ServiceReport, StopUseNotice
from common.visit.voucher import voucher_lines
from sync_server.documents.life import life_sheet
from sync_server.documents.strokes import fit_signature
from tests.support.console_visit import STROKES, ticket_of, whole_visit
from tests.support.console_world import PASSWORD, ConsoleWorld, an_id

VERDICT = {
    "en": "Accepted: the fault is solved",
    "zh-Hans": "验收合格：故障已排除",
    "zh-Hant": "驗收合格：故障已排除",
}


def words_of(pdf: bytes) -> str:
    """Read a PDF's text without blanks, each two-byte code by the font's own table of characters."""
    reader, found = PdfReader(io.BytesIO(pdf)), ""
    for page in reader.pages:
        (font,) = page["/Resources"]["/Font"].values()
        table = font.get_object()["/ToUnicode"].get_object().get_data().decode()
        pairs = re.findall(r"<([0-9A-F]{4})> <([0-9A-F]+)>$", table, re.M)
        chars = {int(code, 16): bytes.fromhex(told).decode("utf-16-be") for code, told in pairs}
        for operands, operator in ContentStream(page.get_contents(), reader).operations:
            raw = getattr(operands[0], "original_bytes", b"") if operator == b"Tj" else b""
            found += "".join(chars[raw[at] << 8 | raw[at + 1]] for at in range(0, len(raw), 2))
    return bare(found)


def bare(words: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", words))


@pytest.fixture
def report(company: ConsoleWorld) -> ServiceReport:
    ticket_id = company.ticket()
    company.assign(ticket_id)
    report_id = whole_visit(company, ticket_id, paid=True, stop_use=True)
    with company.database.read() as session:
        found = session.get(ServiceReport, report_id)
    assert found is not None
    return found


@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant"])
def test_page_and_pdf_say_what_was_signed(
    company: ConsoleWorld, report: ServiceReport, language: str
) -> None:
    client = company.client()
    page = client.get(f"/console/papers/report/{report.id}?language={language}").text
    answer = client.get(f"/console/papers/report/{report.id}.pdf?language={language}")
    assert answer.headers["content-type"] == "application/pdf"
    printed = words_of(answer.content)
    for section in voucher_lines(report.content, language):
        assert bare(section.title) in printed, section.title
        for row in section.rows:
            assert bare(row.value) in printed, row
            assert bare(row.value) in bare(
                re.sub("<[^>]+>", "", page).replace("&#39;", "'").replace("&amp;", "&")
            ), row
    for told in (VERDICT[language], report.content_hash, report.number, "王主任"):
        assert bare(told) in printed
        assert told in page
    assert re.search(r'<path d="M[\d. L]+', page)


def test_the_same_paper_gives_the_same_bytes(company: ConsoleWorld, report: ServiceReport) -> None:
    client, path = company.client(), f"/console/papers/report/{report.id}.pdf"
    assert client.get(path).content == client.get(path).content


def test_without_a_choice_it_comes_as_it_was_signed(company: ConsoleWorld, report: ServiceReport) -> None:
    assert VERDICT["zh-Hans"] in company.client("mei", "en").get(f"/console/papers/report/{report.id}").text


@pytest.mark.fault("P8")
def test_a_content_that_was_changed_is_said_so(company: ConsoleWorld, report: ServiceReport) -> None:
    client, path = company.client(), f"/console/papers/report/{report.id}"
    assert "the check sum agrees" in client.get(path).text
    with company.database.engine.connect() as connection:
        connection.execute(text("UPDATE service_report SET content = replace(content, '密封圈', '主板')"))
        connection.commit()
    assert "do not rely on this paper" in client.get(path).text
    assert bare("校验值与内容不符") in words_of(client.get(f"{path}.pdf").content)


def test_agreement_and_stop_use_notice_print_too(company: ConsoleWorld, report: ServiceReport) -> None:
    with company.database.read() as session:
        agreed = session.scalars(select(RepairAgreement)).one()
        given = session.scalars(select(StopUseNotice)).one()
    client = company.client()
    for path, told in (
        (
            f"/console/papers/agreement/{agreed.id}",
            ["CNY 420.00", "更换密封圈", agreed.content_hash, "SN-70031"],
        ),
        (
            f"/console/papers/stop-use/{given.id}",
            ["外壳带电，有触电危险", "立即断电停用", given.content_hash, "SN-70031"],
        ),
    ):
        page, printed = client.get(path).text, words_of(client.get(f"{path}.pdf").content)
        assert "the check sum agrees" in page
        for words in told:
            assert words in page
            assert bare(words) in printed


def test_the_ticket_page_shows_visit_parts_and_papers_and_closes_the_register(
    company: ConsoleWorld, report: ServiceReport
) -> None:
    clerk, ticket_id = company.client("clerk"), report.ticket_id
    page = clerk.get(f"/console/tickets/{ticket_id}").text
    for words in ("密封圈老化开裂", "更换密封圈并校准流速", "PS-100", "CNY&nbsp;120.00", "flow_rate", "A-T-2041",
                  f"/console/papers/report/{report.id}.pdf", "This equipment is stopped"):  # fmt: skip
        assert words in page or words.replace("&nbsp;", "\u00a0") in page, words
    assert "T-2041" in clerk.get("/console/register?entry=due").text
    done = clerk.fill(f"/console/tickets/{ticket_id}/do/write_off_ticket", {"note": ""})
    assert done.status_code == 303, done.text
    filed = clerk.fill(f"/console/tickets/{ticket_id}/do/archive_ticket", {"archive_ref": "2026/A-17"})
    assert filed.status_code == 303, filed.text
    assert ticket_of(company, ticket_id).state == "archived"
    assert "T-2041" in clerk.get("/console/tickets?q=2026/a-17").text
    zhou = company.client("zhou")
    values = {"subject": report.id, "reason": "笔误", "text": "流速应为 5.1 mL/h"}
    assert zhou.fill(f"/console/tickets/{ticket_id}/do/add_addendum", values).status_code == 303
    assert "流速应为 5.1 mL/h" in zhou.get(f"/console/papers/report/{report.id}").text


def test_papers_that_do_not_exist(company: ConsoleWorld) -> None:
    client = company.client()
    for path in ("report/none", f"report/{company.new_id()}", f"secret/{company.new_id()}", "report/x.pdf"):
        assert client.get(f"/console/papers/{path}").status_code == 404


@pytest.mark.parametrize(
    "strokes", ["", "[]", "{}", "[[]]", "[[[1,2]],", '[["a"]]', "[[1,2]]", '[[["x","y",1]]]', "null"]
)
def test_strokes_that_cannot_be_read_draw_nothing(strokes: str) -> None:
    assert fit_signature(strokes, 100, 40) is None


def test_strokes_keep_their_proportions() -> None:
    drawn = fit_signature(STROKES, 280, 96)
    assert drawn is not None
    points = [point for line in drawn.lines for point in line]
    assert min(x for x, _ in points) == 0
    assert max(x for x, _ in points) <= 280
    assert max(y for _, y in points) <= 96
    single = fit_signature("[[[5,5,0]]]", 280, 96)
    assert single is not None
    assert single.path.startswith("M0.0 48.0L")


@pytest.mark.fault("K4")
def test_a_voucher_is_voided_by_two_people(company: ConsoleWorld, report: ServiceReport) -> None:
    zhou, manager = company.client("zhou"), company.client("manager")
    ticket = f"/console/tickets/{report.ticket_id}"
    values = {"subject": report.id, "reason": "Signed by the wrong person"}
    assert zhou.fill(f"{ticket}/do/request_approval", values).status_code == 303
    with company.database.read() as session:
        (asked,) = session.execute(text("SELECT id FROM approval WHERE state = 'open'")).one()
    own = zhou.fill(f"/console/approvals/{asked}", {"choice": "approve", "own_password": PASSWORD})
    assert own.status_code == 422
    assert "Another person must approve" in own.text
    proof = {"own_password": PASSWORD}
    early = zhou.fill(f"/console/approvals/{asked}/void", {"command_id": company.new_id()} | proof)
    assert "A second person must approve" in early.text
    for wrong in ({}, {"own_password": "a guess of somebody"}):
        unproved = manager.fill(f"/console/approvals/{asked}", {"choice": "approve"} | wrong)
        assert (unproved.status_code, "current password is wrong" in unproved.text) == (422, True)
    assert manager.fill(f"/console/approvals/{asked}", {"choice": "approve"} | proof).status_code == 303
    unproved = zhou.fill(f"/console/approvals/{asked}/void", {"command_id": company.new_id()})
    assert (unproved.status_code, "current password is wrong" in unproved.text) == (422, True)
    assert (
        zhou.fill(f"/console/approvals/{asked}/void", {"command_id": company.new_id()} | proof)
        .headers["location"]
        .startswith(ticket)
    )
    number = decision_number(asked)
    mark, said = "VOID 作废 作廢", f"voided by decision {number}"
    places = (ticket, f"/console/equipment/{an_id('pump')}", f"/console/papers/report/{report.id}")
    for place in places:
        assert said in zhou.get(place).text, place
    for place in (f"/console/papers/report/{report.id}?language=en", f"/console/verify/{report.id}"):
        shown = zhou.get(place).text
        assert mark in shown, place
        assert f"Decision {number} of" in shown, place
    assert number in words_of(zhou.get(f"/console/papers/report/{report.id}.pdf").content)
    with company.database.read() as session:
        unit = session.get_one(Equipment, an_id("pump"))
        tickets = list(session.scalars(select(Ticket).where(Ticket.equipment_id == unit.id)))
        life = life_sheet(session, unit, tickets, "zh-Hans", "UTC", company.clock.at)
    assert any(f"{mark} {number}" in row.value for section in life.sections for row in section.rows)
    assert company.client("mei").get("/console/approvals").status_code == 403


def test_what_is_not_there_is_told_in_the_readers_language(company: ConsoleWorld) -> None:
    """Page and sentence alike, whatever the browser would rather read."""
    asked = {"accept": "text/html", "accept-language": "zh-Hant"}
    page = company.client().get("/console/nowhere", headers=asked)
    assert page.status_code == 404
    assert '<html lang="en">' in page.text
    assert "There is nothing at this address." in page.text
