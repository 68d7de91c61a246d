"""What may be imported where, and what may run on a tablet.

Mobile builds take pure wheels from the public index and compiled ones only from Flet's own list; a dependency
that is on neither would be noticed on the day somebody builds the app.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.source import ROOT, assert_none, python_files, relative, tree

# Compiled packages with wheels for Android and iOS, and the version Flet builds (recipes of August 2026).
MOBILE_WHEELS = {
    "argon2-cffi-bindings": "25.1.0",
    "cffi": "2.0.0",
    "cryptography": "48.0.0",
    "pillow": "12.2.0",
    "sqlalchemy": "2.0.50",
}
# Flet's own transport; its wheel is part of every app that Flet builds.
FLETS_OWN = frozenset({"msgpack"})
TARGETS = tuple(
    {"sys_platform": platform, "platform_system": system, "python_version": version, "extra": ""}
    for platform, system in (("android", "Android"), ("ios", "iOS"))
    for version in ("3.12", "3.13", "3.14")
)
# Modules that serve the app to a browser of the same machine; built apps never import them.
WEB_MODE_ONLY = frozenset({"field_app/web.py"})
COMMON_MAY = frozenset({"sqlalchemy", "common"})
# The codec may be sped up where this is installed; the pure path is tested to be equal.
COMMON_MAY_TRY = frozenset({"msgspec"})


@cache
def project() -> dict[str, Any]:
    """Return the project file."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def base_requirements() -> list[Requirement]:
    """Return what the app depends on."""
    return [Requirement(line) for line in project()["project"]["dependencies"]]


def closure(requirements: list[Requirement]) -> dict[str, Distribution]:
    """Return every distribution that a mobile build would bring, by canonical name."""
    found: dict[str, Distribution] = {}
    left = list(requirements)
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        wanted = requirement.marker is None or any(requirement.marker.evaluate(target) for target in TARGETS)
        if not wanted or name in found:
            continue
        found[name] = distribution(name)
        left += [Requirement(line) for line in found[name].requires or ()]
    return found


def is_pure(dist: Distribution) -> bool:
    """Say whether the installed wheel fits every platform."""
    wheel = dist.read_text("WHEEL") or ""
    return bool(re.search(r"^Tag: \S+-none-any$", wheel, re.MULTILINE))


def test_every_dependency_of_the_app_runs_on_a_tablet() -> None:
    found = closure(base_requirements())
    refused = [
        name
        for name, dist in found.items()
        if not is_pure(dist) and name not in MOBILE_WHEELS and name not in FLETS_OWN
    ]
    assert {"flet", "sqlalchemy", "httpx"} <= set(found)
    assert_none(refused)


def test_the_app_accepts_the_versions_that_mobile_builds_bring() -> None:
    refused = [
        str(requirement)
        for requirement in base_requirements()
        if (version := MOBILE_WHEELS.get(canonicalize_name(requirement.name)))
        and not requirement.specifier.contains(version)
    ]
    assert_none(refused)


def imported(path: Path, *, lazily: bool) -> Iterator[tuple[int, str]]:
    """Yield (line, top-level package) of absolute imports; without `lazily` only those that run at import."""
    nodes: list[ast.AST] = list(ast.walk(tree(path)))
    if not lazily:
        nodes = []
        left: list[ast.stmt] = list(tree(path).body)
        while left:
            line = left.pop()
            nodes.append(line)
            typing_only = isinstance(line, ast.If) and "TYPE_CHECKING" in ast.unparse(line.test)
            if isinstance(line, ast.If | ast.Try | ast.With) and not typing_only:
                left += [child for child in ast.iter_child_nodes(line) if isinstance(child, ast.stmt)]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.split(".")[0]


def test_common_imports_only_the_standard_library_and_sqlalchemy() -> None:
    allowed = sys.stdlib_module_names | COMMON_MAY | COMMON_MAY_TRY
    wrong = [
        f"{relative(path)}:{line} {name}"
        for path in python_files("common")
        for line, name in imported(path, lazily=True)
        if name not in allowed
    ]
    assert_none(wrong)


def test_the_app_starts_with_what_a_tablet_has() -> None:
    at_hand = set(closure(base_requirements()))
    providers = packages_distributions()
    wrong = []
    for path in python_files("field_app"):
        if relative(path) in WEB_MODE_ONLY:
            continue
        for line, name in imported(path, lazily=False):
            if name in sys.stdlib_module_names or name in {"common", "field_app"}:
                continue
            if not at_hand.intersection(map(canonicalize_name, providers.get(name, ()))):
                wrong.append(f"{relative(path)}:{line} {name}")
    assert_none(wrong)


def test_flet_is_one_version_everywhere() -> None:
    extras = project()["project"]["optional-dependencies"]
    lines = [*project()["project"]["dependencies"], *(line for extra in extras.values() for line in extra)]
    versions = {
        str(Requirement(line).specifier) for line in lines if Requirement(line).name.startswith("flet")
    }
    assert versions == {"==1.0.5"}


def test_mobile_packages_find_their_entry_and_keep_no_system_backup() -> None:
    flet = project()["tool"]["flet"]
    entry = ROOT / flet["app"]["path"] / f"{flet['app']['module']}.py"
    assert entry.is_file()
    assert flet["android"]["manifest_application"]["allowBackup"] == "false"
    assert {"sync_server", "tests", ".venv"} <= set(flet["app"]["exclude"])


def test_every_locked_package_has_hashes_and_no_address() -> None:
    for name in ("requirements.lock", "web/requirements-node.lock"):
        text = (ROOT / name).read_text("utf-8")
        pins = re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+) \\\n {4}--hash=sha256:", text, re.MULTILINE)
        assert len(pins) == len(re.findall(r"^[a-z0-9].*==", text, re.MULTILINE))
        assert "://" not in text
        assert pins != []
    assert '"resolved"' not in (ROOT / "web/package-lock.json").read_text("utf-8")


def test_the_lock_holds_every_dependency() -> None:
    locked = {
        canonicalize_name(name)
        for name in re.findall(
            r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE
        )
    }
    extras = project()["project"]["optional-dependencies"]
    lines = [*project()["project"]["dependencies"], *(line for extra in extras.values() for line in extra)]
    assert {canonicalize_name(Requirement(line).name) for line in lines} - locked == set()
