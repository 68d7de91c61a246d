"""The least an HTTP exchange costs here: the same server program answers bytes that nobody makes or reads.

Owns the bare application that the bench starts beside the product.
"""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

_FILLING = bytes(range(256))


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Take a body whole and answer with as many bytes as the path names: `POST /1234`."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    wanted = int(scope["path"].strip("/") or 0)
    body = (_FILLING * (wanted // len(_FILLING) + 1))[:wanted]
    headers = [(b"content-type", b"application/octet-stream"), (b"content-length", str(wanted).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
