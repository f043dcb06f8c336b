"""I/O: tables as people write them: TOML, the environment over it, and errors that name what is wrong."""

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, get_args, get_origin

import msgspec
from msgspec import Struct

from ticker.errors import UsageError

WANTED: Final = {
    "allowed_origins": 'a list of origins such as ["https://news.example.com"], or ["*"]',
    "frame_ancestors": 'a list with one page an entry, such as ["https://news.example.com"], or ["*"]',
    "public_url": "an address such as https://quotes.example.com",
    "url": "redis://host:6379/0, or begins with rediss://, unix:// or redis+sentinel://",
    "ws_url": "an address that begins with ws:// or wss://",
    "rest_url": "an address that begins with http:// or https://",
    "quote": "a currency in capitals, such as KRW",
    "percent_digits": '0, 1, 2 or "trim"',
    "level": "debug, info, warning or error",
    "format": "auto, text or json",
}
"""Of keys whose type alone does not tell what may stand there."""


KINDS: Final = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "array": 'a list such as ["a", "b"]',
    "object": 'a table such as {"key": "value"}',
    "null": "nothing",
}
"""What msgspec calls them, and what people do; lists and tables as JSON, in which the environment has them."""
BOUNDS: Final = {">=": "at least", "<=": "at most", ">": "above", "<": "below"}
EXPECTED: Final = re.compile(r"Expected `([^`]+)`( of length)?(?: ([<>]=?) ([\d.]+))?")


def read(path: Path) -> dict[str, Any]:
    """A TOML file; UsageError where it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; name another by --config or TICKER_CONFIG") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: it is not text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}") from None


def overlay(table: dict[str, Any], environment: Mapping[str, str], prefix: str) -> None:
    """Write `PREFIX_SERVER__PORT=80` and its like over the file's values; `…_FILE` names a file with the value."""
    for variable, text in environment.items():
        path = variable.removeprefix(prefix).lower().split("__")
        if not variable.startswith(prefix) or len(path) == 1:
            continue
        key, value = path[-1], text
        if key.endswith("_file"):
            key, value = key.removesuffix("_file"), _secret(variable, text)
        place: Any = table
        for part in path[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise UsageError(f"{variable}: {part} is not a section")
        place[key] = _literal(value)


def idle(environment: Mapping[str, str], prefix: str) -> list[str]:
    """Variables that look like settings and are none: an orchestrator makes such for a service of our name."""
    known = f"{prefix}CONFIG"
    return [name for name in environment if name.startswith(prefix) and "__" not in name and name != known]


def _secret(variable: str, path: str) -> str:
    """What stands in a file; the path is not repeated, for it is the secret itself where somebody mixed them up."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"{variable} names a file that cannot be read: {error.strerror}") from None
    except ValueError:  # no path, or no text
        raise UsageError(f"{variable} names a file that is not text in UTF-8") from None


def _literal(text: str) -> Any:
    """Lists and tables come as JSON; everything else is text, which `convert` turns into what the setting is."""
    if text[:1] in "[{":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def convert(values: Any, kind: Any, where: str) -> Any:
    """Values as what they are meant to be; an error names the place, which begins with `where`."""
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(_sentence(str(error), where)) from None


def check_names(table: Mapping[str, Any], kind: type[Struct], where: str = "") -> None:
    """Refuse keys that a struct, or one in it or in a dictionary of it, does not have, naming the nearest known one."""
    known = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in table.items():
        if key not in known:
            raise UsageError(f"unknown setting {where}{key}{nearest(key, known)}")
        within = known[key]
        tables = {f"{where}{key}.": value}
        if get_origin(within) is dict:
            if not isinstance(value, Mapping):
                raise UsageError(f"{where}{key}: it is a table, such as [{where}{key}] with a line for each entry")
            within = get_args(within)[1]
            tables = {f"{where}{key}.{entry}.": inner for entry, inner in value.items()}
        for place, inner in tables.items():
            if isinstance(inner, Mapping) and isinstance(within, type) and issubclass(within, Struct):
                check_names(inner, within, place)


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the one that was probably meant, else all there are."""
    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), names, 1, 0.5)
    return f"; did you mean {names[close[0]]}?" if close else f"; known are {', '.join(names.values())}"


def _sentence(message: str, within: str) -> str:
    """msgspec's "Expected `int` <= 9 - at `$.server.port`" as "server.port: it must be a whole number, at most 9"."""
    if missing := re.fullmatch(r"Object missing required field `(\w+)`", message):
        return f"{within}{missing[1]}: it must be set"
    what, _, where = message.partition(" - at `$")
    place = (within.rstrip(".") + where.rstrip("`").replace("[...]", "")).lstrip(".")
    key = place.partition("[")[0]
    if wanted := WANTED.get(key.rpartition(".")[2]):
        return f"{key}: it must be {wanted}"
    return f"{place}: {_plainly(what)}"


def _plainly(what: str) -> str:
    """What msgspec expects, in other words."""
    found = EXPECTED.match(what)
    if found is None:
        return what[:1].lower() + what[1:]
    kind = " or ".join(KINDS.get(kind, kind) for kind in found[1].split(" | "))
    entries = " entries" if found[2] else ""
    bound = f", {BOUNDS[found[3]]} {found[4].removesuffix('.0')}{entries}" if found[3] else ""
    return f"it must be {kind}{bound}"
