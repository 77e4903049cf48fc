"""A broker that holds connections (RabbitMQ), and jobs that a worker holds beside those it does.

Jobs come at 2, 2.125, 2.25 and 2.375; each takes a second of the first worker, which can hold all
of them. The second one starts when a test says so.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.dataplane.codes import Kind, Persistence
from sim.dataplane.profile import Client, Profile, Workload
from tests.dataplane.worlds import at, constant, drive, world

API = Profile(Kind.HTTP, slots=10**6, cpu=constant(0.0), push_rate=1.0)
DURABLE = Profile(Kind.QUEUE, persistence=Persistence.AOF_ALWAYS)
WORKER = Profile(
    Kind.WORKER, cpu=constant(1.0), reliable=True, by_connection=True, redelivery_s=8.0,
    max_stalled=99, prefetch=3,
)  # fmt: skip
PUSHED = (2.0, 2.125, 2.25, 2.375)
LATER = [(0.0, "exit", (3,)), (3.0, "start", (3, 3))]  # the second worker


def run(plane_class, script, first=WORKER, second=WORKER, queue=DURABLE, pushed=PUSHED, ticks=()):
    load = Workload(1, 60.0, at(*pushed), Client(timeout_s=30.0), bucket_s=1 / 16)
    seen = []
    made = world(load, API, queue, first, second, script=sorted(script))
    done = drive(plane_class, made, list(ticks), lambda plane: seen.append(plane.queue_gauge(0)))
    return done.jobs(), seen[: len(ticks)]


def test_all_of_a_killed_worker_comes_back_at_once_to_its_old_place(plane_class):
    """Killed at 2.5 with four of them. The other has one place, from 3: the oldest that waits at
    3.5 is the second, at 4.5 the third. To the end, they would have come after a fifth."""
    script = [*LATER, (2.5, "exit", (2,))]
    jobs, seen = run(
        plane_class, script, second=replace(WORKER, prefetch=0), pushed=(*PUSHED, 2.75),
        ticks=[2.5625, 3.5, 4.5],
    )  # fmt: skip
    assert [gauge.oldest_s for gauge in seen] == [0.5625, 3.5 - 2.125, 4.5 - 2.25]
    assert [gauge.queued for gauge in seen] == [4, 4, 3]
    assert jobs == {"enqueued": 5, "done": 5}


@pytest.mark.parametrize(("prefetch", "done"), [(3, [0, 1, 2, 3, 4]), (0, [0, 1, 3, 4, 4])])
def test_a_worker_that_holds_jobs_leaves_none_to_the_next(plane_class, prefetch, done):
    """With room for three beside the one that it does, all four are done one after the other, and
    the worker that starts at 3 has nothing to do; without, it does every other one from 3 on."""
    first = replace(WORKER, prefetch=prefetch)
    jobs, seen = run(
        plane_class, LATER, first=first, second=first, ticks=[2.9375, 3.0, 4.0, 5.0, 6.0]
    )
    assert [gauge.done for gauge in seen] == done
    assert seen[0].in_progress == prefetch + 1
    assert jobs == {"enqueued": 4, "done": 4}


def test_who_takes_leave_gives_back_what_it_has_not_begun(plane_class):
    """Drained at 2.5 with one begun and three more: two of those go to the other at 3 at once."""
    script = [*LATER, (2.5, "drain", (2,))]
    _, seen = run(plane_class, script, second=replace(WORKER, slots=3), ticks=[2.75, 3.5, 4.0])
    assert [(gauge.queued, gauge.in_progress, gauge.done) for gauge in seen] == [
        (3, 1, 0), (0, 3, 1), (0, 0, 4),
    ]  # fmt: skip


def test_a_plain_worker_acknowledges_what_it_begins(plane_class):
    """So of its four the one that it does is lost with it."""
    plain = replace(WORKER, reliable=False)
    jobs, _ = run(plane_class, [*LATER, (2.5, "exit", (2,))], first=plain, second=plain)
    assert jobs == {"enqueued": 4, "done": 3, "worker_killed": 1}


def test_a_host_that_dies_is_silent_for_two_heartbeats(plane_class):
    """It is gone at 2.5; nobody tells the broker, which hears nothing until 10.5."""
    script = [*LATER, (2.5, "server_down", (2,))]
    jobs, seen = run(plane_class, script, ticks=[11.4375, 11.5, 14.5])
    assert [gauge.done for gauge in seen] == [0, 1, 4]
    assert jobs == {"enqueued": 4, "done": 4}


def test_who_hangs_loses_its_connection_and_forgets_what_it_has_not_begun(plane_class):
    """It hangs at 2.5 with four; at 10.5 the other has them, done at 11.5 ... 14.5. A job of 12
    does not go to who hangs. At 20 it goes on with the one that it had begun, which is done a
    second time at 20.5, and takes the job of 30 in its turn."""
    script = [*LATER, (2.5, "hang", (2,)), (20.0, "resume", (2,)), (29.0, "exit", (3,))]
    jobs, seen = run(plane_class, script, pushed=(*PUSHED, 12.0, 30.0), ticks=[15.5, 21.0, 31.0])
    assert [(gauge.done, gauge.duplicated) for gauge in seen] == [(5, 0), (5, 1), (6, 1)]
    assert jobs == {"enqueued": 6, "done": 6, "duplicated": 1}


def test_a_job_that_is_not_acknowledged_in_time_is_done_twice(plane_class):
    """Two jobs of 3 s come to one worker at 2, to be acknowledged within 4. The second has waited
    there until 5; at 6 the channel is closed, and it is delivered again. It is done at 8 and, for
    the second time, at 11 (late as well; with one stall allowed that is the last time)."""
    slow = replace(WORKER, cpu=constant(3.0), acknowledge_s=4.0, max_stalled=1)
    jobs, seen = run(plane_class, [(0.0, "exit", (3,))], first=slow, pushed=(2.0, 2.0),
                     ticks=[5.0, 7.9375, 8.0, 10.9375, 11.0])  # fmt: skip
    assert [(gauge.done, gauge.duplicated) for gauge in seen] == [
        (1, 0), (1, 0), (2, 0), (2, 0), (2, 1),
    ]  # fmt: skip
    assert jobs == {"enqueued": 2, "done": 2, "duplicated": 1}


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        (DURABLE, {"enqueued": 4, "done": 4, "duplicated": 1}),
        (Profile(Kind.QUEUE), {"enqueued": 4, "done": 1, "redis_wiped": 3}),
    ],
)
def test_a_broker_that_restarts_has_ended_all_connections(plane_class, queue, expected):
    """It dies at 2.5 and is back at 2.75: the job in hand is given out again and done twice, and
    those that were held are not. What was not on disk is gone, but for the one in hand."""
    script = [(0.0, "exit", (3,)), (2.5, "exit", (1,)), (2.75, "start", (1, 1))]
    jobs, _ = run(plane_class, script, queue=queue)
    assert jobs == expected


@pytest.mark.parametrize(("mended_s", "again"), [(5.0, 0), (20.0, 1)])
def test_a_job_of_a_worker_that_is_cut_off_is_given_out_again(plane_class, mended_s, again):
    """Cut off at 2.5 with one in hand, which it has done at 3 and cannot say; eight seconds after
    the cut the other one gets it. Both acknowledge it, if the network is back too late."""
    ends = (1, 0), (0, 1)
    script = [(0.0, "place", (2, 1))]
    script += [(t, "lose", (*way, x)) for t, x in ((2.5, 1.0), (mended_s, 0.0)) for way in ends]
    one = replace(WORKER, by_connection=False, prefetch=0)
    jobs, _ = run(plane_class, [*LATER, *script], first=one, second=one, pushed=(2.0,))
    assert jobs == {"enqueued": 1, "done": 1} | ({"duplicated": 1} if again else {})
