"""A container's life: start, kill, memory, drain, probes; and the notices that tell of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.dataplane.codes import Algorithm, Kind, Note, Outcome
from sim.dataplane.profile import Client, Profile, Routing
from sim.dataplane.profile import Workload as Load
from tests.dataplane.worlds import at, cause, constant, drive, ends, latency, world

MIB = 2**20
API = Profile(Kind.HTTP, slots=2, backlog=2, cpu=constant(1.0))
CLIENT = Client(timeout_s=20.0)


def load(*times: float, client: Client = CLIENT, routing: Routing | None = None) -> Load:
    return Load(1, 40.0, at(*times), client, routing or Routing(), bucket_s=1 / 16)


# ---- kill ----
@pytest.mark.parametrize(
    ("oom", "outcome"), [(False, Outcome.DROPPED_ON_KILL), (True, Outcome.OOM)]
)
def test_a_kill_drops_those_in_slots_and_in_the_backlog(plane_class, oom, outcome):
    script = [(2.25, "exit", (0, oom)), (3.0, "start", (0, 0))]
    run = drive(plane_class, world(load(2.0, 2.0, 2.0, 2.125, 3.5), API, script=script))
    assert run.causes() == {outcome: 4, Outcome.SUCCEEDED: 1}
    assert run.told(Note.LISTENING) == [(0.0, 0), (3.0, 0)]


def test_a_fresh_process_begins_with_nothing_inside(plane_class):
    script = [(2.25, "exit", (0,)), (2.25, "start", (0, 0))]
    seen = []
    run = drive(
        plane_class,
        world(load(2.0, 2.0, 2.0, 2.5), API, script=script),
        [2.375],
        lambda plane: seen.append(plane.container_gauge(0)[:2]),
    )
    assert seen[0] == (0, 0)
    assert latency(run, 2.5) == 1.0
    # what it had done before the kill was work: 2 x 0.25 s
    assert run.plane.container_gauge(0).busy_s == 1.5


def test_a_new_version_acts_from_its_start(plane_class):
    bad = replace(API, error_rate=1.0, cpu=constant(0.5))
    other = Profile(Kind.PLAIN)  # only there so that profile 1 exists
    script = [
        (2.0, "exit", (0,)),
        (2.0, "start", (0, 1)),
        (6.0, "exit", (0,)),
        (6.0, "start", (0, 0)),
    ]
    w = world(load(1.0, 3.0, 7.0), API, bad, other, script=[(0.0, "publish", ((0,), -1)), *script])
    run = drive(plane_class, w)
    assert [cause(run, t) for t in (1.0, 3.0, 7.0)] == [
        Outcome.SUCCEEDED,
        Outcome.HTTP_500,
        Outcome.SUCCEEDED,
    ]
    assert latency(run, 7.0) == 1.0


def test_the_error_rate_is_a_share_of_attempts(plane_class):
    flaky = replace(API, slots=100, cpu=constant(0.0), error_rate=0.3)
    times = [1.0 + k / 64 for k in range(1000)]
    run = drive(plane_class, world(load(*times), flaky))
    assert 300 - 75 < run.causes()[Outcome.HTTP_500] < 300 + 75  # 5 deviations of 14.5
    gauge = run.plane.container_gauge(0)
    assert (gauge.served, gauge.errors) == (1000, run.causes()[Outcome.HTTP_500])


# ---- memory ----
def test_requests_use_memory_while_inside(plane_class):
    fat = replace(API, memory_base=100 * MIB, memory_per_request=7 * MIB)
    seen = []
    drive(
        plane_class,
        world(load(2.0, 2.25), fat),
        [1.0, 2.125, 2.5, 3.125, 4.0],
        lambda plane: seen.append(plane.container_gauge(0).memory // MIB),
    )
    assert seen[:5] == [100, 107, 114, 107, 100]


def test_a_container_over_its_limit_is_told_once_with_its_time(plane_class):
    fat = replace(API, memory_base=10 * MIB, memory_per_request=MIB, memory_limit=11 * MIB)
    run = drive(plane_class, world(load(2.0, 2.25, 2.5), fat))
    assert run.told(Note.OOM) == [(2.25, 0)]
    # the plane tells and never kills: nobody reacted, all were served
    assert run.causes() == {Outcome.SUCCEEDED: 3}


def test_the_oom_killer_takes_what_is_inside_and_the_process_returns(plane_class):
    fat = replace(API, memory_base=10 * MIB, memory_per_request=MIB, memory_limit=11 * MIB)
    w = world(load(2.0, 2.25, 5.0), fat, restart_s=(1.0,))
    assert ends(plane_class, w) == [(2.25, 0, 2), (6.0, 1, 2)]
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.OOM: 2, Outcome.SUCCEEDED: 1}
    assert run.told(Note.LISTENING) == [(0.0, 0), (3.25, 0)]


def test_a_leak_ends_in_oom_after_so_many_requests(plane_class):
    leaky = replace(
        API, memory_base=10 * MIB, memory_limit=20 * MIB, leak_per_request=MIB, cpu=constant(0.125)
    )
    times = [1.0 + k / 4 for k in range(30)]
    run = drive(plane_class, world(load(*times), leaky, restart_s=(0.0625,)))
    # ten leaks fit; the eleventh request's end is above. Then afresh.
    assert run.told(Note.OOM) == [(times[10] + 0.125, 0), (times[21] + 0.125, 0)]


def test_extra_memory_is_a_faults_leak_by_the_clock(plane_class):
    box = replace(API, memory_base=10 * MIB, memory_limit=20 * MIB)
    script = [(float(t), "set_extra_memory", (0, 4 * t * MIB)) for t in (1, 2, 3)]
    run = drive(plane_class, world(load(), box, script=script))
    assert run.told(Note.OOM) == [(3.0, 0)]
    assert run.plane.container_gauge(0).memory == 22 * MIB


def test_a_server_out_of_memory_is_told_and_the_largest_dies(plane_class):
    grown = replace(API, memory_base=2**48)
    other = replace(API, memory_base=2**49)  # together 1 byte more than the server's 2**50
    script = [(1.0, "set_extra_memory", (0, 2**48 + 1))]
    w = world(load(), grown, other, script=script, on=(0, 0), restart_s=(1.0, 1.0))
    run = drive(plane_class, w)
    assert run.told(Note.SERVER_OOM) == [(1.0, 0)]
    assert run.told(Note.LISTENING) == [(0.0, 0), (0.0, 1), (2.0, 0)]
    assert [run.plane.container_gauge(c).memory for c in (0, 1)] == [2**48, 2**49]


def test_who_watches_a_servers_memory_is_told_once_that_more_is_in_use(plane_class):
    box = replace(API, memory_base=10 * MIB)
    extra = [(t, "set_extra_memory", (0, mib * MIB)) for t, mib in ((2.0, 2), (3.0, 3), (4.0, 4))]
    script = [
        (1.0, "watch_memory", (0, 12 * MIB)),  # 12 are in use at 2 s, and 13 at 3 s
        *extra,
        (5.0, "watch_memory", (0, 12 * MIB)),
        (6.0, "set_extra_memory", (0, 3 * MIB)),  # the next change; still above
        (8.0, "watch_memory", (0, 20 * MIB)),
        (9.0, "watch_memory", (0, 0)),  # nobody, any more
        (10.0, "set_extra_memory", (0, 30 * MIB)),
    ]
    run = drive(plane_class, world(load(), box, script=script))
    assert run.told(Note.SHORT) == [(3.0, 0), (6.0, 0)]


def test_a_fresh_process_knows_nothing_of_extra_memory(plane_class):
    box = replace(API, memory_base=10 * MIB)
    script = [
        (1.0, "set_extra_memory", (0, 5 * MIB)),
        (2.0, "exit", (0,)),
        (2.0, "start", (0, 0)),
        (3.0, "set_extra_memory", (0, 5 * MIB)),
    ]
    seen = []
    drive(
        plane_class,
        world(load(), box, script=script),
        [1.5, 2.5, 3.5],
        lambda plane: seen.append(plane.container_gauge(0).memory // MIB),
    )
    assert seen[:3] == [15, 10, 15]


def test_a_server_that_runs_out_of_memory_again_tells_again(plane_class):
    huge = replace(API, memory_base=2**50 + 1)
    run = drive(plane_class, world(load(), huge, restart_s=(4.0,)))
    assert run.told(Note.SERVER_OOM) == [(4.0 * k, 0) for k in range(11)]


def test_a_server_death_frees_its_memory(plane_class):
    box = replace(API, memory_base=10 * MIB)
    script = [(1.0, "server_down", (0,)), (2.0, "server_up", (0,))]
    run = drive(plane_class, world(load(), box, box, on=(0, 0), script=script))
    assert run.plane.books().memory == run.plane.books().memory_counted == (0,)


def test_capacity_counts_only_time_with_power(plane_class):
    script = [(10.0, "server_down", (0,)), (15.0, "server_up", (0,))]
    run = drive(plane_class, world(load(), API, cores=2.0, script=script))
    assert run.plane.books().capacity_s == ((40.0 - 5.0) * 2.0,)


# ---- drain ----
def test_a_drain_drops_the_backlog_finishes_what_runs_and_tells(plane_class):
    script = [(2.5, "drain", (0,))]
    w = world(load(2.0, 2.0, 2.25, 3.5), API, script=script)
    assert ends(plane_class, w) == [(2.5, 0, 1), (3.0, 2, 1), (3.5, 2, 2)]
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.SUCCEEDED: 2, Outcome.DROPPED_ON_KILL: 1, Outcome.REFUSED: 1}
    assert run.told(Note.DRAINED) == [(3.0, 0)]


def test_an_idle_container_is_drained_at_once(plane_class):
    run = drive(plane_class, world(load(), API, script=[(2.5, "drain", (0,))]))
    assert run.told(Note.DRAINED) == [(2.5, 0)]


def test_a_drained_container_can_start_again(plane_class):
    script = [(2.5, "drain", (0,)), (3.0, "exit", (0,)), (3.5, "start", (0, 0))]
    run = drive(plane_class, world(load(4.0), API, script=script))
    assert run.causes() == {Outcome.SUCCEEDED: 1}


# ---- probes ----
def probe(t: float, deep: bool = False) -> tuple[float, str, tuple[int, bool]]:
    return (t, "probe", (0, deep))


def probed(plane_class, *steps, times=(), api=API, more=()) -> tuple[list, list]:
    run = drive(plane_class, world(load(*times), api, *more, script=steps))
    return run.told(Note.PROBE_OK), run.told(Note.PROBE_FAILED)


CHECKED = replace(API, probe_cpu_s=0.25)


def test_a_probe_takes_its_cpu_time(plane_class):
    assert probed(plane_class, probe(2.0), api=CHECKED) == ([(2.25, 0)], [])


def test_probes_are_numbered_in_order(plane_class):
    run = drive(plane_class, world(load(), CHECKED, script=[probe(2.0), probe(3.0)]))
    assert run.answers[-2:] == [0, 1]
    assert run.told(Note.PROBE_OK) == [(2.25, 0), (3.25, 1)]


def test_a_dead_process_fails_a_probe_at_once(plane_class):
    assert probed(plane_class, (1.0, "exit", (0,)), probe(2.0)) == ([], [(2.0, 0)])


@pytest.mark.parametrize("verb", ["server_down", "hang"])
def test_a_dead_host_or_hung_process_never_answers_a_probe(plane_class, verb):
    assert probed(plane_class, (1.0, verb, (0,)), probe(2.0)) == ([], [])


def test_a_hung_process_answers_the_probe_when_it_goes_on(plane_class):
    steps = ((1.0, "hang", (0,)), probe(2.0), (5.0, "resume", (0,)))
    assert probed(plane_class, *steps, api=CHECKED) == ([(5.25, 0)], [])


def test_a_probe_waits_its_turn_in_an_overloaded_container(plane_class):
    # two slots, two requests of 1 s: the probe waits in the listen backlog
    assert probed(plane_class, probe(2.5), times=(2.0, 2.0), api=CHECKED) == ([(3.25, 0)], [])


def test_a_probe_at_a_full_backlog_is_sent_again_each_second(plane_class):
    """Two are served and two wait: the SYN of 2.5 is dropped, that of 3.5 is accepted; from 4 on
    there is a slot for it. A real check is a connection like any other."""
    assert probed(plane_class, probe(2.5), times=(2.0,) * 4, api=CHECKED) == ([(4.25, 0)], [])


def test_a_probe_whose_sender_has_left_is_sent_no_more(plane_class):
    steps = (probe(2.5), (3.25, "forget", (0,)))
    assert probed(plane_class, *steps, times=(2.0,) * 4, api=CHECKED) == ([], [])
    accepted = (probe(2.5), (3.75, "forget", (0,)))  # what is accepted goes on
    found = probed(plane_class, *accepted, times=(2.0,) * 4, api=CHECKED)
    assert found == ([(4.25, 0)], [])


def test_a_probe_that_is_sent_again_learns_that_the_process_has_died(plane_class):
    steps = (probe(2.5), (2.75, "exit", (0,)))
    assert probed(plane_class, *steps, times=(2.0,) * 4, api=CHECKED) == ([], [(3.5, 0)])
    host = (probe(2.5), (2.75, "server_down", (0,)))
    assert probed(plane_class, *host, times=(2.0,) * 4, api=CHECKED) == ([], [])


def test_who_sheds_fails_a_probe_as_it_fails_a_request(plane_class):
    sheds = replace(CHECKED, shed=True)
    assert probed(plane_class, probe(2.5), times=(2.0,) * 4, api=sheds) == ([], [(2.5, 0)])


@pytest.mark.parametrize("at_once", [False, True])
def test_a_probe_beside_the_queue_waits_for_nobody(plane_class, at_once):
    beside = replace(CHECKED, probe_beside=True, at_once=at_once)
    found = probed(plane_class, probe(2.5), times=(2.0,) * 8, api=beside)
    assert found == ([(2.75, 0)], [])


# ---- accepting at once ----
LOOP = replace(API, at_once=True, probe_beside=True, probe_cpu_s=0.25)


def test_who_accepts_at_once_queues_inside_without_a_bound(plane_class):
    """Eight at once for two slots of a second each: nobody's SYN is dropped. One by one, two wait
    in the listen backlog and four are sent again, at 3, 4, ..."""
    w = world(load(*[2.0] * 8), LOOP)
    seen = []
    run = drive(plane_class, w, [2.5], lambda p: seen.append(p.container_gauge(0).waiting))
    assert seen[0] == 6
    assert run.causes() == {Outcome.SUCCEEDED: 8}
    assert float(run.recording.latency_sum.sum()) == 2 * (1 + 2 + 3 + 4)


def test_the_listen_backlog_of_who_accepts_at_once_fills_only_while_it_hangs(plane_class):
    """One is inside when it hangs; at 2 two of four are held by the kernel and two dropped; at
    4.25 it goes on and accepts the two. The check of 2.5 is sent again at 3.5 and 4.5, and then
    answered beside the queue; the other two give up at 5, their connect time-out of 3 s."""
    steps = ((1.25, "hang", (0,)), probe(2.5), (4.25, "resume", (0,)))
    w = world(load(1.0, *[2.0] * 4), LOOP, script=steps)
    seen = []
    run = drive(plane_class, w, [4.0, 4.5], lambda p: seen.append(p.container_gauge(0).waiting))
    assert seen[:2] == [2, 1]
    assert run.told(Note.PROBE_OK) == [(4.75, 0)]
    assert run.causes() == {Outcome.SUCCEEDED: 3, Outcome.CONNECT_TIMEOUT: 2}


@pytest.mark.parametrize(("loop", "answered"), [(True, 5.25), (False, 8.25)])
def test_after_a_stall_a_check_beside_the_queue_does_not_wait_for_it(plane_class, loop, answered):
    """Measured with HAProxy and an asyncio server: UP comes 4.5 s after a stall, not 7.9 s. Six
    requests for two slots came during the stall: three seconds of work before a check inside."""
    api = replace(LOOP, backlog=100, at_once=loop, probe_beside=loop)
    steps = ((1.0, "hang", (0,)), probe(3.0), (5.0, "resume", (0,)))
    assert probed(plane_class, *steps, times=[2.0] * 6, api=api)[0] == [(answered, 0)]


def test_a_drain_serves_what_was_accepted_and_drops_what_was_not(plane_class):
    """Six at 2 for two slots. Drained at 2.5: who accepts at once finishes all, at 5; else the two
    in the listen backlog are dropped, the SYNs of two more refused, and two are done at 3."""
    script = [(2.5, "drain", (0,))]
    run = drive(plane_class, world(load(*[2.0] * 6), LOOP, script=script))
    assert run.causes() == {Outcome.SUCCEEDED: 6}
    assert run.told(Note.DRAINED) == [(5.0, 0)]
    run = drive(plane_class, world(load(*[2.0] * 6), API, script=script))
    assert run.causes() == {
        Outcome.SUCCEEDED: 2,
        Outcome.DROPPED_ON_KILL: 2,
        Outcome.REFUSED: 2,
    }
    hung = [(1.0, "hang", (0,)), (2.5, "drain", (0,)), (4.0, "resume", (0,))]
    run = drive(plane_class, world(load(0.5, 2.0), LOOP, script=hung))
    assert run.causes() == {Outcome.SUCCEEDED: 1, Outcome.DROPPED_ON_KILL: 1}


def test_who_hangs_sheds_nothing(plane_class):
    """A process that hangs says no 503: its backlog fills, then SYNs are dropped."""
    script = [(1.0, "hang", (0,))]
    w = world(load(*[2.0] * 3), replace(API, shed=True), script=script)
    assert drive(plane_class, w).causes() == {
        Outcome.CLIENT_TIMEOUT: 2,
        Outcome.CONNECT_TIMEOUT: 1,
    }


def test_a_probe_dies_with_its_container(plane_class):
    steps = (probe(2.0), (2.125, "exit", (0,)))
    assert probed(plane_class, *steps, api=CHECKED) == ([], [(2.125, 0)])


@pytest.mark.parametrize("spare", [1, 2])
def test_a_probe_of_a_dying_database_fails_whether_or_not_it_is_in_use(plane_class, spare):
    database = Profile(Kind.DATABASE, probe_cpu_s=1.0)
    script = [(2.0, "probe", (spare, False)), (2.5, "exit", (spare,))]
    run = drive(plane_class, world(load(), API, database, database, script=script))
    assert (run.told(Note.PROBE_OK), run.told(Note.PROBE_FAILED)) == ([], [(2.5, 0)])


def test_a_probe_gives_its_memory_back(plane_class):
    box = replace(CHECKED, memory_base=10 * MIB, memory_per_request=MIB)
    seen = []
    drive(
        plane_class,
        world(load(), box, script=[probe(2.0)]),
        [2.125, 3.0],
        lambda plane: seen.append(plane.container_gauge(0).memory // MIB),
    )
    assert seen[:2] == [11, 10]


def test_a_probe_slows_the_requests_beside_it(plane_class):
    run = drive(plane_class, world(load(2.0), CHECKED, cores=1.0, script=[probe(2.0)]))
    assert latency(run, 2.0) == 1.25


def test_a_deep_probe_asks_the_database(plane_class):
    database = Profile(Kind.DATABASE, connect_cpu_s=0.0)
    deep = replace(CHECKED, pool=1)
    ok, failed = probed(plane_class, probe(2.0, True), api=deep, more=(database,))
    assert (ok, failed) == ([(2.5, 0)], [])  # its demand here and there


def test_a_deep_probe_fails_with_the_database_a_shallow_one_does_not(plane_class):
    database = Profile(Kind.DATABASE)
    steps = ((1.0, "exit", (1,)), probe(2.0, True), probe(3.0, False))
    ok, failed = probed(plane_class, *steps, api=CHECKED, more=(database,))
    assert (ok, failed) == ([(3.25, 1)], [(2.25, 0)])


def test_a_deep_probe_is_silent_while_the_database_hangs(plane_class):
    """... until the pool gives up: the reason why deep probes kill healthy replicas."""
    database = Profile(Kind.DATABASE)
    deep = replace(CHECKED, pool=1, checkout_timeout_s=3.0)
    ok, failed = probed(
        plane_class, (1.0, "hang", (1,)), probe(2.0, True), api=deep, more=(database,)
    )
    assert (ok, failed) == ([], [(5.25, 0)])


def test_a_probe_of_a_worker_needs_no_slot(plane_class):
    """exec probes run inside the container, whatever it is busy with."""
    worker = Profile(Kind.WORKER, slots=1, cpu=constant(10.0), probe_cpu_s=0.25)
    queue = Profile(Kind.QUEUE)
    pushing = replace(API, push_rate=1.0)
    script = [(4.0, "probe", (1, False))]
    run = drive(plane_class, world(load(1.0), pushing, worker, queue, script=script))
    assert run.told(Note.PROBE_OK) == [(4.25, 0)]


def test_least_connections_counts_probes_too(plane_class):
    slow = replace(API, probe_cpu_s=4.0)
    routing = Routing(Algorithm.LEAST_CONNECTIONS)
    run = drive(plane_class, world(load(2.5, routing=routing), slow, API, script=[probe(2.0)]))
    assert run.plane.container_gauge(1).served == 1


def test_a_plane_says_whether_anything_more_can_be_due_at_this_instant(plane_class):
    """The experiment asks before it advances to where it already is."""
    plane = plane_class(load())
    server = plane.add_server(1.0, 2**40)
    container = plane.add_container(plane.add_profile(API), server)
    plane.advance(1.0)
    assert not plane.stirred
    assert plane.advance(1.0) == (1.0, [])
    verbs = [
        (plane.start, (container, 0)), (plane.publish, ((container,),)),
        (plane.set_extra_memory, (container, 5)), (plane.probe, (container,)),
        (plane.hang, (container,)), (plane.resume, (container,)), (plane.exit, (container,)),
    ]  # fmt: skip
    for verb, given in verbs:
        verb(*given)
        assert plane.stirred, verb
        plane.advance(1.0)
        assert not plane.stirred
