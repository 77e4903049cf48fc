"""Rollouts: the Deployment's arithmetic as upstream's tables, then rollouts that happen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.control.rollback.undo import RolloutUndo
from sim.control.rolling_updates.deployment import (
    DeploymentStatus,
    Recreate,
    RollingUpdate,
    is_complete,
    is_progressing,
    new_replica_set_size,
    proportions,
    recreated,
    resize,
    resolve_fenceposts,
    scaled,
    shrink_old,
    step,
)
from sim.control.scheduling.replicas import ReplicaSet
from sim.schema.fields import InputError
from sim.schema.scenario import Version
from tests.control.world import MANAGED, World, stack_of

READINESS = {"probes": {"readiness": {"period": 5.0}}}


# ---- rules ----
@pytest.mark.parametrize(
    ("surge", "unavailable", "replicas", "expected"),
    [
        ("0%", "0%", 0, (0, 1)),  # before the cap below: see the next test
        ("39%", "39%", 10, (4, 3)),
        ("oops", "39%", 10, None),
        ("55%", "urg", 10, None),
        ("5", "1", 7, (5, 1)),
        ("25%", "25%", 3, (1, 0)),
        ("25%", "25%", 1, (1, 0)),
        ("25%", "25%", 10, (3, 2)),
        ("0", "0", 3, (0, 1)),
        ("1", "9", 3, (1, 3)),  # more than all cannot be unavailable
    ],
)
def test_fenceposts(surge, unavailable, replicas, expected):
    """deployment/util TestResolveFenceposts; API defaults for 1, 3 and 10 replicas."""
    if expected is None:
        with pytest.raises(InputError, match="a count or a share"):
            resolve_fenceposts(surge, unavailable, replicas)
    else:
        up, down = expected
        assert resolve_fenceposts(surge, unavailable, replicas) == (up, min(down, replicas))


def test_shares_round_surge_up_and_unavailable_down():
    assert (scaled("25%", 5, up=True), scaled("25%", 5, up=False)) == (2, 1)
    assert (scaled("3", 100, up=True), scaled(" 50% ", 3, up=False)) == (3, 1)


@pytest.mark.parametrize(
    ("replicas", "surge", "new", "total", "expected"),
    [
        (1, 0, 0, 1, 0),  # "can not scale up - to newRSReplicas"
        (6, 1, 1, 6, 2),  # "scale up - to depReplicas"
        (10, 0, 0, 10, 0),  # "should not scale up"
        (10, 2, 0, 10, 2),
        (10, 2, 0, 5, 7),
        (10, 2, 2, 12, 2),
        (10, 0, 11, 11, 10),  # a larger one shrinks to the wanted number
    ],
)
def test_new_replica_set_size(replicas, surge, new, total, expected):
    """deployment/util TestNewRSNewReplicas, rolling_test.go TestReconcileNewReplicaSet."""
    assert new_replica_set_size(replicas, surge, new, total) == expected


@pytest.mark.parametrize(
    ("replicas", "unavailable", "new", "old", "expected"),
    [
        # rolling_test.go TestDeploymentController_reconcileOldReplicaSets
        (10, 0, (0, 0), [(10, 10)], [10]),
        (10, 2, (0, 0), [(10, 10)], [8]),
        (10, 2, (0, 0), [(10, 8)], [8]),  # unhealthy ones first
        (10, 2, (2, 0), [(8, 8)], [8]),  # new ones are not available: nothing more goes
        (10, 0, (10, 10), [(1, 1)], [0]),
        # the stuck rollout of rolling.go's comment: 2 unavailable, surge 3, a broken version
        (10, 2, (5, 0), [(8, 8)], [8]),
        # two old ones: the oldest goes first
        (4, 1, (1, 1), [(2, 2), (2, 2)], [0, 2]),
        # unhealthy ones of a later set go before healthy ones of the first
        (10, 2, (0, 0), [(5, 5), (5, 3)], [5, 3]),
        (10, 2, (1, 1), [(10, 10)], [7]),  # one more than all
        (10, 2, (2, 2), [(6, 6)], [6]),  # eight are the least
        (10, 2, (0, 0), [(9, 7)], [8]),  # only as many as may be missing
        (10, 2, (4, 4), [(3, 0), (6, 6)], [0, 4]),
    ],
)
def test_old_replica_sets_shrink(replicas, unavailable, new, old, expected):
    sizes = shrink_old(replicas, unavailable, ReplicaSet(*new), [ReplicaSet(*o) for o in old])
    assert sizes == expected


def test_one_sync_scales_up_and_stops():
    new, old = ReplicaSet(0, 0), [ReplicaSet(10, 10)]
    assert step(10, 3, 2, new, old) == (3, [10])
    assert step(10, 3, 2, ReplicaSet(3, 0), old) == (3, [8])  # the next one scales down
    assert step(10, 3, 2, ReplicaSet(11, 11), [ReplicaSet(1, 1)]) == (10, [1])  # so does down
    assert step(10, 3, 2, ReplicaSet(10, 10), [ReplicaSet(0, 0)]) == (10, [0])


def test_a_broken_version_sacrifices_surge_and_unavailable_only():
    new, old = ReplicaSet(0, 0), [ReplicaSet(10, 10)]
    for _ in range(20):
        size, sizes = step(10, 3, 2, new, old)
        new, old = ReplicaSet(size, 0), [ReplicaSet(sizes[0], sizes[0])]
    assert (new.spec, old[0].spec) == (5, 8)


@pytest.mark.parametrize(
    ("sizes", "before", "after", "expected"),
    [
        # sync_test.go TestScale; newest first
        ([5, 5], 10, 12, [6, 6]),
        ([5, 5], 10, 8, [4, 4]),
        ([5, 5, 5], 15, 5, [2, 2, 1]),  # the oldest gives most
        ([20, 20, 20, 2], 62, 14, [5, 5, 4, 0]),
        ([10, 20], 30, 30, [10, 20]),
        ([3, 1], 4, 6, [5, 1]),  # 4.5 and 1.5 round up: the larger one takes what there is
        ([5, 1], 6, 5, [4, 1]),
        ([4, 0], 4, 7, [7, 0]),
        ([1, 1, 1], 3, 0, [0, 0, 0]),
    ],
)
def test_scaling_in_mid_rollout_is_proportional(sizes, before, after, expected):
    result = proportions(sizes, before, after)
    assert sum(result) == after
    assert sorted(result) == sorted(expected)


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        # recreate_test.go TestScaleDownOldReplicaSets
        ((0, 0), [(3, 3)], 0),
        ((0, 0), [(0, 0), (1, 0)], 0),
        ((0, 0), [(0, 0)], 3),
        ((0, 0), [], 3),
        ((3, 3), [], 3),
        ((2, 2), [(1, 1)], 2),  # a new version never grows beside an old one
    ],
)
def test_recreate_waits_for_the_last_old_replica(new, old, expected):
    assert recreated(3, ReplicaSet(*new), [ReplicaSet(*o) for o in old]) == expected


def test_scaling_a_single_replica_set_just_sets_it():
    new, old = ReplicaSet(3, 3), ReplicaSet(3, 3)
    assert resize(5, 3, (2, 1), 1, new, []) == (5, [])
    assert resize(5, 3, (2, 1), 1, ReplicaSet(0, 0), [old]) == (0, [5])
    assert resize(20, 10, (0, 1), 0, ReplicaSet(5, 5), [ReplicaSet(5, 5)]) == (10, [10])


def test_complete_and_progressing():
    """deployment/util TestDeploymentComplete, TestDeploymentProgressing."""
    assert is_complete(5, 5, 5, 5)
    for broken in ((5, 4, 5, 5), (5, 5, 6, 5), (5, 5, 5, 4), (5, 5, 4, 4)):
        assert not is_complete(*broken)
    was = DeploymentStatus(updated=2, old=3, ready=4, available=4)
    assert not is_progressing(was, was)
    for better in ({"updated": 3}, {"old": 2}, {"ready": 5}, {"available": 5}):
        assert is_progressing(was, was._replace(**better))
    for worse in ({"updated": 1}, {"old": 4}, {"ready": 3}, {"available": 3}):
        assert not is_progressing(was, was._replace(**worse))


# ---- rollouts ----
def counts(world: World, version: str) -> tuple[int, int]:
    """(wanted back, ready) replicas of a version."""
    live = [c for c in world.cluster.of("api") if c.version.name == version and not c.deleting]
    return len(live), sum(c.ready for c in live)


def test_a_good_version_replaces_the_old_one_without_ever_being_short():
    world = World(stack_of({"api": {"replicas": 3, **READINESS}}))
    world.at(60.0).set_version("api", Version(name="v2"))
    for t in range(60, 200):
        world.until(float(t))
        ready = counts(world, "v1")[1] + counts(world, "v2")[1]
        assert ready >= 3  # maxUnavailable 25 % of 3 is 0
        assert counts(world, "v1")[0] + counts(world, "v2")[0] <= 4  # surge 1
    assert counts(world, "v2") == (3, 3)
    assert counts(world, "v1") == (0, 0)
    complete = [r for r in world.cluster.timeline if "is complete" in r.text]
    assert len(complete) == 1


def test_defaults_are_upstreams_and_change_the_rollout():
    fast = replace(MANAGED, rolling_updates=RollingUpdate(max_surge="100%"))
    slow = replace(MANAGED, rolling_updates=RollingUpdate(max_surge="0", max_unavailable="1"))
    peak, ends = [], []
    for platform in (fast, MANAGED, slow):
        world = World(stack_of({"api": {"replicas": 4, **READINESS}}), platform)
        world.at(60.0).set_version("api", Version(name="v2"))
        most = 0
        for t in range(60, 300):
            world.until(float(t))
            most = max(most, counts(world, "v1")[0] + counts(world, "v2")[0])
        peak.append(most)
        ends.append(next(r.t_s for r in world.cluster.timeline if "is complete" in r.text))
    assert peak == [7, 5, 4]  # one of the four may be missing: it goes at once
    assert ends == sorted(ends)


def test_a_broken_version_stalls_and_keeps_the_old_ones_and_only_tells_after_600_s():
    world = World(stack_of({"api": {"replicas": 10, **READINESS}}))
    world.at(60.0).set_version("api", Version(name="v2", crashes_at_start=True))
    world.until(1500.0)
    assert counts(world, "v1") == (8, 8)
    assert counts(world, "v2") == (5, 0)
    told = [r.t_s for r in world.cluster.timeline if "ProgressDeadlineExceeded" in r.text]
    assert len(told) == 1
    assert 600.0 <= told[0] - 60.0 <= 640.0
    earlier = replace(MANAGED, rolling_updates=RollingUpdate(progress_deadline_s=100.0))
    world = World(stack_of({"api": {"replicas": 3, **READINESS}}), earlier)
    world.at(60.0).set_version("api", Version(name="v2", crashes_at_start=True))
    world.until(400.0)
    assert any("ProgressDeadlineExceeded" in r.text for r in world.cluster.timeline)


def test_undo_begins_with_the_broken_ones_and_loses_nothing():
    world = World(stack_of({"api": {"replicas": 3, **READINESS}}))
    world.at(60.0).set_version("api", Version(name="v2", crashes_at_start=True))
    world.until(200.0)
    old = [c.id for c in world.cluster.of("api") if c.version.name == "v1"]
    RolloutUndo().undo(world.cluster, "api")
    world.until(240.0)
    assert [c.id for c in world.cluster.of("api")] == old  # the same three replicas
    assert world.cluster.versions["api"].name == "v1"
    RolloutUndo().undo(world.cluster, "api")  # undoing twice is redoing
    assert world.cluster.versions["api"].name == "v2"


def test_without_a_readiness_probe_a_bad_version_rolls_out_completely():
    world = World(stack_of({"api": {"replicas": 3}}))
    world.at(60.0).set_version("api", Version(name="v2", error_rate=1.0))
    world.until(120.0)
    assert counts(world, "v2")[0] == 3


def test_min_ready_seconds_slow_every_step():
    patient = replace(MANAGED, rolling_updates=RollingUpdate(min_ready_s=30.0))
    ends = []
    for platform in (MANAGED, patient):
        world = World(stack_of({"api": {"replicas": 3, **READINESS}}), platform)
        world.at(60.0).set_version("api", Version(name="v2"))
        world.until(400.0)
        ends.append(next(r.t_s for r in world.cluster.timeline if "is complete" in r.text))
    assert ends[1] - ends[0] == pytest.approx(90.0, abs=20.0)


def test_terminating_replicas_do_not_count_so_that_the_peak_exceeds_the_surge():
    """KEP-3973: processes, and their database connections, exceed wanted + surge."""
    slow_stop = {"drains": False, "ignores": True}
    world = World(stack_of({"api": {"replicas": 4, "stop": slow_stop, **READINESS}}))
    world.at(60.0).set_version("api", Version(name="v2"))
    most = 0
    for t in range(60, 200):
        world.until(float(t))
        most = max(most, sum(c.alive for c in world.cluster.of("api")))
    assert most > 5  # 4 wanted + surge 1


def test_the_grace_of_a_deleted_replica_is_a_field():
    stuck = {"drains": False, "ignores": True}
    short = replace(MANAGED, rolling_updates=RollingUpdate(grace_s=3.0))
    for platform, grace in ((MANAGED, 30.0), (short, 3.0)):
        world = World(stack_of({"api": {"replicas": 2, "stop": stuck}}), platform)
        c = world.at(50.0).of("api")[0]
        world.cluster.retire(c)
        world.until(100.0)
        assert c.finished_s - 50.0 == pytest.approx(grace)


def test_recreate_never_runs_two_versions_and_is_an_outage():
    platform = replace(MANAGED, rolling_updates=Recreate())
    slow_stop = {"drains": False, "ignores": True, "grace": 20.0}
    stack = stack_of({"api": {"replicas": 3, "stop": slow_stop, **READINESS}})
    world = World(stack, platform)
    world.at(60.0).set_version("api", Version(name="v2"))
    none_ready = 0
    for t in range(60, 200):
        world.until(float(t))
        alive = {c.version.name for c in world.cluster.of("api") if c.alive}
        assert len(alive) <= 1
        none_ready += not any(c.ready and not c.deleting for c in world.cluster.of("api"))
    assert counts(world, "v2") == (3, 3)
    assert 20 <= none_ready <= 40  # the grace, a start, a boot, a readiness probe
    assert any("is complete" in r.text for r in world.cluster.timeline)


def test_recreate_tells_when_it_is_stuck_and_an_undo_starts_the_old_version_anew():
    platform = replace(MANAGED, rolling_updates=Recreate(progress_deadline_s=100.0))
    world = World(stack_of({"api": {"replicas": 2, **READINESS}}), platform)
    world.at(60.0).set_version("api", Version(name="v2", crashes_at_start=True))
    world.until(300.0)
    assert any("ProgressDeadlineExceeded" in r.text for r in world.cluster.timeline)
    assert counts(world, "v1") == (0, 0)
    RolloutUndo().undo(world.cluster, "api")
    world.until(360.0)
    assert counts(world, "v1") == (2, 2)


def test_recreate_waits_for_min_ready_seconds():
    ends = []
    for min_ready_s in (0.0, 30.0):
        platform = replace(MANAGED, rolling_updates=Recreate(min_ready_s=min_ready_s, grace_s=5.0))
        world = World(stack_of({"api": {"replicas": 2, **READINESS}}), platform)
        world.at(60.0).set_version("api", Version(name="v2"))
        world.until(300.0)
        ends.append(next(r.t_s for r in world.cluster.timeline if "is complete" in r.text))
    assert ends[1] - ends[0] == pytest.approx(30.0, abs=1.0)


def test_scaling_in_mid_rollout_keeps_the_limits():
    world = World(stack_of({"api": {"replicas": 10, **READINESS}}))
    world.at(60.0).set_version("api", Version(name="v2", crashes_at_start=True))
    world.until(200.0)
    world.cluster.want("api", 20)
    world.until(400.0)
    assert counts(world, "v1")[1] >= 15
    assert sum(counts(world, v)[0] for v in ("v1", "v2")) <= 25


def test_a_database_is_updated_in_place_one_at_a_time():
    world = World(stack_of({"postgres": {"replicas": 2, **READINESS}}))
    names = [c.name for c in world.cluster.of("postgres")]
    world.at(60.0).set_version("postgres", Version(name="v2"))
    least = 2
    for t in range(60, 200):
        world.until(float(t))
        least = min(least, sum(c.ready for c in world.cluster.of("postgres")))
    assert least == 1
    assert [c.name for c in world.cluster.of("postgres")] == names
    assert {c.version.name for c in world.cluster.of("postgres")} == {"v2"}


def test_a_version_that_is_there_already_is_complete_at_once():
    world = World(stack_of({"api": {"replicas": 3, **READINESS}}))
    world.at(60.0).set_version("api", world.cluster.versions["api"])
    world.until(900.0)
    assert any("is complete after 0 s" in r.text for r in world.cluster.timeline)
    assert not any("ProgressDeadlineExceeded" in r.text for r in world.cluster.timeline)


def test_a_pre_stop_as_long_as_the_grace_leaves_two_seconds():
    stop = {"grace": 10.0, "pre_stop": 15.0, "drains": False, "ignores": True}
    world = World(stack_of({"api": {"replicas": 2, "stop": stop}}))
    c = world.at(50.0).of("api")[0]
    world.cluster.retire(c)
    world.until(100.0)
    assert c.finished_s - 50.0 == pytest.approx(12.0)


@pytest.mark.parametrize(
    ("sizes", "before", "after", "expected"),
    [
        ([5, 5], 10, 11, [6, 5]),  # of two alike, the newer grows first
        ([5, 5], 10, 9, [5, 4]),  # ... and the older shrinks first
        ([5, 5, 5], 15, 5, [2, 2, 1]),
        ([20, 20, 20, 2], 62, 14, [5, 5, 4, 0]),
    ],
)
def test_which_of_two_alike_gives_and_takes(sizes, before, after, expected):
    """sync.go scale: ReplicaSetsBySizeNewer when adding, ReplicaSetsBySizeOlder when taking."""
    assert proportions(sizes, before, after) == expected
