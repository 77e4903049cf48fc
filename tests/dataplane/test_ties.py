"""What wins when two things fall on one instant.

The rule: the data plane before the control plane; in the data plane by kind (completion, arrival,
retry, dial, start-up connection, checkout, patience, job, ghost), then by id. Draws from
continuous laws never meet these rules, traces with millisecond stamps and fixed times do.
"""

from __future__ import annotations

from dataclasses import replace

from sim.dataplane.codes import Algorithm, Kind, Note, Outcome
from sim.dataplane.profile import Client, Profile, Routing, Workload
from tests.dataplane.worlds import at, cause, constant, drive, ends, exponential, latency, world

API = Profile(Kind.HTTP, slots=10, cpu=constant(1.0))
ONE = replace(API, slots=1, backlog=0, shed=True)
DB = Profile(Kind.DATABASE, connect_cpu_s=0.0, connect_s=0.5)


def load(*times: float, routing: Routing | None = None, **client) -> Workload:
    patience = Client(**{"timeout_s": 20.0, "jitter": 0.0} | client)
    return Workload(1, 40.0, at(*times), patience, routing or Routing(), bucket_s=1 / 16)


def outcomes(plane_class, w) -> dict[Outcome, int]:
    return drive(plane_class, w).causes()


# ---- data plane first ----
def test_an_arrival_comes_before_a_kill_and_dies_inside(plane_class):
    w = world(load(2.0), API, script=[(2.0, "exit", (0,))])
    assert outcomes(plane_class, w) == {Outcome.DROPPED_ON_KILL: 1}


def test_an_arrival_comes_before_a_start_and_is_refused(plane_class):
    script = [(1.0, "exit", (0,)), (2.0, "start", (0, 0))]
    assert outcomes(plane_class, world(load(2.0), API, script=script)) == {Outcome.REFUSED: 1}


def test_an_arrival_comes_before_a_publish_and_finds_the_old_list(plane_class):
    w = world(load(2.0), API, API, script=[(2.0, "publish", ((1,), -1))])
    assert drive(plane_class, w).plane.container_gauge(0).served == 1


def test_a_completion_comes_before_a_kill(plane_class):
    w = world(load(2.0), API, script=[(3.0, "exit", (0,))])
    assert outcomes(plane_class, w) == {Outcome.SUCCEEDED: 1}


def test_patience_ends_before_a_kill(plane_class):
    w = world(load(2.0, timeout_s=0.5), API, script=[(2.5, "exit", (0,))])
    assert outcomes(plane_class, w) == {Outcome.CLIENT_TIMEOUT: 1}


def test_verbs_of_one_instant_act_in_the_order_in_which_they_were_given(plane_class):
    script = [
        (2.0, "exit", (0,)),
        (2.0, "start", (0, 0)),
        (4.0, "start", (0, 0)),
        (4.0, "exit", (0,)),
    ]
    run = drive(plane_class, world(load(3.0, 5.0), API, script=script))
    # alive from 2; at 4 the start finds it alive and does nothing, then it ends
    assert (cause(run, 3.0), cause(run, 5.0)) == (Outcome.SUCCEEDED, Outcome.REFUSED)


def test_a_notice_stops_the_instant_and_the_control_plane_acts_in_its_middle(plane_class):
    """Two requests at 2: the first breaks the memory limit, the kernel kills, the second finds
    nobody."""
    fat = replace(API, memory_base=10, memory_per_request=10, memory_limit=15)
    run = drive(plane_class, world(load(2.0, 2.0), fat, restart_s=(1.0,)))
    assert run.told(Note.OOM) == [(2.0, 0)]
    assert run.causes() == {Outcome.OOM: 1, Outcome.REFUSED: 1}


# ---- completion before ... ----
def test_an_answer_exactly_at_the_deadline_is_in_time(plane_class):
    run = drive(plane_class, world(load(2.0, timeout_s=1.0), API))
    assert run.causes() == {Outcome.SUCCEEDED: 1}
    assert latency(run, 2.0) == 1.0


def test_a_slot_freed_at_an_arrival_is_free_for_it(plane_class):
    assert outcomes(plane_class, world(load(2.0, 3.0), ONE)) == {Outcome.SUCCEEDED: 2}


def test_two_completions_at_one_instant_are_both_done(plane_class):
    run = drive(plane_class, world(load(2.0, 2.0, 2.0), API, cores=1.5))
    assert run.causes() == {Outcome.SUCCEEDED: 3}
    assert run.recording.latency_max_s == 2.0
    assert run.plane.container_gauge(0).busy_s == 3.0


def test_two_completions_at_one_instant_act_by_container(plane_class):
    """Both end at 3; the balancer's queue goes to the container with the smaller number, though
    the other one was entered first."""
    one = replace(API, slots=1)
    routing = Routing(Algorithm.LEAST_CONNECTIONS, maxconn=1)
    script = [(1.0, "publish", ((1, 0), -1))]
    w = world(load(2.0, 2.0, 2.5, routing=routing), one, one, script=script)
    run = drive(plane_class, w)
    assert [run.plane.container_gauge(c).served for c in (0, 1)] == [2, 1]


def test_a_connection_given_back_exactly_at_the_checkout_timeout_is_in_time(plane_class):
    narrow = replace(API, cpu=constant(0.0), query=constant(1.0), pool=1, checkout_timeout_s=0.5)
    run = drive(plane_class, world(load(2.0, 2.5), narrow, DB))
    assert run.causes() == {Outcome.SUCCEEDED: 2}
    assert latency(run, 2.5) == 1.5


def test_a_server_connection_freed_exactly_at_the_poolers_timeout_is_in_time(plane_class):
    direct = replace(API, cpu=constant(0.0), query=constant(1.0), pool=9)
    pooled = replace(DB, pooler_size=1, pooler_wait_s=0.5)
    run = drive(plane_class, world(load(2.0, 2.5), direct, pooled))
    assert run.causes() == {Outcome.SUCCEEDED: 2}


def test_a_syn_resent_exactly_as_a_slot_frees_gets_in(plane_class):
    tight = replace(ONE, shed=False)
    run = drive(plane_class, world(load(1.5, 1.5), tight))
    assert run.recording.latency_max_s == 2.0


# ---- arrival before retry, dial, ... ----
def test_an_arrival_takes_the_slot_before_a_retry(plane_class):
    """Shed at 2.5; its retry is due at 3.5, exactly with a new request, which gets the slot."""
    w = world(load(2.0, 2.5, 3.5, retries=1, backoff_s=1.0), ONE)
    run = drive(plane_class, w)
    assert cause(run, 2.5) == Outcome.SHED
    assert latency(run, 3.5) == 1.0


def test_the_connect_timeout_tells_before_patience_ends(plane_class):
    w = world(
        load(2.0, timeout_s=3.0, connect_timeout_s=3.0), API, script=[(1.0, "server_down", (0,))]
    )
    assert outcomes(plane_class, w) == {Outcome.CONNECT_TIMEOUT: 1}


def test_the_checkout_timeout_tells_before_patience_ends(plane_class):
    narrow = replace(API, cpu=constant(0.0), query=constant(9.0), pool=1, checkout_timeout_s=2.0)
    w = world(load(2.0, 2.5, timeout_s=2.0), narrow, DB)
    run = drive(plane_class, w)
    assert cause(run, 2.5) == Outcome.POOL_TIMEOUT


def test_a_start_up_connection_comes_before_the_end_of_ghosts(plane_class):
    tight = replace(DB, connection_slots=1, keepalive_s=4.5)
    eager = replace(API, query=constant(1.0), pool=1, pool_at_start=1)
    script = [(2.0, "server_down", (0,)), (6.0, "start", (1, 1))]
    w = world(load(), eager, eager, tight, script=script)
    w = w._replace(script=tuple(s for s in w.script if s != (0.0, "start", (1, 1))))
    run = drive(plane_class, w)
    assert run.told(Note.START_REFUSED) == [(6.5, 1)]  # the ghost's slot is free just after


def test_a_stale_timer_of_the_same_instant_does_nothing(plane_class):
    """A checkout of 1 s timeout was granted at once; the push that follows times out at the very
    instant at which that first timer fires."""
    api = replace(
        API,
        cpu=constant(0.0),
        query=constant(1.0),
        pool=1,
        checkout_timeout_s=2.0,
        push_rate=1.0,
        push_timeout_s=0.5,
    )
    script = [(1.0, "hang", (2,))]
    w = world(load(2.0, 2.5), api, DB, Profile(Kind.QUEUE), script=script)
    # second: waits from 2.5, granted at 3, query done at 4, push due at 4.5 = 2.5 + 2
    assert ends(plane_class, w) == [(3.5, 0, 1), (4.5, 0, 2)]
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.HTTP_500: 2}
    assert run.plane.gauge().connection_waits == 0


def test_on_a_lattice_every_drawn_duration_is_a_multiple(plane_class):
    w = Workload(1, 40.0, at(*[k / 4 for k in range(100)]), lattice_s=1 / 32, bucket_s=1 / 16)
    run = drive(plane_class, world(w, replace(API, slots=999, cpu=exponential(0.25))))
    times = [latency(run, k / 4) for k in range(100)]
    assert all(t * 32 == int(t * 32) for t in times)
    assert len(set(times)) > 10
