"""A winner as files: what of a service's settings stands where, and what is named in a comment."""

import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from sim.library.stacks import load_stack
from sim.study.ask import Ask
from sim.study.decision import apply
from sim.study.plan import plan

API = "stack.services.api."


def applied(platform: str, **settings: Any) -> tuple[dict[str, Any], str]:
    """The documents by kind (of Compose: the API's entry), and the whole text."""
    paths = {API + name.replace("__", "."): value for name, value in settings.items()}
    (case,) = plan(Ask("container_crash", [platform], settings=paths)).cases
    ((_, text),) = apply.files(case, paths, "it holds").items()
    documents = list(YAML(typ="safe").load_all(text))
    if platform == "compose":
        return documents[0]["services"]["api"], text
    return {document["kind"]: document["spec"] for document in documents}, text


@pytest.mark.parametrize(
    ("settings", "entry"),
    [
        ({"replicas": 1}, {"restart": "no", "deploy": {"replicas": 1}}),
        (
            {"stop__grace": "25s", "restart": "always"},
            {"restart": "always", "deploy": {"replicas": 1}, "stop_grace_period": "25s"},
        ),
        (
            {"cpu__limit": "500m", "memory__limit": "512Mi"},
            {
                "restart": "no",
                "deploy": {
                    "replicas": 1,
                    "resources": {"limits": {"cpus": "0.5", "memory": "512M"}},
                },
            },
        ),
    ],
)
def test_what_an_override_says_is_what_is_set(
    settings: dict[str, Any], entry: dict[str, Any]
) -> None:
    """No grace is written that nobody set: Docker's own ten seconds hold then."""
    found, text = applied("compose", **settings)
    assert found == entry
    assert text.startswith("# it holds\n")
    assert "not in this file" not in text


def test_what_a_patch_says_is_what_is_set() -> None:
    kinds, text = applied("kubernetes", stop__grace="25s", memory__limit="256Mi")
    pod = kinds["Deployment"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 25
    assert pod["containers"][0]["resources"]["limits"]["memory"] == "256Mi"
    assert "not in this file" not in text
    kinds, text = applied("kubernetes", concurrency=32, stop__grace=None)
    assert "terminationGracePeriodSeconds" not in kinds["Deployment"]["template"]["spec"]
    assert "# not in this file: stack.services.api.concurrency=32" in text


@pytest.mark.parametrize(
    ("budget", "written"),
    [
        ({"min_available": 1}, {"minAvailable": 1}),
        ({"max_unavailable": "25%"}, {"maxUnavailable": "25%"}),
    ],
)
def test_a_budget_is_a_number_or_a_share(budget: dict[str, Any], written: dict[str, Any]) -> None:
    kinds, _ = applied("kubernetes", disruption=budget)
    spec = kinds["PodDisruptionBudget"]
    assert {key: value for key, value in spec.items() if key != "selector"} == written
    assert spec["selector"] == {"matchLabels": {"app": "api"}}


def test_a_health_check_of_compose_and_the_probes_of_kubernetes_are_written() -> None:
    found, _ = applied("compose", healthcheck={"interval": "10s", "timeout": "3s", "retries": 4})
    assert found["healthcheck"] == {"interval": "10s", "timeout": "3s", "retries": 4}
    kinds, text = applied("kubernetes", stop__pre_stop="7s", probes__liveness={"period": "20s"})
    (container,) = kinds["Deployment"]["template"]["spec"]["containers"]
    assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": 7}}}
    assert container["livenessProbe"]["periodSeconds"] == 20
    assert container["livenessProbe"]["httpGet"]["port"] == 3000
    assert "not in this file" not in text


def fronted(**more: Any) -> dict[str, str]:
    """The files of two replicas behind HAProxy."""
    proxy = {"mechanism": "ha_proxy", "fall": 5, **more}
    paths = {API + "replicas": 2, "compose.load_balancing": proxy}
    (case,) = plan(Ask("container_crash", ["compose"], settings=paths)).cases
    return apply.files(case, paths, "it holds")


def test_a_proxy_is_a_file_of_its_own_and_takes_the_port() -> None:
    written = fronted()
    assert set(written) == {"compose.override.yaml", "haproxy.cfg"}
    yaml = YAML()  # which keeps a tag
    services = yaml.load(written["compose.override.yaml"])["services"]
    assert services["api"]["ports"].tag.value == "!reset"
    assert services["api"]["ports"] == []
    assert services["haproxy"]["ports"] == ["3000:3000"]
    assert "server-template api- 2 api:3000" in written["haproxy.cfg"]
    assert "fall 5 rise 2" in written["haproxy.cfg"]


def test_what_a_platform_asks_of_every_stack_is_written_too() -> None:
    """Hardened Compose as it is changes no setting, and is not the reader's file."""
    (case,) = plan(Ask("container_crash", ["compose_hardened"])).cases
    written = apply.files(case, {}, "it holds")
    services = YAML(typ="safe").load(written[apply.OVERRIDE].replace("!reset ", ""))["services"]
    assert {"api", "worker", "postgres", "redis", "haproxy"} <= set(services)
    assert services["api"]["deploy"]["replicas"] == 2
    assert services["postgres"]["restart"] == "unless-stopped"
    assert (
        "not in this file: stack.services.redis.persistence=aof_everysec"
        in (written[apply.OVERRIDE])
    )
    assert "beside this file: autoheal" in written[apply.OVERRIDE]
    assert "server-template api- 2" in written[apply.PROXY]


def test_our_own_reader_finds_the_proxy_before_two_replicas(tmp_path: Path) -> None:
    """The override over the file that it was made for, as Compose merges them."""
    base = tmp_path / "docker-compose.yml"
    base.write_text(
        "services:\n  api: {image: node:22, ports: ['3000:3000'], depends_on: [postgres]}\n"
        "  postgres: {image: postgres:16}\n"
    )
    for name, text in fronted().items():
        (tmp_path / name).write_text(text)
    stack = load_stack(f"{base},{tmp_path / 'compose.override.yaml'}")
    assert stack.services["api"].replicas == 2
    assert stack.services["haproxy"].role == "proxy"
    assert stack.entry == "api"


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="no haproxy here")
@pytest.mark.parametrize(
    "more", [{}, {"maxconn": 40}, {"redispatch": True, "retry_on": "all_retryable_errors"}]
)
def test_haproxy_itself_takes_the_file(more: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text(fronted(**more)["haproxy.cfg"])
    words = [str(shutil.which("haproxy")), "-c", "-f", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr


def test_a_pooler_is_a_file_of_its_own() -> None:
    paths = {"stack.services.postgres.pooler": {"size": 25, "wait": "15s"}}
    (case,) = plan(Ask("container_crash", ["kubernetes"], settings=paths)).cases
    text = apply.files(case, paths, "it holds")["pgbouncer.ini"]
    parser = ConfigParser()
    parser.read_string(text)
    assert parser["databases"]["*"] == "host=postgres port=5432"
    pgbouncer = parser["pgbouncer"]
    assert pgbouncer["pool_mode"] == "transaction"
    assert (pgbouncer["default_pool_size"], pgbouncer["max_client_conn"]) == ("25", "1000")
    assert pgbouncer["query_wait_timeout"] == "15"
