"""What a picked file is, by its first bytes; photos made small enough to travel, and their previews.

Owns the sizes. A photo is scaled once, here, before it is hashed and sealed; it keeps its EXIF data (ADR-0033).
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

LONGEST_PX = 1600
PREVIEW_PX = 320
PREVIEW_BYTES = 20 * 1024
QUALITY = 82
PIXELS_AT_MOST = 100_000_000
_ORIENTATION = 0x0112
_UNREADABLE = (
    UnidentifiedImageError,
    OSError,
    ValueError,
    SyntaxError,
    struct.error,
    Image.DecompressionBombError,
)
_SHRINKABLE = ("image/jpeg", "image/png", "image/webp")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file as it will be kept. `preview` is b'' where there is none."""

    data: bytes
    media_type: str
    preview: bytes = b""


class NotAPicture(Exception):
    """The bytes begin like a picture and are none, or one too large to be opened here."""


def media_type_of(data: bytes) -> str:
    """Tell a file's type by its first bytes; '' for one that is not taken."""
    head = data[:16]
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] in (b"WEBP", b"WAVE"):
        return "image/webp" if head[8:12] == b"WEBP" else "audio/wav"
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    if head[4:8] == b"ftyp":
        return "image/heic" if head[8:12] in (b"heic", b"heix", b"mif1", b"msf1") else "audio/mp4"
    if head.startswith(b"OggS"):
        return "audio/ogg"
    if head.startswith(b"ID3") or head[:2] in (b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"):
        return "audio/mpeg"
    return "audio/webm" if head.startswith(b"\x1aE\xdf\xa3") else ""


def kind_of(media_type: str) -> str:
    """Name the kind of file a type belongs to: photo, document, voice; '' for none."""
    if media_type.startswith("image/"):
        return "photo"
    return "voice" if media_type.startswith("audio/") else "document" if media_type else ""


def prepare(data: bytes) -> Prepared:
    """Make a file ready to be kept: large photos are scaled to 1600 px, photos get a preview. Raises NotAPicture.

    What is not a photo, and a photo that is small already, stays byte for byte what it was.
    """
    media_type = media_type_of(data)
    if media_type not in _SHRINKABLE:
        return Prepared(data, media_type)
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > PIXELS_AT_MOST:
                raise NotAPicture
            return _shrunk(picture, data, media_type)
    except _UNREADABLE as fault:
        raise NotAPicture from fault


def _shrunk(picture: Image.Image, data: bytes, media_type: str) -> Prepared:
    is_large = max(picture.size) > LONGEST_PX
    upright = ImageOps.exif_transpose(picture)
    exif = _exif(picture)
    upright = upright if upright.mode == "RGB" else _on_white(upright)
    if is_large:
        upright.thumbnail((LONGEST_PX, LONGEST_PX), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        upright.save(out, "JPEG", quality=QUALITY, optimize=True, exif=exif)
        data, media_type = out.getvalue(), "image/jpeg"
    return Prepared(data, media_type, _preview(upright))


def _exif(picture: Image.Image) -> bytes:
    """Take what the camera wrote beside the picture, which is turned upright; b'' where it cannot be read."""
    try:
        exif = picture.getexif()
        exif[_ORIENTATION] = 1
        return exif.tobytes()
    except (ValueError, KeyError, TypeError, OSError, SyntaxError, struct.error):
        return b""


def _preview(picture: Image.Image) -> bytes:
    """Make a small picture of at most 20 KB."""
    small = picture.copy()
    small.thumbnail((PREVIEW_PX, PREVIEW_PX), Image.Resampling.LANCZOS)
    quality = 75
    while True:
        out = io.BytesIO()
        small.save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= PREVIEW_BYTES or quality <= 15:
            return out.getvalue()
        quality -= 15


def _on_white(picture: Image.Image) -> Image.Image:
    if "A" not in picture.getbands() and picture.mode != "P":
        return picture.convert("RGB")
    page = Image.new("RGB", picture.size, "white")
    clear = picture.convert("RGBA")
    page.paste(clear, mask=clear.getchannel("A"))
    return page
