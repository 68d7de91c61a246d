"""Repair agreement and stop-use notice: lines from the price list, what the customer signs, what comes after."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from common.equipment.equipment import Equipment
from common.i18n import translate
from common.kernel.codec import read_json
from common.kernel.command import Role
from common.kernel.ids import derive_id
from common.stock.part_commands import SetCharge
from common.tickets.ticket import Ticket
from common.visit.records import RepairAgreement, StopUseNotice
from common.visit.voucher import money
from field_app.screens.table import screen_table
from field_app.state.agreement import Agreement
from field_app.state.reach import HANDED_TO
from field_app.state.sign_off import SignOff
from field_app.state.signing import keep_strokes
from field_app.state.stop_use import StopUse
from tests.support.flet_session import FletSession
from tests.support.tablet import TabletStand, stand
from tests.support.visit_world import VisitWorld

STROKES = [[[10, 10, 0], [60, 40, 30], [90, 20, 60]]]


@pytest.fixture
def tablet(tmp_path: Path) -> TabletStand:
    office = VisitWorld()
    for code, kind, title, amount in (
        ("L1", "labour", "人工费", 30_000),
        ("T1", "travel", "市内差旅", 12_000),
        ("O1", "other", "检测费", 5_000),
    ):
        charge = SetCharge(derive_id("charge", code), code, kind, title, amount, "CNY")  # type: ignore[arg-type]
        office.must(charge, roles=(Role.MANAGER,))
    return stand(tmp_path, office)


def agreement_of(tablet: TabletStand) -> Agreement:
    return Agreement(tablet.reach(), tablet.drafts(), tablet.ticket)


async def written(tablet: TabletStand) -> Agreement:
    """Write an agreement up to the customer's signature."""
    model = agreement_of(tablet)
    model.form.keep(plan="更换泵体密封圈并校准流量")
    part = model.find_parts("PS-100")[0]
    model.add(part)
    model.hand_over()
    model.go("sign")
    model.form.keep(signer_name="王主任", signer_role="设备科")
    keep_strokes(model.form, 3000, 2000, STROKES)
    return model


def signed(tablet: TabletStand) -> list[RepairAgreement]:
    query = select(RepairAgreement).order_by(RepairAgreement.signed_at)
    return tablet.tablet.read(lambda session: list(session.scalars(query)))


async def test_labour_and_travel_are_proposed_and_the_total_follows(tablet: TabletStand) -> None:
    model = agreement_of(tablet)
    assert [(line.offer.code, line.qty) for line in model.lines] == [("L1", Decimal(1)), ("T1", Decimal(1))]
    assert model.total_minor == 42_000
    model.change(0, Decimal("1.5"))
    assert model.total_minor == 57_000
    model.change(1, Decimal(0))
    assert model.total_minor == 45_000
    other = next(offer for offer in model.prices.charges if offer.code == "O1") if model.prices else None
    assert other is not None
    model.add(other)
    model.add(other)
    assert [(line.offer.code, line.qty) for line in model.lines] == [
        ("L1", Decimal("1.5")),
        ("O1", Decimal(2)),
    ]
    assert agreement_of(tablet).lines == model.lines, "half-written lines come back"


async def test_plan_and_price_must_be_there_before_the_customer_sees_it(tablet: TabletStand) -> None:
    model = agreement_of(tablet)
    model.hand_over()
    assert model.trouble is not None
    assert model.trouble.code == "agreement_incomplete"
    assert tablet.store.setting(HANDED_TO) == ""


async def test_the_customer_signs_what_he_read(tablet: TabletStand) -> None:
    model = await written(tablet)
    model.sign()
    assert (model.step, model.trouble) == ("done", None)
    [row] = signed(tablet)
    assert (row.total_minor, row.signer_name, row.plan) == (54_000, "王主任", "更换泵体密封圈并校准流量")
    assert [line["code"] for line in row.lines] == ["L1", "T1", "PS-100"]
    assert read_json(row.strokes) == STROKES
    model.take_back()
    assert not model.is_with_customer
    assert model.prices is not None
    assert model.prices.agreed is not None
    assert model.prices.agreed.total_minor == 54_000


async def test_a_new_price_is_read_before_it_is_signed(tablet: TabletStand) -> None:
    model = await written(tablet)
    office, before = tablet.office, model.total_minor
    office.tick()
    dearer = SetCharge(derive_id("charge", "T1"), "T1", "travel", "市内差旅", 15_000, "CNY")
    office.must(dearer, roles=(Role.MANAGER,))
    tablet.fetch()
    model.sign()
    assert model.step == "read"
    assert model.trouble is not None
    assert model.trouble.code == "price_changed"
    assert model.total_minor == before + 3_000
    model.go("sign")
    model.sign()
    assert model.step == "done"
    assert signed(tablet)[0].total_minor == before + 3_000


async def test_paid_work_cannot_be_accepted_beyond_what_was_agreed(tablet: TabletStand) -> None:
    tablet.repair(cause="man_made")
    sign_off = SignOff(tablet.reach(), tablet.drafts(), tablet.ticket)
    assert sign_off.service_type == "A"
    assert "agreement" in sign_off.missing
    model = agreement_of(tablet)
    assert [line.offer.code for line in model.lines] == ["L1", "T1", "PS-100"]
    model.form.keep(plan="更换密封圈", signer_name="王主任", signer_role="设备科")
    keep_strokes(model.form, 3000, 2000, STROKES)
    model.hand_over()
    model.go("sign")
    model.sign()
    sign_off.refresh()
    assert sign_off.missing == ()


async def test_a_new_agreement_begins_with_the_plan_that_was_signed(tablet: TabletStand) -> None:
    model = await written(tablet)
    assert model.prices is not None
    assert model.prices.proposed_plan == model.prices.finding
    model.sign()
    again = agreement_of(tablet)
    assert again.prices is not None
    assert again.prices.proposed_plan == "更换泵体密封圈并校准流量"


async def test_the_pages_of_the_agreement(tablet: TabletStand) -> None:
    route = f"/ticket/{tablet.ticket}/agreement"
    async with FletSession.open(tablet.main(screen_table()), 400, 800, route) as app:
        assert app.key("total").value == money(42_000, "CNY")
        await app.event(app.key("charge-O1"), "click", None)
        assert app.key("total").value == money(47_000, "CNY")
        await app.type("find-part", "ps-1")
        await app.event(app.key("part-PS-100"), "click", None)
        await app.type("find-part", "zzz")
        assert app.shows(translate("en", "app.agreement.no_part", text="zzz"))
        await app.click("hand-over")
        assert app.shows(translate("en", "app.signing.trouble.agreement_incomplete"))
        await app.type("plan", "更换密封圈")
        await app.click("hand-over")
        assert app.shows("更换密封圈")
        assert app.shows(money(59_000, "CNY"))
        await app.click("step-next")
        await app.click("step-next")
        assert app.ident("step-error") is not None
        await app.click("step-back")
        assert app.ident("paper") is not None
        assert app.errors == []


async def test_a_stop_use_notice_stops_the_unit_without_a_network(tablet: TabletStand) -> None:
    model = StopUse(tablet.reach(), tablet.drafts(), tablet.ticket)
    model.hand_over()
    assert model.trouble is not None
    assert model.trouble.code == "notice_incomplete"
    model.form.keep(hazard="漏电", instruction="立即停用")
    model.hand_over()
    assert tablet.store.setting(HANDED_TO) == f"/ticket/{tablet.ticket}/stop-use"
    model.sign()
    assert model.trouble is not None
    assert model.trouble.values == {"missing": "signer_name signature"}
    model.form.keep(signer_name="王护士长")
    keep_strokes(model.form, 3000, 2000, STROKES)
    model.sign()
    assert model.step == "done"
    unit, ticket, notices = tablet.tablet.read(
        lambda s: (
            s.get(Equipment, tablet.office.unit),
            s.get(Ticket, tablet.ticket),
            list(s.scalars(select(StopUseNotice))),
        )
    )
    assert unit is not None
    assert ticket is not None
    assert (unit.state, ticket.danger) == ("stopped", True)
    assert [n.signer_name for n in notices] == ["王护士长"]
    model.take_back()
    assert tablet.store.setting(HANDED_TO) == ""


async def test_the_pages_of_the_notice(tablet: TabletStand) -> None:
    route = f"/ticket/{tablet.ticket}/stop-use"
    async with FletSession.open(tablet.main(screen_table()), 1180, 820, route) as app:
        await app.click("hazard-electric")
        await app.click("instruction-switch_off")
        await app.click("instruction-switch_off")
        await app.click("hand-over")
        # What the customer reads is in the customer's language, not the engineer's.
        assert app.shows(translate("zh-Hans", "app.stop_use.heading.sign"))
        assert app.shows(translate("zh-Hans", "app.stop_use.hazard.electric"))
        assert not app.shows(translate("en", "app.stop_use.hazard.electric"))
        await app.click("step-next")
        assert app.ident("step-error") is not None
        assert app.errors == []
