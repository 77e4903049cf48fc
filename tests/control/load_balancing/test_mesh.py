"""Outlier detection and panic mode, as Envoy has them; then mesh and ingress in a cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.control.core.cluster import Cluster
from sim.control.load_balancing.mesh import (
    Host,
    MeshBalancing,
    admitted,
    eject,
    ejection_s,
    may_eject,
    swept,
)
from sim.control.load_balancing.proxies import IngressBalancing, ServiceBalancing
from sim.control.service_discovery.endpoints import Endpoints
from sim.dataplane.codes import Algorithm, Note
from sim.platforms import configure, load
from sim.schema.fields import InputError
from tests.control.outage import replay, rows
from tests.control.world import MANAGED, World, stack_of

BASE, LONGEST, INTERVAL = 30.0, 300.0, 10.0


# ---- rules ----
@pytest.mark.parametrize(
    ("active", "hosts", "percent", "always", "may"),
    [
        (0, 10, 10.0, False, True),
        (1, 10, 10.0, False, False),
        (0, 9, 10.0, False, False),  # 11 %: a small service never loses one
        (0, 3, 10.0, False, False),
        (0, 3, 10.0, True, True),
        (1, 3, 10.0, True, False),  # one, and not two
        (1, 3, 70.0, False, True),
        (0, 1, 100.0, False, True),
        (0, 1, 0.0, True, True),
    ],
)
def test_how_many_may_be_ejected(active, hosts, percent, always, may):
    """outlier_detection_impl.cc ejectHost."""
    assert may_eject(active, hosts, percent, always) is may


@pytest.mark.parametrize(
    ("factor", "seconds"), [(1, 30.0), (2, 60.0), (9, 270.0), (10, 300.0), (11, 300.0)]
)
def test_each_ejection_is_longer(factor, seconds):
    assert ejection_s(factor, BASE, LONGEST) == seconds


def test_the_factor_grows_to_the_longest_time_and_no_further():
    host = Host()
    for _ in range(30):
        host = eject(host, 0.0, BASE, LONGEST)
    assert host.factor == 11
    assert ejection_s(host.factor, BASE, LONGEST) == LONGEST


@pytest.mark.parametrize(
    ("host", "now", "after"),
    [
        (Host(1, 100.0), 120.0, Host(1, 100.0)),
        (Host(1, 100.0), 130.0, Host(1, None, 130.0)),  # returns at a sweep, not before
        (Host(2, 100.0), 150.0, Host(2, 100.0)),
        (Host(1, None, 130.0), 135.0, Host(1, None, 130.0)),  # not a whole interval yet
        (Host(2, None, 130.0), 140.0, Host(1, None, 130.0)),  # one ejection is forgotten
        (Host(0, None, 130.0), 150.0, Host(0, None, 130.0)),
        (Host(), 150.0, Host()),
    ],
)
def test_a_sweep(host, now, after):
    """onIntervalTimer: unejects, then forgets."""
    assert swept(host, now, BASE, LONGEST, INTERVAL) == after


@pytest.mark.parametrize(
    ("listed", "out", "panic", "gets"),
    [
        ((1, 2, 3), (), 50.0, (1, 2, 3)),
        ((1, 2, 3), (2,), 50.0, (1, 3)),
        ((1, 2), (2,), 50.0, (1,)),  # exactly half: no panic
        ((1, 2, 3), (1, 2), 50.0, (1, 2, 3)),  # a third: all get requests
        ((1, 2, 3), (1, 2), 0.0, (3,)),  # panic switched off
        ((1, 2, 3), (1, 2, 3), 0.0, ()),
        ((1, 2), (9,), 50.0, (1, 2)),  # an ejected one that is not listed any more
        ((), (), 50.0, ()),
    ],
)
def test_panic(listed, out, panic, gets):
    assert admitted(listed, out, panic) == gets


def test_their_routing() -> None:
    mesh, edge = MeshBalancing().routing(), IngressBalancing().routing()
    assert (mesh.outlier_failures, mesh.retries, mesh.connect_timeout_s) == (5, 2, 10.0)
    assert mesh.proxy
    assert mesh.redispatch
    assert (edge.retries, edge.connect_timeout_s) == (2, 5.0)
    assert (edge.algorithm, edge.redispatch, edge.retry_errors) == (Algorithm.ROUND_ROBIN, 1, 1)
    assert not IngressBalancing(replay=False).routing().retry_errors


# ---- the loop ----
def meshed(replicas: int = 3, **fields: float) -> World:
    mesh = MeshBalancing(**{"always_eject_one": True, **fields})  # type: ignore[arg-type]
    prompt = Endpoints(watch_delay_s=0.0, min_sync_s=0.0)
    platform = replace(MANAGED, load_balancing=mesh, service_discovery=prompt)
    return World(stack_of({"api": {"replicas": replicas}}), platform)


def outlier(world: World, t_s: float, index: int) -> Cluster:
    cluster = world.at(t_s)
    world.plane.tell(Note.OUTLIER, cluster.of("api")[index].id)
    world.until(t_s + 0.5)
    return cluster


def test_an_outlier_is_ejected_and_returns_at_a_sweep() -> None:
    world = meshed()
    cluster = outlier(world, 15.0, 0)
    first, second, third = (c.id for c in cluster.of("api"))
    assert cluster.front().backends == (second, third)
    assert cluster.front().listed == (first, second, third)
    world.until(49.0)
    assert first not in cluster.front().backends, "30 s are over at 45, the next sweep is at 50"
    world.until(51.0)
    assert cluster.front().backends == (first, second, third)
    assert (world.when("ejected"), world.when("returned")) == (15.0, 50.0)


def test_a_second_ejection_lasts_twice_as_long() -> None:
    world = meshed()
    outlier(world, 15.0, 0)  # returns at 50
    outlier(world, 52.0, 0)
    world.until(200.0)
    assert world.when("returned", after=60.0) == 120.0  # 52 + 60 = 112


def test_only_so_many_are_ejected() -> None:
    one_only = meshed()
    outlier(one_only, 15.0, 0)
    assert len(outlier(one_only, 16.0, 1).front().backends) == 2
    assert len(outlier(meshed(always_eject_one=False), 15.0, 0).front().backends) == 3
    two = meshed(max_ejection_percent=70.0)
    outlier(two, 15.0, 0)
    assert len(outlier(two, 16.0, 1).front().backends) == 3, "a third left is below 50 %: panic"
    calm = meshed(max_ejection_percent=70.0, panic_percent=30.0)
    outlier(calm, 15.0, 0)
    assert len(outlier(calm, 16.0, 1).front().backends) == 1


def test_discovery_goes_on_while_one_is_ejected() -> None:
    """An ejected replica that is removed meanwhile does not come back with its sweep."""
    world = meshed()
    cluster = outlier(world, 15.0, 0)
    gone = cluster.of("api")[0]
    cluster.retire(gone)
    world.until(100.0)
    assert gone.id not in cluster.front().backends
    assert len(cluster.front().backends) == 3, "its replacement is there"


@pytest.mark.parametrize("field", ["interval_s", "base_ejection_s", "max_ejection_s"])
def test_its_times_matter(field: str) -> None:
    world = meshed(**{field: 7.0})
    outlier(world, 15.0, 0)
    world.until(300.0)
    expected = {"interval_s": 49.0, "base_ejection_s": 30.0, "max_ejection_s": 30.0}
    assert world.when("returned") == expected[field]


# ---- with users ----
BARE = {"stack.services.api.probes": {"startup": None, "readiness": None, "liveness": None}}
LOCKED_OUT = {"at": 300, "process_crash": {"service": "http"}}


def crashed(mechanism: object) -> list[int]:
    """Requests that failed when one of three replicas crashes and nobody probes it."""
    settings = {**BARE, "kubernetes.load_balancing": mechanism}
    run = replay(LOCKED_OUT, platform="kubernetes", settings=settings, rate=8.0, horizon_s=600.0)
    return [run.gauge.failed, len(rows(run, "ejected"))]


def test_who_retries_loses_nothing() -> None:
    """kube-proxy does not retry; an ingress and a mesh send the request to another replica."""
    plain, ejections = crashed("service_balancing")
    assert plain > 10
    assert ejections == 0
    assert crashed("ingress_balancing") == [0, 0]
    assert crashed("mesh_balancing") == [0, 0], "three replicas: 10 % of them is none"
    assert crashed({"mechanism": "mesh_balancing", "always_eject_one": True}) == [0, 1]


def test_without_retries_only_the_failures_in_a_row_are_lost() -> None:
    mesh = {"mechanism": "mesh_balancing", "retries": 0, "algorithm": "round_robin"}
    assert crashed({**mesh, "always_eject_one": True})[0] == 5
    more = {**mesh, "always_eject_one": True, "consecutive_failures": 9}
    assert crashed(more)[0] == 9


# ---- by --set ----
@pytest.mark.parametrize("word", ["round_robin", "least_connections", "random", "ROUND_ROBIN"])
def test_the_algorithm_is_a_word(word: str) -> None:
    changed = configure(load("kubernetes"), {"load_balancing.algorithm": word})
    assert changed.load_balancing == ServiceBalancing(Algorithm[word.upper()])


@pytest.mark.parametrize("wrong", ["round_robbin", 2, True, None])
def test_another_word_is_told_with_the_nearest(wrong: object) -> None:
    with pytest.raises(InputError) as raised:
        configure(load("kubernetes"), {"load_balancing.algorithm": wrong})
    assert "round_robin" in raised.value.issues[0].expected
    if isinstance(wrong, str):
        assert raised.value.issues[0].nearest == "round_robin"
