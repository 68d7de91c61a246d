"""The demo's photos: four motifs drawn here, attached to some visits before and after the repair.

Owns the drawings and which visits have them. Bytes go through the product's own store, records through commands.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont
from pylopdf_fonts_zh_cn import sans_path

from common.files.attach import AttachFile
from common.kernel.ids import derive_id
from sync_server.db.database import Database
from sync_server.files.arrived import settle_all
from sync_server.files.store import open_store
from sync_server.files.uploads import Uploads
from sync_server.security import read_security
from sync_server.settings import Settings

if TYPE_CHECKING:
    from sync_server.demo.visits import Job

ONE_IN = 5
SIZE = (960, 720)
BEFORE, AFTER = ("panel", "leak"), ("seal", "ready")
CAPTIONS = {
    "panel": {"en": "Alarm on arrival", "zh-Hans": "到场时的报警画面", "zh-Hant": "到場時的報警畫面"},
    "leak": {"en": "Leak at the connector", "zh-Hans": "接头处漏液", "zh-Hant": "接頭處漏液"},
    "seal": {"en": "Worn part, replaced", "zh-Hans": "换下的旧件", "zh-Hant": "換下的舊件"},
    "ready": {"en": "In order after the repair", "zh-Hans": "修复后运行正常", "zh-Hant": "修復後運行正常"},
}
WALL, CASE, EDGE, DARK = (214, 220, 224), (243, 243, 238), (92, 104, 118), (28, 38, 48)
RED, GREEN, BLUE, AMBER = (205, 60, 54), (52, 158, 96), (72, 132, 190), (226, 160, 60)


@cache
def motifs() -> dict[str, bytes]:
    """Draw the four motifs."""
    return {
        "panel": _drawn(lambda draw: _panel(draw, RED, "E-17 OCCLUSION")),
        "leak": _drawn(_leak),
        "seal": _drawn(_seal),
        "ready": _drawn(lambda draw: _panel(draw, GREEN, "RUN 99.8 mL/h")),
    }


def lay_photos(database: Database, settings: Settings) -> None:
    """Put the motifs into the store."""
    rules = replace(read_security(settings.security).upload, keep_free_mb=1)
    uploads = Uploads(database, open_store(settings, database), settings.incoming_dir, rules)
    uploads.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, data in motifs().items():
        source = uploads.folder / f"demo-{name}"
        source.write_bytes(data)
        uploads.take_whole(source)


def tell_photos(database: Database) -> None:
    """Let the records of the motifs know that their bytes are here."""
    while settle_all(database):
        pass


def is_photographed(job: Job) -> bool:
    """Say whether this visit is one of those with photos."""
    return int(job.ticket_id.replace("-", "")[-4:], 16) % ONE_IN == 0


def photograph(job: Job, at: datetime, *, names: tuple[str, ...]) -> None:
    """Attach photos to the visit."""
    for name in names:
        data = motifs()[name]
        job.give(
            AttachFile(
                derive_id("demo photo", job.ticket_id, name), job.ticket_id, "photo",
                hashlib.sha256(data).hexdigest(), len(data), "image/jpeg", f"{name}.jpg", at,
                job.visit_id or None, "diagnosis" if names is BEFORE else "repair",
                CAPTIONS[name].get(job.language, CAPTIONS[name]["zh-Hans"]),
            ),
            at,
        )  # fmt: skip


def _drawn(paint: Callable[[ImageDraw.ImageDraw], None]) -> bytes:
    picture = Image.new("RGB", SIZE, WALL)
    paint(ImageDraw.Draw(picture))
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=82)
    return written.getvalue()


def _panel(draw: ImageDraw.ImageDraw, lamp: tuple[int, int, int], words: str) -> None:
    draw.rounded_rectangle((130, 90, 830, 640), 40, CASE, EDGE, 6)
    draw.rounded_rectangle((190, 150, 770, 400), 16, DARK)
    draw.text((230, 190), words, (190, 240, 200) if lamp == GREEN else (255, 190, 180), _font(54))
    for step in range(56):
        top = 340 - (50 if lamp == GREEN and step % 8 == 3 else 6 * (step % 2))
        draw.line((230 + step * 9, 340, 234 + step * 9, top), BLUE, 4)
    draw.ellipse((200, 470, 280, 550), lamp, EDGE, 5)
    for place in range(4):
        draw.rounded_rectangle((360 + place * 105, 465, 440 + place * 105, 555), 14, (222, 226, 230), EDGE, 4)


def _leak(draw: ImageDraw.ImageDraw) -> None:
    draw.rounded_rectangle((60, 250, 430, 470), 24, CASE, EDGE, 6)
    draw.rectangle((430, 310, 540, 410), (170, 178, 186), EDGE, 6)
    draw.line((540, 360, 900, 360), (205, 228, 240), 44)
    draw.line((540, 360, 900, 360), BLUE, 6)
    draw.ellipse((448, 420, 512, 512), BLUE)
    draw.polygon(((480, 380), (452, 452), (508, 452)), BLUE)
    draw.ellipse((370, 600, 620, 650), (160, 196, 226))
    draw.ellipse((400, 260, 570, 540), None, RED, 8)


def _seal(draw: ImageDraw.ImageDraw) -> None:
    draw.rectangle((0, 500, 960, 720), (180, 168, 150))
    draw.ellipse((250, 190, 710, 610), DARK, EDGE, 5)
    draw.ellipse((350, 285, 610, 515), (180, 168, 150), EDGE, 5)
    draw.line((610, 300, 700, 240), AMBER, 12)
    draw.line((630, 320, 690, 330), AMBER, 8)
    for mark in range(20):
        draw.line((60 + mark * 42, 660, 60 + mark * 42, 640 if mark % 5 else 620), DARK, 4)
    draw.line((60, 660, 858, 660), DARK, 5)


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(sans_path()), size)
