"""Connections: server slots, pools, and what happens to them when somebody dies.

Numbers from shared facts, dataplane section 1: 97 ordinary slots of 100, refusals at once, eager
pools all or nothing, idle connections of a dead process freed at once, of a dead host never.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.dataplane.codes import Kind, Note, Outcome
from sim.dataplane.profile import Client, Profile, Workload
from tests.dataplane.worlds import at, cause, constant, drive, ends, exponential, latency, world

CLIENT = Client(timeout_s=30.0)
DB = Profile(Kind.DATABASE, connect_cpu_s=0.0, connect_s=0.25)
API = Profile(Kind.HTTP, slots=1000, cpu=constant(0.0), query=constant(1.0), pool=10)


def load(*times: float, client: Client = CLIENT) -> Workload:
    return Workload(1, 60.0, at(*times), client, bucket_s=1 / 16)


def connections(plane_class, w, *ticks: float) -> list[int]:
    """Server slots used at each tick."""
    seen: list[int] = []
    drive(plane_class, w, ticks, lambda plane: seen.append(plane.gauge().connections))
    return seen[: len(ticks)]


# ---- slots ----
def test_97_of_100_slots_are_for_ordinary_users_and_the_rest_is_refused_at_once(plane_class):
    direct = replace(API, pool=0)  # a connection per use, as 200 psql would
    w = world(load(*[2.0] * 200), direct, Profile(Kind.DATABASE))
    run = drive(plane_class, w, [2.0])
    assert run.causes() == {Outcome.SUCCEEDED: 97, Outcome.DB_REFUSED: 103}
    gauge = run.plane.gauge()
    assert (gauge.connections_refused, gauge.connections_peak) == (103, 97)
    assert ends(plane_class, w)[0] == (2.0, 0, 103)


def test_refusals_are_counted_in_the_second_in_which_they_happen(plane_class):
    tight = replace(DB, connection_slots=2)
    run = drive(plane_class, world(load(2.0, 2.0, 2.0, 5.0), replace(API, pool=0), tight))
    assert [int(n) for n in run.recording.refused[[32, 48, 80]]] == [1, 0, 0]


def test_seconds_at_the_limit_are_counted_while_they_last(plane_class):
    tight = replace(DB, connection_slots=2)
    seen = []
    drive(
        plane_class,
        world(load(2.0, 2.5, 8.0), replace(API, pool=0), tight),
        [2.75, 4.0, 20.0],
        lambda plane: seen.append(plane.gauge().exhausted_s),
    )
    # full from 2.5 until the first query ends at 3
    assert seen[:3] == [0.25, 0.5, 0.5]


# ---- pools ----
def test_a_lazy_pool_opens_on_demand_and_keeps(plane_class):
    w = world(load(2.0, 2.0, 2.0, 10.0), API, DB)
    assert connections(plane_class, w, 1.0, 2.5, 5.0, 10.5) == [0, 3, 3, 3]


def test_an_eager_pool_is_there_before_it_listens(plane_class):
    eager = replace(API, pool_at_start=4)
    w = world(load(), eager, DB)
    run = drive(plane_class, w)
    assert run.told(Note.LISTENING) == [(0.0, 1), (1.0, 0)]  # four times 0.25 s, one by one
    assert connections(plane_class, w, 0.3, 0.6, 2.0) == [1, 2, 4]


def test_a_new_connection_costs_the_database_cpu_with_its_first_query(plane_class):
    costly = replace(DB, connect_cpu_s=0.5)
    run = drive(plane_class, world(load(2.0, 10.0), API, costly))
    assert (latency(run, 2.0), latency(run, 10.0)) == (1.5, 1.0)
    eager = replace(API, pool_at_start=1)
    run = drive(plane_class, world(load(2.0), eager, costly))
    assert latency(run, 2.0) == 1.0  # paid at start


def test_checkouts_wait_in_order_and_time_out(plane_class):
    narrow = replace(API, pool=1, checkout_timeout_s=1.5)
    w = world(load(2.0, 2.25, 2.375), narrow, DB)
    assert ends(plane_class, w) == [(3.0, 1, 0), (3.875, 1, 1), (4.0, 2, 1)]
    run = drive(plane_class, w)
    assert [cause(run, t) for t in (2.0, 2.25)] == [Outcome.SUCCEEDED] * 2
    assert connections(plane_class, w, 2.75, 5.0) == [1, 1]


def test_a_checkout_that_times_out_is_its_own_cause(plane_class):
    narrow = replace(API, pool=1, checkout_timeout_s=0.5)
    w = world(load(2.0, 2.25), narrow, DB)
    assert ends(plane_class, w) == [(2.75, 0, 1), (3.0, 1, 1)]
    assert drive(plane_class, w).causes() == {Outcome.SUCCEEDED: 1, Outcome.POOL_TIMEOUT: 1}


def test_those_who_wait_for_a_connection_are_counted(plane_class):
    narrow = replace(API, pool=1)
    seen = []
    drive(
        plane_class,
        world(load(2.0, 2.25, 2.5), narrow, DB),
        [2.125, 2.75, 3.5, 5.5],
        lambda plane: seen.append(plane.gauge().connection_waits),
    )
    assert seen[:4] == [0, 2, 1, 0]


def test_20_eager_pools_of_10_against_97_slots(plane_class):
    """Facts 1.2: a barrier start brings up 8 or 9 of 20 (8, 9, 9, 8, 8), never 10: processes that
    got some connections hold them while others are refused. One by one: exactly 9."""
    eager = replace(API, pool_at_start=10)
    measured = replace(DB, connect_s=0.0038)
    together = world(load(), measured, *[replace(eager) for _ in range(20)])
    run = drive(plane_class, together)
    up = len(run.told(Note.LISTENING)) - 1
    assert up in (8, 9)
    assert len(run.told(Note.START_REFUSED)) == 20 - up
    assert run.plane.gauge().connections == 10 * up  # the refused gave theirs back

    apart = [Profile(Kind.HTTP)] * 20
    script = [(float(i), "start", (i, 20)) for i in range(20)]
    w = world(load(), *apart, eager, measured)
    hold = [s for s in w.script if s.verb != "start" or s.args[0] > 20]
    run = drive(plane_class, w._replace(script=(*hold, *[type(hold[0])(*s) for s in script])))
    assert len(run.told(Note.LISTENING)) - 1 == 9
    assert run.plane.gauge().connections == 90


def test_lazy_pools_all_start_and_fail_per_request(plane_class):
    """The same 20 x 10 lazily: nobody is refused at 20 busy, a part of the requests is at 160."""
    lazy = [replace(API, query=exponential(1.0)) for _ in range(20)]
    big = replace(DB, connection_slots=97)
    from sim.dataplane.codes import Algorithm
    from sim.dataplane.profile import Routing
    from tests.dataplane.worlds import poisson

    refused = {}
    for rate in (20.0, 160.0):
        w = Workload(5, 30.0, poisson(rate), CLIENT, Routing(Algorithm.ROUND_ROBIN))
        run = drive(plane_class, world(w, big, *lazy, cores=200.0))
        assert len(run.told(Note.LISTENING)) == 21
        refused[rate] = run.causes().get(Outcome.DB_REFUSED, 0) / run.plane.gauge().arrived
        assert run.causes().get(Outcome.POOL_TIMEOUT, 0) == 0
    assert refused[20.0] == 0.0
    assert 0.05 < refused[160.0] < 0.6
    assert run.plane.gauge().connections_peak == 97


# ---- deaths of clients ----
def test_connections_of_a_dead_process_are_free_at_once(plane_class):
    w = world(load(2.0, 2.0), API, DB, script=[(5.0, "exit", (0,))])
    assert connections(plane_class, w, 4.0, 5.0) == [2, 0]


def test_a_query_dies_with_its_process(plane_class):
    run = drive(plane_class, world(load(2.0), API, DB, script=[(2.25, "exit", (0,))]))
    assert run.plane.container_gauge(1).busy_s == 0.25
    assert run.causes() == {Outcome.DROPPED_ON_KILL: 1}


def test_ghosts_of_a_dead_host_hold_their_slots_until_keepalive(plane_class):
    patient = replace(DB, keepalive_s=20.0)
    w = world(load(2.0, 2.0), API, patient, script=[(5.0, "server_down", (0,))])
    assert connections(plane_class, w, 6.0, 24.5, 25.0) == [2, 2, 0]


def test_ghosts_keep_a_replacement_out(plane_class):
    """A host with 10 connections dies; its replica starts elsewhere against 15 slots."""
    tight = replace(DB, connection_slots=15, keepalive_s=20.0)
    eager = replace(API, pool_at_start=10)
    script = [
        (5.0, "server_down", (0,)),
        (6.0, "start", (1, 1)),
        (40.0, "exit", (1,)),
        (41.0, "start", (1, 1)),
    ]
    w = world(load(), eager, eager, tight, script=script)
    w = w._replace(script=tuple(s for s in w.script if s != (0.0, "start", (1, 1))))
    run = drive(plane_class, w)
    assert [c for _, c in run.told(Note.START_REFUSED)] == [1]
    assert run.told(Note.LISTENING)[-1] == (43.5, 1)  # after keepalive: ten times 0.25 s


# ---- deaths of the database ----
def test_a_dead_database_process_breaks_queries_at_once_and_refuses_new_ones(plane_class):
    script = [(2.25, "exit", (1,)), (5.0, "start", (1, 1))]
    w = world(load(2.0, 3.0, 6.0), API, DB, script=script)
    assert ends(plane_class, w) == [(2.25, 0, 1), (3.0, 0, 2), (7.0, 1, 2)]
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.HTTP_500: 2, Outcome.SUCCEEDED: 1}


def test_a_dead_database_process_fails_those_who_wait_for_a_connection(plane_class):
    narrow = replace(API, pool=1)
    w = world(load(2.0, 2.125), narrow, DB, script=[(2.25, "exit", (1,))])
    assert ends(plane_class, w) == [(2.25, 0, 2)]
    assert drive(plane_class, w).causes() == {Outcome.HTTP_500: 2}


def test_a_dead_database_host_is_silent_until_it_is_back_and_resets(plane_class):
    """Queries in flight hang on half-open connections; the boot answers them with a reset. The
    process is not up yet, so those who come then are refused."""
    script = [(2.25, "server_down", (1,)), (12.0, "server_up", (1,)), (15.0, "start", (1, 1))]
    w = world(load(2.0, 13.0, 16.0), API, DB, script=script)
    assert ends(plane_class, w) == [(12.0, 0, 1), (13.0, 0, 2), (17.0, 1, 2)]
    assert drive(plane_class, w).causes() == {Outcome.HTTP_500: 2, Outcome.SUCCEEDED: 1}
    assert connections(plane_class, w, 2.125, 5.0, 12.0, 16.5) == [1, 0, 0, 1]


def test_new_connections_to_a_dead_database_host_wait_out_the_checkout_timeout(plane_class):
    eager = replace(API, checkout_timeout_s=4.0)
    w = world(load(3.0), eager, DB, script=[(1.0, "server_down", (1,))])
    assert ends(plane_class, w) == [(7.0, 0, 1)]
    assert drive(plane_class, w).causes() == {Outcome.POOL_TIMEOUT: 1}


def test_a_start_waits_for_a_silent_database_and_is_refused_by_a_dead_one(plane_class):
    eager = replace(API, pool_at_start=1)
    script = [
        (1.0, "exit", (0,)),
        (1.0, "hang", (1,)),
        (2.0, "start", (0, 0)),
        (5.0, "resume", (1,)),
    ]
    run = drive(plane_class, world(load(), eager, DB, script=script))
    # tried at 2.25 and each second after; 5.25 is the first that answers
    assert run.told(Note.LISTENING)[-1] == (5.25, 0)
    script = [(1.0, "exit", (0,)), (1.0, "exit", (1,)), (2.0, "start", (0, 0))]
    run = drive(plane_class, world(load(), eager, DB, script=script))
    assert run.told(Note.START_REFUSED) == [(2.25, 0)]


def test_a_hung_database_stalls_queries_and_loses_none(plane_class):
    script = [(2.25, "hang", (1,)), (8.0, "resume", (1,))]
    w = world(load(2.0), API, DB, script=script)
    assert ends(plane_class, w) == [(8.75, 1, 0)]


def test_connections_that_a_hung_database_accepted_are_there_when_it_goes_on(plane_class):
    """Hung from 1 to 4; two dial at 2, one slot: one runs from 4 to 5, the other is refused."""
    tight = replace(DB, connection_slots=1)
    script = [(1.0, "hang", (1,)), (4.0, "resume", (1,))]
    w = world(load(2.0, 2.0), API, tight, script=script)
    assert ends(plane_class, w) == [(4.0, 0, 1), (5.0, 1, 1)]
    assert drive(plane_class, w).causes() == {Outcome.SUCCEEDED: 1, Outcome.DB_REFUSED: 1}


def test_connections_that_a_hung_database_accepted_break_when_it_is_killed(plane_class):
    script = [(1.0, "hang", (1,)), (4.0, "exit", (1,))]
    w = world(load(2.0), API, DB, script=script)
    assert ends(plane_class, w) == [(4.0, 0, 1)]
    assert drive(plane_class, w).causes() == {Outcome.HTTP_500: 1}


def test_a_database_elsewhere_takes_over_with_fresh_connections(plane_class):
    script = [(3.0, "server_down", (1,)), (5.0, "start", (2, 2))]
    w = world(load(2.0, 6.0), API, DB, DB, script=script)
    w = w._replace(script=tuple(s for s in w.script if s != (0.0, "start", (2, 2))))
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.SUCCEEDED: 2}
    assert run.plane.container_gauge(2).busy_s == 1.0
    assert run.plane.gauge().connections == 1


def test_a_hung_client_holds_its_connections_and_its_answers(plane_class):
    """Its query ends, but nobody reads the answer until the process goes on."""
    script = [(2.5, "hang", (0,)), (8.0, "resume", (0,))]
    w = world(load(2.0), replace(API, pool=0), DB, script=script)
    assert ends(plane_class, w) == [(8.0, 1, 0)]
    assert connections(plane_class, w, 5.0, 8.0) == [1, 0]


def test_those_who_wait_for_a_connection_die_with_their_process(plane_class):
    narrow = replace(API, pool=1)
    run = drive(plane_class, world(load(2.0, 2.25), narrow, DB, script=[(2.5, "exit", (0,))]))
    assert run.plane.gauge().connection_waits == 0
    assert run.causes() == {Outcome.DROPPED_ON_KILL: 2}


def test_a_hung_process_does_not_tell_that_its_checkout_timed_out(plane_class):
    narrow = replace(API, pool=1, checkout_timeout_s=1.0, query=constant(9.0))
    script = [(2.5, "hang", (0,)), (8.0, "resume", (0,))]
    w = world(load(2.0, 2.25), narrow, DB, script=script)
    assert ends(plane_class, w) == [(8.0, 0, 1), (11.0, 1, 1)]


def test_a_database_that_restarts_while_its_client_hangs_breaks_the_connection(plane_class):
    script = [
        (2.5, "hang", (0,)),
        (4.0, "exit", (1,)),
        (5.0, "start", (1, 1)),
        (6.0, "resume", (0,)),
    ]
    w = world(load(2.0, 8.0), API, DB, script=script)
    assert connections(plane_class, w, 3.5, 7.0, 8.5) == [1, 0, 1]


def test_a_dial_that_failed_leaves_its_place_in_the_pool(plane_class):
    """A pool of one: its dial to a silent database gave up; later there is one again, not two."""
    narrow = replace(API, pool=1, checkout_timeout_s=1.5)
    script = [(1.0, "hang", (1,)), (5.0, "resume", (1,))]
    run = drive(plane_class, world(load(2.0, 6.0, 6.0), narrow, DB, script=script))
    assert run.causes() == {Outcome.POOL_TIMEOUT: 1, Outcome.SUCCEEDED: 2}
    assert run.plane.gauge().connections_peak == 1


def test_ghosts_end_with_the_database_process_and_not_again_later(plane_class):
    script = [
        (5.0, "server_down", (0,)),
        (10.0, "exit", (2,)),
        (11.0, "start", (2, 2)),
        (11.5, "publish", ((1,), -1)),
    ]
    short = replace(DB, keepalive_s=20.0)
    w = world(
        load(2.0, 2.125, 12.0, 12.0),
        API,
        API,
        short,
        script=[(1.0, "publish", ((0,), -1)), *script],
    )
    assert connections(plane_class, w, 6.0, 10.0, 13.0, 26.0) == [2, 0, 2, 2]


# ---- cost ----
def test_queries_share_the_databases_cores(plane_class):
    run = drive(plane_class, world(load(2.0, 2.5), API, DB, cores=[64.0, 1.0]))
    assert (latency(run, 2.0), latency(run, 2.5)) == (1.5, 1.5)


def test_cost_grows_with_concurrency(plane_class):
    """1 + growth x (active - 1), taken when the query starts: 12 % from 1 to 90 in the facts."""
    growing = replace(DB, cost_growth=0.125)
    run = drive(plane_class, world(load(2.0, 2.125, 2.25, 10.0), API, growing))
    assert [latency(run, t) for t in (2.0, 2.125, 2.25, 10.0)] == [1.0, 1.125, 1.25, 1.0]


@pytest.mark.parametrize("database", [True, False])
def test_a_request_without_a_query_needs_no_database(plane_class, database):
    static = replace(API, query=constant(0.0), cpu=constant(0.5))
    more = [DB] if database else []
    script = [(1.0, "exit", (1,))] if database else []
    run = drive(plane_class, world(load(2.0), static, *more, script=script))
    assert run.causes() == {Outcome.SUCCEEDED: 1}


# ---- a password that is no longer right ----
def test_a_locked_out_client_keeps_its_connections_and_opens_no_more(plane_class):
    """One connection is there; of two at 5 one uses it, the other needs a second one."""
    script = [(4.0, "lock_out", (0, True)), (8.0, "lock_out", (0, False))]
    w = world(load(2.0, 5.0, 5.0, 9.0, 9.0), API, DB, script=script)
    run = drive(plane_class, w)
    assert ends(plane_class, w) == [(3.0, 1, 0), (5.0, 1, 1), (6.0, 2, 1), (10.0, 4, 1)]
    assert run.causes() == {Outcome.SUCCEEDED: 4, Outcome.HTTP_500: 1}
    assert run.plane.gauge().connections_refused == 0  # not SQLSTATE 53300


def test_a_locked_out_process_cannot_start_with_a_pool(plane_class):
    """A restart does not help: the same password is in its environment."""
    eager = replace(API, pool_at_start=2)
    script = [
        (2.0, "lock_out", (0, True)), (3.0, "exit", (0,)), (4.0, "start", (0, 0)),
        (5.0, "exit", (0,)), (6.0, "lock_out", (0, False)), (7.0, "start", (0, 0)),
    ]  # fmt: skip
    run = drive(plane_class, world(load(), eager, DB, script=script))
    assert run.told(Note.START_REFUSED) == [(4.25, 0)]
    assert run.told(Note.LISTENING)[-1] == (7.5, 0)


def test_others_are_not_locked_out(plane_class):
    script = [(1.0, "lock_out", (0, True)), (1.0, "publish", ((1,), -1))]
    run = drive(plane_class, world(load(2.0), API, API, DB, script=script))
    assert run.causes() == {Outcome.SUCCEEDED: 1}


def test_the_pooler_asks_for_the_password_as_well(plane_class):
    pooled = replace(DB, pooler_size=2)
    run = drive(plane_class, world(load(2.0), API, pooled, script=[(1.0, "lock_out", (0, True))]))
    assert run.causes() == {Outcome.HTTP_500: 1}


def test_a_locked_out_workers_job_fails_and_is_tried_again(plane_class):
    """Locked out until 4: tried at 2, 3 (after 1 s) and 5 (after 2 s more)."""
    api = replace(API, query=constant(0.0), push_rate=1.0)
    worker = Profile(Kind.WORKER, query=constant(1.0), pool=1, job_attempts=3, job_backoff_s=1.0)
    script = [(1.0, "lock_out", (1, True)), (4.0, "lock_out", (1, False))]
    run = drive(plane_class, world(load(2.0), api, worker, DB, Profile(Kind.QUEUE), script=script))
    assert run.jobs() == {"enqueued": 1, "done": 1}
    assert run.plane.container_gauge(1).errors == 2


# ---- locks, and a profile that is pushed to a process that lives ----
def test_a_lock_is_waited_for_with_a_connection_in_hand(plane_class):
    """A query takes 1 s. All is locked from 1.5 to 5: those of 2 and 2.5 wait with a connection
    each, that of 3 finds the pool of two empty, and waits for one of them."""
    held = replace(DB, locked_share=1.0)
    narrow = replace(API, pool=2, checkout_timeout_s=10.0)
    script = [(1.5, "set_profile", (1, 2)), (5.0, "set_profile", (1, 1))]
    w = world(load(2.0, 2.5, 3.0), narrow, DB, script=script)
    w = w._replace(profiles=(*w.profiles, held))
    run = drive(plane_class, w)
    assert [latency(run, t) for t in (2.0, 2.5, 3.0)] == [4.0, 3.5, 4.0]
    assert run.plane.gauge().connections_peak == 2


def test_who_waits_for_a_lock_fails_with_the_database(plane_class):
    held = replace(DB, locked_share=1.0)
    script = [(1.5, "set_profile", (1, 2)), (4.0, "exit", (1,))]
    w = world(load(2.0, 2.0), API, DB, script=script)
    w = w._replace(profiles=(*w.profiles, held))
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.HTTP_500: 2}
    assert ends(plane_class, w)[-1][0] == 4.0


def test_a_share_of_queries_waits_the_others_pass(plane_class):
    """Half of 400 queries wait until their users have left: the others take no longer."""
    held = replace(DB, locked_share=0.5, connect_cpu_s=0.0)
    times = [2.0 + k / 16.0 for k in range(400)]
    quick = replace(API, query=constant(0.0625), pool=300)
    run = drive(plane_class, world(load(*times), quick, replace(held, connection_slots=300)))
    assert all(latency(run, t) < 1.0 for t in times)
    assert 160 < run.causes()[Outcome.CLIENT_TIMEOUT] < 240


def test_a_process_is_told_another_error_rate_without_a_restart(plane_class):
    broken = replace(API, error_rate=1.0)
    script = [(3.5, "set_profile", (0, 2)), (5.0, "set_profile", (0, 0))]
    w = world(load(2.0, 4.0, 6.0), API, DB, script=script)
    run = drive(plane_class, w._replace(profiles=(*w.profiles, broken)))
    assert run.causes() == {Outcome.SUCCEEDED: 2, Outcome.HTTP_500: 1}
    assert len(run.told(Note.LISTENING)) == 2, "nobody has started anew"


def test_more_slots_let_in_who_waits(plane_class):
    one = replace(API, slots=1, query=constant(0.0), cpu=constant(2.0))
    two = replace(one, slots=2)
    w = world(load(2.0, 2.0), one, script=[(3.0, "set_profile", (0, 1))], cores=[8.0])
    w = w._replace(profiles=(*w.profiles, two))
    assert ends(plane_class, w) == [(4.0, 1, 0), (5.0, 2, 0)]
