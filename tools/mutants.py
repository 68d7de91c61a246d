"""Plant each mistake of mutants.toml in a copy of the project and see its test turn red: else the test proves nothing.

Owns the copy. Usage: python -m tools.mutants [words of a name …]; exit 1 if a mistake went unnoticed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(__file__).with_suffix(".toml")
FIGURES = ROOT / ".artifacts" / "mutants.md"
FAILED = 1  # pytest's code for tests that ran and failed; anything else is no proof
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".build", ".artifacts", ".data", "__pycache__", ".*_cache", ".hypothesis"
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted mistake: in `file`, `old` becomes `new`, and `test` must fail."""

    name: str
    file: str
    old: str
    new: str
    test: str
    histories: int = 0


def read_mutants() -> list[Mutant]:
    """Read the planted mistakes."""
    return [Mutant(**one) for one in tomllib.loads(DATA.read_text("utf-8"))["mutant"]]


def noticed(mutant: Mutant, copy: Path) -> tuple[bool, str]:
    """Plant a mistake in the copy, run its test, take the mistake out; say whether the test failed, and its end."""
    path = copy / mutant.file
    sound = path.read_text("utf-8")
    assert sound.count(mutant.old) == 1, f"{mutant.file}: not exactly once: {mutant.old!r}"
    path.write_text(sound.replace(mutant.old, mutant.new), "utf-8")
    env = os.environ | {
        "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "TZ": "UTC",
        "FIELDWRIGHT_HISTORIES": str(mutant.histories or 120),
    }  # fmt: skip
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutant.test]
    try:
        done = subprocess.run(words, cwd=copy, env=env, capture_output=True, text=True, check=False)
    finally:
        path.write_text(sound, "utf-8")
    return done.returncode == FAILED, (done.stdout + done.stderr)[-1500:]


def main() -> None:
    """Try the mistakes whose name holds the words given, or all; write a page of what was seen."""
    wanted = " ".join(sys.argv[1:])
    mutants = [one for one in read_mutants() if wanted in one.name]
    lines, missed = ["| planted mistake | test | turned red | s |", "|---|---|---|---|"], []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT, symlinks=True)
        for mutant in mutants:
            began = time.monotonic()
            red, end = noticed(mutant, copy)
            seconds = time.monotonic() - began
            print(f"{'red   ' if red else 'MISSED'} {seconds:5.0f} s  {mutant.name}", flush=True)
            lines.append(
                f"| {mutant.name} | `{mutant.test}` | {'yes' if red else '**no**'} | {seconds:.0f} |"
            )
            if not red:
                missed.append(mutant.name)
                print(end)
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{len(mutants) - len(missed)} of {len(mutants)} planted mistakes were noticed")
    raise SystemExit(1 if missed or not mutants else 0)


if __name__ == "__main__":
    main()
