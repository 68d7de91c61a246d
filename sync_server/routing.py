"""Every route of an application, included routers opened up. For tests and for the console's own links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi.routing import APIRoute


def all_routes(routes: Iterable[Any]) -> Iterator[APIRoute]:
    """Yield the routes of an application or router, depth first."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif (inner := getattr(route, "original_router", None)) is not None:
            yield from all_routes(inner.routes)
