"""Names: how long an answer is kept, what nginx does with it, and headless services."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from sim.control.core.cluster import Change
from sim.control.service_discovery.dns import (
    Bridge,
    HeadlessNames,
    expires,
    lowest_free,
    nginx,
)
from sim.dataplane.codes import Algorithm
from sim.library.scenarios import load_scenario
from sim.platforms import configure, load
from sim.results.run import Run
from sim.schema.fields import InputError
from tests.control.outage import replay, rows, when
from tests.control.world import MANAGED, World, stack_of


# ---- rules ----
@pytest.mark.parametrize(
    ("looked", "ttl", "once", "found", "again"),
    [
        (100.0, 600.0, False, 3, 700.0),
        (100.0, 10.0, False, 1, 110.0),
        (100.0, 10.0, True, 3, math.inf),  # nginx: at its start, and no more
        (100.0, 10.0, False, 0, math.inf),  # no answer is not kept: the next change asks again
    ],
)
def test_when_an_answer_expires(looked, ttl, once, found, again):
    assert expires(looked, ttl, once, found) == again


@pytest.mark.parametrize(("peers", "retries"), [(1, 0), (2, 1), (5, 4), (0, 0)])
def test_nginx_tries_each_other_peer_once(peers, retries):
    routing = nginx(peers)
    assert routing.retries == retries
    assert (routing.algorithm, routing.proxy) == (Algorithm.ROUND_ROBIN, True)
    assert routing.redispatch
    assert routing.connect_timeout_s == 60.0


# ---- a proxy on Compose ----
def proxied(*events: dict[str, Any], lookup: dict[str, Any] | None = None, **run: Any) -> Run:
    proxy = {"role": "proxy", "port": 80, "restart": "always", "lookup": lookup}
    settings = {
        "stack.services.api.port": None,
        "stack.services.api.replicas": 2,
        "stack.services.api.restart": "always",
        "stack.services.nginx": proxy,
        **run.pop("settings", {}),
    }
    return replay(*events, settings=settings, rate=4.0, **{"horizon_s": 900.0, **run})


DEPLOY = {"at": 300, "deploy": {"service": "http"}}
# a neighbour that was there before the API started gives its address back: the API gets that one
GONE = {"at": 200, "operator_kill": {"service": "other"}}
NEIGHBOUR = {
    "stack.services.mailer": {"role": "other", "boot": "1s"},
    "stack.services.api.replicas": 1,
}
ONCE = {"once": True}


def late(run: Run, begin_s: int, end_s: int) -> float:
    """The share of requests that failed in these seconds."""
    arrived, succeeded = run.recording.requests[begin_s:end_s, :2].sum(axis=0)
    return 1.0 - float(succeeded) / float(arrived)


def test_a_proxy_that_starts_again_looks_again() -> None:
    """`docker compose restart nginx` is the cure that people know."""
    crash = {"at": 400, "process_crash": {"service": "proxy"}}
    run = proxied(GONE, DEPLOY, crash, lookup=ONCE, settings=NEIGHBOUR)
    assert late(run, 330, 400) == 1.0
    assert when(run, "resolved") == [400.1]
    assert late(run, 410, 600) == 0.0


def test_a_container_that_starts_again_in_place_keeps_its_address() -> None:
    crash = {"at": 300, "process_crash": {"service": "http", "replicas": 2}}
    run = proxied(crash, lookup=ONCE)
    assert rows(run, "restart")
    assert not rows(run, "resolved")
    assert late(run, 330, 600) == 0.0


@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_a_service_that_is_recreated_alone_has_its_addresses_back(replicas: int) -> None:
    """The Engine gives out the lowest that are free: those that were given back."""
    run = proxied(DEPLOY, lookup=ONCE, settings={"stack.services.api.replicas": replicas})
    assert rows(run, "exit")
    assert not rows(run, "resolved")
    assert late(run, 330, 600) == 0.0


# ---- addresses ----
@pytest.mark.parametrize(
    ("taken", "free"), [((), 0), ((0, 1, 2), 3), ((0, 2, 3), 1), ((1, 2), 0), ((5,), 0)]
)
def test_the_lowest_free_address_is_given_out(taken: tuple[int, ...], free: int) -> None:
    assert lowest_free(taken) == free


def after(orders: Iterable[Sequence[str]]) -> list[bool]:
    """All stop, and start again in each order: does the old address still lead to the API?"""
    led = []
    for order in orders:
        world = World(stack_of({"postgres": {}, "redis": {}, "api": {}, "worker": {}}), servers=1)
        bridge, cluster = Bridge(world.cluster), world.at(1.0)
        (before,) = bridge.answers("api")
        for name in order:
            cluster.exit(world.get(f"{name}-1"), 0, "stopped")
            bridge.heard(Change("exit", world.get(f"{name}-1")))
        for name in order:
            cluster.start(world.get(f"{name}-1"))
            bridge.heard(Change("started", world.get(f"{name}-1")))
        led.append(bridge.at("api", before) is world.get("api-1"))
    return led


def test_how_often_the_trap_springs() -> None:
    """Alone never; with the worker, whoever starts first decides: half. After `down` and `up` the
    database and the queue come first: two of four orders."""
    assert after([("api",), ("worker",)]) == [True, True]
    assert after([("api", "worker"), ("worker", "api")]) == [True, False]
    stores = (("postgres", "redis"), ("redis", "postgres"))
    orders = [(*first, *then) for first in stores for then in permutations(("api", "worker"))]
    assert after(orders) == [True, False, True, False]


def test_a_start_while_it_is_away_takes_its_address() -> None:
    """Redis is restarted first (medic/cht-core#8205): the API's address is another's, and nobody
    listens there."""
    world = World(stack_of({"redis": {}, "api": {}}), servers=1)
    bridge, cluster = Bridge(world.cluster), world.at(1.0)
    (before,) = bridge.answers("api")
    for kind, name in (("exit", "redis-1"), ("exit", "api-1"), ("started", "api-1")):
        c = world.get(name)
        cluster.exit(c, 0, "stopped") if kind == "exit" else cluster.start(c)
        bridge.heard(Change(kind, c))
    assert bridge.at("api", before).service == ""
    assert [bridge.at("api", place).name for place in bridge.answers("api")] == ["api-1"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_the_ttl_the_proxy_finds_them(seed: int) -> None:
    ttl = {"once": False, "ttl": "100s"}
    run = proxied(GONE, DEPLOY, lookup=ttl, seed=seed, settings=NEIGHBOUR)
    looked = when(run, "resolved")[-1]
    assert 310.0 < looked <= 420.0
    assert late(run, int(looked) + 10, 700) == 0.0
    fresh = proxied(GONE, DEPLOY, seed=seed, settings=NEIGHBOUR)
    assert not rows(fresh, "resolved"), "who hears of each change looks nothing up"
    assert late(fresh, 330, 700) == 0.0


def test_a_refused_try_goes_to_the_next_peer() -> None:
    """One of two containers is killed: nginx' second try hides it from users."""
    kill = {"at": 300, "operator_kill": {"service": "http"}}
    assert proxied(kill, lookup=ONCE).gauge.failed == 0
    assert proxied(kill).gauge.failed <= 1, "who hears of it does not try; what was inside is lost"
    single = {"stack.services.api.replicas": 1}
    assert proxied(kill, lookup=ONCE, settings=single).gauge.failed > 10


def test_a_time_to_live_of_nothing_is_refused() -> None:
    setting = {"stack.services.nginx": {"role": "proxy", "lookup": {"ttl": "0s"}}}
    with pytest.raises(InputError, match="lookup"):
        load_scenario("container_crash", settings=setting)


# ---- headless on Kubernetes ----
def test_clients_of_a_headless_service_are_up_to_a_ttl_late() -> None:
    platform = replace(MANAGED, service_discovery=HeadlessNames(ttl_s=30.0))
    world = World(stack_of({"api": {"replicas": 3, "probes": {"readiness": {}}}}), platform)
    late_s = []
    for k in range(8):
        began = 200.0 * (k + 1) + 3.7 * k
        c = next(c for c in world.at(began).of("api") if c.ready)
        world.cluster.exit(c, 1, "crashed")
        world.until(began + 100.0)
        gone = [t for t, ids in world.plane.published if t >= began and c.id not in ids]
        late_s += [gone[0] - began] if gone else []
    assert late_s, "a container that is back before anybody looks is never missed"
    assert 0.0 < max(late_s) <= 30.0
    assert configure(load("kubernetes"), {
        "service_discovery": {"mechanism": "headless_names", "ttl_s": "5s"}
    }).service_discovery == HeadlessNames(5.0)  # fmt: skip


def test_when_nobody_was_there_the_next_ready_one_is_found_at_once() -> None:
    platform = replace(MANAGED, service_discovery=HeadlessNames(ttl_s=30.0))
    world = World(stack_of({"api": {"replicas": 1}}), platform)
    c = world.at(100.0).of("api")[0]
    world.cluster.set_ready(c, False)
    world.until(140.0)
    assert world.cluster.front().backends == ()
    world.cluster.set_ready(c, True)
    world.until(140.1)
    assert world.cluster.front().backends == (c.id,)
