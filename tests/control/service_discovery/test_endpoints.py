"""Endpoints: who is chosen, when kube-proxy writes, and the race that loses requests."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from sim.control.load_balancing.proxies import ServiceBalancing
from sim.control.service_discovery.endpoints import (
    MIN_SYNC,
    WATCH_DELAY,
    Endpoint,
    Endpoints,
    chosen,
    next_sync,
)
from sim.dataplane.codes import Algorithm
from tests.control.world import MANAGED, World, stack_of

READY, UNREADY = (True, False), (False, False)
LEAVING, GONE = (True, True), (False, True)


@pytest.mark.parametrize(
    ("endpoints", "picked"),
    [
        ([READY, READY], (0, 1)),
        ([READY, UNREADY], (0,)),
        ([READY, LEAVING], (0,)),  # a ready one exists: terminating ones get nothing
        ([UNREADY, LEAVING], (1,)),  # KEP-1669: better a leaving one than none
        ([LEAVING, LEAVING], (0, 1)),
        ([UNREADY, GONE], ()),
        ([], ()),
    ],
)
def test_who_gets_new_connections(endpoints, picked):
    """KEP-1669; kubernetes/kubernetes pkg/proxy/topology_test.go."""
    assert chosen([Endpoint(i, *e) for i, e in enumerate(endpoints)]) == picked


@pytest.mark.parametrize(
    ("now", "last", "period", "at"),
    [(10.0, 0.0, 1.0, 10.0), (10.0, 9.7, 1.0, 10.7), (10.0, 9.0, 1.0, 10.0), (5.0, 4.0, 3.0, 7.0)],
)
def test_rules_are_written_at_most_once_per_period(now, last, period, at):
    assert next_sync(now, last, period) == pytest.approx(at)


def test_the_service_picks_at_random_and_does_not_retry():
    routing = ServiceBalancing().routing()
    assert routing.algorithm == Algorithm.RANDOM
    assert (routing.proxy, routing.retries, routing.redispatch) == (False, 0, False)


def lateness(discovery: Endpoints) -> list[float]:
    """How long a crashed container stays in the list, over several crashes."""
    stack = stack_of({"api": {"replicas": 3, "probes": {"readiness": {}}}})
    world = World(stack, replace(MANAGED, service_discovery=discovery))
    late = []
    for k in range(12):
        began = 100.0 * (k + 1) + 0.37 * k
        c = next(c for c in world.at(began).of("api") if c.ready)
        world.cluster.exit(c, 1, "crashed")
        world.until(began + 50.0)
        late.append(next(t for t, ids in world.plane.published if t >= began) - began)
    return late


def test_a_change_is_known_within_two_seconds_and_not_at_once():
    late = lateness(Endpoints())
    assert 0.0 < min(late) < 0.5
    assert 0.5 < max(late) <= WATCH_DELAY.value + MIN_SYNC.value
    assert max(lateness(Endpoints(watch_delay_s=0.0))) == 0.0
    assert max(lateness(Endpoints(watch_delay_s=4.0))) > 2.0


def test_a_burst_is_written_once_per_second():
    world = World(stack_of({"api": {"replicas": 10}}))
    world.until(50.0)
    before = len(world.plane.published)
    for k in range(10):
        world.until(50.0 + 0.2 * k)
        world.cluster.set_ready(world.cluster.of("api")[k], False)
    world.until(60.0)
    times = [t for t, _ in world.plane.published[before:]]
    assert len(times) >= 3
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert min(gaps) >= MIN_SYNC.value - 1e-9
    slower = World(
        stack_of({"api": {"replicas": 10}}),
        replace(MANAGED, service_discovery=Endpoints(min_sync_s=5.0)),
    )
    slower.until(50.0)
    for k in range(10):
        slower.until(50.0 + 0.2 * k)
        slower.cluster.set_ready(slower.cluster.of("api")[k], False)
    slower.until(60.0)
    assert len([t for t, _ in slower.plane.published if t >= 50.0]) < len(times)


def test_a_leaving_container_is_still_listed_when_its_process_is_gone():
    """The endpoint race: removal and SIGTERM start together; preStop hides it."""
    for pre_stop, exposed in ((0.0, True), (5.0, False)):
        stack = stack_of({"api": {"replicas": 3, "stop": {"pre_stop": pre_stop}}})
        world = World(stack)
        c = world.at(50.0).of("api")[0]
        world.cluster.retire(c)
        world.until(60.0)
        unlisted = next(t for t, ids in world.plane.published if t >= 50.0 and c.id not in ids)
        assert 50.0 < unlisted <= 52.0
        assert (c.finished_s < unlisted) is exposed


def test_the_last_ones_serve_while_they_leave():
    world = World(stack_of({"api": {"replicas": 2, "stop": {"pre_stop": 20.0}, "boot": 60.0}}))
    world.until(50.0)
    ids = tuple(c.id for c in world.cluster.of("api"))
    for c in world.cluster.of("api"):
        world.cluster.retire(c)
    for fresh in world.cluster.of("api")[2:]:
        world.cluster.set_ready(fresh, False)
    world.until(50.9)
    assert world.cluster.front().backends == ids
