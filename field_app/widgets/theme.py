"""How the app looks: two designed themes, one tone per state, sizes for gloved fingers.

Owns colours, type sizes and icons. A state is always told three times: colour, icon, word.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import flet as ft

from field_app.ui import use_prefs

FONT = "NotoSC"
TARGET_PX = 48  # smallest touch target
MAIN_TARGET_PX = 56  # the main action of a screen
RADIUS_PX = 14
GAP_PX = 16


class State(StrEnum):
    """What a thing on screen is doing; the word is `app.state.<value>`."""

    SCHEDULED = "scheduled"
    UNDER_WAY = "under_way"
    PAUSED = "paused"
    DONE = "done"
    LATE = "late"
    WARN = "warn"
    DANGER = "danger"
    INFO = "info"
    WAITING = "waiting"  # saved here, not sent
    SENT = "sent"


STATE_ICONS = {
    State.SCHEDULED: ft.Icons.EVENT_OUTLINED,
    State.UNDER_WAY: ft.Icons.HANDYMAN_OUTLINED,
    State.PAUSED: ft.Icons.PAUSE_CIRCLE_OUTLINE,
    State.DONE: ft.Icons.CHECK_CIRCLE_OUTLINE,
    State.LATE: ft.Icons.ALARM,
    State.WARN: ft.Icons.WARNING_AMBER_ROUNDED,
    State.DANGER: ft.Icons.DANGEROUS_OUTLINED,
    State.INFO: ft.Icons.INFO_OUTLINE,
    State.WAITING: ft.Icons.SCHEDULE_SEND_OUTLINED,
    State.SENT: ft.Icons.CLOUD_DONE_OUTLINED,
}


@dataclass(frozen=True, slots=True)
class Tone:
    """Foreground on background, at least 4.5 : 1; `edge` is the line around and the bar beside."""

    fg: str
    bg: str
    edge: str


@dataclass(frozen=True, slots=True)
class Palette:
    """All colours a widget may use."""

    dark: bool
    page: str
    card: str
    raised: str
    ink: str
    soft: str
    line: str
    primary: str
    on_primary: str
    primary_soft: str
    on_primary_soft: str
    accent: str
    tones: dict[State, Tone]

    def tone(self, state: State) -> Tone:
        """Return the colours of a state."""
        return self.tones[state]


LIGHT = Palette(
    dark=False,
    page="#F3F5F3",
    card="#FFFFFF",
    raised="#E9EEEC",
    ink="#12211F",
    soft="#4C5B58",
    line="#C9D2CF",
    primary="#0B5A5E",
    on_primary="#FFFFFF",
    primary_soft="#D3E9E7",
    on_primary_soft="#063B3E",
    accent="#C2570C",
    tones={
        State.SCHEDULED: Tone("#1A4A94", "#E4EDFB", "#7EA4E0"),
        State.UNDER_WAY: Tone("#0A5F38", "#DCF2E4", "#5DB98A"),
        State.PAUSED: Tone("#5E4A00", "#FBF0C4", "#D3B441"),
        State.DONE: Tone("#3B4947", "#E3E9E7", "#9DABA7"),
        State.LATE: Tone("#93320B", "#FDE7DA", "#E58A5B"),
        State.WARN: Tone("#714700", "#FFF0CF", "#E0A73A"),
        State.DANGER: Tone("#9B1024", "#FCE2E4", "#DE6E7C"),
        State.INFO: Tone("#0B5A5E", "#DDEFEE", "#6FB0AE"),
        State.WAITING: Tone("#533A93", "#ECE6FA", "#A48FDA"),
        State.SENT: Tone("#0A5F38", "#DCF2E4", "#5DB98A"),
    },
)
DARK = Palette(
    dark=True,
    page="#0E1716",
    card="#172322",
    raised="#213130",
    ink="#E8F0EE",
    soft="#A7B8B4",
    line="#3A4C49",
    primary="#6FD0CB",
    on_primary="#00302F",
    primary_soft="#124A4B",
    on_primary_soft="#BDF0EC",
    accent="#FFB27A",
    tones={
        State.SCHEDULED: Tone("#B5D0FF", "#1B2E4E", "#4A74B8"),
        State.UNDER_WAY: Tone("#9BE5BB", "#12382A", "#3D8F65"),
        State.PAUSED: Tone("#F2DC8B", "#3B320F", "#94802C"),
        State.DONE: Tone("#C4D0CD", "#2A3836", "#5F706C"),
        State.LATE: Tone("#FFC3A1", "#4A2413", "#B0603A"),
        State.WARN: Tone("#FFD58C", "#43300D", "#A67B28"),
        State.DANGER: Tone("#FFB6BD", "#4C1820", "#B34855"),
        State.INFO: Tone("#A6E4E0", "#15393A", "#3F8B89"),
        State.WAITING: Tone("#D2C4FF", "#33275A", "#7862BF"),
        State.SENT: Tone("#9BE5BB", "#12382A", "#3D8F65"),
    },
)


def use_palette() -> Palette:
    """Return the colours of the shown theme; the component re-renders when it changes."""
    return DARK if use_prefs().dark else LIGHT


def text_theme(p: Palette, scale: float = 1.0) -> ft.TextTheme:
    """Return the type sizes in the palette's ink; `scale` enlarges all of them, for the customer."""

    def style(size: float, weight: ft.FontWeight = ft.FontWeight.W_400, line: float = 1.4) -> ft.TextStyle:
        return ft.TextStyle(
            size=round(size * scale),
            weight=weight,
            height=line,
            letter_spacing=0,
            color=p.ink,
            font_family=FONT,
        )

    bold = ft.FontWeight.W_600
    return ft.TextTheme(
        headline_medium=style(28, bold, 1.25),
        headline_small=style(24, bold, 1.3),
        title_large=style(21, bold, 1.3),
        title_medium=style(17, bold, 1.35),
        title_small=style(15, bold, 1.35),
        body_large=style(17),
        body_medium=style(15.5),
        body_small=style(13),
        label_large=style(16, bold, 1.25),
        label_medium=style(13.5, bold, 1.3),
        label_small=style(12.5, bold, 1.3),
    )


def color_scheme(p: Palette) -> ft.ColorScheme:
    """Return the palette as Flutter's controls understand it."""
    danger = p.tone(State.DANGER)
    return ft.ColorScheme(
        primary=p.primary,
        on_primary=p.on_primary,
        primary_container=p.primary_soft,
        on_primary_container=p.on_primary_soft,
        secondary=p.primary,
        on_secondary=p.on_primary,
        secondary_container=p.primary_soft,
        on_secondary_container=p.on_primary_soft,
        tertiary=p.accent,
        error=danger.fg,
        on_error=p.card,
        error_container=danger.bg,
        on_error_container=danger.fg,
        surface=p.page,
        on_surface=p.ink,
        on_surface_variant=p.soft,
        outline=p.soft,
        outline_variant=p.line,
        surface_container_lowest=p.card,
        surface_container_low=p.card,
        surface_container=p.raised,
        surface_container_high=p.raised,
        surface_container_highest=p.raised,
        surface_tint=p.primary,
        inverse_surface=p.ink,
        on_inverse_surface=p.page,
    )


def build_theme(p: Palette, scale: float = 1.0) -> ft.Theme:
    """Build one of the two themes; the Chinese font stands in both."""
    shape = ft.RoundedRectangleBorder(radius=RADIUS_PX)
    sizes = text_theme(p, scale)

    def button(side: ft.BorderSide | None = None) -> ft.ButtonStyle:
        return ft.ButtonStyle(
            shape=shape,
            side=side,
            text_style=sizes.label_large,
            padding=ft.Padding.symmetric(horizontal=20, vertical=12),
            visual_density=ft.VisualDensity.STANDARD,
        )

    return ft.Theme(
        font_family=FONT,
        use_material3=True,
        color_scheme=color_scheme(p),
        text_theme=sizes,
        scaffold_bgcolor=p.page,
        visual_density=ft.VisualDensity.STANDARD,
        divider_color=p.line,
        filled_button_theme=ft.FilledButtonTheme(style=button()),
        outlined_button_theme=ft.OutlinedButtonTheme(style=button(ft.BorderSide(1.2, p.soft))),
        text_button_theme=ft.TextButtonTheme(style=button()),
        dialog_theme=ft.DialogTheme(bgcolor=p.card, shape=ft.RoundedRectangleBorder(radius=20)),
        navigation_bar_theme=ft.NavigationBarTheme(
            bgcolor=p.card,
            indicator_color=p.primary_soft,
            height=72,
            label_text_style=sizes.label_small,
            elevation=0,
        ),
        navigation_rail_theme=ft.NavigationRailTheme(
            bgcolor=p.card,
            indicator_color=p.primary_soft,
            min_width=88,
            selected_label_text_style=sizes.label_medium,
            unselected_label_text_style=sizes.label_medium,
        ),
        snackbar_theme=ft.SnackBarTheme(bgcolor=p.ink, behavior=ft.SnackBarBehavior.FLOATING),
    )


def customer_theme(p: Palette) -> ft.Theme:
    """Build the theme of the customer's pages: the same look in large type."""
    return build_theme(p, scale=1.25)
