"""The browser the stories are told in: it starts, draws Chinese and keeps its pictures."""

from __future__ import annotations

from playwright.sync_api import BrowserContext

from tests.support.browser import off_site_requests, screenshot


def test_chinese_is_drawn_with_a_real_font(context: BrowserContext) -> None:
    page = context.new_page()
    asked = off_site_requests(page)
    page.set_content("<p style='font-size:48px'><span id=a>工单</span><br><span id=b>維修</span></p>")
    # A font without the character would draw the same box for each: compare the ink of two characters.
    ink = page.evaluate(
        """() => ['工', '維', '件'].map(char => {
            const canvas = Object.assign(document.createElement('canvas'), {width: 64, height: 64});
            const pen = canvas.getContext('2d'); pen.font = '48px sans-serif'; pen.fillText(char, 4, 52);
            return pen.getImageData(0, 0, 64, 64).data.filter((v, i) => i % 4 === 3 && v > 128).length;
        })"""
    )
    path = screenshot(page, "support-chinese")
    assert len(set(ink)) == 3
    assert min(ink) > 100
    assert path.stat().st_size > 1_000
    assert asked == []
