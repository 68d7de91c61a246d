"""Cells to values: days, money, quantities, yes and no, lists; each fault by its code.

Owns the spellings people use. Money becomes minor units, quantities Decimals; never a float.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from common.i18n import nearest_language
from common.kernel.outcome import BadPayload
from common.kernel.quantity import parse_quantity
from common.kernel.text import clean_fault, fold
from sync_server.imports.sheet import FORMULA

WIDTHS = {"code": 60, "name": 120, "line": 200, "note": 4000, "list": 1000}
YES = frozenset({"1", "y", "yes", "true", "x", "v", "是", "有", "对", "√", "✓", "重点"})
NO = frozenset({"0", "n", "no", "false", "-", "否", "无", "不", "×"})
LANGUAGE_WORDS = {
    "english": "en",
    "英文": "en",
    "英语": "en",
    "简体中文": "zh-Hans",
    "简体": "zh-Hans",
    "中文": "zh-Hans",
    "繁体中文": "zh-Hant",
    "繁体": "zh-Hant",
}
DECIMALS = {"JPY": 0, "KRW": 0, "VND": 0, "KWD": 3, "BHD": 3}
DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[ T]00:00(?::00)?)?")
PLAIN_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})")
THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")


class BadCell(ValueError):
    """A cell that cannot be read; `code` has a sentence `import.fault.<code>`."""

    def __init__(self, code: str, **values: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.values = values


def read_cell(type_: str, text: str) -> Any:
    """Read a cell that is not empty. Raises BadCell."""
    if text == FORMULA:
        raise BadCell("cell_formula")
    if fault := clean_fault(text):
        raise BadCell(fault)
    reader = READERS.get(type_)
    return reader(text) if reader else _text(type_, text)


def _text(type_: str, text: str) -> str:
    if type_ != "note" and ("\n" in text or "\t" in text):
        text = " ".join(text.split())
    if len(text) > WIDTHS[type_]:
        raise BadCell("cell_too_long", n=WIDTHS[type_])
    return text


def read_day(text: str) -> date:
    """Read a day written year first, as `2026-03-05`, `2026/3/5`, `2026年3月5日` or `20260305`."""
    plain = unicodedata.normalize("NFKC", text)
    found = DAY.fullmatch(plain) or PLAIN_DAY.fullmatch(plain)
    if found is None:
        raise BadCell("day_unreadable", value=text[:40])
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        raise BadCell("day_unreadable", value=text[:40]) from None


def read_money(text: str) -> Decimal:
    """Read an amount; its currency comes from its own column."""
    plain = unicodedata.normalize("NFKC", text).strip().lstrip("¥$€£").strip()
    plain = plain.replace(",", "") if THOUSANDS.fullmatch(plain) else plain
    try:
        amount = Decimal(plain)
    except InvalidOperation:
        raise BadCell("money_unreadable", value=text[:40]) from None
    if not amount.is_finite() or amount < 0 or amount > 10**9 or "e" in plain.lower():
        raise BadCell("money_unreadable", value=text[:40])
    return amount


def minor_units(amount: Decimal, currency: str) -> int:
    """Turn an amount into minor units of its currency. Raises BadCell `money_too_fine`."""
    scaled = amount.scaleb(DECIMALS.get(currency, 2))
    if scaled != scaled.to_integral_value():
        raise BadCell("money_too_fine", value=str(amount), n=DECIMALS.get(currency, 2))
    return int(scaled)


def _quantity(text: str) -> Decimal:
    plain = unicodedata.normalize("NFKC", text).strip()
    try:
        qty = parse_quantity(plain.replace(",", "") if THOUSANDS.fullmatch(plain) else plain)
    except (ValueError, BadPayload):
        raise BadCell("qty_unreadable", value=text[:40]) from None
    if qty < 0:
        raise BadCell("qty_negative", value=text[:40])
    return qty


def _months(text: str) -> int:
    plain = unicodedata.normalize("NFKC", text).strip().removesuffix("个月").removesuffix("個月").strip()
    if not plain.isascii() or not plain.isdigit() or not 1 <= int(plain) <= 600:
        raise BadCell("months_unreadable", value=text[:40])
    return int(plain)


def _flag(text: str) -> bool:
    word = fold(text)
    if word in YES or word in NO:
        return word in YES
    raise BadCell("flag_unreadable", value=text[:40])


def _language(text: str) -> str:
    word = fold(text)
    if word in LANGUAGE_WORDS:
        return LANGUAGE_WORDS[word]
    if not word.startswith(("zh", "en")):
        raise BadCell("language_unreadable", value=text[:40])
    return nearest_language(word)


def _list(text: str) -> tuple[str, ...]:
    items = (item.strip() for item in re.split(r"[;,、；，\n]", _text("list", text)))
    return tuple(dict.fromkeys(item for item in items if item))


READERS: dict[str, Callable[[str], Any]] = {
    "day": read_day,
    "money": read_money,
    "qty": _quantity,
    "months": _months,
    "flag": _flag,
    "language": _language,
    "list": _list,
}
