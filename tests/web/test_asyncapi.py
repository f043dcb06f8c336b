"""asyncapi.json, read by the parser of those who make the format."""

import asyncio
import json
import subprocess

import pytest

from tests.specification import STATIC
from tests.web.conftest import TOOLS, npm, program

pytestmark = pytest.mark.timeout(300)
SCRIPT = """
const { createRequire } = require('node:module');
const { Parser, fromFile } = createRequire(process.argv[1])('@asyncapi/parser');
fromFile(new Parser(), process.argv[2]).parse().then(({ document, diagnostics }) => {
  const messages = document ? document.channels().all().map((channel) => channel.messages().all().length) : [];
  console.log(JSON.stringify({ diagnostics: diagnostics.map((fault) => [fault.message, fault.path]), messages }));
});
"""


async def test_the_makers_parser_finds_no_fault() -> None:
    npm("@asyncapi/parser")
    command = [program("node", "nodejs"), "-e", SCRIPT, f"{TOOLS}/", str(STATIC / "asyncapi.json")]
    run = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True, timeout=120)
    assert run.returncode == 0, run.stderr[-500:]
    told = json.loads(run.stdout)
    assert told["diagnostics"] == []
    assert told["messages"] == [10, 10, 4, 4]
