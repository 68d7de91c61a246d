"""A rebase repeats what is undisturbed, runs what is not, and both end as a rebuilding from nothing does."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from common.customers.customer_commands import EditCustomer
from common.inbox.edits import Change
from common.tickets.closing import CancelTicket
from common.tickets.field_work import AcknowledgeTicket, AddNote, StartTravel
from field_app.store import overlay
from field_app.store.apply import rebase_all
from field_app.store.memo import Memo, Trace
from tests.simulation.checks import check_rebase_law
from tests.simulation.cluster import Network, SimDevice, SimServer, Time
from tests.simulation.stage import CUSTOMERS, TICKETS, give_office, images

GIVEN = 12


@dataclass
class Bench:
    """A tablet with pending commands, and how many of them had to run again."""

    server: SimServer
    device: SimDevice
    ran: list[int] = field(default_factory=list)

    def sync(self) -> None:
        """Take a turn over a good line."""
        self.device.engine.turn(asked=True)
        assert not self.device.engine.last_error


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Make the tablet; its first ticket is acknowledged, under way and full of notes."""
    time, rng = Time(), random.Random(4)
    made = images()
    server = SimServer(made.server, time, rng)
    device = SimDevice("van 1", made.devices[0], server, time, Network(rng))
    bench = Bench(server, device)
    bench.sync()
    mine = [TICKETS[0], TICKETS[3]]
    for ticket_id in mine:
        assert device.store.give(AcknowledgeTicket(ticket_id)).outcome.took_effect
        assert device.store.give(StartTravel(ticket_id)).outcome.took_effect
    for i in range(GIVEN - 4):
        time.pass_by(1000)
        assert device.store.give(AddNote(mine[i % 2], f"note {i}")).outcome.took_effect
    real = overlay._run_again

    def counted(session: object, op_ord: int, actor: object) -> str:
        bench.ran.append(op_ord)
        return real(session, op_ord, actor)  # type: ignore[arg-type]

    monkeypatch.setattr(overlay, "_run_again", counted)
    return bench


def keep_back(bench: Bench) -> None:
    """Leave the commands unsent: what comes is to meet them in the overlay."""
    sent = "UPDATE op SET state = 'acked'"
    bench.device.store.write(lambda session: session.connection().exec_driver_sql(sent))


def test_an_undisturbed_rebase_runs_nothing(bench: Bench) -> None:
    bench.device.store.write(rebase_all)
    assert bench.ran == []
    check_rebase_law(bench.device)
    assert len(bench.ran) == GIVEN  # rebuilding from nothing knows no traces


def test_a_new_start_runs_each_once(bench: Bench) -> None:
    bench.device.crash()
    bench.device.store.write(rebase_all)
    assert len(bench.ran) == GIVEN
    bench.device.store.write(rebase_all)
    assert len(bench.ran) == GIVEN


def test_what_the_office_changed_runs_and_the_rest_is_repeated(bench: Bench) -> None:
    ticket_id = TICKETS[3]
    keep_back(bench)
    assert give_office(bench.server.database, CancelTicket(ticket_id, "called off")).took_effect
    bench.sync()
    disturbed = len(bench.ran)
    assert 0 < disturbed < GIVEN
    check_rebase_law(bench.device)


def test_what_no_command_reads_disturbs_none(bench: Bench) -> None:
    keep_back(bench)
    edit = EditCustomer(CUSTOMERS[0], (Change("address", "0 Road", "9 Road"),))
    assert give_office(bench.server.database, edit).took_effect
    bench.sync()
    assert bench.ran == []
    check_rebase_law(bench.device)


def test_no_more_than_a_thousand_are_kept() -> None:
    memo = Memo()
    for i in range(1200):
        memo.keep(str(i), Trace(), "")
    assert memo.find("0") is None
    assert memo.find("1199") is not None
    memo.forget(["1199"])
    assert memo.find("1199") is None
