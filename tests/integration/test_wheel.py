"""The wheel carries everything the programs read at run time, so a target needs neither npm nor a clone."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.support.source import PRODUCT, ROOT

READ_AT_RUN_TIME = frozenset(
    {".css", ".gz", ".html", ".js", ".json", ".mako", ".sql", ".svg", ".toml", ".txt"}
)


def test_wheel_carries_what_is_read_at_run_time(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    carried = set(zipfile.ZipFile(wheel).namelist())
    needed = {
        path.relative_to(ROOT).as_posix()
        for package in PRODUCT
        for path in (ROOT / package).rglob("*")
        if path.is_file()
        and path.suffix in (READ_AT_RUN_TIME | {".py"})
        and "__pycache__" not in path.parts
        and path.name != ".lock"
    }
    vendor = "sync_server/console/static/vendor"
    assert {f"{vendor}/htmx.min.js", f"{vendor}/bootstrap.min.css.gz", f"{vendor}/NOTICES"} <= carried
    assert sorted(needed - carried) == []
    strangers = {name.split("/")[0] for name in carried} - set(PRODUCT)
    assert [name for name in strangers if not name.endswith(".dist-info")] == []
