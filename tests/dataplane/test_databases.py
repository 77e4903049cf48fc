"""Several databases: each has its own slots, pools, gauge and death."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.dataplane.codes import Does, Kind, Note, Outcome
from sim.dataplane.profile import Client, PoolRules, Profile, StoryStep, Workload
from tests.dataplane.worlds import at, constant, drive, ends, latency, world

QUERY, WAIT = Does.QUERY, Does.WAIT


def database(number: int, **rules) -> Profile:
    return Profile(Kind.DATABASE, number=number, connect_cpu_s=0.0, connect_s=0.25, **rules)


def api(*steps: StoryStep, **rest) -> Profile:
    return Profile(Kind.HTTP, slots=9, steps=steps, **rest)


def asks(database: int, seconds: float, **rest) -> StoryStep:
    return StoryStep(QUERY, constant(seconds), database, name=f"query:{database}", **rest)


def users(*times: float) -> Workload:
    return Workload(1, 60.0, at(*times), Client(timeout_s=50.0))


BOTH = (asks(0, 1.0), asks(1, 2.0))


def test_a_request_asks_one_after_the_other(plane_class):
    run = drive(plane_class, world(users(1.0), api(*BOTH, pool=1), database(0), database(1)))
    assert latency(run, 1.0) == 3.0
    assert [run.plane.container_gauge(c).busy_s for c in (1, 2)] == [1.0, 2.0]
    assert run.plane.container_gauge(0).connections == 1  # that of the second was for one use


def test_a_pool_binds_for_its_own_database_alone(plane_class):
    """Two users at once; of the second database the process has one connection: one waits."""
    rules = {"pool": 5, "pools": (PoolRules(1, size=1),)}
    w = world(users(1.0, 1.0), api(*BOTH, **rules), database(0), database(1), cores=9.0)
    assert ends(plane_class, w) == [(4.0, 1, 0), (6.0, 2, 0)]


def test_each_pool_has_its_own_patience(plane_class):
    rules = {"pool": 5, "checkout_timeout_s": 40.0, "pools": (PoolRules(1, 1, 0, 0.5),)}
    w = world(users(1.0, 1.0), api(*BOTH, **rules), database(0), database(1), cores=9.0)
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.SUCCEEDED: 1, Outcome.POOL_TIMEOUT: 1}


def test_slots_are_counted_and_refused_by_each(plane_class):
    small = database(1, connection_slots=1)
    w = world(users(1.0, 1.0), api(*BOTH, pool=5), database(0), small, cores=9.0)
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.SUCCEEDED: 1, Outcome.DB_REFUSED: 1}
    first, second = (run.plane.database_gauge(d) for d in (0, 1))
    assert (first.connections_peak, first.connections_refused, first.connection_limit) == (2, 0, 97)
    assert (second.connections_peak, second.connections_refused) == (1, 1)
    assert second.connection_limit == 1
    assert second.exhausted_s == 2.0
    whole = run.plane.gauge()
    assert (whole.connections_peak, whole.connections_refused, whole.connection_limit) == (3, 1, 98)
    assert whole.exhausted_s == 2.0


def test_one_dies_and_only_what_asks_it_fails(plane_class):
    """At 2.5 the first user asks the second database, the other one still the first."""
    w = world(
        users(1.0, 2.0), api(*BOTH, pool=5), database(0), database(1),
        script=[(2.5, "exit", (2,)), (2.75, "start", (2, 2))],
    )  # fmt: skip
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.SUCCEEDED: 1, Outcome.HTTP_500: 1}
    assert run.plane.database_gauge(0).connections == 1  # open still, and used twice
    assert ends(plane_class, w) == [(2.5, 0, 1), (5.0, 1, 1)]


def test_a_hung_one_fills_the_slots_of_who_asks_both(plane_class):
    """The second database is silent: its callers wait for ever, and the first serves on."""
    w = world(
        users(1.0, 1.5), api(*BOTH, pool=5, pools=(PoolRules(1, 5),)), database(0), database(1),
        script=[(0.5, "hang", (2,)), (10.0, "resume", (2,))], cores=9.0,
    )  # fmt: skip
    assert ends(plane_class, w) == [(12.0, 2, 0)]


def test_start_up_connections_are_opened_to_all_before_it_listens(plane_class):
    """Two and three of a quarter of a second each, from 1 s on."""
    rules = {"pool": 2, "pool_at_start": 2, "pools": (PoolRules(1, 3, 3),)}
    w = world(users(), api(*BOTH, **rules), database(0), database(1))
    late = [step for step in w.script if step.verb != "start" or step.args[0] != 0]
    starts = (1.0, "start", (0, 0))
    run = drive(plane_class, w._replace(script=(*late, type(w.script[0])(*starts))))
    assert (2.25, 0) in run.told(Note.LISTENING)
    assert run.plane.container_gauge(0).connections == 5
    assert [run.plane.database_gauge(d).connections for d in (0, 1)] == [2, 3]


def test_a_start_that_one_database_refuses_gives_all_back(plane_class):
    rules = {"pool": 2, "pool_at_start": 2, "pools": (PoolRules(1, 3, 3),)}
    small = database(1, connection_slots=2)
    run = drive(plane_class, world(users(), api(*BOTH, **rules), database(0), small))
    assert [container for _, container in run.told(Note.START_REFUSED)] == [0]
    assert [run.plane.database_gauge(d).connections for d in (0, 1)] == [0, 0]


def test_connections_of_a_lost_host_stay_open_where_they_were(plane_class):
    rules = {"pool": 2, "pools": (PoolRules(1, 2),)}
    first, second = database(0, keepalive_s=5.0), database(1, keepalive_s=9.0)
    w = world(users(1.0), api(*BOTH, **rules), first, second, script=[(10.0, "server_down", (0,))])
    seen = {}
    drive(
        plane_class, w, [11.0, 16.0, 20.0],
        lambda plane: seen.update(
            {plane.now: [plane.database_gauge(d).connections for d in (0, 1)]}
        ),
    )  # fmt: skip
    assert [seen[t] for t in (11.0, 16.0, 20.0)] == [[1, 1], [0, 1], [0, 0]]


def test_the_last_number_works_as_the_first_and_dies_as_it(plane_class):
    """It is no queue's: what ends with the database ends there. It dies at 10, is back at 11."""
    w = world(
        users(1.0, 10.5, 20.0), api(asks(63, 2.0), pools=(PoolRules(63, 1),)), database(63),
        script=[(10.0, "exit", (1,)), (11.0, "start", (1, 1))],
    )  # fmt: skip
    run = drive(plane_class, w)
    assert [latency(run, t) for t in (1.0, 20.0)] == [2.0, 2.0]
    assert run.causes()[Outcome.SUCCEEDED] == 2
    assert run.plane.database_gauge(63).connections == 1
    assert run.plane.queue_gauge(63).lost == 0


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ({"pools": (PoolRules(0, 1),)}, "two pools of one database"),
        ({"pools": tuple(PoolRules(d, 1) for d in range(1, 5))}, "the engines take 4"),
        ({"pools": (PoolRules(64, 1),)}, "of 0 to 63"),
    ],
)
def test_pools_that_cannot_be_are_refused(plane_class, rest, words):
    with pytest.raises(ValueError, match=words):
        plane_class(users()).add_profile(api(*BOTH, **rest))


def test_a_replica_that_is_promoted_is_asked_in_place_of_the_primary(plane_class):
    """At 2.5 the user of 1.0 asks the second database, that of 2.0 the first: both connections are
    reset. Who comes at 4.0 asks the promoted one; of the second database nobody is left, until the
    old primary is."""
    reader = api(asks(0, 1.0), asks(1, 2.0, ignore=True), pool=5)
    script = [(2.5, "set_profile", (2, 3)), (9.0, "set_profile", (1, 4))]
    w = world(users(1.0, 2.0, 4.0, 10.0), reader, database(0), database(1), script=script)
    w = w._replace(profiles=(*w.profiles, database(0), database(1)))
    run = drive(plane_class, w)
    assert ends(plane_class, w) == [(2.5, 1, 1), (5.0, 2, 1), (13.0, 3, 1)]
    assert [run.plane.container_gauge(c).busy_s for c in (1, 2)] == [
        1.0 + 0.5 + 2.0,
        0.5 + 1.0 + 1.0,
    ]


def test_the_promoted_one_has_slots_of_its_own(plane_class):
    """Three connections are open when it is promoted, and one slot is what it has."""
    small = replace(database(0), connection_slots=1)
    w = world(
        users(1.0, 1.0, 1.0, 4.0, 4.0), api(asks(0, 1.0), pool=5), database(0), database(1),
        script=[(3.0, "set_profile", (2, 3))], cores=9.0,
    )  # fmt: skip
    run = drive(plane_class, w._replace(profiles=(*w.profiles, small)))
    assert run.causes() == {Outcome.SUCCEEDED: 4, Outcome.DB_REFUSED: 1}
    assert run.plane.database_gauge(0).connections_peak == 3
    assert [run.plane.database_gauge(d).connection_limit for d in (0, 1)] == [1, 0]


def test_who_hangs_on_a_silent_primary_is_reset_when_another_takes_its_place(plane_class):
    w = world(
        users(1.0, 2.5, 8.0), api(asks(0, 1.0), pool=1), database(0), database(1), cores=9.0,
        script=[(1.5, "server_down", (1,)), (7.0, "set_profile", (2, 3)), (8.5, "server_up", (1,))],
    )  # fmt: skip
    w = w._replace(profiles=(*w.profiles, database(0)))
    assert ends(plane_class, w) == [(7.0, 0, 2), (9.0, 1, 2)]


def test_one_that_steps_down_ends_its_connections_and_lets_nobody_in(plane_class):
    """A query of a second is in it at 1.5, when it becomes read-only: reset, and who asks at 2.0
    fails at once. From 3.0 on it takes what comes, over new connections."""
    w = world(
        users(1.0, 2.0, 4.0), api(asks(0, 1.0), pool=1), database(0), cores=9.0,
        script=[(1.5, "set_profile", (1, 2)), (3.0, "set_profile", (1, 1))],
    )  # fmt: skip
    w = w._replace(profiles=(*w.profiles, replace(database(0), read_only=True)))
    assert ends(plane_class, w) == [(1.5, 0, 1), (2.0, 0, 2), (5.0, 1, 2)]
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.SUCCEEDED: 1, Outcome.HTTP_500: 2}


# ---- connections that nobody closes ----
STRANDED = [(2.5, "server_down", (1,)), (7.0, "strand", (0,)), (7.0, "set_profile", (2, 3))]


def stranded(*later, silence_s: float = 10.0, first=(1.0, 1.0)):
    """Two connections are open, and idle since 2.0, when their server dies; nobody closes them when
    another one takes its place at 7.0. The users of 8.0 and 8.25 ask over them, that of 9.0 waits
    for one, the pool being full."""
    rules = {"pool": 2, "checkout_timeout_s": 40.0, "pool_silence_s": silence_s}
    w = world(
        users(*first, 8.0, 8.25, 9.0, 18.5), api(asks(0, 1.0), **rules), database(0), database(1),
        script=[*STRANDED, *later], cores=9.0,
    )  # fmt: skip
    return w._replace(profiles=(*w.profiles, database(0), database(1)))


def test_a_query_over_a_stranded_connection_fails_when_tcp_gives_up(plane_class):
    """Ten seconds each, whose places the third takes at 18.0, and the last at 18.5."""
    w = stranded()
    assert ends(plane_class, w) == [
        (2.0, 2, 0), (18.0, 2, 1), (18.25, 2, 2), (19.0, 3, 2), (19.5, 4, 2),
    ]  # fmt: skip
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.SUCCEEDED: 4, Outcome.HTTP_500: 2}
    assert run.plane.database_gauge(0).connections == 2
    assert run.plane.container_gauge(2).busy_s == 2.0


@pytest.mark.parametrize(
    "told",
    [
        (12.0, "server_up", (1,)),  # whose kernel knows nothing of them
        (12.0, "exit", (1,)),  # fenced, where it lived
        (12.0, "set_profile", (1, 4)),  # it has heard that it is a replica
    ],
)
def test_stranded_connections_are_reset_when_their_other_end_speaks(plane_class, told):
    w = stranded(told)
    if told[1] != "server_up":  # it lives, and is silent
        script = [s._replace(verb="hang") if s.verb == "server_down" else s for s in w.script]
        w = w._replace(script=tuple(script))
    assert ends(plane_class, w) == [(2.0, 2, 0), (12.0, 2, 2), (13.0, 3, 2), (19.5, 4, 2)]


def test_a_query_under_way_is_stranded_with_its_connection(plane_class):
    """That of 2.25 runs when its server dies, and is in vain for ten seconds from 7.0 on. The other
    place of the pool is free: the next three open a connection there, and share it."""
    w = stranded(first=(2.25,))
    assert ends(plane_class, w) == [
        (9.0, 1, 0), (10.0, 2, 0), (11.0, 3, 0), (17.0, 3, 1), (19.5, 4, 1),
    ]  # fmt: skip


def test_behind_a_pooler_nothing_is_stranded(plane_class):
    pooled = replace(database(0), pooler_size=2)
    w = stranded()
    w = w._replace(profiles=(w.profiles[0], pooled, *w.profiles[2:]))
    assert ends(plane_class, w)[:3] == [(2.0, 2, 0), (9.0, 3, 0), (9.25, 4, 0)]
