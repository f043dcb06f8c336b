"""Pure: a price in 64 bits, mantissa * 32 + fraction digits: exact to 17 digits, ordered by nothing; 0 is unknown."""

import math
from array import array
from decimal import Decimal
from typing import Final

from ticker import money

SCALES: Final = 32
WIDEST: Final = 1 << 58
LEAST: Final = tuple(math.ceil(money.LOWEST.scaleb(scale)) for scale in range(SCALES))
MOST: Final = tuple(int(money.HIGHEST.scaleb(scale)) for scale in range(SCALES))
"""The mantissas of the lowest and the highest price by their fraction digits."""


def pack(price: Decimal) -> int:
    """The price as a positive 64-bit integer; beyond 17 digits or 31 fraction digits it is rounded to fit."""
    whole, _, fraction = money.plain(price).partition(".")
    mantissa, scale = int(whole + fraction), len(fraction)
    while scale and (mantissa >= WIDEST or scale >= SCALES):
        mantissa, scale = (mantissa + 5) // 10, scale - 1
    if not 0 < mantissa < WIDEST:
        raise ValueError(f"not a price that can be kept: {price}")
    return mantissa * SCALES + scale


def is_known(sample: int) -> bool:
    """Whether it is a sample of a price; else the minute is unknown, or somebody wrote nonsense there."""
    return sample > 0 and LEAST[sample % SCALES] <= sample // SCALES <= MOST[sample % SCALES]


def unpack(sample: int) -> Decimal | None:
    """The price of a sample; None for an unknown minute, and for what no price is packed as."""
    return Decimal(sample // SCALES).scaleb(-(sample % SCALES)) if is_known(sample) else None


def unpack_minute(packed: bytes) -> "array[int]":
    """One packed minute as samples by slot; a cut tail is dropped."""
    samples = array("q")
    samples.frombytes(packed[: len(packed) // 8 * 8])
    return samples
