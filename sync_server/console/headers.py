"""Security headers on every answer of the server, also on errors and static files (ASVS 3.4).

Owns headers only. Strict policy: no inline script, no inline style, no eval, no foreign host, never framed.
Referrer `same-origin`, because under `no-referrer` browsers post forms with `Origin: null`; pages with a
secret address set `no-referrer` themselves.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
ONE_YEAR_S = 31_536_000


class SecurityHeaders:
    """ASGI wrapper of the finished application, `SecurityHeaders(app)`: answers to crashes have them too.

    A route that sets one of the headers itself keeps its own. `tls`: browsers come over TLS although a proxy's plain
    line does not show it.
    """

    def __init__(self, app: ASGIApp, *, tls: bool = False) -> None:
        self.app = app
        self.tls = tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                if self.tls or scope["scheme"] == "https":
                    headers.setdefault(
                        "Strict-Transport-Security", f"max-age={ONE_YEAR_S}; includeSubDomains"
                    )
            await send(message)

        await self.app(scope, receive, send_with_headers)
