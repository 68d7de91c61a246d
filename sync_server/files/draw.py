"""Draws a picture anew: no metadata, nothing hidden behind it, at most 1600 and 240 pixels a side (H7).

Run as a program of its own, `python -I draw.py VIEW THUMB PIXELS`, the original on standard input, because decoders are
where hostile files strike: little memory, little time, no other file. Says one word: ok, or what is wrong.
"""

from __future__ import annotations

import io
import sys

from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP")
VIEW, THUMB = 1600, 240
MEMORY_BYTES = 1536 * 1024 * 1024
CPU_S = 20
FILE_BYTES = 16 * 1024 * 1024


def limit() -> None:
    """Bound what this process may use."""
    try:
        import resource
    except ImportError:  # not on this system; the time limit of the caller stands
        return
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def draw(data: bytes, view: str, thumb: str, pixels: int) -> str:
    """Draw both; returns ok, `pixels_too_many`, `picture_broken`, or `not_now` where nothing could be written."""
    Image.MAX_IMAGE_PIXELS = None  # counted here, before a pixel is read
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as source:
            if source.width * source.height > pixels:
                return "pixels_too_many"
            source.draft("RGB", (2 * VIEW, 2 * VIEW))
            source.load()
            turned = ImageOps.exif_transpose(source)
            _write(turned, VIEW, 85, view)
            _write(turned, THUMB, 75, thumb)
    except MemoryError:
        return "pixels_too_many"
    except OSError as error:  # decoders raise theirs without a number
        return "not_now" if error.errno else "picture_broken"
    except Exception:  # noqa: BLE001 - whatever a decoder makes of hostile bytes, the answer is the same
        return "picture_broken"
    return "ok"


def _write(source: Image.Image, side: int, quality: int, path: str) -> None:
    small = source.copy()
    small.thumbnail((side, side))
    plain = Image.new("RGB", small.size, "white")
    with_alpha = small.convert("RGBA") if "A" in small.getbands() or "transparency" in small.info else None
    plain.paste(with_alpha or small.convert("RGB"), mask=with_alpha)
    plain.save(path, "JPEG", quality=quality)


if __name__ == "__main__":
    limit()
    print(draw(sys.stdin.buffer.read(), sys.argv[1], sys.argv[2], int(sys.argv[3])))
