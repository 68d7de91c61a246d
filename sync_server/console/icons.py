"""The console's icons, drawn for this product (icons.toml). A state is never shown by colour alone."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from markupsafe import Markup


@cache
def paths() -> dict[str, str]:
    """Read the drawings once: name to SVG path."""
    return tomllib.loads((Path(__file__).parent / "icons.toml").read_text("utf-8"))


def icon(name: str, label: str = "") -> Markup:
    """Draw an icon; without a label it is decoration and hidden from screen readers."""
    access = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    drawing = Markup('<svg class="icon" viewBox="0 0 24 24" focusable="false" {}><path d="{}"/></svg>')
    return drawing.format(access, paths()[name])


def icon_sprite() -> Markup:
    """Lay all icons into a page as symbols `#i-<name>`, for parts drawn in the browser."""
    symbol = Markup('<symbol id="i-{}" viewBox="0 0 24 24"><path d="{}"/></symbol>')
    symbols = Markup("").join(symbol.format(name, drawing) for name, drawing in paths().items())
    return Markup('<svg class="sprite" aria-hidden="true" focusable="false">{}</svg>').format(symbols)
