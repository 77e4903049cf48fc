"""Redis as a job queue: what a crash loses, what a full one refuses (shared facts, dataplane 2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.dataplane.codes import Kind, Outcome, Persistence
from sim.dataplane.profile import Client, Profile, Workload
from tests.dataplane.worlds import at, cause, constant, drive, ends, latency, world

NONE, RDB, EVERYSEC, ALWAYS = Persistence
API = Profile(Kind.HTTP, slots=10**6, cpu=constant(0.0), push_rate=1.0)
QUEUE = Profile(Kind.QUEUE)
WORKER = Profile(Kind.WORKER, cpu=constant(1.0))
CLIENT = Client(timeout_s=30.0)


def load(*times: float, horizon_s: float = 60.0) -> Workload:
    return Workload(1, horizon_s, at(*times), CLIENT, bucket_s=1 / 16)


def crash(plane_class, persistence, pushes, killed_s, host=False, more=(), script=()) -> dict:
    """Push at these instants, kill the queue at `killed_s`, bring it back: what became of jobs."""
    queue = replace(QUEUE, persistence=persistence)
    fault = [(killed_s, "server_down", (1,)), (killed_s + 2, "server_up", (1,))]
    if not host:
        fault = [(killed_s, "exit", (1,))]
    fault += [(killed_s + 5, "start", (1, 1))]
    w = world(load(*pushes, horizon_s=killed_s + 30), API, queue, *more, script=[*fault, *script])
    run = drive(plane_class, w)
    found = run.jobs()
    assert run.plane.gauge().jobs_queued == run.plane.books().jobs_queued
    return {"queued": run.plane.gauge().jobs_queued, **found}


@pytest.mark.parametrize("after_s", [0.0, 3.0])
@pytest.mark.parametrize(
    ("persistence", "host", "lost"),
    [
        (NONE, False, 200),
        (NONE, True, 200),
        (RDB, False, 200),
        (RDB, True, 200),
        (EVERYSEC, False, 0),
        (ALWAYS, False, 0),
        (ALWAYS, True, 0),
    ],
)
def test_what_a_kill_loses_by_persistence(plane_class, persistence, host, lost, after_s):
    found = crash(plane_class, persistence, [10.25] * 200, 10.25 + after_s, host)
    assert found.get("redis_wiped", 0) == lost
    assert found.get("queued", 0) == 200 - lost


@pytest.mark.parametrize(
    ("unsent_s", "back", "queued", "lost"),
    [(60.0, (), 5, 0), (60.0, (15.0,), 3, 2), (0.0, (), 3, 2), (0.0, (15.0,), 3, 2)],
)
def test_where_a_replica_may_know_more_jobs_are_open(plane_class, unsent_s, back, queued, lost):
    """Three on disk at 10, two after it; the host dies at 10.5. What its replica has nobody knows
    before one of both is the queue; where it has none, what the disk lacks is lost."""
    script = [(10.5, "server_down", (1,)), (12.0, "server_up", (1,))]
    script += [(t, "start", (1, 1)) for t in back]
    queue = replace(QUEUE, persistence=EVERYSEC, unsent_s=unsent_s)
    w = world(load(9.0, 9.0, 9.0, 10.25, 10.25), API, queue, script=script)
    run = drive(plane_class, w)
    assert run.plane.gauge().jobs_queued == run.plane.books().jobs_queued == queued
    assert run.jobs().get("redis_wiped", 0) == lost


@pytest.mark.parametrize(
    ("since_s", "found"),
    [
        (10.5, {"done": 4}),
        (10.25, {"done": 4, "duplicated": 1}),
        (9.5, {"done": 2, "duplicated": 1, "not_replicated": 2}),
        (9.125, {"done": 2, "duplicated": 2, "not_replicated": 2}),
        (8.0, {"done": 2, "not_replicated": 2}),
    ],
)
def test_a_replica_lacks_what_was_pushed_and_has_what_was_taken(plane_class, since_s, found):
    """Two jobs at 9, two at 10; the worker takes the first at 9.25, the second at 10.375, and does
    both. The queue dies at 10.5, with all on its disk; from 12 on a replica is it."""
    replica = replace(QUEUE, unsent_s=60.0)
    script = [
        (0.0, "exit", (2,)), (9.25, "start", (2, 2)), (10.5, "exit", (1,)),
        (12.0, "promote", (0, since_s)), (12.0, "set_profile", (3, 4)),
    ]  # fmt: skip
    worker = replace(WORKER, cpu=constant(1.125))
    first, standby = replace(replica, persistence=ALWAYS), replace(replica, number=1)
    w = world(load(9.0, 9.0, 10.0, 10.0), API, first, worker, standby, script=script)
    run = drive(plane_class, w._replace(profiles=(*w.profiles, replica)))
    assert run.jobs() == {"enqueued": 4, **found}
    assert run.plane.gauge().jobs_queued == 0


def test_nobody_plays_a_queue_whose_server_came_back_as_a_replica(plane_class):
    """The old primary is back at 11 as another queue; what is pushed at 11.5 gets nowhere; from 12
    on a replica is the queue, with what waited: one job. Each in another's place again at 14."""
    replica = replace(QUEUE, unsent_s=60.0)
    script = [
        (10.5, "exit", (1,)), (11.0, "start", (1, 2)), (12.0, "promote", (0, 10.5)),
        (12.0, "set_profile", (2, 1)), (14.0, "set_profile", (1, 1)), (14.0, "set_profile", (2, 2)),
    ]  # fmt: skip
    w = world(load(10.0, 11.5, 13.0, 14.5), API, replica, replace(replica, number=1), script=script)
    run = drive(plane_class, w)
    assert run.jobs() == {"enqueued": 4, "redis_down": 1}
    assert run.plane.queue_gauge(0).queued == 3
    assert run.plane.queue_gauge(1).queued == 0


@pytest.mark.parametrize(("killed_s", "lost"), [(10.75, 3), (11.0, 0), (11.25, 0)])
def test_everysec_loses_the_last_second_with_the_host_and_nothing_with_the_process(
    plane_class, killed_s, lost
):
    pushes = [8.5, 9.25, 10.25, 10.5, 10.5]
    found = crash(plane_class, EVERYSEC, pushes, killed_s, host=True)
    assert found.get("redis_wiped", 0) == lost
    assert "redis_wiped" not in crash(plane_class, EVERYSEC, pushes, killed_s, host=False)


@pytest.mark.parametrize(
    ("pushes", "killed_s", "lost"),
    [
        ({1.0: 9_990}, 67.0, 9_990),
        ({1.0: 10_000}, 67.0, 0),
        ({1.0: 10_100}, 67.0, 0),
        ({1.0: 10_000}, 31.0, 10_000),
        ({1.0: 10_000, 70.0: 500}, 75.0, 500),
        ({1.0: 9_999, 70.0: 1}, 71.0, 0),  # the count is met late: it saves at once
        ({1.0: 99}, 320.0, 99),
        ({1.0: 100}, 299.0, 100),
        ({1.0: 100}, 301.0, 0),
        ({1.0: 100, 310.0: 5}, 500.0, 5),
        ({1.0: 1}, 3599.0, 1),
        ({1.0: 1}, 3601.0, 0),
    ],
)
def test_rdb_save_points_need_count_and_age(plane_class, pushes, killed_s, lost):
    """redis.conf: save 3600 1 300 100 60 10000. Facts: 9,990 queued and 66 s later all lost;
    10,000 or 10,100 none; 30 s later all; 10,000 saved and 500 more: exactly the 500."""
    times = [t for t, n in pushes.items() for _ in range(n)]
    found = crash(plane_class, RDB, times, killed_s)
    assert found.get("redis_wiped", 0) == lost
    assert found["queued"] == len(times) - lost


def test_a_second_crash_loses_nothing_that_the_first_brought_back(plane_class):
    script = [(320.0, "exit", (1,)), (322.0, "start", (1, 1))]
    found = crash(plane_class, RDB, [1.0] * 100, 310.0, script=script)
    assert found == {"queued": 100, "enqueued": 100}


def test_what_was_taken_since_the_save_comes_back_and_is_done_twice(plane_class):
    """Pushed at 5, on disk at 6; taken at 6.25; the host dies at 6.5, when the removal was not on
    disk. The worker, elsewhere, finishes; the restored entry is a duplicate."""
    script = [(0.0, "exit", (2,)), (6.25, "start", (2, 2))]
    found = crash(plane_class, EVERYSEC, [5.0], 6.5, True, [WORKER], script)
    assert found == {"queued": 0, "enqueued": 1, "done": 1, "duplicated": 1}
    found = crash(plane_class, EVERYSEC, [5.0], 7.0, True, [WORKER], script)
    assert found == {"queued": 0, "enqueued": 1, "done": 1}


def test_what_was_pushed_and_taken_since_the_last_second_does_not_come_back(plane_class):
    found = crash(plane_class, EVERYSEC, [5.25], 5.5, True, [WORKER])
    assert found == {"queued": 0, "enqueued": 1, "done": 1}


def test_every_crash_brings_back_what_was_taken_since_the_save_once_more(plane_class):
    """Two jobs on disk at 6. One is taken at 6.25 and back after the crash of 6.5; both are taken
    at 9 and back after the crash of 9.5: two done, three done again."""
    slow = replace(WORKER, cpu=constant(10.0))
    script = [
        (0.0, "exit", (2,)),
        (0.0, "exit", (3,)),
        (6.25, "start", (2, 2)),
        (6.75, "start", (3, 3)),
        (9.0, "start", (1, 1)),
        (9.5, "server_down", (1,)),
        (9.75, "server_up", (1,)),
        (11.75, "start", (1, 1)),
    ]
    found = crash(
        plane_class, EVERYSEC, [5.0, 5.0], 6.5, True, [slow, replace(slow, slots=4)], script
    )
    assert found == {"queued": 0, "enqueued": 2, "done": 2, "duplicated": 3}


# pushed at 5, on disk at 6, taken at 6.25 by the first worker, back after the host's death at 6.5
SLOW, QUICK = replace(WORKER, cpu=constant(10.0)), replace(WORKER, cpu=constant(0.5))
TAKEN_TWICE = [(0.0, "exit", (2,)), (0.0, "exit", (3,)), (6.25, "start", (2, 2))]


def restored(plane_class, first: Profile, second: Profile, *script) -> dict:
    steps = [*TAKEN_TWICE, (11.75, "start", (3, 3)), *script]
    return crash(plane_class, EVERYSEC, [5.0], 6.5, True, [first, second], steps)


def test_a_job_whose_worker_died_is_done_by_the_entry_that_came_back(plane_class):
    """Killed at 8 with the job inside; the second worker does it from 11.75: neither lost nor
    done twice."""
    found = restored(plane_class, SLOW, QUICK, (8.0, "exit", (2,)))
    assert found == {"queued": 0, "enqueued": 1, "done": 1}


@pytest.mark.parametrize("redelivery_s", [1.0, 5.0])
def test_a_stalled_entry_is_no_loss_while_another_one_is_there(plane_class, redelivery_s):
    """Killed at 8; found stalled at 12 (the queue was down), while the entry that came back is
    worked on, or at 13, when that is done."""
    stalls = replace(SLOW, reliable=True, redelivery_s=redelivery_s, max_stalled=0)
    found = restored(plane_class, stalls, QUICK, (8.0, "exit", (2,)))
    assert found == {"queued": 0, "enqueued": 1, "done": 1}


def test_whichever_entry_is_finished_first_is_the_job(plane_class):
    """The copy is done at 12.25, the first entry at 16.25, or never: its worker dies at 14."""
    assert restored(plane_class, SLOW, QUICK) == {
        "queued": 0, "enqueued": 1, "done": 1, "duplicated": 1,
    }  # fmt: skip
    found = restored(plane_class, SLOW, QUICK, (14.0, "exit", (2,)))
    assert found == {"queued": 0, "enqueued": 1, "done": 1}


def test_a_job_is_lost_when_its_last_entry_is(plane_class):
    found = restored(plane_class, SLOW, SLOW, (14.0, "exit", (3,)), (15.0, "exit", (2,)))
    assert found == {"queued": 0, "enqueued": 1, "worker_killed": 1}


def test_a_loss_that_an_old_save_brings_back_is_no_duplicate(plane_class):
    """Lost with its worker at 6.375, back from the disk: done once, and booked as lost."""
    found = restored(plane_class, SLOW, QUICK, (6.375, "exit", (2,)))
    assert found == {"queued": 0, "enqueued": 1, "worker_killed": 1}


def test_what_comes_back_stands_where_the_save_has_it(plane_class):
    """Three jobs on disk at 6. The first is taken at 6.25, finds no database and waits for its
    second try; the second is lost with its worker at 6.27; the third waits. The second try stands
    behind the third from 6.52 on, and goes with the host at 6.75, as do the pops: the save has all
    three in their order. From 11.75 the first is done, the second inside when its worker dies."""
    fails = replace(
        WORKER, cpu=constant(1 / 64), query=constant(1.0), job_attempts=2, job_backoff_s=0.25
    )
    script = [*TAKEN_TWICE, (6.25 + 1.5 / 64, "exit", (2,)), (11.75, "start", (3, 3))]
    script.append((12.35, "exit", (3,)))
    found = crash(plane_class, EVERYSEC, [5.0] * 3, 6.75, True, [fails, QUICK], script)
    assert found == {"queued": 1, "enqueued": 3, "done": 1, "worker_killed": 1}


def test_the_save_points_count_anew_from_a_restart(plane_class):
    """100 pushes are lost at 285; 50 more at 291. At 310 there are not 100 changes since 285."""
    script = [(310.0, "exit", (1,)), (312.0, "start", (1, 1))]
    found = crash(plane_class, RDB, [1.0] * 100 + [291.0] * 50, 285.0, script=script)
    assert found == {"queued": 0, "enqueued": 150, "redis_wiped": 150}


def test_pops_are_changes_too(plane_class):
    """60 pushes and 40 pops by 283 s: the save point of 300 s and 100 changes is met."""
    slow = replace(WORKER, cpu=constant(7.25))
    assert "redis_wiped" not in crash(plane_class, RDB, [1.0] * 60, 301.0, more=[slow])


# ---- pushing ----
def test_a_push_to_a_dead_queue_fails_at_once(plane_class):
    w = world(load(2.0), API, QUEUE, script=[(1.0, "exit", (1,))])
    assert ends(plane_class, w) == [(2.0, 0, 1)]
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.HTTP_500: 1}
    assert run.jobs() == {"enqueued": 1, "redis_down": 1}


@pytest.mark.parametrize("verb", ["hang", "server_down"])
def test_a_push_to_a_silent_queue_fails_after_its_timeout(plane_class, verb):
    slow = replace(API, push_timeout_s=3.0)
    w = world(load(2.0), slow, QUEUE, script=[(1.0, verb, (1,))])
    assert ends(plane_class, w) == [(5.0, 0, 1)]
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.HTTP_500: 1}
    assert run.jobs() == {"enqueued": 1, "redis_down": 1}


def test_a_push_that_waits_is_in_progress_and_lost_with_its_process(plane_class):
    slow = replace(API, push_timeout_s=3.0)
    script = [(1.0, "hang", (1,)), (4.0, "exit", (0,))]
    seen = []
    run = drive(
        plane_class,
        world(load(2.0), slow, QUEUE, script=script),
        [3.0],
        lambda plane: seen.append(plane.gauge().jobs_in_progress),
    )
    assert seen[0] == 1
    assert run.jobs() == {"enqueued": 1, "redis_down": 1}
    assert run.causes() == {Outcome.DROPPED_ON_KILL: 1}


def test_a_hung_process_does_not_answer_when_its_push_times_out(plane_class):
    slow = replace(API, push_timeout_s=3.0)
    script = [(1.0, "hang", (1,)), (3.0, "hang", (0,)), (8.0, "resume", (0,))]
    assert ends(plane_class, world(load(2.0), slow, QUEUE, script=script)) == [(8.0, 0, 1)]


def test_without_a_queue_in_the_stack_requests_enqueue_nothing(plane_class):
    run = drive(plane_class, world(load(2.0), API))
    assert run.causes() == {Outcome.SUCCEEDED: 1}
    assert run.jobs() == {}


def test_the_push_rate_is_a_share_of_requests(plane_class):
    times = [1.0 + k / 64 for k in range(1000)]
    run = drive(plane_class, world(load(*times), replace(API, push_rate=0.3), QUEUE))
    assert 225 < run.jobs()["enqueued"] < 375  # 5 deviations of 14.5


# ---- a full queue ----
FULL = replace(QUEUE, queue_bytes=5 * 1054)


def test_noeviction_refuses_the_push_and_accepts_again_after_pops(plane_class):
    times = [1.0 + k / 8 for k in range(8)] + [20.0]
    script = [(0.0, "exit", (2,)), (10.0, "start", (2, 2))]
    run = drive(plane_class, world(load(*times), API, FULL, WORKER, script=script))
    assert [cause(run, t) for t in times] == (
        [Outcome.SUCCEEDED] * 5 + [Outcome.HTTP_500] * 3 + [Outcome.SUCCEEDED]
    )
    assert run.jobs() == {"enqueued": 9, "queue_full": 3, "done": 6}


def test_an_evicting_policy_drops_the_whole_list(plane_class):
    times = [1.0 + k / 8 for k in range(8)]
    run = drive(plane_class, world(load(*times), API, replace(FULL, evict=True)))
    assert run.causes() == {Outcome.SUCCEEDED: 8}  # nobody is told
    assert run.jobs() == {"enqueued": 8, "evicted": 5}
    assert run.plane.gauge().jobs_queued == 3


@pytest.mark.parametrize("evict", [False, True])
def test_a_job_that_waits_for_its_retry_uses_memory_as_well(plane_class, evict):
    """It failed at 3 and is to come back at 5; at 4 there is no room for another."""
    queue = replace(QUEUE, queue_bytes=1054, evict=evict)
    failing = replace(WORKER, query=constant(0.5), job_attempts=2, job_backoff_s=2.0)
    dead = Profile(Kind.DATABASE)
    w = world(load(2.0, 4.0), API, queue, failing, dead, script=[(1.0, "exit", (3,))])
    cause_of = "evicted" if evict else "queue_full"
    assert drive(plane_class, w).jobs() == {"enqueued": 2, cause_of: 1, "attempts_exhausted": 1}


def test_the_job_size_decides_how_many_fit(plane_class):
    run = drive(plane_class, world(load(*[1.0] * 9), API, replace(FULL, job_bytes=2 * 1054)))
    assert run.jobs()["queue_full"] == 7


def test_the_backlog_peak_is_remembered(plane_class):
    script = [(0.0, "exit", (2,)), (10.0, "start", (2, 2))]
    run = drive(plane_class, world(load(*[1.0] * 7), API, QUEUE, WORKER, script=script))
    gauge = run.plane.gauge()
    assert (gauge.backlog_peak, gauge.jobs_queued) == (7, 0)


def test_a_hung_queue_hands_out_nothing_until_it_goes_on(plane_class):
    script = [
        (0.0, "exit", (2,)),
        (2.0, "hang", (1,)),
        (3.0, "start", (2, 2)),
        (9.0, "resume", (1,)),
    ]
    seen = []
    drive(
        plane_class,
        world(load(1.0), API, QUEUE, WORKER, script=script),
        [8.0, 9.5, 10.0],
        lambda plane: seen.append(plane.gauge()[5:7]),
    )
    assert seen[:3] == [(1, 0), (0, 1), (0, 0)]


def test_the_latency_of_a_request_does_not_hang_on_its_job(plane_class):
    run = drive(plane_class, world(load(2.0), API, QUEUE, WORKER))
    assert latency(run, 2.0) == 0.0


@pytest.mark.parametrize("evict", [False, True])
def test_a_queue_without_room_for_one_job_refuses_all(plane_class, evict):
    """maxmemory below what an empty server takes: nothing is there that could be evicted."""
    small = replace(QUEUE, queue_bytes=1, evict=evict)
    run = drive(plane_class, world(load(2.0, 3.0), API, small))
    assert run.jobs() == {"enqueued": 2, "queue_full": 2}


@pytest.mark.parametrize("persistence", [NONE, RDB, EVERYSEC, ALWAYS])
def test_a_lost_disk_loses_all_that_waited_however_it_was_saved(plane_class, persistence):
    """200 jobs on disk, none taken: the host dies at 14 and its disk with it; one that comes after
    the queue is back (19) is kept."""
    pushes = [10.25] * 200 + [20.0]
    found = crash(plane_class, persistence, pushes, 14.0, True, script=[(14.0, "wipe", ())])
    assert found["redis_wiped"] == 200
    assert found["queued"] == 1


def test_a_job_in_a_workers_hands_outlives_the_disk(plane_class):
    """Of three jobs one is taken at 10 and takes 8 s: it is done at 18; two waited."""
    slow = Profile(Kind.WORKER, cpu=constant(8.0))
    found = crash(plane_class, ALWAYS, [10.0] * 3, 14.0, True, [slow], [(14.0, "wipe", ())])
    assert (found["done"], found["redis_wiped"], found["queued"]) == (1, 2, 0)
