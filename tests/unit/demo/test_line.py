"""The demo's line: bytes pass while it is whole, nothing passes while it is cut, the page is for this machine only."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from sync_server.demo.box import boxed, width
from sync_server.demo.children import is_taken
from sync_server.demo.line import Line
from sync_server.demo.settings import PORTS, PortError, read_demo_settings

HOST = "127.0.0.1"


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Rig:
    """A line in front of a server that answers every byte it gets."""

    def __init__(self) -> None:
        self.ports = [free_port() for _ in range(3)]
        self.heard: list[bool] = []
        self.line = Line(self.ports[0], self.heard.append)

    async def say(self, data: bytes) -> bytes:
        """Send bytes through the line; returns what comes back, '' where the line is cut."""
        try:
            reader, writer = await asyncio.open_connection(HOST, self.ports[1])
            writer.write(data)
            answer = await reader.read(100)
            writer.close()
        except OSError:
            return b""
        return answer

    async def page(self, method: str = "GET", body: str = "", **headers: str) -> str:
        """Ask the page; returns the whole answer."""
        reader, writer = await asyncio.open_connection(HOST, self.ports[2])
        told = {"Host": f"{HOST}:{self.ports[2]}", "Content-Length": str(len(body))} | headers
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        writer.write(f"{method} /line HTTP/1.1\r\n{head}\r\n{body}".encode())
        answer = (await reader.read()).decode()
        writer.close()
        return answer


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """Start server and line."""
    made = Rig()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data.upper())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, HOST, made.ports[0])
    await made.line.start(HOST, made.ports[1], made.ports[2])
    yield made
    await made.line.stop()
    server.close()


async def test_bytes_pass_until_the_line_is_cut_and_again_when_it_is_restored(rig: Rig) -> None:
    assert await rig.say(b"hello") == b"HELLO"
    rig.line.set_cut(True)
    assert await rig.say(b"hello") == b""
    rig.line.set_cut(False)
    assert await rig.say(b"again") == b"AGAIN"
    assert rig.heard == [True, False]


async def test_cutting_ends_what_is_under_way(rig: Rig) -> None:
    reader, writer = await asyncio.open_connection(HOST, rig.ports[1])
    writer.write(b"a")
    assert await reader.read(1) == b"A"
    rig.line.set_cut(True)
    try:
        rest = await reader.read(1)
    except ConnectionError:
        rest = b""
    assert rest == b""
    writer.close()


async def test_the_page_cuts_and_restores(rig: Rig) -> None:
    assert "The line is whole" in await rig.page()
    assert "303" in await rig.page("POST", "want=cut")
    assert rig.line.is_cut
    assert "线路已切断" in await rig.page(**{"Accept-Language": "zh-CN,zh;q=0.9"})
    await rig.page("POST", "want=whole")
    assert not rig.line.is_cut


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Host": "evil.example:8703"}]
)
async def test_the_page_answers_this_machine_only(rig: Rig, headers: dict[str, str]) -> None:
    assert "403" in (await rig.page("POST", "want=cut", **headers)).splitlines()[0]
    assert not rig.line.is_cut


async def test_the_line_waits_for_a_server_that_is_not_there(rig: Rig) -> None:
    alone = Line(free_port())
    ports = free_port(), free_port()
    await alone.start(HOST, *ports)
    rig.ports[1] = ports[0]
    assert await rig.say(b"x") == b""
    await alone.stop()


def test_a_taken_port_is_seen() -> None:
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        listening.listen()
        assert is_taken(HOST, listening.getsockname()[1])
    assert not is_taken(HOST, free_port())


def test_ports_come_from_the_environment() -> None:
    settings = read_demo_settings({"FIELDWRIGHT_APP_PORT": "9001", "LANG": "zh_TW.UTF-8"})
    assert (settings.server, settings.app, settings.language) == (PORTS["server"], 9001, "zh-Hant")
    with pytest.raises(PortError):
        read_demo_settings({"FIELDWRIGHT_LINE_PORT": "many"})


def test_the_box_has_a_straight_edge() -> None:
    lines = boxed([[("控制台", "http://x"), ("App", "y")], [("密码", "z")]], "演示 demo").splitlines()
    assert len({width(line) for line in lines}) == 1
