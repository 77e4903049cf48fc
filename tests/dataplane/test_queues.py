"""Several queues: each has its own jobs, workers, gauge and death."""

from __future__ import annotations

import pytest

from sim.dataplane.codes import JOB_CAUSES, Algorithm, Does, JobLoss, Kind, Outcome, Persistence
from sim.dataplane.profile import Client, Profile, Routing, StoryStep, Workload
from tests.dataplane.worlds import at, constant, drive, exponential, world

CPU, PUSH = Does.CPU, Does.PUSH


def users(*times: float, horizon_s: float = 60.0) -> Workload:
    return Workload(1, horizon_s, at(*times), Client(timeout_s=50.0))


def pushes(queue: int, **rest) -> StoryStep:
    return StoryStep(PUSH, target=queue, name=f"push:{queue}", **rest)


def api(*steps: StoryStep) -> Profile:
    return Profile(Kind.HTTP, slots=9, steps=steps, push_timeout_s=2.0)


def queue(number: int, **rules) -> Profile:
    return Profile(Kind.QUEUE, number=number, **rules)


def worker(queue: int, seconds: float, **rules) -> Profile:
    return Profile(Kind.WORKER, number=queue, cpu=constant(seconds), **rules)


BOTH = api(pushes(0), pushes(1))


def gauges(plane):
    return [plane.queue_gauge(number) for number in range(2)]


def test_each_worker_takes_from_its_own_queue(plane_class):
    """Three requests at once push into both; the second queue's worker is ten times as slow."""
    w = world(users(1.0, 1.0, 1.0), BOTH, queue(0), queue(1), worker(0, 1.0), worker(1, 10.0))
    seen = {}
    run = drive(plane_class, w, [5.0], lambda plane: seen.update({plane.now: gauges(plane)}))
    first, second = seen[5.0]
    assert (first.pushed, first.done, first.queued, first.in_progress) == (3, 3, 0, 0)
    assert (second.pushed, second.done, second.queued, second.in_progress) == (3, 0, 2, 1)
    assert (first.backlog_peak, second.backlog_peak) == (2, 2)
    assert (first.oldest_s, second.oldest_s) == (0.0, 4.0)
    assert run.plane.gauge().backlog_peak == 4, "of the sum, when both waited"
    assert [gauge.done for gauge in gauges(run.plane)] == [3, 3]


def test_workers_of_one_queue_take_turns_whoever_stands_between_them(plane_class):
    w = world(
        users(1.0, 1.0, 1.0), api(pushes(1)), queue(0), queue(1),
        worker(1, 4.0), worker(0, 4.0), worker(1, 4.0),
    )  # fmt: skip
    seen = []
    drive(plane_class, w, [2.0], lambda plane: seen.append(gauges(plane)))
    assert [(gauge.queued, gauge.in_progress) for gauge in seen[0]] == [(0, 0), (1, 2)]


def test_a_death_wipes_one_queue_alone(plane_class):
    w = world(
        users(1.0, 2.0), BOTH, queue(0), queue(1, persistence=Persistence.NONE),
        script=[(3.0, "exit", (2,)), (4.0, "start", (2, 2))],
    )  # fmt: skip
    first, second = gauges(drive(plane_class, w).plane)
    assert (first.queued, first.lost, second.queued, second.lost) == (2, 0, 0, 2)
    assert dict(zip(JOB_CAUSES, second.causes, strict=True))["redis_wiped"] == 2


def test_a_lost_disk_is_that_of_one_queue(plane_class):
    durable = {"persistence": Persistence.AOF_ALWAYS}
    w = world(
        users(1.0), BOTH, queue(0, **durable), queue(1, **durable),
        script=[(3.0, "exit", (1,)), (3.0, "exit", (2,)), (4.0, "wipe", (1,))],
    )  # fmt: skip
    assert [(g.queued, g.lost) for g in gauges(drive(plane_class, w).plane)] == [(1, 0), (0, 1)]


def test_a_push_to_what_is_down_fails_and_the_other_is_kept(plane_class):
    w = world(users(1.0), BOTH, queue(0), queue(1), script=[(0.5, "exit", (2,))])
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.HTTP_500: 1}
    first, second = gauges(run.plane)
    assert (first.pushed, first.queued) == (1, 1)
    assert (second.pushed, second.causes[JobLoss.REDIS_DOWN]) == (1, 1)


def test_a_silent_one_holds_the_push_for_its_time_out(plane_class):
    """From 1.0 to 3.0 it is being pushed: in progress, nowhere else."""
    w = world(users(1.0), BOTH, queue(0), queue(1), script=[(0.5, "hang", (2,))])
    seen = []
    run = drive(plane_class, w, [2.0], lambda plane: seen.append(gauges(plane)))
    assert [(gauge.queued, gauge.in_progress) for gauge in seen[0]] == [(1, 0), (0, 1)]
    assert [(g.queued, g.in_progress, g.lost) for g in gauges(run.plane)] == [(1, 0, 0), (0, 0, 1)]


def test_who_does_not_reconnect_is_cut_off_from_its_own_queue(plane_class):
    stays = {"reconnects": False}
    w = world(
        users(5.0), BOTH, queue(0), queue(1), worker(0, 1.0, **stays), worker(1, 1.0, **stays),
        script=[(1.0, "exit", (2,)), (2.0, "start", (2, 2))],
    )  # fmt: skip
    assert [(g.done, g.queued) for g in gauges(drive(plane_class, w).plane)] == [(1, 0), (0, 1)]


def test_a_job_may_push_another_into_the_next_queue(plane_class):
    """A chain: the first worker's second of work leaves a job for the other's two."""
    chained = Profile(Kind.WORKER, steps=(StoryStep(CPU, constant(1.0)), pushes(1)))
    w = world(users(1.0), api(pushes(0)), queue(0), queue(1), chained, worker(1, 2.0))
    seen = []
    drive(plane_class, w, [1.5, 3.0, 4.5], lambda plane: seen.append(gauges(plane)))
    assert [[g.in_progress for g in both] for both in seen[:3]] == [[1, 0], [0, 1], [0, 0]]
    assert [g.done for g in seen[2]] == [1, 1]


def test_a_worker_started_with_another_profile_takes_from_that_queue(plane_class):
    w = world(
        users(1.0), BOTH, queue(0), queue(1), worker(0, 1.0), worker(1, 1.0),
        script=[(10.0, "exit", (4,)), (11.0, "start", (4, 3))], on=(0, 1, 2, 3, 3),
    )  # fmt: skip
    again = w._replace(workload=users(1.0, 20.0, 20.0))
    first, second = gauges(drive(plane_class, again).plane)
    assert (first.done, second.done, second.queued) == (3, 1, 2)


@pytest.mark.parametrize("target", [-1, 64])
def test_a_push_to_a_queue_that_cannot_be_is_refused(plane_class, target):
    with pytest.raises(ValueError, match=f"a push to queue {target}: they are 0 to 63"):
        plane_class(users()).add_profile(api(pushes(target)))


# ---- what fails ----
FAILS = {"error_rate": 1.0, "job_attempts": 3, "job_backoff_s": 2.0}


def test_a_failing_job_is_tried_as_often_as_it_may_and_then_lost(plane_class):
    """Tried at 1, 4 (after 2 s) and 9 (after 4 s), each time for a second."""
    w = world(users(1.0), api(pushes(0)), queue(0), worker(0, 1.0, **FAILS))
    seen = []
    run = drive(plane_class, w, [9.5, 10.5], lambda plane: seen.append(plane.queue_gauge(0)))
    assert [(gauge.in_progress, gauge.lost) for gauge in seen[:2]] == [(1, 0), (0, 1)]
    assert seen[1].causes[JobLoss.ATTEMPTS_EXHAUSTED] == 1
    assert run.plane.container_gauge(2).errors == 3


def test_a_share_of_tries_fails_and_another_try_may_succeed(plane_class):
    times = [1.0 + i for i in range(40)]
    half = {"error_rate": 0.5, "job_attempts": 20, "job_backoff_s": 0.0}
    w = world(users(*times, horizon_s=99.0), api(pushes(0)), queue(0), worker(0, 0.1, **half))
    run = drive(plane_class, w)
    assert run.plane.queue_gauge(0).done == 40
    assert 20 < run.plane.container_gauge(2).errors < 65


def test_a_dead_letter_begins_anew_in_another_queue(plane_class):
    """Given up at 10; there it is a new job, done at 12 by a worker that it does not fail."""
    poor = worker(0, 1.0, dead_letters=1, **FAILS)
    w = world(users(1.0), api(pushes(0)), queue(0), queue(1), poor, worker(1, 2.0))
    seen = []
    drive(plane_class, w, [11.0, 13.0], lambda plane: seen.append(gauges(plane)))
    assert [[(g.pushed, g.done, g.lost, g.in_progress) for g in both] for both in seen[:2]] == [
        [(1, 0, 1, 0), (1, 0, 0, 1)],
        [(1, 0, 1, 0), (1, 1, 0, 0)],
    ]


def test_a_job_that_stalls_too_often_is_a_dead_letter(plane_class):
    """Its worker dies at 2 and 7 with it; the second time is one too many, 5 s later."""
    rules = {"reliable": True, "redelivery_s": 3.0, "max_stalled": 1, "dead_letters": 1}
    w = world(
        users(1.0), api(pushes(0)), queue(0), queue(1), worker(0, 50.0, **rules),
        script=[(t + d, verb, args) for t in (2.0, 7.0)
                for d, verb, args in ((0.0, "exit", (3,)), (1.0, "start", (3, 3)))],
    )  # fmt: skip
    first, second = gauges(drive(plane_class, w).plane)
    assert first.causes[JobLoss.STALLED] == 1
    assert (second.pushed, second.queued) == (1, 1)


def test_a_try_that_fails_and_is_not_told_comes_back_when_its_acknowledgement_is_due(plane_class):
    """Taken at 1, 5 and 9, each try fails a second later, and is back four seconds after it was
    taken: at 5, at 9, and at 13, when that is once too often."""
    rules = {"reliable": True, "acknowledge_s": 4.0, "max_stalled": 2, "dead_letters": 1}
    poor = worker(0, 1.0, error_rate=1.0, job_attempts=1, failures_told=False, **rules)
    w = world(users(1.0), api(pushes(0)), queue(0), queue(1), poor)
    seen = []
    drive(plane_class, w, [4.5, 5.5, 12.5, 13.5], lambda plane: seen.append(gauges(plane)))
    assert [(first.queued, first.in_progress, second.pushed) for first, second in seen[:4]] == [
        (1, 0, 0), (0, 1, 0), (1, 0, 0), (0, 0, 1),
    ]  # fmt: skip
    assert seen[3][0].causes[JobLoss.STALLED] == 1


def test_a_dead_letter_to_a_queue_that_is_down_is_lost_there_too(plane_class):
    poor = worker(0, 1.0, dead_letters=1, **FAILS)
    w = world(users(1.0), api(pushes(0)), queue(0), queue(1), poor, script=[(2.0, "exit", (2,))])
    first, second = gauges(drive(plane_class, w).plane)
    assert first.causes[JobLoss.ATTEMPTS_EXHAUSTED] == 1
    assert second.causes[JobLoss.REDIS_DOWN] == 1


def test_a_job_that_comes_back_has_left_its_calls_behind(plane_class):
    """Its worker calls from 2 on and dies at 3: one call is forsaken. It comes back at 4, and dies
    at 4.5, before it calls again: nothing more is."""
    asks = StoryStep(Does.CALL, target=1, client=Client(timeout_s=50.0))
    rules = {"reliable": True, "redelivery_s": 0.25, "max_stalled": 9}
    calling = Profile(Kind.WORKER, steps=(StoryStep(CPU, constant(1.0)), asks), **rules)
    slow = Profile(Kind.HTTP, cpu=constant(9.0))
    w = world(
        users(1.0), api(pushes(0)), queue(0), calling, slow,
        script=[(0.0, "publish", ((0,),)), (0.0, "publish", ((3,), -1, 1)),
                *((t, verb, args) for t in (3.0, 4.5)
                  for t, verb, args in ((t, "exit", (2,)), (t + 1.0, "start", (2, 2))))],
    )  # fmt: skip
    run = drive(plane_class, w)
    asked = run.plane.service_gauge(1)
    assert (asked.asked, asked.forsaken, asked.open) == (2, 1, 0)
    assert run.plane.queue_gauge(0).done == 1


# ---- by the clock ----
def test_jobs_that_no_request_pushes(plane_class):
    """Five come at 3; at 20, while the queue is down, five are lost."""
    script = [(3.0, "enqueue", (1, 5)), (15.0, "exit", (2,)), (20.0, "enqueue", (1, 5))]
    w = world(users(), BOTH, queue(0), queue(1), worker(1, 1.0), script=script)
    seen = []
    run = drive(plane_class, w, [5.5], lambda plane: seen.append(gauges(plane)))
    assert seen[0][0].pushed == 0
    assert (seen[0][1].done, seen[0][1].in_progress, seen[0][1].queued) == (2, 1, 2)
    assert (gauges(run.plane)[1].done, gauges(run.plane)[1].lost) == (5, 5)


def test_the_jobs_of_a_schedule_are_the_same_whatever_else_is_pushed(plane_class):
    """Their demands: the seconds that their worker has used for them, with users and without."""
    slow = Profile(Kind.WORKER, number=1, cpu=exponential(1.0))
    used = []
    for times in ((), (1.0, 1.5, 4.0)):
        script = [(3.0, "enqueue", (1, 5))]
        w = world(users(*times), api(pushes(0)), queue(0), queue(1), slow, script=script)
        run = drive(plane_class, w)
        assert run.plane.queue_gauge(1).done == 5
        used.append(run.plane.container_gauge(3).busy_s)
    assert used[0] == used[1] > 0.0


# ---- two primaries at once ----
def test_who_stands_apart_pushes_into_the_old_primary_until_it_is_told(plane_class):
    """Of two of the API one stands in segment 1, with the queue that was the first one's; users
    ask both in turn, each second from 2 on. Until 5.5 all push into the one queue (4 jobs); from
    then on who stands apart takes the second for it (at 7 and 9); until 10.5, when nobody does any
    more, and what it has is lost."""
    apart = api(pushes(0))
    script = [
        (0.0, "place", (1, 1)), (0.0, "place", (3, 1)),
        (0.0, "set_routing", (Routing(Algorithm.ROUND_ROBIN),)),
        (5.5, "part", (0, 1, [1])), (10.5, "part", (0, 1, [])), (10.5, "promote", (1, -1.0)),
    ]  # fmt: skip
    times = [float(t) for t in range(2, 13)]
    w = world(users(*times), apart, apart, queue(0), queue(1), script=script)
    seen = []
    run = drive(plane_class, w, [10.25], lambda plane: seen.append(gauges(plane)))
    assert [(gauge.queued, gauge.lost) for gauge in seen[0]] == [(7, 0), (2, 0)]
    first, second = gauges(run.plane)
    assert (first.queued, first.lost) == (9, 0)
    assert (second.pushed, second.queued, second.lost) == (2, 0, 2)
    assert second.causes[JobLoss.NOT_REPLICATED] == 2
    assert run.causes() == {Outcome.SUCCEEDED: 11}


def test_a_queue_that_takes_no_writes_refuses_pushes_and_hands_out_nothing(plane_class):
    """Its worker does one job, of 3 s, when another is pushed at 2 and waits; from 2.5 to 9.5 it is
    read-only: what is pushed at 5 fails at once, and what waits is begun at 9.5."""
    script = [(2.5, "set_profile", (1, 3)), (9.5, "set_profile", (1, 1))]
    w = world(users(1.0, 2.0, 5.0, 10.0), api(pushes(0)), queue(0), worker(0, 3.0), script=script)
    w = w._replace(profiles=(*w.profiles, queue(0, read_only=True)))
    seen = {}
    run = drive(plane_class, w, [9.0, 12.0, 13.0], lambda p: seen.update({p.now: p.queue_gauge(0)}))
    assert (seen[9.0].done, seen[9.0].queued, seen[9.0].in_progress) == (1, 1, 0)
    assert (seen[12.0].done, seen[13.0].done) == (1, 2)
    assert seen[9.0].causes[JobLoss.REDIS_DOWN] == 1
    assert run.causes() == {Outcome.SUCCEEDED: 3, Outcome.HTTP_500: 1}
