"""PgBouncer in front of the database: transaction pooling (shared facts, dataplane 1.7)."""

from __future__ import annotations

from dataclasses import replace

from sim.dataplane.codes import Kind, Note, Outcome
from sim.dataplane.profile import Client, Profile, Workload
from tests.dataplane.balance import Ledger
from tests.dataplane.worlds import at, constant, drive, ends, latency, world

POOLED = Profile(
    Kind.DATABASE, connect_cpu_s=0.0, connect_s=0.25, pooler_size=2, pooler_clients=1000
)
QUERY = 1 / 1024
API = Profile(Kind.HTTP, slots=1000, cpu=constant(0.0), query=constant(1.0), pool=300)


def load(*times: float) -> Workload:
    return Workload(1, 60.0, at(*times), Client(timeout_s=50.0), bucket_s=1 / 16)


def test_a_few_server_connections_serve_many_clients_first_come_first_served(plane_class):
    """Facts: pool 20, 200 clients, 0.1 s each: all served, the last after 10 rounds."""
    pooled = replace(POOLED, pooler_size=20)
    quick = replace(API, query=constant(0.125))
    run = drive(plane_class, world(load(*[2.0] * 200), quick, pooled), [2.5])
    assert run.causes() == {Outcome.SUCCEEDED: 200}
    assert run.recording.latency_max_s == 10 * 0.125
    assert run.plane.gauge().connections_peak == 20


def test_a_server_connection_is_held_for_the_transaction_only(plane_class):
    run = drive(plane_class, world(load(2.0, 2.125, 2.25), API, POOLED))
    assert [latency(run, t) for t in (2.0, 2.125, 2.25)] == [1.0, 1.0, 1.75]


def test_exactly_100_clients_are_admitted_by_default_and_the_rest_refused(plane_class):
    """max_client_conn: SQLSTATE 08P01, at once (facts: 100 of 200 one by one)."""
    default = replace(POOLED, pooler_clients=100, pooler_size=20)
    run = drive(plane_class, world(load(*[2.0] * 200), API, default))
    assert run.causes() == {Outcome.SUCCEEDED: 100, Outcome.DB_REFUSED: 100}
    assert run.plane.gauge().connections_refused == 100


def test_waiting_longer_than_query_wait_timeout_fails(plane_class):
    """Facts: 1 s timeout and 0.4 s transactions: 60 of 200 by a pool of 20 (three rounds)."""
    strict = replace(POOLED, pooler_size=20, pooler_wait_s=1.0)
    quick = replace(API, query=constant(0.40625))
    run = drive(plane_class, world(load(*[2.0] * 200), quick, strict))
    assert run.causes() == {Outcome.SUCCEEDED: 60, Outcome.POOL_TIMEOUT: 140}


def test_the_pooler_hides_the_servers_limit(plane_class):
    """Facts: default_pool_size 120 over 97 slots: no client error, it runs with what it got."""
    wide = replace(POOLED, pooler_size=120, connection_slots=97)
    run = drive(plane_class, world(load(*[2.0] * 200), API, wide, cores=500.0))
    assert run.causes() == {Outcome.SUCCEEDED: 200}
    assert run.plane.gauge().connections_peak == 97


def test_a_pooler_cures_eager_pools_against_97_slots(plane_class):
    eager = replace(API, pool=10, pool_at_start=10)
    twenty = [replace(eager) for _ in range(20)]
    run = drive(plane_class, world(load(), POOLED, *twenty))
    assert len(run.told(Note.LISTENING)) == 21
    assert run.plane.gauge().connections == 0  # nobody has asked anything yet


def test_new_server_connections_cost_once(plane_class):
    costly = replace(POOLED, connect_cpu_s=0.5, pooler_size=1)
    run = drive(plane_class, world(load(2.0, 5.0), API, costly))
    assert (latency(run, 2.0), latency(run, 5.0)) == (1.5, 1.0)


def test_a_dead_client_gives_its_server_connection_to_the_next(plane_class):
    one = replace(POOLED, pooler_size=1)
    script = [(2.25, "exit", (0,)), (0.0, "publish", ((0, 1), -1)), (2.1, "publish", ((1,), -1))]
    w = world(load(2.0, 2.125), API, API, one, script=script)
    run = drive(plane_class, w)
    assert latency(run, 2.125) == 0.125 + 1.0
    assert run.causes() == {Outcome.DROPPED_ON_KILL: 1, Outcome.SUCCEEDED: 1}


def test_two_clients_of_one_dead_host_do_not_hand_a_connection_to_each_other(plane_class):
    """The first to die frees the server connection for which the second waits; the second is
    about to die as well. The third, elsewhere, must get it."""
    one = replace(POOLED, pooler_size=1)
    script = [
        (2.1, "publish", ((1,), -1)),
        (2.2, "publish", ((2,), -1)),
        (2.5, "server_down", (0,)),
    ]
    w = world(load(2.0, 2.125, 2.25), API, API, API, one, on=(0, 0, 1, 2), script=script)
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.SUCCEEDED: 1, Outcome.CLIENT_TIMEOUT: 2}
    assert latency(run, 2.25) == 0.25 + 1.0
    books = run.plane.books()
    assert books.connections_open == 1 == books.connections_granted - books.connections_closed


def test_a_database_death_fails_all_who_wait_at_the_pooler(plane_class):
    w = world(
        load(*[2.0] * 5, 6.0), API, POOLED, script=[(2.25, "exit", (1,)), (3.0, "start", (1, 1))]
    )
    assert ends(plane_class, w) == [(2.25, 0, 5), (7.0, 1, 5)]
    assert drive(plane_class, w).causes() == {Outcome.HTTP_500: 5, Outcome.SUCCEEDED: 1}


def test_a_dead_client_frees_its_places_at_the_pooler(plane_class):
    tight = replace(POOLED, pooler_clients=2)
    script = [(5.0, "exit", (0,)), (6.0, "start", (0, 0))]
    run = drive(plane_class, world(load(2.0, 2.0, 7.0, 7.0), API, tight, script=script))
    assert run.causes() == {Outcome.SUCCEEDED: 4}


def test_two_hundred_logins_at_once_pass_one_process_after_the_other(plane_class):
    """Measured: 0.70 s for 200 logins at once, 3.5 ms each; on a lattice of a power of two."""
    login = 1 / 256
    busy = replace(POOLED, pooler_size=20, pooler_login_s=login)
    quick = replace(API, query=constant(QUERY))
    run = drive(plane_class, world(load(*[2.0] * 200), quick, busy))
    assert run.causes() == {Outcome.SUCCEEDED: 200}
    assert run.recording.latency_max_s == 200 * login + QUERY
    assert float(run.recording.latency_sum.sum()) == login * 200 * 201 / 2 + 200 * QUERY


def test_the_poolers_core_bounds_its_transactions(plane_class):
    """One connection of one client, logged in with the first query: 1/4 s of login, then 1/8 s a
    query; the database needs next to nothing."""
    busy = replace(POOLED, pooler_login_s=0.25, pooler_transaction_s=0.125)
    quick = replace(API, query=constant(QUERY), pool=1)
    w = world(load(2.0, 4.0, 4.0), quick, busy)
    run = drive(plane_class, w)
    assert [latency(run, t) for t in (2.0, 4.0)] == [
        0.375 + QUERY,
        0.125 + 0.25 + 3 * QUERY,
    ]


def test_what_the_poolers_process_has_yet_to_handle_fails_with_the_database(plane_class):
    busy = replace(POOLED, pooler_login_s=1.0)
    w = world(load(2.0, 2.0, 2.0), API, busy, script=[(3.5, "exit", (1,)), (3.75, "start", (1, 1))])
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.HTTP_500: 3}
    assert run.plane.gauge().connection_waits == 0


def test_start_up_connections_pass_the_poolers_process_as_well(plane_class):
    """Two processes with two each: four logins of a second."""
    eager = replace(API, pool=2, pool_at_start=2)
    busy = replace(POOLED, connect_s=0.25, pooler_login_s=1.0)
    run = drive(plane_class, world(load(), eager, eager, busy))
    assert run.told(Note.LISTENING)[1:] == [(3.0, 0), (4.0, 1)]


def test_a_pooler_that_goes_takes_its_connections_along(plane_class):
    """Both queries under way fail with it; who comes later connects to the database itself."""
    w = world(load(2.0, 2.0, 4.0), API, POOLED, script=[(2.5, "set_profile", (1, 2))])
    w = w._replace(profiles=(*w.profiles, replace(POOLED, pooler_size=0)))
    assert ends(plane_class, w) == [(2.5, 0, 2), (5.0, 1, 2)]
    run = drive(plane_class, w, [2.25, 3.0, 4.5, 6.0], Ledger())
    assert run.plane.gauge().connections == 1
