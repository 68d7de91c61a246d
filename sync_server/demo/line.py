"""The line between the demo's app and its server, which anyone can cut to try the app without a network.

Owns a small TCP relay and the page with its one button. Listens on this machine only.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
from collections.abc import Callable

from common.i18n import nearest_language, translate

CHUNK = 65_536
HEAD_MAX = 16_384
PAGE = """<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><meta http-equiv="refresh" content="5">
<style>body{{font:1.2rem system-ui,"Noto Sans SC",sans-serif;margin:0;min-height:100vh;display:grid;place-items:center;
background:{ground};color:#16202b}}main{{text-align:center;max-width:36rem;padding:2rem}}h1{{font-size:2rem;margin:.2em}}
button{{font:inherit;font-size:1.6rem;padding:1rem 2.4rem;border-radius:.8rem;border:0;color:#fff;background:{ink};
cursor:pointer}}button:focus-visible{{outline:4px solid #16202b;outline-offset:4px}}p{{line-height:1.5}}</style></head>
<body><main><h1 role="status">{state}</h1><p>{hint}</p>
<form method="post" action="/line"><input type="hidden" name="want" value="{want}"><button>{button}</button></form>
</main></body></html>"""


class Line:
    """A relay from one port of this machine to another, whole or cut."""

    def __init__(self, server_port: int, told: Callable[[bool], None] = lambda _cut: None) -> None:
        self.is_cut = False
        self._server_port = server_port
        self._told = told
        self._open: set[asyncio.StreamWriter] = set()
        self._servers: list[asyncio.Server] = []

    async def start(self, host: str, line_port: int, switch_port: int) -> None:
        """Listen for the app and for the page. Raises OSError when a port is taken."""
        self._servers.append(await asyncio.start_server(self._relay, host, line_port))
        self._servers.append(await asyncio.start_server(self._page, host, switch_port))

    async def stop(self) -> None:
        """Close both ports and what is open."""
        for server in self._servers:
            server.close()
        self._hang_up()
        for server in self._servers:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(server.wait_closed(), 1)

    def set_cut(self, cut: bool) -> None:
        """Cut the line, also what is under way, or restore it."""
        if cut == self.is_cut:
            return
        self.is_cut = cut
        if cut:
            self._hang_up()
        self._told(cut)

    def _hang_up(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        try:
            back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, back_writer}
        self._open |= both
        try:
            await asyncio.gather(_copy(reader, back_writer), _copy(back_reader, writer))
        finally:
            self._open -= both
            for end in both:
                end.close()

    async def _page(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode("latin-1")
            first, *rest = head.split("\r\n")
            method, path = (*first.split(" "), "", "")[:2]
            headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in rest)}
            length = int(headers.get("content-length") or 0)
            body = (await reader.readexactly(min(length, 200))).decode("latin-1")
            writer.write(self._answer(method, path, headers, body))
            await writer.drain()
        except (ValueError, OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        finally:
            writer.close()

    def _answer(self, method: str, path: str, headers: dict[str, str], body: str) -> bytes:
        host = headers.get("host", "")
        origin = headers.get("origin", "")
        if host.partition(":")[0] not in ("127.0.0.1", "localhost") or origin not in ("", f"http://{host}"):
            return _http("403 Forbidden", "")
        if path not in ("/", "/line"):
            return _http("404 Not Found", "")
        if method == "POST":
            self.set_cut("want=cut" in body)
            return _http("303 See Other", "", "Location: /line\r\n")
        language = nearest_language(headers.get("accept-language", "en").split(",")[0])
        return _http("200 OK", self._draw(language))

    def _draw(self, language: str) -> str:
        state = "cut" if self.is_cut else "whole"
        texts = {
            name: html.escape(translate(language, f"demo.line.{name}.{state}"))
            for name in ("state", "hint", "button")
        }
        return PAGE.format(
            lang=language,
            title=html.escape(translate(language, "demo.line.title")),
            ground="#fde8e4" if self.is_cut else "#e6f4ea",
            ink="#1e7a3c" if self.is_cut else "#b3261e",
            want="whole" if self.is_cut else "cut",
            **texts,
        )


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes one way until an end closes."""
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.transport.abort()


def _http(status: str, body: str, more: str = "") -> bytes:
    data = body.encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(data)}\r\n"
        f"Cache-Control: no-store\r\nX-Frame-Options: DENY\r\nConnection: close\r\n{more}\r\n"
    )
    return head.encode("latin-1") + data
