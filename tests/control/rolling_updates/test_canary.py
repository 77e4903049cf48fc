"""Canary and its analysis: upstream's tables, then releases that go well or do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.control.rollback.undo import RolloutUndo
from sim.control.rolling_updates.canary import Canary, canary_sizes, shares, shrink_others
from sim.control.rolling_updates.releases import Analysis, Counts, assessed, counted, measured
from sim.control.scheduling.replicas import ReplicaSet
from sim.platforms.compose import PLATFORM as COMPOSE
from sim.platforms.kubernetes import PLATFORM as KUBERNETES
from sim.schema.scenario import Version
from tests.control.world import MANAGED, World, stack_of

READINESS = {"probes": {"readiness": {"period": 5.0}}}
V2 = Version(name="v2")
BROKEN = Version(name="v2", crashes_at_start=True)


# ---- rules ----
@pytest.mark.parametrize(
    ("answers", "errors", "result"),
    [(100, 0, "successful"), (100, 5, "successful"), (100, 6, "failed"), (1, 1, "failed"),
     (0, 0, "error"), (1, 0, "successful")],
)  # fmt: skip
def test_a_measurement_needs_answers(answers, errors, result):
    assert measured(answers, errors, 0.95) == result


@pytest.mark.parametrize(
    ("results", "failure_limit", "error_limit", "state"),
    [
        # analysis_test.go TestAssessMetricFailureInconclusiveOrError: one failure, limit 0
        (["failed"], 0, 4, "failed"),
        (["failed"], 1, 4, "running"),
        (["failed", "successful", "failed"], 1, 4, "failed"),  # they add up
        (["successful"] * 9, 0, 4, "running"),
        # TestAssessMetricStatusConsecutiveErrors: the limit may be reached, not exceeded
        (["error"] * 4, 0, 4, "running"),
        (["error"] * 5, 0, 4, "error"),
        (["error"] * 4 + ["successful"] + ["error"] * 4, 0, 4, "running"),
        ([], 0, 0, "running"),
    ],
)
def test_an_analysis_forgives_as_much_as_it_says(results, failure_limit, error_limit, state):
    counts = Counts()
    for result in results:
        counts = counted(counts, result)
    assert assessed(counts, failure_limit, error_limit) == state


@pytest.mark.parametrize(
    ("replicas", "weight", "expected"),
    [
        (10, 10, (1, 9)),
        (10, 15, (2, 9)),  # the documentation's example: both rounded up
        (3, 20, (1, 3)),
        (3, 40, (2, 2)),
        (1, 5, (1, 1)),
        (1, 95, (1, 1)),
        (4, 0, (0, 4)),
        (4, 100, (4, 0)),
        (10, 30, (3, 7)),
    ],
)
def test_shares_are_rounded_up(replicas, weight, expected):
    assert shares(replicas, weight) == expected


@pytest.mark.parametrize(
    ("replicas", "weight", "surge", "unavailable", "new", "stable", "expected"),
    [
        # the examples of CalculateReplicaCountsForCanary's comment, all available
        (10, 10, 1, 1, (0, 0), (10, 10), (1, 9)),
        (10, 30, 3, 0, (0, 0), (10, 10), (3, 10)),
        (10, 30, 0, 5, (0, 0), (10, 10), (0, 7)),
        (10, 5, 1, 1, (0, 0), (10, 10), (1, 10)),  # 0.5 and 9.5 are both rounded up
        (1, 5, 0, 1, (0, 0), (1, 1), (1, 1)),
        (1, 95, 0, 1, (0, 0), (1, 1), (1, 1)),
        # the canary is not available yet: nothing of the stable one goes
        (10, 30, 3, 0, (3, 0), (10, 10), (3, 10)),
        (10, 30, 3, 0, (3, 3), (10, 10), (3, 7)),
        # promotion, and an abort whose canary never became available
        (3, 100, 1, 0, (3, 3), (1, 1), (3, 0)),
        (3, 0, 1, 0, (1, 0), (3, 3), (0, 3)),
        (3, 0, 1, 0, (3, 3), (1, 1), (2, 1)),  # no room above yet: one of the canary goes first
        (3, 0, 1, 0, (2, 2), (1, 1), (2, 2)),  # ... then there is
        # growing: all of the stable one counts, and the canary's available ones
        (10, 50, 0, 2, (1, 0), (9, 7), (1, 8)),
        # shrinking: all of the canary's, and the stable one's available ones
        (10, 0, 0, 3, (3, 0), (7, 5), (2, 7)),
        (10, 30, 3, 0, (3, 4), (10, 10), (3, 7)),  # never more than its size
        (10, 100, 0, 0, (5, 5), (5, 5), (5, 5)),  # nobody may be missing, and no room
        (10, 50, 2, 0, (5, 5), (7, 7), (5, 5)),
        (12, 50, 2, 0, (3, 3), (5, 5), (6, 6)),  # more are wanted: the stable one grows first
    ],
)  # fmt: skip
def test_canary_sizes(replicas, weight, surge, unavailable, new, stable, expected):
    sizes = canary_sizes(
        replicas, weight, surge, unavailable, ReplicaSet(*new), ReplicaSet(*stable)
    )
    assert sizes == expected


@pytest.mark.parametrize(
    ("sets", "kept", "expected"),
    [
        ([(2, 2)], 10, [0]),
        ([(2, 2)], 9, [1]),  # ten must stay
        ([(2, 0)], 0, [0]),  # what does not serve goes whatever follows
        ([(1, 1), (2, 2)], 9, [0, 1]),  # the oldest first
        ([(1, 1), (2, 2)], 8, [0, 2]),
        ([(1, 1), (2, 2)], 6, [1, 2]),  # fewer than must stay
        ([(2, 3)], 8, [1]),
    ],
)
def test_older_versions_go_first_as_far_as_enough_serve(sets, kept, expected):
    assert shrink_others(10, 0, [ReplicaSet(*s) for s in sets], kept) == expected


def test_a_canary_needs_somebody_who_shares_the_traffic():
    assert Canary().conflicts(KUBERNETES) == ""
    assert "load balancer" in Canary().conflicts(replace(KUBERNETES, load_balancing=None))
    assert "discovery" in Canary().conflicts(replace(KUBERNETES, service_discovery=None))
    assert "load balancer" in Canary().conflicts(COMPOSE)


# ---- releases ----
def canary_world(canary: Canary, version: Version = V2, errors: float = 0.0) -> World:
    """Four replicas; the new version goes out at 60 s."""
    platform = replace(MANAGED, rolling_updates=canary)
    world = World(stack_of({"api": {"replicas": 4, **READINESS}}), platform)
    world.errs(errors)
    world.at(60.0).set_version("api", version)
    return world


def counts(world: World) -> tuple[int, int]:
    """Replicas of the old and of the new version that somebody wants."""
    live = [c for c in world.cluster.of("api") if not c.deleting]
    return sum(c.version.name == "v1" for c in live), sum(c.version == V2 for c in live)


def test_a_good_version_is_let_in_step_by_step():
    world = canary_world(Canary(weights=(25.0, 50.0), pause_s=100.0))
    world.until(100.0)
    assert counts(world) == (3, 1)
    world.until(200.0)
    assert counts(world) == (2, 2)
    world.until(400.0)
    assert counts(world) == (0, 4)
    assert len(world.told("is complete after")) == 1


def test_errors_of_the_canary_alone_abort_it():
    world = canary_world(Canary(), errors=0.5)
    world.until(115.0)
    assert counts(world) == (4, 1)  # 20 % of four, rounded up, beside 80 %, rounded up
    world.until(150.0)
    assert world.told("is aborted, 50% of") == [120.0]  # at the first measurement
    assert counts(world) == (4, 0)
    world.until(1500.0)
    assert counts(world) == (4, 0)


def test_what_the_analysis_forgives_goes_on():
    patient = Canary(analysis=Analysis(failure_limit=1), pause_s=600.0)
    world = canary_world(patient, errors=0.5)
    world.until(400.0)
    assert world.told("is aborted") == [180.0]
    world = canary_world(Canary(analysis=Analysis(success=0.4)), errors=0.5)
    world.until(1000.0)
    assert counts(world) == (0, 4)
    world = canary_world(Canary(analysis=None), errors=0.5)
    world.until(1000.0)
    assert counts(world) == (0, 4)


def test_a_canary_that_never_starts_is_aborted_when_there_was_nothing_to_measure_five_times():
    world = canary_world(Canary(), BROKEN)
    world.until(500.0)
    assert world.told("no answers to measure for too long") == [360.0]
    assert [c.version.name for c in world.cluster.of("api")] == ["v1"] * 4


def test_without_an_analysis_it_waits_at_the_deadline_unless_told_to_abort():
    for aborts, left in ((False, 1), (True, 0)):
        canary = Canary(analysis=None, progress_deadline_s=100.0, abort_at_deadline=aborts)
        world = canary_world(canary, BROKEN)
        world.until(400.0)
        assert world.told("ProgressDeadlineExceeded") == [160.0]
        live = [c for c in world.cluster.of("api") if not c.deleting]
        assert sum(c.version.name == "v2" for c in live) == left
        assert sum(c.version.name == "v1" for c in live) == 4


def test_an_undo_in_the_middle_goes_back_without_steps():
    world = canary_world(Canary(weights=(50.0,), pause_s=300.0))
    world.until(150.0)
    assert counts(world) == (2, 2)
    RolloutUndo().undo(world.cluster, "api")
    world.until(200.0)
    assert counts(world) == (4, 0)
    assert world.cluster.versions["api"].name == "v1"


def test_an_undo_after_it_is_complete_takes_all_the_steps():
    world = canary_world(Canary(weights=(50.0,), pause_s=100.0))
    world.until(400.0)
    assert counts(world) == (0, 4)
    RolloutUndo().undo(world.cluster, "api")
    world.until(450.0)
    assert counts(world) == (2, 2)
    world.until(800.0)
    assert counts(world) == (4, 0)


def test_a_third_version_in_the_middle_leaves_nothing_of_the_second():
    world = canary_world(Canary(weights=(50.0,), pause_s=100.0))
    world.until(150.0)
    world.cluster.set_version("api", Version(name="v3"))
    world.until(200.0)
    live = [c.version.name for c in world.cluster.of("api") if not c.deleting]
    assert sorted(live) == ["v1", "v1", "v3", "v3"]
    world.until(600.0)
    assert {c.version.name for c in world.cluster.of("api")} == {"v3"}


def test_the_number_of_replicas_may_change_in_the_middle():
    world = canary_world(Canary(weights=(25.0,), pause_s=300.0))
    world.until(150.0)
    world.cluster.want("api", 8)
    world.until(250.0)
    assert counts(world) == (6, 2)


def test_ready_for_long_enough_before_the_next_step():
    ends = []
    for min_ready_s in (0.0, 30.0):
        world = canary_world(Canary(weights=(50.0,), pause_s=10.0, min_ready_s=min_ready_s))
        world.until(600.0)
        ends += world.told("is complete after")
    assert ends[1] - ends[0] >= 55.0  # twice


def test_a_canary_waits_until_its_replicas_were_ready_for_long_enough():
    """The promotion of all comes 30 s after the last replica is ready, not with its readiness."""
    ends = []
    for min_ready_s in (0.0, 30.0):
        canary = Canary(weights=(), min_ready_s=min_ready_s, analysis=None, max_surge="100%")
        world = canary_world(canary)
        world.until(300.0)
        last = max(c.ready_since_s for c in world.cluster.of("api"))
        (end_s,) = world.told("is complete")
        ends.append(end_s - last)
    assert ends[1] >= 30.0 > ends[0]


def test_almost_all_is_not_all():
    """At 99.5 % of four both sets are rounded up, and it waits as at every step."""
    world = canary_world(Canary(weights=(99.5,), pause_s=100.0, analysis=None))
    world.until(150.0)
    assert counts(world) == (1, 4)
    assert not world.told("is complete")
    world.until(400.0)
    assert counts(world) == (0, 4)
    assert world.told("is complete")
