"""Text that turns around, hides, doubles or never ends is kept, found and shown safely; papers fetch nothing."""

from __future__ import annotations

import html
import json
import socket
import unicodedata
from typing import Any

import pytest
from sqlalchemy import text

from common.kernel.command import Role
from tests.support.console_visit import whole_visit
from tests.support.console_world import ConsoleWorld
from tests.support.office import Office

NAMES = {
    "right to left": "Clinic \u202etnemyap\u202c Nord",
    "zero width": "Cli\u200bnic\u200d Nord",
    "composed": unicodedata.normalize("NFC", "Käthe Köhler Spital"),
    "decomposed": unicodedata.normalize("NFD", "Zoë Müller Spital"),
    "emoji": "Praxis 👩🏽‍⚕️ 微笑",
    "combining": "Z" + "\u0301" * 150,
}
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    '"><svg/onload=alert(3)>',
    "file:///etc/passwd http://169.254.169.254/latest/meta-data <img src='file:///etc/passwd'>",
)


@pytest.mark.fault("H9")
def test_odd_names_are_kept_shown_apart_and_found_in_both_forms(office: Office) -> None:
    desk = office.desk(Role.CLERK)
    kept = {}
    for number, (kind, name) in enumerate(NAMES.items()):
        body = {"id": office.new(), "kind": "register_customer", "args": {
            "customer_id": office.new(), "number": f"C{number}", "name": name,
        }}  # fmt: skip
        answer = desk.client.post("/api/v1/commands", json=body, headers={"X-CSRF-Token": desk.csrf})
        kept[kind] = (answer.status_code, answer.json().get("reason_code", ""))
    refused = {kind: told for kind, told in kept.items() if told[0] != 200}
    assert all(status == 422 and code for status, code in refused.values()), refused
    page = desk.client.get("/console/customers").text
    assert "\u202e" not in page, "nothing on a page runs backwards"
    for kind, asked in {"composed": "Käthe Köhler", "decomposed": "Zoë Müller"}.items():
        assert kind not in refused
        for form in ("NFC", "NFD"):
            found = desk.client.get("/console/customers", params={"q": unicodedata.normalize(form, asked)})
            assert unicodedata.normalize("NFC", asked) in found.text, (kind, form)


@pytest.mark.fault("H2", "H4")
@pytest.mark.parametrize("hostile", HOSTILE)
def test_papers_show_hostile_text_as_text_and_fetch_nothing(
    company: ConsoleWorld, hostile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket_id = company.ticket()
    company.assign(ticket_id)
    report_id = whole_visit(company, ticket_id)
    with company.database.engine.connect() as connection:
        said = json.dumps(hostile, ensure_ascii=False)[1:-1]
        change = "UPDATE service_report SET content = replace(content, '更换密封圈并校准流速', :said)"
        assert connection.execute(text(change), {"said": said}).rowcount == 1
        connection.commit()
    asked: list[Any] = []

    def refuse(_self: socket.socket, address: Any) -> None:
        asked.append(address)
        raise OSError("nothing is fetched")

    client = company.client()
    monkeypatch.setattr(socket.socket, "connect", refuse)
    page = client.get(f"/console/papers/report/{report_id}")
    paper = client.get(f"/console/papers/report/{report_id}.pdf")
    assert (page.status_code, paper.status_code) == (200, 200)
    assert html.escape(hostile).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page.text
    assert hostile not in page.text
    assert asked == []
    assert b"root:" not in paper.content
    assert paper.content.startswith(b"%PDF")
    for action in (b"/JavaScript", b"/Launch", b"/URI", b"/EmbeddedFile"):
        assert action not in paper.content
