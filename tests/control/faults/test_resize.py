"""Another CPU limit in mid-run: `docker update --cpus`, a pod's resize in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.control.core.cluster import Cluster, Container
from sim.control.faults.faults import resize
from sim.dataplane.engines import plane_class
from sim.dataplane.profile import Arrivals, Client, Routing, Workload
from sim.platforms import load, names
from sim.platforms.platform import Platform
from sim.schema.fields import InputError
from sim.schema.scenario import Event, Resize, Version
from sim.schema.stack import Stack
from sim.simulation.boot import cluster_of
from sim.simulation.loop import advance
from sim.simulation.observation import Observer
from tests import ENGINE
from tests.control.outage import replay, rows
from tests.control.world import EMPTY

ENGINES = ["reference", "compiled"]
OWN_MACHINE = ("ecs_fargate", "cloud_run")


def one_api(
    arrivals_s: tuple[float, ...], platform: Platform, engine: str = ENGINE, **cpu: Any
) -> tuple[Cluster, Container]:
    """One API on one server; each request needs two core seconds, and the limit is one core."""
    api = {
        "role": "http", "cpu": {"demand": "2s", "limit": 1, **cpu}, "boot": "3s", "concurrency": 9,
    }  # fmt: skip
    services = {"api": api}
    stack = Stack.model_validate(
        {"name": "test", "services": services, "servers": {"machine": {"cores": 8}}}
    )
    plane = plane_class(engine)(
        Workload(
            seed=1, horizon_s=200.0, arrivals=Arrivals(times_s=np.array(arrivals_s)),
            client=Client(timeout_s=50.0), routing=Routing(), bucket_s=1.0,
        )
    )  # fmt: skip
    cluster = cluster_of(plane, stack, platform, 1, {})
    cluster.add_server()
    cluster.begin("api", Version(name="v1"), 1)
    c = cluster.create("api", cluster.servers[0])
    cluster.start(c, warm=True)
    cluster.publish([c])
    return cluster, c


def reach(cluster: Cluster, t_s: float) -> None:
    advance(Observer(cluster, 1.0, None), t_s)


def busy(cluster: Cluster, c: Container, *at_s: float) -> list[float]:
    """Core seconds that it has used at these times."""
    seen = []
    for t_s in at_s:
        reach(cluster, t_s)
        seen.append(pytest.approx(cluster.gauge_of(c).busy_s))
    return seen


COMPOSE = load("compose")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_request_in_flight_goes_on_at_the_new_limit(engine: str) -> None:
    """It comes at 10 s and has had one of its two core seconds at 11 s. Half a core from then on:
    the second one takes two seconds, and the request ends at 13 s instead of 12 s."""
    cluster, c = one_api((10.0,), COMPOSE, engine)
    assert busy(cluster, c, 11.0) == [1.0]
    resize(cluster, Resize(service="api", cpu=0.5))
    assert busy(cluster, c, 11.5, 12.0, 12.8, 13.0, 20.0) == [1.25, 1.5, 1.9, 2.0, 2.0]
    assert cluster.gauge().succeeded == 1


def test_threads_bind_a_larger_limit() -> None:
    """Two cores for a process of one thread: one core, as before."""
    cluster, c = one_api((10.0, 10.0), COMPOSE, threads=1)
    resize(cluster, Resize(service="api", cpu=2))
    assert busy(cluster, c, 11.0, 13.0) == [1.0, 3.0]
    cluster, c = one_api((10.0, 10.0), COMPOSE)
    resize(cluster, Resize(service="api", cpu=2))
    assert busy(cluster, c, 11.0, 13.0) == [2.0, 4.0]


def test_a_restart_in_place_keeps_it_and_a_replacement_has_the_manifests() -> None:
    """A request at 20 s meets the container that started again, one at 40 s another container."""
    cluster, c = one_api((20.0, 40.0), COMPOSE)
    resize(cluster, Resize(service="api", cpu=0.5))
    reach(cluster, 5.0)
    cluster.exit(c, 1, "crashed")
    cluster.start(c)
    assert busy(cluster, c, 20.0, 21.0) == [0.0, 0.5]
    reach(cluster, 30.0)
    cluster.remove(c)
    fresh = cluster.create("api", cluster.servers[0])
    cluster.start(fresh)
    cluster.publish([fresh])
    assert busy(cluster, fresh, 40.0, 41.0) == [0.0, 1.0]


def test_a_stateful_replica_that_begins_anew_under_its_name_has_the_manifests() -> None:
    cluster, c = one_api((20.0,), COMPOSE)
    reach(cluster, 5.0)
    cluster.resize(c, 0.25)
    cluster.retire(c)
    cluster.exit(c, 0, "stopped")
    cluster.renew(c, c.version)
    cluster.start(c)
    assert busy(cluster, c, 20.0, 21.0) == [0.0, 1.0]


def test_where_nobody_is_held_to_limits_nothing_is_resized() -> None:
    cluster, c = one_api((10.0,), EMPTY)
    resize(cluster, Resize(service="http", cpu=0.5))
    assert busy(cluster, c, 13.0) == [2.0]
    assert cluster.timeline[-1].text == "no process of api is resized: nobody is held to limits"


@pytest.mark.parametrize("platform", names())
def test_users_feel_it_on_every_platform_that_can(platform: str) -> None:
    """A hundredth of a core for each, at 8 requests of some 20 ms CPU a second; where a task's
    size is its machine's, nothing changes."""
    event = {"at": 120, "resize": {"service": "http", "cpu": 0.01}}
    run = replay(event, platform=platform, rate=8.0, horizon_s=180.0)
    requests = run.recording.requests
    good = requests[125:170, 1].sum() / requests[125:170, 0].sum()
    if platform in OWN_MACHINE:
        assert "a task's size is its machine's" in rows(run, "resize_refused")[0].text
        assert good > 0.98
    else:
        assert "is 0.01 cores from now on" in rows(run, "resize")[0].text
        assert good < 0.9
    assert requests[60:119, 1].sum() > 0.98 * requests[60:119, 0].sum()


@pytest.mark.parametrize("cpu", ["0", -1, "a lot"])
def test_a_limit_is_more_than_nothing(cpu: Any) -> None:
    with pytest.raises((InputError, ValueError)):
        Event.model_validate({"at": 1, "resize": {"service": "http", "cpu": cpu}})
