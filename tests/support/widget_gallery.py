"""A small app out of the toolkit's own parts, for tests of widgets and shell.

Owns no product behaviour. Its texts are in three languages like the product's, so that pictures can be judged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import flet as ft

from field_app.i18n import use_language, use_t
from field_app.routes import NavItem, ScreenSpec, ScreenTable
from field_app.screens.settings import SettingsScreen
from field_app.session import open_session
from field_app.state.prefs import SavedPrefs
from field_app.state.status import SyncMode, SyncStatus
from field_app.ui import UiSession, use_app, use_session
from field_app.widgets.customer_mode import CustomerMode
from field_app.widgets.fields import (
    ChoiceField,
    DraftField,
    MainButton,
    NumberField,
    Option,
    TextInput,
    use_text,
)
from field_app.widgets.layout import Facts, Screen, TabItem, TabStrip, TwoPane
from field_app.widgets.lists import WindowedList
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.signature import SignaturePad, SignaturePreview
from field_app.widgets.states import Banner, Card, EmptyState, ErrorCard, Section, StatusChip, Working
from field_app.widgets.strokes import Signature
from field_app.widgets.theme import MAIN_TARGET_PX, State, use_palette
from tests.support.fake_clock import FakeClock

ZONE = timezone(timedelta(hours=8))
WORDS: dict[str, tuple[str, str, str]] = {
    "list": ("Today", "今天", "今天"),
    "form": ("Diagnosis", "故障诊断", "故障診斷"),
    "long": ("Parts list", "备件清单", "備件清單"),
    "states": ("States", "状态", "狀態"),
    "pick": ("Choose a ticket", "请选择工单", "請選擇工單"),
    "pick_do": (
        "Tap a ticket on the left to see what is to be done.",
        "点击左侧工单查看内容。",
        "點選左側工單查看內容。",
    ),
    "fault": ("Compressor stops after ten minutes", "压缩机运行十分钟后停机", "壓縮機運轉十分鐘後停機"),
    "customer": ("Harbour Clinic", "海港诊所", "海港診所"),
    "cause": ("Cause found", "故障原因", "故障原因"),
    "cause_hint": ("What you found, in your own words", "请写明检查结果", "請寫明檢查結果"),
    "qty": ("Quantity", "数量", "數量"),
    "pass": ("Pass", "合格", "合格"),
    "fail": ("Fail", "不合格", "不合格"),
    "na": ("Not applicable", "不适用", "不適用"),
    "check": ("Earth leakage test", "漏电流测试", "漏電流測試"),
    "save": ("Save diagnosis", "保存诊断", "儲存診斷"),
    "sign": ("Please read and sign", "请阅读并签字", "請閱讀並簽名"),
    "report": (
        "The compressor relay was replaced and the unit tested for one hour.",
        "已更换压缩机继电器，并通电测试一小时。",
        "已更換壓縮機繼電器，並通電測試一小時。",
    ),
    "serial": ("Serial number", "序列号", "序號"),
    "model": ("Model", "型号", "型號"),
    "overview": ("Overview", "概况", "概況"),
    "checklist": ("Checklist", "检查表", "檢查表"),
    "parts": ("Parts", "备件", "備件"),
    "history": ("History", "维修历史", "維修歷史"),
    "sign_off": ("Sign-off", "签收", "簽收"),
    "break_handler": ("Break a handler", "触发处理错误", "觸發處理錯誤"),
    "break_render": ("Break a render", "触发渲染错误", "觸發渲染錯誤"),
}


def words(language: str) -> Any:
    """Return the gallery's own sentences in a language."""
    column = ("en", "zh-Hans", "zh-Hant").index(language)
    return lambda key: WORDS[key][column]


@dataclass(eq=False)
class GalleryState:
    """What tests look at."""

    signature: Signature | None = None
    saved: list[dict[str, Any]] = field(default_factory=list)
    left: int = 0
    unguarded: bool = False


TICKETS = [
    ("T-1041", State.UNDER_WAY, "09:30 – 11:00"),
    ("T-1042", State.LATE, "11:30 – 12:30"),
    ("T-1043", State.SCHEDULED, "14:00 – 16:00"),
    ("T-1038", State.DONE, "08:00 – 09:00"),
]


@safe_component
def TicketRow(number: str, state: State, window: str) -> ft.Control:
    """Show a ticket in the list."""
    w, palette, page = words(use_language()), use_palette(), ft.context.page
    return Card(
        ft.Column(
            [
                ft.Row(
                    [
                        ft.Text(window, theme_style=ft.TextThemeStyle.TITLE_MEDIUM, expand=True),
                        StatusChip(state),
                    ],
                ),
                ft.Text(w("customer"), theme_style=ft.TextThemeStyle.BODY_LARGE),
                ft.Text(
                    f"{number} · {w('fault')}", theme_style=ft.TextThemeStyle.BODY_MEDIUM, color=palette.soft
                ),
            ],
            spacing=4,
            tight=True,
        ),
        state,
        f"ticket-{number}",
        lambda _: page.navigate(f"/ticket/{number}"),
    )


@safe_component
def TicketList() -> ft.Control:
    """Show the day's tickets."""
    w = words(use_language())
    return Screen("list", w("list"), [TicketRow(*ticket, key=ticket[0]) for ticket in TICKETS])


@safe_component
def TicketJob() -> ft.Control:
    """Show one ticket with its tabs."""
    w, page = words(use_language()), ft.context.page
    number = ft.use_route_params().get("id", "")
    tab, set_tab = ft.use_state("overview")
    marks = {"parts": "2"}
    tabs = [
        TabItem(n, w(n), mark=marks.get(n, ""))
        for n in ("overview", "checklist", "parts", "history", "sign_off")
    ]
    return Screen(
        "job",
        w("customer"),
        [
            TabStrip("tabs", tabs, tab, set_tab),
            Card(
                Section(
                    w(tab),
                    [Facts([(w("serial"), "HK-88213"), (w("model"), "CX-40")], 2), ft.Text(w("fault"))],
                )
            ),
        ],
        subtitle=f"{number} · {w('fault')}",
        on_back=lambda _: page.navigate("/"),
        bottom=[
            MainButton("to-sign", w("sign_off"), lambda _: page.navigate("/sign"), ft.Icons.DRAW_OUTLINED)
        ],
    )


@safe_component
def ListScreen() -> ft.Control:
    """Show list and job."""
    w = words(use_language())
    nothing = lambda: EmptyState(ft.Icons.TOUCH_APP_OUTLINED, w("pick"), w("pick_do"))  # noqa: E731
    return TwoPane(TicketList, TicketJob if ft.use_route_params().get("id") else None, nothing)


@safe_component
def FormScreen() -> ft.Control:
    """Show every kind of field."""
    w, session, state = words(use_language()), use_session(), use_app()
    draft = DraftField(session.drafts, "diagnosis:1", "cause")
    version, set_version = ft.use_state(0)
    cause = use_text("", draft, version)
    qty, set_qty = ft.use_state(Decimal(2))
    result, set_result = ft.use_state("")
    missing, set_missing = ft.use_state(False)

    def save(_: Any) -> None:
        set_missing(not cause.clean())
        if cause.clean():
            state.saved.append({"cause": cause.clean(), "qty": qty, "result": result})
            session.drafts.forget("diagnosis:1")
            set_version(version + 1)

    options = [
        Option("pass", w("pass"), ft.Icons.THUMB_UP_OUTLINED, State.UNDER_WAY),
        Option("fail", w("fail"), ft.Icons.THUMB_DOWN_OUTLINED, State.DANGER),
        Option("na", w("na"), ft.Icons.REMOVE_CIRCLE_OUTLINE, State.DONE),
    ]
    return Screen(
        "form",
        w("form"),
        [
            Card(
                ft.Column(
                    [
                        TextInput(
                            cause,
                            "cause",
                            w("cause"),
                            draft,
                            w("cause_hint"),
                            multiline=True,
                            error=f"{w('cause')}: {w('cause_hint')}" if missing else "",
                        ),
                        NumberField("qty", w("qty"), qty, set_qty, maximum=Decimal(9)),
                        ChoiceField("result", w("check"), options, result, set_result),
                    ],
                    spacing=20,
                    horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
                )
            ),
        ],
        bottom=[MainButton("save", w("save"), save, ft.Icons.SAVE_OUTLINED)],
    )


@safe_component
def LongScreen() -> ft.Control:
    """Show 5,000 rows."""
    w = words(use_language())
    row = lambda n: ft.Container(ft.Text(f"{w('parts')} {n}"), height=MAIN_TARGET_PX, key=f"row-{n}")  # noqa: E731
    fetch = lambda offset, limit: range(offset, min(offset + limit, 5000))  # noqa: E731
    return Screen("long", w("long"), WindowedList("rows", 5000, fetch, row, MAIN_TARGET_PX), scroll=False)


@safe_component
def Fragile(broken: bool) -> ft.Control:
    """Fail when asked to."""
    if broken:
        raise ValueError("asked to break")
    return ft.Text("whole", key="whole")


@safe_component
def StatesScreen() -> ft.Control:
    """Show all states, and buttons that break things."""
    t, w, guarded, state = use_t(), words(use_language()), use_guard(), use_app()
    broken, set_broken = ft.use_state(False)
    invalid, set_invalid = ft.use_state(False)

    def boom(_: Any) -> None:
        raise RuntimeError("asked to break")

    return Screen(
        "states",
        w("states"),
        [
            ft.Row([StatusChip(s) for s in State], wrap=True, spacing=8, run_spacing=8),
            *[
                Banner(s, t(f"app.state.{s}"), w("fault"), ident=f"b-{s}")
                for s in (State.LATE, State.WAITING, State.INFO)
            ],
            ErrorCard(
                t("app.trouble.part_title"),
                t("app.trouble.part_body", number=7),
                t("app.trouble.try_again"),
                boom,
            ),
            Working(w("long"), 1200, 8000),
            ft.FilledButton(w("break_handler"), key="boom", on_click=guarded(boom)),
            ft.FilledButton("unguarded", key="boom-bare", on_click=boom, visible=state.unguarded),
            ft.OutlinedButton(
                w("break_render"), key="break-render", on_click=lambda _: set_broken(not broken)
            ),
            ft.OutlinedButton(
                "invalid", key="break-patch", visible=state.unguarded, on_click=lambda _: set_invalid(True)
            ),
            Fragile(broken),
            *([ft.FilledButton()] if invalid else []),
        ],
    )


@safe_component
def SignBody() -> ft.Control:
    """Show the report and the pad."""
    w, state = words(use_language()), use_app()
    nothing: Signature | None = None
    signature, set_signature = ft.use_state(nothing)

    def changed(drawn: Signature) -> None:
        state.signature = drawn
        set_signature(drawn)

    return ft.Column(
        [
            Card(ft.Text(w("report"), theme_style=ft.TextThemeStyle.BODY_LARGE)),
            SignaturePad("sigpad", changed),
            *([SignaturePreview(signature, "preview")] if signature and not signature.is_empty() else []),
        ],
        spacing=20,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@safe_component
def SignScreen() -> ft.Control:
    """Show the customer's page."""
    state, page = use_app(), ft.context.page

    def left() -> None:
        state.left += 1
        page.navigate("/")

    return CustomerMode(
        "/sign", lambda lang: words(lang)("sign"), SignBody, lambda code: code == "4711", left
    )


def gallery_table() -> ScreenTable:
    """Return the gallery's screens."""
    icons = ft.Icons
    waiting = lambda status: status.waiting  # noqa: E731
    return ScreenTable(
        [
            ScreenSpec("", ListScreen, NavItem("app.nav.today", icons.TODAY_OUTLINED, icons.TODAY)),
            ScreenSpec("ticket/:id", ListScreen, parent="/"),
            ScreenSpec(
                "form", FormScreen, NavItem("app.nav.conflicts", icons.EDIT_NOTE_OUTLINED, icons.EDIT_NOTE)
            ),
            ScreenSpec(
                "long",
                LongScreen,
                NavItem("app.nav.van", icons.LOCAL_SHIPPING_OUTLINED, icons.LOCAL_SHIPPING),
            ),
            ScreenSpec(
                "outbox",
                StatesScreen,
                NavItem("app.nav.outbox", icons.OUTBOX_OUTLINED, icons.OUTBOX, waiting),
            ),
            ScreenSpec(
                "settings",
                SettingsScreen,
                NavItem("app.nav.settings", icons.SETTINGS_OUTLINED, icons.SETTINGS),
            ),
            ScreenSpec("sign", SignScreen, parent="/"),
        ]
    )


def gallery_session(**over: Any) -> UiSession:
    """Return a session with a standing clock and four commands waiting."""
    clock = over.pop("clock", None) or FakeClock()
    session = UiSession(clock=clock, zone=ZONE, app=GalleryState(), version="0.1.0", **over)
    contact: datetime = session.now()
    session.strip.status = SyncStatus(SyncMode.OFFLINE, 4, 0, contact)
    return session


def gallery_main(session: UiSession, saved: SavedPrefs | None = None) -> Any:
    """Return what Flet calls for the page."""

    def main(page: ft.Page) -> None:
        open_session(page, session, gallery_table(), saved or SavedPrefs())

    return main
