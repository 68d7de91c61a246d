"""A paper as PDF: A4, the Chinese font laid in, the signature as lines, the hash at the foot of every page.

Owns drawing. The same paper gives the same bytes whenever it is printed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import segno
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from pylopdf_fonts_zh_cn import sans_path

from common.i18n import translate
from common.visit.seal import short_fingerprint
from common.visit.voucher import Row, Section
from sync_server.documents.sheets import Sheet, Void
from sync_server.documents.strokes import fit_signature

FONT = "paper"
MARGIN_MM = 16
LABEL_MM = 44
LINE_MM = 5.2
QR_MM = 24
PHOTO_MM = 58
SIGN_WIDTH_MM, SIGN_HEIGHT_MM = 74, 26
INK, QUIET, RULE, WASH = (23, 33, 47), (70, 84, 106), (195, 205, 217), (242, 245, 249)
ALARM = (143, 27, 24)

PictureOf = Callable[[str], Path | None]


class _Paper(FPDF):
    """A4 with the sheet's title above and its hash below."""

    def __init__(self, sheet: Sheet) -> None:
        super().__init__(format="A4")
        self.sheet = sheet
        self.set_margins(MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(True, margin=20)
        self.add_font(FONT, "", str(sans_path()))
        self.set_title(f"{sheet.title} {sheet.number}")
        self.set_lang(sheet.language)
        self.set_creation_date(sheet.signed_at)
        self.set_producer("Fieldwright")

    def header(self) -> None:
        """Write the title on the first page, a short line on the others."""
        sheet, first = self.sheet, self.page_no() == 1
        self.set_text_color(*INK)
        self.set_font(FONT, size=18 if first else 9)
        self.cell(self.epw / 2, 9 if first else 6, sheet.title)
        self.set_font(FONT, size=11 if first else 9)
        self.cell(
            self.epw / 2, 9 if first else 6, sheet.number, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
        self.set_draw_color(*INK)
        self.set_line_width(0.5)
        self.line(self.l_margin, self.get_y(), self.w - self.r_margin, self.get_y())
        self.ln(3)
        if sheet.void is not None:
            self.watermark(sheet.void)

    def watermark(self, void: Void) -> None:
        """Write across the page that the paper does not count any more, and by which decision."""
        left, top = self.get_x(), self.get_y()
        self.set_text_color(*ALARM)
        with self.local_context(fill_opacity=0.22), self.rotation(38, self.w / 2, self.h / 2):
            for size, text, below in ((62, void.mark, -16.0), (22, void.number, 10.0)):
                self.set_font(FONT, size=size)
                self.text(self.w / 2 - self.get_string_width(text) / 2, self.h / 2 + below, text)
        self.set_xy(left, top)
        if self.page_no() == 1:
            self.set_font(FONT, size=10)
            self.multi_cell(
                0,
                LINE_MM + 0.6,
                void_line(self.sheet.language, void),
                border=1,
                new_x=XPos.LMARGIN,
                new_y=YPos.NEXT,
            )
            self.ln(1)
        self.set_text_color(*INK)

    def footer(self) -> None:
        """Write hash and page."""
        self.set_y(-14)
        self.set_font(FONT, size=7)
        self.set_text_color(*QUIET)
        self.cell(self.epw - 30, 5, f"SHA-256 {self.sheet.content_hash}")
        self.cell(30, 5, f"{self.page_no()} / {{nb}}", align="R")

    def section(self, section: Section) -> None:
        """Write a titled group of lines; a title never stands alone at the foot of a page."""
        if self.will_page_break(18):
            self.add_page()
        self.ln(1.5)
        self.set_fill_color(*WASH)
        self.set_text_color(*INK)
        self.set_font(FONT, size=10)
        self.cell(0, 6.5, f" {section.title}", fill=True, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(1)
        for row in section.rows:
            self.row(row)

    def row(self, row: Row) -> None:
        """Write one line, label left; a text longer than a page goes on on the next."""
        self.set_font(FONT, size=9)
        if self.will_page_break(2 * LINE_MM):
            self.add_page()
            self.set_font(FONT, size=9)
        top, page = self.get_y(), self.page
        if row.label:
            self.set_text_color(*QUIET)
            self.multi_cell(LABEL_MM - 2, LINE_MM, row.label, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        below, last = self.get_y(), self.page
        self.set_text_color(*INK)
        if self.page == page:
            self.set_y(top)
        indent = LABEL_MM if row.label else 0
        self.set_x(self.l_margin + indent)
        if row.strong:
            self.text_mode = "FILL_STROKE"
            self.set_draw_color(*INK)
            self.set_line_width(0.06)
        self.multi_cell(self.epw - indent, LINE_MM, row.value, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.text_mode = "FILL"
        if self.page == last:
            self.set_y(max(self.get_y(), below))

    def signature(self, strokes: str, caption: str) -> None:
        """Draw the signature as it was written, on a line."""
        if self.will_page_break(SIGN_HEIGHT_MM + 12):
            self.add_page()
        left, top = self.l_margin + LABEL_MM, self.get_y() + 2
        drawn = fit_signature(strokes, SIGN_WIDTH_MM, SIGN_HEIGHT_MM)
        self.set_draw_color(*INK)
        self.set_line_width(0.45)
        for line in drawn.lines if drawn else ():
            points = [(left + x, top + y) for x, y in line]
            self.polyline(points if len(points) > 1 else [points[0], (points[0][0] + 0.3, points[0][1])])
        base = top + SIGN_HEIGHT_MM + 1
        self.set_draw_color(*RULE)
        self.set_line_width(0.2)
        self.line(left, base, left + SIGN_WIDTH_MM + 10, base)
        self.set_xy(left, base + 0.5)
        self.set_font(FONT, size=8)
        self.set_text_color(*QUIET)
        self.cell(0, 5, caption, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def photos(self, sheet: Sheet, picture_of: PictureOf) -> None:
        """Draw the report's photos two in a row; one that has not arrived is named."""
        wide, high = (self.epw - 6) / 2, PHOTO_MM
        for place, photo in enumerate(sheet.photos):
            if place % 2 == 0:
                if self.will_page_break(high + 12):
                    self.add_page()
                self.ln(4)
            left, top = self.l_margin + (place % 2) * (wide + 6), self.get_y()
            path = picture_of(photo.sha256)
            if path is not None:
                self.image(str(path), left, top, wide, high, keep_aspect_ratio=True)
            told = (
                photo.caption
                if path
                else f"{photo.caption} ({translate(sheet.language, 'papers.photo_awaited')})"
            )
            self.set_xy(left, top + high)
            self.set_font(FONT, size=8)
            self.set_text_color(*QUIET)
            self.cell(wide, 5, f"{place + 1}. {told}"[:70])
            self.set_xy(
                self.l_margin, top if place % 2 == 0 and place + 1 < len(sheet.photos) else top + high + 6
            )

    def seal(self, sheet: Sheet) -> None:
        """Write how the seal stands, its fingerprint, and where it can be checked, with that as a QR code."""
        verdict = sheet.seal
        if verdict is None:
            return
        if self.will_page_break(QR_MM + 6):
            self.add_page()
        top, language = self.get_y() + 4, sheet.language
        left = self.l_margin
        if sheet.verify_url:
            self.qr(sheet.verify_url, left, top)
            left += QR_MM + 4
        for size, colour, line in (
            (
                10,
                INK,
                f"{translate(language, 'seal.title')}: {translate(language, f'seal.state.{verdict.state}')}",
            ),
            (9, INK, verdict.fingerprint and _fingerprint(language, verdict.fingerprint)),
            (8, QUIET, sheet.verify_url and f"{translate(language, 'seal.check_here')} {sheet.verify_url}"),
        ):
            if line:
                self.set_xy(left, top)
                self.set_font(FONT, size=size)
                self.set_text_color(*colour)
                self.multi_cell(self.w - self.r_margin - left, LINE_MM, line, align="L")
                top = self.get_y()
        self.set_y(max(top, self.get_y()))

    def qr(self, text: str, left: float, top: float) -> None:
        """Draw a QR code as squares."""
        matrix = segno.make(text, error="m", micro=False).matrix
        side = QR_MM / len(matrix)
        self.set_fill_color(*INK)
        for y, line in enumerate(matrix):
            for x, dark in enumerate(line):
                if dark:
                    self.rect(left + x * side, top + y * side, side, side, style="F")


def _fingerprint(language: str, digest: str) -> str:
    return f"{translate(language, 'seal.fingerprint')}: {short_fingerprint(digest)}"


def void_line(language: str, void: Void) -> str:
    """Say that a voucher does not count any more: mark, number of the decision, when and why."""
    told = translate(language, "papers.void_line", number=void.number, when=void.on, reason=void.reason)
    return f"{void.mark} · {told}"


def draw_pdf(sheet: Sheet, picture_of: PictureOf = lambda _sha256: None) -> bytes:
    """Draw a paper. `picture_of`: the file of a photo as people are shown it, by its SHA-256."""
    paper = _Paper(sheet)
    paper.add_page()
    _sections(paper, sheet.sections)
    if sheet.kind != "life":
        paper.signature(sheet.strokes, f"{sheet.signer} · {sheet.signed}")
    paper.photos(sheet, picture_of)
    paper.seal(sheet)
    if not sheet.is_intact:
        paper.row(Row("", translate(sheet.language, "papers.not_intact"), strong=True))
    return bytes(paper.output())


def _sections(paper: _Paper, sections: Sequence[Section]) -> None:
    for section in sections:
        paper.section(section)
