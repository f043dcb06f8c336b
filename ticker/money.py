"""Exact money: text to `Decimal` and back, the half-up percent, and grouped digits for readers.

A price never passes through binary arithmetic. Exchanges send numbers or text; a JSON number read as a float is
exact up to 15 significant digits when its shortest text is taken, which is more than any venue prints.
"""

import re
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Final

NUMBER: Final = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?(?:[eE][-+]?[0-2]?\d)?", re.ASCII)
"""A number on a wire, of 60 fraction digits at most. `Decimal` alone would take "NaN", "1_000", full-width digits."""
LOWEST: Final = Decimal("1e-15")
HIGHEST: Final = Decimal("1e15")
SMALLEST: Final = float(LOWEST)
GREATEST: Final = float(HIGHEST)
CENT: Final = Decimal("0.01")
WIDE: Final = Context(prec=60)


def number(value: object) -> Decimal | None:
    """The finite number in a JSON number or text, or None when there is none."""
    if isinstance(value, str):
        return Decimal(value) if NUMBER.fullmatch(value) else None
    if isinstance(value, float):
        return number(repr(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return None


def price(value: object) -> Decimal:
    """The price in a JSON number or text; ValueError when it is not a number between 1e-15 and 1e15."""
    if type(value) is float and SMALLEST <= value <= GREATEST:
        return Decimal(repr(value))
    found = number(value)
    if found is None or not is_price(found):
        message = f"not a price: {value!r:.40}"
        raise ValueError(message)
    return found


def is_price(value: Decimal) -> bool:
    """Whether a number is one that a price can be: from 1e-15 to 1e15."""
    return LOWEST <= value <= HIGHEST


def plain(value: Decimal) -> str:
    """Plain notation without exponent or trailing fraction zeros; zero is "0", never "-0"."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def percent(now: Decimal, before: Decimal) -> Decimal:
    """`(now - before) / before * 100`, half away from zero to two decimals."""
    moved = WIDE.multiply(WIDE.subtract(now, before), 100)
    return WIDE.divide(moved, before).quantize(CENT, ROUND_HALF_UP, WIDE)


def decimals(step: Decimal) -> int:
    """How many fraction digits a price step has: 0.1 -> 1, 1000 -> 0."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


@lru_cache(maxsize=4096)
def grouped(text: str, digits: int = 0) -> str:
    """A wire price for readers: "57895000" -> "57,895,000", ("529", 1) -> "529.0"."""
    whole, _, fraction = text.partition(".")
    fraction = fraction.ljust(digits, "0")
    return f"{int(whole):,}" + (f".{fraction}" if fraction else "")


def signed(text: str, digits: int | str = 2) -> str:
    """A wire percent for readers: "3.8" -> "+3.80%", with digits "trim" -> "+3.8%"; zero carries no sign."""
    value = Decimal(text)
    if digits != "trim":
        value = value.quantize(Decimal(1).scaleb(-int(digits)), ROUND_HALF_UP, WIDE)
    shown = plain(value) if digits == "trim" else format(value or abs(value), "f")
    return f"{'+' if value > 0 else ''}{shown}%"
