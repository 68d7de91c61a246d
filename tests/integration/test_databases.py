"""The databases the tests run on are what they claim to be: real, empty, apart and both."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, inspect, text

from tests.support.postgres import (
    Installation,
    LocalServer,
    NoPostgres,
    fresh_database,
    packaged_installation,
)


def test_database_is_empty_and_writable(database_url: str) -> None:
    engine = create_engine(database_url)
    try:
        assert inspect(engine).get_table_names() == []
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE part (name TEXT)"))
            connection.execute(text("INSERT INTO part VALUES (:name)"), {"name": "备件 ß 😀"})
        with engine.connect() as connection:
            assert connection.execute(text("SELECT name FROM part")).scalar_one() == "备件 ß 😀"
    finally:
        engine.dispose()


def test_postgresql_lets_two_writers_work_at_once(postgres_database: str) -> None:
    engine = create_engine(postgres_database)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE level (id INT PRIMARY KEY, qty INT)"))
        connection.execute(text("INSERT INTO level VALUES (1, 0), (2, 0)"))
    done = []

    def other_writer() -> None:
        with engine.begin() as connection:
            connection.execute(text("UPDATE level SET qty = 2 WHERE id = 2"))
        done.append(True)

    with engine.begin() as connection:
        connection.execute(text("UPDATE level SET qty = 1 WHERE id = 1"))
        thread = threading.Thread(target=other_writer)
        thread.start()
        thread.join()  # ends while this transaction is still open
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT qty FROM level ORDER BY id")).scalars().all()
    engine.dispose()
    assert done == [True]
    assert rows == [1, 2]


def test_databases_are_apart_and_copied_from_a_template(postgres_server: URL) -> None:
    with fresh_database(postgres_server) as first:
        engine = create_engine(first)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE ticket (id TEXT)"))
        engine.dispose()
        with (
            fresh_database(postgres_server) as second,
            fresh_database(postgres_server, template=first.database) as third,
        ):
            tables = []
            for url in (second, third):
                engine = create_engine(url)
                tables.append(inspect(engine).get_table_names())
                engine.dispose()
    assert tables == [[], ["ticket"]]


def test_the_packaged_server_starts_where_the_system_has_none() -> None:
    installation = packaged_installation()
    assert installation is not None
    server = LocalServer(installation)
    server.start()
    try:
        engine = create_engine(server.url)
        with engine.connect() as connection:
            version = connection.execute(text("SHOW server_version_num")).scalar_one()
        engine.dispose()
    finally:
        server.stop()
    assert int(version) >= 150000


def test_a_broken_installation_says_what_went_wrong() -> None:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "initdb")
        program.write_text("#!/bin/sh\necho no space left\nexit 1\n")
        program.chmod(0o755)
        Path(folder).chmod(0o755)
        server = LocalServer(Installation(Path(folder)))
        try:
            with pytest.raises(NoPostgres, match=r"initdb failed:\nno space left"):
                server.start()
        finally:
            server.stop()
