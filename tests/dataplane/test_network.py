"""The network: what a round trip costs a call, a query, a connection that is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from sim.dataplane.arithmetic import latency_bin
from sim.dataplane.codes import ONE_SERVER, Does, Kind, LawKind, Outcome
from sim.dataplane.plane import DataPlane
from sim.dataplane.profile import Client, Law, Profile, Routing, StoryStep, Workload
from tests.dataplane.worlds import Step, World, at, cause, constant, drive, latency, world

Make = Callable[[Workload], DataPlane]
MS = 1 / 1024


def http(*steps: StoryStep, **fields: object) -> Profile:
    return Profile(Kind.HTTP, steps=(StoryStep(Does.CPU, constant(8 * MS)), *steps), **fields)  # type: ignore[arg-type]


def calls(service: int, **fields: object) -> StoryStep:
    return StoryStep(Does.CALL, target=service, client=Client(**fields))  # type: ignore[arg-type]


def chain(*tiers: Profile, links: tuple[tuple[int, int, Law], ...], **fields: object) -> World:
    """Tier k on server k in segment k, asked by the tier before it; the last is a database if one
    is given. A request at 1 s, and one at 3 s."""
    workload = Workload(1, 10.0, at(1.0, 3.0), Client(timeout_s=5.0))
    made = world(replace(workload, **fields), *tiers)  # type: ignore[arg-type]
    asked = [i for i, tier in enumerate(tiers) if tier.kind == Kind.HTTP]
    steps = [s for s in made.script if s.verb != "publish"]
    steps += [Step(0.0, "publish", ((i,), -1, i)) for i in asked]
    steps += [Step(0.0, "place", (i, i)) for i in range(len(tiers))]
    steps += [Step(0.0, "link", link) for link in links]
    return made._replace(script=tuple(steps))


def test_three_hops_cost_the_sum_of_their_trips(plane_class: Make) -> None:
    """32, 64 and 128 ms there and back; each call opens a connection, which doubles them. The way
    back of a call is no link of its own: (1, 0) is what tier 1 would ask of tier 0."""
    links = (
        (0, 1, constant(32 * MS)), (1, 2, constant(64 * MS)), (2, 3, constant(128 * MS)),
        (1, 0, constant(4.0)), (0, 3, constant(4.0)),
    )  # fmt: skip
    run = drive(
        plane_class, chain(http(calls(1)), http(calls(2)), http(calls(3)), http(), links=links)
    )
    assert latency(run, 1.0) == (4 * 8 + 2 * (32 + 64 + 128)) * MS
    assert run.causes() == {Outcome.SUCCEEDED: 2}


def test_a_connection_that_is_kept_saves_a_trip(plane_class: Make) -> None:
    links = ((0, 1, constant(32 * MS)),)
    run = drive(plane_class, chain(http(calls(1, connections=1)), http(), links=links))
    assert latency(run, 1.0) == (16 + 64) * MS
    assert latency(run, 3.0) == (16 + 32) * MS


def test_a_query_travels_and_logs_in_before_its_first(plane_class: Make) -> None:
    """Four trips to be connected, one for the query; then one. The login costs the database no
    time here."""
    query = StoryStep(Does.QUERY, constant(4 * MS))
    api = http(query, pool=2)
    database = Profile(Kind.DATABASE, connect_cpu_s=0.0)
    run = drive(plane_class, chain(api, database, links=((0, 1, constant(32 * MS)),)))
    assert latency(run, 1.0) == (8 + 4 + 5 * 32) * MS
    assert latency(run, 3.0) == (8 + 4 + 32) * MS


def test_on_one_server_it_is_the_way_within_it(plane_class: Make) -> None:
    links = ((ONE_SERVER, ONE_SERVER, constant(2 * MS)), (2, 2, constant(1.0)))
    made = chain(http(calls(1)), http(), links=links)
    steps = [
        s._replace(args=(s.args[0], 0)) if s.verb == "add_container" else s for s in made.script
    ]
    steps.append(Step(0.0, "place", (0, 2)))
    run = drive(plane_class, made._replace(script=tuple(steps)))
    assert latency(run, 1.0) == (16 + 4) * MS


def test_farther_than_somebody_waits_for_a_connection(plane_class: Make) -> None:
    """The SYN's answer comes after 2 s, the caller waits 1 s for it; over a proxy's connection,
    which is open, the same request comes through."""
    step = replace(calls(1, connect_timeout_s=1.0), ignore=False)
    made = chain(http(step), http(), links=((0, 1, constant(2.0)),))
    run = drive(plane_class, made)
    assert cause(run, 1.0) == Outcome.CONNECT_TIMEOUT
    assert latency(run, 1.0) == 0.0  # it failed
    through = Step(0.0, "set_routing", (Routing(proxy=True), 1))
    run = drive(plane_class, made._replace(script=(*made.script, through)))
    assert latency(run, 1.0) == 2.0 + 16 * MS


def test_who_dies_meanwhile_is_found_dead(plane_class: Make) -> None:
    """The request is on its way for two seconds (open, and sent) when its server exits after one;
    the answer to a SYN that comes too late is a refusal."""
    made = chain(http(calls(1)), http(), links=((0, 1, constant(1.0)),))
    gone = Step(2.0, "exit", (1, False))
    assert (
        cause(drive(plane_class, made._replace(script=(*made.script, gone))), 1.0)
        == Outcome.REFUSED
    )


def test_a_reset_finds_the_query_on_its_way(plane_class: Make) -> None:
    query = StoryStep(Does.QUERY, constant(4 * MS))
    api = http(query, pool=2)
    made = chain(api, Profile(Kind.DATABASE), links=((0, 1, constant(0.25)),))
    script = (*made.script, Step(2.0, "exit", (1, False)), Step(2.5, "start", (1, 1)))
    run = drive(plane_class, made._replace(script=script))
    assert cause(run, 1.0) == Outcome.HTTP_500
    assert cause(run, 3.0) == Outcome.SUCCEEDED
    assert run.plane.database_gauge(0).connection_waits == 0


@pytest.mark.parametrize("kind", [LawKind.EXPONENTIAL, LawKind.LOGNORMAL])
def test_a_trip_is_drawn_for_each_try(plane_class: Make, kind: LawKind) -> None:
    links = ((0, 1, Law(kind, 64 * MS, 1.0)),)
    run = drive(plane_class, chain(http(calls(1)), http(), links=links))
    assert latency(run, 1.0) != latency(run, 3.0)
    assert min(latency(run, 1.0), latency(run, 3.0)) > 16 * MS


# ---- packets that are lost ----
FOR_EVER = ((0, 1, 1.0), (1, 0, 1.0))


def torn(made: World, since_s: float, until_s: float, *losses: tuple[int, int, float]) -> World:
    """The same, with these shares of packets lost between two times."""
    steps = [Step(since_s, "lose", loss) for loss in losses]
    steps += [Step(until_s, "lose", (a, b, 0.0)) for a, b, _ in losses]
    return made._replace(script=(*made.script, *steps))


@pytest.mark.parametrize(
    ("until_s", "took_s"),
    [
        (1.0 + 0.5, (16 + 1024) * MS),  # the second SYN, a second after the first, gets through
        (1.0 + 1.5, (16 + 2048) * MS),
        (9.0, None),  # the connect time-out
    ],
)
def test_a_call_across_a_cut_sends_its_syn_each_second(
    plane_class: Make, until_s: float, took_s: float | None
) -> None:
    made = chain(http(calls(1, connect_timeout_s=2.5)), http(), links=())
    run = drive(plane_class, torn(made, 0.5, until_s, *FOR_EVER))
    assert cause(run, 1.0) == (Outcome.SUCCEEDED if took_s else Outcome.CONNECT_TIMEOUT)
    assert took_s is None or latency(run, 1.0) == took_s


@pytest.mark.parametrize("way", [(0, 1, 1.0), (1, 0, 1.0)])
def test_no_connection_is_opened_where_one_way_is_cut(
    plane_class: Make, way: tuple[int, int, float]
) -> None:
    made = chain(http(calls(1, connect_timeout_s=2.5)), http(), links=())
    assert cause(drive(plane_class, torn(made, 0.5, 9.0, way)), 1.0) == Outcome.CONNECT_TIMEOUT


def test_over_an_open_connection_the_wait_doubles(plane_class: Make) -> None:
    """Lost at 3.0078 and again after 0.2, 0.4 and 0.8 s; the fifth time, 1.6 s later, it is through
    at 6.0078."""
    made = chain(http(calls(1, connections=1, timeout_s=4.0)), http(), links=())
    run = drive(plane_class, torn(made, 2.0, 5.0, *FOR_EVER))
    assert latency(run, 1.0) == 16 * MS
    assert latency(run, 3.0) == pytest.approx(16 * MS + 0.2 + 0.4 + 0.8 + 1.6)


def test_an_answer_that_is_lost_is_sent_again(plane_class: Make) -> None:
    """Served at 1.0156 and heard of at the third time; its slot is free meanwhile."""
    made = chain(http(calls(1)), http(), links=())
    run = drive(plane_class, torn(made, 1.010, 1.5, (1, 0, 1.0)))
    assert latency(run, 1.0) == pytest.approx(16 * MS + 0.2 + 0.4)


def test_a_query_waits_with_its_connection_in_hand(plane_class: Make) -> None:
    """The second has a connection, and is lost at 3.0078, 3.2078 and 3.6078."""
    query = StoryStep(Does.QUERY, constant(4 * MS))
    made = chain(http(query, pool=2), Profile(Kind.DATABASE, connect_cpu_s=0.0), links=())
    run = drive(plane_class, torn(made, 2.0, 4.0, (0, 1, 1.0)))
    assert latency(run, 1.0) == 12 * MS
    assert latency(run, 3.0) == pytest.approx(12 * MS + 0.2 + 0.4 + 0.8)


def test_a_connection_to_a_database_is_opened_once_the_network_is_back(plane_class: Make) -> None:
    query = StoryStep(Does.QUERY, constant(4 * MS))
    made = chain(
        http(query, pool=2, checkout_timeout_s=3.0),
        Profile(Kind.DATABASE, connect_cpu_s=0.0),
        links=(),
    )
    run = drive(plane_class, torn(made, 0.5, 2.0, (1, 0, 1.0)))
    assert latency(run, 1.0) == 1.0 + 4 * MS


def test_users_meet_a_cut_between_them_and_a_server(plane_class: Make) -> None:
    patience = Client(timeout_s=5.0, connect_timeout_s=0.5)
    made = chain(http(), http(), links=(), client=patience)
    steps = (*made.script, Step(0.0, "place", (0, 2)))
    run = drive(plane_class, torn(made._replace(script=steps), 0.5, 2.0, (0, 2, 1.0)))
    assert cause(run, 1.0) == Outcome.CONNECT_TIMEOUT
    assert cause(run, 3.0) == Outcome.SUCCEEDED


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3])
def test_a_share_of_packets_is_lost(plane_class: Make, share: float) -> None:
    """Over a connection that stays open: 1,000 calls, of whose requests so many are sent twice or
    more, and as many answers."""
    times = at(*(1.0 + k / 8 for k in range(1000)))
    made = chain(
        http(calls(1, connections=1, timeout_s=500.0), slots=1000), http(slots=1000),
        links=(), arrivals=times,
        horizon_s=900.0, client=Client(timeout_s=600.0),
    )  # fmt: skip
    run = drive(plane_class, torn(made, 0.5, 800.0, (0, 1, share), (1, 0, share)))
    slow = sum(run.recording.latency[latency_bin(0.1) :])
    expected = 1.0 - (1.0 - share) ** 2
    assert slow / 1000 == pytest.approx(expected, abs=0.05)
    assert run.causes() == {Outcome.SUCCEEDED: 1000}
