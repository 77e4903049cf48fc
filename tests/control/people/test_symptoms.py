"""What she can see: windows of users' errors, CPU from one look to the next, and who is ill.

Nobody else is at work on the cluster.
"""

from __future__ import annotations

from typing import Any

import pytest

from sim.control.core.cluster import Container
from sim.control.people import symptoms
from sim.control.people.growth import doubled
from sim.control.people.human import Deployed, Human
from sim.control.people.monitoring import Sighting, Usage, Window, reach, users_fail
from sim.control.people.runbooks import affordable, share, wanted_connections
from sim.dataplane.tables import ContainerGauge, PlaneGauge
from sim.schema.operator import Alarm
from sim.schema.scenario import Version
from tests.control.world import EMPTY, World, stack_of

ALARM = Alarm(look=10.0, window=60.0, failed=3, share=0.05, jobs=200)


# ---- monitoring ----
@pytest.mark.parametrize(
    ("succeeded", "failed", "alarmed"),
    [(0, 3, True), (0, 2, False), (57, 3, True), (58, 3, False), (1000, 53, True)],
)
def test_errors_are_too_many_by_number_and_by_share(
    succeeded: int, failed: int, alarmed: bool
) -> None:
    assert users_fail(succeeded, failed, ALARM) is alarmed


def sighting(t_s: float, good: int = 0, bad: int = 0, refused: int = 0, *jobs: int) -> Sighting:
    gauge = PlaneGauge(good + bad, good, bad, 0, 0, sum(jobs), 0, 0, 0, 0, 0, refused, 0, 0.0)
    return Sighting(t_s, gauge, jobs)


def window(*looks: Sighting) -> Window:
    seen = Window(ALARM)
    for look in looks:
        seen.add(look)
    return seen


def test_a_window_forgets_what_is_older_than_it() -> None:
    """Ten errors between 0 and 10 s; a look exactly 60 s later still has them."""
    looks = [sighting(0.0), sighting(10.0, bad=10), sighting(60.0, bad=10), sighting(61.0, bad=10)]
    assert window(*looks[:3]).failing()
    assert not window(*looks).failing()
    assert window(*looks[:3]).failing(within_s=60.0)
    assert not window(*looks[:3]).failing(within_s=50.0)
    assert window(*looks[:3]).alarms()
    assert not Window(ALARM).failing()
    assert not window(*looks).alarms()


def test_refused_connections_are_those_of_the_window() -> None:
    seen = Window(ALARM)
    looks = ((0.0, 5), (10.0, 7), (60.0, 9), (71.0, 12))
    assert [seen.add(sighting(t_s, refused=n)) for t_s, n in looks] == [0, 2, 4, 3]


@pytest.mark.parametrize(
    ("levels", "ill"),
    [
        ([(200, 0)] * 6, [0]),
        ([(200, 0)] * 5, []),  # not the whole time: five looks are 40 s of 50
        ([(200, 0)] * 3 + [(199, 0)] + [(200, 0)] * 2, []),
        ([(300, 250)] * 6, [0, 1]),
        ([(0, 250)] * 6, [1]),
        ([(250, 0)] * 5 + [(199, 0)], []),
        ([], []),
    ],
)
def test_a_queue_alarms_if_it_was_long_all_the_time(levels: Any, ill: list[int]) -> None:
    seen = window(*(sighting(10.0 * k, 0, 0, 0, *jobs) for k, jobs in enumerate(levels)))
    assert seen.waiting() == ill
    assert seen.alarms() is bool(ill)


def test_a_queue_within_a_shorter_time() -> None:
    jobs = [(0,)] * 3 + [(200,)] * 3
    seen = window(*(sighting(10.0 * k, 0, 0, 0, *each) for k, each in enumerate(jobs)))
    assert seen.waiting() == []
    assert seen.waiting(within_s=30.0) == []  # of 20, 30, 40 and 50 s the first was short
    assert seen.waiting(within_s=20.0) == [0]


def test_it_is_quiet_after_a_whole_window_without_an_alarm() -> None:
    calm = [sighting(10.0 * k, good=k) for k in range(6)]
    assert window(*calm).quiet()
    assert not window(*calm[:5]).quiet()
    assert not window(*calm[:5], sighting(50.0, bad=3)).quiet()
    assert not Window(ALARM).quiet()
    forgotten = window(*calm)
    forgotten.forget()
    assert not forgotten.quiet()


def world_of(replicas: int = 2, **service: Any) -> World:
    """All on the first of three servers of four cores."""
    services = {"api": {"replicas": replicas, "concurrency": 4, **service}, "worker": {}}
    world = World(stack_of(services), EMPTY)
    world.until(0.0)
    return world


def test_cpu_in_use_is_from_one_look_to_the_next() -> None:
    world = world_of()
    world.uses(1.0, (100.0, 2.0))
    usage, api = Usage(), world.cluster.of("api")
    world.until(50.0)
    usage.look(world.cluster)
    assert usage.of(api) == pytest.approx(2.0)  # two of them
    world.until(54.9)
    usage.look(world.cluster)
    assert usage.at_s == 50.0  # the dashboard has nothing newer
    world.until(55.0)
    usage.look(world.cluster)
    assert usage.at_s == 55.0
    world.until(200.0)
    usage.look(world.cluster)
    assert usage.of(api) == pytest.approx(2 * (45.0 * 1.0 + 100.0 * 2.0) / 145.0)


def test_a_new_process_is_measured_from_its_start() -> None:
    world = world_of(replicas=1)
    usage, (c,) = Usage(), world.cluster.of("api")
    world.uses(0.0)
    world.until(100.0)
    usage.look(world.cluster)
    world.until(150.0)
    c.started_s = 150.0
    world.uses(0.0, (150.0, 3.0))
    world.until(160.0)
    usage.look(world.cluster)
    assert usage.of([c]) == pytest.approx(3.0)


@pytest.mark.parametrize(("cores", "full"), [(1.14, True), (1.13, False)])
def test_a_server_is_full_at_85_percent_of_its_cores(cores: float, full: bool) -> None:
    """Three containers on four cores, of which 3.4 are so many."""
    world = world_of()
    world.uses(cores)
    world.until(100.0)
    usage = Usage()
    usage.look(world.cluster)
    first, second, _ = world.cluster.servers
    assert usage.is_full(world.cluster, first) is full
    assert not usage.is_full(world.cluster, second)


def test_a_service_is_hot_by_what_it_can_reach() -> None:
    """Two replicas reach the four cores of their server each: 85 % are 3.4."""
    world = world_of(replicas=2)
    world.uses(3.41, (100.0, 3.39))
    usage = Usage()
    for t_s, hot in ((100.0, True), (200.0, False)):
        world.until(t_s)
        usage.look(world.cluster)
        assert usage.is_hot(world.cluster, "api") is hot
    assert reach(world.cluster, "api") == 8.0
    world.cluster.of("api")[0].deleting = True
    assert reach(world.cluster, "api") == 4.0
    for c in world.cluster.of("api"):
        c.deleting = True
    assert not usage.is_hot(world.cluster, "api")


# ---- who is ill ----
def gauges(world: World, **of: ContainerGauge) -> None:
    calm = ContainerGauge(0, 0, 0, 0, 0, 0, 0.0)
    names = {c.id: c.name for c in world.cluster.containers}
    world.plane.container_gauge = lambda ident: of.get(  # type: ignore[method-assign]
        names[ident].replace("-", "_"), calm
    )


@pytest.mark.parametrize(
    ("inside", "busy"), [((4, 0), True), ((3, 3), False), ((0, 0), False), ((4, 4), True)]
)
def test_half_of_its_replicas_with_no_place_left_are_a_busy_service(
    inside: tuple[int, int], busy: bool
) -> None:
    world = world_of()
    of = {
        f"api_{n}": ContainerGauge(inside=each, waiting=0, memory=0, served=0, errors=0,
                                   connections=0, busy_s=0.0)
        for n, each in enumerate(inside, 1)
    }  # fmt: skip
    gauges(world, **of)
    assert symptoms.busy(world.cluster, "api") is busy


@pytest.mark.parametrize(("away", "busy"), [(0, False), (1, False), (2, True), (3, True)])
def test_so_is_one_of_which_half_come_and_go(away: int, busy: bool) -> None:
    world = world_of(replicas=4)
    gauges(world)
    for c in world.cluster.of("api")[:away]:
        world.cluster.set_ready(c, False)
    assert symptoms.busy(world.cluster, "api") is busy


@pytest.mark.parametrize(
    ("served", "errors", "ill"),
    [(100, 2, False), (3, 3, True), (10, 5, True), (100, 3, False)],
)
def test_a_replica_fails_by_the_share_of_its_answers(served: int, errors: int, ill: bool) -> None:
    world = world_of()
    human = Human(world.cluster)
    assert human.spec.habits.failing_share <= 0.5
    gauges(world, api_1=ContainerGauge(0, 0, 0, served, errors, 0, 0.0))
    (first, second) = world.cluster.of("api")
    assert symptoms.failing(human, first) is ill
    assert not symptoms.failing(human, second)


@pytest.mark.parametrize(
    ("code", "alive", "ill"), [(1, True, True), (0, True, False), (1, False, False)]
)
def test_so_does_one_that_has_exited_with_an_error(code: int, alive: bool, ill: bool) -> None:
    world = world_of()
    gauges(world)
    c = world.cluster.of("api")[0]
    world.cluster.exit(c, code, "ended")
    c.server.alive = alive
    assert symptoms.failing(Human(world.cluster), c) is ill
    if alive:
        world.cluster.start(c, again=True)
        assert symptoms.failing(Human(world.cluster), c)  # it has been restarted


def test_what_changed_last_is_blamed_for_a_while() -> None:
    world = world_of()
    human = Human(world.cluster)
    blames = human.spec.habits.blames
    assert symptoms.changed(human) == ""
    for t_s, service in ((100.0, "worker"), (200.0, "api")):
        world.until(t_s)
        world.cluster.set_version(service, Version(name="v2"))
        image = world.cluster.versions[service].image
        human.deployed[service] = Deployed(image, t_s)  # type: ignore[arg-type]
    assert symptoms.changed(human) == "api"
    world.until(200.0 + blames)
    assert symptoms.changed(human) == "api"
    world.until(200.1 + blames)
    assert symptoms.changed(human) == ""


def test_a_back_off_is_long_when_it_outlasts_a_window() -> None:
    world = world_of()
    c = world.cluster.of("api")[0]
    world.at(100.0).exit(c, 1, "crashed")
    world.cluster.set_restarting(c, True)
    world.until(160.0)
    assert symptoms.backing_off(world.cluster) == []
    world.until(160.1)
    assert symptoms.backing_off(world.cluster) == [c]
    c.deleting = True
    assert symptoms.backing_off(world.cluster) == []


def test_who_hangs_and_is_up() -> None:
    world = world_of()

    def hung() -> list[Container]:
        return symptoms.hung(world.cluster)

    first, second = world.cluster.of("api")
    world.cluster.hang(first)
    assert hung() == [first]
    world.cluster.hang(second)
    second.deleting = True
    assert hung() == [first]
    world.cluster.exit(first, 137, "killed")
    assert hung() == []


# ---- numbers that a person picks ----
@pytest.mark.parametrize(
    ("pools", "reserved", "limit"),
    [([(10, 10)], 0, 100), ([(10, 10)], 1, 200), ([(2, 20), (3, 30)], 3, 200), ([], 3, 100)],
)
def test_connections_are_rounded_up_to_hundreds(
    pools: list[tuple[int, int]], reserved: int, limit: int
) -> None:
    assert wanted_connections(pools, reserved) == limit


@pytest.mark.parametrize(("gib", "most"), [(1, 112), (8, 901), (32, 3604), (64, 5000)])
def test_more_connections_than_its_server_has_memory_for_are_not_let_in(
    gib: int, most: int
) -> None:
    assert affordable(gib * 2**30) == most


@pytest.mark.parametrize(
    ("total", "servers", "dealt"),
    [(7, 3, [3, 2, 2]), (2, 3, [1, 1, 0]), (3, 1, [3]), (8, 3, [3, 3, 2])],
)
def test_replicas_are_dealt_out(total: int, servers: int, dealt: list[int]) -> None:
    assert [share(total, servers, index) for index in range(servers)] == dealt


@pytest.mark.parametrize(
    ("replicas", "cores", "one_uses", "wanted"),
    [(4, 6.0, 1.0, 6), (4, 6.0, 2.0, 5), (4, 8.0, 1.0, 8), (4, 9.0, 1.0, 8), (2, 4.0, 0.0, 4)],
)
def test_twice_as_many_or_one_more(
    replicas: int, cores: float, one_uses: float, wanted: int
) -> None:
    assert doubled(replicas, cores, one_uses) == wanted


@pytest.mark.parametrize(
    ("alive", "disk", "lost"),
    [(True, "", ""), (False, "", ""), (False, "lost", "postgres"), (False, "full", "postgres")],
)
def test_a_primary_is_lost_when_it_cannot_be_started_again(
    alive: bool, disk: str, lost: str
) -> None:
    """One that has ended on a disk that is there is sooner started than replaced."""
    services = {
        "api": {}, "postgres": {},
        "standby": {"role": "postgres", "follows": {"primary": "postgres"}},
    }  # fmt: skip
    world = World(stack_of(services), EMPTY)
    world.until(0.0)
    cluster = world.cluster
    if not alive:
        cluster.exit(cluster.of("postgres")[0], 1, "crashed")
    if disk:
        setattr(cluster.volumes["postgres"], disk, True)
    world.until(1.0)
    assert symptoms.primary_lost(cluster) == lost
