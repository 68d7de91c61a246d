"""What a tablet scans to be enrolled: server address and code as one text, and that text as a QR picture.

Owns the text's form; `field_app.sync.enrol.read_invitation` reads it.
"""

from __future__ import annotations

from io import BytesIO
from urllib.parse import urlencode

import segno

from common.protocol.access import INVITATION, tidy_code


def invitation(address: str, code: str) -> str:
    """Write the text of an invitation: `fieldwright:enrol?u=<address>&c=<code>`."""
    return f"{INVITATION}?{urlencode({'u': address, 'c': tidy_code(code)})}"


def invitation_svg(address: str, code: str) -> str:
    """Draw an invitation as an SVG element that may stand inside a page (no inline style)."""
    return qr_svg(invitation(address, code))


def qr_svg(text: str) -> str:
    """Draw a text as a QR code, an SVG element that may stand inside a page (no inline style)."""
    out = BytesIO()
    segno.make(text, error="m", micro=False).save(
        out,
        kind="svg",
        scale=4,
        border=4,
        xmldecl=False,
        svgns=True,
        svgclass="qr",
        lineclass="qr-line",
        omitsize=True,
    )
    return out.getvalue().decode("utf-8")
