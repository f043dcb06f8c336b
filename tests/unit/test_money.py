from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticker import money

D = Decimal


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (57895000, "57895000"),
        (1.16539e8, "116539000"),
        (529.1, "529.1"),
        (1.659e-05, "0.00001659"),
        ("0.00001234", "0.00001234"),
        ("529.10", "529.1"),
        ("1E+3", "1000"),
    ],
)
def test_a_price_keeps_its_digits(value: object, text: str) -> None:
    assert money.plain(money.price(value)) == text


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        "0",
        "-1",
        "NaN",
        "Infinity",
        "1_000",
        "１２３",
        " 1 ",
        "",
        "1e999999",
        "1e16",
        "123456789012345678901234567890.123456789012345678901234567890e-45",
        True,
        None,
        [],
        {},
        float("inf"),
    ],
)
def test_what_is_no_price_is_refused(value: object) -> None:
    """Seen failing with numbers that may have "_" or full-width digits, and without the greatest price."""
    with pytest.raises(ValueError, match="not a price"):
        money.price(value)


@pytest.mark.parametrize(
    ("now", "before", "percent"),
    [
        ("992", "1024", "-3.13"),
        ("120", "100", "20.00"),
        ("57895000", "55780000", "3.79"),
        ("100", "100", "0.00"),
        ("99.999", "100", "0.00"),
        ("1032", "1024", "0.78"),
    ],
)
def test_percent_rounds_half_away_from_zero(now: str, before: str, percent: str) -> None:
    assert format(money.percent(D(now), D(before)), "f").replace("-0.00", "0.00") == percent


@given(st.decimals("0.00000001", "1000000000", places=8), st.decimals("0.00000001", "1000000000", places=8))
def test_percent_is_the_exact_quotient_rounded_once(now: Decimal, before: Decimal) -> None:
    exact = (now.as_integer_ratio()[0] * before.as_integer_ratio()[1] * 10**6) // (
        now.as_integer_ratio()[1] * before.as_integer_ratio()[0]
    )
    assert abs(money.percent(now, before) - (D(exact) / D(10**4) - 100)) <= D("0.0051")
    assert money.percent(now, before) == money.percent(now, before).quantize(D("0.01"), rounding=ROUND_HALF_UP)


def test_the_greatest_move_of_any_price_has_a_percent_and_can_be_shown() -> None:
    """Seen failing with 28 digits: a price of forty nines in Redis ended the program at each start."""
    most = money.percent(money.HIGHEST * 10, money.LOWEST)
    assert money.signed(money.plain(most)) == f"+{10**33 - 100}.00%"
    premium = money.percent(money.HIGHEST, money.LOWEST * money.LOWEST)
    assert money.signed(money.plain(premium)) == f"+{10**47 - 100}.00%"


@pytest.mark.parametrize(
    ("value", "text"),
    [("-0.00", "0"), ("0E+2", "0"), ("3.80", "3.8"), ("-6.90", "-6.9"), ("1E+3", "1000"), ("100", "100")],
)
def test_plain_drops_exponent_and_trailing_zeros(value: str, text: str) -> None:
    assert money.plain(D(value)) == text


@pytest.mark.parametrize(
    ("text", "digits", "shown"),
    [("57895000", 0, "57,895,000"), ("529", 1, "529.0"), ("529.1", 1, "529.1"), ("0.00001234", 8, "0.00001234")],
)
def test_prices_for_readers(text: str, digits: int, shown: str) -> None:
    assert money.grouped(text, digits) == shown


@pytest.mark.parametrize(
    ("text", "digits", "shown"),
    [
        ("3.79", 2, "+3.79%"),
        ("5.8", 2, "+5.80%"),
        ("5.8", "trim", "+5.8%"),
        ("-6.9", "trim", "-6.9%"),
        ("0", 2, "0.00%"),
        ("-0.25", 1, "-0.3%"),
        ("-0.04", 1, "0.0%"),
    ],
)
def test_percents_for_readers(text: str, digits: int | str, shown: str) -> None:
    assert money.signed(text, digits) == shown


@pytest.mark.parametrize(("step", "digits"), [("0.1", 1), ("1000", 0), ("1", 0), ("0.0001", 4), ("5", 0), ("0.50", 1)])
def test_decimals_of_a_price_step(step: str, digits: int) -> None:
    assert money.decimals(D(step)) == digits
