"""Outbox, conflicts, ready for today and the device's settings: what stands there, and what the buttons do."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from common.i18n import LANGUAGES, has_key, translate
from common.kernel.clock import millis
from common.protocol.messages import OpResult
from common.tickets.field_work import AddNote
from field_app.screens.table import screen_table
from field_app.state.conflicts import Conflicts
from field_app.state.edit_again import edit_lines, with_changes
from field_app.state.outbox import Outbox, say_size, state_key
from field_app.state.ready import Ready
from field_app.state.settings import DeviceFacts, clock_words
from field_app.store.queries_outbox import gist_of
from field_app.store.schema import OutboxOp
from field_app.store.store import state_of
from tests.support.flet_session import FletSession
from tests.support.tablet import CHINA, TabletStand, bare, stand


@pytest.fixture
def tablet(tmp_path: Path) -> TabletStand:
    return stand(tmp_path)


def states(tablet: TabletStand) -> list[str]:
    with tablet.store.read() as session:
        return list(session.scalars(select(OutboxOp.state).order_by(OutboxOp.ord)))


async def test_entries_say_how_far_they_are(tablet: TabletStand) -> None:
    model = Outbox(tablet.reach())
    assert model.page is not None
    assert (model.page.waiting, model.page.kept) == ((), ())
    tablet.do(AddNote(tablet.ticket, "钥匙在护士站"))
    model.refresh()
    [entry] = model.page.waiting
    assert (entry.kind, entry.gist.en, entry.number) == ("add_note", "钥匙在护士站", tablet.office.row.number)
    assert state_key(entry) == "new"
    assert entry.size > 100
    tablet.hear()
    model.refresh()
    assert state_key(model.page.waiting[0]) == "tried"
    tablet.hear(OpResult(tablet.last_op(), "flagged", 1, "overtaken_held", {"number": "T1"}))
    model.refresh()
    assert model.page.waiting == ()
    assert [state_key(one) for one in (*model.page.under_way, *model.page.kept)] in (["acked"], ["remark"])
    assert json.loads(model.export())[0]["envelope"]["a"]["text"] == "钥匙在护士站"


def test_an_answer_is_called_by_its_question_not_by_its_code(tablet: TabletStand) -> None:
    args = {"template": "on_site_conduct", "item": "badge_shown", "answer": "ok"}
    with tablet.store.read() as session:
        gist = gist_of(session, args)
        assert gist_of(session, args | {"item": "of_a_later_policy"}).en == "of_a_later_policy"
    assert [gist.in_language(language) for language in LANGUAGES] == [
        gist.en, "已出示工作证件并自我介绍", gist.zh_hant
    ]  # fmt: skip
    assert "badge_shown" not in (gist.en, gist.zh_hant)


def test_sizes_are_written_for_people() -> None:
    assert say_size(900) == ("app.outbox.bytes", {"n": "900"})
    assert say_size(2048 + 512) == ("app.outbox.kib", {"n": "2.5"})


async def test_a_command_not_accepted_can_be_withdrawn_or_left_to_the_office(tablet: TabletStand) -> None:
    op_id = tablet.park()
    model = Conflicts(tablet.reach())
    [one] = model.stuck
    assert (one.op_id, one.kind, one.code, one.is_blocked) == (
        op_id,
        "reschedule_ticket",
        "window_changed",
        False,
    )
    model.to_office(op_id)
    assert model.stuck[0].item_state == "office"
    model.withdraw(op_id)
    assert model.trouble is None
    assert model.stuck[0].item_state == "withdrawn"
    kinds = tablet.tablet.read(
        lambda session: list(session.scalars(select(OutboxOp.kind).order_by(OutboxOp.ord)))
    )
    assert kinds[-2:] == ["hand_to_office", "withdraw_command"]


async def test_a_command_is_written_anew_with_what_stands_now(tablet: TabletStand) -> None:
    op_id = tablet.park()
    model = Conflicts(tablet.reach())
    one = model.stuck[0]
    lines = {line.name: line for line in model.lines(one, CHINA)}
    assert "ticket_id" not in lines
    assert "seen_from_at" not in lines
    assert (lines["from_at"].kind, lines["from_at"].value) == ("instant", "2026-03-02 14:00")
    model.send_again(one, {"from_at": "tomorrow"}, CHINA)
    assert model.trouble is not None
    assert (model.trouble.code, model.trouble.values["field"]) == ("value_not_readable", "from_at")
    model.send_again(
        one, {"from_at": "2026-03-05 09:00", "until_at": "2026-03-05 11:00", "reason": "改到周四"}, CHINA
    )
    assert model.editing == ""
    ops = tablet.tablet.read(lambda session: list(session.scalars(select(OutboxOp).order_by(OutboxOp.ord))))
    again, back = ops[-2:]
    assert (again.kind, again.envelope["a"]["reason"]) == ("reschedule_ticket", "改到周四")
    assert again.envelope["a"]["from_at"] == millis(datetime(2026, 3, 5, 1, 0, tzinfo=UTC))
    assert (back.kind, back.envelope["a"]["op_id"]) == ("withdraw_command", op_id)


def test_edits_are_written_anew_field_by_field(tablet: TabletStand) -> None:
    args = {"ticket_id": tablet.ticket, "changes": [{"field": "address", "old": "a", "new": "b"}]}
    before = deepcopy(args)
    [line] = edit_lines("edit_ticket", args, CHINA)
    assert (line.name, line.label, line.value) == ("changes.0", "address", "b")
    written = with_changes("edit_ticket", args, {"changes.0": "c"}, CHINA)
    assert written["changes"] == [{"field": "address", "old": "a", "new": "c"}]
    assert args == before


async def test_two_values_of_one_field_and_who_gave_them(tablet: TabletStand) -> None:
    assert tablet.meet().lost_by == tablet.office.engineer
    model = Conflicts(tablet.reach())
    [met] = model.met
    assert (met.kept, met.lost, met.is_mine_kept, met.ticket_id) == ("刘主任", "张护士", False, tablet.ticket)
    assert [entry.code for entry in model.remarks] == ["edit_met_another"]
    model.remarks_read()
    assert model.remarks == ()
    model.settle(met, "keep")
    assert (model.trouble, model.met) == (None, ())


async def test_notices_are_read_one_by_one_or_all(tablet: TabletStand) -> None:
    tablet.hear(
        rows=[tablet.item(None, "notice", "notice_cancelled"), tablet.item(None, "notice", "notice_edited")]
    )
    model = Conflicts(tablet.reach())
    unread = [one for one in model.notices if not one.is_seen]
    assert {"notice_cancelled", "notice_edited"} <= {one.code for one in unread}
    model.read(unread[0].item_id)
    assert len([one for one in model.notices if not one.is_seen]) == len(unread) - 1
    model.read_all()
    assert all(one.is_seen for one in model.notices)


async def test_the_pages_of_outbox_and_conflicts(tablet: TabletStand) -> None:
    op_id = tablet.park()
    async with FletSession.open(tablet.main(screen_table()), 400, 800, "/outbox") as app:
        assert app.ident("outbox-stuck") is not None
        assert app.shows(translate("en", "command.reschedule_ticket"))
        await app.click("try-now")
        await app.click("to-conflicts")
        assert app.ident(f"stuck-{op_id}") is not None
        number = tablet.office.row.number
        assert app.shows(translate("en", "reason.window_changed", number=number))
        await app.click(f"edit-{op_id}")
        await app.type("again-from_at", "2026-03-05 09:00")
        await app.type("again-until_at", "2026-03-05 08:00")
        await app.click("edit-send")
        assert app.shows(translate("en", "reason.window_backwards"))
        await app.type("again-until_at", "2026-03-05 11:00")
        await app.click("edit-send")
        assert app.ident("edit-cancel") is None
        assert app.errors == []


async def test_an_empty_outbox_and_no_conflicts_say_so(tablet: TabletStand) -> None:
    Conflicts(tablet.reach()).read_all()
    tablet.store.write(lambda session: session.execute(delete(OutboxOp)))
    async with FletSession.open(tablet.main(screen_table()), route="/outbox") as app:
        assert app.ident("outbox-empty") is not None
        await app.go("/conflicts")
        assert app.ident("screen-conflicts") is not None
        assert app.errors == []


async def test_a_packed_tablet_is_ready(tablet: TabletStand) -> None:
    model = Ready(tablet.reach())
    model.refresh(tablet.clock.at, CHINA)
    assert model.found is not None
    assert [one.number for one in model.found.tickets] == [tablet.office.row.number]
    assert [item.code for one in model.found.tickets for item in one.items if not item.is_here] == []
    assert [item.code for item in model.found.common if not item.is_here] == []
    assert model.found.is_ready
    tablet.clock.advance(timedelta(hours=13))
    model.refresh(tablet.clock.at, CHINA)
    assert [item.code for item in model.found.common if not item.is_here] == ["contact"]


async def test_an_empty_tablet_says_what_is_missing_in_every_language(tmp_path: Path) -> None:
    nobody = bare(tmp_path)
    model = Ready(nobody.reach())
    model.refresh(nobody.clock.at, CHINA)
    assert model.found is not None
    codes = [item.code for item in model.found.common if not item.is_here]
    assert codes == ["contact", "person", "policy", "prices", "parts", "van"]
    for code in (*codes, "customer", "address", "equipment", "pouch", "checklist"):
        for word in ("here", "missing"):
            assert has_key(f"app.ready.{code}.{word}")


async def test_the_pages_of_ready_and_settings(tablet: TabletStand) -> None:
    async with FletSession.open(tablet.main(screen_table()), 1180, 820, "/settings") as app:
        assert app.shows(tablet.staff_number)
        await app.click("check-storage")
        await app.until(lambda: app.shows(translate("en", "app.settings.sound")))
        await app.click("to-ready")
        assert app.ident("ready") is not None
        await app.click("fetch-now")
        assert app.errors == []


@pytest.mark.parametrize(
    ("error_ms", "known", "key"),
    [
        (0, False, "unknown"),
        (3_000, True, "right"),
        (40_000, True, "fast_s"),
        (-40_000, True, "slow_s"),
        (7 * 60_000, True, "fast_min"),
        (-3 * 86_400_000, True, "slow_days"),
    ],
)
def test_a_wrong_clock_is_said_in_words(error_ms: int, known: bool, key: str) -> None:
    found, values = clock_words(error_ms, is_known=known)
    assert found == f"app.settings.clock.{key}"
    assert all("{" not in translate(language, found, **values) for language in LANGUAGES)


async def test_the_devices_clock_error_is_kept(tablet: TabletStand) -> None:
    def wrong(session: object) -> None:
        state_of(session).clock_error_ms = 420_000  # type: ignore[arg-type]

    tablet.store.write(wrong)
    facts = DeviceFacts(tablet.reach())
    assert facts.clock_error_ms == 420_000
    assert facts.is_enrolled
    done: Callable[[], str] = lambda: facts.check  # noqa: E731
    await facts.check_storage()
    assert done() == "ok"
