"""Who looks and changes nothing: the samples of each second, and the ledger of each minute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster
from sim.control.core.recorder import SpanRecorder
from sim.dataplane.tables import PlaneGauge
from sim.results import ledger
from sim.results.run import SERIES, Glance
from sim.simulation.endowment import means_of

CHECK_S = 60.0  # simulated seconds between two checks of the ledger, and calls of `progress`
Progress = Callable[[float, int, Glance], None]  # simulated seconds, requests so far, a look


class Observer:
    """Looks once a second and writes nothing that anybody acts on."""

    def __init__(
        self, cluster: Cluster, horizon_s: float, step_s: float, progress: Progress | None
    ) -> None:
        self.cluster, self.step_s, self.progress = cluster, step_s, progress
        count = int(horizon_s / step_s) + 1
        self.series: dict[str, NDArray[np.float64]] = {
            "t_s": np.linspace(0.0, (count - 1) * step_s, count)
        }
        self.series |= {column: np.zeros(count) for column in SERIES}
        asked = cluster.stack.asked()  # by number; alone, the entry's are those of the whole plane
        self.answers: dict[str, NDArray[np.int64]] = {
            service: np.zeros((count, 3), np.int64) for service in asked if len(asked) > 1
        }
        self.busy_s = 0.0  # when last seen
        self.highest_limit = 0
        self.reached: dict[str, int] = {}  # by service: ready at one time, and wanted ever since
        self.closed = ledger.NONE_CLOSED  # what the ledger need not look at again
        self.told = 0  # rows of the timeline that `progress` has heard
        self.recorder = SpanRecorder(cluster)
        self.means = means_of(cluster)

    def start(self) -> None:
        for loop in (self.run(), self.audit(), self.recorder.run()):
            self.cluster.clock.loop(loop)

    def run(self) -> Loop:
        for k in range(len(self.series["t_s"])):
            yield self.cluster.clock.at(k * self.step_s, Rank.OBSERVER)
            for column, value in self.sample().items():
                self.series[column][k] = value
            for number, counts in enumerate(self.answers.values()):
                seen = self.cluster.plane.service_gauge(number)
                counts[k] = seen.asked, seen.failed, seen.open
            self.recorder.second()

    def sample(self) -> dict[str, float]:
        cluster = self.cluster
        gauge = cluster.plane.gauge()
        before, self.busy_s = self.busy_s, gauge.busy_s
        self.highest_limit = max(self.highest_limit, gauge.connection_limit)
        entry = cluster.front()
        running = [c for c in cluster.of(cluster.entry, "running") if c.alive]
        return {
            "in_flight": gauge.in_flight,
            "retries": gauge.retries,
            "jobs_queued": gauge.jobs_queued,
            "jobs_in_progress": gauge.jobs_in_progress,
            "connections": gauge.connections,
            "connection_limit": gauge.connection_limit,
            "connection_waits": gauge.connection_waits,
            "replicas": len(running),
            "ready": sum(c.id in entry.backends for c in running),
            "servers": sum(s.alive for s in cluster.servers),
            "cpu_busy": (gauge.busy_s - before) / self.step_s,
            "missing": self.missing(),
        }

    def missing(self) -> int:
        """Replicas that are wanted, were there and are gone. One that an autoscaler wants and that
        has never been ready is growth, not loss."""
        ready = dict.fromkeys(self.cluster.desired, 0)
        for c in self.cluster.containers:
            if c.ready and c.state == "running" and c.server.alive and not c.hung:
                ready[c.service] += 1
        gone = 0
        for service, wanted in self.cluster.desired.items():
            had = max(ready[service], self.reached.get(service, 0))
            self.reached[service] = min(wanted, had)
            gone += max(0, self.reached[service] - ready[service])
        return gone

    def audit(self) -> Loop:
        """The ledger must balance at every minute, not only at the end."""
        k = 1
        while True:
            yield self.cluster.clock.at(k * CHECK_S, Rank.OBSERVER, 1)
            self.check(int(k * CHECK_S / self.step_s) + 1)
            if self.progress is not None:
                gauge = self.cluster.plane.gauge()
                self.progress(self.cluster.clock.now, gauge.arrived, self.glance(gauge))
            k += 1

    def glance(self, gauge: PlaneGauge) -> Glance:
        rows = tuple(self.cluster.timeline[self.told :])
        self.told += len(rows)
        return Glance(gauge.succeeded, gauge.failed, gauge.jobs_queued, rows)

    def check(self, buckets: int | None = None) -> None:
        """`buckets`: so many from the first (what comes later has not been); at the end all."""
        plane = self.cluster.plane
        gauge: PlaneGauge = plane.gauge()
        self.highest_limit = max(self.highest_limit, gauge.connection_limit)
        now = self.cluster.clock.now
        recording = plane.recording()
        closed = ledger.NONE_CLOSED if buckets is None else self.closed
        rows = slice(closed.rows, buckets)
        seen = replace(
            recording,
            requests=recording.requests[rows],
            jobs=recording.jobs[rows],
            refused=recording.refused[rows],
        )
        queues = self.cluster.queues()
        ledger.check(plane.books(), seen, gauge, now, self.highest_limit, closed, queues)
        if buckets is not None:
            self.closed = ledger.close(closed, seen, buckets - 1)
