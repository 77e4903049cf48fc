"""The equations of the ledger, written here a second time, and two runs compared to the bit.

Independent of sim/results: a mistake in the run-time check would not hide one in an engine.
"""

from __future__ import annotations

import numpy as np

from sim.dataplane.codes import MOST_CACHES, MOST_DATABASES, MOST_QUEUES, MOST_SERVICES
from sim.dataplane.plane import DataPlane
from sim.dataplane.tables import (
    ARRIVED,
    DONE,
    ENQUEUED,
    FIRST_CAUSE,
    FIRST_LOSS,
    IN_SLO,
    SUCCEEDED,
    Recording,
)
from tests.dataplane.worlds import Run


class Ledger:
    """Observes a plane; remembers what may only grow."""

    def __init__(self, containers: int = 0) -> None:
        self.before: tuple[float, ...] = ()
        self.containers = containers
        self.used_before: list[float] = []
        self.highest_limit = 0

    def __call__(self, plane: DataPlane) -> None:
        books, gauge, recording = plane.books(), plane.gauge(), plane.recording()
        requests = recording.requests.sum(axis=0)
        failed = int(requests[FIRST_CAUSE:].sum())
        assert requests[ARRIVED] == requests[SUCCEEDED] + failed + books.open_requests
        assert (gauge.arrived, gauge.succeeded, gauge.failed, gauge.in_flight) == (
            requests[ARRIVED],
            requests[SUCCEEDED],
            failed,
            books.open_requests,
        )
        assert recording.latency.sum() == requests[SUCCEEDED] >= requests[IN_SLO]
        self.buckets(recording)

        self.calls(plane)
        jobs = recording.jobs.sum(axis=0)
        ended = jobs[DONE] + jobs[FIRST_LOSS:].sum()
        assert jobs[ENQUEUED] == ended + books.jobs_queued + books.jobs_in_progress
        assert gauge.jobs_queued == books.jobs_queued <= gauge.backlog_peak
        assert gauge.jobs_in_progress == books.jobs_in_progress
        queues = [plane.queue_gauge(q) for q in range(MOST_QUEUES)]
        for queue in queues:
            assert queue.pushed == queue.done + queue.lost + queue.queued + queue.in_progress
            assert queue.lost == sum(queue.causes)
            assert 0 <= queue.queued <= queue.backlog_peak
            assert (queue.oldest_s > 0.0) <= (queue.queued > 0)
        ends = (sum(queue.pushed for queue in queues), sum(queue.done for queue in queues))
        assert ends == (jobs[ENQUEUED], jobs[DONE])
        assert gauge.jobs_queued == sum(queue.queued for queue in queues)
        assert gauge.backlog_peak <= sum(queue.backlog_peak for queue in queues)
        assert books.jobs_queued >= 0
        assert books.jobs_in_progress >= 0

        caches = [plane.cache_gauge(c) for c in range(MOST_CACHES)]
        assert sum(cache.entries for cache in caches) == books.cached
        for cache in caches:
            assert cache.stored >= cache.evicted + cache.expired + cache.lost

        self.highest_limit = max(self.highest_limit, gauge.connection_limit)
        used = books.connections_open
        assert books.connections_granted == books.connections_closed + used
        assert 0 <= used <= self.highest_limit
        each = [plane.database_gauge(d).connections for d in range(MOST_DATABASES)]
        assert gauge.connections == sum(each) == books.connections_held <= used
        assert used <= gauge.connections_peak
        assert gauge.connections_refused == recording.refused.sum()
        assert gauge.connection_waits >= 0
        assert 0.0 <= gauge.exhausted_s <= plane.now

        for busy, capacity in zip(books.busy_s, books.capacity_s, strict=True):
            assert -1e-9 <= busy <= capacity * (1 + 1e-9) + 1e-6
        assert books.memory == books.memory_counted
        assert all(memory >= 0 for memory in books.memory)
        self.only_grow(plane, books.busy_s)

    @staticmethod
    def calls(plane: DataPlane) -> None:
        """What is asked of a service ends, or is open, or died with who asked."""
        books, gauge = plane.books(), plane.gauge()
        services = [plane.service_gauge(i) for i in range(MOST_SERVICES)]
        for one in services:
            assert one.asked == one.succeeded + one.failed + one.open + one.forsaken
            assert one.failed == sum(one.causes)
            assert one.open >= 0
        assert sum(one.open for one in services) == books.open_calls + books.open_requests
        assert sum(one.asked for one in services) >= gauge.arrived

    @staticmethod
    def buckets(recording: Recording) -> None:
        """No bucket settles more than arrived in it."""
        table = recording.requests
        settled = table[:, SUCCEEDED] + table[:, FIRST_CAUSE:].sum(axis=1)
        assert (settled <= table[:, ARRIVED]).all()
        assert (table[:, IN_SLO] <= table[:, SUCCEEDED]).all()
        assert (table >= 0).all()
        assert (recording.jobs >= 0).all()

    def only_grow(self, plane: DataPlane, busy_s: tuple[float, ...]) -> None:
        gauge, books = plane.gauge(), plane.books()
        now = (
            plane.now,
            gauge.arrived,
            gauge.succeeded,
            gauge.failed,
            gauge.retries,
            gauge.connections_peak,
            gauge.connections_refused,
            gauge.backlog_peak,
            books.connections_granted,
            books.connections_closed,
            gauge.exhausted_s + 1e-9,
        )
        if self.before:
            assert all(a <= b + 1e-9 for a, b in zip(self.before, now, strict=True))
        assert all(a <= b + 1e-9 for a, b in zip(self.used_before, busy_s, strict=False))
        self.before, self.used_before = now, list(busy_s)


def same(one: Run, other: Run) -> None:
    """Two runs told the same story: recording, notices, answers of the verbs, last gauges."""
    assert one.notices == other.notices
    assert one.answers == other.answers
    a, b = one.recording, other.recording
    for name in ("requests", "jobs", "refused", "latency"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    # floats as bits: nearly equal is not equal
    assert a.latency_sum.tobytes() == b.latency_sum.tobytes()
    assert a.latency_max_s == b.latency_max_s
    assert one.plane.gauge() == other.plane.gauge()
    assert one.plane.books() == other.plane.books()
