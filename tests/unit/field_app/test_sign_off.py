"""Sign-off on the tablet: what is missing, the customer's steps, the seal, the rating nobody here can read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import flet as ft
import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from common.i18n import translate
from common.kernel.command import REGISTRY, Role
from common.visit.records import RepairMeasure, ReportAddendum, ReportVoid, ServiceReport
from common.visit.repair import RecordMeasure
from common.visit.seal import seal_text, unpack_seal
from field_app.routes import ScreenSpec, ScreenTable
from field_app.screens.addendum import AddendumScreen
from field_app.screens.sign_off import SignOffScreen
from field_app.state.prefs import SavedPrefs
from field_app.state.reach import HANDED_TO
from field_app.state.sign_off import Correction, SignOff, sign_off_path
from field_app.state.signing import keep_strokes
from field_app.store.schema import OutboxOp
from field_app.store.store import Store
from field_app.sync.keys import ensure_device_key, verify_signature
from field_app.ui import UiSession
from field_app.widgets.safe import safe_component
from sync_server.followup.open_rating import open_sealed
from sync_server.keys import ServerKeys
from tests.support.flet_session import FletSession
from tests.support.tablet import TabletStand, stand

KEYS = ServerKeys(sign=b"\x01" * 32, box=b"\x02" * 32, secret=b"\x03" * 32)
STROKES = [[[10, 10, 0], [60, 40, 30], [90, 20, 60]], [[100, 50, 200], [140, 60, 240]]]


@safe_component
def Home() -> ft.Control:
    """Stand for the first page."""
    return ft.Text("home", key="home")


@safe_component
def TicketPage() -> ft.Control:
    """Stand for the ticket's page."""
    return ft.Text("ticket", key="ticket-page")


TABLE = ScreenTable(
    [
        ScreenSpec("", Home),
        ScreenSpec("ticket/:id", TicketPage),
        ScreenSpec("ticket/:id/sign-off", SignOffScreen),
        ScreenSpec("ticket/:id/addendum", AddendumScreen),
    ]
)


@pytest.fixture
def tablet(tmp_path: Path) -> TabletStand:
    return stand(tmp_path, box_key=KEYS.box_public)


@pytest.fixture
def repaired(tablet: TabletStand) -> TabletStand:
    """Give a tablet on which the visit is done, up to the signature."""
    tablet.repair()
    return tablet


def model_of(tablet: TabletStand) -> SignOff:
    return SignOff(tablet.reach(), tablet.drafts(), tablet.ticket)


def reports(tablet: TabletStand) -> list[ServiceReport]:
    query = select(ServiceReport).order_by(ServiceReport.signed_at)
    return tablet.tablet.read(lambda session: list(session.scalars(query)))


def outbox(tablet: TabletStand) -> list[dict[str, Any]]:
    with tablet.store.read() as session:
        return [dict(op) for op in session.scalars(select(OutboxOp.envelope).order_by(OutboxOp.ord))]


async def through(model: SignOff, *, verdict: str = "accepted", rate: bool = True) -> None:
    """Lead the customer through all steps, to the signature."""
    model.hand_over()
    model.go_on()
    model.judge(verdict)
    model.form.keep(opinion="设备已恢复正常", refusal_reason="屏幕仍有闪烁")
    model.go_on()
    if rate and model.card:
        for item in model.card.items:
            model.grade(item.code, "very_satisfied")
        model.form.keep(suggestion="夜班也希望有人值守")
        model.go_on()
    else:
        model.skip_rating()
    model.form.keep(signer_name="王护士长", signer_role="护士长")
    keep_strokes(model.form, 3000, 2200, STROKES)


async def test_what_is_missing_is_listed_and_only_a_refusal_is_possible(tablet: TabletStand) -> None:
    model = model_of(tablet)
    assert "diagnosis" in model.missing
    assert "test" in model.missing
    model.hand_over()
    model.go_on()
    model.judge("accepted")
    assert model.verdict == ""
    model.go_on()
    assert model.trouble is not None
    assert model.trouble.code == "verdict_missing"
    model.judge("refused")
    model.go_on()
    assert model.trouble is not None
    assert model.trouble.values == {"missing": "refusal_reason"}


async def test_the_customer_accepts_rates_and_signs(repaired: TabletStand) -> None:
    model = model_of(repaired)
    assert model.missing == ()
    before = len(outbox(repaired))
    await through(model)
    assert model.step == "sign"
    model.sign()
    assert (model.step, model.trouble) == ("done", None)
    [report] = reports(repaired)
    assert (report.accepted, report.signer_name, report.signer_role) == (True, "王护士长", "护士长")
    assert json.loads(report.strokes) == STROKES
    assert report.number == f"{repaired.office.row.number}-1"
    sign, rating = outbox(repaired)[before:]
    assert (sign["k"], rating["k"]) == ("sign_report", "record_rating")
    assert sign["g"] == rating["g"] != ""
    opened = json.loads(open_sealed(rating["a"]["sealed"], repaired.ticket, KEYS))
    assert opened["grades"] == {"attitude": 4, "skill": 4, "arrival_time": 4, "promises": 4}
    assert opened["suggestion"] == "夜班也希望有人值守"


async def test_the_engineer_never_sees_the_rating_again(repaired: TabletStand) -> None:
    model = model_of(repaired)
    await through(model)
    kept = repaired.store.draft(f"sign-off:{repaired.ticket}")
    assert kept["sealed"]
    assert (kept.get("grades"), kept.get("suggestion")) == ("", "")
    assert model.grades == {}
    model.sign()
    model.take_back()
    assert repaired.store.draft(f"sign-off:{repaired.ticket}") == {}
    assert "夜班也希望有人值守" not in json.dumps(outbox(repaired), ensure_ascii=False)


async def test_an_open_card_is_closed_unread_when_the_engineer_takes_the_tablet(
    repaired: TabletStand,
) -> None:
    model = model_of(repaired)
    model.hand_over()
    model.go_on()
    model.judge("accepted")
    model.form.keep(opinion="好", suggestion="态度不好")
    model.go_on()
    model.grade("attitude", "dissatisfied")
    model.take_back()
    kept = repaired.store.draft(f"sign-off:{repaired.ticket}")
    assert (kept.get("grades"), kept.get("suggestion"), kept.get("sealed", "")) == ("", "", "")
    assert kept["opinion"] == "好"


async def test_a_killed_app_comes_back_where_the_customer_was(repaired: TabletStand) -> None:
    await through(model_of(repaired))
    assert repaired.store.setting(HANDED_TO) == sign_off_path(repaired.ticket)
    again = model_of(repaired)
    assert (again.step, again.verdict, again.is_sealed) == ("sign", "accepted", True)
    assert again.form.text("signer_name") == "王护士长"
    again.sign()
    assert again.step == "done"
    assert len(reports(repaired)) == 1


@pytest.mark.fault("A1")
async def test_killed_while_signing_there_are_report_and_rating_or_neither(
    repaired: TabletStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, before = model_of(repaired), len(outbox(repaired))
    await through(model)
    real = Store._keep

    def killed_at_the_second(store: Store, session: Session, *told: Any) -> None:
        if session.scalar(select(OutboxOp.id).where(OutboxOp.kind == "sign_report")):
            raise KeyboardInterrupt
        real(store, session, *told)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "_keep", killed_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            model.sign()
    assert outbox(repaired)[before:] == []
    again = model_of(repaired)
    assert again.step == "sign"
    assert again._give_report() is None  # the app dies here
    again = model_of(repaired)
    assert again.step == "done"
    assert [op["k"] for op in outbox(repaired)[before:]] == ["sign_report", "record_rating"]
    assert model_of(repaired).step == "done"


async def test_what_changed_since_reading_must_be_read_again(repaired: TabletStand) -> None:
    model = model_of(repaired)
    await through(model)
    with repaired.store.read() as session:
        visit = session.scalars(select(RepairMeasure.visit_id)).first()
    assert visit
    repaired.do(RecordMeasure(repaired.office.id("late"), repaired.ticket, visit, "补充紧固", 5))
    model.sign()
    assert model.step == "read"
    assert model.trouble is not None
    assert model.trouble.code == "content_differs"
    for _ in range(3):
        model.go_on()
    model.sign()
    assert model.step == "done"
    assert "补充紧固" in json.dumps(reports(repaired)[0].content, ensure_ascii=False)


async def test_a_refusal_keeps_its_reason_and_can_be_signed_again(repaired: TabletStand) -> None:
    model = model_of(repaired)
    await through(model, verdict="refused", rate=False)
    model.sign()
    assert model.step == "done"
    model.take_back()
    assert model.facts is not None
    assert model.facts.refused[-1].signed.refusal_reason == "屏幕仍有闪烁"
    assert model.sealed_report is None
    assert not any(op["k"] == "record_rating" for op in outbox(repaired))
    repaired.retest()
    await through(model)
    model.sign()
    assert [r.accepted for r in reports(repaired)] == [False, True]
    assert [r.number[-2:] for r in reports(repaired)] == ["-1", "-2"]


async def test_a_correction_stands_beside_the_sealed_report(repaired: TabletStand) -> None:
    model = model_of(repaired)
    await through(model)
    model.sign()
    sealed = reports(repaired)[0].content_hash
    correction = Correction(repaired.reach(), repaired.drafts(), repaired.ticket)
    correction.save()
    assert correction.trouble is not None
    correction.form.keep(reason="序列号有误", text="应为 SN-8")
    correction.save()
    assert correction.is_saved
    with repaired.store.read() as session:
        assert [a.text for a in session.scalars(select(ReportAddendum))] == ["应为 SN-8"]
    assert reports(repaired)[0].content_hash == sealed
    late = repaired.store.give(
        RecordMeasure(repaired.office.id("x"), repaired.ticket, repaired.office.id("v"), "补记", 1)
    )
    assert late.outcome.code == "report_sealed"


async def test_the_pages_from_the_list_of_missing_things_to_thanks(repaired: TabletStand) -> None:
    sessions: list[UiSession] = []
    route = sign_off_path(repaired.ticket)
    async with FletSession.open(repaired.main(TABLE, sessions=sessions), 400, 800, route) as app:
        assert app.ident("screen-sign-off") is not None
        await app.click("preview")
        assert app.ident("preview-paper") is not None
        await app.click("hand-over")
        assert app.ident("customer-mode") is not None
        assert sessions[0].lock.path == route
        await app.click("customer-language-zh-Hant")
        assert app.shows(translate("zh-Hant", "app.sign_off.heading.read"))
        await app.click("step-next")
        await app.click("step-next")
        assert app.shows(translate("zh-Hant", "app.signing.trouble.verdict_missing"))
        await app.event(app.key("accept"), "click", None)
        await app.click("opinion-good")
        assert app.key("opinion").value == translate("zh-Hant", "app.sign_off.opinion.good")
        await app.click("step-next")
        for item in ("attitude", "skill", "arrival_time", "promises"):
            await app.event(app.key(f"grade-{item}-satisfied"), "click", None)
        await app.click("step-next")
        await app.type("signer-name", "王護理長")
        await app.click("role-head_nurse")
        await app.click("step-next")
        assert app.shows(translate("zh-Hant", "missing.signature"))
        keep_strokes(SignOff(repaired.reach(), sessions[0].drafts, repaired.ticket).form, 3000, 2200, STROKES)
        await app.click("step-next")
        assert app.shows(translate("zh-Hant", "app.sign_off.heading.done"))
        assert app.has("thanks")
        await app.go("/settings")
        assert app.has("thanks"), "the customer gets nowhere else"
        await app.click("customer-leave")
        await app.type("customer-code", "wrong")
        await app.click("customer-open")
        assert app.has("thanks")
        await app.type("customer-code", repaired.staff_number)
        await app.click("customer-open")
        assert app.has("ticket-page")
        assert repaired.store.setting(HANDED_TO) == ""
        await app.go(route)
        assert app.ident("screen-sealed") is not None
        assert app.errors == []
        assert sessions[0].troubles.latest is None


async def test_missing_things_lead_to_where_they_are_filled_in(tablet: TabletStand) -> None:
    async with FletSession.open(tablet.main(TABLE), 1180, 820, sign_off_path(tablet.ticket)) as app:
        await app.event(app.key("missing-visit"), "click", None)
        assert app.has("ticket-page")
        assert app.page.route == f"/ticket/{tablet.ticket}"


async def test_a_ticket_taken_away_locks_nobody_in(tablet: TabletStand) -> None:
    tablet.store.choose(HANDED_TO, "/ticket/none/sign-off")
    sessions: list[UiSession] = []
    async with FletSession.open(tablet.main(TABLE, sessions=sessions), route="/ticket/none/sign-off") as app:
        assert app.shows(translate("en", "app.signing.no_ticket"))
        assert sessions[0].lock.path == ""
        assert tablet.store.setting(HANDED_TO) == ""


def test_only_an_engineer_signs(tablet: TabletStand) -> None:
    assert REGISTRY["sign_report"].roles == frozenset({Role.ENGINEER})


@pytest.mark.fault("I6")
async def test_the_tablet_seals_what_is_signed_and_sees_a_changed_byte(repaired: TabletStand) -> None:
    """Q3, P8: the seal is in the command, under this device's key; the app itself shows when it no longer holds."""
    key = ensure_device_key(repaired.tablet.keystore, repaired.store.random_bytes)
    model = model_of(repaired)
    await through(model)
    model.sign()
    assert model.trouble is None
    assert model.seal is not None
    assert (model.seal.state, model.seal.fault) == ("sealed", "")
    op = next(one for one in outbox(repaired) if one["k"] == "sign_report")
    read = unpack_seal(op["a"]["seal"])
    assert op["v"] == 2
    assert read is not None
    document, public, signature = read
    assert public == key.public
    assert verify_signature(public, seal_text(document), signature)
    assert document["device_at"] == op["w"]
    assert document["place"]["address"] == "东单北大街53号"

    def forge(session: Session) -> None:
        session.execute(update(ServiceReport).values(opinion="设备已恢复正常。"))

    repaired.store.write(forge)
    model.refresh()
    assert (model.seal.state, model.seal.fault) == ("broken", "fields")
    route = sign_off_path(repaired.ticket)
    repaired.reach().store.choose(HANDED_TO, "")
    model.take_back()
    async with FletSession.open(repaired.main(TABLE), 400, 800, route) as page:
        assert page.shows(translate("en", "seal.state.broken"))


@pytest.mark.fault("K4")
@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant"])
async def test_a_report_the_office_took_back_says_so_on_the_tablet(
    repaired: TabletStand, language: str
) -> None:
    model = model_of(repaired)
    await through(model)
    model.sign()
    repaired.reach().store.choose(HANDED_TO, "")
    model.take_back()
    [report] = reports(repaired)
    void = ReportVoid(
        id=repaired.office.id("void"), agg=report.agg, ticket_id=report.ticket_id, report_id=report.id,
        approval_id="0198c0de-0000-7000-8000-0000abcd1234", reason="签字人有误", asked_by=repaired.office.id("zhou"),
        approved_by=repaired.office.id("gao"), voided_at=report.signed_at,
    )  # fmt: skip
    repaired.hear(rows=(void,))
    facts = model_of(repaired).facts
    assert facts is not None
    assert (facts.accepted, facts.voided is not None) == (None, True)
    route = sign_off_path(repaired.ticket)
    async with FletSession.open(repaired.main(TABLE, SavedPrefs(language, "light")), 1180, 820, route) as app:
        assert app.ident("report-voided") is not None
        assert app.shows(f"VOID 作废 作廢 · {report.number}")
        assert any("V-ABCD1234" in told and "签字人有误" in told for told in app.texts())
        assert app.errors == []
