"""What is deployed names only settings and commands that exist."""

import re
from pathlib import Path

import pytest

from ticker.settings import load

DEPLOY = Path(__file__).parents[2] / "deploy"
FILES = [*(path for path in DEPLOY.rglob("*") if path.is_file()), DEPLOY.parent / "Dockerfile"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_setting_a_file_names_exists(path: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("redis://db", encoding="utf-8")
    for name in re.findall(r"TICKER_[A-Z_]+", path.read_text(encoding="utf-8")):
        values = {"TRUSTED_PROXIES": '["10.0.0.0/8"]', "FORMAT": "json", "URL": "redis://db", "FILE": str(secret)}
        value = next((value for end, value in values.items() if name.endswith(end)), "x")
        load(None, {name: value})


def test_every_command_a_file_names_exists() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in FILES)
    named = re.findall(r'(?:command|args): \["(\w+)"\]|CMD \["(\w+)"\]|bin/ticker (\w+)', text)
    assert {word for words in named for word in words if word} == {"collect", "serve", "run"}
