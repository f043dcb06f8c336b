"""How the sidebar looks: the element's attributes, and the query of `/embed` and `/fragment`, as one value."""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias, get_args

from msgspec import Struct

Form: TypeAlias = Literal["list", "strip", "card"]
Theme: TypeAlias = Literal["inherit", "auto", "light", "dark"]
Colors: TypeAlias = Literal["ko", "en", "safe"]
Column: TypeAlias = Literal["price", "percent", "change", "source", "time", "premium", "sparkline"]

COLUMNS: Final[tuple[Column, ...]] = get_args(Column)
USUAL: Final[dict[Form, tuple[Column, ...]]] = {
    "list": ("price", "percent"),
    "strip": ("price", "percent"),
    "card": ("price", "percent", "change", "sparkline"),
}
ADDRESS: Final = re.compile(r"https://[^\s<>\"'\\`]{1,500}")


class Look(Struct, frozen=True):
    """Every option of the sidebar; None and empty mean the default."""

    form: Form = "list"
    theme: Theme | None = None
    """None: `auto` in a page of its own, `inherit` inside another."""
    colors: Colors | None = None
    """None: by language; ko rise red and fall blue, en rise green and fall red. `safe` is for colour-blind readers."""
    columns: tuple[Column, ...] = ()
    """In the order they are shown; empty: the form's usual ones."""
    limit: int | None = None
    link: str | None = None
    """An https address with `{symbol}` in it that each name leads to."""
    credit: bool = True
    interval: int | None = None
    """Milliseconds between two paints."""

    @property
    def shown_columns(self) -> tuple[Column, ...]:
        """The columns beside the name."""
        return self.columns or USUAL[self.form]


def look_of(query: Mapping[str, str]) -> Look:
    """The look a query asks for; what is unknown or malformed is left at its default."""
    return Look(
        form=_one_of(query.get("form"), Form) or "list",
        theme=_one_of(query.get("theme"), Theme),
        colors=_one_of(query.get("colors"), Colors),
        columns=tuple(dict.fromkeys(c for c in query.get("columns", "").split(",") if c in COLUMNS)),
        limit=_natural(query.get("limit"), 1, 1000),
        link=_address(query.get("link")),
        credit=query.get("credit") != "off",
        interval=_natural(query.get("interval"), 200, 60_000),
    )


def _one_of(value: str | None, allowed: Any) -> Any:
    return value if value in get_args(allowed) else None


def _natural(value: str | None, low: int, high: int) -> int | None:
    """The whole number in a query value, clamped; None when it is none."""
    if value is None or not re.fullmatch(r"[0-9]{1,6}", value):
        return None
    return min(max(int(value), low), high)


def _address(value: str | None) -> str | None:
    """A link pattern that is a plain https address of sane length; anything else is no link."""
    return value if value and ADDRESS.fullmatch(value) else None
