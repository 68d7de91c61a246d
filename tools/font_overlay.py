"""Lay a Chinese font into the assets of Flet's web client.

Owns one git-ignored folder, handed to the app as its `assets_dir` (setting FIELDWRIGHT_APP_ASSETS). The web
client sees no system fonts, and a font registered only at run time arrives after the first frame: it must
stand in the client's own FontManifest. Must not change the installed client.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import flet_web
import pylopdf_fonts_zh_cn

FAMILY = "NotoSC"


def lay_in(destination: Path) -> Path:
    """Write font and FontManifest below `destination`, replacing what was there; return the font's path."""
    source = Path(pylopdf_fonts_zh_cn.sans_path())
    web_client = Path(flet_web.get_package_web_dir())
    manifest = json.loads((web_client / "assets" / "FontManifest.json").read_text("utf-8"))
    manifest = [entry for entry in manifest if entry["family"] != FAMILY]
    manifest.append({"family": FAMILY, "fonts": [{"asset": f"fonts/{source.name}"}]})
    shutil.rmtree(destination, ignore_errors=True)
    fonts = destination / "assets" / "fonts"
    fonts.mkdir(parents=True)
    font = fonts / source.name
    shutil.copyfile(source, font)
    # Written last: its presence says that the overlay is whole.
    (destination / "assets" / "FontManifest.json").write_text(json.dumps(manifest), "utf-8")
    return font


def main() -> None:
    """Lay the font into the folder named on the command line."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python tools/font_overlay.py FOLDER")
    font = lay_in(Path(sys.argv[1]).resolve())
    print(f"Chinese font: {font.name} laid in for the app's web client")


if __name__ == "__main__":
    main()
