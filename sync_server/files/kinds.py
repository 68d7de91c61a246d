"""What a file is, by its first bytes: the name and type somebody told are not asked (H7, ASVS 5.2.2).

Owns the list of signatures. What is not on it is of no type, and no type is taken by no policy.
"""

from __future__ import annotations

HEAD_BYTES = 64
PLAIN = "application/octet-stream"
HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})  # those the server can draw anew
EXTENSIONS = {
    "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/heic": "heic", "application/pdf": "pdf",
    "audio/mp4": "m4a", "audio/mpeg": "mp3", "audio/ogg": "ogg", "audio/wav": "wav", "audio/webm": "webm",
}  # fmt: skip


def media_type_of(head: bytes) -> str:
    """Name the media type of a file by its first 64 bytes; '' where they are of none we know."""
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return "image/heic" if head[8:12] in HEIC else "audio/mp4"
    for start, media_type in (
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"%PDF-", "application/pdf"),
        (b"OggS", "audio/ogg"),
        (b"ID3", "audio/mpeg"),
        (b"\x1aE\xdf\xa3", "audio/webm"),
    ):
        if head.startswith(start):
            return media_type
    return "audio/mpeg" if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2 else ""


def extension_of(media_type: str) -> str:
    """Give the ending a download is named with."""
    return EXTENSIONS.get(media_type, "bin")
