"""What a server that is only a copy says to tablets: nothing but that it is one (M1). No work goes to it.

Owns the refusal, in place of the sync routes.
"""

from __future__ import annotations

from fastapi import APIRouter

from sync_server.problems import Problem


def copy_router() -> APIRouter:
    """Make routes that send every tablet away."""
    router = APIRouter(prefix="/v1")

    @router.post("/{rest:path}")
    def refuse() -> None:
        raise Problem(403, "server_is_copy")

    return router
