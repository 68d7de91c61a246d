"""A tablet that sends files by hand: tus requests as they stand in the protocol, over a real line.

Owns headers and bodies. Records go through the tablet's own store and engine, as the app gives them.
"""

from __future__ import annotations

import base64
import hashlib
import io
import random
from dataclasses import dataclass
from typing import Any

import httpx
from PIL import Image

from common.files.attach import AttachFile
from common.kernel.clock import instant
from common.protocol.messages import Wanted
from field_app.store.outbox import build_request
from field_app.sync.plan import MOST, Line
from tests.support.served import Server, Tablet
from tests.support.tickets import a_ticket_for

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {"Content-Type": "application/offset+octet-stream"}


def picture(seed: int = 1, size: tuple[int, int] = (64, 48), form: str = "JPEG") -> bytes:
    """Draw a picture nobody else draws."""
    noise = random.Random(seed).randbytes(3 * size[0] * size[1])
    made = Image.frombytes("RGB", size, noise)
    written = io.BytesIO()
    made.save(written, form)
    return written.getvalue()


def sha(data: bytes) -> str:
    """Name bytes."""
    return hashlib.sha256(data).hexdigest()


def packed(data: bytes | str) -> str:
    """Write as tus wants it in headers."""
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


@dataclass(slots=True)
class Sender:
    """One tablet with a ticket of its own."""

    server: Server
    tablet: Tablet
    person: str
    ticket: str
    http: httpx.Client

    @classmethod
    def of(cls, server: Server, tablet: Tablet, person: str) -> Sender:
        """Give a tablet a ticket and bring it there."""
        made = cls(server, tablet, person, a_ticket_for(server, person), httpx.Client(base_url=server.url))
        made.talk()
        return made

    def talk(self) -> None:
        """Let the tablet talk until nothing waits."""
        for _ in range(3):
            self.tablet.engine.line = Line()
            self.tablet.engine.turn(asked=True)
            assert self.tablet.engine.last_error == ""

    @property
    def door(self) -> dict[str, str]:
        """Return the header that opens."""
        return {"Authorization": f"Bearer {self.tablet.exchange._fresh_token()}"}  # noqa: SLF001

    def attach(self, data: bytes, **changed: Any) -> str:
        """Attach a photo to the ticket and sync the record; returns its id."""
        file_id = self.server.parts.database.new_id()
        values: dict[str, Any] = {
            "kind": "photo", "sha256": sha(data), "size_bytes": len(data), "media_type": "image/jpeg", "name": "a.jpg",
            "taken_at": instant(self.server.clock.read().wall_ms),
        }  # fmt: skip
        given = self.tablet.store.give(AttachFile(file_id, self.ticket, **(values | changed)))
        assert given.outcome.took_effect, given.outcome
        self.talk()
        return file_id

    def wanted(self) -> tuple[Wanted, ...]:
        """Ask what the server wants of this tablet."""
        clock = self.server.clock
        request = self.tablet.store.write(lambda session: build_request(session, clock.read(), "t", MOST))
        answer = self.tablet.exchange.sync(request)
        with_token = {"token": answer.tok}
        from sqlalchemy import text

        self.tablet.store.write(lambda s: s.execute(text("UPDATE sync_state SET token = :token"), with_token))
        return answer.blob

    def state(self, file_id: str) -> tuple[str, str]:
        """Read a record's state and fault at the server."""
        ((state, fault),) = self.server.rows("SELECT state, fault FROM attachment WHERE id = :id", id=file_id)
        return state, fault

    def create(self, data: bytes, length: int | None = None, **headers: str) -> httpx.Response:
        """Begin an upload."""
        told = {"Upload-Length": str(len(data) if length is None else length)}
        told["Upload-Metadata"] = f"sha256 {packed(sha(data))}"
        return self.http.post("/v1/files", headers=self.door | TUS | told | headers)

    def piece(self, data: bytes, start: int, end: int, **headers: str) -> httpx.Response:
        """Send a piece of the bytes that are named by their whole."""
        told = PIECE | {"Upload-Offset": str(start)} | headers
        return self.http.patch(
            f"/v1/files/{sha(data)}", content=data[start:end], headers=self.door | TUS | told
        )

    def offset(self, data: bytes) -> int:
        """Ask how far an upload is."""
        answer = self.http.head(f"/v1/files/{sha(data)}", headers=self.door | TUS)
        assert answer.status_code == 200
        return int(answer.headers["Upload-Offset"])

    def send(self, data: bytes) -> httpx.Response:
        """Send a file whole."""
        assert self.create(data).status_code == 201
        return self.piece(data, 0, len(data))

    def read(self, sha256: str, **headers: str) -> httpx.Response:
        """Read a file back."""
        return self.http.get(f"/v1/files/{sha256}", headers=self.door | headers)
