"""The published schemas as strict validators: what is not documented must not be sent."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

STATIC = Path(__file__).parents[1] / "static"
SCHEMAS = STATIC / "schemas" / "v1"
NAMES = sorted(path.stem for path in SCHEMAS.glob("*.json"))


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))


def strict(part: Any) -> Any:
    """Clients accept more than is documented, for v1 may grow; the program that sends it may not."""
    if isinstance(part, list):
        return [strict(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    made = {key: strict(inner) for key, inner in part.items()}
    if "properties" in made and "type" in made:
        made.setdefault("additionalProperties", False)
    if "x-extensible-enum" in made:
        made["enum"] = made.pop("x-extensible-enum")
    return made


@cache
def validator(name: str) -> Draft202012Validator:
    resources = ((f"{other}.json", Resource.from_contents(strict(schema(other)))) for other in NAMES)
    registry: Registry[Any] = Registry().with_resources(resources)
    return Draft202012Validator({"$ref": f"{name}.json"}, registry=registry)


def check(name: str, value: Any) -> None:
    """The first fault is the assertion's message."""
    fault = next(iter(validator(name).iter_errors(value)), None)
    assert fault is None, f"{name}: {fault.message} at {fault.json_path}" if fault else ""


def message(value: Any) -> None:
    """A message of a stream: its type names its schema."""
    check(value["type"], value)
