"""One list helper for every list page: search, filters, sorting by an allow list, pages of 50, one URL.

Owns reading the address and writing it back. A wrong parameter falls back to the default, never to an error;
names that reach SQL come from the specification, never from the address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true
from starlette.requests import Request

PAGE_SIZE = 50
SEARCH_LENGTH_MAX = 100
PAGE_MAX = 100_000


@dataclass(frozen=True, slots=True)
class ListSpec:
    """What a list allows.

    `sorts`: names that may be sorted by; `default_sort`: one of them, a leading `-` means descending;
    `filters`: name → allowed values, an empty tuple allows any short text (ids).
    """

    path: str
    sorts: tuple[str, ...]
    default_sort: str
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    page_size: int = PAGE_SIZE

    def read(self, request: Request) -> ListQuery:
        """Read the query of an address."""
        given = request.query_params
        filters = {}
        for name, allowed in self.filters.items():
            value = given.get(name, "")
            if value and (value in allowed if allowed else len(value) <= SEARCH_LENGTH_MAX):
                filters[name] = value
        sort = given.get("sort", "")
        if sort.removeprefix("-") not in self.sorts:
            sort = self.default_sort
        page = given.get("page", "1")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 9 else 1
        search = " ".join(given.get("q", "").replace("\0", " ").split())[:SEARCH_LENGTH_MAX]
        return ListQuery(self, search, filters, sort, min(max(number, 1), PAGE_MAX))


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What was asked of a list; `sort` carries its direction as a leading `-`, `page` counts from 1."""

    spec: ListSpec
    search: str
    filters: Mapping[str, str]
    sort: str
    page: int

    @property
    def sort_name(self) -> str:
        """Return the sorted column's name."""
        return self.sort.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        """Say whether the largest comes first."""
        return self.sort.startswith("-")

    @property
    def offset(self) -> int:
        """Return how many rows stand before this page."""
        return (self.page - 1) * self.spec.page_size

    def url(self, **changes: object) -> str:
        """Write this list's address with changes (`q`, `sort`, `page`, filters); defaults are left out."""
        values: dict[str, object] = {"q": self.search, **self.filters, "sort": self.sort, "page": self.page}
        values |= changes
        if values["sort"] == self.spec.default_sort:
            del values["sort"]
        if values["page"] == 1:
            del values["page"]
        kept = {name: value for name, value in values.items() if value not in ("", None)}
        return f"{self.spec.path}?{urlencode(kept)}" if kept else self.spec.path

    def sort_url(self, name: str) -> str:
        """Write the address that sorts by a column, or turns its direction; back on page 1."""
        turned = f"-{name}" if self.sort == name else name
        return self.url(sort=turned, page=1)

    def aria_sort(self, name: str) -> str:
        """Return the `aria-sort` of a column head."""
        if self.sort_name != name:
            return "none"
        return "descending" if self.is_descending else "ascending"


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of rows and how many there are in all."""

    rows: Sequence[Any]
    total: int
    query: ListQuery

    @property
    def pages(self) -> int:
        """Return how many pages there are, at least 1."""
        return max(1, -(-self.total // self.query.spec.page_size))

    @property
    def first(self) -> int:
        """Return the number of the first row shown, 0 when none is."""
        return self.query.offset + 1 if self.rows else 0

    @property
    def last(self) -> int:
        """Return the number of the last row shown."""
        return self.query.offset + len(self.rows)

    @property
    def is_narrowed(self) -> bool:
        """Say whether search or filters hide rows."""
        return bool(self.query.search or self.query.filters)


def contains(search: str, *columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """Build the condition that every word stands in one of the columns, wildcards taken literally."""
    words = search.split()
    return and_(
        true(), *(or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in words)
    )


def in_page(
    statement: Select[Any],
    query: ListQuery,
    columns: Mapping[str, ColumnElement[Any]],
    tie: ColumnElement[Any],
) -> Select[Any]:
    """Order and cut a statement to the asked page; `tie` (the id) makes the order total."""
    column = columns[query.sort_name]
    ordered = column.desc() if query.is_descending else column.asc()
    return statement.order_by(ordered, tie.asc()).limit(query.spec.page_size).offset(query.offset)


def counted(statement: Select[Any]) -> Select[Any]:
    """Build the statement that counts the rows of another."""
    return select(func.count()).select_from(statement.order_by(None).subquery())


def last_page(query: ListQuery, total: int) -> ListQuery:
    """Move a query past the end back to the last page that exists."""
    pages = max(1, -(-total // query.spec.page_size))
    return replace(query, page=min(query.page, pages))
