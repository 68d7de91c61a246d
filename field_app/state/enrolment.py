"""First start: this device becomes a person's, by a code from the office.

Owns reading what was typed, and saying how far it is. The exchange is `field_app.sync.enrol`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import flet as ft

from common.kernel.text import tidy
from common.protocol.messages import Busy, ExchangeError, NotTrusted
from field_app.state.drafts import Drafts
from field_app.state.reach import Reach
from field_app.state.signing import Form, Trouble
from field_app.store.settings import SIGN_KEY_SETTING, setting_of
from field_app.store.store import state_of
from field_app.sync.enrol import NAME_SETTING, EnrolRefused, Invitation, read_invitation

LOOPBACK = ("127.0.0.1", "localhost", "::1")
FORM = "enrol"


@ft.observable
@dataclass(eq=False)
class Enrolment:
    """The first start. `step`: ask, busy, fetching (enrolled, the work is on its way), done."""

    reach: Reach
    drafts: Drafts
    step: str = "ask"
    trouble: Trouble | None = None
    person: str = ""
    server: str = ""
    _form: Form = field(init=False)

    def __post_init__(self) -> None:
        self._form = Form(self.drafts, FORM)
        self.follow()

    @property
    def form(self) -> Form:
        """Return the half-filled form, for text fields."""
        return self._form

    def follow(self) -> None:
        """Look how far it is: whose this device is, and whether everything has come once."""
        with self.reach.store.read() as session:
            state = state_of(session)
            enrolled = bool(
                state.person_id and setting_of(session, SIGN_KEY_SETTING)
            )  # lost: to be enrolled again
            whole, self.server = state.position > 0, state.server_url
        if enrolled and self.step != "busy":
            self.person = self.reach.store.setting(NAME_SETTING)
            self.step = "done" if whole else "fetching"

    def read_paste(self, text: str) -> bool:
        """Take a pasted invitation apart: address and code; say whether it was one."""
        invitation = read_invitation(text)
        if invitation is None or not invitation.url:
            return False
        self._form.keep(server=invitation.url, code=invitation.code)
        return True

    def invitation(self) -> Invitation | None:
        """Read what was typed: the code, with the address beside it or inside it."""
        typed = read_invitation(self._form.text("code"))
        if typed is None:
            return None
        return typed if typed.url else replace(typed, url=whole_address(self._form.text("server")))

    async def enrol(self, device_name: str) -> None:
        """Enrol this device; what went wrong stands in `trouble`."""
        asked = self.invitation()
        if asked is None:
            self.trouble = Trouble("enrol_code_unreadable")
            return
        self.trouble, self.step = None, "busy"
        self.trouble = await asyncio.to_thread(self._ask, asked, device_name)
        self.step = "ask"
        if self.trouble is None:
            self._form.forget()
            self.follow()
            self.reach.sync_now()

    def _ask(self, asked: Invitation, device_name: str) -> Trouble | None:
        try:
            self.reach.enrol(asked, device_name)
        except EnrolRefused as refused:
            return Trouble(refused.code, refused.values)
        except NotTrusted as error:
            return Trouble(error.code)
        except Busy as busy:
            return Trouble("try_later", {"wait_s": busy.retry_after_s})
        except ExchangeError:
            return Trouble("enrol_unreachable", {"server": asked.url})
        except ValueError as fault:
            known = str(fault) == "store_of_another_person"
            return Trouble("store_of_another_person" if known else "enrol_failed")
        return None


def whole_address(typed: str) -> str:
    """Complete a typed address: `https://` before it, `http://` only for this machine itself; '' stays ''."""
    text = tidy(typed).rstrip("/")
    if not text or "://" in text:
        return text
    host = urlsplit(f"//{text}").hostname or ""
    return f"{'http' if host in LOOPBACK else 'https'}://{text}"
