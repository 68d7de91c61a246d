"""Erasing personal data at the console: with a proof, and the screen says which papers are kept until when (M3)."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from common.i18n import LANGUAGES, translate
from common.people.person_commands import DeactivatePerson
from tests.support.console_visit import whole_visit
from tests.support.console_world import PASSWORD, ConsoleWorld, an_id


@pytest.mark.fault("M3")
def test_personal_data_are_erased_with_a_proof_and_the_screen_says_what_is_kept(
    company: ConsoleWorld,
) -> None:
    ticket_id = company.ticket(caller="赵护士")
    company.assign(ticket_id)
    whole_visit(company, ticket_id)
    admin, proof = company.client("admin"), {"own_password": PASSWORD, "reason": "asked for it"}
    li, customer = f"/console/people/{an_id('li')}", f"/console/customers/{an_id('xiehe')}"
    assert admin.fill(f"{li}/erase", proof).status_code == 422  # still active
    company.give(DeactivatePerson(an_id("li")), "admin")
    assert admin.fill(f"{li}/erase", proof | {"own_password": "no"}).status_code == 422
    assert admin.fill(f"{li}/erase", proof).status_code == 303
    told = proof | {"name": "赵护士", "command_id": company.new_id()}
    assert company.client("clerk").fill(f"{customer}/erase", told).status_code == 403
    assert admin.fill(f"{customer}/erase", told | {"name": "nobody"}).status_code == 422
    assert admin.fill(f"{customer}/erase", told).status_code == 303
    for language in LANGUAGES:
        reader = company.client("admin", language)
        shown = reader.get(li).text
        assert "李伟" not in shown.replace("李伟的备件车", "")
        assert translate(language, "erasure.done") in shown
        assert "R156" in shown
        assert translate(language, "erasure.no_paper") in reader.get(customer).text
        assert "赵护士" not in reader.get(f"/console/tickets/{ticket_id}").text
    with company.database.read() as session:
        assert session.execute(text("SELECT count(*) FROM erasure")).scalar_one() == 2
        assert "forget_sign_in" in session.execute(text("SELECT kind FROM audit")).scalars().all()
