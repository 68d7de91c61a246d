"""The app served to a browser: only to this machine's own pages, small on the wire, always the present version."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import flet as ft
import httpx
import pytest
from starlette.types import ASGIApp

from field_app.settings import HOST, read_settings
from field_app.web import SQUEEZED, LocalOnly, lay_in_assets, web_app

OWN = "http://127.0.0.1:8701"


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web")
    lay_in_assets(folder)
    return folder


def _client(app: ASGIApp, base: str = OWN) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=base)


@pytest.fixture
def app(assets: Path) -> ASGIApp:
    def main(page: ft.Page) -> None:
        page.add(ft.Text("hello"))

    return web_app(main, assets)


async def test_the_font_stands_in_the_manifest_of_the_client(app: ASGIApp) -> None:
    async with _client(app) as client:
        families = (await client.get("/assets/FontManifest.json")).json()
        entry = next(f for f in families if f["family"] == "NotoSC")
        # The manifest of a client without CDN names its files from the folder `assets`.
        font = await client.head(f"/assets/{entry['fonts'][0]['asset']}")
    assert font.status_code == 200
    assert int(font.headers["content-length"]) > 1_000_000


def test_a_folder_made_before_is_kept(assets: Path) -> None:
    manifest = assets / "assets" / "FontManifest.json"
    before = manifest.stat().st_mtime_ns
    lay_in_assets(assets)
    assert manifest.stat().st_mtime_ns == before
    assert json.loads(manifest.read_text("utf-8"))


async def test_big_files_come_squeezed_and_are_asked_for_only_once(app: ASGIApp, assets: Path) -> None:
    async with _client(app) as client:
        answer = await client.get("/canvaskit/canvaskit.wasm", headers={"accept-encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["content-type"] == "application/wasm"
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
        again = await client.get(
            "/canvaskit/canvaskit.wasm",
            headers={"accept-encoding": "gzip", "if-none-match": answer.headers["etag"]},
        )
        plain = await client.get("/canvaskit/canvaskit.wasm", headers={"accept-encoding": "identity"})
    assert (again.status_code, again.content) == (304, b"")
    assert plain.content == answer.content
    assert int(answer.headers["content-length"]) < len(plain.content) / 2
    assert (
        gzip.decompress((assets / ".squeezed" / "canvaskit" / "canvaskit.wasm.gz").read_bytes())
        == plain.content
    )
    assert set(SQUEEZED) >= {"main.dart.js", "canvaskit/canvaskit.wasm"}


async def test_health_is_told(app: ASGIApp) -> None:
    async with _client(app) as client:
        answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    "host", ["http://evil.example", "http://127.0.0.1.evil.example", "http://192.168.1.5:8701"]
)
async def test_other_names_are_refused(app: ASGIApp, host: str) -> None:
    async with _client(app, host) as client:
        for path in ("/", "/healthz", "/canvaskit/canvaskit.wasm"):
            assert (await client.get(path)).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:9999", "null"])
async def test_pages_of_others_are_refused(app: ASGIApp, origin: str) -> None:
    async with _client(app) as client:
        assert (await client.get("/", headers={"origin": origin})).status_code == 403
        assert (await client.get("/", headers={"origin": OWN})).status_code == 200


async def test_a_stranger_s_socket_never_reaches_the_app() -> None:
    reached: list[str] = []

    async def inner(scope: object, receive: object, send: object) -> None:
        reached.append("app")

    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    def scope(origin: str) -> dict[str, object]:
        headers = [(b"host", b"127.0.0.1:8701"), (b"origin", origin.encode())]
        return {"type": "websocket", "path": "/ws", "headers": headers}

    guarded = LocalOnly(inner)
    await guarded(scope("http://evil.example"), receive, send)  # type: ignore[arg-type]
    assert reached == []
    assert sent == [{"type": "websocket.close", "code": 1008}]
    await guarded(scope(OWN), receive, send)  # type: ignore[arg-type]
    assert reached == ["app"]


async def test_nothing_outside_this_machine_is_allowed_to_load(app: ASGIApp) -> None:
    async with _client(app) as client:
        answer = await client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "http:" not in policy
    assert "https:" not in policy
    assert "access-control-allow-origin" not in answer.headers
    assert "<title>Fieldwright</title>" in answer.text


def test_settings_come_from_the_environment_and_stay_on_this_machine(tmp_path: Path) -> None:
    given = {"FIELDWRIGHT_DATA": str(tmp_path), "FIELDWRIGHT_APP_PORT": "9001", "LANG": "zh_TW.UTF-8"}
    settings = read_settings(given)
    assert (settings.data_dir, settings.port, settings.language) == (tmp_path / "app", 9001, "zh-Hant")
    assert HOST == "127.0.0.1"
    assert read_settings({"FLET_APP_STORAGE_DATA": str(tmp_path)}).data_dir == tmp_path
