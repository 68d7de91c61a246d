"""The console's icons: one stroke weight, 24 units square, drawn here. A state is never shown by colour alone."""

from __future__ import annotations

from markupsafe import Markup

PATHS = {
    "alert": "M12 4 2.8 20h18.4zM12 10v5M12 17.6v.2",
    "board": "M4 5v14M4 7h9v3H4M8 12h11v3H8M4 17h7v3H4",
    "book": "M5 4h12a2 2 0 0 1 2 2v14H7a2 2 0 0 1-2-2zM5 18a2 2 0 0 1 2-2h12M9 8h6M9 11h4",
    "boxes": "M3 12h8v8H3zM13 12h8v8h-8zM8 4h8v8H8zM7 12v3M17 12v3M12 4v3",
    "building": "M5 21V4h9v17M14 9h5v12M3 21h18M8 8h3M8 12h3M8 16h3",
    "calendar": "M4 6h16v14H4zM4 10h16M8 3v4M16 3v4",
    "check": "M4.5 12.5 10 18 20 7",
    "check-circle": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8 12.4l3 3 5-6",
    "chevron-left": "m14.5 6-6 6 6 6",
    "chevron-right": "m9.5 6 6 6-6 6",
    "clock": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5.2l3.4 2",
    "close": "M6 6l12 12M18 6 6 18",
    "dot": "M12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z",
    "inbox": "M4 13 6.5 5h11L20 13v6H4zM4 13h5a3 3 0 0 0 6 0h5",
    "info": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v6M12 7.6v.2",
    "language": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM3 12h18M12 3c3 3 3.6 6 3.6 9S15 18 12 21c-3-3-3.6-6-3.6-9S9 6 12 3z",
    "lock": "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3M12 14.5v2",
    "machine": "M4 20h16M6 20V9h12v11M9 9V5h6v4M9 13h6M9 16h3",
    "offline": "M3 3l18 18M8.5 16.4a5 5 0 0 1 7 0M5 12.5a10 10 0 0 1 4-2.4M19 12.5a10 10 0 0 0-6-2.9M12 20v.1",
    "part": "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5 12 12l8-4.5M12 12v9",
    "pause": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM10 9v6M14 9v6",
    "people": "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-3.6 2.9-6 6.5-6s6.5 2.4 6.5 6M16 4.4a3.5 3.5 0 0 1 0 6.2M18 14.5c2.2.8 3.5 2.8 3.5 5.5",
    "phone": "M6 3h3l1.5 5-2 1.500a12 12 0 0 0 6 6l1.5-2 5 1.500v3a2 2 0 0 1-2 2A16 16 0 0 1 4 5a2 2 0 0 1 2-2z",
    "plus": "M12 5v14M5 12h14",
    "print": "M7 9V3h10v6M7 17H4V9h16v8h-3M7 14h10v7H7z",
    "refresh": "M20 5v5h-5M4 19v-5h5M19.5 10A8 8 0 0 0 5.6 7.500M4.5 14a8 8 0 0 0 13.9 2.5",
    "scales": "M12 4v16M7 20h10M5 7h14M5 7l-3 7a3 3 0 0 0 6 0zM19 7l-3 7a3 3 0 0 0 6 0z",
    "search": "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5 20 20",
    "signature": "M3 17c4-1 6-12 8.5-12S10 16 12.5 16s2-4 4-4 .5 4 4.5 3M3 21h18",
    "sort-down": "M12 5v14M6 13l6 6 6-6",
    "sort-up": "M12 19V5M6 11l6-6 6 6",
    "tablet": "M6 3h12v18H6zM11 18h2",
    "ticket": "M8 4H5v17h14V4h-3M8 3h8v4H8zM8.5 12h7M8.5 16h5",
    "truck": "M2.5 6h11v10h-11zM13.5 9.500h4l4 3.500v3h-8M7 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM17.5 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
    "user": "M12 11.500a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.500c0-4 3.4-6.5 7.5-6.500s7.5 2.5 7.5 6.5",
    "wrench": "M14.5 6.500a4.5 4.5 0 0 1 5.8-3L17.5 6.300l.5 2.2 2.2.5 2.3-2.300a4.5 4.5 0 0 1-6.2 5L8 20a2.4 2.4 0 0 1-3.5-3.500l8.3-8.300a4.5 4.5 0 0 1 1.7-1.700z",
}


def icon(name: str, label: str = "") -> Markup:
    """Draw an icon; without a label it is decoration and hidden from screen readers."""
    access = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup('<svg class="icon" viewBox="0 0 24 24" focusable="false" {}><path d="{}"/></svg>').format(
        access, PATHS[name]
    )


def icon_sprite() -> Markup:
    """Lay all icons into a page as symbols `#i-<name>`, for parts drawn in the browser."""
    symbols = (
        Markup('<symbol id="i-{}" viewBox="0 0 24 24"><path d="{}"/></symbol>').format(name, d)
        for name, d in PATHS.items()
    )
    return Markup('<svg class="sprite" aria-hidden="true" focusable="false">{}</svg>').format(
        Markup("").join(symbols)
    )
