"""The cluster autoscaler: how many servers, when they help, and when they go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.control.autoscaling.cluster_autoscaler import (
    BOOT,
    IDLE_BELOW,
    SCAN,
    UNNEEDED,
    NodeGroup,
    ServerAutoscaler,
    could_go,
    servers_needed,
    to_request,
)
from sim.control.autoscaling.hpa_loop import Autoscaling
from sim.control.core.records import Container, Pending
from sim.control.scheduling.placement import Load, Resources
from sim.platforms import configure
from sim.platforms.kubernetes import PLATFORM
from tests.control.world import EMPTY, World, stack_of

GIB = 1024**3
FULL = Resources(4.0, 8 * GIB)


# ---- rules ----
@pytest.mark.parametrize(
    ("wanted", "servers"),
    [
        ([], 0),
        ([(1.0, GIB)], 1),
        ([(1.0, GIB)] * 4, 1),
        ([(1.0, GIB)] * 5, 2),
        ([(0.1, 5 * GIB)] * 2, 2),  # memory binds
        ([(1.0, 0), (3.0, 0), (1.0, 0), (3.0, 0)], 2),  # largest first
        ([(9.0, 0)], 0),  # fits on no server: none would help
        ([(1.0, 9 * GIB), (4.0, 8 * GIB)], 1),
        # largest by the sum of both shares: 1 and 8, 1 and 5 beside 3 and 3, the rest
        ([(2, GIB), (2, GIB), (1, 5 * GIB), (1, 4 * GIB), (1, 3 * GIB), (3, 8 * GIB)], 3),
        ([(1, 3 * GIB), (1, 6 * GIB), (2, 2 * GIB), (2, 4 * GIB), (4, 2 * GIB)], 3),
    ],
)
def test_servers_needed(wanted, servers):
    assert servers_needed([Resources(*w) for w in wanted], FULL) == servers


@pytest.mark.parametrize(
    ("needed", "booting", "have", "most", "number"),
    [
        *[(2, 0, 3, 20, 2), (2, 1, 3, 20, 1), (2, 2, 3, 20, 0), (2, 3, 3, 20, 0)],
        *[(5, 0, 3, 4, 1), (5, 1, 3, 4, 0), (5, 1, 3, 6, 2), (2, 0, 5, 4, 0)],
    ],
)
def test_to_request(needed, booting, have, most, number):
    assert to_request(needed, booting, have, most) == number


def roomy(ident: int, cores: float, memory: int = 0) -> Load:
    return Load(ident, FULL, Resources(cores, memory * GIB), 0)


@pytest.mark.parametrize(
    ("here", "guests", "there", "goes"),
    [
        ((1.0, 0), [(1.0, 0)], [(3.0, 0)], True),
        ((1.0, 0), [(1.0, 0)], [(3.5, 0)], False),  # no room
        ((1.9, 0), [(1.0, 0)] * 2, [(0.0, 0)], True),
        ((2.0, 0), [(1.0, 0)] * 2, [(0.0, 0)], False),  # half used
        ((1.0, 3), [(1.0, 3)], [(0.0, 0)], True),
        ((1.0, 4), [(1.0, 4)], [(0.0, 0)], False),  # half of its memory
        ((1.0, 0), [(1.0, 0)] * 2, [(3.0, 0)], False),  # room for one
        ((1.0, 0), [(1.0, 0)] * 2, [(3.0, 0), (3.0, 0)], True),
        ((1.0, 2), [(0.5, 2)] * 2, [(0.0, 5)], False),  # of memory for one
        ((1.0, 2), [(0.5, 2)] * 2, [(0.0, 4)], True),
        ((1.0, 0), [], [], True),
    ],
)
def test_could_go(here, guests, there, goes):
    others = [roomy(1 + i, *used) for i, used in enumerate(there)]
    wanted = [Resources(cores, memory * GIB) for cores, memory in guests]
    assert could_go(roomy(0, *here), wanted, others, IDLE_BELOW.value) is goes


def test_the_share_that_is_little_is_a_field():
    assert could_go(roomy(0, 2.0), [Resources(1.0, 0)] * 2, [roomy(1, 0.0)], 0.6)


# ---- the loop ----
def world(
    rules: ServerAutoscaler, boot: float | None = 100.0, replicas: int = 3, repaired: bool = True
) -> World:
    machine = {"cores": 4.0, "memory": 8 * GIB} | ({"boot": boot} if boot else {})
    stack = stack_of({"api": {"replicas": replicas, "cpu": {"request": 3.0}}}, machine=machine)
    platform = PLATFORM
    if not repaired:
        platform = configure(platform, {"scheduling.lifecycle.repair": None})
    return World(stack, replace(platform, autoscaling=Autoscaling(servers=rules)))


def added(made: World) -> list[float]:
    return [r.t_s for r in made.cluster.timeline if r.event == "server"]


def test_unschedulable_replicas_get_servers_after_a_scan_and_a_boot():
    made = world(ServerAutoscaler())
    made.at(50.0).want("api", 5)
    made.until(400.0)
    assert 100.0 <= added(made)[0] - 50.0 <= 100.0 + SCAN.value
    assert len(made.cluster.servers) == 5
    assert sum(c.ready for c in made.cluster.of("api")) == 5
    ordered = [s.rented_s for s in made.cluster.servers[3:]]
    assert all(50.0 <= t <= 60.0 for t in ordered)  # money counts from the order


def test_scan_and_boot_are_fields():
    fast = world(ServerAutoscaler(scan_s=1.0))
    slow = world(ServerAutoscaler(scan_s=200.0))
    for made in (fast, slow):
        made.at(50.0).want("api", 4)
        made.until(600.0)
    assert added(fast)[0] <= 151.1
    assert added(slow)[0] > 160.0
    drawn = world(ServerAutoscaler(), boot=None)
    drawn.at(50.0).want("api", 4)
    drawn.until(500.0)
    assert 60.0 <= added(drawn)[0] - 50.0 <= 310.0
    longer = world(ServerAutoscaler(boot_s=BOOT.value * 2), boot=None)
    longer.at(50.0).want("api", 4)
    longer.until(900.0)
    assert added(longer)[0] > added(drawn)[0]


def test_the_quota_binds_and_is_told():
    made = world(ServerAutoscaler(max_servers=4))
    made.at(50.0).want("api", 6)
    made.until(600.0)
    assert len(made.cluster.servers) == 4
    assert len(made.cluster.pending) == 2
    assert sum(r.event == "quota" for r in made.cluster.timeline) == 1


def test_no_autoscaler_no_servers():
    stack = stack_of({"api": {"replicas": 3, "cpu": {"request": 3.0}}})
    made = World(stack, replace(PLATFORM, autoscaling=Autoscaling(servers=None)))
    made.at(50.0).want("api", 6)
    made.until(900.0)
    assert len(made.cluster.servers) == 3


@pytest.mark.parametrize(
    ("rules", "earliest"),
    [
        (ServerAutoscaler(), 600.0 + UNNEEDED.value),
        (ServerAutoscaler(unneeded_s=100.0), 750.0),  # 600 s after it was added
        (ServerAutoscaler(unneeded_s=100.0, delay_after_add_s=60.0), 700.0),
        (ServerAutoscaler(unneeded_s=100.0, delay_after_add_s=1000.0), 1155.0),
    ],
)
def test_an_idle_server_goes_after_its_time(rules, earliest):
    made = world(rules)
    made.at(50.0).want("api", 4)
    made.until(600.0)
    made.cluster.want("api", 3)
    made.until(2500.0)
    (gone,) = [s for s in made.cluster.servers if s.released_s is not None]
    assert gone.released_s is not None
    assert earliest <= gone.released_s <= earliest + 40.0
    assert len([c for c in made.cluster.of("api") if c.ready]) == 3


def test_the_threshold_is_a_field_and_the_first_servers_stay():
    keep = world(ServerAutoscaler(idle_below=0.0, unneeded_s=60.0, delay_after_add_s=0.0))
    keep.at(50.0).want("api", 4)
    keep.until(600.0)
    keep.cluster.want("api", 3)
    keep.until(1500.0)
    assert all(s.released_s is None for s in keep.cluster.servers)
    least = world(ServerAutoscaler(unneeded_s=60.0, delay_after_add_s=0.0), replicas=1)
    least.until(1500.0)
    assert len(least.cluster.servers) == 3
    assert all(s.released_s is None for s in least.cluster.servers)


def test_what_runs_on_a_leaving_server_moves_first():
    machine = {"cores": 4.0, "memory": 8 * GIB, "boot": 100.0}
    services = {
        "api": {"replicas": 3, "cpu": {"request": 3.0}},
        "worker": {"replicas": 0, "cpu": {"request": 1.5}},
    }
    rules = ServerAutoscaler(unneeded_s=60.0, delay_after_add_s=0.0)
    platform = replace(PLATFORM, autoscaling=Autoscaling(servers=rules))
    made = World(stack_of(services, machine=machine), platform)
    made.at(50.0).want("worker", 1)
    made.until(300.0)
    assert made.get("worker-1").server.id == 3
    made.cluster.want("api", 2)
    made.until(600.0)
    assert made.cluster.servers[3].released_s is not None
    (worker,) = made.cluster.of("worker")
    assert worker.ready
    assert worker.server.id != 3


# ---- budgets, dead servers, the provider's quota ----
def two_workers(rules: ServerAutoscaler, budget: dict[str, int], workers: int = 2) -> World:
    """Three full servers, and workers on a fourth that the cluster autoscaler has added; then one
    of the three becomes free."""
    services = {
        "api": {"replicas": 3, "cpu": {"request": 3.5}},
        "worker": {"replicas": 0, "cpu": {"request": 0.9}, "disruption": budget},
    }
    machine = {"cores": 4.0, "memory": 8 * GIB, "boot": 100.0}
    platform = replace(PLATFORM, autoscaling=Autoscaling(servers=rules))
    made = World(stack_of(services, machine=machine), platform)
    made.at(50.0).want("worker", workers)
    made.until(300.0)
    assert {c.server.id for c in made.cluster.of("worker")} == {3}
    made.cluster.want("api", 2)
    return made


HASTY = ServerAutoscaler(unneeded_s=60.0, delay_after_add_s=0.0)


def test_a_scale_down_evicts_one_at_a_time_where_a_budget_says_so():
    for budget, gap in (
        ({"max_unavailable": 1}, HASTY.eviction_retry_s),
        ({"min_available": 0}, 0),
    ):
        made = two_workers(HASTY, budget)
        made.until(700.0)
        assert made.cluster.servers[3].released_s is not None
        placed = [c.created_s for c in made.cluster.of("worker")]
        assert placed[1] - placed[0] == pytest.approx(gap)


def test_a_budget_that_allows_nothing_keeps_the_server():
    made = two_workers(HASTY, {"min_available": 1}, workers=1)
    made.until(1500.0)
    assert made.cluster.servers[3].released_s is None
    assert not [r for r in made.cluster.timeline if "drains server-4" in r.text]


def test_a_drain_that_a_budget_stops_is_given_up_after_its_time():
    made = two_workers(replace(HASTY, eviction_timeout_s=0.0), {"max_unavailable": 1})
    made.until(500.0)
    failed = made.when("drain_failed")
    assert not made.cluster.servers[3].cordoned or made.when("servers", "server-4", failed) > failed
    patient = two_workers(HASTY, {"max_unavailable": 1})
    patient.until(700.0)
    assert not [r for r in patient.cluster.timeline if r.event == "drain_failed"]


@pytest.mark.parametrize(
    ("rules", "low", "high"),
    [
        (ServerAutoscaler(), 1640.0, 1670.0),  # 40 to 55 s until NotReady, then 20 min
        (ServerAutoscaler(unready_s=100.0, delay_after_add_s=0.0), 700.0, 1000.0),
    ],
)
def test_a_dead_server_is_given_back_after_its_time(rules, low, high):
    """Where nobody repairs it before (a managed cluster does after ten minutes)."""
    made = world(rules, repaired=False)
    made.at(50.0).want("api", 4)
    made.until(400.0)
    made.cluster.server_down(made.cluster.servers[3])
    made.until(2000.0)
    (gone,) = [s for s in made.cluster.servers if s.released_s is not None]
    assert gone.id == 3
    assert gone.released_s is not None
    assert low <= gone.released_s <= high
    assert sum(c.ready for c in made.cluster.of("api")) == 4  # on the one that came for it


def test_the_providers_quota_is_the_stacks():
    machine = {"cores": 4.0, "memory": 8 * GIB, "boot": 100.0}
    services = {"api": {"replicas": 3, "cpu": {"request": 3.0}}}
    made = World(
        stack_of(services, machine=machine, quota=4),
        replace(PLATFORM, autoscaling=Autoscaling(servers=ServerAutoscaler())),
    )
    made.at(50.0).want("api", 6)
    made.until(600.0)
    assert len(made.cluster.servers) == 4
    (told,) = [r.text for r in made.cluster.timeline if r.event == "quota"]
    assert "its provider's quota is 4" in told


# ---- a node group, look by look ----
MACHINE = {"cores": 4.0, "memory": 8 * GIB, "boot": 100.0}


class GroupAlone(NodeGroup):
    """It looks when the test says so."""

    def __init__(self, world: World, rules: ServerAutoscaler) -> None:
        super().__init__(world.cluster, rules)
        self.until = world.until


def group_of(rules: ServerAutoscaler = HASTY, **servers: object) -> GroupAlone:
    """Three empty servers, a service of each kind without a replica, and nobody else at work."""
    services = {
        "api": {"replicas": 0, "cpu": {"request": 3.0}},
        "batch": {
            "role": "worker",
            "replicas": 0,
            "priority": -11,
            "cpu": {"request": 2.0},
            "memory": {"request": 4 * GIB},
        },
        "late": {"role": "worker", "replicas": 0, "priority": -10, "cpu": {"request": 2.0}},
        "postgres": {"replicas": 0, "cpu": {"request": 0.1}},
    }
    world = World(stack_of(services, **{"machine": MACHINE, **servers}), EMPTY)
    return GroupAlone(world, rules)


def wait(group: GroupAlone, service: str, number: int, **state: object) -> None:
    """So many replicas of a service that fit nowhere."""
    cluster = group.cluster
    for _ in range(number):
        place = len(cluster.pending)
        pending = Pending(
            place, service, cluster.versions[service], 0.0, **{"unschedulable": True, **state}
        )
        cluster.pending.append(pending)


def place(group: GroupAlone, service: str, server: int) -> Container:
    c = group.cluster.create(service, group.cluster.servers[server])
    group.cluster.start(c, warm=True)
    return c


def texts(group: GroupAlone, event: str) -> list[str]:
    return [r.text for r in group.cluster.timeline if r.event == event]


def released(group: GroupAlone) -> list[int]:
    return [s.id for s in group.cluster.servers if s.released_s is not None]


def test_a_look_asks_for_what_is_lacking_once():
    group = group_of()
    wait(group, "api", 2)
    group.grow()
    group.grow()
    wait(group, "api", 1)
    group.grow()
    assert texts(group, "servers") == [
        "cluster autoscaler asks for 2 more: 2 replicas wait",
        "cluster autoscaler asks for 1 more: 3 replicas wait",
    ]
    group.until(100.0)
    assert texts(group, "server") == [
        f"server-{n} is Ready, 100 s after it was asked for" for n in (4, 5, 6)
    ]
    assert (group.booting, group.added_s) == (0, 100.0)


@pytest.mark.parametrize(
    ("service", "state", "asks"),
    [
        ("late", {}, True),  # a priority of -10
        ("batch", {}, False),  # -11: expendable
        ("api", {"unschedulable": False}, False),  # nobody has tried
        ("api", {"nominated": "server"}, False),  # room is being made for it
    ],
)
def test_who_calls_for_a_server(service, state, asks):
    group = group_of()
    if "nominated" in state:
        state = {"nominated": group.cluster.servers[0]}
    wait(group, service, 1, **state)
    group.grow()
    assert group.booting == asks


@pytest.mark.parametrize(
    ("cores", "memory", "booting"), [(1.0, 0, 1), (1.5, 0, 0), (0.0, 9 * GIB, 0)]
)
def test_what_the_system_takes_is_no_room(cores, memory, booting):
    group = group_of(reserved={"cores": cores, "memory": memory})
    wait(group, "api", 1)
    group.grow()
    assert group.booting == booting


def test_the_quota_is_told_once_and_only_if_it_binds():
    group = group_of(quota=5)
    wait(group, "api", 2)
    group.grow()
    group.grow()
    assert not texts(group, "quota")
    wait(group, "api", 1)
    group.grow()
    group.grow()
    assert texts(group, "quota") == [
        "cluster autoscaler gets no more servers: its provider's quota is 5"
    ]
    assert group.booting == 2


def test_no_provider_lends_where_its_zone_is_lost():
    group = group_of(zones=["a"])
    group.cluster.set_zone("a", lost=True)
    wait(group, "api", 1)
    group.grow()
    assert (group.booting, texts(group, "servers"), texts(group, "quota")) == (0, [], [])
    group.cluster.set_zone("a", lost=False)
    group.grow()
    assert group.booting == 1


def idle(rules: ServerAutoscaler = HASTY) -> GroupAlone:
    """A fourth server, and a first look at 0 s."""
    group = group_of(rules)
    group.cluster.add_server()
    group.shrink()
    return group


def look(group: GroupAlone, *times: float) -> list[int]:
    for t_s in times:
        group.until(t_s)
        group.shrink()
    group.until(times[-1] + 0.5)
    return released(group)


def test_an_idle_server_goes_when_its_time_is_full():
    assert look(idle(), 59.9) == []
    assert look(idle(), 59.9, 60.0) == [3]  # the newest
    assert look(idle(), 60.0, 61.0, 200.0) == [3]  # three are the least


def test_a_rest_after_an_addition_is_kept():
    group = idle(replace(HASTY, delay_after_add_s=90.0))
    group.added_s = 0.0
    assert look(group, 89.9) == []
    assert look(group, 90.0) == [3]


@pytest.mark.parametrize("busy", ["booting", "leaving", "waiting", "promised", "fewer"])
def test_a_group_that_is_busy_gives_nothing_back(busy):
    group = idle()
    if busy == "booting":
        group.booting = 1
    elif busy == "leaving":
        group.leaving.add(0)
    elif busy == "waiting":
        wait(group, "api", 1)
    elif busy == "promised":
        wait(group, "api", 1, nominated=group.cluster.servers[0])
    else:
        for server in group.cluster.servers[:2]:
            group.cluster.release(server)
    before = released(group)
    assert look(group, 60.0, 70.0) == before


def test_a_server_that_was_needed_waits_anew():
    """All of them for databases at 30 s, which are on their way out at 60 s."""
    group = idle()
    group.until(30.0)
    databases = [place(group, "postgres", server) for server in range(4)]
    group.shrink()
    for database in databases:
        database.deleting = True
    group.cluster.edits += 1
    look(group, 60.0, 119.9)
    assert not texts(group, "servers")
    look(group, 120.0)
    assert texts(group, "servers") == ["cluster autoscaler drains server-4: unneeded"]


@pytest.mark.parametrize(
    ("service", "deleting", "goes"),
    [
        ("late", False, False),  # half of the server's cores
        ("batch", False, True),  # as if it were not there
        ("batch", True, True),
        ("postgres", False, False),  # keeps what it stores
        ("postgres", True, True),  # on its way out
    ],
)
def test_whom_a_server_is_kept_for(service, deleting, goes):
    group = group_of()
    group.cluster.add_server()
    for server in range(4):
        place(group, service, server).deleting = deleting
    group.shrink()
    assert (3 in group.removable) is goes


def test_what_is_expendable_counts_for_no_load():
    group = group_of()
    place(group, "batch", 0)
    place(group, "api", 0)
    assert group.load(group.cluster.servers[0]).requested == Resources(3.0, 0)


def test_a_server_that_is_away_goes_when_its_time_is_full():
    def away() -> GroupAlone:
        group = idle(replace(HASTY, unready_s=100.0, unneeded_s=1e6))
        group.cluster.servers[1].ready = False
        group.shrink()
        return group

    assert look(away(), 99.9) == []
    group = away()
    assert look(group, 50.0, 100.0) == [1]
    assert texts(group, "servers") == ["cluster autoscaler gives server-2 back: away for 100 s"]
    group = away()
    group.until(50.0)
    group.cluster.servers[1].ready = True
    group.shrink()
    group.cluster.servers[1].ready = False
    assert look(group, 60.0, 159.9) == []
    assert look(group, 160.0) == [1]
    group = away()
    kept = place(group, "api", 1)
    assert look(group, 100.0) == []
    kept.deleting = True  # evicted
    assert look(group, 101.0) == [1]
