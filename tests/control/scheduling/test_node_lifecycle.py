"""Servers that die: the rules as tables, then 40-55 s, 345 s, and who comes back in place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.control.scheduling.kubelet import VOLUME_ATTACH
from sim.control.scheduling.node_lifecycle import (
    EVICTION_RATE,
    LARGE_CLUSTER,
    MONITOR_PERIOD,
    SECONDARY_RATE,
    TOLERATION,
    UNHEALTHY_LEAST,
    UNHEALTHY_SHARE,
    NodeLifecycle,
    eviction_due,
    eviction_rate,
    is_silent,
    last_renewal,
    may_collect,
    next_tick,
    zone_state,
)
from sim.control.scheduling.scheduler import Scheduling
from sim.platforms.platform import Platform
from tests.control.outage import replay
from tests.control.world import MANAGED, World, stack_of

ONE = {"probes": {"readiness": {}}}


# ---- rules ----
@pytest.mark.parametrize(
    ("ready", "not_ready", "state"),
    [
        (3, 0, "normal"),
        (2, 1, "normal"),
        (1, 2, "normal"),  # 67 %, but not more than two: the documentation leaves this out
        (2, 3, "partial"),
        (5, 3, "normal"),  # 37 %
        (0, 1, "full"),
        (0, 5, "full"),
        (45, 55, "partial"),
        (46, 54, "normal"),
        (0, 0, "normal"),
    ],
)
def test_zone_state(ready, not_ready, state):
    """node_lifecycle_controller.go ComputeZoneState."""
    assert zone_state(ready, not_ready, UNHEALTHY_SHARE.value, UNHEALTHY_LEAST.value) == state


@pytest.mark.parametrize(
    ("end", "renewed", "ticks"),
    [
        (100.0, 100.0, 0),  # it began then
        (103.0, 100.0, 0),  # first renewal: whoever looks at that instant has not seen it
        (103.1, 103.0, 1),
        (113.0, 103.0, 1),
        (113.5, 113.0, 2),
        (152.9, 143.0, 5),
    ],
)
def test_a_lease_is_renewed_each_period_whether_or_not_anybody_looks(end, renewed, ticks):
    assert last_renewal(end, 103.0, 10.0, 100.0) == renewed
    assert next_tick(end, 103.0, 10.0) == ticks


@pytest.mark.parametrize(
    ("state", "servers", "rate"),
    [
        ("normal", 3, 0.1),
        ("partial", 50, 0.0),
        ("partial", 51, 0.01),
        ("full", 3, 0.0),
        ("full", 100, 0.0),
    ],
)
def test_eviction_rate(state, servers, rate):
    assert (
        eviction_rate(
            state, servers, EVICTION_RATE.value, SECONDARY_RATE.value, LARGE_CLUSTER.value
        )
        == rate
    )


@pytest.mark.parametrize(
    ("tolerations", "due"),
    [
        ([300.0], 400.0),
        ([300.0, 30.0], 130.0),  # the smallest counts
        ([None, 60.0], 160.0),
        ([None], None),  # tolerates for ever
        ([], 100.0),  # no toleration: now
        ([-5.0], 100.0),
    ],
)
def test_eviction_deadline(tolerations, due):
    """tainteviction/taint_eviction_test.go."""
    assert eviction_due(100.0, tolerations) == due


def test_silence_is_longer_than_the_grace():
    assert not is_silent(150.0, 100.0, 50.0)
    assert is_silent(150.1, 100.0, 50.0)


# ---- servers ----
def managed(**changes: float) -> Platform:
    return replace(MANAGED, scheduling=Scheduling(lifecycle=replace(NodeLifecycle(), **changes)))


def lose(world: World, index: int, at_s: float) -> None:
    world.at(at_s).server_down(world.cluster.servers[index])


def test_a_lost_server_leaves_the_endpoints_after_40_to_56_s_and_is_replaced_after_350():
    """Shared facts, section 8 (MONITOR_GRACE + tick, then endpoints; the taint with the next tick,
    then the toleration): node_lifecycle_controller.go monitorNodeHealth @003e8629."""
    for offset in (0.0, 3.3, 7.1):
        world = World(stack_of({"api": {"replicas": 3, **ONE}}))
        began = 100.0 + offset
        lose(world, 0, began)
        world.until(began + 600.0)
        believed = world.when("not_ready") - began
        assert 40.0 <= believed <= 55.0
        unlisted = next(t for t, ids in world.plane.published if t > began and 0 not in ids)
        assert 0.0 <= unlisted - began - believed <= 2.0
        evicted = world.when("eviction") - began
        assert 345.0 <= evicted <= 360.0
        assert evicted - believed == pytest.approx(MONITOR_PERIOD.value + TOLERATION.value)
        assert world.when("placed") - began == pytest.approx(evicted)
        assert sum(c.ready for c in world.cluster.of("api")) == 3


def test_each_constant_moves_what_it_says():
    stack = stack_of({"api": {"replicas": 3}})
    for changes, event, low, high in (
        ({"grace_s": 20.0}, "not_ready", 10.0, 25.1),
        ({"grace_s": 20.0, "renew_s": 1.0, "monitor_s": 0.5}, "not_ready", 19.0, 20.6),
        ({"monitor_s": 200.0}, "not_ready", 56.0, 250.0),
        ({"toleration_s": 30.0}, "eviction", 75.0, 90.0),
    ):
        world = World(stack, managed(**changes))
        lose(world, 0, 100.0)
        world.until(700.0)
        assert low <= world.when(event) - 100.0 <= high, changes


def test_back_before_the_toleration_ends_it_starts_the_same_replicas_in_place():
    world = World(stack_of({"api": {"replicas": 3, **ONE}, "postgres": {}}))
    before = [c.id for c in world.cluster.containers]
    lose(world, 0, 100.0)
    world.until(220.0)
    world.cluster.server_up(world.cluster.servers[0])
    world.until(900.0)
    assert [c.id for c in world.cluster.containers] == before
    assert all(c.ready for c in world.cluster.containers)
    assert not any(r.event == "eviction" for r in world.cluster.timeline)
    assert world.cluster.servers[0].ready


def test_a_short_reboot_is_not_noticed_by_the_node_controller():
    world = World(stack_of({"api": {"replicas": 3}}))
    lose(world, 0, 100.0)
    world.until(130.0)
    world.cluster.server_up(world.cluster.servers[0])
    world.until(500.0)
    assert not any(r.event in ("not_ready", "eviction") for r in world.cluster.timeline)


def test_back_after_the_eviction_the_old_ones_go_and_nothing_moves_back():
    world = World(stack_of({"api": {"replicas": 3}}))
    old = world.get("api-1")
    lose(world, 0, 100.0)
    world.until(600.0)
    assert old in world.cluster.containers  # Terminating until its kubelet answers
    world.cluster.server_up(world.cluster.servers[0])
    world.until(700.0)
    assert old not in world.cluster.containers
    assert sorted(c.server.id for c in world.cluster.of("api")) == [1, 1, 2]


def test_two_servers_of_three_are_evicted_ten_seconds_apart():
    world = World(stack_of({"api": {"replicas": 6}}))
    lose(world, 0, 100.0)
    lose(world, 1, 100.0)
    world.until(600.0)
    rows = [r.t_s for r in world.cluster.timeline if r.event == "eviction"]
    assert len(rows) == 2
    assert rows[1] - rows[0] == pytest.approx(1.0 / EVICTION_RATE.value)
    faster = World(stack_of({"api": {"replicas": 6}}), managed(eviction_rate=1.0))
    lose(faster, 0, 100.0)
    lose(faster, 1, 100.0)
    faster.until(600.0)
    rows = [r.t_s for r in faster.cluster.timeline if r.event == "eviction"]
    assert rows[1] - rows[0] <= 5.0


@pytest.mark.parametrize(
    ("servers", "lost", "changes", "evicts"),
    [
        (3, 3, {}, False),  # all gone: rather the controller's fault
        (1, 1, {}, False),
        (5, 3, {}, False),  # partly down, small: stopped
        (5, 3, {"unhealthy_share": 0.7}, True),
        (5, 3, {"unhealthy_least": 3}, True),
        (5, 3, {"large_cluster": 4}, True),  # large: slowly
        (5, 3, {"large_cluster": 4, "secondary_rate": 0.0}, False),
    ],
)
def test_a_mass_failure_stops_eviction(servers, lost, changes, evicts):
    together = {"monitor_s": 60.0, **changes}  # else the first is tainted while all seems normal
    world = World(stack_of({"api": {"replicas": servers}}), managed(**together), servers=servers)
    for index in range(lost):
        lose(world, index, 100.0)
    world.until(900.0)
    assert any(r.event == "eviction" for r in world.cluster.timeline) is evicts


def test_when_all_are_gone_running_deadlines_are_called_off():
    world = World(stack_of({"api": {"replicas": 2}}), servers=2)
    lose(world, 0, 100.0)
    lose(world, 1, 250.0)
    world.until(900.0)
    assert not any(r.event == "eviction" for r in world.cluster.timeline)


def test_a_database_on_a_lost_server_is_not_replaced():
    world = World(stack_of({"postgres": {}, "api": {"replicas": 3}}), managed())
    database = world.get("postgres-1")
    lose(world, database.server.id, 100.0)
    world.until(1200.0)
    assert world.cluster.of("postgres") == [database]
    assert not database.alive
    world.cluster.server_up(database.server)
    world.until(1300.0)
    assert world.cluster.of("postgres") == [database]  # the same name, the same volume
    assert database.ready


# ---- out of service ----
@pytest.mark.parametrize(
    ("terminating", "ready", "marked", "answer"),
    [
        (True, False, True, True),
        (False, False, True, False),
        (True, True, True, False),  # believed alive: its kubelet will answer
        (True, False, False, False),  # until somebody says so
    ],
)
def test_whom_the_garbage_collector_deletes_by_force(terminating, ready, marked, answer):
    assert may_collect(terminating, ready, marked) is answer


@pytest.mark.parametrize(("marked_s", "period_s"), [(600.0, 20.0), (105.0, 20.0), (600.0, 300.0)])
def test_a_lost_server_that_is_marked_gives_its_volume_away(marked_s, period_s):
    """At the collector's next look; marked too early, once the server is NotReady."""
    world = World(stack_of({"postgres": {}, "api": {"replicas": 3}}), managed(pod_gc_s=period_s))
    database = world.get("postgres-1")
    lose(world, database.server.id, 100.0)
    world.until(marked_s)
    world.cluster.write_off(database.server)
    world.until(marked_s + 450.0)
    (moved,) = world.cluster.of("postgres")
    assert moved.server is not database.server
    possible = max(marked_s, world.when("not_ready"))
    assert possible <= moved.created_s <= possible + period_s
    assert moved.started_s - moved.created_s >= VOLUME_ATTACH.value
    assert moved.ready


def test_a_marked_server_that_is_back_takes_nothing_new_and_keeps_its_database():
    world = World(stack_of({"postgres": {}, "api": {"replicas": 3}}))
    database = world.get("postgres-1")
    lose(world, database.server.id, 100.0)
    world.until(105.0)
    world.cluster.write_off(database.server)  # not NotReady yet: nobody is deleted by force
    world.until(120.0)
    world.cluster.server_up(database.server)
    world.until(300.0)
    (moved,) = world.cluster.of("postgres")
    assert moved.server is not database.server, (
        "deleted by its own kubelet; the taint is still there"
    )
    assert not any(r.event == "eviction" for r in world.cluster.timeline)


def lost_and_marked(platform: str, returns: bool) -> list[str]:
    events = (
        {"at": 60, "server_crash": {"hosting": "postgres", "returns": returns}},
        {"at": 300, "out_of_service": {"hosting": "postgres"}},
    )
    run = replay(*events, platform=platform, horizon_s=500.0)
    return [row.text for row in run.timeline if row.event == "out_of_service"]


@pytest.mark.parametrize(
    ("platform", "returns", "says"),
    [
        ("kubernetes", False, "server-1 is marked out of service"),
        ("kubernetes", True, "operator marks no server: no such server is lost"),
        ("compose", False, "operator marks no server: no controller here waits for that"),
    ],
)
def test_the_operator_marks_only_what_is_lost(platform, returns, says):
    assert lost_and_marked(platform, returns) == [says]
