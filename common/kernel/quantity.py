"""Quantities and money: exact, never float. Quantities are Decimals with at most three places; money is minor units."""

from __future__ import annotations

import unicodedata
from decimal import Decimal, InvalidOperation

MILLI = Decimal(1000)
LARGEST_MILLI = 10**12
LARGEST_MINOR = 10**13


def to_milli(qty: Decimal) -> int:
    """Turn a quantity into whole thousandths. Raises ValueError for more than three places or beyond ±10⁹."""
    scaled = qty * MILLI
    if scaled != scaled.to_integral_value() or abs(scaled) > LARGEST_MILLI:
        raise ValueError("quantity_out_of_range")
    return int(scaled)


def from_milli(milli: int) -> Decimal:
    """Turn whole thousandths into a quantity without trailing zeros."""
    value = Decimal(milli) / MILLI
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()


def parse_quantity(text: str) -> Decimal:
    """Read a quantity as a person types it (`2`, `0.5`, full-width digits). Raises ValueError."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if not plain or any(c not in "0123456789.-" for c in plain):
        raise ValueError("quantity_not_a_number")
    try:
        qty = Decimal(plain)
    except InvalidOperation:
        raise ValueError("quantity_not_a_number") from None
    to_milli(qty)
    return qty


def line_total(qty: Decimal, unit_minor: int) -> int:
    """Price a line: quantity × unit price in minor units, half up to the next unit."""
    return int((qty * unit_minor).quantize(Decimal(1), rounding="ROUND_HALF_UP"))
