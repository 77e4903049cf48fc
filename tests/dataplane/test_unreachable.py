"""Three ways of being unreachable, a stale balancer, and what a proxy makes of it.

Refused at once / swallowed until a timeout / accepted and silent (shared facts, dataplane 3):
they differ in time, in cause and in what a retry gains.
"""

from __future__ import annotations

import pytest

from sim.dataplane.codes import Algorithm, Kind, Outcome
from sim.dataplane.profile import Client, Profile, Routing, Workload
from tests.dataplane.worlds import at, cause, constant, drive, ends, latency, world

API = Profile(Kind.HTTP, slots=4, cpu=constant(0.25))
CLIENT = Client(timeout_s=8.0, connect_timeout_s=3.0)
ROUND = Algorithm.ROUND_ROBIN


DIRECT = Routing()


def load(*times: float, client: Client = CLIENT, routing: Routing = DIRECT) -> Workload:
    return Workload(1, 40.0, at(*times), client, routing, bucket_s=1 / 16)


def haproxy(retries: int = 3, **more) -> Routing:
    return Routing(ROUND, proxy=True, connect_timeout_s=5.0, retries=retries, **more)


# ---- the three ways ----
def test_a_dead_process_refuses_at_once(plane_class):
    w = world(load(2.0), API, script=[(1.0, "exit", (0,))])
    assert ends(plane_class, w) == [(2.0, 0, 1)]
    assert drive(plane_class, w).causes() == {Outcome.REFUSED: 1}


def test_a_dead_server_swallows_packets_until_the_connect_timeout(plane_class):
    w = world(load(2.0), API, script=[(1.0, "server_down", (0,))])
    assert ends(plane_class, w) == [(5.0, 0, 1)]
    assert drive(plane_class, w).causes() == {Outcome.CONNECT_TIMEOUT: 1}


def test_a_hung_process_accepts_and_never_answers(plane_class):
    w = world(load(2.0), API, script=[(1.0, "hang", (0,))])
    assert ends(plane_class, w) == [(10.0, 0, 1)]
    assert drive(plane_class, w).causes() == {Outcome.CLIENT_TIMEOUT: 1}


def test_a_hang_shorter_than_patience_only_makes_late(plane_class):
    w = world(load(2.0), API, script=[(1.0, "hang", (0,)), (6.0, "resume", (0,))])
    run = drive(plane_class, w)
    assert latency(run, 2.0) == 4.25


def test_a_booted_server_refuses_until_its_containers_start(plane_class):
    script = [(1.0, "server_down", (0,)), (3.0, "server_up", (0,)), (6.0, "start", (0, 0))]
    w = world(load(2.0, 4.0, 7.0), API, script=script)
    # the one of 2.0 keeps waiting: its packets were swallowed
    assert ends(plane_class, w) == [(4.0, 0, 1), (5.0, 0, 2), (7.25, 1, 2)]


def test_nothing_listens_while_start_up_connections_open(plane_class):
    slow = Profile(Kind.HTTP, query=constant(0.25), pool=4, pool_at_start=4)
    database = Profile(Kind.DATABASE, connect_s=0.5)
    run = drive(plane_class, world(load(1.0, 3.0), slow, database))
    assert (cause(run, 1.0), cause(run, 3.0)) == (Outcome.REFUSED, Outcome.SUCCEEDED)


def test_an_empty_list_is_no_backend(plane_class):
    run = drive(plane_class, world(load(2.0), API, script=[(1.0, "publish", ((), -1))]))
    assert run.causes() == {Outcome.NO_BACKEND: 1}


def test_a_dead_server_takes_those_inside_without_a_word(plane_class):
    w = world(load(2.0), API, script=[(2.125, "server_down", (0,))])
    assert ends(plane_class, w) == [(10.0, 0, 1)]
    assert drive(plane_class, w).causes() == {Outcome.CLIENT_TIMEOUT: 1}


def test_a_killed_process_resets_those_inside_at_once(plane_class):
    w = world(load(2.0), API, script=[(2.125, "exit", (0,))])
    assert ends(plane_class, w) == [(2.125, 0, 1)]
    assert drive(plane_class, w).causes() == {Outcome.DROPPED_ON_KILL: 1}


# ---- a full listen backlog ----
def test_a_syn_dropped_at_a_full_backlog_is_sent_again_each_second(plane_class):
    tight = Profile(Kind.HTTP, slots=1, backlog=0, cpu=constant(2.5))
    # the second is dropped at 2.5, 3.5, and gets in at 4.5, the first second after the first ends
    run = drive(plane_class, world(load(1.5, 2.5), tight))
    assert latency(run, 1.5) == 2.5
    assert latency(run, 2.5) == 2.0 + 2.5


def test_a_backlog_full_for_longer_than_the_connect_timeout(plane_class):
    tight = Profile(Kind.HTTP, slots=1, backlog=0, cpu=constant(6.0))
    client = Client(timeout_s=30.0, connect_timeout_s=2.5)
    w = world(load(1.0, 2.0, client=client), tight)
    assert ends(plane_class, w) == [(4.5, 0, 1), (7.0, 1, 1)]
    assert drive(plane_class, w).causes() == {Outcome.SUCCEEDED: 1, Outcome.CONNECT_TIMEOUT: 1}


def test_slots_and_backlog_hold_so_many_and_the_backlog_is_first_in_first_out(plane_class):
    small = Profile(Kind.HTTP, slots=1, backlog=2, shed=True, cpu=constant(1.0))
    times = (1.0, 1.125, 1.25, 1.375)
    run = drive(plane_class, world(load(*times), small))
    assert [cause(run, t) for t in times] == [Outcome.SUCCEEDED] * 3 + [Outcome.SHED]
    assert [latency(run, t) for t in times[:3]] == [1.0, 1.875, 2.75]


def test_shedding_answers_at_once(plane_class):
    small = Profile(Kind.HTTP, slots=1, backlog=0, shed=True, cpu=constant(1.0))
    assert ends(plane_class, world(load(1.0, 1.5), small)) == [(1.5, 0, 1), (2.0, 1, 1)]


# ---- a stale list, and HAProxy's retries ----
def test_a_stale_backend_fails_its_share_until_it_is_taken_out(plane_class):
    times = [k / 4 for k in range(4, 32)]
    script = [(1.5, "exit", (1,)), (5.0, "publish", ((0,), -1))]
    run = drive(plane_class, world(load(*times, routing=Routing(ROUND)), API, API, script=script))
    # of those after 1.5 and up to 5.0 every second one; the one inside at 1.5 too
    stale = [t for t in times if 1.5 <= t <= 5.0]
    failed = [t for t in times if cause(run, t) != Outcome.SUCCEEDED]
    assert len([t for t in failed if t in stale]) == pytest.approx(len(stale) / 2, abs=1)
    assert all(t <= 5.0 for t in failed)
    assert cause(run, 7.75) == Outcome.SUCCEEDED


def test_retries_go_to_the_same_server_one_second_apart_even_once_it_is_out(plane_class):
    """Refused at 2, 3, 4, 5: three retries, then the error."""
    script = [(1.0, "exit", (0,)), (2.5, "publish", ((1,), -1))]
    w = world(load(2.0, routing=haproxy()), API, API, script=script)
    assert ends(plane_class, w) == [(5.0, 0, 1)]
    assert drive(plane_class, w).causes() == {Outcome.REFUSED: 1}


def test_an_outage_shorter_than_the_retries_only_makes_late(plane_class):
    script = [(1.0, "exit", (0,)), (3.5, "start", (0, 0))]
    run = drive(plane_class, world(load(2.0, routing=haproxy()), API, script=script))
    assert latency(run, 2.0) == 2.0 + 0.25


def test_without_retries_the_same_request_fails_at_once(plane_class):
    script = [(1.0, "exit", (0,)), (3.5, "start", (0, 0))]
    w = world(load(2.0, routing=haproxy(retries=0)), API, script=script)
    assert ends(plane_class, w) == [(2.0, 0, 1)]


def test_redispatch_tries_the_next_server_at_once(plane_class):
    routing = haproxy(redispatch=True)
    run = drive(
        plane_class, world(load(2.0, routing=routing), API, API, script=[(1.0, "exit", (0,))])
    )
    assert latency(run, 2.0) == 0.25


def test_redispatch_from_a_dead_server_costs_one_connect_timeout(plane_class):
    routing = haproxy(redispatch=True)
    run = drive(
        plane_class,
        world(load(2.0, routing=routing), API, API, script=[(1.0, "server_down", (0,))]),
    )
    assert latency(run, 2.0) == 5.0 + 0.25  # the proxy's timeout, not the client's 3 s


def test_redispatch_gives_up_when_every_server_refuses(plane_class):
    script = [(1.0, "exit", (0,)), (1.0, "exit", (1,))]
    w = world(load(2.0, routing=haproxy(redispatch=True)), API, API, script=script)
    assert ends(plane_class, w) == [(2.0, 0, 1)]


@pytest.mark.parametrize(
    ("replay", "ended"), [(False, Outcome.DROPPED_ON_KILL), (True, Outcome.SUCCEEDED)]
)
def test_in_flight_requests_are_lost_unless_the_proxy_replays_errors(plane_class, replay, ended):
    routing = haproxy(redispatch=True, retry_errors=replay)
    script = [(2.125, "exit", (0,))]
    run = drive(plane_class, world(load(2.0, routing=routing), API, API, script=script))
    assert run.causes() == {ended: 1}
    if replay:
        assert latency(run, 2.0) == 0.125 + 0.25  # from the start on the other server


def test_a_dead_proxy_is_unreachable_in_the_same_three_ways(plane_class):
    proxy = Profile(Kind.PROXY)
    for verb, at_s, outcome in (
        ("exit", 2.0, Outcome.REFUSED),
        ("server_down", 5.0, Outcome.CONNECT_TIMEOUT),  # the client's 3 s; nobody retries
        ("hang", 10.0, Outcome.CLIENT_TIMEOUT),
    ):
        w = world(load(2.0, routing=haproxy()), API, proxy, via=1, script=[(1.0, verb, (1,))])
        assert ends(plane_class, w) == [(at_s, 0, 1)]
        assert drive(plane_class, w).causes() == {outcome: 1}


# ---- algorithms ----
def served(plane_class, algorithm: Algorithm, times: list[float], script=()) -> list[int]:
    w = world(load(*times, routing=Routing(algorithm)), API, API, API, script=script)
    run = drive(plane_class, w)
    return [run.plane.container_gauge(c).served for c in range(3)]


def test_first_sends_all_to_the_first(plane_class):
    assert served(plane_class, Algorithm.FIRST, [k / 8 for k in range(9)]) == [9, 0, 0]


def test_round_robin_deals_evenly(plane_class):
    assert served(plane_class, Algorithm.ROUND_ROBIN, [k / 8 for k in range(9)]) == [3, 3, 3]


def test_random_is_even_in_the_long_run(plane_class):
    got = served(plane_class, Algorithm.RANDOM, [k / 16 for k in range(300)])
    # 100 each with a deviation of 8: five deviations
    assert all(60 <= n <= 140 for n in got)
    assert sum(got) == 300


def test_least_connections_avoids_the_busy_one(plane_class):
    script = [(0.5, "hang", (0,))]  # it keeps what it has
    got = served(plane_class, Algorithm.LEAST_CONNECTIONS, [k / 8 for k in range(8, 48)], script)
    assert got[0] == 0
    assert sum(got) >= 36  # the hung one holds what came when all were even, no more


# ---- a queue in the balancer ----
def test_maxconn_keeps_the_queue_in_the_balancer_first_in_first_out(plane_class):
    one = Profile(Kind.HTTP, slots=1, cpu=constant(1.0))
    times = (1.0, 1.125, 1.25)
    w = world(load(*times, routing=haproxy(maxconn=1)), one)
    seen: list[tuple[int, int]] = []
    run = drive(plane_class, w, [1.5], lambda p: seen.append(p.container_gauge(0)[:2]))
    assert seen[0] == (1, 0)  # one inside, none in the listen backlog
    assert [latency(run, t) for t in times] == [1.0, 1.875, 2.75]


def test_the_balancers_queue_times_out(plane_class):
    one = Profile(Kind.HTTP, slots=1, cpu=constant(4.0))
    w = world(load(1.0, 1.5, routing=haproxy(maxconn=1, queue_timeout_s=2.0)), one)
    assert ends(plane_class, w) == [(3.5, 0, 1), (5.0, 1, 1)]
    assert drive(plane_class, w).causes() == {Outcome.SUCCEEDED: 1, Outcome.NO_BACKEND: 1}


def test_a_request_from_the_balancers_queue_does_not_overtake_the_listen_backlog(plane_class):
    one = Profile(Kind.HTTP, slots=1, cpu=constant(1.0))
    times = (1.0, 1.125, 1.25, 1.375)
    run = drive(plane_class, world(load(*times, routing=haproxy(maxconn=2)), one))
    assert [latency(run, t) for t in times] == [1.0, 1.875, 2.75, 3.625]


def test_a_freed_server_takes_the_balancers_queue_after_a_hang(plane_class):
    """All in the listen backlog had left when the process went on: nobody is inside to end and
    pull the balancer's queue, yet it must move."""
    one = Profile(Kind.HTTP, slots=1, cpu=constant(0.25), cancel=True)
    client = Client(timeout_s=2.0)
    routing = haproxy(maxconn=1, queue_timeout_s=20.0)
    script = [(0.5, "hang", (0,)), (3.5, "resume", (0,))]
    # the first waits in the listen backlog and leaves at 3; the second in the balancer
    w = world(load(1.0, 2.5, client=client, routing=routing), one, script=script)
    run = drive(plane_class, w)
    assert cause(run, 1.0) == Outcome.CLIENT_TIMEOUT
    assert latency(run, 2.5) == 1.0 + 0.25


def test_a_backend_that_starts_takes_the_balancers_queue(plane_class):
    one = Profile(Kind.HTTP, slots=1, cpu=constant(3.0))
    script = [
        (0.5, "exit", (1,)),
        (0.5, "publish", ((0,), -1)),
        (2.0, "start", (1, 1)),
        (2.5, "publish", ((0, 1), -1)),
    ]
    w = world(load(1.0, 1.5, routing=haproxy(maxconn=1)), one, one, script=script)
    run = drive(plane_class, w)
    assert latency(run, 1.5) == 1.0 + 3.0


def test_a_proxy_replays_as_often_as_it_retries_and_no_more(plane_class):
    """Killed on the first server, replayed, killed on the second: that was the one retry."""
    routing = haproxy(retries=1, redispatch=True, retry_errors=True)
    script = [(2.125, "exit", (0,)), (2.25, "exit", (1,))]
    run = drive(plane_class, world(load(2.0, routing=routing), API, API, API, script=script))
    assert run.causes() == {Outcome.DROPPED_ON_KILL: 1}


def test_a_server_taken_out_of_the_list_gets_nothing_from_the_queue(plane_class):
    one = Profile(Kind.HTTP, slots=1, cpu=constant(1.0))
    script = [(1.0, "publish", ((0,), -1)), (2.25, "publish", ((1,), -1))]
    # one runs on 0 until 3, one on 1 until 3.5; the third waits for 1
    w = world(load(2.0, 2.5, 2.75, routing=haproxy(maxconn=1)), one, one, script=script)
    run = drive(plane_class, w)
    assert latency(run, 2.75) == 0.75 + 1.0
    assert [run.plane.container_gauge(c).served for c in (0, 1)] == [1, 2]


def test_who_left_the_balancers_queue_is_not_served(plane_class):
    one = Profile(Kind.HTTP, slots=1, cpu=constant(2.0))
    client = Client(timeout_s=1.75)
    run = drive(plane_class, world(load(2.0, 2.0, client=client, routing=haproxy(maxconn=1)), one))
    assert run.plane.container_gauge(0).busy_s == 2.0  # the first's, in vain; nothing for the other


def test_the_balancers_queue_outlives_its_server_and_goes_on_with_the_next_process(plane_class):
    one = Profile(Kind.HTTP, slots=1, cpu=constant(1.0))
    script = [(2.5, "exit", (0,)), (4.0, "start", (0, 0))]
    routing = haproxy(maxconn=1, queue_timeout_s=20.0)
    run = drive(plane_class, world(load(2.0, 2.25, routing=routing), one, script=script))
    assert run.causes() == {Outcome.DROPPED_ON_KILL: 1, Outcome.SUCCEEDED: 1}
    assert latency(run, 2.25) == 1.75 + 1.0
