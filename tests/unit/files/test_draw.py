"""Pictures as strangers send them: damaged, huge, with something hidden in them; what is shown is drawn anew (H2, H7)."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from common.policy.file_rules import shipped_rules
from sync_server.files import draw
from sync_server.files.kinds import extension_of, media_type_of
from tests.support.uploading import picture

PIXELS = 50_000_000
SCRIPT = b"<script>alert(1)</script>"


def drawn(data: bytes, folder: Path) -> str:
    return draw.draw(data, str(folder / "view.jpg"), str(folder / "thumb.jpg"), PIXELS)


def with_metadata() -> bytes:
    made, written = Image.new("RGB", (3000, 1000), "red"), io.BytesIO()
    exif = made.getexif()
    exif[0x010E] = "<script>alert('description')</script>"
    exif[0x0112] = 6  # lying on its side
    made.save(written, "JPEG", exif=exif)
    return written.getvalue()


@pytest.mark.fault("H2", "H7")
def test_what_is_shown_holds_nothing_but_the_picture(tmp_path: Path) -> None:
    data = with_metadata() + SCRIPT + b"PK\x03\x04 and an archive behind it"
    assert b"<script>" in data
    assert drawn(data, tmp_path) == "ok"
    view, thumb = tmp_path / "view.jpg", tmp_path / "thumb.jpg"
    for path in (view, thumb):
        assert b"<script>" not in path.read_bytes()
        assert b"Exif" not in path.read_bytes()
    assert Image.open(view).size == (533, 1600), "upright, within 1600 pixels"
    assert max(Image.open(thumb).size) == 240
    assert thumb.stat().st_size < 20_000


def test_a_disk_that_takes_nothing_says_nothing_of_the_picture(tmp_path: Path) -> None:
    assert drawn(picture(1), tmp_path / "no such folder") == "not_now"
    assert drawn(picture(1)[:400], tmp_path) == "picture_broken"


def bomb() -> bytes:
    """Write a PNG of a few bytes that says it has 3.6 thousand million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.fault("H7")
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (bomb(), "pixels_too_many"),
        (picture(1, (300, 300))[:4000], "picture_broken"),
        (picture(1)[:30], "picture_broken"),
        (b"\xff\xd8\xff" + SCRIPT, "picture_broken"),
        (b"\x89PNG\r\n\x1a\n" + bytes(300), "picture_broken"),
        (picture(1, form="GIF"), "picture_broken"),
        (b"", "picture_broken"),
    ],
)
def test_what_is_no_picture_is_not_shown(data: bytes, said: str, tmp_path: Path) -> None:
    assert drawn(data, tmp_path) == said
    assert not (tmp_path / "view.jpg").exists()


@pytest.mark.fault("H7")
def test_drawing_happens_in_a_process_of_little_memory(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-I",
        draw.__file__,
        str(tmp_path / "view.jpg"),
        str(tmp_path / "thumb.jpg"),
        str(10**10),
    ]
    done = subprocess.run(command, input=bomb(), capture_output=True, env={}, check=False, timeout=60)
    assert done.stdout.strip() in (b"pixels_too_many", b"picture_broken")
    assert not (tmp_path / "view.jpg").exists()


@pytest.mark.fault("H7")
def test_types_are_found_in_the_bytes() -> None:
    assert media_type_of(picture(1)) == "image/jpeg"
    assert media_type_of(picture(1, form="PNG")) == "image/png"
    assert media_type_of(picture(1, form="WEBP")) == "image/webp"
    assert media_type_of(b"\0\0\0\x18ftypheic\0\0\0\0") == "image/heic"
    assert media_type_of(b"\0\0\0\x18ftypM4A \0\0\0\0") == "audio/mp4"
    assert media_type_of(b"%PDF-1.7") == "application/pdf"
    assert media_type_of(b"OggS....") == "audio/ogg"
    for hostile in (
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'>", b"<!doctype html>", SCRIPT, b"MZ\x90",
        b"PK\x03\x04", b"GIF89a", b"II*\0", b"", b"\x7fELF", b"#!/bin/sh", b"%!PS-Adobe",
    ):  # fmt: skip
        assert media_type_of(hostile) not in shipped_rules().types
    assert extension_of("text/html") == "bin"
