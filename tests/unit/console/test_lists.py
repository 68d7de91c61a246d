"""A list's address: read leniently, written back shortly, and only names of the specification reach SQL."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, insert, select
from starlette.requests import Request

from sync_server.console.lists import ListPage, ListQuery, ListSpec, contains, counted, in_page, last_page

SPEC = ListSpec(
    "/console/parts", ("name", "qty"), "-qty", {"state": ("open", "done"), "zone": ()}, page_size=3
)
PARTS = Table(
    "part",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", String),
    Column("qty", Integer),
)


def ask(query: str) -> ListQuery:
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": query.encode(), "headers": []}
    return SPEC.read(Request(scope))


@pytest.mark.parametrize(
    "query",
    ["", "sort=password", "sort=--qty", "page=0", "page=-1", "page=x", "page=%D9%A3", "page=" + "9" * 40,
     "state=evil", "zone=" + "x" * 500, "q=%00", "page="],
)  # fmt: skip
def test_a_wrong_parameter_falls_back(query: str) -> None:
    asked = ask(query)
    assert (asked.sort, asked.page, dict(asked.filters), asked.search) == ("-qty", 1, {}, "")


def test_addresses_keep_what_differs_from_the_default() -> None:
    asked = ask(f"q={quote('泵')}+A&sort=name&state=open&page=2")
    assert asked.url() == f"/console/parts?q={quote('泵')}+A&state=open&sort=name&page=2"
    assert asked.url(q="", state="", sort="-qty", page=1) == "/console/parts"
    assert asked.sort_url("name").endswith("sort=-name")
    assert asked.sort_url("qty").endswith("sort=qty")
    assert (asked.aria_sort("name"), asked.aria_sort("qty")) == ("ascending", "none")


def test_pages_count_from_one_and_end_where_rows_end() -> None:
    page = ListPage(["a"], 7, ask("page=3"))
    assert (page.pages, page.first, page.last) == (3, 7, 7)
    assert last_page(ask("page=900"), 7).page == 3
    assert ListPage([], 0, ask("")).pages == 1


def test_search_takes_wildcards_literally_and_every_word_counts() -> None:
    engine = create_engine("sqlite://")
    PARTS.metadata.create_all(engine)
    names = ["100% valve", "1000 valve", "valve seal", "Valve 泵 seal", "a_b", "axb"]
    with engine.begin() as connection:
        connection.execute(insert(PARTS), [{"name": name, "qty": len(name)} for name in names])

        def found(search: str) -> list[str]:
            statement = select(PARTS.c.name).where(contains(search, PARTS.c.name)).order_by(PARTS.c.id)
            return list(connection.scalars(statement))

        assert found("100%") == ["100% valve"]
        assert found("a_b") == ["a_b"]
        assert found("SEAL valve") == ["valve seal", "Valve 泵 seal"]
        assert len(found("")) == 6
        statement = select(PARTS.c.name)
        shown = connection.scalars(in_page(statement, ask("page=2"), {"qty": PARTS.c.qty}, PARTS.c.id)).all()
        assert shown == ["valve seal", "a_b", "axb"]
        assert connection.scalar(counted(statement.order_by(PARTS.c.name))) == 6
    engine.dispose()
