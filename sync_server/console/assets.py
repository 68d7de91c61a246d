"""Static files of the console under an address that changes with their content: kept by browsers for ever.

Owns the address and the mount. Relative imports between scripts keep working because the version is a folder.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC_FOLDER = Path(__file__).parent / "static"
PREFIX = "/console/static"


class _KeptForEver(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code in (200, 304):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


class Assets:
    """The files of one folder with one version for all of them."""

    def __init__(self, folder: Path = STATIC_FOLDER, prefix: str = PREFIX) -> None:
        digest = hashlib.sha256()
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".gz"):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
        self.folder = folder
        self.base = f"{prefix}/{digest.hexdigest()[:12]}"

    def url(self, path: str) -> str:
        """Return the address of a file; raise FileNotFoundError for one that is not there."""
        if not (self.folder / path).is_file():
            raise FileNotFoundError(f"static file {path!r} is missing; run the build hook")
        return f"{self.base}/{path}"

    def mount(self, app: Starlette) -> None:
        """Serve the files."""
        app.mount(self.base, _KeptForEver(directory=self.folder), name="console-static")
