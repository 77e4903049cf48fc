"""The same care on each platform: what its manifests say of the article's stack, compared.

Else a difference between two platforms is one between two authors.
"""

import pytest

from sim.control.core.choices import Lingering
from sim.control.health_checks.checks import StartupProbe, TargetHealth
from sim.platforms import layers, load
from sim.schema.layers import stack_on
from sim.schema.stack import Service, Stack
from tests.control.outage import sspp
from tests.platforms.outage import availability, replay

MANAGED = ["kubernetes", "kubernetes_tuned", "swarm", "nomad", "ecs_fargate", "cloud_run"]
MIB = 1024**2


def manifest(platform: str) -> Stack:
    return stack_on(sspp(), layers(platform))


def serves_on_s(platform: str, service: Service) -> float:
    """From leaving the balancer to SIGTERM, whoever sees to it."""
    discovery = load(platform).service_discovery
    lingers = discovery.linger_s if isinstance(discovery, Lingering) else 0.0
    return service.stop.pre_stop + lingers


@pytest.mark.parametrize("platform", MANAGED)
@pytest.mark.parametrize("name", ["api", "worker"])
def test_the_api_and_the_worker_have_a_memory_limit(platform, name):
    memory = manifest(platform).services[name].memory
    assert memory.limit is not None
    assert 512 * MIB <= memory.limit <= 2048 * MIB


@pytest.mark.parametrize("platform", MANAGED)
def test_who_is_withdrawn_serves_on_for_longer_than_the_news_travels(platform):
    """A deploy loses no request on any of them, or on all."""
    discovery = load(platform).service_discovery
    longest_s = discovery.watch_delay_s + discovery.min_sync_s
    assert serves_on_s(platform, manifest(platform).services["api"]) >= longest_s


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("kubernetes", 5.0),  # preStop
        ("kubernetes_tuned", 10.0),
        ("swarm", 2.0),  # swarmkit's own
        ("nomad", 20.0),  # shutdown_delay
        ("ecs_fargate", 300.0),  # AWS' default deregistration delay
        ("cloud_run", 1.0),  # Google's front end
    ],
)
def test_how_long_each_serves_on(platform, expected):
    assert serves_on_s(platform, manifest(platform).services["api"]) == expected


@pytest.mark.parametrize("platform", MANAGED)
def test_a_good_deploy_loses_no_request(platform):
    event = {"deploy": {"service": "http", "version": {"name": "v2"}}}
    run = replay(platform, event, horizon_s=700.0)
    assert availability(run) == 1.0
    old = [r for r in run.timeline if r.event == "exit" and r.subject.startswith("api")]
    assert old, "the old version has gone"


@pytest.mark.parametrize("platform", MANAGED)
def test_the_grace_leaves_time_for_requests_after_what_is_waited_for(platform):
    stop, kubelet = manifest(platform).services["api"].stop, load(platform).scheduling.kubelet
    grace_s = kubelet.grace_s if stop.grace is None else stop.grace
    assert grace_s - stop.pre_stop >= 5.0  # the longest that users here wait


@pytest.mark.parametrize("platform", MANAGED)
def test_something_asks_the_api_before_it_gets_traffic(platform):
    """Probes, a HEALTHCHECK, a check in Consul; the balancer's own on AWS and Google."""
    api = manifest(platform).services["api"]
    asked = api.probes.readiness or api.healthcheck
    own = isinstance(load(platform).health_checks, TargetHealth | StartupProbe)
    assert bool(asked) != own
