"""Messages of enrolment and sign-in of devices, and the exact text a device signs.

Owns shapes only. Keys, codes and tokens are made and checked by the two programs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from common.kernel.codec import canonical
from common.kernel.fields import Code, Id, Line, Name, OptionalCode, Text, Whole

AUDIENCE = "sync"
INVITATION = "fieldwright:enrol"
CODE_LENGTH = 10  # characters of 5 bits: 50 bits
CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U
_ALIKE = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})
Key64 = Annotated[str, Text(43, 43)]  # 32 bytes, base64url without padding
Signature64 = Annotated[str, Text(86, 86)]  # 64 bytes, base64url without padding


@dataclass(frozen=True, slots=True)
class EnrolRequest:
    """A one-time code, the device's public key, and proof that the device holds the private one."""

    code: Annotated[str, Text(4, 40)]
    key: Key64
    sig: Signature64
    name: Name
    app: OptionalCode = ""
    system: OptionalCode = ""


@dataclass(frozen=True, slots=True)
class EnrolAnswer:
    """Who the device is from now on; `sign_key` and `box_key` are the server's, to be kept as they are now."""

    dev: str
    person: str
    name: str
    language: str
    inc: int
    tok: str
    epoch: str
    sign_key: str
    box_key: str


@dataclass(frozen=True, slots=True)
class NonceRequest:
    """Ask for a number to sign. No device time is involved, so a wrong clock never locks anybody out."""

    dev: Id


@dataclass(frozen=True, slots=True)
class NonceAnswer:
    """A number that can be signed once, within two minutes."""

    nonce: str


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A signed nonce, for a token of one audience."""

    dev: Id
    nonce: Line
    sig: Signature64
    aud: Code = AUDIENCE


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """An access token and how long it lives."""

    token: str
    expires_s: Annotated[int, Whole(0, 86_400)] = 0


def tidy_code(typed: str) -> str:
    """Read a code as a person types it: any case, with blanks and dashes, I and L for 1, O for 0."""
    return typed.upper().translate(_ALIKE)


def enrol_text(code: str, key: str) -> bytes:
    """Write what a device signs to be enrolled."""
    return f"fieldwright enrol 1|{tidy_code(code)}|{key}".encode()


def token_text(device_id: str, nonce: str, audience: str) -> bytes:
    """Write what a device signs for a token: everything the request says, in canonical form."""
    return ("fieldwright token 1|" + canonical({"aud": audience, "dev": device_id, "nonce": nonce})).encode()
