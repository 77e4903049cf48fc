"""Priorities: who is tried first, who gives way, on which server, and what becomes of both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sim.control.autoscaling.cluster_autoscaler import NodeGroup, ServerAutoscaler, asks_for_server
from sim.control.autoscaling.hpa_loop import Autoscaling
from sim.control.core.cluster import Pending
from sim.control.scheduling.placement import Load, Resources
from sim.control.scheduling.scheduler import (
    Guest,
    Sacrifice,
    Scheduling,
    cheapest,
    importance,
    may_preempt,
    over_budget,
    queue_order,
    sacrifice,
    yields_to,
)
from sim.library.scenarios import load_scenario
from sim.platforms import configured
from sim.schema.fields import InputError
from sim.schema.scenario import Version
from tests.control.world import MANAGED, World, stack_of

NEGATIVE, LOW, MID, HIGH = -100, 0, 100, 1000
# cores as upstream's tests name them; a server has four
SMALL, MEDIUM, LARGE, ALL = 0.5, 1.0, 2.0, 4.0


def guest(ident: int, priority: int, cores: float, since_s: float = 0.0, of: str = "") -> Guest:
    return Guest(ident, priority, since_s, Resources(cores, 0), of)


def server(*guests: Guest, beside: float = 0.0, ident: int = 0) -> Load:
    cores = beside + sum(g.requested.cores for g in guests)
    return Load(ident, Resources(ALL, 100), Resources(cores, 0), 0)


def victims(wanted: float, *guests: Guest, beside: float = 0.0, **allowed: int) -> list[int] | None:
    load = server(*guests, beside=beside)
    found = sacrifice(load, Resources(wanted, 0), guests, allowed)
    return None if found is None else [v.id for v in found.victims]


# ---- rules ----
@pytest.mark.parametrize(
    ("waiting", "order"),
    [
        ([(0, 1), (0, 2), (0, 3)], [1, 2, 3]),  # equals: who came first
        ([(0, 1), (10, 2), (0, 3), (10, 4)], [2, 4, 1, 3]),
        ([(-10, 1), (0, 2)], [2, 1]),
        ([], []),
    ],
)
def test_the_queue_is_sorted_by_priority_then_age(waiting, order):
    assert queue_order(waiting) == order


@pytest.mark.parametrize(
    ("own", "kept"), [(0, 3.5), (100, 3.5), (101, 1.0), (1000, 1.0), (1001, 0.0)]
)
def test_a_promised_place_is_kept_from_equals_and_lower_ones(own, kept):
    promised = [(100, Resources(2.5, 5)), (1000, Resources(1.0, 7))]
    assert yields_to(own, promised).cores == kept


@pytest.mark.parametrize(
    ("policy", "nominated", "still_able", "leaving", "answer"),
    [
        ("preempt_lower_priority", False, False, False, True),
        ("never", False, False, False, False),
        ("never", True, False, False, False),
        ("preempt_lower_priority", True, True, True, False),  # its victims are still ending
        ("preempt_lower_priority", True, True, False, True),  # gone, and another took the place
        ("preempt_lower_priority", True, False, True, True),  # that server is cordoned or silent
    ],
)
def test_who_may_preempt(policy, nominated, still_able, leaving, answer):
    assert may_preempt(policy, nominated, still_able, leaving) is answer


def test_importance_is_priority_then_age():
    young, old, high = guest(1, LOW, 1, 9.0), guest(2, LOW, 1, 3.0), guest(3, MID, 1, 9.0)
    assert [g.id for g in sorted([young, old, high], key=importance)] == [3, 2, 1]


@pytest.mark.parametrize(
    ("services", "allowed", "broken"),
    [
        (["a", "a"], {"a": 0}, [True, True]),
        (["a", "a"], {"a": 1}, [False, True]),  # the first takes what is allowed
        (["a", "b"], {"a": 0}, [True, False]),  # without a budget all is allowed
        (["b", "b"], {}, [False, False]),
    ],
)
def test_budgets_are_used_up_in_order(services, allowed, broken):
    assert over_budget([guest(i, 0, 1, of=s) for i, s in enumerate(services)], allowed) == broken


@pytest.mark.parametrize(
    ("wanted", "guests", "expected"),
    [
        # upstream's TestDryRunPreemption, by name of the case
        (LARGE, [guest(1, MID, LARGE), guest(2, MID, LARGE)], [2]),  # only as many as needed
        (LARGE, [], None),  # "No preemption victims found for incoming pod"
        (5.0, [guest(1, LOW, LARGE), guest(2, MID, LARGE)], None),  # does not fit even then
        (MEDIUM, [guest(1, LOW, SMALL), guest(2, MID, LARGE)], None),  # it fits as it is
        # "medium priority pod is preempted, but lower priority one stays as it is small"
        (LARGE, [guest(1, LOW, SMALL), guest(2, MID, 3.5)], [2]),
        # "mixed priority pods are preempted": one large of four, high ones are no guests
        (LARGE, [guest(1, LOW, SMALL), guest(2, LOW, LARGE), guest(3, MID, MEDIUM)], [2]),
        # "mixed priority pods are preempted, pick later StartTime one when priorities are equal"
        (LARGE, [guest(1, LOW, LARGE, 5.0), guest(2, LOW, LARGE, 4.0)], [1]),
        (3.0, [guest(1, LOW, 1), guest(2, LOW, 1), guest(3, LOW, 1), guest(4, MID, 1)], [1, 2, 3]),
    ],
)  # fmt: skip
def test_the_least_important_go_and_no_more_than_needed(wanted, guests, expected):
    assert victims(wanted, *guests) == expected


def test_replicas_of_higher_priority_stay_where_they_are():
    """They are no guests: what they reserve is not to be had."""
    assert victims(LARGE, guest(1, LOW, LARGE), beside=2.0) == [1]
    assert victims(LARGE, guest(1, LOW, MEDIUM), beside=3.0) is None


def test_memory_counts_as_well():
    one = Guest(1, 0, 0.0, Resources(0.1, 80))
    two = Guest(2, 0, 1.0, Resources(0.1, 10))
    load = Load(0, Resources(ALL, 100), Resources(0.2, 90), 0)
    found = sacrifice(load, Resources(0.1, 40), [one, two], {})
    assert found is not None
    assert [v.id for v in found.victims] == [1]  # the younger one alone would not do


@pytest.mark.parametrize(
    ("allowed", "expected", "violations"),
    [
        ({}, [2], 0),  # the younger one
        ({"b": 0}, [1], 0),  # "preemption to resolve... non-PDB violating first": 2 is spared
        ({"a": 0, "b": 0}, [2], 1),  # nobody else: broken all the same
        ({"b": 1}, [2], 0),  # its budget allows one
    ],
)
def test_whose_budget_would_break_comes_back_first(allowed, expected, violations):
    guests = [guest(1, MID, LARGE, 0.0, "a"), guest(2, MID, LARGE, 1.0, "b")]
    found = sacrifice(server(*guests), Resources(LARGE, 0), guests, allowed)
    assert found is not None
    assert [v.id for v in found.victims] == expected
    assert found.violations == violations


def option(ident: int, *ranks: int, broken: int = 0, since: tuple[float, ...] = ()) -> Sacrifice:
    times = since or (0.0,) * len(ranks)
    pairs = zip(ranks, times, strict=True)
    made = [guest(10 * ident + i, p, 1, t) for i, (p, t) in enumerate(pairs)]
    return Sacrifice(ident, tuple(sorted(made, key=importance)), broken)


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        # upstream's TestSelectBestCandidate, by name of the case
        ([option(1, MID, MID), option(2, MID, LOW), option(3, LOW, LOW)], 3),  # min highest
        ([option(1, MID, MID), option(2, MID, LOW), option(3, MID, MID)], 2),  # minimum sum
        ([option(1, MID, NEGATIVE, MID, NEGATIVE), option(2, MID, NEGATIVE),
          option(3, MID, NEGATIVE, LOW)], 2),  # sum of adjusted priorities: fewer of negative
        ([option(1, MID, NEGATIVE, NEGATIVE), option(2, MID, NEGATIVE)], 2),
        # "non-overlapping lowest high priority, sum priorities, number of pods": then start times
        ([option(1, MID, MID, since=(3.0, 2.0)), option(2, MID, MID, since=(5.0, 4.0)),
          option(3, MID, MID, since=(6.0, 1.0))], 2),  # the latest of the earliest starts
        # only those of the highest priority tell the start
        ([option(1, MID, LOW, since=(4.0, 0.0)), option(2, MID, LOW, since=(3.0, 9.0))], 1),
        ([option(1, LOW, broken=1), option(2, MID, MID, MID)], 2),  # a budget before all else
        ([option(1, LOW, LOW, broken=2), option(2, MID, broken=1)], 2),
        ([option(1, LOW), option(2, LOW)], 2),  # of one instant: the later id
        ([], None),
    ],
)  # fmt: skip
def test_the_server_whose_victims_matter_least(options, chosen):
    found = cheapest(options)
    assert (None if found is None else found.server) == chosen
    again = cheapest(options[::-1])
    assert again == found


@pytest.mark.parametrize(
    ("priority", "nominated", "asks"),
    [(0, False, True), (-10, False, True), (-11, False, False), (1000, True, False)],
)
def test_for_whom_the_cluster_autoscaler_adds_a_server(priority, nominated, asks):
    assert asks_for_server(priority, nominated, cutoff=-10) is asks


# ---- a cluster of two servers with four cores each ----
def world(services: dict[str, dict[str, Any]], scheduling: Scheduling | None = None) -> World:
    platform = replace(MANAGED, scheduling=scheduling or Scheduling(default_servers=1))
    sized = {n: {"cpu": {"request": 2.0}, **s} for n, s in services.items()}
    stack = stack_of(sized, machine={"cores": 4, "memory": "8Gi"})
    return World(stack, platform, servers=2)


def texts(w: World, event: str) -> list[tuple[float, str]]:
    return [(r.t_s, r.subject) for r in w.cluster.timeline if r.event == event]


STUBBORN = {"grace": 20.0, "drains": False, "ignores": True}  # takes its whole grace period


def full(api: dict[str, Any], worker: dict[str, Any] | None = None, **more: Any) -> World:
    """Four workers fill two servers; at 10 s somebody asks for an API replica."""
    services = {
        "worker": {"replicas": 4, "stop": STUBBORN, **(worker or {})},
        "redis": {"replicas": 0},
        "api": {"replicas": 0, **api},
    }
    made = world(services, more.pop("scheduling", None))
    made.until(10.0)
    made.cluster.want("api", 1)
    return made


def test_among_equals_nobody_gives_way():
    made = full({})
    made.until(600.0)
    assert made.cluster.of("api") == []
    assert texts(made, "preempted") == []
    assert texts(made, "unschedulable") == [(10.0, "api")]


def test_a_worker_gives_way_and_its_replacement_waits():
    made = full({"priority": 10})
    made.until(20.0)
    (waiting,) = [p for p in made.cluster.pending if p.service == "api"]
    (worker,) = [c for c in made.cluster.of("worker") if c.deleting]
    assert waiting.nominated is worker.server
    assert worker.name == "worker-4"  # all of one age: the last
    assert worker.alive, "it has its grace period, and ignores SIGTERM"
    made.until(60.0)
    (api,) = made.cluster.of("api")
    assert api.created_s == pytest.approx(30.0)  # 20 s of grace
    assert api.server is worker.server
    assert [p.service for p in made.cluster.pending] == ["worker"]
    made.cluster.want("api", 0)
    made.until(120.0)
    assert made.cluster.pending == []
    assert len([c for c in made.cluster.of("worker") if c.ready]) == 4  # it comes back by itself


def test_the_place_is_kept_from_the_replacement_of_the_victim():
    """The worker's replacement is asked for at once, and is first when its predecessor is gone."""
    made = full({"priority": 10}, {"stop": {"grace": 20.0}})  # drains at once
    made.until(60.0)
    assert len(made.cluster.of("api")) == 1
    assert texts(made, "preempted") == [(10.0, "worker-4")], "one was enough"


@pytest.mark.parametrize(
    ("policy", "scheduling"),
    [("never", Scheduling()), ("preempt_lower_priority", Scheduling(preemption=False))],
)
def test_without_preemption_a_priority_only_sorts(policy, scheduling):
    services = {
        "worker": {"replicas": 3},
        "redis": {},
        "api": {"replicas": 0, "priority": 10, "preemption_policy": policy},
    }
    made = world(services, replace(scheduling, default_servers=1))
    made.until(5.0)
    made.cluster.want("worker", 4)
    made.until(10.0)
    made.cluster.want("api", 1)
    made.until(60.0)
    assert [p.service for p in made.cluster.pending] == ["worker", "api"]
    assert texts(made, "preempted") == []
    made.cluster.want("redis", 0)  # a place is free
    made.until(200.0)
    assert len(made.cluster.of("api")) == 1
    assert [p.service for p in made.cluster.pending] == ["worker"]


def test_it_goes_where_it_fits_first_and_the_victim_ends_in_vain():
    """nominatedNodeName is no promise: another server has room before the victim is gone."""
    made = full({"priority": 10})
    made.until(12.0)
    nominated = next(p.nominated for p in made.cluster.pending if p.service == "api")
    other = next(c for c in made.cluster.of("worker") if c.server is not nominated)
    made.cluster.exit(other, 0, "removed by hand")
    made.cluster.retire(other)
    made.until(15.0)
    (api,) = made.cluster.of("api")
    assert api.server is other.server


def test_the_nominated_server_is_tried_before_any_other():
    made = world({"worker": {"replicas": 1}, "redis": {"replicas": 0}, "api": {"replicas": 0}})
    full_one, empty = made.cluster.servers
    scheduling = Scheduling()
    waiting = Pending(1, "api", Version(), 0.0)
    made.cluster.pending.append(waiting)
    assert scheduling.choose(made.cluster, "api", waiting) is empty  # LeastAllocated
    waiting.nominated = full_one
    assert scheduling.choose(made.cluster, "api", waiting) is full_one
    assert scheduling.choose(made.cluster, "api") is empty  # another one: that place is kept


def test_a_higher_one_takes_the_place_of_a_lower_one_that_waits():
    services = {
        "worker": {"replicas": 4, "stop": STUBBORN, "priority": 0},
        "redis": {"replicas": 0},
        "api": {"replicas": 0, "priority": 10},
        "postgres": {"replicas": 0, "priority": 20, "cpu": {"request": 4.0}},
    }
    made = world(services)
    made.until(10.0)
    made.cluster.want("api", 1)
    made.until(12.0)
    made.cluster.want("postgres", 1)  # needs a whole server: two workers, one of them ends already
    made.until(14.0)
    waiting = {p.service: p.nominated for p in made.cluster.pending if p.service != "worker"}
    assert waiting["postgres"] is not None
    made.until(60.0)
    (postgres,), (api,) = made.cluster.of("postgres"), made.cluster.of("api")
    assert postgres.server is not api.server
    # the API's nomination ends when the database takes the server: it looks for another at once
    assert [t_s for t_s, _ in texts(made, "preempted")] == [10.0, 12.0, 12.0]


def test_a_cordoned_server_is_no_candidate_and_its_nomination_ends():
    made = full({"priority": 10})
    made.until(12.0)
    there = next(p.nominated for p in made.cluster.pending if p.service == "api")
    assert there is not None
    made.cluster.cordon(there, True)
    made.until(60.0)
    (api,) = made.cluster.of("api")
    assert api.server is not there
    assert [t_s for t_s, _ in texts(made, "preempted")] == [10.0, 12.0], "it does not wait there"


def test_a_nomination_ends_where_nobody_can_make_room_any_more():
    services = {
        "redis": {"replicas": 2, "priority": 99},
        "worker": {"replicas": 1, "stop": STUBBORN},
        "postgres": {"replicas": 1, "priority": 99},
        "api": {"replicas": 0, "priority": 10},
    }
    made = world(services)
    made.until(10.0)
    made.cluster.want("api", 1)
    made.until(12.0)
    (waiting,) = [p for p in made.cluster.pending if p.service == "api"]
    assert waiting.nominated is not None
    made.cluster.cordon(waiting.nominated, True)
    made.until(14.0)
    assert waiting.nominated is None
    assert waiting in made.cluster.pending


def test_who_has_made_room_waits_although_a_cheaper_victim_turns_up():
    services = {
        "worker": {"replicas": 4, "priority": 5, "preemption_policy": "never", "stop": STUBBORN},
        "redis": {"replicas": 0, "priority": 0},
        "api": {"replicas": 0, "priority": 10},
    }
    made = world(services)
    made.until(10.0)
    made.cluster.want("api", 1)
    made.until(12.0)
    first = made.get("worker-1")
    made.cluster.desired["redis"] = 1
    made.cluster.remove(first)
    made.cluster.create("redis", first.server)
    made.until(60.0)
    assert [name for _, name in texts(made, "preempted")] == ["worker-4"]
    assert [c.created_s for c in made.cluster.of("api")] == [30.0]


def test_two_of_equal_priority_do_not_count_on_the_same_place():
    made = full({"priority": 10}, {"stop": STUBBORN})
    made.cluster.want("api", 2)
    made.until(60.0)
    assert [t_s for t_s, _ in texts(made, "preempted")] == [10.0, 10.0]
    assert [c.created_s for c in made.cluster.of("api")] == [30.0, 30.0]


def test_a_budget_is_kept_where_another_victim_will_do():
    services = {
        "redis": {"replicas": 2},
        "worker": {"replicas": 2, "disruption": {"max_unavailable": 0}},  # younger: first to go
        "api": {"replicas": 0, "priority": 10},
    }
    made = world(services)
    made.until(10.0)
    made.cluster.want("api", 1)
    made.until(30.0)
    ((_, victim),) = texts(made, "preempted")
    assert victim.startswith("redis")
    made.cluster.want("api", 3)
    made.until(60.0)
    assert [name[:6] for _, name in texts(made, "preempted")] == ["redis-", "redis-", "worker"]


def test_a_database_without_a_priority_gives_way_and_waits_for_a_place():
    """It does not start again where it was, as a StatefulSet's replica that is rolled does."""
    services = {
        "postgres": {"cpu": {"request": 4.0}, "stop": {"grace": 5.0}},
        "redis": {"replicas": 1, "priority": 99, "cpu": {"request": 3.0}},
        "api": {"replicas": 0, "priority": 10},
    }
    made = world(services)
    made.until(10.0)
    made.cluster.want("api", 1)
    made.until(60.0)
    assert texts(made, "preempted") == [(10.0, "postgres-1")]
    assert [p.service for p in made.cluster.pending] == ["postgres"]
    made.cluster.want("api", 0)
    made.until(120.0)
    assert [c.name for c in made.cluster.of("postgres", "running")] == ["postgres-1"]


def test_after_a_server_is_lost_the_important_come_first():
    """The node controller deletes all at once; the survivors have room for one only."""
    services = {
        "worker": {"replicas": 3},
        "redis": {"replicas": 0},
        "api": {"replicas": 1, "priority": 10},
    }
    made = world(services)
    api = made.get("api-1")
    made.until(10.0)
    made.cluster.server_down(api.server)
    made.until(500.0)
    assert [c.server is not api.server for c in made.cluster.of("api", "running")] == [True]
    assert len(texts(made, "preempted")) == 1
    plain = world({n: {**s, "priority": 0} for n, s in services.items()})
    lost = plain.get("api-1").server
    plain.until(10.0)
    plain.cluster.server_down(lost)
    plain.until(500.0)
    assert plain.cluster.of("api", "running") == []


# ---- input ----
@pytest.mark.parametrize("value", [2_000_000_000, -(2**31) - 1, 1.5, True, "high"])
def test_a_priority_is_a_number_that_a_user_may_give(value: object) -> None:
    with pytest.raises(InputError, match="a whole number from -2147483648 to 1000000000"):
        load_scenario("container_crash", settings={"stack.services.http.priority": value})


@pytest.mark.parametrize("value", [-10, 0, 1_000_000_000, "-5"])
def test_priorities_by_set(value: object) -> None:
    load_scenario("container_crash", settings={"stack.services.http.priority": value})


def test_a_policy_is_one_of_two() -> None:
    settings = {"stack.services.http.preemption_policy": "Never!"}
    with pytest.raises(InputError, match="never"):
        load_scenario("container_crash", settings=settings)


# ---- the cluster autoscaler ----
def rented(priority: int) -> World:
    """Two servers full of workers, and two placeholders of this priority that fit nowhere."""
    platform = replace(MANAGED, scheduling=Scheduling(default_servers=1), autoscaling=Autoscaling())
    services = {
        "worker": {"replicas": 4, "cpu": {"request": 2.0}},
        "redis": {"replicas": 0},
        "spare": {"role": "other", "priority": priority, "cpu": {"request": 2.0}, "replicas": 2},
    }
    return World(stack_of(services, machine={"cores": 4, "memory": "8Gi"}), platform, servers=2)


@pytest.mark.parametrize(("priority", "servers"), [(-10, 3), (-11, 2)])
def test_nobody_rents_for_what_is_expendable(priority, servers):
    made = rented(priority)
    made.until(600.0)
    assert len(made.cluster.servers) == servers


def test_a_replica_that_waits_for_its_victims_needs_no_server():
    made = rented(-11)
    made.until(5.0)
    group = NodeGroup(made.cluster, ServerAutoscaler())
    assert group.waiting() == []
    made.cluster.pending.append(Pending(99, "worker", Version(), 5.0, unschedulable=True))
    assert len(group.waiting()) == 1
    made.cluster.pending[-1].nominated = made.cluster.servers[0]
    assert group.waiting() == []


@pytest.mark.parametrize(("cutoff", "goes"), [(-10, True), (-20, False)])
def test_a_server_is_not_kept_for_what_is_expendable(cutoff, goes):
    """Nor must the expendable fit elsewhere: the other server is full."""
    services = {
        "worker": {"cpu": {"request": 4.0}},
        "redis": {"replicas": 0},
        "spare": {"role": "other", "priority": -11, "cpu": {"request": 3.0}},
    }
    made = world(services)
    group = NodeGroup(made.cluster, ServerAutoscaler(expendable_below=cutoff))
    loads = {s.id: group.load(s) for s in made.cluster.servers}
    assert loads[1].requested.cores == (0.0 if goes else 3.0)
    assert group.could_go(made.cluster.servers[1], loads) is goes


@pytest.mark.parametrize("promised", [True, False])
def test_no_server_is_given_back_while_room_is_being_made(promised):
    made = world({"worker": {"replicas": 1}, "redis": {"replicas": 0}})
    group = NodeGroup(made.cluster, ServerAutoscaler(unneeded_s=0.0, delay_after_add_s=0.0))
    made.cluster.add_server()
    waiting = Pending(99, "worker", Version(), 0.0)
    waiting.nominated = made.cluster.servers[0] if promised else None
    made.cluster.pending.append(waiting)
    group.shrink()
    made.cluster.pending.remove(waiting)
    made.until(1.0)
    assert any(s.cordoned for s in made.cluster.servers) is not promised


def test_the_cutoff_is_a_setting() -> None:
    platform = configured(
        "kubernetes", {"kubernetes": {"autoscaling.servers.expendable_below": -1000}}
    )
    assert platform.autoscaling.servers.expendable_below == -1000
    with pytest.raises(InputError, match="scan_s"):
        configured("kubernetes", {"kubernetes": {"autoscaling.servers.scan_s": -1.0}})
