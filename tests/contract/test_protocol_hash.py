"""The wire stays as it was agreed until the protocol's version moves, and its page says what the code says."""

from __future__ import annotations

import inspect
from dataclasses import is_dataclass
from pathlib import Path

from common.protocol import access, messages
from tools import protocol_page

# One line a version that was ever released; never changed, only added to.
AGREED = {1: "c70e4ec7e91e69fd"}


def test_the_shape_is_the_agreed_one() -> None:
    assert protocol_page.shape_hash() == AGREED[messages.PROTOCOL], (
        "a changed message needs a new PROTOCOL version"
    )


def test_every_message_is_in_the_shape() -> None:
    declared = {
        name
        for module in (messages, access)
        for name, value in inspect.getmembers(module, is_dataclass)
        if value.__module__ == module.__name__
    }
    assert declared <= set(protocol_page.shape()["messages"])


def test_the_page_is_written_from_the_code() -> None:
    page = Path(protocol_page.PAGE)
    assert page.read_text("utf-8") == protocol_page.page(), "run: python -m tools.protocol_page"
