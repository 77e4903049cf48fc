"""Workers: plain and reliable pops, kills in the middle of a job, retries, poison."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import Kind, Note
from sim.dataplane.profile import Client, Profile, Workload
from tests.dataplane.worlds import at, constant, drive, world

API = Profile(Kind.HTTP, slots=10**6, cpu=constant(0.0), push_rate=1.0)
QUEUE = Profile(Kind.QUEUE)
WORKER = Profile(Kind.WORKER, cpu=constant(1.0))
RELIABLE = replace(WORKER, reliable=True, redelivery_s=5.0)


def load(*times: float, horizon_s: float = 60.0) -> Workload:
    return Workload(1, horizon_s, at(*times), Client(timeout_s=30.0), bucket_s=1 / 16)


def done_by(plane_class, w, *ticks: float) -> list[int]:
    """Jobs done at each tick."""
    seen: list[int] = []
    drive(plane_class, w, ticks, lambda plane: seen.append(int(plane.recording().jobs[:, 1].sum())))
    return seen[: len(ticks)]


def test_jobs_are_done_in_order_one_per_slot(plane_class):
    w = world(load(2.0, 2.0, 2.0), API, QUEUE, replace(WORKER, slots=2))
    assert done_by(plane_class, w, 2.9375, 3.0, 3.9375, 4.0) == [0, 2, 2, 3]


def test_idle_workers_take_turns(plane_class):
    times = [2.0 + 2 * k for k in range(6)]
    run = drive(plane_class, world(load(*times), API, QUEUE, WORKER, WORKER, WORKER))
    assert [run.plane.container_gauge(c).served for c in (2, 3, 4)] == [2, 2, 2]


def test_a_worker_uses_its_cpu_limit(plane_class):
    w = world(load(2.0), API, QUEUE, replace(WORKER, cpu_limit=0.5))
    assert done_by(plane_class, w, 3.9375, 4.0) == [0, 1]


@pytest.mark.parametrize(("worker", "lost"), [(WORKER, 4), (RELIABLE, 0)])
def test_a_kill_in_the_middle_of_a_job(plane_class, worker, lost):
    """Facts: BRPOP loses 1.0 job per kill of a busy worker, LMOVE with a processing list none."""
    four = [worker] * 4
    script = [(2.5, "exit", (c,)) for c in range(2, 6)] + [
        (4.0, "start", (c, c)) for c in range(2, 6)
    ]
    run = drive(plane_class, world(load(*[2.0] * 20), API, QUEUE, *four, script=script))
    expected = {"enqueued": 20, "done": 20 - lost}
    assert run.jobs() == (expected | {"worker_killed": lost} if lost else expected)


def test_a_kill_between_jobs_loses_nothing(plane_class):
    run = drive(plane_class, world(load(2.0), API, QUEUE, WORKER, script=[(4.0, "exit", (2,))]))
    assert run.jobs() == {"enqueued": 1, "done": 1}


def test_a_redelivery_waits_its_time_and_goes_to_whoever_is_there(plane_class):
    script = [(2.5, "exit", (2,))]
    w = world(load(2.0), API, QUEUE, RELIABLE, RELIABLE, script=script)
    # killed at 2.5, back in the queue at 7.5, done by the other at 8.5
    assert done_by(plane_class, w, 8.4375, 8.5) == [0, 1]
    seen = []
    drive(plane_class, w, [2.25, 5.0, 8.0], lambda plane: seen.append(plane.gauge()[5:7]))
    assert seen[:3] == [(0, 1), (1, 0), (0, 1)]  # (queued, in progress): never lost from sight


@pytest.mark.parametrize("silent", [True, False])
def test_the_death_of_the_workers_host_counts_like_a_kill(plane_class, silent):
    script = [(2.5, "server_down", (2,))]
    run = drive(
        plane_class,
        world(load(2.0), API, QUEUE, RELIABLE if silent else WORKER, WORKER, script=script),
    )
    assert run.jobs() == (
        {"enqueued": 1, "done": 1} if silent else {"enqueued": 1, "worker_killed": 1}
    )


def test_a_redelivery_waits_for_a_queue_that_is_down(plane_class):
    script = [(2.5, "exit", (2,)), (5.0, "hang", (1,)), (9.75, "resume", (1,))]
    w = world(load(2.0), API, QUEUE, RELIABLE, RELIABLE, script=script)
    # due at 7.5: looked at again each second, 10.5 is the first that finds the queue
    assert done_by(plane_class, w, 11.4375, 11.5) == [0, 1]


def test_a_wiped_queue_forgets_what_was_being_processed(plane_class):
    """The processing list was in the same memory: the worker that dies after it loses its job."""
    script = [(2.25, "exit", (1,)), (2.375, "start", (1, 1)), (2.5, "exit", (2,))]
    run = drive(plane_class, world(load(2.0), API, QUEUE, RELIABLE, RELIABLE, script=script))
    assert run.jobs() == {"enqueued": 1, "worker_killed": 1}


def test_a_job_survives_the_queues_death_in_its_workers_hands(plane_class):
    run = drive(plane_class, world(load(2.0), API, QUEUE, WORKER, script=[(2.5, "exit", (1,))]))
    assert run.jobs() == {"enqueued": 1, "done": 1}


def test_a_drained_worker_finishes_and_takes_no_more(plane_class):
    script = [(2.5, "drain", (2,))]
    run = drive(plane_class, world(load(2.0, 2.0), API, QUEUE, WORKER, script=script))
    assert run.told(Note.DRAINED) == [(3.0, 2)]
    assert run.jobs() == {"enqueued": 2, "done": 1}
    assert run.plane.gauge().jobs_queued == 1


# ---- failures ----
FAILING = replace(WORKER, query=constant(0.5), pool=1, job_attempts=3, job_backoff_s=2.0)
DB = Profile(Kind.DATABASE, connect_cpu_s=0.0)


def test_a_failing_job_is_tried_again_with_back_off_and_then_given_up(plane_class):
    """The database is dead: tried at 2, after 2 s more, after 4 s more; each try costs 1 s."""
    script = [(1.0, "exit", (3,))]
    w = world(load(2.0), API, QUEUE, FAILING, DB, script=script)
    seen = []
    run = drive(
        plane_class,
        w,
        [2.5, 4.0, 5.5, 8.0, 10.5, 11.0],
        lambda plane: seen.append(plane.gauge()[5:7]),
    )
    assert seen[:6] == [(0, 1), (1, 0), (0, 1), (1, 0), (0, 1), (0, 0)]
    assert run.jobs() == {"enqueued": 1, "attempts_exhausted": 1}
    gauge = run.plane.container_gauge(2)
    assert (gauge.served, gauge.errors) == (3, 3)


def test_a_retry_after_the_database_is_back_succeeds(plane_class):
    script = [(1.0, "exit", (3,)), (4.0, "start", (3, 3))]
    w = world(load(2.0), API, QUEUE, FAILING, DB, script=script)
    assert done_by(plane_class, w, 6.4375, 6.5) == [0, 1]


def test_one_attempt_means_none_again(plane_class):
    once = replace(FAILING, job_attempts=1)
    run = drive(plane_class, world(load(2.0), API, QUEUE, once, DB, script=[(1.0, "exit", (3,))]))
    assert run.jobs() == {"enqueued": 1, "attempts_exhausted": 1}
    assert run.plane.container_gauge(2).served == 1


def test_a_poison_job_tells_and_the_restarted_worker_goes_on(plane_class):
    poison = replace(WORKER, poison_rate=1.0)
    w = world(load(2.0), API, QUEUE, poison, restart_s=(9.0, 9.0, 0.5))
    run = drive(plane_class, w)
    assert run.told(Note.POISONED) == [(3.0, 2)]
    assert run.told(Note.LISTENING)[-1] == (3.5, 2)
    assert run.jobs() == {"enqueued": 1, "worker_killed": 1}


def test_a_poison_job_redelivered_kills_again_and_again(plane_class):
    """A reliable queue without a limit of deliveries: the crash loop that a poison pill makes."""
    poison = replace(RELIABLE, poison_rate=1.0, max_stalled=99)
    w = world(load(2.0), API, QUEUE, poison, restart_s=(9.0, 9.0, 0.5))
    run = drive(plane_class, w)
    # taken at 2, 8, 14, ...: 1 s of work, 5 s until it is delivered again
    assert [t for t, _ in run.told(Note.POISONED)] == [3.0 + 6.0 * k for k in range(10)]
    assert run.jobs() == {"enqueued": 1}


@pytest.mark.parametrize("most", [0, 1, 3])
def test_a_job_that_stalls_too_often_is_failed(plane_class, most):
    """Bull: counted when a worker is found dead; above the limit the job is failed, not run."""
    poison = replace(RELIABLE, poison_rate=1.0, max_stalled=most)
    w = world(load(2.0), API, QUEUE, poison, restart_s=(9.0, 9.0, 0.5))
    failed_s = 2.0 + 6.0 * (most + 1)
    seen = []
    run = drive(
        plane_class,
        w,
        [failed_s - 0.5, failed_s + 0.5],
        lambda plane: seen.append(plane.gauge()[5:7]),
    )
    assert [t for t, _ in run.told(Note.POISONED)] == [3.0 + 6.0 * k for k in range(most + 1)]
    assert seen[:2] == [(1, 0), (0, 0)]  # it waits until somebody looks
    assert run.jobs() == {"enqueued": 1, "stalled": 1}


def test_a_stall_is_no_attempt_and_an_attempt_no_stall(plane_class):
    """Killed once, then failed twice by a dead database: three runs of two attempts."""
    worker = replace(FAILING, reliable=True, redelivery_s=5.0, job_attempts=2)
    script = [(1.0, "exit", (3,)), (2.5, "exit", (2,)), (3.0, "start", (2, 2))]
    run = drive(plane_class, world(load(2.0), API, QUEUE, worker, DB, script=script))
    assert run.jobs() == {"enqueued": 1, "attempts_exhausted": 1}
    assert run.plane.container_gauge(2).served == 2


def test_all_jobs_in_a_worker_stall_together(plane_class):
    """The neighbours of a poison job are as innocent as they are counted."""
    two = replace(RELIABLE, max_stalled=0, slots=2)
    script = [(2.5, "exit", (2,)), (2.75, "start", (2, 2))]
    w = world(load(2.0, 2.0), API, QUEUE, two, script=script)
    assert drive(plane_class, w).jobs() == {"enqueued": 2, "stalled": 2}


def test_the_poison_rate_is_a_share_of_jobs(plane_class):
    poison = replace(WORKER, poison_rate=0.2, cpu=constant(0.0))
    times = [1.0 + k / 16 for k in range(500)]
    w = world(load(*times), API, QUEUE, poison, restart_s=(9.0, 9.0, 1 / 64))
    poisoned = len(drive(plane_class, w).told(Note.POISONED))
    assert 100 - 45 < poisoned < 100 + 45  # 5 deviations of 9


def test_leaks_count_per_job(plane_class):
    leaky = replace(WORKER, leak_per_request=100, memory_base=1000, memory_per_request=7)
    run = drive(plane_class, world(load(2.0, 2.0, 2.0), API, QUEUE, leaky))
    assert run.plane.container_gauge(2).memory == 1300


# ---- what a job must not carry from one worker to the next ----
def test_a_job_that_died_while_it_dialled_does_not_widen_the_next_pool(plane_class):
    """Its first worker died waiting for a silent database. Later it waits its turn for the one
    connection of its second worker: no third job may open another beside it."""
    worker = replace(
        RELIABLE, slots=3, cpu=constant(0.0), query=constant(2.0), pool=1, redelivery_s=2.0
    )
    script = [
        (1.0, "hang", (3,)),
        (3.0, "exit", (2,)),
        (4.0, "start", (2, 2)),
        (4.0, "resume", (3,)),
    ]
    # the second job takes the connection at 4.5; the first is back at 5 and waits
    w = world(load(2.0, 4.5, 7.0), API, QUEUE, worker, DB, script=script)
    run = drive(plane_class, w)
    assert run.jobs() == {"enqueued": 3, "done": 3}
    assert run.plane.gauge().connections_peak == 1


def test_a_job_that_lost_its_server_connection_does_not_give_it_back_later(plane_class):
    """The database's death broke its query at the pooler; its retry waits at the pooler when its
    worker is killed. That must not free a server connection which it no longer had."""
    pooled = replace(DB, pooler_size=1)
    first = replace(
        RELIABLE,
        cpu=constant(0.0),
        query=constant(4.0),
        pool=9,
        job_attempts=9,
        redelivery_s=30.0,
        job_backoff_s=2.0,
    )
    script = [
        (3.0, "exit", (3,)),
        (3.5, "start", (3, 3)),
        (4.0, "start", (4, 4)),
        (6.0, "exit", (2,)),
    ]
    # pushed at 2, broken at 3, again at 5: behind the job of 4.5, which runs until 8.5
    w = world(load(2.0, 4.5, 6.5), API, QUEUE, first, pooled, first, script=script)
    w = w._replace(script=tuple(s for s in w.script if s != (0.0, "start", (4, 4))))
    # the third needs a worker: the first one is back at 6.25
    w = w._replace(script=(*w.script, type(w.script[0])(6.25, "start", (2, 2))))
    assert done_by(plane_class, w, 8.4375, 8.5, 10.5, 12.5) == [0, 1, 1, 2]


# ---- silent workers ----
def silent(plane_class, worker, hung_s, goes_on_s, *, jobs=1, end_s=60.0, script=()) -> dict:
    """`jobs` at 2 for a worker that hangs at `hung_s`; a second one is there from 3 on."""
    steps = [(0.0, "exit", (3,)), (hung_s, "hang", (2,)), (3.0, "start", (3, 3)), *script]
    steps += [(goes_on_s, "resume", (2,))] if goes_on_s else []
    w = world(load(*[2.0] * jobs, horizon_s=end_s), API, QUEUE, worker, worker, script=steps)
    run = drive(plane_class, w)
    gauge, books = run.plane.gauge(), run.plane.books()
    assert (gauge.jobs_queued, gauge.jobs_in_progress) == (
        books.jobs_queued,
        books.jobs_in_progress,
    )
    return run.jobs() | {"in_progress": gauge.jobs_in_progress}


def test_a_job_of_a_hung_worker_is_given_out_again_and_finished_twice(plane_class):
    """Taken at 2, done by 3; hung at 2.5: given out again at 7.5, done by the other at 8.5; the
    first goes on at 20 and finishes it at 20.5, for the second time (bull#412)."""
    found = silent(plane_class, RELIABLE, 2.5, 20.0)
    assert found == {"enqueued": 1, "done": 1, "duplicated": 1, "in_progress": 0}


def test_a_worker_that_hangs_for_good_keeps_no_job(plane_class):
    assert silent(plane_class, RELIABLE, 2.5, None) == {"enqueued": 1, "done": 1, "in_progress": 0}
    plain = replace(RELIABLE, reliable=False)
    assert silent(plane_class, plain, 2.5, None) == {"enqueued": 1, "in_progress": 1}


def test_a_worker_that_goes_on_in_time_keeps_its_job(plane_class):
    found = silent(plane_class, RELIABLE, 2.5, 7.25)
    assert found == {"enqueued": 1, "done": 1, "in_progress": 0}


def test_what_a_hung_worker_takes_is_given_out_again_as_well(plane_class):
    """Its blocking pop is there before it hangs, at 1; the job comes at 2 and back at 7."""
    found = silent(plane_class, RELIABLE, 1.0, 20.0)
    assert found == {"enqueued": 1, "done": 1, "duplicated": 1, "in_progress": 0}


def test_a_silent_worker_counts_among_the_stalls(plane_class):
    """With max_stalled 0 the job is not given out again; who goes on finishes it, who dies with
    it has lost it."""
    once = replace(RELIABLE, max_stalled=0)
    found = silent(plane_class, once, 2.5, 20.0)
    assert found == {"enqueued": 1, "done": 1, "in_progress": 0}
    found = silent(plane_class, once, 2.5, None, script=[(20.0, "exit", (2,))])
    assert found == {"enqueued": 1, "stalled": 1, "in_progress": 0}


def test_a_hung_worker_that_dies_after_its_job_was_given_out_again_loses_nothing(plane_class):
    found = silent(plane_class, RELIABLE, 2.5, None, script=[(9.0, "exit", (2,))])
    assert found == {"enqueued": 1, "done": 1, "in_progress": 0}


VISIBLE = replace(RELIABLE, redelivery_s=INFINITY, acknowledge_s=2.5, max_stalled=9)


@pytest.mark.parametrize(("seconds", "twice"), [(2.0, 0), (3.0, 1)])
def test_a_job_longer_than_the_visibility_timeout_runs_twice(plane_class, seconds, twice):
    """Taken at 2: a job of 2 s is done before 4.5, one of 3 s is not (celery#5935). The second run
    is too long as well; a limit of one stall ends it there."""
    slow = replace(VISIBLE, cpu=constant(seconds), max_stalled=1)
    found = silent(plane_class, slow, 50.0, None)
    assert found.get("done") == 1
    assert found.get("duplicated", 0) == twice


def test_a_job_of_a_dead_worker_waits_for_the_rest_of_its_visibility_timeout(plane_class):
    """Taken at 2, the worker dies at 2.5; the other has it at 4.5 and is done at 5.5."""
    steps = [(0.0, "exit", (3,)), (2.5, "exit", (2,)), (3.0, "start", (3, 3))]
    w = world(load(2.0), API, QUEUE, VISIBLE, VISIBLE, script=steps)
    assert done_by(plane_class, w, 5.4375, 5.5) == [0, 1]


def test_celery_on_redis_looks_for_overdue_jobs_now_and_then(plane_class):
    """Overdue at 4.5, found at the look at 8, done at 9."""
    looks = replace(VISIBLE, redelivery_look_s=4.0)
    steps = [(0.0, "exit", (3,)), (2.5, "exit", (2,)), (3.0, "start", (3, 3))]
    w = world(load(2.0), API, QUEUE, looks, looks, script=steps)
    assert done_by(plane_class, w, 8.9375, 9.0) == [0, 1]


def test_a_job_that_is_always_too_long_runs_again_and_again(plane_class):
    """Without a limit: given out at 2, 4.5, 7, ... to whoever of the two is free."""
    slow = replace(VISIBLE, cpu=constant(3.0), max_stalled=99)
    assert silent(plane_class, slow, 14.0, None, end_s=13.0)["duplicated"] == 3  # 7.5, 10, 12.5


@pytest.mark.parametrize(("reconnects", "done"), [(True, [1, 3, 3]), (False, [1, 1, 3])])
def test_a_client_that_never_reconnects_takes_nothing_until_its_worker_restarts(
    plane_class, reconnects, done
):
    """Redis is away from 5 to 6; jobs at 2, 10 and 11; the worker is restarted at 20
    (taskforcesh/bullmq#36, #648; rq/django-rq#562)."""
    script = [(5.0, "exit", (1,)), (6.0, "start", (1, 1))]
    script += [(20.0, "exit", (2,)), (20.5, "start", (2, 2))]
    worker = replace(WORKER, reconnects=reconnects)
    w = world(load(2.0, 10.0, 11.0), API, QUEUE, worker, script=script)
    assert done_by(plane_class, w, 5.0, 19.0, 30.0) == done
