"""Enrolment: a code from the office makes this app a device of one person.

Owns reading invitations (typed or scanned) and the one exchange that follows. What was read is never opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx

from common.kernel.codec import decode, encode
from common.kernel.ids import RandomBytes
from common.kernel.outcome import BadPayload
from common.protocol.access import CODE_LENGTH, INVITATION, EnrolAnswer, EnrolRequest, enrol_text, tidy_code
from common.protocol.messages import Unreachable
from field_app.store.settings import BOX_KEY_SETTING, SIGN_KEY_SETTING
from field_app.store.store import Store
from field_app.sync.keys import ensure_device_key
from field_app.sync.keystore import Keystore
from field_app.sync.wire import Denied, Line, as_exchange_error

LONGEST = 500
NAME_SETTING = "person.name"


@dataclass(frozen=True, slots=True)
class Invitation:
    """Where to enrol and with which code; `url` is '' where only a code was typed."""

    url: str
    code: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Who works on this device from now on."""

    device_id: str
    person_id: str
    name: str
    language: str


class EnrolRefused(Exception):
    """The server refused; `code` names the sentence `reason.<code>`, `values` fill it."""

    def __init__(self, code: str, values: dict[str, str | int]) -> None:
        super().__init__(code)
        self.code = code
        self.values = values


def read_invitation(text: str) -> Invitation | None:
    """Read what was typed or scanned: a code, or `fieldwright:enrol?u=<address>&c=<code>`; None for anything else."""
    text = text.strip()
    if len(text) > LONGEST:
        return None
    if text.lower().startswith(INVITATION + "?"):
        told = parse_qs(text[len(INVITATION) + 1 :])
        url, code = told.get("u", [""])[0], tidy_code(told.get("c", [""])[0])
        return Invitation(url, code) if _is_address(url) and _is_code(code) else None
    code = tidy_code(text)
    return Invitation("", code) if _is_code(code) else None


def _is_address(url: str) -> bool:
    try:
        address = urlsplit(url)
        return address.scheme in ("http", "https") and bool(address.hostname) and url.isprintable()
    except ValueError:  # a bracket or a port that is none
        return False


def enrol(
    store: Store,
    keystore: Keystore,
    invitation: Invitation,
    device_name: str,
    random_bytes: RandomBytes,
    *,
    app: str = "",
    transport: httpx.BaseTransport | None = None,
) -> Enrolled:
    """Enrol this device and make the store its person's. Repeating it with the same code is harmless.

    Raises EnrolRefused, ExchangeError, ValueError `store_of_another_person`.
    """
    key = ensure_device_key(keystore, random_bytes)
    line = Line(invitation.url, transport)
    signature = key.sign(enrol_text(invitation.code, key.public))
    request = EnrolRequest(invitation.code, key.public, signature, device_name.strip()[:120] or "-", app)
    try:
        answer = decode(EnrolAnswer, line.post("/v1/enrol", encode(request)), strict=False)
    except Denied as denied:
        if denied.status == 503 or not denied.code:
            raise as_exchange_error(denied) from denied
        values = denied.body.get("values")
        raise EnrolRefused(denied.code, values if isinstance(values, dict) else {}) from denied
    except BadPayload as fault:
        raise Unreachable("not the server's answer") from fault
    finally:
        line.close()
    told = {SIGN_KEY_SETTING: answer.sign_key, BOX_KEY_SETTING: answer.box_key, NAME_SETTING: answer.name}
    store.enrol(answer.dev, answer.person, invitation.url.rstrip("/"), answer.tok, answer.inc, settings=told)
    return Enrolled(answer.dev, answer.person, answer.name, answer.language)


def _is_code(code: str) -> bool:
    return len(code) == CODE_LENGTH and code.isascii() and code.isalnum()
