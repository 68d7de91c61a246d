"""Histories of photos: seeds that always run, seeds that never ran before, and what happens without each cure."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from field_app.store import apply
from field_app.store import files as tablet_files
from field_app.sync import upload
from sync_server.files.incoming import Incoming
from sync_server.files.uploads import Uploads as Taking
from tests.simulation.files import FileHistory, MemoryShelf, SimFiles

Patch = pytest.MonkeyPatch
FIXED = int(os.environ.get("FIELDWRIGHT_FILE_HISTORIES", "9"))  # noqa: TID251 - how much to run, not what
FRESH = FIXED // 3
TRIES = 6
FOUND = (
    749554191,
)  # power cut between the file and what its record is told: the server's next round tells it


def failure_of(seed: int, **how: Any) -> str:
    """Live through one; returns what it broke, '' where all held."""
    try:
        FileHistory(seed, **how).run()
    except Exception as broken:
        return f"{type(broken).__name__}: {broken}"
    return ""


@pytest.mark.fault("A8", "B6", "I1", "I2", "I3", "I5", "P3")
@pytest.mark.timeout(600)
def test_photos_that_always_run() -> None:
    failed = {seed: why for seed in (*range(FIXED), *FOUND) if (why := failure_of(seed))}
    assert not failed


@pytest.mark.timeout(600)
def test_photos_never_lived_before() -> None:
    first = 1_000_000 + secrets.randbelow(10**9)
    failed = {seed: why for seed in range(first, first + FRESH) if (why := failure_of(seed))}
    assert not failed


def _no_hash(patch: Patch) -> None:
    """Neither a piece nor the whole is compared with what was sent."""
    patch.setattr(SimFiles, "is_right", lambda *_: True)
    real = Taking.advance

    def advance(self: Taking, sha256: str, incoming: Incoming) -> Any:
        with pytest.MonkeyPatch.context() as lie:
            lie.setattr(Incoming, "sha256", lambda _: sha256)
            return real(self, sha256, incoming)

    patch.setattr(Taking, "advance", advance)


def _no_wishes(patch: Patch) -> None:
    """What the server asks for again is not heard."""
    real = tablet_files.take_wishes
    from dataclasses import replace

    patch.setattr(apply, "take_wishes", lambda s, state, answer: real(s, state, replace(answer, blob=())))


def _no_keeping(patch: Patch) -> None:
    """Bytes are forgotten as soon as they were sent."""
    real = upload.Uploads._try

    def forget(self: upload.Uploads, blob: Any, chunk: bytes) -> None:
        real(self, blob, chunk)
        if chunk and blob.offset + len(chunk) >= blob.size and not self.last_error:
            self.box.shelf.remove(blob.sha)

    patch.setattr(upload.Uploads, "_try", forget)


def _no_asking(patch: Patch) -> None:
    """After a break the tablet goes on from where it thinks it was."""
    real = upload.note_failure

    def note(session: Any, sha: str, error: str, *, state: str = "waiting", ask: bool = True) -> None:
        real(session, sha, error, state=state, ask=False)

    patch.setattr(upload, "note_failure", note)


def _row_first(patch: Patch) -> None:
    """The record is written, the bytes only some time later: by then the app may have died."""
    real = MemoryShelf.put
    count = iter(range(10**6))

    def put(self: MemoryShelf, data: bytes) -> str:
        sha = real(self, data)
        if next(count) % 5 == 4:
            self.remove(sha)
        return sha

    patch.setattr(MemoryShelf, "put", put)


CURES: tuple[tuple[Callable[[Patch], None], set[str]], ...] = (
    (_no_hash, {"spoiled"}),
    (_no_wishes, {"lose", "rot"}),
    (_no_keeping, {"lose", "rot"}),
    (_no_asking, {"lost"}),
    (_row_first, set()),
)


@pytest.mark.parametrize(("cure", "faults"), CURES, ids=[cure.__name__.strip("_") for cure, _ in CURES])
@pytest.mark.timeout(600)
def test_without_a_cure_it_breaks(
    cure: Callable[[Patch], None], faults: set[str], monkeypatch: Patch
) -> None:
    cure(monkeypatch)
    assert any(failure_of(seed, faults=frozenset(faults)) for seed in range(502, 502 + TRIES))


@pytest.mark.soak
@pytest.mark.timeout(36_000)
def test_two_thousand_histories_of_photos() -> None:
    first = 2_000_000 + secrets.randbelow(10**9)
    failed = {seed: why for seed in range(first, first + 2_000) if (why := failure_of(seed))}
    assert not failed
