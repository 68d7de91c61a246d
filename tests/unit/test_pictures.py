"""Pictures of the README are made from screenshots, small enough to be committed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from tests.support.source import ROOT
from tools import pictures


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put screenshots and pictures into a folder of the test."""
    monkeypatch.setattr(pictures, "SCREENSHOTS", tmp_path / "shots")
    monkeypatch.setattr(pictures, "PICTURES", tmp_path / "pictures")
    (tmp_path / "shots").mkdir()
    return tmp_path


def draw(path: Path, width: int, height: int) -> None:
    """Write a screenshot of many colours."""
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(path)


def test_a_picture_is_narrow_and_keeps_its_proportions(folders: Path) -> None:
    shot, picture = folders / "shots" / "wide.png", folders / "pictures" / "wide.png"
    draw(shot, 2880, 1800)
    assert pictures.lay_in(shot, picture) == picture.stat().st_size
    with Image.open(picture) as made:
        assert made.size == (1440, 900)


def test_the_best_screenshot_is_taken(folders: Path) -> None:
    for name in ("second", "third"):
        draw(folders / "shots" / f"{name}.png", 10, 10)
    found = pictures.find(("first", "second", "third"), folders / "shots")
    assert found == folders / "shots" / "second.png"


def test_a_missing_screenshot_is_said_and_fails(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pictures, "WANTED", {"board": ("nowhere",)})
    monkeypatch.setattr(pictures, "find", lambda names: None)
    assert pictures.main() == 1
    assert "board.png" in capsys.readouterr().err


def test_the_readme_shows_exactly_these() -> None:
    shown = re.findall(r"\(docs/pictures/([\w-]+)\.png\)", (ROOT / "README.md").read_text("utf-8"))
    assert sorted(shown) == sorted(pictures.WANTED)
