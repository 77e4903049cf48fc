"""Too many replicas: who goes first, by upstream's own table, and what that leaves."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import permutations

import pytest

from sim.control.scheduling.surplus import (
    DeletionCandidate,
    age_rank,
    deletion_order,
    goes_before,
    leave_balanced,
    newest_first,
    ranks,
)
from sim.control.scheduling.tasks import SwarmScheduling
from tests.control.world import MANAGED, World, stack_of

HOUR = 3600
NOW = 40 * 24 * HOUR
THEN = NOW - 30 * 24 * HOUR


def pod(ready_since: int | None = None, created: int | None = None, **more) -> DeletionCandidate:
    return DeletionCandidate(0, ready_since_s=ready_since, created_s=created, **more)


# controller_utils_test.go TestSortingActivePodsWithRanks; its rows about the phase Unknown and
# about pod-deletion-cost are left out, as both are here
PODS = {
    "unscheduled": pod(server=None, started=False, ready=False),
    "pending": pod(started=False, ready=False),
    "not ready": pod(ready=False),
    "ready, no transition time": pod(),
    "ready now": pod(NOW, NOW),
    "ready then": pod(THEN, THEN),
    "ready now, restarts": pod(NOW, NOW, restarts=9001),
    "ready now, created then": pod(NOW, THEN),
    "unscheduled 5 hours": pod(None, NOW - 5 * HOUR, server=None, started=False, ready=False),
    "unscheduled 8 hours": pod(None, NOW - 8 * HOUR, server=None, started=False, ready=False),
    "ready 2 hours": pod(NOW - 2 * HOUR, THEN),
    "ready 5 hours": pod(NOW - 5 * HOUR, THEN),
    "ready 8 hours": pod(NOW - 8 * HOUR, THEN),
}
EQUAL = [
    *[(name, name) for name in list(PODS)[:8]],
    ("unscheduled 5 hours", "unscheduled 8 hours"),
    ("ready 5 hours", "ready 8 hours"),
]
LESS = [
    (("unscheduled", 1), ("pending", 2)),
    (("unscheduled", 2), ("pending", 1)),
    (("pending", 1), ("not ready", 2)),
    (("not ready", 1), ("ready, no transition time", 1)),
    (("ready, no transition time", 1), ("ready now", 1)),
    (("ready now", 2), ("ready, no transition time", 1)),
    (("ready now", 1), ("ready then", 1)),
    (("ready now", 2), ("ready then", 1)),
    (("ready now, restarts", 1), ("ready now", 1)),
    (("ready now", 2), ("ready now, restarts", 1)),
    (("ready now", 1), ("ready now, created then", 1)),
    (("ready now, created then", 2), ("ready now", 1)),
    (("ready 2 hours", 1), ("ready 5 hours", 1)),
]


@pytest.mark.parametrize(("first", "second"), EQUAL)
def test_upstreams_pairs_of_which_neither_goes_before_the_other(first, second):
    assert not goes_before(PODS[first], PODS[second], NOW)
    assert not goes_before(PODS[second], PODS[first], NOW)


@pytest.mark.parametrize(("first", "second"), LESS)
def test_upstreams_pairs_of_which_one_goes_before_the_other(first, second):
    a, b = (PODS[name]._replace(rank=rank) for name, rank in (first, second))
    assert goes_before(a, b, NOW)
    assert not goes_before(b, a, NOW)


def test_upstreams_list_in_order_however_it_is_mixed():
    """controller_utils_test.go TestSortingActivePods, less the phase Unknown."""
    pods = [
        pod(server=None, started=False, ready=False),
        pod(started=False, ready=False),
        pod(ready=False),
        pod(),
        pod(NOW),
        pod(THEN),
        pod(THEN, NOW, restarts=1),
    ]
    pods = [p._replace(id=i) for i, p in enumerate(pods)]
    for mixed in list(permutations(pods))[::97]:
        order = deletion_order(mixed, NOW)
        assert order[:5] == [0, 1, 2, 3, 4]
        assert order[5:] == [6, 5]  # equally long ready: the one that was restarted


def test_ages_are_compared_by_powers_of_two():
    assert age_rank(0.0) == age_rank(-1.0) == -1
    assert age_rank(5 * HOUR) == age_rank(8 * HOUR) == 44  # 2^44 ns are 4.9 hours
    assert age_rank(2 * HOUR) == 42
    young, old = pod(NOW - 8 * HOUR, uid=0.9), pod(NOW - 5 * HOUR, uid=0.1)
    assert goes_before(old, young, NOW)  # by chance, not by age
    assert goes_before(young._replace(uid=0.0), old, NOW)


def test_ranks_count_all_versions_of_the_deployment():
    assert ranks([0, 1, 1], [0, 0, 0, 1, 1, 2]) == [3, 2, 2]


def test_elsewhere_the_youngest_goes():
    pods = [pod(10, 1)._replace(id=0), pod(50, 1)._replace(id=1), pod(10, 9)._replace(id=2)]
    assert newest_first(pods, NOW) == [1, 2, 0]


def test_swarm_takes_the_nth_copy_of_each_node():
    pods = [
        DeletionCandidate(0, 0), DeletionCandidate(1, 0), DeletionCandidate(2, 0, ready=False),
        DeletionCandidate(3, 1), DeletionCandidate(4, None, ready=False),
    ]  # fmt: skip
    assert leave_balanced(pods, NOW) == [4, 2, 1, 0, 3]


# ---- in a cluster ----
def shrunk(platform=MANAGED) -> Counter[int]:
    world = World(stack_of({"api": {"replicas": 14, "cpu": {"request": 0.25}}}), platform)
    before = Counter(c.server.id for c in world.cluster.of("api"))
    assert sorted(before.values()) == [4, 5, 5]
    world.at(600.0).want("api", 4)
    world.until(700.0)
    return Counter(c.server.id for c in world.cluster.of("api"))


def test_a_large_step_down_leaves_all_on_one_server():
    """kubernetes issue 102948: counted once per pass, 14 -> 4 on 3 servers is 4/0/0."""
    assert list(shrunk().values()) == [4]


def test_a_step_down_on_swarm_stays_balanced():
    left = shrunk(replace(MANAGED, scheduling=SwarmScheduling()))
    assert sorted(left.values()) == [1, 1, 2]


def test_small_steps_stay_balanced():
    """The rank is about now: one at a time takes from the fullest server each time."""
    world = World(stack_of({"api": {"replicas": 9, "cpu": {"request": 0.25}}}))
    for step, wanted in enumerate([8, 7, 6]):
        world.at(100.0 + 60 * step).want("api", wanted)
        world.until(150.0 + 60 * step)
    assert sorted(Counter(c.server.id for c in world.cluster.of("api")).values()) == [2, 2, 2]
