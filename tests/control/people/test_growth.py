"""What she does about too little of something: how much more she asks for, and when she lets be.

Nobody else is at work on the cluster, and none of her steps goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sim.control.core.clock import Loop
from sim.control.people import growth, on_call, runbooks, symptoms
from sim.control.people.human import Human
from sim.control.people.monitoring import Sighting, Window
from sim.control.people.on_call import Troubleshooting
from sim.control.people.repertoire import REPERTOIRE, Symptoms
from sim.dataplane.tables import PlaneGauge
from sim.platforms.platform import Platform
from sim.schema.operator import Alarm
from sim.schema.scenario import RaiseConnections, RentServers
from tests.control.outage import replay, rows, when
from tests.control.world import EMPTY, MANAGED, World, stack_of

HOURS = 20 * 3600.0


def gauge(**of: int) -> PlaneGauge:
    return PlaneGauge(*[0] * 13, 0.0)._replace(**of)


def world_of(platform: Platform = MANAGED, servers: int = 3, **services: Any) -> World:
    world = World(stack_of(services or {"api": {"replicas": 2}}), platform, servers)
    world.cluster.random = lambda _name: 0.5  # type: ignore[method-assign]
    return world


def done(world: World, do: Callable[[Human], Loop]) -> list[str]:
    """What the timeline says of it, from the first step to the last."""
    world.cluster.clock.loop(do(Human(world.cluster)))
    world.until(HOURS)
    return [row.text for row in world.cluster.timeline if row.subject == "operator"]


# ---- how much she asks for ----
@pytest.mark.parametrize(
    ("pool", "slots", "replicas", "wanted"),
    [
        (10, 97, 2, 20), (10, 97, 5, 19), (10, 30, 2, 15), (30, 50, 2, 30), (1, 97, 1, 2),
        (7, 97, 1, 14),
    ],
)  # fmt: skip
def test_a_pool_is_doubled_as_far_as_there_are_slots(
    pool: int, slots: int, replicas: int, wanted: int
) -> None:
    """Each replica's share of the slots at most, and never less than it has."""
    api = {"replicas": replicas, "database": {"pool": pool}}
    world = world_of(api=api, postgres={})
    world.plane.gauge = lambda: gauge(connection_limit=slots)  # type: ignore[method-assign]
    said = done(world, lambda human: growth.widen_pools(human, "api"))
    assert f"operator sets the pool of api to {wanted}, and restarts it" in said
    client = world.cluster.service("api").database
    assert client is not None
    assert client.pool == wanted
    assert world.cluster.versions["api"].restarted == 1, "a process has its pool from its start"


def test_who_has_no_database_has_no_pool() -> None:
    assert done(world_of(), lambda human: growth.widen_pools(human, "api")) == []


@pytest.mark.parametrize(("replicas", "servers"), [(1, 1), (2, 1), (3, 2)])
def test_servers_rented_by_hand_are_as_many_again_with_twice_the_replicas(
    monkeypatch: pytest.MonkeyPatch, replicas: int, servers: int
) -> None:
    asked: list[RentServers] = []

    def rent(_human: Human, ask: RentServers) -> Loop:
        asked.append(ask)
        yield from ()

    monkeypatch.setattr(runbooks, "rent_servers", rent)
    world = world_of(EMPTY, servers, api={"replicas": replicas})
    done(world, lambda human: growth.rent(human, "api"))
    (ask,) = asked
    assert (ask.service, ask.servers, ask.replicas) == ("api", servers, 2 * replicas)


def test_where_servers_join_as_many_again_do_up_to_the_quota() -> None:
    world = World(stack_of({"api": {}}, quota=5), MANAGED)
    world.cluster.random = lambda _name: 0.5  # type: ignore[method-assign]
    done(world, lambda human: growth.rent(human, "api"))
    assert len(world.cluster.servers) == 5
    world = world_of()
    done(world, lambda human: growth.rent(human, "api"))
    assert len(world.cluster.servers) == 6


def test_a_provider_that_answers_lends_twice_as_many() -> None:
    world = World(stack_of({"api": {}}, quota=4), MANAGED)
    human = Human(world.cluster)
    world.cluster.clock.loop(growth.ask_provider(human))
    world.until(HOURS * 5)
    assert world.cluster.stack.servers.quota == 8
    (row,) = [row for row in world.cluster.timeline if row.event == "quota"]
    assert row.text == "the provider lends 8 servers from now on"
    assert human.under_way == 0


def test_a_limit_before_a_service_is_its_places_and_never_a_longer_queue() -> None:
    for places, backlog, wanted in ((4, 100, 4), (8, 3, 3)):
        world = world_of(EMPTY, 1, api={"concurrency": places, "backlog": backlog})
        done(world, lambda human: growth.shed(human, "api"))
        service = world.cluster.service("api")
        assert (service.shed, service.backlog) == (True, wanted)


def test_a_machine_comes_back_twice_as_large() -> None:
    world = world_of(EMPTY, 1)
    (small,) = world.cluster.servers
    done(world, lambda human: growth.resize_server(human, small))
    (large,) = [s for s in world.cluster.servers if s.released_s is None]
    assert (large.name, large.cores) == (small.name, 2 * small.cores)
    assert large.memory == 2 * small.memory


# ---- when she lets be ----
@pytest.mark.parametrize(
    ("meanwhile", "marked"),
    [("nothing", True), ("it is back", False), ("the platform gave it up", False)],
)
def test_a_server_is_written_off_unless_that_is_over(meanwhile: str, marked: bool) -> None:
    world = world_of()
    cluster, server = world.cluster, world.cluster.servers[2]
    cluster.server_down(server)
    cluster.clock.loop(growth.write_off(Human(cluster), server))
    world.until(30.0)
    if meanwhile == "it is back":
        cluster.server_up(server)
    if meanwhile == "the platform gave it up":
        cluster.release(server)
    world.until(HOURS)
    assert bool([r for r in cluster.timeline if r.event == "out_of_service"]) is marked


def test_she_tries_a_lost_server_for_as_long_as_she_gives_it() -> None:
    """Every ten seconds for a minute: six times, and not a seventh."""
    lost = {"at": 300, "server_crash": {"returns": False}}
    run = replay(lost, horizon_s=1200.0, settings={"stack.operator.habits.gives_up": "60s"})
    at = {row.text.removeprefix("operator "): row.t_s for row in rows(run, "operator")}
    begins = at["cannot reach server-1 by SSH and tries again"]
    assert at["gives up on server-1 and rents another server"] - begins == 60.0


@pytest.mark.parametrize(
    ("monitoring", "share", "paged_s"),
    [(True, "0%", 370.0), (True, "100%", 970.0), (False, "100%", 430.0)],
)
def test_an_alarm_that_nobody_noticed_costs_its_time(
    monitoring: bool, share: str, paged_s: float
) -> None:
    """Ten minutes; who hears of it from users has no alarm to overlook."""
    settings = {
        "stack.operator.monitoring": monitoring, "stack.operator.complaint": "2m",
        "stack.operator.unnoticed": share, "stack.operator.unnoticed_costs": "10m",
    }  # fmt: skip
    kill = {"at": 300, "operator_kill": {"service": "http"}}
    assert when(replay(kill, rate=4.0, horizon_s=1000.0, settings=settings), "page") == [paged_s]


# ---- signs ----
@pytest.mark.parametrize(
    ("waits", "taken", "short"), [(0, 50, False), (1, 50, True), (1, 96, True), (1, 97, False)]
)
def test_pools_are_short_where_somebody_waits_and_the_database_has_slots(
    waits: int, taken: int, short: bool
) -> None:
    world = world_of()
    now = gauge(connection_waits=waits, connections=taken, connection_limit=97)
    world.plane.gauge = lambda: now  # type: ignore[method-assign]
    assert symptoms.pools_short(world.cluster) is short


@pytest.mark.parametrize(
    ("failed", "waiting", "since_s", "settled"),
    [
        ((0, 2), 0, 0.0, True),  # two of three that alarm
        ((0, 3), 0, 0.0, False),
        ((2, 8), 0, 0.0, False),
        ((7, 9), 0, 10.0, True),  # of the window alone
        ((0, 0), 199, 0.0, True),
        ((0, 0), 200, 0.0, False),
        ((0, 0), 0, 10.1, False),  # something has happened since the latest look
    ],
)
def test_a_window_is_settled_when_no_further_look_can_alarm(
    failed: tuple[int, int], waiting: int, since_s: float, settled: bool
) -> None:
    window = Window(Alarm(look=10.0, window=60.0, failed=3, share=0.05, jobs=200))
    assert not window.settled(0.0), "before its first look"
    for t_s, count in zip((0.0, 10.0), failed, strict=True):
        window.add(Sighting(t_s, gauge(failed=count), (waiting,)))
    assert window.settled(since_s) is settled


@pytest.mark.parametrize("remedy", sorted({row.remedy for row in REPERTOIRE}))
def test_after_each_remedy_she_counts_anew_unless_it_was_to_wait(
    monkeypatch: pytest.MonkeyPatch, remedy: str
) -> None:
    row = next(row for row in REPERTOIRE if row.remedy == remedy)
    world = world_of()
    human = Human(world.cluster)
    human.window.add(Sighting(0.0, gauge(), ()))
    effort, held = Troubleshooting(human), []

    def do(_human: Human, _symptoms: Symptoms) -> Loop:
        held.extend(effort.in_hand)
        yield from ()

    monkeypatch.setitem(on_call.DO, row.remedy, do)
    world.cluster.clock.loop(effort.attempt(row, Symptoms()))
    world.until(1.0)
    assert (held, effort.in_hand) == ([remedy], [])
    assert bool(human.window.seen) is (remedy == "wait")


@pytest.mark.parametrize("platform", [EMPTY, MANAGED])
def test_the_same_code_started_anew_is_another_release(platform: Platform) -> None:
    """Twice, and each time: a rollout of what is there already would do nothing."""
    world = world_of(platform)
    for count in (1, 2):
        world.cluster.clock.loop(runbooks.roll(world.cluster, "api"))
        world.until(1000.0 * count)
        live = [c for c in world.cluster.of("api") if not c.deleting]
        assert {c.version.restarted for c in live} == {count}
        assert len(live) == 2


@pytest.mark.parametrize(
    ("hot", "busy", "late", "grown"),
    [
        ("api", "worker", [], "api"), ("", "worker", [], "worker"), ("api", "", [], "api"),
        ("", "", ["worker"], "worker"), ("", "", [], "worker"),  # of nobody the workers
    ],
)  # fmt: skip
def test_who_gets_more_replicas_is_who_is_hot_then_busy_then_late(
    monkeypatch: pytest.MonkeyPatch, hot: str, busy: str, late: list[str], grown: str
) -> None:
    world = world_of(api={}, worker={}, redis={})
    monkeypatch.setattr(on_call, "backlogged", lambda _human: late)
    done(world, lambda human: on_call.scale_out(human, Symptoms(hot=hot, busy=busy)))
    assert {n for n in ("api", "worker") if world.cluster.desired[n] > 1} == {grown}


@pytest.mark.parametrize(
    ("asked", "limit"), [(None, 100), (RaiseConnections(max_connections=450), 450)]
)
def test_connections_are_raised_to_what_is_asked_or_to_what_all_pools_need(
    asked: RaiseConnections | None, limit: int
) -> None:
    """Three pools of 20 and three for the superuser are 63; of 300 she takes nothing away."""
    for before, wanted in ((50, limit), (300, limit if asked else 300)):
        api = {"replicas": 3, "database": {"pool": 20}}
        world = world_of(api=api, postgres={"max_connections": before})
        said = done(world, lambda human: runbooks.raise_connections(human, asked))
        assert f"operator sets max_connections to {wanted}, restarts postgres" in said
        assert world.cluster.service("postgres").max_connections == wanted


@pytest.mark.parametrize(("dns", "told"), [(True, False), (False, True)])
def test_users_hear_of_new_servers_one_by_one_or_all_at_the_end(dns: bool, told: bool) -> None:
    world = world_of(EMPTY, 1, api={"port": 80})
    world.cluster.host_ports = True
    ask = RentServers(service="api", servers=1, replicas=2, balancer=False, dns=dns)
    said = done(world, lambda human: runbooks.rent_servers(human, ask))
    assert ("operator tells users the addresses" in said) is told
    assert len(world.cluster.servers) == 2


@pytest.mark.parametrize(
    ("state", "looks"), [("running", 0), ("starting", 6), ("gone", 0), ("late", 2)]
)
def test_she_looks_until_it_listens_or_does_not_come(state: str, looks: int) -> None:
    world = world_of(EMPTY, 1)
    cluster, (c, _) = world.cluster, world.cluster.of("api")
    human = Human(cluster)
    human.spec = human.spec.model_copy(
        update={"habits": human.spec.habits.model_copy(update={"patience": 6, "recheck": 10.0})}
    )
    world.until(0.0)
    ends: list[float] = []

    def watched() -> Loop:
        yield from runbooks.until_listening(human, c)
        ends.append(cluster.clock.now)

    if state != "running":
        c.state = "exited" if state == "gone" else "starting"
    cluster.clock.loop(watched())
    world.until(15.0)
    if state == "late":
        c.state = "running"
    world.until(1000.0)
    assert ends == [10.0 * looks]


def test_looks_that_were_left_out_fill_a_window_as_if_they_had_been_made() -> None:
    """Six of them are 50 s: the window is whole, and nothing alarms in it."""
    window = Window(Alarm(look=10.0, window=60.0, failed=3, share=0.05, jobs=200))
    window.add(Sighting(0.0, gauge(failed=9, connections_refused=4), (0,)))
    assert window.stood([10.0 * k for k in range(1, 40)]) == 0
    assert [look.t_s for look in window.seen] == [10.0 * k for k in range(33, 40)]
    assert window.quiet()
