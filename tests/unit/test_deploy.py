"""What is deployed parses, hangs together, and names only settings, commands and files that exist."""

import configparser
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ticker.cli import cli
from ticker.serve.hub import HEARTBEAT_S
from ticker.settings import Settings, load

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
KUBERNETES = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "ticker.yaml").read_text(encoding="utf-8")))
DEPLOYMENTS = [part for part in KUBERNETES if part["kind"] == "Deployment"]
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "ticker"}
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def unit() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # names keep their case
    parser.read_string((DEPLOY / "ticker.service").read_text(encoding="utf-8"))
    assert parser.sections() == ["Unit", "Service", "Install"]
    return parser["Service"]


def named(value: object) -> str:
    """The first of two values names the case."""
    return value if isinstance(value, str) else ""


def environments() -> Iterator[tuple[str, dict[str, str]]]:
    """Every environment that a file here gives to the program."""
    yield "Dockerfile", dict(re.findall(r"(TICKER_\w+)=(\S+)", DOCKERFILE))
    yield "ticker.service", dict(pair.split("=", 1) for pair in shlex.split(unit()["Environment"]))
    for name, service in OURS.items():
        yield f"compose {name}", service.get("environment", {})
    for deployment in DEPLOYMENTS:
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            yield deployment["metadata"]["name"], {entry["name"]: entry["value"] for entry in container["env"]}


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line that a file here runs."""
    yield "Dockerfile", json.loads(re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)[-1])
    yield "ticker.service", shlex.split(unit()["ExecStart"])[1:]
    for name, service in OURS.items():
        yield f"compose {name}", service.get("command", ["run"])
    for deployment in DEPLOYMENTS:
        yield deployment["metadata"]["name"], deployment["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize(("where", "environment"), list(environments()), ids=named)
def test_every_setting_exists_and_takes_its_value(where: str, environment: dict[str, str], tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("redis://db", encoding="utf-8")
    assert all(name.startswith("TICKER_") for name in environment), where
    given = {name: str(secret) if name.endswith("_FILE") else value for name, value in environment.items()}
    assert isinstance(load(None, given), Settings)


@pytest.mark.parametrize(("where", "line"), list(commands()), ids=named)
def test_every_command_exists_and_takes_its_options(where: str, line: list[str]) -> None:
    command = cli.commands[line[0]]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {option for option in line[1:] if option.startswith("--")} <= known, where


def test_the_settings_that_kubernetes_mounts_load(tmp_path: Path) -> None:
    (text,) = (part["data"]["ticker.toml"] for part in KUBERNETES if part["kind"] == "ConfigMap")
    assert tomllib.loads(text)
    file = tmp_path / "ticker.toml"
    file.write_text(text, encoding="utf-8")
    settings = load(str(file), {"TICKER_REDIS__URL": "redis://db"})
    ports = {port["containerPort"] for part in DEPLOYMENTS for port in containers(part)["ports"]}
    assert ports == {settings.server.port, settings.admin.port}


def containers(deployment: dict[str, Any]) -> dict[str, Any]:
    """The one container of a deployment."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(container)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda part: part["metadata"]["name"])
def test_a_deployment_hangs_together(deployment: dict[str, Any]) -> None:
    pod, container = deployment["spec"]["template"]["spec"], containers(deployment)
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert all(spread["labelSelector"]["matchLabels"] == labels for spread in pod["topologySpreadConstraints"])
    names = {port["name"] for port in container["ports"]}
    probes = [container[probe]["httpGet"] for probe in ("livenessProbe", "readinessProbe") if probe in container]
    assert {probe["port"] for probe in probes} <= names
    assert {probe["path"] for probe in probes} <= {"/healthz", "/readyz"}
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert container["securityContext"]["readOnlyRootFilesystem"]


def test_kubernetes_waits_for_the_drain_and_sends_readers_to_servers_only() -> None:
    services = [part["spec"] for part in KUBERNETES if part["kind"] in {"Service", "PodDisruptionBudget"}]
    (server,) = (part for part in DEPLOYMENTS if containers(part)["args"][0] == "serve")
    labels = server["spec"]["template"]["metadata"]["labels"]
    assert [service["selector"] for service in services] == [{"matchLabels": labels}, labels]
    patience = server["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    before = int(containers(server)["lifecycle"]["preStop"]["exec"]["command"][1])
    assert patience >= before + load(None, {}).server.drain_s + 10


UNITS = {"ms": 0.001, "": 1, "s": 1, "m": 60, "h": 3600}
PATIENCE = re.compile(r"(?i)\b\w*(?:read|send|idle|stream|tunnel)[-_]?timeout\w*[\"':= ]+(\d+)(ms|s|m|h)?\b")
NGINX_READS_S = 60.0
"""What nginx waits for the next bytes where its configuration says nothing else."""


def patience(text: str) -> list[float]:
    """The seconds of silence, in each place that says how many, after which a proxy cuts."""
    return [float(number) * UNITS[unit or ""] for number, unit in PATIENCE.findall(text)]


def test_something_comes_twice_before_any_proxy_takes_a_reader_for_idle() -> None:
    """Seen failing with a `proxy_read_timeout` of 15 s, a Caddy `read_timeout` of 20s, and a heartbeat of 30 s."""
    told = {
        file.name: patience(file.read_text(encoding="utf-8"))
        for file in [*DEPLOY.glob("nginx*.conf"), *DEPLOY.glob("Caddy*"), *DEPLOY.glob("kubernetes/*")]
    }
    streams, _ = (
        (DEPLOY / "nginx.conf").read_text(encoding="utf-8").split("location /prices/ {")
    )  # no reader waits there
    told["nginx.conf"] = patience(streams)
    told["embedding.md"] = patience((ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")) or [NGINX_READS_S]
    assert told["nginx.conf"] == [25]
    assert {name: waits for name, waits in told.items() if min(waits, default=60) <= 2 * HEARTBEAT_S} == {}


def test_kubernetes_own_schemas_agree() -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate (108 MB of schemas)")
    for part in KUBERNETES:
        validate.validate(part, "1.30", strict=True)


def test_compose_names_only_what_it_has() -> None:
    services, volumes = COMPOSE["services"], set(COMPOSE["volumes"])
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= set(services), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (DEPLOY / source).is_file() if source.startswith(".") else source in volumes, name
    assert (DEPLOY / COMPOSE["x-ticker"]["build"] / "Dockerfile").is_file()
    assert all(service["stop_grace_period"] == "30s" for service in OURS.values())
    assert services["collector"]["deploy"]["replicas"] == 2
    alone = [name for name, service in services.items() if "profiles" not in service]
    assert alone == ["ticker"]


def test_a_container_writes_nowhere_and_may_do_nothing_but_its_work() -> None:
    """Seen failing without `cap_drop` in the compose file, and with a root file system that may be written to."""
    for name, service in OURS.items():
        assert service["read_only"], name
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"]), name
    for deployment in DEPLOYMENTS:
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        for container in pod["containers"]:
            limits = container["securityContext"]
            assert (limits["readOnlyRootFilesystem"], limits["allowPrivilegeEscalation"]) == (True, False)
            assert limits["capabilities"] == {"drop": ["ALL"]}


def test_the_unit_keeps_enough_files_open_and_its_state() -> None:
    service = unit()
    assert int(service["LimitNOFILE"]) >= 2 * load(None, {}).server.max_clients
    assert service["StateDirectory"] == "ticker"
    assert service["WorkingDirectory"] == "/var/lib/ticker"
    assert float(service["TimeoutStopSec"]) > load(None, {}).server.drain_s


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing: apt-get install systemd"
)
def test_systemd_knows_every_line_of_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "ticker.service").read_text(encoding="utf-8")
    file = tmp_path / "ticker.service"
    file.write_text(text.replace("/opt/ticker/bin/ticker run", "/bin/true"), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(file)], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_image_runs_as_nobody_in_particular_and_asks_itself_whether_it_lives() -> None:
    """Seen failing with an image that runs as root."""
    assert re.search(r"^USER 10001$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", DOCKERFILE, re.MULTILINE)
    assert "TICKER_ADMIN__PORT', '9100'" in DOCKERFILE
    assert load(None, {}).admin.port == 9100
