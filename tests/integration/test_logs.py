"""Logs of both programs: rotated, bounded, and without what people wrote (L6)."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from common.customers.customer import Customer
from common.kernel.logs import ENTRY_AT_MOST, OWN, keep_log
from field_app import main as app_main
from field_app.store.engine import make_store_engine
from field_app.store.schema import open_schema
from sync_server.app import app_from_environment
from sync_server.db.engine import make_engine
from sync_server.db.migrate import upgrade
from sync_server.settings import SettingsError, read_settings

KB, FILES = 16, 3
NAME = "协和医院重症医学科"


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    """Leave the loggers as they were."""
    loggers = [logging.getLogger(name) for name in ("", "uvicorn", *OWN)]
    before = [(logger, list(logger.handlers), logger.level) for logger in loggers]
    yield
    for logger, handlers, level in before:
        for handler in set(logger.handlers) - set(handlers):
            logger.removeHandler(handler)
            handler.close()
        logger.setLevel(level)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set both programs up in a folder, with small logs."""
    monkeypatch.setenv("FIELDWRIGHT_DATA", str(tmp_path))
    monkeypatch.setenv("FIELDWRIGHT_LOG_KB", str(KB))
    monkeypatch.setenv("FIELDWRIGHT_LOG_FILES", str(FILES))
    monkeypatch.setenv("FIELDWRIGHT_TICKER_S", "0")
    monkeypatch.delenv("FIELDWRIGHT_DATABASE_URL", raising=False)
    return tmp_path


def start_server(folder: Path, _monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path]:
    engine = make_engine(read_settings().database)
    upgrade(engine, os.urandom)
    engine.dispose()
    app_from_environment()
    return "sync_server", folder / "server" / "logs"


def start_app(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path]:
    monkeypatch.setattr(sys, "argv", ["fieldwright-app", "--web", "--enrol", "no such code!"])
    with pytest.raises(SystemExit, match="neither a code nor an invitation"):
        app_main.main()
    return "field_app.sync", folder / "app" / "logs"


@pytest.mark.fault("L6")
@pytest.mark.parametrize("start", [start_server, start_app])
def test_a_program_that_logs_without_end_fills_no_disk(
    start: object, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, folder = start(small, monkeypatch)  # type: ignore[operator]
    logger = logging.getLogger(name)
    for number in range(3000):
        logger.error("entry %s: %s", number, "x" * 80)
    logger.error("long: %s end", "y" * 10 * ENTRY_AT_MOST)
    logging.getLogger("fontTools.subset").info("what a library tells of its daily work")
    logger.info("the last entry")
    files = sorted(folder.glob("*.log*"))
    assert len(files) == FILES
    size = sum(path.stat().st_size for path in files)
    assert size <= FILES * KB * 1024
    newest = next(path for path in files if path.suffix == ".log").read_text("utf-8")
    assert "the last entry" in newest
    assert "daily work" not in newest
    assert "characters …" in "".join(path.read_text("utf-8") for path in files)
    assert not any(path.is_file() and "log" in path.name for path in folder.parent.iterdir())


@pytest.mark.fault("L6")
def test_what_people_wrote_is_in_no_log(database_url: str, tmp_path: Path) -> None:
    """A bug that both databases complain about, with the row in their hands: the log names no customer."""
    server, tablet = make_engine(database_url), make_store_engine(tmp_path / "app.db")
    upgrade(server, os.urandom)
    open_schema(tablet)
    handler = keep_log(tmp_path / "logs", "server", KB, FILES)
    assert isinstance(handler, RotatingFileHandler)
    row = {"id": "0" * 36, "agg": None, "number": "C-1", "name": NAME}
    for engine in (server, tablet):
        try:
            with engine.begin() as connection:
                connection.execute(insert(Customer), [row])
        except IntegrityError:
            logging.getLogger("sync_server").exception("a bug")
        engine.dispose()
    told = Path(handler.baseFilename).read_text("utf-8")
    assert told.count("IntegrityError") >= 2
    assert NAME not in told
    assert "C-1" not in told


def test_programs_side_by_side_have_files_of_their_own(tmp_path: Path) -> None:
    first, second = (keep_log(tmp_path, "server", KB, FILES) for _ in range(2))
    assert isinstance(first, RotatingFileHandler)
    assert isinstance(second, RotatingFileHandler)
    assert [Path(one.baseFilename).name for one in (first, second)] == ["server.log", "server-2.log"]
    assert keep_log(tmp_path, "server", 0, FILES) is None
    (tmp_path / "a file").write_text("")
    assert keep_log(tmp_path / "a file" / "below", "server", KB, FILES) is None


def test_sizes_are_settings() -> None:
    assert (read_settings({}).log_kb, read_settings({"FIELDWRIGHT_LOG_KB": "64"}).log_kb) == (5120, 64)
    with pytest.raises(SettingsError, match="log_kb must be a whole number"):
        read_settings({"FIELDWRIGHT_LOG_KB": "much"})
