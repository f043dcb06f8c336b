"""The published specifications are well formed, and their examples are what they say."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from openapi_spec_validator import validate

from tests.specification import NAMES, STATIC, check, schema, validator
from ticker.serve.query import RETRY_AFTER_S, STATUS


def published(name: str) -> Any:
    return json.loads((STATIC / name).read_text(encoding="utf-8"))


def references(part: Any) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*(references(inner) for inner in part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_one_and_its_examples_conform(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    examples = schema(name).get("examples", [])
    assert examples or name == "common"
    for example in examples:
        check(name, example)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("row", {"price": 57895000}),
        ("row", {"price": "5.7895E+7"}),
        ("row", {"price": "529.10"}),
        ("row", {"change_pct": "-0"}),
        ("row", {"change_pct": "1.50"}),
        ("row", {"state": "fresh"}),
        ("row", {"colour": "red"}),
    ],
)
def test_what_the_contract_forbids_does_not_conform(name: str, wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        validator(name).validate(schema(name)["examples"][0] | wrong)


def test_openapi_is_valid_and_refers_to_the_schemas_that_exist() -> None:
    document = published("openapi.json")
    validate(document, base_uri=(STATIC / "openapi.json").as_uri())
    outside = {reference for reference in references(document) if not reference.startswith("#")}
    assert {reference.partition("#")[0] for reference in outside} <= {f"schemas/v1/{name}.json" for name in NAMES}


def test_every_message_of_asyncapi_has_its_schema_and_its_examples_conform() -> None:
    document = published("asyncapi.json")
    for name, message in document["components"]["messages"].items():
        assert f"./schemas/v1/{name}.json" in references(message)
        for example in message["examples"]:
            check(name, example["payload"])
    inside = {reference for reference in references(document) if reference.startswith("#")}
    for reference in inside:
        place = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_every_error_code_is_documented() -> None:
    failure = schema("failure")["properties"]["error"]["properties"]["code"]["x-extensible-enum"]
    error = schema("error")["properties"]["code"]["x-extensible-enum"]
    assert set(failure) | set(error) == set(STATUS)
    assert set(RETRY_AFTER_S) <= set(failure)
