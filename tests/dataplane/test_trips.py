"""Pushes and look-ups over the network: how late they are, and what becomes of those that are lost.

The API stands in segment 0, the store in segment 1.
"""

from __future__ import annotations

import pytest

from sim.dataplane import draws
from sim.dataplane.arithmetic import attempt_id
from sim.dataplane.codes import Does, Kind, Outcome, Stream
from sim.dataplane.profile import CacheRules, Client, Profile, StoryStep, Workload
from sim.dataplane.tables import CacheGauge
from tests.dataplane.worlds import at, constant, drive, world

SEED, N = 7, 200
PUSH = StoryStep(Does.PUSH)
LOOK = StoryStep(Does.CACHE, cache=CacheRules(timeout_s=1.0), covers=1)
MISS = StoryStep(Does.WAIT, constant(0.25))
WORKER = Profile(Kind.WORKER, cpu=constant(0.125))
APART = [(0.0, "place", (1, 1))]


def asked(plane_class, steps, *stores: Profile, script=(), slots: int = 99):
    """A request each two seconds: how long each took, and the run."""
    times = at(*(1.0 + 2 * n for n in range(N)))
    users = Workload(SEED, 2.0 * N + 60.0, times, Client(timeout_s=20.0), bucket_s=2.0)
    api = Profile(Kind.HTTP, slots=slots, steps=steps, push_timeout_s=2.0)
    run = drive(plane_class, world(users, api, *stores, script=[*APART, *script]))
    return [float(x) for x in run.recording.latency_sum[:N]], run


def late(request: int, share: float, most_s: float) -> float:
    """By TCP's rule: again after 0.2, 0.4, 0.8 s and so on, while a draw says that it is lost."""
    tried, seconds, number = attempt_id(request, 0), 0.0, 0
    while seconds < most_s:
        if draws.u(SEED, Stream.LOSS, draws.child(tried, number)) >= share:
            return seconds
        seconds += 0.2 * 2.0**number
        number += 1
    return seconds


def test_a_trip_to_a_queue_and_to_a_cache_takes_its_time(plane_class):
    """The first look misses, which costs a quarter; the others hit."""
    far = [(0.0, "link", (0, 1, constant(0.0625)))]
    took, run = asked(plane_class, (PUSH,), Profile(Kind.QUEUE), WORKER, script=far)
    assert took == [0.0625] * N
    assert run.jobs() == {"enqueued": N, "done": N}
    took, run = asked(plane_class, (LOOK, MISS), Profile(Kind.CACHE), script=far)
    assert took == [0.3125] + [0.0625] * (N - 1)


def test_who_waits_for_longer_than_its_time_out_takes_a_store_for_silent(plane_class):
    """A round trip of three seconds: no push arrives, and no look-up."""
    far = [(0.0, "link", (0, 1, constant(3.0)))]
    took, run = asked(plane_class, (PUSH,), Profile(Kind.QUEUE), WORKER, script=far)
    assert run.jobs() == {"enqueued": N, "redis_down": N}
    assert run.causes() == {Outcome.HTTP_500: N}
    took, run = asked(plane_class, (LOOK, MISS), Profile(Kind.CACHE), script=far)
    assert took == [1.25] * N
    assert run.plane.cache_gauge(0) == CacheGauge(unanswered=N, fills=N, stored=1)


@pytest.mark.parametrize("way", [(0, 1), (1, 0)])
def test_a_packet_that_is_lost_is_sent_again_until_the_time_out(plane_class, way):
    """Half of them are. Two seconds are over after four in a row: a job whose push is lost is not
    there, one whose answer is lost is done, though its request has failed."""
    lossy = [(0.0, "lose", (*way, 0.5))]
    took, run = asked(plane_class, (PUSH,), Profile(Kind.QUEUE), WORKER, script=lossy)
    expected = [late(n, 0.5, 2.0) for n in range(N)]
    failed = sum(seconds >= 2.0 for seconds in expected)
    assert took == pytest.approx([0.0 if seconds >= 2.0 else seconds for seconds in expected])
    assert run.causes() == {Outcome.SUCCEEDED: N - failed, Outcome.HTTP_500: failed}
    assert failed > 5
    lost = {"redis_down": failed} if way == (0, 1) else {}
    assert run.jobs() == {"enqueued": N, "done": N - sum(lost.values()), **lost}


@pytest.mark.parametrize("way", [(0, 1), (1, 0)])
def test_a_look_up_whose_packet_is_lost_is_late_or_a_miss(plane_class, way):
    """One second is over after three in a row; then it does what a miss does, for a quarter."""
    lossy = [(2.0, "lose", (*way, 0.5))]
    took, run = asked(plane_class, (LOOK, MISS), Profile(Kind.CACHE), script=lossy)
    expected = [late(n, 0.5, 1.0) for n in range(N)]
    expected = [0.25] + [1.25 if seconds >= 1.0 else seconds for seconds in expected[1:]]
    assert took == pytest.approx(expected)
    misses = expected.count(1.25)
    assert misses > 5
    gauge = run.plane.cache_gauge(0)
    assert gauge.unanswered == misses
    assert gauge.hits == N - 1 - (misses if way == (0, 1) else 0)


def test_nobody_draws_where_nothing_is_lost(plane_class):
    """Segments that have nothing to do with it lose all: the same bytes as without."""
    quiet, run = asked(plane_class, (PUSH,), Profile(Kind.QUEUE), WORKER)
    other, _ = asked(
        plane_class, (PUSH,), Profile(Kind.QUEUE), WORKER, script=[(0.0, "lose", (2, 3, 0.5))]
    )
    assert quiet == other == [0.0] * N
    assert run.jobs() == {"enqueued": N, "done": N}
