"""How the sidebar looks: the element's attributes, and the query of `/embed` and `/fragment`, as one value."""

import re
from collections.abc import Collection, Mapping
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
ADDRESS: Final = re.compile(r"""https://[^\s<>"'\\`]{1,500}""")
"""Read by browsers too, in the gallery."""


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
    """An https address that each name leads to; `{symbol}` in it is the coin's own."""
    credit: bool = True
    interval: int | None = None
    """Milliseconds between two paints."""

    @property
    def shown_columns(self) -> tuple[Column, ...]:
        """The columns beside the name."""
        return self.columns or USUAL[self.form]


class NotALook(ValueError):
    """An option has a value it cannot have; the message names those it can."""


def look_of(query: Mapping[str, str]) -> Look:
    """The look a query asks for; an empty value is none, other parameters are ignored. NotALook."""
    return Look(
        form=_one_of(query, "form", get_args(Form)) or "list",
        theme=_one_of(query, "theme", get_args(Theme)),
        colors=_one_of(query, "colors", get_args(Colors)),
        columns=_columns(query.get("columns", "")),
        limit=_natural(query, "limit", 1, 1000),
        link=_address(query.get("link")),
        credit=_one_of(query, "credit", ("on", "off")) != "off",
        interval=_natural(query, "interval", 200, 30_000),
    )


def has_assets(query: Mapping[str, str]) -> bool:
    """`?assets=1`: with the links to style and script; `0` is the same as nothing. NotALook."""
    return bool(_one_of(query, "assets", ("1", "0")) == "1")


def _one_of(query: Mapping[str, str], name: str, allowed: Collection[str]) -> Any:
    value = query.get(name) or None
    if value is not None and value not in allowed:
        known = " or ".join(", ".join(allowed).rsplit(", ", 1))
        raise NotALook(f"{name} is {known}, not {value[:20]!r}")
    return value


def _columns(text: str) -> tuple[Column, ...]:
    """Each once, in the order of the query."""
    for column in text.split(",") if text else ():
        _one_of({"columns": column}, "columns", COLUMNS)
    return tuple(dict.fromkeys(column for column in text.split(",") if column in COLUMNS))


def _natural(query: Mapping[str, str], name: str, low: int, high: int) -> int | None:
    value = query.get(name) or None
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{1,6}", value) or not low <= int(value) <= high:
        raise NotALook(f"{name} is a whole number from {low} to {high}, not {value[:20]!r}")
    return int(value)


def _address(value: str | None) -> str | None:
    """A link pattern that is a plain https address of sane length."""
    if value and not ADDRESS.fullmatch(value):
        raise NotALook(f"link is an https:// address without spaces or quotes, not {value[:200]!r}")
    return value or None
