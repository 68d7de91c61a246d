"""Templates to answers: one Jinja environment, bound for each rendering to the person who reads.

Owns the environment, its filters and the choice between page and fragment. No route, rule or SQL.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from common.i18n import LANGUAGES, NATIVE_NAMES, has_key, translate
from sync_server.console import charts, formats
from sync_server.console.assets import Assets
from sync_server.console.icons import icon, icon_sprite
from sync_server.console.reader import COUNTED_KINDS, Reader

CONSOLE_FOLDER = Path(__file__).parent
NOTICE_KEY = "console.notice"
SHELL_WORDS = ("failed", "refused", "unreachable")
LIVE_WORDS = ("lost", "back", "signed_out", "sign_in", "stale", "show_new")

_reader: ContextVar[Reader] = ContextVar("reader")


def t(key: str, **values: object) -> str:
    """Say a catalogue sentence in the language of whoever the page is rendered for."""
    return translate(_reader.get().language, key, **values)


def _instant(value: datetime | None, style: str = "plain") -> str:
    reader = _reader.get()
    return "" if value is None else formats.format_instant(value, reader.language, reader.time_zone, style)


def _time_tag(value: datetime | None, style: str = "plain") -> Markup:
    if value is None:
        return Markup("")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        formats.iso(value), _instant(value, "long"), _instant(value, style)
    )


def _day(value: date | None, style: str = "plain") -> str:
    return "" if value is None else formats.format_day(value, _reader.get().language, style)


def _duration(minutes: int | None) -> str:
    return "" if minutes is None else formats.format_duration(minutes, _reader.get().language)


def _distance(value: datetime | None, now: datetime) -> str:
    return "" if value is None else formats.format_distance(value, now, _reader.get().language)


def _money(amount_minor: int | None, currency: str) -> str:
    return (
        "" if amount_minor is None else formats.format_money(amount_minor, currency, _reader.get().language)
    )


def _qty(qty: Decimal | int | None, unit: str = "") -> str:
    return "" if qty is None else formats.format_qty(qty, unit)


def safe_json(value: object) -> Markup:
    """Write JSON that may stand inside a script element: `<`, `>` and `&` cannot end it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704


def _strings(prefix: str, names: Sequence[str]) -> dict[str, str]:
    return {name: t(f"{prefix}.{name}") for name in names}


class Pages:
    """Renders the console's templates.

    A template is looked for in `templates/`, then by task folder beside its page (`tickets/list.html`).
    `head` returns the newest position of the feed: a page shows it to the browser so that nothing is missed
    between its rendering and the opening of its stream.
    """

    def __init__(
        self, assets: Assets, head: Callable[[], int] = lambda: 0, more_folders: Sequence[Path] = ()
    ) -> None:
        self.head = head
        folders = [CONSOLE_FOLDER / "templates", CONSOLE_FOLDER, *more_folders]
        self.environment = Environment(
            loader=FileSystemLoader(folders),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.environment.globals |= {
            "t": t, "strings": _strings, "icon": icon, "icon_sprite": icon_sprite, "static": assets.url,
            "charts": charts, "languages": [(code, NATIVE_NAMES[code]) for code in LANGUAGES],
            "reader": _ReaderProxy(), "counted_kinds": COUNTED_KINDS,
            "live_words": LIVE_WORDS, "shell_words": SHELL_WORDS,
        }  # fmt: skip
        self.environment.filters |= {
            "instant": _instant, "time_tag": _time_tag, "day": _day, "duration": _duration,
            "distance": _distance, "money": _money, "qty": _qty, "json": safe_json,
        }  # fmt: skip

    def text(self, template: str, reader: Reader, context: Mapping[str, object]) -> str:
        """Render a template to text for a reader."""
        mark = _reader.set(reader)
        try:
            return self.environment.get_template(template).render(context)
        finally:
            _reader.reset(mark)

    def answer(
        self,
        request: Request,
        reader: Reader,
        page: str,
        part: str = "",
        /,
        status_code: int = 200,
        **context: object,
    ) -> HTMLResponse:
        """Render the page, or only its part when htmx asks for one: one handler, one URL."""
        notice = request.query_params.get("notice", "")
        shell = {
            "area": "",
            "live_position": self.head() if reader.name else 0,
            "notice": f"{NOTICE_KEY}.{notice}" if notice and has_key(f"{NOTICE_KEY}.{notice}") else "",
            "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        }
        template = part if part and wants_part(request) else page
        body = self.text(template, reader, shell | context)
        return HTMLResponse(body, status_code, headers={"Vary": "HX-Request"})


class _ReaderProxy:
    """Lets templates and imported macros say `reader.name` without passing the reader along."""

    def __getattr__(self, name: str) -> object:
        return getattr(_reader.get(), name)


def wants_part(request: Request) -> bool:
    """Say whether htmx asks for a part; coming back through history wants the whole page."""
    headers = request.headers
    return headers.get("HX-Request") == "true" and "HX-History-Restore-Request" not in headers


def see_other(request: Request, url: str, notice: str = "") -> RedirectResponse:
    """Send the browser to another page after a write, with a notice named `console.notice.<notice>`.

    `url` must be a path of this server. htmx follows by itself: the answer carries the whole page.
    """
    if not url.startswith("/") or url.startswith(("//", "/\\")):
        raise ValueError("redirect leaves this server")
    if notice:
        url += ("&" if "?" in url else "?") + urlencode({"notice": notice})
    if request.headers.get("HX-Request") == "true":
        return RedirectResponse(url, 200, headers={"HX-Redirect": address_of(url)})
    return RedirectResponse(url, 303)


def address_of(url: str) -> str:
    """Write an address as a header carries it: ASCII, what is percent-encoded already left as it is."""
    return quote(url, safe=":/%#?=@[]!$&'()*+,;")
