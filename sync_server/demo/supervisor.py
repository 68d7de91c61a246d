"""Runs the demo: makes the company once, starts server, line and app, says where they are, ends them all.

Owns the terminal. Composition root: the only place of the demo that asks the clock of this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from urllib.parse import urlencode

from common.i18n import translate
from common.protocol.access import INVITATION
from sync_server.app import SystemClock
from sync_server.db.office import SYSTEM
from sync_server.demo.box import boxed
from sync_server.demo.cache import invitation_needed, make_ready
from sync_server.demo.children import Child, is_taken, wait_ready
from sync_server.demo.company import SMALL
from sync_server.demo.create import LOGINS, PASSWORD, demo_database, demo_settings
from sync_server.demo.line import Line
from sync_server.demo.settings import (
    APP_PIN,
    HOST,
    DemoSettings,
    PortError,
    child_environment,
    read_demo_settings,
)
from sync_server.demo.today import ENGINEER
from sync_server.imports.plan_people import person_id_for
from sync_server.keys import load_keys
from sync_server.people.enrolment import issue_code

DONE, FAILED, INTERRUPTED = 0, 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo until it is stopped. Returns 0 when stopped, 1 when something could not start."""
    parser = argparse.ArgumentParser(
        prog="sync-server demo", description="A demo company with everything started"
    )
    parser.add_argument("--fresh", action="store_true", help="make the demo company anew")
    parser.add_argument("--no-app", action="store_true", help="start the server only")
    parser.add_argument("--small", action="store_true", help="a small company, made in seconds")
    parser.add_argument("--only-create", action="store_true", help="make the demo company and end")
    asked = parser.parse_args(arguments)
    try:
        settings = read_demo_settings()
    except PortError as error:
        print(error, file=sys.stderr)
        return FAILED
    teller = Teller(settings.language)
    if not asked.only_create and not ports_free(settings, teller):
        return FAILED
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(DONE))
    try:
        make_ready(
            settings,
            SystemClock(),
            os.urandom,
            teller.step,
            fresh=asked.fresh,
            size=SMALL if asked.small else None,
        )
        return DONE if asked.only_create else asyncio.run(Demo(settings, teller, not asked.no_app).run())
    except KeyboardInterrupt:
        teller.say("demo.stopped")
        return INTERRUPTED


class Teller:
    """Says things in the terminal, in the reader's language."""

    def __init__(self, language: str) -> None:
        self.language = language

    def say(self, key: str, **values: object) -> None:
        """Say a sentence."""
        print(translate(self.language, key, **values), flush=True)

    def step(self, key: str, values: dict[str, object]) -> None:
        """Say a step of the making."""
        print(f"  · {translate(self.language, key, **values)}", flush=True)


def ports_free(settings: DemoSettings, teller: Teller) -> bool:
    """Check that nobody listens where the demo is to listen; says which port and what to do."""
    taken = [(name, port) for name, port in settings.ports().items() if is_taken(HOST, port)]
    for name, port in taken:
        teller.say("demo.port_taken", port=port, variable=name)
    return not taken


class Demo:
    """The running demo."""

    def __init__(self, settings: DemoSettings, teller: Teller, with_app: bool) -> None:
        self.settings, self.teller, self.with_app = settings, teller, with_app
        self.line = Line(settings.server, self._line_told)
        self.children: list[Child] = []
        self.ended = asyncio.Event()

    async def run(self) -> int:
        """Start everything, wait, end everything."""
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(sign, self.ended.set)
        try:
            if not await self._start():
                return FAILED
            self._show()
            self._listen(loop)
            return await self._wait()
        finally:
            self.teller.say("demo.stopping")
            await self.line.stop()
            await asyncio.gather(*(child.stop() for child in reversed(self.children)))
            self.teller.say("demo.stopped")

    async def _start(self) -> bool:
        settings, logs = self.settings, self.settings.folder / "logs"
        self.teller.say("demo.starting")
        server = Child("server", ["-m", "sync_server.cli", "serve"], logs / "server.log")
        if not await self._launch(server, settings.server, "/health"):
            return False
        await self.line.start(HOST, settings.line, settings.switch)
        if not self.with_app:
            return True
        words = ["-m", "field_app.main", "--web"]
        if invitation_needed(settings):
            words += ["--enrol", await asyncio.to_thread(self._invite)]
        return await self._launch(Child("app", words, logs / "app.log"), settings.app, "/healthz")

    async def _launch(self, child: Child, port: int, path: str) -> bool:
        self.children.append(child)
        await child.start(child_environment(self.settings))
        waiting = asyncio.create_task(wait_ready(child, HOST, port, path))
        ended = asyncio.create_task(self.ended.wait())
        await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
        for task in (waiting, ended):
            task.cancel()
        if self.ended.is_set():
            return False
        if not waiting.cancelled() and waiting.done() and waiting.result():
            return True
        self._mourn(child)
        return False

    def _invite(self) -> str:
        """Ask the running server's own enrolment for a code, as the console does."""
        server = demo_settings(self.settings.folder, self.settings.server)
        database = demo_database(server, SystemClock(), os.urandom)
        code = issue_code(database, load_keys(server.keys_dir, os.urandom), SYSTEM, person_id_for(ENGINEER))
        database.engine.dispose()
        return f"{INVITATION}?{urlencode({'u': self.settings.address('line'), 'c': code.text})}"

    def _show(self) -> None:
        t, settings = self.teller, self.settings
        say = lambda key, **values: translate(t.language, key, **values)  # noqa: E731 - a shorter name, used here only
        places = [(say("demo.box.console"), f"{settings.address('server')}/console")]
        if self.with_app:
            places.append((say("demo.box.app"), f"{settings.address('app')}/"))
            places.append((say("demo.box.pin"), APP_PIN))
        places.append((say("demo.box.line"), f"{settings.address('switch')}/line"))
        people = [(say(f"demo.box.login.{login}"), f"{login}  /  {PASSWORD}") for login in LOGINS]
        keys = [("o + Enter", say("demo.box.key_o")), ("Ctrl-C", say("demo.box.key_stop"))]
        print(boxed([places, people, keys], say("demo.box.title")), flush=True)
        t.say("demo.only_demo")

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear the keys, where there is a terminal."""
        if not sys.stdin or not sys.stdin.isatty():
            return

        def heard() -> None:
            word = sys.stdin.readline()
            if not word:
                loop.remove_reader(sys.stdin)
            elif word.strip().lower() == "o":
                self.line.set_cut(not self.line.is_cut)
            elif word.strip().lower() == "q":
                self.ended.set()

        with contextlib.suppress(
            PermissionError, RuntimeError
        ):  # a file instead of a terminal; no such loop here
            loop.add_reader(sys.stdin, heard)

    async def _wait(self) -> int:
        """Wait for the end. A program that was killed, to try what then is lost, is started again."""
        stop = asyncio.create_task(self.ended.wait())
        try:
            while True:
                ends = {asyncio.create_task(c.process.wait()): c for c in self.children if c.process}
                done, _ = await asyncio.wait({stop, *ends}, return_when=asyncio.FIRST_COMPLETED)
                for task in ends:
                    task.cancel()
                if stop in done:
                    return DONE
                child = next(ends[task] for task in done)
                if not child.was_killed:
                    self._mourn(child)
                    return FAILED
                self.teller.say("demo.child_again", name=child.name)
                self.children.remove(child)
                port, path = self._door(child)
                if not await self._launch(Child(child.name, child.words, child.log_path), port, path):
                    return DONE if self.ended.is_set() else FAILED
        finally:
            stop.cancel()

    def _door(self, child: Child) -> tuple[int, str]:
        """Say where a program answers when it is ready."""
        return (
            (self.settings.server, "/health") if child.name == "server" else (self.settings.app, "/healthz")
        )

    def _mourn(self, child: Child) -> None:
        """Say that a program could not start or has ended, with the end of its log."""
        self.teller.say("demo.child_ended", name=child.name, log=child.log_path)
        print(child.last_lines(), file=sys.stderr, flush=True)

    def _line_told(self, cut: bool) -> None:
        self.teller.say("demo.line.state.cut" if cut else "demo.line.state.whole")
