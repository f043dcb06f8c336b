"""The dashboard and the alerts ask only for what running programs tell, and the docs tell all of it."""

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.program import Program, free_port, until
from tests.promql import faults

ROOT = Path(__file__).parents[2]
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [
    *((rule["alert"], rule["expr"]) for rule in RULES),
    *((panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]),
]
MAD = [57_895_000, 57_895_100, 984_215_000_000]


def told(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `ticker demo` tells with a reader on it, and `ticker replay` with a price that is not believed."""
    folder, ports = tmp_path_factory.mktemp("monitoring"), (free_port(), free_port())
    frames = folder / "frames.jsonl"
    frame = '{{"type":"ticker","code":"KRW-BTC","trade_price":{},"trade_timestamp":1613986399000}}'
    lines = [
        {"t": 1613986399.0 + i, "dir": "recv", "exchange": "bithumb", "text": frame.format(p)}
        for i, p in enumerate(MAD)
    ]
    frames.write_bytes(b"\n".join(map(orjson.dumps, lines)) + b"\n")
    demo = Program(folder, "demo", admin__port=str(ports[0]))
    replay = Program(folder, "replay", str(frames), "--speed", "100", admin__port=str(ports[1]))
    with demo, replay:
        demo.ready()
        replay.ready()
        own = Origin(demo.url)
        with connect(f"ws://127.0.0.1:{demo.port}/v1/stream/krw", origin=own) as reader:
            for _ in range(3):
                reader.recv(timeout=10)
            until(lambda: "ticker_hold_age_seconds{" in told(ports[1]), replay)
            demo.get("/v1/snapshot")
            return told(ports[0]) + told(ports[1])


@pytest.fixture(scope="module")
def exported(text: str) -> dict[str, set[str]]:
    """Sample name -> its labels."""
    found: dict[str, set[str]] = {}
    for name, labels, _ in samples(text):
        found.setdefault(name, set()).update(labels)
    return found


def test_every_query_names_only_what_is_exported(exported: dict[str, set[str]]) -> None:
    assert len(QUERIES) > 40
    wrong = [(where, query, found) for where, query in QUERIES if (found := faults(query, exported))]
    assert wrong == []


@pytest.mark.parametrize(
    "query",
    [
        "ticker_push_client == 0",
        'ticker_board_rows{stat="live"} == 0',
        "sum by (venue) (ticker_exchange_live)",
        "ticker_board_rows == 0 unless on (bord) ticker_board_frozen == 1",
        "histogram_quantile(0.5, rate(ticker_push_flush_second_bucket[5m]))",
    ],
)
def test_a_query_that_names_something_else_is_found(query: str, exported: dict[str, set[str]]) -> None:
    assert faults(query, exported)


def test_what_is_told_is_true(text: str) -> None:
    values = {(name, *sorted(labels.items())): value for name, labels, value in samples(text)}
    assert values["ticker_push_viewers", ("origin", "own")] == 1
    assert values["ticker_board_sources", ("board", "krw"), ("state", "live")] >= 1
    held = ("ticker_hold_age_seconds", ("exchange", "bithumb"), ("quote", "KRW"), ("symbol", "BTC"))
    assert values[held] >= 0
    assert values["ticker_exchange_ticks_total", ("exchange", "bithumb"), ("outcome", "held")] == 1
    assert values["ticker_collector_active",] == 1


def test_names_and_units_follow_the_conventions(text: str) -> None:
    names = {(family.name, family.type) for family in text_string_to_metric_families(text)}
    assert all(name.startswith("ticker_") for name, _ in names)
    plain = {name for name, _ in names}
    assert [name for name in plain if re.search(r"_(ms|millis|kb|mb|minutes|percent)(_|$)", name)] == []
    assert [name for name in plain if name.endswith("_created")] == []


def test_every_metric_is_documented_and_nothing_else(text: str) -> None:
    page = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(ticker_[a-z_]+)`", page, re.MULTILINE))
    endings = {"counter": "_total", "info": "_info"}
    told_of = {family.name + endings.get(family.type, "") for family in text_string_to_metric_families(text)}
    assert listed == {name for name in told_of if not name.startswith("ticker_process_")}


def test_every_alert_has_its_line_in_the_runbook() -> None:
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs/runbook.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == [rule["alert"] for rule in RULES]
    assert [rule["annotations"]["runbook"] for rule in RULES] == [
        f"docs/runbook.md#{name.lower()}" for name in headings
    ]
    assert [rule["labels"]["severity"] for rule in RULES].count("page") == 6


def test_the_dashboards_panels_do_not_overlap_and_use_its_variables() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$(\w+)", json.dumps([target["expr"] for panel in PANELS for target in panel["targets"]])))
    assert used - {"__rate_interval"} <= variables


def test_the_rules_files_are_what_promtool_expects() -> None:
    parsed: Any = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    assert parsed["rule_files"] == ["alerts.yml"]
    tests = yaml.safe_load((ROOT / "deploy/prometheus/alerts_test.yml").read_text(encoding="utf-8"))
    tested = {case["alertname"] for test in tests["tests"] for case in test["alert_rule_test"]}
    assert tested >= {rule["alert"] for rule in RULES if rule["labels"]["severity"] == "page"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing: apt-get install prometheus")
@pytest.mark.parametrize(
    "command",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "--lint=all", "--lint-fatal", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
)
def test_prometheus_own_tool_agrees(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        ["promtool", *command], cwd=ROOT / "deploy/prometheus", capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing: apt-get install prometheus")
def test_prometheus_own_tool_finds_nothing_to_say_about_the_metrics(text: str) -> None:
    only_one = text[: text.index("# HELP", text.index("ticker_build_info{"))]
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=only_one, capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
