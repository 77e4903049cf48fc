"""What a report lists as assumed: the constants that hold in it, and no others."""

from __future__ import annotations

import pytest

import sim
from sim.constants.catalogue import is_read
from sim.constants.facts import OOM_SCORE_ADJ, Setting
from sim.platforms import load
from tests import ENGINE

TOLD = ["kubernetes.autoscaling.tolerance=0.2", "stack.operator.alarm.look=20s"]


@pytest.fixture(scope="module")
def both():
    return sim.compare(
        "container_crash",
        ["compose", "kubernetes"],
        settings=["scenario.horizon=6m", *TOLD],
        engine=ENGINE,
    )


def test_the_mechanisms_of_its_platforms_and_no_others(both):
    found = {one.fact.name for one in both.facts}
    assert {"docker.backoff_cap", "kubelet.crash_loop_cap", "hpa.sync", "probe.period"} <= found
    assert {"postgres.max_connections", "operator.recheck", "redis.job_size"} <= found
    families = {name.partition(".")[0] for name in found}
    assert not families & {"swarm", "nomad", "fargate", "cloud_run", "keda", "haproxy"}
    assert not found & {"fault.leak_tick", "pgbouncer.default_pool_size"}  # no leak, no pooler


def test_with_the_values_that_hold_there(both):
    held = {(one.fact.name, one.value): one for one in both.facts}
    assert held["hpa.tolerance", 0.2].paths == ("kubernetes.autoscaling.tolerance",)
    assert held["hpa.tolerance", 0.2].fact.value == 0.1
    assert held["monitoring.look", 20.0].paths == ("stack.operator.alarm.look",)
    # the stack says 30 s for two services on Kubernetes; Compose leaves Docker's 10 s
    assert len(held["docker.stop_grace", 30.0].paths) == 2
    assert len(held["docker.stop_grace", 10.0].paths) == 4
    assert not held["qos.adj_guaranteed", -997].paths


def test_one_platform_alone_brings_its_own(both):
    alone = sim.run("container_crash", "compose", settings={"scenario.horizon": "6m"})
    assert {one.fact.name for one in alone.facts} < {one.fact.name for one in both.facts}
    assert alone.told == ("scenario.horizon=6m",)


def test_what_was_set_is_told(both):
    assert both.told == ("scenario.horizon=6m", *TOLD)
    assert both.preset == ()
    patched = sim.run("container_crash:restart_policy", "compose", settings=["scenario.horizon=6m"])
    assert patched.preset == ("stack.services.http.restart=always",)
    assert patched.told == ("scenario.horizon=6m",)


@pytest.mark.parametrize(("platform", "read"), [("compose", True), ("kubernetes", False)])
def test_a_kubelet_writes_the_oom_score_itself(platform: str, read: bool) -> None:
    """A service's own is Docker's to read: a kubelet goes by QoS class."""
    fact = Setting(OOM_SCORE_ADJ, path="stack.services.api.memory.oom_score_adj")
    assert is_read(fact, load(platform)) is read
