"""The console's company behind a real port, for browsers.

Owns starting and stopping the server; signing in is a step of the test.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import uvicorn
from playwright.sync_api import Page, expect

from sync_server.app import site_of
from sync_server.console.live import Hub
from tests.support.console_world import PASSWORD, ConsoleWorld


@dataclass
class ServedConsole:
    """A company on a port of its own."""

    company: ConsoleWorld
    port: int = 0
    hub: Hub = field(init=False)
    server: uvicorn.Server = field(init=False)
    thread: threading.Thread = field(init=False)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        app = self.company.app()
        self.hub = site_of(app.app).hub
        config = uvicorn.Config(app, port=self.port, log_level="warning", ws="none")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            self.thread.join(0.02)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Stop it; open streams end."""
        self.hub.close()
        self.server.should_exit = True
        self.thread.join()

    def url(self, path: str) -> str:
        """Write an address."""
        return f"http://127.0.0.1:{self.port}{path}"

    def sign_in(self, page: Page, login: str, language: str = "en") -> None:
        """Sign in as a person does."""
        page.goto(self.url("/console/sign-in"))
        page.locator("#f-login").fill(login)
        page.locator("#f-password").fill(PASSWORD)
        page.locator(".form-buttons button").click()
        expect(page.locator("nav.rail")).to_be_visible()
        if language != "en":
            page.context.add_cookies([{"name": "language", "value": language, "url": self.url("/")}])
