"""Photos for tests: real JPEG files with something to see, made by chance of a seed."""

from __future__ import annotations

import io
import random
from functools import cache

from PIL import Image, ImageDraw


@cache
def photo(seed: int = 1, size: tuple[int, int] = (640, 480), noisy: bool = False) -> bytes:
    """Make a JPEG; `noisy` makes it large for its size, as a photo of gravel is."""
    rng = random.Random(seed)
    if noisy:
        picture = Image.frombytes("RGB", size, rng.randbytes(size[0] * size[1] * 3))
    else:
        picture = Image.new("RGB", size, (214, 222, 226))
        drawn = ImageDraw.Draw(picture)
        for _ in range(14):
            x, y = rng.randrange(size[0]), rng.randrange(size[1])
            w, h = rng.randrange(20, size[0] // 2), rng.randrange(20, size[1] // 2)
            colour = (rng.randrange(40, 220), rng.randrange(60, 200), rng.randrange(80, 220))
            drawn.rounded_rectangle((x, y, x + w, y + h), 12, colour, (60, 70, 80), 3)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=88)
    return out.getvalue()


def with_exif(data: bytes, orientation: int, made_by: str) -> bytes:
    """Write into a photo what a camera writes beside it."""
    picture = Image.open(io.BytesIO(data))
    exif = picture.getexif()
    exif[0x0112], exif[0x010F] = orientation, made_by
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90, exif=exif.tobytes())
    return out.getvalue()


PAPER = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)
