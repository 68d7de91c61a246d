"""Write the preset dictionary of the sync protocol from the commands and tables there are.

Only until the first release: then `dictionary1.txt` never changes, and a better one gets the next number.
Usage: python -m tools.build_dictionary
"""

from __future__ import annotations

import dataclasses
import typing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import common.nouns  # noqa: F401 - registers every command and table
from common.kernel.codec import compact, fields_of
from common.kernel.command import REGISTRY, CommandSpec, Place
from common.kernel.fields import IdText, Many, Text, Whole
from common.kernel.record import columns_of, synced_entities

FILE = Path(__file__).resolve().parents[1] / "common/protocol/dictionary1.txt"
ID = "01a2"
WALL = 179_5
# What an engineer does most stands last: near matches cost fewer bits.
FREQUENT = (
    "withdraw_part_usage", "edit_ticket", "add_addendum", "give_stop_use_notice", "mark_notice_seen", "request_help",
    "reschedule_ticket", "sign_agreement", "record_rating", "sign_report", "record_demonstration", "add_note",
    "acknowledge_ticket", "start_travel", "arrive_on_site", "leave_site", "record_diagnosis", "record_test",
    "record_measure", "record_part_usage", "answer_checklist",
)  # fmt: skip
TRAVELLING = ("customer", "equipment", "past_voucher", "ticket_event", "assignment", "ticket")
STATES = (
    "ok|noop|merged|flagged|parked|blocked|active|ended|open|dispatched|acknowledged|en_route|on_site|diagnosed|"
    "repairing|tested|signed"
)
HEAD = (
    '{"dev":"01a2","inc":1,"tok":"","clk":{"w":1795,"m":,"bt":""},"app":"0.1.0","cur":"[,\\"\\",,,,]",'
    '"dig":{"n":,"x":""},"ops":['
)
TAIL = '],"left":0,"old":0}'
ANSWER = (
    '{"tok":"","res":[{"id":"01a2","s":"ok","q":},{"id":"01a2","s":"ok","q":}],"cols":{},"put":[{"agg":"ticket:01a2","rev":,'
    '"full":true,"rows":{"ticket":[["01a2"]]}}],"drop":["ticket:01a2"],"cur":"[,\\"\\",,,,]","head":,"more":true,"dig":"ok",'
    '"durable":,"epoch":"","now":1795}'
)


def main() -> None:
    """Write the file."""
    on_tablets = {kind: spec for kind, spec in REGISTRY.items() if Place.TABLET in spec.places}
    rare = [kind for kind in sorted(on_tablets) if kind not in FREQUENT]
    parts = [STATES]
    parts += [
        f'"{entity}":{compact(columns_of(entity))},'
        for entity in sorted(synced_entities())
        if entity not in TRAVELLING
    ]
    parts += [f'"{entity}":{compact(columns_of(entity))},' for entity in TRAVELLING]
    parts += [f'{{"{entity}":[["01a2' for entity in synced_entities()]
    parts += [ANSWER, TAIL]
    kinds = [kind for kind in (*rare, *FREQUENT) if kind in on_tablets]
    parts += [sample(on_tablets[kind], whole=True) for kind in kinds]
    parts += [sample(on_tablets[kind], whole=False) for kind in kinds]
    parts.append(HEAD)
    FILE.write_bytes("".join(parts).encode())


def sample(spec: CommandSpec, *, whole: bool) -> str:
    """Write a typical envelope of a command, as `encode` would: with all fields, or with those it always has."""
    args = {name: value(hint) for name, hint, required in fields_of(spec.payload) if required or whole}
    op = {"id": ID, "k": spec.kind, "w": WALL, "a": args, "m": 1, "bt": "", "e": -1, "d": [ID], "n": 1}
    return compact(op).replace('"m":1', '"m":').replace('"n":1}', '"n":}') + ","


def value(hint: Any) -> Any:
    """Make a typical value of a field."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        bound = args[1]
        if isinstance(bound, IdText):
            return ID
        if isinstance(bound, Text):
            return ""
        return (
            1
            if isinstance(bound, Whole)
            else [value(typing.get_args(args[0])[0])]
            if isinstance(bound, Many)
            else ""
        )
    if origin is typing.Literal:
        return args[0]
    if origin is tuple:
        return [value(args[0])]
    if origin is dict:
        return {}
    if args:
        return value(next(arg for arg in args if arg is not type(None)))
    if dataclasses.is_dataclass(hint):
        return {name: value(inner) for name, inner, _ in fields_of(typing.cast(type, hint))}
    return {bool: True, int: 1, str: "", Decimal: 1000, datetime: WALL, date: "2026-"}.get(hint, "")


if __name__ == "__main__":
    main()
