"""Scheduling and replica keeping: the filter, the scores, and replicas that find a server."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from sim.control.scheduling.kubelet import (
    POD_START,
    PULL_RATE,
    VOLUME_ATTACH,
    VOLUME_DETACH,
    Kubelet,
)
from sim.control.scheduling.placement import (
    Load,
    Resources,
    balanced,
    best,
    fits,
    least_allocated,
    most_allocated,
    requests,
    scored,
    spread,
    within_skew,
)
from sim.control.scheduling.replicas import next_stale
from sim.control.scheduling.scheduler import Scheduling
from sim.control.scheduling.tasks import NomadScheduling, SwarmScheduling
from sim.schema.scenario import Version
from sim.schema.stack import Service
from tests.control.world import MANAGED, World, stack_of

GIB = 1024**3
EVEN = (1.0, 1.0, 2.0)


def load(ident: int, cores: float = 0.0, memory: int = 0, same: int = 0) -> Load:
    return Load(ident, Resources(4.0, 8 * GIB), Resources(cores, memory), same)


# ---- rules ----
@pytest.mark.parametrize(
    ("used", "wanted", "ok"),
    [
        ((3.0, 0), (1.0, 0), True),
        ((3.0, 0), (1.1, 0), False),
        ((0.0, 7 * GIB), (0.0, GIB), True),
        ((0.0, 7 * GIB), (0.0, GIB + 1), False),
        ((4.0, 8 * GIB), (0.0, 0), True),  # nothing requested fits anywhere
        ((3.9, 0), (0.1, 0), True),  # sums of tenths are not exact
    ],
)
def test_fit_is_about_requests(used, wanted, ok):
    assert fits(load(0, *used), Resources(*wanted)) is ok


def test_requests_fall_back_to_limits():
    full = {"cpu": {"request": 0.5, "limit": 2.0}, "memory": {"limit": GIB}}
    service = Service.model_validate({"role": "http", **full})
    assert requests(service) == Resources(0.5, GIB)
    assert requests(Service(role="http")) == Resources(0.0, 0)


def test_scores():
    wanted = Resources(1.0, 2 * GIB)  # a quarter of each
    assert least_allocated(load(0), wanted) == pytest.approx(75.0)
    assert least_allocated(load(0, 2.0, 4 * GIB), wanted) == pytest.approx(25.0)
    assert balanced(load(0), wanted) == pytest.approx(100.0)
    assert balanced(load(0, 2.0), wanted) == pytest.approx(75.0)  # shares 0.75 and 0.25
    nothing = Resources(0.0, 0)  # counted as 0.1 cores and 200 MiB
    expected = 100 * (2 - 0.1 / 4 - 200 / 8192) / 2
    assert least_allocated(load(0), scored(nothing)) == pytest.approx(expected)


def test_spread_prefers_few_of_the_same():
    """podtopologyspread/scoring.go: 100 (max + min - score) / max."""
    low, high = spread([1, 0], 3)[0], spread([1, 0], 3)[1]
    assert high == 100.0
    assert low < high
    assert spread([2, 2, 2], 3) == [100.0, 100.0, 100.0]
    assert spread([], 3) == []
    assert spread([1, 0], 30)[0] > low  # a larger allowed skew softens it


def test_best_filters_scores_and_breaks_ties_by_id():
    wanted = Resources(1.0, GIB)
    assert best([load(0, 3.5), load(1)], wanted, 3, EVEN) == 1
    assert best([load(0), load(1), load(2)], wanted, 3, EVEN) == 0
    assert best([load(0, same=1), load(1, same=1), load(2)], wanted, 3, EVEN) == 2
    assert best([load(0, 3.5)], wanted, 3, EVEN) is None
    packed = [load(0, same=2), load(1, 1.0, 2 * GIB)]
    assert best(packed, wanted, 3, EVEN) == 1  # spread outweighs a little load
    assert best(packed, wanted, 3, (1.0, 1.0, 0.0)) == 0
    tilted = [load(0, 1.0), load(1, 0.8, 2 * GIB)]
    assert best(tilted, wanted, 3, (0.0, 1.0, 0.0)) == 1
    assert best(tilted, wanted, 3, (1.0, 0.0, 0.0)) == 0


@pytest.mark.parametrize(
    ("live", "wanted", "index"),
    [
        ([(False, True), (False, True)], 2, 1),  # from the last to the first
        ([(False, True), (True, False)], 2, None),  # waits until the updated one is ready
        ([(False, True), (True, True)], 2, 0),
        ([(True, True), (True, True)], 2, None),
        ([(False, True)], 2, None),  # one is being replaced
        ([(False, False), (False, True)], 2, 1),
    ],
)
def test_statefulset_updates_one_at_a_time(live, wanted, index):
    assert next_stale(live, wanted) == index


# ---- placing ----
def homes(world: World, service: str) -> list[int]:
    return sorted(c.server.id for c in world.cluster.of(service) if not c.deleting)


def test_replicas_are_spread_over_the_servers():
    world = World(stack_of({"api": {"replicas": 6, "cpu": {"request": 0.25}}}))
    assert homes(world, "api") == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("choice", [Scheduling, SwarmScheduling, NomadScheduling])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_as_many_servers_as_the_stack_asks_for(choice, count):
    assert choice().servers(stack_of({}, count=count)) == count


def test_three_servers_where_the_stack_names_no_number():
    assert Scheduling().servers(stack_of({})) == 3
    assert Scheduling().servers(stack_of({}, count=5)) == 5
    assert Scheduling(default_servers=1).servers(stack_of({})) == 1


def test_a_server_that_is_full_cordoned_or_not_ready_gets_nothing():
    world = World(stack_of({"api": {"replicas": 1, "cpu": {"request": 3.0}}}))
    cluster = world.at(1.0)
    cluster.cordon(cluster.servers[1], True)
    cluster.set_server_ready(cluster.servers[2], False)
    cluster.want("api", 2)
    world.until(20.0)
    assert homes(world, "api") == [0]
    assert [p.unschedulable for p in cluster.pending] == [True]
    assert any(r.event == "unschedulable" for r in cluster.timeline)
    cluster.cordon(cluster.servers[1], False)
    world.until(40.0)
    assert homes(world, "api") == [0, 1]
    assert cluster.pending == []


def test_a_pending_replica_takes_the_room_that_another_leaves():
    world = World(
        stack_of(
            {
                "api": {"replicas": 3, "cpu": {"request": 3.0}},
                "worker": {"replicas": 0, "cpu": {"request": 2.0}},
            }
        )
    )
    world.at(5.0).want("worker", 1)
    world.until(10.0)
    assert homes(world, "worker") == []
    world.cluster.want("api", 2)
    world.until(20.0)
    assert len(homes(world, "worker")) == 1


def test_weights_and_skew_are_fields():
    stack = stack_of({"api": {"replicas": 3, "cpu": {"request": 0.1}}})
    heaped = Scheduling(fit_weight=0.0, balance_weight=0.0, spread_weight=0.0)
    assert homes(World(stack, replace(MANAGED, scheduling=heaped)), "api") == [0, 0, 0]
    assert homes(World(stack), "api") == [0, 1, 2]


# ---- from bound to running ----
def test_a_new_replica_waits_for_image_and_start():
    stack = stack_of({"api": {"replicas": 1, "image_size": 100 * 1024**2, "boot": 0.0}})
    world = World(stack)
    world.at(10.0).want("api", 3)
    world.until(60.0)
    pull = 100 * 1024**2 / PULL_RATE.value
    waits = [c.started_s - 10.0 for c in world.cluster.of("api")[1:]]
    assert all(pull + 0.3 < w < pull + 3.0 for w in waits)
    world.cluster.want("api", 5)  # everywhere the image is there
    world.until(90.0)
    waits = [c.started_s - 60.0 for c in world.cluster.of("api")[3:]]
    assert all(0.3 < w < 3.0 for w in waits)
    assert 0.8 < POD_START.value < 1.2


def test_images_are_pulled_one_after_the_other_on_a_server():
    stack = stack_of({"api": {"replicas": 0}, "worker": {"replicas": 0}})
    slow = replace(MANAGED, scheduling=Scheduling(kubelet=Kubelet(10 * 1024**2, 0.0, 0.0)))
    world = World(stack, slow, servers=1)
    world.at(10.0).want("api", 1)
    world.cluster.want("worker", 1)
    world.until(100.0)
    started = [world.get(n).started_s - 10.0 for n in ("api-1", "worker-1")]
    assert started == pytest.approx([20.0, 40.0])  # 200 MiB at 10 MiB/s each


def test_start_overhead_is_a_law():
    stack = stack_of({"api": {"replicas": 1}})
    late = replace(MANAGED, scheduling=Scheduling(kubelet=Kubelet(1e12, 30.0, 0.0)))
    world = World(stack, late)
    world.at(10.0).want("api", 2)
    world.until(60.0)
    assert world.get("api-2").started_s == pytest.approx(40.0, abs=0.01)
    spread_out = replace(MANAGED, scheduling=Scheduling(kubelet=Kubelet(1e12, 30.0, 1.0)))
    other = World(stack, spread_out)
    other.at(10.0).want("api", 2)
    other.until(400.0)
    assert other.get("api-2").started_s != world.get("api-2").started_s


# ---- keeping the number ----
def test_the_number_is_kept_in_both_directions():
    world = World(stack_of({"api": {"replicas": 3}}))
    world.at(10.0).want("api", 5)
    world.until(60.0)
    assert len(homes(world, "api")) == 5
    world.cluster.want("api", 2)
    world.until(100.0)
    assert len(world.cluster.of("api")) == 2
    world.cluster.retire(world.cluster.of("api")[0])  # deleted by hand: replaced
    world.until(140.0)
    assert len(world.cluster.of("api")) == 2
    assert all(c.ready for c in world.cluster.of("api"))


def test_a_crash_is_not_replaced_but_restarted_in_place():
    world = World(stack_of({"api": {"replicas": 2}}))
    before = [c.id for c in world.cluster.of("api")]
    world.at(10.0).exit(world.get("api-1"), 1, "crashed")
    world.until(60.0)
    assert [c.id for c in world.cluster.of("api")] == before


def test_what_cannot_be_placed_yet_is_given_up_first():
    world = World(stack_of({"api": {"replicas": 3, "cpu": {"request": 3.0}}}))
    world.at(5.0).want("api", 6)
    world.until(10.0)
    assert len(world.cluster.pending) == 3
    world.cluster.want("api", 4)
    world.until(15.0)
    assert len(world.cluster.pending) == 1
    assert len(homes(world, "api")) == 3


@pytest.mark.parametrize("missing", ["scheduling", "rolling_updates"])
def test_replicas_are_kept_when_one_of_the_two_choices_is_empty(missing):
    world = World(stack_of({"api": {"replicas": 2}}), replace(MANAGED, **{missing: None}))
    world.at(10.0).want("api", 3)
    world.until(60.0)
    assert sum(c.ready for c in world.cluster.of("api")) == 3
    assert {c.server.id for c in world.cluster.of("api")} == (
        {0} if missing == "scheduling" else {0, 1, 2}
    )


def test_a_database_moves_only_when_its_server_is_gone_for_good():
    """node-shutdown: the same name cannot exist twice; its volume is freed by force after 360 s."""
    for detach in (VOLUME_DETACH.value, 50.0):
        kubelet = replace(Kubelet(), volume_detach_s=detach)
        platform = replace(MANAGED, scheduling=Scheduling(kubelet=kubelet))
        world = World(stack_of({"postgres": {}, "api": {"replicas": 3}}), platform)
        home = world.get("postgres-1").server
        world.at(60.0).server_down(home)
        world.until(1000.0)
        assert [c.server for c in world.cluster.of("postgres")] == [home]  # Terminating
        assert len([c for c in world.cluster.of("api") if c.ready]) == 3  # Deployment: replaced
        world.cluster.release(home)  # the node object is deleted
        world.until(2000.0)
        (moved,) = world.cluster.of("postgres")
        assert moved.server is not home
        assert moved.name == "postgres-1"  # the name stays
        begin = detach + VOLUME_ATTACH.value
        assert begin <= moved.started_s - 1000.0 <= begin + 3.0


def test_a_deleted_database_comes_back_in_place():
    world = World(stack_of({"postgres": {}}))
    c = world.get("postgres-1")
    world.at(20.0).retire(c)
    world.until(60.0)
    assert world.cluster.of("postgres") == [c]
    assert (c.state, c.ready, c.deleting) == ("running", True, False)


# ---- bin packing and a hard spread ----
@pytest.mark.parametrize(
    ("cores", "memory", "score"), [(0.0, 0, 12.5), (2.0, 4 * GIB, 62.5), (3.0, 6 * GIB, 87.5)]
)
def test_most_allocated_is_the_mirror_of_least_allocated(cores, memory, score):
    one = Resources(0.5, GIB)
    assert most_allocated(load(0, cores, memory), one) == pytest.approx(score)
    assert least_allocated(load(0, cores, memory), one) == pytest.approx(100.0 - score)


def test_packing_takes_the_fullest_server_that_has_room():
    loads = [load(0), load(1, 2.0, 4 * GIB), load(2, 3.9, 7 * GIB)]
    one = Resources(0.5, GIB)
    assert best(loads, one, 3, (1.0, 0.0, 0.0)) == 0
    assert best(loads, one, 3, (1.0, 0.0, 0.0), pack=True) == 1


@pytest.mark.parametrize(
    ("here", "domains", "skew", "ok"),
    [
        (0, [0, 0, 0], 1, True),
        (1, [1, 1, 1], 1, True),
        (1, [1, 1, 0], 1, False),
        (1, [1, 1, 0], 2, True),
        (2, [2, 2, 1], 1, False),
        (0, [0], 1, True),
    ],
)
def test_hard_skew(here, domains, skew, ok):
    assert within_skew(here, domains, skew) is ok


def test_a_cordoned_server_holds_up_a_hard_spread():
    """nodeTaintsPolicy Ignore: it counts as a domain with no replicas until it is back."""
    hard = replace(MANAGED, scheduling=Scheduling(hard_spread=True))
    world = World(stack_of({"api": {"replicas": 3}}), hard)
    assert sorted(c.server.id for c in world.cluster.of("api")) == [0, 1, 2]
    world.until(10.0)
    first = world.get("api-1")
    world.cluster.cordon(first.server, True)
    world.cluster.retire(first)
    world.until(60.0)
    assert len(world.cluster.of("api")) == 2
    assert world.when("unschedulable", "api") < 60.0
    world.cluster.cordon(first.server, False)
    world.until(120.0)
    assert [c.server.id for c in world.cluster.of("api")] == [1, 2, 0]


# ---- the end ----
@pytest.mark.parametrize(
    ("scheduling", "grace", "pre_stop", "killed"),
    [
        (Scheduling(), 20.0, 8.0, 20.0),  # kuberuntime_container.go minimumGracePeriodInSeconds
        (Scheduling(), 20.0, 19.0, 21.0),
        (Scheduling(), 20.0, 25.0, 22.0),
        (Scheduling(), 1.0, 0.0, 2.0),
        (Scheduling(), 0.0, 0.0, 0.0),
        (SwarmScheduling(), 1.0, 0.0, 1.0),
        (NomadScheduling(), 1.0, 0.0, 1.0),
    ],
)
def test_a_kubelet_leaves_two_seconds_after_sigterm(scheduling, grace, pre_stop, killed):
    stop = {"grace": grace, "pre_stop": pre_stop, "drains": False, "ignores": True}
    world = World(stack_of({"api": {"stop": stop}}), replace(MANAGED, scheduling=scheduling))
    world.at(50.0).retire(world.get("api-1"))
    world.until(80.0)
    assert world.when("exit", "api-1") == pytest.approx(50.0 + killed)


def test_the_timeline_names_each_version_and_when_a_new_replica_listens():
    world = World(stack_of({"api": {"replicas": 2, "boot": 2.0}}))
    world.at(10.0).set_version("api", Version(name="v2"))
    world.cluster.want("api", 12)  # in mid-rollout: some of both
    world.until(60.0)
    texts = [r.text for r in world.cluster.timeline if r.event == "placed"]
    named = {name: text[8:10] for text in texts for name in re.findall(r"api-\d+", text)}
    assert named["api-3"] in ("v1", "v2")
    assert {c.name: c.version.name for c in world.cluster.of("api") if c.name in named}.items() <= (
        named.items()
    )
    assert world.when("listening", "api-12") > 12.0
    assert not any(r.event == "listening" and r.t_s < 10.0 for r in world.cluster.timeline)
