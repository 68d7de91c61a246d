"""Messages by which a tablet that cannot open its data gets its key back, and unsent work is carried by hand.

Owns shapes, the code a person reads out, and what is bound into a wrapped key. Sealing is the two programs'.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Literal

from common.kernel.fields import Code, Id, Text
from common.protocol.access import CODE_ALPHABET, Key64

SHOWN = 8  # characters of 5 bits of the code that is read out


@dataclass(frozen=True, slots=True)
class KeyAsk:
    """`box` is the data key as it was sealed for the server; `fresh` the key it is to be sealed for now."""

    dev: Id
    key_id: Code
    box: Annotated[str, Text(40, 400)]
    fresh: Key64


@dataclass(frozen=True, slots=True)
class KeyAnswer:
    """What the office has decided so far; `box` holds the data key once it was given."""

    state: Literal["waiting", "given", "declined"]
    box: str = ""


def code_of(fresh: str) -> str:
    """Write what a person reads out so that the office knows which request is his: `ABCD-EFGH`."""
    told = hashlib.sha256(b"fieldwright recovery 1|" + fresh.encode()).digest()
    code = "".join(CODE_ALPHABET[byte % 32] for byte in told[:SHOWN])
    return f"{code[:4]}-{code[4:]}"


def key_bound(key_id: str, way: str, device_id: str) -> bytes:
    """Write what a wrapped data key is bound to. `way`: c for the server, r back to the device."""
    return f"fieldwright dek|{key_id}|{way}{device_id}".encode()
