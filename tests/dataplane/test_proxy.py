"""A proxy between users and replicas: when its rules hold, what it sees, how it dies.

Every case worked out by hand. Sources: HAProxy (retries, maxconn counts connections that are being
opened), Envoy's outlier detection (consecutive_5xx).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.dataplane.codes import Algorithm, Kind, Note, Outcome
from sim.dataplane.profile import Client, Profile, Routing, Workload
from tests.dataplane.worlds import at, cause, constant, drive, ends, latency, world

API = Profile(Kind.HTTP, slots=4, cpu=constant(0.25))
PROXY = Profile(Kind.PROXY)
CLIENT = Client(timeout_s=8.0, connect_timeout_s=3.0)


def load(*times: float, client: Client = CLIENT, routing: Routing | None = None) -> Workload:
    return Workload(1, 40.0, at(*times), client, routing or proxied(), bucket_s=1 / 16)


def proxied(**more) -> Routing:
    rules = {"retries": 0, "connect_timeout_s": 5.0, **more}
    return Routing(Algorithm.ROUND_ROBIN, proxy=True, **rules)


# ---- when the rules hold ----
def test_a_proxys_retries_need_a_proxy(plane_class):
    """Nobody retries for a user who connects to the replica itself."""
    direct = Routing(retries=3, redispatch=True, retry_errors=True)
    w = world(load(2.0, routing=direct), API, API, script=[(1.0, "exit", (0,))])
    assert ends(plane_class, w) == [(2.0, 0, 1)]
    assert drive(plane_class, w).causes() == {Outcome.REFUSED: 1}


def test_a_balancer_that_goes_live_retries_from_then_on(plane_class):
    script = [
        (1.0, "exit", (0,)),
        (3.0, "set_routing", (proxied(retries=3, retry_pause_s=1.0),)),
        (5.5, "start", (0, 0)),
    ]
    run = drive(plane_class, world(load(2.0, 4.0, routing=Routing()), API, script=script))
    assert cause(run, 2.0) == Outcome.REFUSED
    assert latency(run, 4.0) == 2.0 + 0.25  # refused at 4 and 5, accepted at 6


def test_new_rules_let_in_who_waited_by_the_old_ones(plane_class):
    """At 3 maxconn goes from 1 to none: both who wait are connected at once."""
    slow = replace(API, cpu=constant(4.0))
    script = [(3.0, "set_routing", (proxied(),))]
    queued = proxied(maxconn=1, queue_timeout_s=30.0)
    run = drive(plane_class, world(load(2.0, 2.125, 2.25, routing=queued), slow, script=script))
    assert [latency(run, t) for t in (2.0, 2.125, 2.25)] == [4.0, 0.875 + 4.0, 0.75 + 4.0]


def test_a_wider_maxconn_lets_in_as_many_as_it_allows(plane_class):
    slow = replace(API, cpu=constant(4.0))
    one, two = proxied(maxconn=1, queue_timeout_s=30.0), proxied(maxconn=2, queue_timeout_s=30.0)
    script = [(3.0, "set_routing", (two,))]
    run = drive(plane_class, world(load(2.0, 2.125, 2.25, routing=one), slow, script=script))
    assert [latency(run, t) for t in (2.0, 2.125, 2.25)] == [4.0, 0.875 + 4.0, 3.75 + 4.0]


# ---- nobody is listed ----
def test_requests_are_held_until_somebody_is_listed_and_the_first_is_told_of(plane_class):
    """Two come while the list is empty: both are served when a backend is published, at 5."""
    script = [(1.0, "publish", ((), -1)), (5.0, "publish", ((0,), -1))]
    rules = proxied(maxconn=2, queue_timeout_s=10.0, holds=True)
    run = drive(plane_class, world(load(2.0, 3.0, routing=rules), API, script=script))
    assert [latency(run, t) for t in (2.0, 3.0)] == [3.0 + 0.25, 2.0 + 0.25]  # a core each
    assert run.told(Note.NONE_LISTED) == [(2.0, 0)]


def test_a_held_request_gets_no_backend_when_its_time_in_the_queue_is_over(plane_class):
    """At 2 + 1.5; the empty list of 4 is another one, and is told of again."""
    script = [(1.0, "publish", ((), -1)), (4.0, "publish", ((), -1)), (6.0, "publish", ((0,), -1))]
    rules = proxied(maxconn=2, queue_timeout_s=1.5, holds=True)
    w = world(load(2.0, 3.0, 5.0, routing=rules), API, script=script)
    run = drive(plane_class, w)
    assert ends(plane_class, w) == [(3.5, 0, 1), (4.5, 0, 2), (6.25, 1, 2)]
    assert [cause(run, t) for t in (2.0, 3.0)] == [Outcome.NO_BACKEND] * 2
    assert run.told(Note.NONE_LISTED) == [(2.0, 0), (5.0, 0)]


def test_without_a_maxconn_there_is_no_queue_to_hold_a_request_in(plane_class):
    script = [(1.0, "publish", ((), -1))]
    run = drive(plane_class, world(load(2.0, routing=proxied(holds=True)), API, script=script))
    assert cause(run, 2.0) == Outcome.NO_BACKEND
    assert run.told(Note.NONE_LISTED) == []


# ---- maxconn ----
def test_a_connection_that_is_being_opened_counts_toward_maxconn(plane_class):
    """The dead server holds one connect attempt; the second request goes to the living one, the
    third waits until that one is done."""
    script = [(1.0, "server_down", (0,))]
    slow = replace(API, cpu=constant(2.0))
    routing = proxied(maxconn=1, queue_timeout_s=30.0)
    client = replace(CLIENT, timeout_s=30.0)
    w = world(load(2.0, 2.125, 2.25, client=client, routing=routing), slow, slow, script=script)
    run = drive(plane_class, w)
    assert cause(run, 2.0) == Outcome.CONNECT_TIMEOUT  # at 7
    assert latency(run, 2.125) == 2.0
    assert latency(run, 2.25) == 1.875 + 2.0


def test_when_it_comes_to_nothing_the_queue_moves_up(plane_class):
    """One server, behind a dead host until 6: the second dials when the first has given up at 7."""
    script = [(1.0, "server_down", (0,)), (6.0, "server_up", (0,)), (6.5, "start", (0, 0))]
    routing = proxied(maxconn=1, queue_timeout_s=30.0)
    client = replace(CLIENT, timeout_s=30.0)
    run = drive(
        plane_class, world(load(2.0, 2.5, client=client, routing=routing), API, script=script)
    )
    assert cause(run, 2.0) == Outcome.CONNECT_TIMEOUT
    assert latency(run, 2.5) == 4.5 + 0.25


# ---- what a proxy sees ----
def outliers(plane_class, w) -> list[tuple[float, int]]:
    return drive(plane_class, w).told(Note.OUTLIER)


def test_failures_in_a_row_make_an_outlier_and_counting_starts_again(plane_class):
    """Every answer is a 500: the third and the sixth tell."""
    bad = replace(API, error_rate=1.0)
    times = [2.0 + k for k in range(7)]
    w = world(load(*times, routing=proxied(outlier_failures=3)), bad)
    assert outliers(plane_class, w) == [(4.25, 0), (7.25, 0)]


def test_a_good_answer_in_between_starts_the_count_again(plane_class):
    """Refused at 2 and 3, served at 5, refused at 7, 8, 9."""
    script = [(1.0, "exit", (0,)), (4.0, "start", (0, 0)), (6.0, "exit", (0,))]
    w = world(
        load(2.0, 3.0, 5.0, 7.0, 8.0, 9.0, routing=proxied(outlier_failures=3)), API, script=script
    )
    assert outliers(plane_class, w) == [(9.0, 0)]


@pytest.mark.parametrize(
    ("script", "times", "told"),
    [
        ([(1.0, "exit", (0,))], (2.0, 3.0), 3.0),  # refused
        ([(1.0, "server_down", (0,))], (2.0, 3.0), 8.0),  # connect time-outs
        ([(2.125, "exit", (0,))], (2.0, 2.0), 2.125),  # reset
        ([(1.0, "hang", (0,))], (2.0, 3.0), None),  # the user left first: no answer seen
    ],
)
def test_what_counts_as_a_failure(plane_class, script, times, told):
    w = world(load(*times, routing=proxied(outlier_failures=2)), API, script=script)
    assert outliers(plane_class, w) == ([] if told is None else [(told, 0)])


def test_shedding_is_a_503_and_counts(plane_class):
    full = replace(API, slots=1, backlog=0, shed=True, cpu=constant(5.0))
    w = world(load(2.0, 3.0, 4.0, routing=proxied(outlier_failures=2)), full)
    assert outliers(plane_class, w) == [(4.0, 0)]


def test_each_retry_counts(plane_class):
    """One request, three retries a second apart: the fourth failure in a row."""
    rules = proxied(outlier_failures=4, retries=3, retry_pause_s=1.0)
    w = world(load(2.0, routing=rules), API, script=[(1.0, "exit", (0,))])
    assert outliers(plane_class, w) == [(5.0, 0)]


def test_other_backends_are_counted_apart_and_nobody_counts_without_a_proxy(plane_class):
    times = [2.0 + k for k in range(6)]  # 0 fails at 2, 4, 6
    script = [(1.0, "exit", (0,))]
    rules = proxied(outlier_failures=2)
    assert outliers(plane_class, world(load(*times, routing=rules), API, API, script=script)) == [
        (4.0, 0)
    ]
    for silent in (proxied(), replace(rules, proxy=False)):
        w = world(load(*times, routing=silent), API, API, script=script)
        assert outliers(plane_class, w) == []


def test_a_new_proxy_knows_of_no_failures(plane_class):
    rules = proxied(outlier_failures=3)
    script = [(1.0, "exit", (0,)), (3.5, "set_routing", (rules,))]
    w = world(load(2.0, 3.0, 4.0, 5.0, 6.0, routing=rules), API, script=script)
    assert outliers(plane_class, w) == [(6.0, 0)]


# ---- the proxy's own death ----
def behind(work: Workload, *script, api: Profile = API) -> object:
    """Containers 0 (the proxy) and 1 (a replica), each on its own server."""
    steps = [(0.0, "publish", ((1,), 0)), *script]
    return world(work, PROXY, api, script=steps)


def test_a_proxy_that_dies_resets_what_goes_through_it(plane_class):
    slow = replace(API, cpu=constant(2.0), slots=1)
    w = behind(load(2.0, 2.5), (3.0, "exit", (0,)), api=slow)  # one served, one in the backlog
    assert ends(plane_class, w) == [(3.0, 0, 2)]
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.DROPPED_ON_KILL: 2}
    assert run.plane.container_gauge(1).busy_s == 4.0  # the replica serves both in vain


def test_a_replica_that_cancels_drops_what_the_dead_proxy_had_sent(plane_class):
    slow = replace(API, cpu=constant(2.0), slots=1, cancel=True)
    run = drive(plane_class, behind(load(2.0, 2.5), (3.0, "exit", (0,)), api=slow))
    assert run.plane.container_gauge(1).busy_s == 2.0


def test_its_death_empties_its_queue_and_ends_its_dials(plane_class):
    """One is served, one waits in the proxy's queue, one (elsewhere) dials a dead host."""
    slow = replace(API, cpu=constant(6.0))
    routing = proxied(maxconn=1, queue_timeout_s=30.0)
    steps = [
        (0.0, "publish", ((1, 2), 0)),
        (1.0, "server_down", (2,)),
        (4.0, "exit", (0,)),
    ]
    w = world(load(2.0, 2.5, 3.0, routing=routing), PROXY, slow, slow, script=steps)
    assert ends(plane_class, w) == [(4.0, 0, 3)]
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.DROPPED_ON_KILL: 3}
    assert run.plane.container_gauge(1).served == 1


def test_behind_a_proxy_whose_host_died_no_answer_gets_through(plane_class):
    """The replica answers at 4; the user hears nothing and leaves at 10."""
    slow = replace(API, cpu=constant(2.0))
    w = behind(load(2.0), (3.0, "server_down", (0,)), api=slow)
    assert ends(plane_class, w) == [(10.0, 0, 1)]
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.CLIENT_TIMEOUT: 1}
    assert run.plane.container_gauge(1).served == 1


def test_a_hung_proxy_routes_what_it_accepted_when_it_goes_on(plane_class):
    w = behind(load(2.0), (1.0, "hang", (0,)), (5.0, "resume", (0,)))
    assert latency(drive(plane_class, w), 2.0) == 3.0 + 0.25


def test_a_hung_proxy_that_is_killed_resets_what_it_had_accepted(plane_class):
    w = behind(load(2.0), (1.0, "hang", (0,)), (5.0, "exit", (0,)))
    assert ends(plane_class, w) == [(5.0, 0, 1)]
    assert drive(plane_class, w).causes() == {Outcome.DROPPED_ON_KILL: 1}


def test_those_who_came_by_another_way_are_not_touched(plane_class):
    slow = replace(API, cpu=constant(2.0))
    steps = [(0.0, "publish", ((1,), -1)), (2.5, "publish", ((1,), 0)), (3.0, "exit", (0,))]
    run = drive(plane_class, world(load(2.0, 2.75), PROXY, slow, script=steps))
    assert (cause(run, 2.0), cause(run, 2.75)) == (Outcome.SUCCEEDED, Outcome.DROPPED_ON_KILL)
