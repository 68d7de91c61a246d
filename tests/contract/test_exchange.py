"""One suite for both ways to the server: the service in-process, as the simulator has it, and HTTP as the product."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from common.kernel.command import Role
from common.people.person import Person
from common.people.person_commands import DeactivatePerson
from common.protocol.messages import (
    Busy,
    ClockNow,
    HaveRequest,
    NotTrusted,
    ReconcileRequest,
    Rejected,
    SyncExchange,
    SyncRequest,
    TooOld,
    Unreachable,
)
from field_app.store.outbox import build_request, counts
from field_app.store.store import state_of
from field_app.sync.enrol import EnrolRefused, Invitation, enrol, read_invitation
from field_app.sync.http import HttpExchange
from field_app.sync.keystore import FileKeystore
from field_app.sync.plan import MOST
from sync_server.db.office import SYSTEM, perform
from sync_server.people.enrolment import revoke_device
from sync_server.people.invitation import invitation, invitation_svg
from sync_server.sync.service import SyncService
from tests.support.served import Server, Tablet, a_server, a_tablet, listening

Exchange = Callable[[Tablet], SyncExchange]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with a_server("", tmp_path) as made:
        yield made


@pytest.fixture
def tablet(server: Server, tmp_path: Path) -> Iterator[Tablet]:
    with listening(server) as url:
        yield a_tablet(server, url, tmp_path / "tablet", server.person(Role.ENGINEER))


@pytest.fixture(params=["in process", "http"])
def exchange(request: pytest.FixtureRequest, server: Server, tablet: Tablet) -> SyncExchange:
    if request.param == "in process":
        return SyncService(server.parts.database)
    return tablet.exchange


def a_request(tablet: Tablet) -> SyncRequest:
    return tablet.store.write(
        lambda session: build_request(session, tablet.store.clock.read(), "0.1.0", MOST)
    )


def test_a_first_sync_brings_the_scope(tablet: Tablet, exchange: SyncExchange) -> None:
    answer = exchange.sync(a_request(tablet))
    entities = {entity for put in answer.put for entity in put.rows}
    assert "person" in entities
    assert (answer.more, answer.reset, answer.fork) == (False, False, None)
    assert answer.head > 0
    assert len(answer.tok) == 18


def test_the_same_request_again_is_answered_again(tablet: Tablet, exchange: SyncExchange) -> None:
    request = a_request(tablet)
    first, again = exchange.sync(request), exchange.sync(request)
    assert again.fork is None
    assert (first.put, first.head, first.cur) == (again.put, again.head, again.cur)


@pytest.mark.fault("A14")
def test_a_strange_token_is_another_copy(tablet: Tablet, exchange: SyncExchange) -> None:
    state = a_request(tablet)
    fork = exchange.sync(SyncRequest(state.dev, state.inc, "0" * 18, state.clk)).fork
    assert fork is not None
    assert fork.inc == 2


def test_unknown_commands_are_named(tablet: Tablet, exchange: SyncExchange) -> None:
    lost = "01a200c0-2d5b-752d-ad44-b54d7d5371db"
    answer = exchange.have(HaveRequest(tablet.enrolled.device_id, (lost,)))
    assert answer.unknown == (lost,)


@pytest.mark.fault("G1", "G2", "P9")
def test_reconcile_sends_what_differs_and_drops_what_is_foreign(
    tablet: Tablet, exchange: SyncExchange
) -> None:
    answer = exchange.reconcile(ReconcileRequest(tablet.enrolled.device_id, {"ticket:foreign": 3}))
    assert answer.drop == ("ticket:foreign",)
    assert f"person:{tablet.enrolled.person_id}" in {put.agg for put in answer.put}
    held = {put.agg: put.rev for put in answer.put}
    assert exchange.reconcile(ReconcileRequest(tablet.enrolled.device_id, held)).put == ()


def test_a_tablet_that_holds_very_much_is_reconciled_too(tablet: Tablet, exchange: SyncExchange) -> None:
    held = {f"ticket:{tablet.store.random_bytes(16).hex()}": 1 for _ in range(50_000)}
    assert len(exchange.reconcile(ReconcileRequest(tablet.enrolled.device_id, held)).drop) == 50_000


def test_the_loop_ends_quiet_over_http(tablet: Tablet) -> None:
    assert tablet.engine.turn(asked=True).value == "sync"
    assert tablet.engine.last_error == ""
    tablet.engine.turn(asked=True)
    with tablet.store.read() as session:
        assert session.scalars(select(Person.name)).all() == ["李强"]
        assert state_of(session).reconcile == 0
        assert counts(session).waiting == 0


@pytest.mark.fault("P5")
def test_a_revoked_device_is_told_so_and_its_work_is_kept(server: Server, tablet: Tablet) -> None:
    revoke_device(server.parts.database, SYSTEM, tablet.enrolled.device_id)
    request = a_request(tablet)
    with pytest.raises(NotTrusted) as told:
        tablet.exchange.sync(request)
    assert told.value.code == "device_revoked"
    assert told.value.answer is not None
    assert told.value.answer.put == ()
    tablet.engine.turn(asked=True)
    assert tablet.engine.last_error == "device_revoked"


def test_a_leaver_sees_nothing(server: Server, tablet: Tablet) -> None:
    server.person(Role.ADMINISTRATOR)
    assert perform(server.parts.database, SYSTEM, DeactivatePerson(tablet.enrolled.person_id)).took_effect
    with pytest.raises(NotTrusted):
        tablet.exchange.reconcile(ReconcileRequest(tablet.enrolled.device_id, {}))


def test_a_token_that_ran_out_is_renewed_without_a_word(server: Server, tablet: Tablet) -> None:
    tablet.exchange.sync(a_request(tablet))
    server.clock.at += timedelta(hours=1)  # the wall only: the tablet's own reckoning says the token lives
    assert tablet.exchange.have(HaveRequest(tablet.enrolled.device_id, ())).unknown == ()


def test_a_foreign_key_is_not_trusted(server: Server, tablet: Tablet, tmp_path: Path) -> None:
    other = a_tablet(server, server.url, tmp_path / "other", server.person(Role.ENGINEER))
    stolen = HttpExchange(server.url, tablet.enrolled.device_id, other.key, server.clock)
    with pytest.raises(NotTrusted) as told:
        stolen.have(HaveRequest(tablet.enrolled.device_id, ()))
    assert told.value.code == "signature_wrong"
    with pytest.raises(NotTrusted) as told:
        other.exchange.sync(a_request(tablet))
    assert told.value.code == "device_mismatch"


def test_an_app_too_old_may_still_push(tmp_path: Path) -> None:
    from sync_server.app import create_app

    with a_server("", tmp_path) as server:
        server.app = create_app(server.parts.settings, clock=server.clock, oldest_protocol=2)
        with listening(server) as url:
            tablet = a_tablet(server, url, tmp_path / "tablet", server.person(Role.ENGINEER))
            with pytest.raises(TooOld) as told:
                tablet.exchange.sync(a_request(tablet))
            assert told.value.answer is not None
            assert (told.value.answer.put, told.value.answer.more) == ((), True)
            tablet.engine.turn(asked=True)
            assert tablet.engine.last_error == "too_old"


def answering(
    server: Server, tablet: Tablet, answer: Callable[[httpx.Request], httpx.Response]
) -> HttpExchange:
    """An exchange over a line that answers as it likes."""
    transport = httpx.MockTransport(answer)
    return HttpExchange(
        "http://127.0.0.1:9", tablet.enrolled.device_id, tablet.key, server.clock, transport=transport
    )


PORTAL = {"content-type": "text/html"}
PRESSED = {"content-type": "application/json", "content-encoding": "x-deflate-d1"}


@pytest.mark.fault("B7")
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(200, headers=PORTAL, text="<html>Welcome to the hotel"), Unreachable),
        (httpx.Response(302, headers={"location": "http://portal.example/"}), Unreachable),
        (httpx.Response(401, headers=PORTAL, text="<html>"), Unreachable),
        (httpx.Response(502, headers=PORTAL, text="<html>Bad gateway"), Unreachable),
        (httpx.Response(200, headers={"content-type": "application/json"}, text="{"), Unreachable),
        (httpx.Response(200, json=[1]), Unreachable),
        (httpx.Response(200, json={"welcome": "hotel"}), Unreachable),
        (httpx.Response(200, headers=PRESSED, text="no"), Unreachable),
        (httpx.Response(409, json={"reason_code": "lane_busy"}), Busy),
        (httpx.Response(503, headers={"retry-after": "7"}, json={"reason_code": "database_busy"}), Busy),
        (httpx.Response(500, json={"reason_code": "internal_error"}), Busy),
        (httpx.Response(422, json={"reason_code": "type_int"}), Rejected),
    ],
)  # fmt: skip
def test_bad_answers_mean_the_right_thing(
    server: Server, tablet: Tablet, answer: httpx.Response, error: type[Exception]
) -> None:
    exchange = answering(server, tablet, lambda _: answer)
    with pytest.raises(error):
        exchange.have(HaveRequest(tablet.enrolled.device_id, ()))


def test_silence_is_not_an_answer(server: Server, tablet: Tablet) -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("nothing came", request=request)

    with pytest.raises(Unreachable):
        answering(server, tablet, silent).have(HaveRequest(tablet.enrolled.device_id, ()))


def test_the_switch_cuts_the_line(server: Server, tablet: Tablet) -> None:
    cut = HttpExchange(server.url, tablet.enrolled.device_id, tablet.key, server.clock, is_cut=lambda: True)
    with pytest.raises(Unreachable):
        cut.have(HaveRequest(tablet.enrolled.device_id, ()))


@pytest.mark.parametrize(
    "url", ["http://service.example", "ftp://127.0.0.1", "http://127.0.0.1.evil.example", ""]
)
def test_plain_http_is_for_this_machine_only(server: Server, tablet: Tablet, url: str) -> None:
    with pytest.raises(NotTrusted) as told:
        HttpExchange(url, tablet.enrolled.device_id, tablet.key, server.clock)
    assert told.value.code == "plain_http"


def test_an_invitation_is_read_as_it_was_written() -> None:
    written = invitation("https://service.example", "ABCDE-01234")
    read = read_invitation(written)
    assert read == Invitation("https://service.example", "ABCDE01234")
    assert read_invitation(" abcde-o1234 ") == Invitation("", "ABCDE01234")
    assert invitation_svg("https://service.example", "ABCDE-01234").startswith("<svg")


@pytest.mark.fault("H12")
@pytest.mark.parametrize(
    "hostile",
    [
        "", "javascript:alert(1)", "https://evil.example", "fieldwright:enrol?u=javascript:alert(1)&c=ABCDE01234",
        "fieldwright:enrol?u=https://x.example&c=short", "fieldwright:enrol?c=ABCDE01234", "A" * 3000,
        "fieldwright:enrol?u=https://x\n.example&c=ABCDE0123\x00", "ＡＢＣＤＥ０１２３４",
    ],
)  # fmt: skip
def test_a_hostile_picture_is_no_invitation(hostile: str) -> None:
    assert read_invitation(hostile) is None


def test_a_wrong_code_is_refused_in_words(server: Server, tablet: Tablet, tmp_path: Path) -> None:
    keystore = FileKeystore(tmp_path / "fresh")
    with pytest.raises(EnrolRefused) as told:
        enrol(tablet.store, keystore, Invitation(server.url, "0000000000"), "Tablet", os.urandom)
    assert told.value.code == "enrol_code_wrong"


def test_secrets_on_the_tablet_are_for_their_owner_only(tmp_path: Path) -> None:
    keystore = FileKeystore(tmp_path / "keys")
    assert keystore.load("device") is None
    keystore.keep("device", b"secret")
    keystore.keep("device", b"newer")
    assert keystore.load("device") == b"newer"
    assert (tmp_path / "keys" / "device.key").stat().st_mode & 0o777 == 0o600
    keystore.forget("device")
    keystore.forget("device")
    assert keystore.load("device") is None
    with pytest.raises(ValueError, match="not a name"):
        keystore.load("../device")


@pytest.mark.fault("E1")
def test_a_clock_far_off_does_not_lock_a_tablet_out(server: Server, tmp_path: Path) -> None:
    from tests.support.fake_clock import FakeClock

    with listening(server) as url:
        wrong = FakeClock(at=server.clock.at - timedelta(days=2600))
        tablet = a_tablet(server, url, tmp_path / "late", server.person(Role.ENGINEER), clock=wrong)
        tablet.engine.turn(asked=True)
        assert tablet.engine.last_error == ""
        with tablet.store.read() as session:
            assert state_of(session).clock_error_ms == -2600 * 86_400_000


def test_a_request_says_the_tablets_clock(tablet: Tablet) -> None:
    reading = tablet.store.clock.read()
    assert a_request(tablet).clk == ClockNow(reading.wall_ms, reading.mono_ms, reading.boot)
