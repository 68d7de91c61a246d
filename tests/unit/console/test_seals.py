"""Seals at the console: ticket page, paper, PDF and check page say in words whether a report is what was signed."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from common.i18n import translate
from common.visit.records import ReportSeal, ServiceReport
from common.visit.seal import Verdict, short_fingerprint
from sync_server.app import site_of
from tests.support.console_visit import whole_visit
from tests.support.console_world import ConsoleWorld
from tests.unit.console.test_papers import bare, words_of


@pytest.fixture
def report(company: ConsoleWorld) -> ServiceReport:
    ticket_id = company.ticket()
    company.assign(ticket_id)
    report_id = whole_visit(company, ticket_id)
    with company.database.read() as session:
        found = session.get(ServiceReport, report_id)
    assert found is not None
    return found


def change(company: ConsoleWorld, statement: str) -> None:
    with company.database.engine.connect() as connection:
        assert connection.execute(text(statement)).rowcount == 1
        connection.commit()


@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant"])
@pytest.mark.fault("I6")
def test_a_sealed_report_says_so_everywhere_and_a_broken_one_too(
    company: ConsoleWorld, report: ServiceReport, language: str
) -> None:
    client = company.client(language=language)
    pages = (
        f"/console/tickets/{report.ticket_id}",
        f"/console/papers/report/{report.id}?language={language}",
        f"/console/verify/{report.id}",
    )
    pdf = f"/console/papers/report/{report.id}.pdf?language={language}"
    good, bad = (translate(language, f"seal.state.{state}") for state in ("countersigned", "broken"))
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 200
        assert good in answer.text
        assert bad not in answer.text
    assert bare(good) in words_of(client.get(pdf).content)
    assert client.get(pdf).content == client.get(pdf).content
    change(company, "UPDATE service_report SET strokes = replace(strokes, '[10,60,0]', '[10,60,1]')")
    for page in pages:
        assert bad in client.get(page).text, page
    assert bare(bad) in words_of(client.get(pdf).content)


@pytest.mark.fault("I6", "K4")
def test_the_check_page_names_what_does_not_hold(company: ConsoleWorld, report: ServiceReport) -> None:
    client, page = company.client(), f"/console/verify/{report.id}"
    with company.database.read() as session:
        seal = session.get(ReportSeal, report.id)
        assert seal is not None
    verdict = company_verdict(company, report)
    shown = client.get(page).text
    assert short_fingerprint(verdict.fingerprint) in shown
    assert "does not hold" not in shown
    assert (
        client.get(f"{page}?f={short_fingerprint(verdict.fingerprint).replace(' ', '-')}").text.count(
            "does not hold"
        )
        == 0
    )
    other = client.get(f"{page}?f=0000-0000").text
    assert translate("en", "seal.check.paper") in other
    assert other.count("does not hold") == 1
    change(company, "UPDATE report_seal SET counter = replace(counter, 'received_at', 'received_on')")
    assert translate("en", "seal.state.broken") in client.get(page).text


def company_verdict(company: ConsoleWorld, report: ServiceReport) -> Verdict:
    with company.database.read() as session:
        return site_of(company.app().app).judge(session, report)


@pytest.mark.fault("I6")
def test_taking_the_seal_away_is_seen_against_the_audit_chain(
    company: ConsoleWorld, report: ServiceReport
) -> None:
    """Without its seal a report would look like an older app's; the chain still tells that it had one."""
    change(company, "DELETE FROM report_seal")
    page = company.client().get(f"/console/verify/{report.id}").text
    assert translate("en", "seal.state.broken") in page
    assert translate("en", "seal.check.audit") in page


def test_a_report_nobody_knows_has_no_page(company: ConsoleWorld) -> None:
    client = company.client()
    assert client.get(f"/console/verify/{company.new_id()}").status_code == 404
    assert client.get("/console/verify/none").status_code == 404
