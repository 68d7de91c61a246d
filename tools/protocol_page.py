"""Write docs/protocol.md from the messages themselves, so that the page cannot say something else than the code.

Usage: python -m tools.protocol_page [--hash]
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import sys
import typing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from common.kernel.codec import canonical, fields_of
from common.kernel.fields import IdText, Many, Text, Whole
from common.kernel.op import Op
from common.protocol import access, messages, orders
from common.protocol.dictionary import ENCODING, dictionary

PAGE = Path(__file__).resolve().parents[1] / "docs" / "protocol.md"
SYNC = (
    messages.SyncRequest, messages.ClockNow, messages.Digest, Op, messages.SyncAnswer, messages.OpResult, messages.Put,
    messages.Wanted, messages.Fork, orders.Lease, orders.WipeOrder, messages.HaveRequest, messages.HaveAnswer,
    messages.ReconcileRequest,
)  # fmt: skip
ACCESS = (
    access.EnrolRequest, access.EnrolAnswer, access.NonceRequest, access.NonceAnswer, access.TokenRequest,
    access.TokenAnswer,
)  # fmt: skip
ROUTES = (
    ("POST /v1/enrol", "EnrolRequest", "EnrolAnswer", "a one-time code and a public key make a device"),
    ("POST /v1/auth/nonce", "NonceRequest", "NonceAnswer", "a number to sign; costs the server nothing"),
    ("POST /v1/auth/token", "TokenRequest", "TokenAnswer", "a signed number becomes a token of ten minutes"),
    ("POST /v1/sync", "SyncRequest", "SyncAnswer", "pushes all, brings all"),
    ("POST /v1/sync/have", "HaveRequest", "HaveAnswer", "after a fork or reset: which commands are lost?"),
    (
        "POST /v1/sync/reconcile",
        "ReconcileRequest",
        "SyncAnswer",
        "after a digest that differed: what is it?",
    ),
    ("POST, HEAD, PATCH /v1/files/…", "tus 1.0.0", "tus 1.0.0", "bytes of files: creation and checksum"),
    (
        "GET /v1/files/<sha256>",
        "",
        "bytes",
        "of a file on a ticket in the person's scope; `Range`, `?preview=1`",
    ),
)
STATUSES = (
    ("200", "the answer"),
    (
        "400, 413, 415, 422",
        "the request cannot be read; `reason_code` says why. A bug, never a reason to drop work",
    ),
    ("401, 403", "no valid token, or one of another device"),
    ("409", "the lane is still at work on an earlier request; try again"),
    (
        "410",
        "the device was revoked or lost or its person has left: commands were kept for the office (`res`), no rows come",
    ),
    (
        "426",
        "the app is too old: commands had their effect (`res`), no rows come; or the server is older than the app",
    ),
    ("429, 503", "later, see `Retry-After`"),
    ("500", "a bug of the server; only a reference is told"),
)
INTRO = """# The sync protocol on the wire

Written by `python -m tools.protocol_page`; a test compares it with the code. What it is for and why it is so:
`docs/adr/` and the docstrings of `common/protocol`.

Version {version}. Shape `{shape}`. JSON in UTF-8, at most {body} bytes after inflating, at most 12 levels, no doubled
keys, no floats. Instants are Unix milliseconds, quantities whole thousandths, money minor units. Requests with fields
that are not declared here are refused; unknown fields of answers are ignored. Fields at their default may be left out.

Encodings: `gzip` and `{encoding}` (zlib with the preset dictionary `common/protocol/dictionary1.txt`, SHA-256
`{dictionary}…`) in both directions, by `Content-Encoding` and `Accept-Encoding`.

Sync routes want `Authorization: Bearer <token>`: a JWS with algorithm `Ed25519`, type `at+jwt`, audience `sync`, the
device as subject. What a device signs is written by `enrol_text` and `token_text` in `common/protocol/access.py`.
Errors are problem documents (RFC 9457) with a stable `reason_code`.
"""


def shape() -> dict[str, Any]:
    """Describe every message as data: what a change of the protocol changes."""
    return {
        "version": messages.PROTOCOL,
        "dictionary": hashlib.sha256(dictionary()).hexdigest(),
        "messages": {one.__name__: fields(one) for one in (*SYNC, *ACCESS)},
    }


def shape_hash() -> str:
    """Hash the shape; the protocol's contract test holds the one that was agreed."""
    return hashlib.sha256(canonical(shape()).encode()).hexdigest()[:16]


def fields(message: type[Any]) -> list[list[Any]]:
    """List a message's fields: name, type in words, needed or the default."""
    found = []
    declared = {one.name: one for one in dataclasses.fields(message)}
    for name, hint, required in fields_of(message):
        default = declared[name].default
        plain = default if isinstance(default, str | int | bool) else None if default is None else "empty"
        found.append([name, in_words(hint), "needed" if required else plain])
    return found


def in_words(hint: Any) -> str:
    """Say a type with its bounds."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        match args[1]:
            case IdText():
                return "UUID"
            case Text() as bound:
                return f"text of {bound.low}..{bound.high}"
            case Whole() as bound:
                return f"whole number {bound.low}..{bound.high}"
            case Many() as bound:
                return f"list of at most {bound.high}: {in_words(typing.get_args(args[0])[0])}"
    if origin is tuple:
        return f"list of {in_words(args[0])}"
    if origin is dict:
        return f"object of {in_words(args[1])}"
    if origin is typing.Literal:
        return " | ".join(map(str, args))
    if args:
        return " or ".join("nothing" if arg is type(None) else in_words(arg) for arg in args)
    names = {
        Any: "any",
        str: "text",
        int: "whole number",
        bool: "yes or no",
        date: "day",
        datetime: "instant",
        Decimal: "quantity",
    }
    return names.get(hint) or hint.__name__


def page() -> str:
    """Write the page."""
    parts = [
        INTRO.format(
            version=messages.PROTOCOL, shape=shape_hash(), body=messages.BODY_AT_MOST, encoding=ENCODING,
            dictionary=hashlib.sha256(dictionary()).hexdigest()[:16],
        ),
        "## Routes\n",
        table(("route", "request", "answer", "what for"), ROUTES),
        "## Status\n",
        table(("status", "meaning"), STATUSES),
    ]  # fmt: skip
    for title, group in (("Sync", SYNC), ("Enrolment and sign-in", ACCESS)):
        parts.append(f"## Messages: {title}\n")
        for one in group:
            parts.append(f"### {one.__name__}\n\n{inspect.cleandoc(one.__doc__ or '')}\n")
            rows = [
                (f"`{name}`", kind, given if given in ("needed", "empty") else f"`{given!r}`")
                for name, kind, given in fields(one)
            ]
            parts.append(table(("field", "type", "default"), rows))
    return "\n".join(parts)


def table(heads: tuple[str, ...], rows: Any) -> str:
    """Write a table."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page, or print the hash."""
    if "--hash" in sys.argv:
        print(shape_hash())
        return
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
