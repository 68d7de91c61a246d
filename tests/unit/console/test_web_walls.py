"""Headers on every answer, nobody else's form gets through, the language stays put."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Form, Request
from fastapi.testclient import TestClient
from starlette.responses import HTMLResponse

from sync_server.console.csrf import CsrfGuard, is_token
from sync_server.console.headers import CONTENT_SECURITY_POLICY, HEADERS, SecurityHeaders
from sync_server.console.language import language_of, language_router

TOKEN = "t" * 32
written: list[Any] = []


def build() -> SecurityHeaders:
    app = FastAPI(openapi_url=None)
    router = APIRouter(
        dependencies=[Depends(CsrfGuard(lambda request: TOKEN, frozenset({"https://public.example"})))]
    )

    @router.get("/read")
    def read(request: Request) -> HTMLResponse:
        return HTMLResponse(language_of(request, "zh-Hant"))

    @router.post("/write")
    async def write(name: str = Form("")) -> str:
        written.append(name)
        return name

    @router.delete("/thing")
    def delete() -> str:
        written.append("deleted")
        return "gone"

    @router.get("/crash")
    def crash() -> None:
        raise RuntimeError("boom")

    @router.get("/own")
    def own() -> HTMLResponse:
        return HTMLResponse("", headers={"Referrer-Policy": "no-referrer", "Cache-Control": "private"})

    router.include_router(language_router())
    app.include_router(router)
    return SecurityHeaders(app)


@pytest.fixture
def client() -> TestClient:
    written.clear()
    return TestClient(build(), raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("path", "status"), [("/read", 200), ("/none", 404), ("/crash", 500), ("/write", 405)]
)
def test_every_answer_carries_the_headers(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in answer.headers


def test_https_is_remembered_for_a_year() -> None:
    answer = TestClient(build(), base_url="https://testserver").get("/read")
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


def test_the_policy_allows_nothing_inline() -> None:
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "frame-ancestors 'none'" in CONTENT_SECURITY_POLICY


def test_a_route_may_be_stricter(client: TestClient) -> None:
    answer = client.get("/own")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "private"


OWN = {"Origin": "http://testserver"}


@pytest.mark.parametrize(
    "headers",
    [OWN, {"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Origin": "https://public.example"}, {}],
)
def test_a_write_from_our_own_page_goes_through(client: TestClient, headers: dict[str, str]) -> None:
    by_field = client.post("/write", data={"name": "工单", "csrf_token": TOKEN}, headers=headers)
    by_header = client.delete("/thing", headers=headers | {"X-CSRF-Token": TOKEN})
    assert (by_field.status_code, by_header.status_code) == (200, 200)
    assert written == ["工单", "deleted"]


@pytest.mark.parametrize(
    ("headers", "token", "reason"),
    [
        ({"Origin": "https://evil.example"}, TOKEN, "csrf_origin"),
        ({"Origin": "https://testserver"}, TOKEN, "csrf_origin"),
        ({"Origin": "null"}, TOKEN, "csrf_origin"),
        ({"Sec-Fetch-Site": "cross-site"}, TOKEN, "csrf_origin"),
        ({"Sec-Fetch-Site": "same-site"} | OWN, TOKEN, "csrf_origin"),
        (OWN, "", "csrf_token"),
        (OWN, TOKEN[:-1], "csrf_token"),
        (OWN, "ü", "csrf_token"),
    ],
)
def test_a_write_from_elsewhere_changes_nothing(
    client: TestClient, headers: dict[str, str], token: str, reason: str
) -> None:
    answer = client.post("/write", data={"name": "x", "csrf_token": token}, headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (403, reason)
    assert written == []


def test_an_uploaded_file_is_no_token(client: TestClient) -> None:
    answer = client.post("/write", files={"csrf_token": ("t.txt", TOKEN)}, headers=OWN)
    assert answer.status_code == 403


def test_without_a_session_no_token_is_right() -> None:
    assert not is_token("", "")


def test_the_language_is_kept_in_a_cookie_and_back_stays_here(client: TestClient) -> None:
    def switch(language: str, back: str) -> str:
        data = {"language": language, "back": back, "csrf_token": TOKEN}
        answer = client.post("/console/language", data=data, headers=OWN, follow_redirects=False)
        return answer.headers["location"]

    for nothing in ("", "*"):  # no wish: the house's language
        assert client.get("/read", headers={"Accept-Language": nothing}).text == "zh-Hant"
    assert client.get("/read", headers={"Accept-Language": "fr"}).text == "en"
    assert client.get("/read", headers={"Accept-Language": "zh-TW,zh;q=0.9"}).text == "zh-Hant"
    assert switch("zh-Hans", "/read?q=1") == "/read?q=1"
    assert client.get("/read", headers={"Accept-Language": "en"}).text == "zh-Hans"
    assert switch("tlh", "//evil.example") == "/console"
    assert client.get("/read").text == "zh-Hans"
