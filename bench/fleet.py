"""Fifty devices, each with twenty edits on two hundred shared tickets, all coming in at once; then all agree.

Owns the fleet and the check that it converged. The raw limit is one durable commit of the same commands and plain HTTP
of the same bytes, one after the other.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select, text

from bench.company import Company, make_company
from bench.host import product_server
from bench.meter import cpu_s, measuring
from bench.raw import PlainLine, raw_batch_ms
from bench.report import Figure
from bench.tablets import BenchTablet, a_tablet
from common.kernel.clock import instant
from common.kernel.codec import compact
from common.tickets.dispatching import AssignTicket
from common.tickets.field_work import AddNote
from field_app.store.outbox import counts
from field_app.store.schema import OutboxOp
from sync_server.db.office import SYSTEM, perform_many

DEVICES, TICKETS, EDITS, ON_EACH = 50, 200, 20, 5
AT_ONCE = 16
ROUNDS = 12


def fleet(folder: Path, plain: PlainLine) -> Figure:
    """Measure from the first push until every device holds everybody's edits."""
    company = make_company(folder / "fleet", 100, DEVICES, TICKETS // DEVICES)
    tickets = _share(company)
    with product_server(folder / "fleet") as host, ExitStack() as stack:
        tablets = []
        for number, person_id in enumerate(company.engineers):
            tablet = a_tablet(company, host.url, folder / f"fleet-{number}", person_id)
            stack.callback(tablet.close)
            tablet.sync()
            for i, ticket_id in enumerate(tickets[person_id]):
                if not tablet.store.give(AddNote(ticket_id, f"{number}/{i}")).outcome.took_effect:
                    raise RuntimeError("an edit was refused")
            tablets.append(tablet)
        envelopes = [body for tablet in tablets for body in _envelopes(tablet)]
        before = [(t.wire.trips, t.wire.up, t.wire.down) for t in tablets]
        server_s = cpu_s(host.pid)
        with measuring() as sample, ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(_push, tablets))
            _until_quiet(pool, tablets)
        sample.server_cpu_ms = (cpu_s(host.pid) - server_s) * 1000
        found = [(t.wire.trips, t.wire.up, t.wire.down) for t in tablets]
        sample.trips, sample.up, sample.down = (
            sum(new[i] - old[i] for new, old in zip(found, before, strict=True)) for i in range(3)
        )
        _agree(company, tablets, tickets)
    write_ms = raw_batch_ms(folder / "fleet.db", envelopes)
    line_ms = plain.transfer_ms(sample.trips, sample.up, sample.down)
    sample.parts_ms = {"sqlite": write_ms, "http": line_ms}
    company.parts.database.engine.dispose()
    title = f"{DEVICES} devices, {EDITS} edits each on {TICKETS} shared tickets, until all agree"
    return Figure.of("fleet", title, [sample], [write_ms + line_ms], ops=len(envelopes))


def _share(company: Company) -> dict[str, list[str]]:
    """Send five engineers to every ticket, so that each has twenty."""
    database = company.parts.database
    start = instant(database.clock.read().wall_ms) + timedelta(hours=1)
    held = {person_id: list(own) for person_id, own in company.tickets.items()}
    payloads = []
    for place, person_id in enumerate(company.engineers):
        for ticket_id in company.tickets[person_id]:
            for step in range(1, ON_EACH):
                helper = company.engineers[(place + step * 7) % DEVICES]
                held[helper].append(ticket_id)
                window = (start, start + timedelta(hours=1))
                payloads.append(AssignTicket(ticket_id, database.new_id(), helper, *window, "measured"))
    for outcome in perform_many(database, SYSTEM, payloads):
        if not outcome.took_effect:
            raise RuntimeError(f"an engineer could not be sent: {outcome}")
    if any(len(some) != EDITS for some in held.values()):
        raise RuntimeError("the tickets are not shared evenly")
    return held


def _push(tablet: BenchTablet) -> None:
    for _ in range(ROUNDS):  # a server asked too much at once says 503: the device comes again
        tablet.engine.turn(asked=True)
        with tablet.store.read() as session:
            if not counts(session).waiting and not tablet.engine.last_error and not tablet.engine.line.more:
                return
    raise RuntimeError(f"a device does not come through: {tablet.engine.last_error}")


def _until_quiet(pool: ThreadPoolExecutor, tablets: list[BenchTablet]) -> None:
    for _ in range(ROUNDS):
        cursors = [_cursor(tablet) for tablet in tablets]
        list(pool.map(_push, tablets))
        if [_cursor(tablet) for tablet in tablets] == cursors:
            return
    raise RuntimeError("the fleet does not come to rest")


def _cursor(tablet: BenchTablet) -> str:
    with tablet.store.read() as session:
        return str(session.execute(text("SELECT cursor FROM sync_state")).scalar_one())


def _envelopes(tablet: BenchTablet) -> list[str]:
    with tablet.store.read() as session:
        return [compact(one) for one in session.scalars(select(OutboxOp.envelope).order_by(OutboxOp.ord))]


def _agree(company: Company, tablets: list[BenchTablet], tickets: dict[str, list[str]]) -> None:
    """Raise RuntimeError unless every edit is at the server once and on every tablet that holds its ticket."""
    query = text("SELECT ticket_id, note FROM ticket_event WHERE kind = 'note' ORDER BY 1, 2")
    with company.parts.database.read() as session:
        master = [tuple(row) for row in session.execute(query)]
    if len(master) != DEVICES * EDITS or len(set(master)) != len(master):
        raise RuntimeError(f"the server has {len(master)} edits")
    for person_id, tablet in zip(company.engineers, tablets, strict=True):
        with tablet.store.read() as session:
            here = [tuple(row) for row in session.execute(query)]
        if here != [row for row in master if row[0] in set(tickets[person_id])]:
            raise RuntimeError("a tablet does not agree with the server")
