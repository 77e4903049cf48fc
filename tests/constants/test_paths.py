"""Every constant of a real system: one path of `--set` changes it, or it says why none does."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest

from sim.constants.catalogue import (
    by_hand,
    constants,
    everywhere,
    of_any_stack,
    of_platform,
    of_services,
)
from sim.constants.facts import Setting
from sim.library.scenarios import load_scenario
from sim.library.stacks import load_stack
from sim.platforms import configured, load, names
from sim.schema.scenario import Event
from sim.schema.settings import apply_settings, parse_setting
from sim.schema.stack import Stack

EVERY_ROLE = Stack.model_validate(
    {
        "name": "all",
        "services": {
            "http": {"role": "http"}, "worker": {"role": "worker"}, "proxy": {"role": "proxy"},
            "redis": {"role": "redis"}, "postgres": {"role": "postgres"},
            "cache": {"role": "cache"},
        },
    }
)  # fmt: skip
LEAK = {"at": 60, "leak": {"service": "http", "per_second": 1}}
LEAKING = load_scenario("noisy_neighbour").model_copy(
    update={"events": [Event.model_validate(LEAK)]}
)
SETTINGS = everywhere()


def other(value: Any, unit: str) -> str:
    """A value as `--set` takes it that is not this one."""
    if isinstance(value, bool):
        return str(not value).lower()
    if isinstance(value, str):
        return "50%"
    if isinstance(value, tuple):
        return "[10, 20]"
    if unit == "s":
        return f"{value + 1:g}s"
    return str(value + 1) if isinstance(value, int) else f"{value / 2 + 0.12:g}"


def at(record: Any, path: str) -> Any:
    """What stands at a dotted path."""

    def below(here: Any, step: str) -> Any:
        if isinstance(here, list):
            return here[int(step)]
        return here[step] if isinstance(here, dict) else getattr(here, step)

    return reduce(below, path.split("."), record)


def told(one: Setting, value: str) -> Any:
    """What stands at the setting's path of a run that was told so, as by the command line."""
    root, _, path = one.path.partition(".")
    _, raw = parse_setting(f"{one.path}={value}")
    if root == "stack":
        return at(apply_settings(EVERY_ROLE, {path: raw}), path)
    if root == "scenario":
        return at(apply_settings(LEAKING, {path: raw}), path)
    first = [parse_setting(text) for text in filter(None, [one.first])]
    asked = {where.partition(".")[2]: what for where, what in first} | {path: raw}
    return at(configured(root, {root: asked}), path)


def default_at(one: Setting) -> Any:
    """What stands there if nobody says anything; a part that is empty, when it is switched on."""
    root, _, path = one.path.partition(".")
    if root in ("stack", "scenario"):
        return one.value
    asked = dict([parse_setting(one.first)]) if one.first else {}
    platform = configured(root, {root: {k.partition(".")[2]: v for k, v in asked.items()}})
    try:
        return at(platform, path)
    except AttributeError:
        return one.value


@pytest.mark.parametrize("fact", constants(), ids=lambda fact: fact.name)
def test_every_constant_can_be_set_or_says_why_not(fact):
    paths = [one for one in SETTINGS.get(fact.name, []) if one.path]
    assert bool(paths) is not bool(fact.fixed)
    assert all(one.fact == fact for one in paths)  # two constants do not share a name
    assert not paths or any(default_at(one) == fact.value for one in paths)
    for one in paths:
        changed = told(one, other(one.value, fact.unit))
        assert changed != one.value, one.path
        assert type(changed) is type(one.value)


def test_a_platform_lists_what_it_uses_and_nothing_else():
    used = {name: {s.fact.name for s in of_platform(name) + of_any_stack(name)} for name in names()}
    assert {"hpa.tolerance", "kubelet.crash_loop_cap", "probe.period"} <= used["kubernetes"]
    assert not {"docker.backoff_cap", "haproxy.inter", "docker.cpu_shares"} & used["kubernetes"]
    assert {"docker.backoff_cap", "nginx.proxy_connect_timeout"} <= used["compose"]
    assert not {"hpa.tolerance", "probe.period", "cgroup.shares_min"} & used["compose"]
    assert "haproxy.inter" in used["compose_hardened"]
    assert {s.fact.name for s in by_hand("compose")} >= {"haproxy.inter"}
    assert not by_hand("kubernetes")
    assert {"swarm.gossip_converge", "swarm.restart_delay"} <= used["swarm"]
    assert not {name for name in used["swarm"] if name.startswith(("nomad.", "hpa.", "kube_"))}
    assert {"hpa.up_window", "hpa.up_pods"} <= used["kubernetes_tuned"]
    assert not {"hpa.up_window", "hpa.up_pods"} & (used["nomad"] | used["ecs_fargate"])
    assert "fargate.pull_rate" in used["ecs_fargate"]
    assert "kubelet.pull_rate" not in used["ecs_fargate"]
    for name, listed in used.items():
        assert {"monitoring.look", "postgres.max_connections"} <= listed, name


def test_what_a_platform_has_beside_upstream_is_told():
    tuned = {s.path: s for s in of_platform("kubernetes_tuned")}
    lost = tuned["kubernetes_tuned.scheduling.lifecycle.toleration_s"]
    assert (lost.value, lost.fact.value) == (30.0, 300.0)
    assert tuned["kubernetes_tuned.autoscaling.keda.polling_s"].value == 30.0


def test_a_service_is_told_what_its_role_reads():
    """A queue refuses writes without replicas, a database does not; a worker has no backlog."""
    stack = load_stack("shop")
    paths = {s.path for s in of_services(stack, load("kubernetes"))}
    assert "stack.services.queue.min_replicas_to_write" in paths
    assert not [p for p in paths if p.endswith("min_replicas_to_write") and ".orders." in p]
    assert "stack.services.web.backlog" in paths
    assert "stack.services.mailer.backlog" not in paths
