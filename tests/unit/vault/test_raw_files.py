"""What a finder reads off a tablet: the raw files hold nothing that is private, whatever happened to the app.

Plain files of before are sealed in place; killed at any portion, the next start goes on.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError

from common.customers.customer import Customer
from common.inbox.edits import Change
from common.tickets.field_work import AddNote
from common.tickets.intake import EditTicket
from common.tickets.ticket import Ticket
from common.visit.hashing import content_hash
from common.visit.stop_use import GiveStopUseNotice, notice_content
from field_app.store import private
from field_app.store.apply import rebase_all
from field_app.store.engine import make_store_engine
from field_app.store.private import private_columns
from field_app.store.schema import OutboxOp, Setting
from field_app.store.store import OtherKeyError, Store
from field_app.vault.cipher import Cipher
from tests.support.browser import ROOT
from tests.support.fake_clock import FakeClock
from tests.support.tablet import TabletStand, stand

STROKES = "[[[7,7,0],[311,127,16],[909,303,32]]]"
NOTE = "钥匙在护士站，夜间找值班护士"
DRAFT = "The half-typed finding"
KNOWN = (NOTE, DRAFT, STROKES, "漏电伤人", "停止使用这台设备", "王主任签字", "张护士长来电")


def cipher(key: bytes = b"k") -> Cipher:
    return Cipher(key * 32, 1, random.Random(3).randbytes)


def live(tablet: TabletStand) -> None:
    """Leave one of everything private on the tablet."""
    row = tablet.office.row
    tablet.repair()
    tablet.do(AddNote(tablet.ticket, NOTE))
    tablet.do(EditTicket(tablet.ticket, (Change("contact", row.contact, "张护士长来电"),)))
    shown = notice_content(row.number, str(row.equipment_id), "漏电伤人", "停止使用这台设备")
    stop = GiveStopUseNotice(
        tablet.office.id("stop"), tablet.ticket, str(row.equipment_id), "漏电伤人", "停止使用这台设备", "王主任签字",
        STROKES, content_hash(shown), "设备科",
    )  # fmt: skip
    tablet.do(stop)
    tablet.store.keep_draft(f"diagnosis:{tablet.ticket}", {"finding": DRAFT})
    tablet.store.choose("person.name", "李伟的名字")


def secrets_in(store: Store) -> set[str]:
    """List every private value that is long enough to be told from chance, and is nowhere in the clear."""
    found: set[str] = set(KNOWN) | {"李伟的名字"}
    with store.read() as session:
        for table, (_, columns) in private_columns().items():
            if table != "setting":
                for column in columns:
                    rows = session.execute(text(f'SELECT "{column}" FROM "{table}"')).scalars()
                    found |= {value for value in rows if isinstance(value, str) and len(value.encode()) >= 9}
    return found


def leaks(folder: Path, secrets: set[str]) -> dict[str, list[str]]:
    """Name what of it stands in any file, or in any file's name."""
    found: dict[str, list[str]] = {}
    for path in folder.rglob("*"):
        raw = path.name.encode() + (path.read_bytes() if path.is_file() else b"")
        seen = [secret for secret in secrets if secret.encode() in raw]
        seen += [
            secret for secret in secrets if secret.encode("unicode_escape") in raw and not secret.isascii()
        ]
        if seen:
            found[path.name] = seen
    return found


@pytest.mark.fault("P10")
def test_a_file_that_was_plain_is_sealed_in_place(tmp_path: Path) -> None:
    tablet = stand(tmp_path)
    live(tablet)
    secrets = secrets_in(tablet.store)
    assert len(secrets) > 30
    before = {kind: tablet.tablet.read(kind) for kind in (_tickets, _customers, _ops)}
    assert leaks(tmp_path, secrets)
    tablet.store.unseal(cipher(), "one")
    assert leaks(tmp_path, secrets) == {}
    assert {kind: tablet.tablet.read(kind) for kind in before} == before
    assert tablet.store.draft(f"diagnosis:{tablet.ticket}") == {"finding": DRAFT}


@pytest.mark.fault("P10")
def test_what_is_written_later_never_touches_the_disk_in_the_clear(tmp_path: Path) -> None:
    tablet = stand(tmp_path)
    tablet.store.unseal(cipher(), "one")
    live(tablet)
    tablet.store.write(rebase_all)
    assert leaks(tmp_path, secrets_in(tablet.store)) == {}
    assert tablet.tablet.read(_ticket_contact(tablet.ticket)) == "张护士长来电"


@pytest.mark.fault("P10")
def test_nothing_is_readable_after_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    words = [sys.executable, "-c", "from tests.unit.vault.test_raw_files import die; die()", str(folder)]
    child = subprocess.run(words, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    assert (folder / "tablet.db-wal").stat().st_size > 0
    (folder / "app.log").write_bytes(child.stdout + child.stderr)
    assert leaks(folder, set(KNOWN)) == {}
    again = opened(folder)
    again.unseal(cipher(), "one")
    with again.read() as session:
        assert NOTE in str(_ops(session))


def die() -> None:
    """Live a visit on a sealed tablet, then be killed without a goodbye."""
    tablet = stand(Path(sys.argv[1]))
    tablet.store.unseal(cipher(), "one")
    live(tablet)
    try:
        tablet.store.write(
            lambda session: session.execute(text("INSERT INTO draft VALUES (:k, 1)"), {"k": NOTE})
        )
    except Exception as error:  # noqa: BLE001 - what a log would show
        print(error)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.fault("A9")
def test_killed_at_any_portion_the_sealing_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tablet = stand(tmp_path)
    live(tablet)
    secrets, before = secrets_in(tablet.store), tablet.tablet.read(_ops)
    monkeypatch.setattr(private, "BATCH", 3)
    seal_portion, base_portion, portions = (
        private._seal_portion,
        private._seal_base_portion,
        iter(range(10_000)),
    )
    died, store = 0, tablet.store

    def dying(kind):  # type: ignore[no-untyped-def]
        def portion(*args):  # type: ignore[no-untyped-def]
            if next(portions) % 7 == 6:
                raise KeyboardInterrupt
            return kind(*args)

        return portion

    monkeypatch.setattr(private, "_seal_portion", dying(seal_portion))
    monkeypatch.setattr(private, "_seal_base_portion", dying(base_portion))
    while True:
        try:
            store.unseal(cipher(), "one")
            break
        except KeyboardInterrupt:
            died += 1
            store.engine.dispose()
            store = opened(tmp_path)
            assert not store.sealed_with
            if died > 20:
                monkeypatch.setattr(private, "_seal_portion", seal_portion)
                monkeypatch.setattr(private, "_seal_base_portion", base_portion)
    assert died > 5
    assert leaks(tmp_path, secrets) == {}
    with store.read() as session:
        assert _ops(session) == before


def test_a_closed_vault_gives_what_is_clear_and_nothing_else(tmp_path: Path) -> None:
    tablet = stand(tmp_path)
    tablet.store.unseal(cipher(), "one")
    tablet.store.shut()
    assert tablet.store.identity().person_id
    assert tablet.tablet.status() is not None
    with pytest.raises(OperationalError):
        tablet.tablet.read(_customers)
    with pytest.raises(OperationalError):
        tablet.store.keep_draft("x", {"a": DRAFT})


def test_another_key_is_refused_and_nothing_is_touched(tmp_path: Path) -> None:
    tablet = stand(tmp_path)
    tablet.store.unseal(cipher(), "one")
    customers = tablet.tablet.read(_customers)
    again = opened(tmp_path)
    with pytest.raises(OtherKeyError):
        again.unseal(cipher(b"j"), "two")
    again.unseal(cipher(), "one")
    with again.read() as session:
        assert _customers(session) == customers


def test_values_moved_to_another_row_or_planted_plain_do_not_open(tmp_path: Path) -> None:
    tablet = stand(tmp_path)
    tablet.store.unseal(cipher(), "one")
    tablet.do(AddNote(tablet.ticket, NOTE))
    raw = sqlite3.connect(tmp_path / "tablet.db")
    raw.execute("UPDATE main.customer SET name = folded")
    raw.commit()
    with pytest.raises(OperationalError):
        tablet.tablet.read(_customers)
    raw.execute("UPDATE main.customer SET name = 'planted'")
    raw.commit()
    with pytest.raises(OperationalError):
        tablet.tablet.read(_customers)
    raw.close()


def test_queries_see_plain_words(tmp_path: Path) -> None:
    tablet = stand(tmp_path)
    tablet.store.unseal(cipher(), "one")
    tablet.do(AddNote(tablet.ticket, NOTE))
    with tablet.store.read() as session:
        name = session.scalars(select(Customer.name)).first()
        assert name
        assert session.scalars(select(Customer.name).where(Customer.name.contains(name[:2]))).all() == [name]
        assert session.scalars(select(OutboxOp.ord).order_by(OutboxOp.ord)).all() == [1]
    tablet.store.write(lambda s: s.execute(update(OutboxOp).values(details={"a": 1})))
    assert tablet.tablet.read(lambda s: s.scalar(select(OutboxOp.details))) == {"a": 1}
    tablet.store.choose("line.cut", "1")
    with tablet.store.read() as session:
        assert session.scalar(select(Setting.value).where(Setting.key == "line.cut")) == "1"


def opened(folder: Path) -> Store:
    """Start the app again on what is on the disk."""
    return Store(make_store_engine(folder / "tablet.db"), FakeClock(), random.Random(1).randbytes)


def _tickets(session):  # type: ignore[no-untyped-def]
    columns = (Ticket.id, Ticket.fault_text, Ticket.address, Ticket.plan)
    return session.execute(select(*columns).order_by(Ticket.id)).all()


def _customers(session):  # type: ignore[no-untyped-def]
    return session.execute(select(Customer.id, Customer.name, Customer.phone).order_by(Customer.id)).all()


def _ops(session):  # type: ignore[no-untyped-def]
    return session.execute(select(OutboxOp.id, OutboxOp.envelope).order_by(OutboxOp.ord)).all()


def _ticket_contact(ticket_id):  # type: ignore[no-untyped-def]
    return lambda session: session.scalar(select(Ticket.contact).where(Ticket.id == ticket_id))
