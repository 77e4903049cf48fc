"""Several services that are asked: each has a front of its own, on every kind of discovery."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.control.load_balancing.mesh import MeshBalancing
from sim.control.service_discovery.addresses import StaticAddress, addresses_of, write_down
from sim.control.service_discovery.dns import HeadlessNames
from sim.control.service_discovery.endpoints import Endpoints
from sim.dataplane.codes import Note
from tests.control.world import EMPTY, MANAGED, World, stack_of

SLOW = {"role": "http", "replicas": 2, "boot": 30.0, "probes": {"readiness": {}}}
CALLS = {
    "web": {**SLOW, "steps": [{"cpu": 0.001}, {"call": "shelf"}]},
    "shelf": {**SLOW, "steps": [{"cpu": 0.001}, {"call": "bank"}]},
    "spare": {"role": "http"},
    "bank": {"role": "external", "latency": 0.1, "replicas": 0},
}


def world_with(**choices) -> World:
    world = World(stack_of(CALLS), replace(MANAGED, **choices))
    world.cluster.outside("bank")
    return world


def test_who_has_a_front():
    cluster = world_with().cluster
    assert {name: front.number for name, front in cluster.fronts.items()} == {"web": 0, "shelf": 1}
    assert cluster.front("bank").number == 2
    assert cluster.front() is cluster.front("web")


@pytest.mark.parametrize("discovery", [Endpoints(), HeadlessNames(ttl_s=1.0)])
def test_a_crash_changes_the_front_of_its_own_service_alone(discovery):
    world = world_with(service_discovery=discovery)
    world.until(10.0)
    web, shelf = (tuple(c.id for c in world.cluster.of(name)) for name in ("web", "shelf"))
    assert (world.plane.listed[0], world.plane.listed[1]) == (web, shelf)
    world.cluster.exit(world.cluster.of("shelf")[0], 1, "crashed")
    world.until(14.0)
    assert world.plane.listed[0] == web
    assert shelf[0] not in world.plane.listed[1]
    assert shelf[1] in world.plane.listed[1]


def test_an_outlier_is_ejected_from_its_own_service():
    world = world_with(load_balancing=MeshBalancing(always_eject_one=True, panic_percent=0.0))
    world.until(5.0)
    bad, good = world.cluster.of("shelf")
    world.plane.tell(Note.OUTLIER, bad.id)
    world.until(6.0)
    assert world.plane.listed[1] == (good.id,)
    assert len(world.plane.listed[0]) == 2
    world.until(60.0)
    assert world.plane.listed[1] == (bad.id, good.id), "it returns at a sweep"


def test_written_addresses_follow_who_lives_there():
    world = World(stack_of(CALLS), EMPTY, servers=1)
    cluster = world.cluster
    write_down(cluster)
    cluster.clock.loop(StaticAddress().run(cluster))
    world.until(1.0)
    first, second = cluster.of("shelf")
    cluster.exit(first, 1, "crashed")
    world.until(2.0)
    assert world.plane.listed[1] == (second.id,), "Docker's DNS does not name what has exited"
    assert cluster.front("shelf").addresses == addresses_of(cluster, "shelf")


def test_somebody_elses_service_is_another_one_from_now_on():
    """What it was asked before stays with the one that was asked."""
    world = world_with()
    world.until(1.0)
    before = world.plane.listed[2]
    world.cluster.outside("bank", "silent")
    world.until(2.0)
    (silent,) = world.plane.listed[2]
    assert (silent,) != before
    assert silent in world.plane.silent
    assert before[0] not in world.plane.silent
    assert [c.service for c in world.cluster.containers].count("bank") == 0
