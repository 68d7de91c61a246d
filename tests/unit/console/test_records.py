"""Customers and equipment at the console: found, entered, changed, covered, stopped, ended."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from common.coverage.coverage import Coverage
from common.coverage.coverage_commands import RegisterCoverage
from common.customers.customer import Customer, CustomerContact
from common.customers.customer_commands import EditCustomer, RegisterCustomer
from common.equipment.equipment import Equipment, EquipmentModel
from common.equipment.equipment_commands import RegisterEquipment, RegisterModel
from common.inbox.edits import Change
from common.inbox.records import FieldConflict
from common.kernel.command import Role
from common.policy.policy_commands import AdoptPolicy
from common.tickets.dispatching import AssignTicket
from common.tickets.intake import ReportFault
from common.visit.hashing import content_hash
from common.visit.stop_use import GiveStopUseNotice, notice_content
from tests.support.office import Desk, Office, words

LOST = re.compile(r"\b(console|field|reason|command|customer|equipment)\.[a-z]")


@dataclass
class Files:
    """Two customers, a model, a unit with a ticket."""

    office: Office
    hospital: str
    clinic: str
    model: str
    unit: str
    ticket: str
    desk: Desk


@pytest.fixture
def files(office: Office) -> Files:
    hospital, clinic, model, unit, ticket = (office.new() for _ in range(5))
    office.do(AdoptPolicy(office.new(), "medical-device"))
    office.do(
        RegisterCustomer(
            hospital,
            "C-1",
            "东城医院",
            "dong cheng yi yuan",
            "dcyy",
            "010-5555 1234",
            "王主任",
            "东单北大街",
            zone="city",
        )
    )
    office.do(RegisterCustomer(clinic, "C-2", "West Clinic", phone="020 88"))
    office.do(RegisterModel(model, "PM-9", "Patient monitor", "Mindful", regulated=True, skill="monitor"))
    office.do(
        RegisterEquipment(unit, "SN-77", model, hospital, location="ICU 3", accepted_on=date(2026, 1, 5))
    )
    office.do(
        ReportFault(
            ticket_id=ticket, number="T-1", channel="phone", customer_id=hospital, equipment_id=unit,
            fault_text="No display", severity="minor",
        )
    )  # fmt: skip
    return Files(office, hospital, clinic, model, unit, ticket, office.desk(Role.SPECIALIST))


@pytest.mark.parametrize(
    "typed", ["C-1", "东城", "東城", "dongcheng", "dcyy", "5555-1234", "王主任", "SN-77"]
)
def test_a_customer_is_found_by_what_people_know(files: Files, typed: str) -> None:
    page = files.desk.get(f"/console/customers?q={typed}", **{"HX-Request": "true"}).text
    assert ("东城医院" in page, "West Clinic" in page) == (True, False)


def test_the_list_counts_units_and_open_tickets(files: Files) -> None:
    row = words(re.findall(r"(?s)<tr>.*?</tr>", files.desk.page("/console/customers?sort=number"))[1])
    assert row.startswith("C-1 东城医院")
    assert row.endswith("1 1")


def test_an_empty_list_says_what_to_do(office: Office) -> None:
    desk = office.desk(Role.CLERK)
    assert "No customer yet" in words(desk.page("/console/customers"))
    assert "No equipment registered yet" in words(desk.page("/console/equipment"))
    assert "No model registered yet" in words(desk.page("/console/equipment/new"))


def test_a_customers_page_shows_all_that_belongs_to_him(files: Files) -> None:
    page = words(files.desk.page(f"/console/customers/{files.hospital}"))
    for text in ("王主任", "T-1", "No display", "SN-77", "Patient monitor PM-9", "ICU 3", "New call"):
        assert text in page


def test_a_customer_is_entered_with_pinyin_and_only_once(files: Files) -> None:
    form = {
        "number": "C-9",
        "name": "青松养老院",
        "language": "zh-Hans",
        "key_customer": "1",
        "command_id": files.office.new(),
    }
    url = files.desk.done("/console/customers/new", form)
    assert files.desk.done("/console/customers/new", form) == url
    row = files.office.row(Customer, url.partition("?")[0].rpartition("/")[2])
    assert (row.pinyin, row.initials, row.key_customer) == ("qing song yang lao yuan", "qsyly", True)
    again = files.desk.post("/console/customers/new", {**form, "command_id": files.office.new()})
    assert (again.status_code, "The number C-9 is already in use" in words(again.text)) == (422, True)
    assert 'value="青松养老院"' in again.text


def test_two_who_change_one_field_are_both_kept_and_decided_on_the_page(files: Files) -> None:
    path = f"/console/customers/{files.clinic}"
    form = files.desk.page(path + "/edit")
    old = dict(re.findall(r'name="(was_\w+)" value="([^"]*)"', form))
    assert old["was_phone"] == "020 88"
    files.office.do(EditCustomer(files.clinic, (Change("phone", "020 88", "020 99"),)))
    sent = {
        **old,
        **{name.removeprefix("was_"): value for name, value in old.items()},
        "phone": "020 77",
        "active": "1",
    }
    del sent["key_customer"]
    assert files.desk.done(path + "/edit", sent).endswith("notice=merged")
    page = words(files.desk.page(path))
    assert "Customer West Clinic · Telephone" in page
    (conflict,) = files.office.rows(select(FieldConflict))
    assert files.desk.done(
        f"/console/inbox/conflicts/{conflict.id}", {"choice": "swap", "back": path}
    ).startswith(path)
    assert files.office.row(Customer, files.clinic).phone == "020 99"


def test_a_new_name_is_spelt_anew(files: Files) -> None:
    path = f"/console/customers/{files.hospital}"
    old = {
        "was_name": "东城医院",
        "name": "西城医院",
        "was_active": "1",
        "active": "1",
        "was_key_customer": "0",
    }
    files.desk.done(path + "/edit", old)
    row = files.office.row(Customer, files.hospital)
    assert (row.name, row.pinyin) == ("西城医院", "xi cheng yi yuan")
    assert "西城医院" in files.desk.page("/console/customers?q=xicheng")


def test_a_contact_is_added(files: Files) -> None:
    path = f"/console/customers/{files.hospital}"
    files.desk.done(path + "/contacts", {"name": "李护士长", "role": "ICU", "phone": "8801"})
    assert len(files.office.rows(select(CustomerContact))) == 1
    assert "李护士长" in files.desk.page(path)
    wrong = files.desk.post(path + "/contacts", {"name": ""})
    assert (wrong.status_code, "must be filled in" in words(wrong.text)) == (422, True)


@pytest.mark.parametrize("typed", ["SN-77", "monitor", "ICU", "东城", "PM-9"])
def test_a_unit_is_found_by_serial_model_place_or_customer(files: Files, typed: str) -> None:
    assert "SN-77" in files.desk.page(f"/console/equipment?q={typed}")
    assert "SN-77" not in files.desk.page("/console/equipment?q=nothing")
    assert "SN-77" not in files.desk.page("/console/equipment?state=retired")


def test_a_unit_is_registered_at_a_customer_named_by_number(files: Files) -> None:
    form = {
        "customer": "C-2",
        "model_id": files.model,
        "serial": "SN-78",
        "accepted_on": "2026-02-01",
        "warranty_months": "24",
    }
    url = files.desk.done("/console/equipment/new", form).partition("?")[0]
    row = files.office.row(Equipment, url.rpartition("/")[2])
    assert (row.customer_id, row.warranty_months) == (files.clinic, 24)
    page = words(
        files.desk.post("/console/equipment/new", {**form, "customer": "C-X", "accepted_on": "31/12/26"}).text
    )
    assert "This customer is not known here" in page
    assert "must be a day like" in page
    taken = words(files.desk.post("/console/equipment/new", form).text)
    assert "The serial SN-78 is already registered for this model" in taken


def test_acceptance_and_contract_change_what_a_call_would_be(files: Files) -> None:
    path = f"/console/equipment/{files.unit}"
    files.desk.done(
        path + "/acceptance", {"accepted_on": "2026-02-01", "contract": "V-1", "term_months": "12"}
    )
    page = words(files.desk.page(path))
    assert "Covered by warranty" in page
    assert "1 Feb 2027 In force" in page
    start, end = date(2026, 1, 1), date(2026, 12, 31)
    files.desk.done(
        path + "/coverage", {"kind": "contract", "number": "K-5", "from_on": f"{start}", "until_on": f"{end}"}
    )
    contract = next(row for row in files.office.rows(select(Coverage)) if row.kind == "contract")
    assert contract.number == "K-5"
    backwards = files.desk.post(
        path + "/coverage", {"kind": "contract", "from_on": f"{end}", "until_on": f"{start}"}
    )
    assert (backwards.status_code, "The end must be after the beginning" in words(backwards.text)) == (
        422,
        True,
    )
    boss = files.office.desk(Role.SUPERVISOR)
    assert "cancel-coverage" not in files.desk.page(path)
    boss.done(path + "/cancel-coverage", {"coverage_id": contract.id, "reason": "cancelled by customer"})
    assert files.office.row(Coverage, contract.id).cancelled


def test_coverage_that_ran_out_or_has_not_begun_says_so(files: Files) -> None:
    today = files.office.clock.at.date()
    for number, first, last in (("OLD", -400, -30), ("NEW", 30, 400), ("NOW", -1, 1)):
        days = (today + timedelta(days=first), today + timedelta(days=last))
        files.office.do(RegisterCoverage(files.office.new(), files.unit, "contract", *days, number))
    page = words(files.desk.page(f"/console/equipment/{files.unit}"))
    for number, state in (("OLD", "Ended"), ("NEW", "Not begun"), ("NOW", "In force one day left")):
        assert re.search(rf"{number} \d+ \w+ \d+ \d+ \w+ \d+ {state}", page), (number, page)


def test_a_stopped_unit_is_returned_to_use_by_a_supervisor_only(files: Files) -> None:
    office = files.office
    engineer = office.person()
    now = office.clock.at
    office.do(AssignTicket(files.ticket, office.new(), engineer, now, now + timedelta(hours=2), "sent"))
    tablet = office.tablet(engineer)
    notice = GiveStopUseNotice(
        notice_id=office.new(), ticket_id=files.ticket, equipment_id=files.unit, hazard="Current leak",
        instruction="Unplug", signer_name="Wang", strokes="[[[0,0,0],[1,1,1]]]",
        content_hash=content_hash(notice_content("T-1", files.unit, "Current leak", "Unplug")),
    )  # fmt: skip
    (result,) = tablet.push(tablet.op(notice))
    assert result.s in ("ok", "flagged")
    path = f"/console/equipment/{files.unit}"
    page = words(files.desk.page(path))
    assert "This unit must not be used" in page
    assert "How the hazard was removed" not in page
    assert files.desk.post(path + "/return", {"reason": "fixed"}).status_code == 403
    boss = office.desk(Role.SUPERVISOR)
    boss.done(path + "/return", {"reason": "Cable replaced and measured"})
    assert office.row(Equipment, files.unit).state == "in_use"
    boss.done(path + "/retire", {"reason": "scrapped"})
    assert "Retired" in words(boss.page(path))


def test_models_say_what_work_on_them_takes(files: Files) -> None:
    files.desk.done(
        "/console/equipment/models", {"code": "US-2", "name": "Ultrasound", "skill": "us", "regulated": "1"}
    )
    page = words(files.desk.page("/console/equipment/models"))
    assert "US-2 Ultrasound Medical device Skill needed: us." in page
    assert {row.code for row in files.office.rows(select(EquipmentModel))} == {"PM-9", "US-2"}
    again = files.desk.post("/console/equipment/models", {"code": "US-2", "name": "Twice"})
    assert "The number US-2 is already in use" in words(again.text)


def test_a_model_is_changed_retired_and_taken_up_again(files: Files) -> None:
    models = "/console/equipment/models"
    files.desk.done(models, {"code": "US-3", "name": "Ultrasound", "skill": "us"})
    model = re.search(
        rf'{models}/([0-9a-f-]{{36}})"[^>]*>[^<]*<span[^>]*> Ultrasound US-3', files.desk.page(models)
    )
    assert model is not None
    path = f"{models}/{model[1]}"
    page = files.desk.page(path)
    assert 'name="was_name" value="Ultrasound"' in page
    form = {"name": "Doppler", "was_name": "Ultrasound", "skill": "us", "was_skill": "us", "regulated": "1",
            "was_regulated": "0"}  # fmt: skip
    files.desk.done(path, form)
    assert "Doppler" in words(files.desk.page(models))
    assert files.desk.post(path, {"name": "", "was_name": "Doppler"}).status_code == 422
    assert "/retire" not in page  # hers is not to end one
    files.office.desk(Role.SUPERVISOR).done(f"{path}/retire", {"reason": "out of production"})
    assert "Doppler" not in words(files.desk.page("/console/equipment/new"))
    files.desk.done(
        path,
        form
        | {"name": "Doppler", "was_name": "Doppler", "was_regulated": "1", "active": "1", "was_active": "0"},
    )
    assert "Doppler" in words(files.desk.page("/console/equipment/new"))


def test_who_may_not_change_sees_no_button_and_is_refused(files: Files) -> None:
    keeper = files.office.desk(Role.PARTS_KEEPER)
    page = keeper.page(f"/console/customers/{files.hospital}")
    assert "/edit" not in page
    answer = keeper.post(f"/console/customers/{files.hospital}/edit", {"name": "X", "was_name": "东城医院"})
    assert answer.status_code == 403
    assert files.office.row(Customer, files.hospital).name == "东城医院"
    assert (
        keeper.post(f"/console/equipment/{files.unit}/acceptance", {"accepted_on": "2026-01-01"}).status_code
        == 403
    )
    assert files.office.desk(Role.ENGINEER).get("/console/customers").status_code == 403


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant"])
def test_every_word_is_in_the_readers_language(files: Files, language: str) -> None:
    files.desk.client.cookies.set("language", language)
    for path in (
        "customers", "customers/new", f"customers/{files.hospital}", f"customers/{files.hospital}/edit", "equipment",
        "equipment/new", "equipment/models", f"equipment/{files.unit}", f"equipment/{files.unit}/edit",
    ):  # fmt: skip
        assert not LOST.search(words(files.desk.page(f"/console/{path}"))), path


def test_what_is_not_there_is_not_found(files: Files) -> None:
    for path in (
        "customers/none",
        f"customers/{files.unit}",
        f"equipment/{files.hospital}",
        "equipment/x/edit",
    ):
        assert files.desk.get(f"/console/{path}").status_code == 404
    assert files.desk.post(f"/console/equipment/{files.unit}/explode").status_code == 404
