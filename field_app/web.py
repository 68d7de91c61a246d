"""The app in a browser of the same machine: Flet's client from local files, closed to strangers.

Owns what stands around Flet's ASGI app: allowed hosts and origins, content policy, compressed files, health.
Only ever bound to 127.0.0.1: whoever reaches it is the engineer.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import flet as ft
import flet.fastapi
import flet_web
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FONT_FAMILY = "NotoSC"
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
SQUEEZED = (
    "main.dart.js",
    "canvaskit/chromium/canvaskit.wasm",
    "canvaskit/chromium/canvaskit.js",
    "canvaskit/canvaskit.wasm",
    "canvaskit/canvaskit.js",
    "flutter_bootstrap.js",
)
# Everything from this server; Flutter's loader needs eval and blobs. No address outside this machine passes.
CONTENT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' ws: data: blob:; object-src 'none'; base-uri 'self'; frame-ancestors 'none'"
)


def lay_in_assets(folder: Path) -> None:
    """Lay in, once, what Flet's client lacks: the Chinese font in its manifest and small copies of big files.

    A folder made before by the set-up is kept; only what is missing is added.
    """
    manifest = folder / "assets" / "FontManifest.json"
    if not manifest.exists():
        _lay_in_font(folder, manifest)
    client = Path(flet_web.get_package_web_dir())
    for name in SQUEEZED:
        source, squeezed = client / name, folder / ".squeezed" / f"{name}.gz"
        if source.exists() and not (squeezed.exists() and squeezed.stat().st_mtime >= source.stat().st_mtime):
            squeezed.parent.mkdir(parents=True, exist_ok=True)
            fresh = squeezed.with_suffix(".new")
            fresh.write_bytes(gzip.compress(source.read_bytes(), 6, mtime=0))
            fresh.replace(squeezed)


def _lay_in_font(folder: Path, manifest: Path) -> None:
    import pylopdf_fonts_zh_cn

    source = Path(pylopdf_fonts_zh_cn.sans_path())
    families = json.loads(
        (Path(flet_web.get_package_web_dir()) / "assets" / "FontManifest.json").read_text("utf-8")
    )
    families.append({"family": FONT_FAMILY, "fonts": [{"asset": f"fonts/{source.name}"}]})
    fonts = folder / "assets" / "fonts"
    fonts.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, fonts / source.name)
    # Written last: its presence says that the font is whole.
    manifest.write_text(json.dumps(families), "utf-8")


def web_app(main: Callable[[ft.Page], Any], assets_dir: Path, app_name: str = "Fieldwright") -> ASGIApp:
    """Build the ASGI app that serves `main` to browsers of this machine."""
    client = flet.fastapi.app(
        main,
        no_cdn=True,
        web_renderer=ft.WebRenderer.CANVAS_KIT,
        assets_dir=str(assets_dir),
        app_name=app_name,
        app_short_name=app_name,
    )
    return LocalOnly(Squeezed(client, assets_dir / ".squeezed"))


class LocalOnly:
    """Answers only this machine's own pages: no other site in the same browser may open a session.

    A page of a stranger could otherwise reach the WebSocket of 127.0.0.1, or get here by a name it rebinds.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse foreign hosts and origins, answer the health question, pass the rest on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not self._is_own(headers):
            refuse: ASGIApp = PlainTextResponse("this app serves only its own machine", status_code=403)
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008})
                return
            await refuse(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"] == "/healthz":
            await JSONResponse({"status": "ok"})(scope, receive, send)
            return

        async def send_closed(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                del out["access-control-allow-origin"]
                out["content-security-policy"] = CONTENT_POLICY
                out["x-content-type-options"] = "nosniff"
                out["referrer-policy"] = "no-referrer"
                # Always asked again, almost always answered 304: a new version must never meet an old client.
                out["cache-control"] = "no-cache"
            await send(message)

        await self._app(scope, receive, send_closed if scope["type"] == "http" else send)

    def _is_own(self, headers: Headers) -> bool:
        host = headers.get("host", "")
        if (urlsplit(f"//{host}").hostname or "") not in {h.strip("[]") for h in LOCAL_HOSTS}:
            return False
        origin = headers.get("origin")
        return origin is None or urlsplit(origin).netloc == host


class Squeezed:
    """Sends the big files of Flet's client compressed beforehand: a third of the bytes, no work at a load."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self._app = app
        self._files = {
            f"/{name}": folder / f"{name}.gz" for name in SQUEEZED if (folder / f"{name}.gz").exists()
        }
        self._etags = {
            path: hashlib.sha256(file.read_bytes()).hexdigest()[:24] for path, file in self._files.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer for a squeezed file, else pass on."""
        squeezed = self._files.get(scope.get("path", "")) if scope["type"] == "http" else None
        headers = Headers(scope=scope) if squeezed else Headers()
        if (
            squeezed is None
            or scope["method"] not in ("GET", "HEAD")
            or "gzip" not in headers.get("accept-encoding", "")
        ):
            await self._app(scope, receive, send)
            return
        etag = f'"{self._etags[scope["path"]]}"'
        common = {
            "etag": etag,
            "vary": "accept-encoding",
            "last-modified": formatdate(squeezed.stat().st_mtime, usegmt=True),
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-embedder-policy": "require-corp",
        }
        if etag in headers.get("if-none-match", ""):
            await Response(status_code=304, headers=common)(scope, receive, send)
            return
        kind = "application/wasm" if scope["path"].endswith(".wasm") else "text/javascript"
        answer = FileResponse(squeezed, media_type=kind, headers={**common, "content-encoding": "gzip"})
        await answer(scope, receive, send)
