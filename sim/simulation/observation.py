"""Who looks and changes nothing: the samples of each second, and the ledger now and then.

The data plane takes its own samples. What the control plane has changes when it acts, and then
alone: what stood before is written down as it goes on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster
from sim.control.core.recorder import SpanRecorder
from sim.control.core.ticks import never
from sim.dataplane.tables import PlaneGauge, Recording
from sim.results import ledger
from sim.results.run import SERIES, Glance
from sim.simulation.endowment import means_of

# simulated seconds to the first check of the ledger; each further one after twice as long. Nearly
# all its equations are of counts since the start: what once was wrong stays wrong. Each five
# minutes, they took a seventh of a short run
CHECK_S = 1200.0
PROGRESS_S = 60.0  # between two calls of `progress`
Progress = Callable[[float, int, Glance], None]  # simulated seconds, requests so far, a look


class Believed(NamedTuple):
    """What the samples say of the control plane, from one of them on; in the words of SERIES."""

    first: int
    replicas: int
    ready: int
    servers: int
    missing: int


class Observer:
    """Looks and writes nothing that anybody acts on."""

    def __init__(self, cluster: Cluster, step_s: float, progress: Progress | None) -> None:
        self.cluster, self.step_s, self.progress = cluster, step_s, progress
        self.believed: list[Believed] = []
        self.next = 0  # sample, the first that is not yet over
        self.edits = -1  # of the cluster, when it was last looked at
        self.highest_limit = self.limits = 0  # of connections, in so many samples
        self.reached: dict[str, int] = {}  # by service: ready at one time, and wanted ever since
        self.told = 0  # rows of the timeline that `progress` has heard
        self.recorder = SpanRecorder(cluster)
        self.means = means_of(cluster)

    def start(self) -> None:
        self.cluster.clock.loop(self.audit())
        self.cluster.clock.loop(self.recorder.run())
        if self.progress is not None:
            report = partial(self.report, self.progress)
            self.cluster.clock.loop(self.each_minute(report))

    def each_minute(self, report: Callable[[], None]) -> Loop:
        """Of those in which nothing happens at one."""
        period_s = max(PROGRESS_S, self.step_s)
        for tick in self.cluster.ticks(period_s, Rank.OBSERVER, period_s, 3, calm=never):
            yield tick
            report()

    def audit(self) -> Loop:
        """The ledger must balance while the run goes on, not only at its end."""
        at_s = max(CHECK_S, self.step_s)
        while True:
            yield self.cluster.clock.at(at_s, Rank.OBSERVER, 1)
            self.check()
            at_s *= 2.0

    def goes_on(self, to_s: float) -> None:
        """Nobody acts any more before `to_s`: the samples until then see what there is now."""
        at_s = self.next * self.step_s
        if at_s >= to_s:
            return
        if self.edits != self.cluster.edits:
            self.edits = self.cluster.edits
            self.believed.append(self.look())
            self.recorder.sampled(at_s)
        self.next = math.ceil(to_s / self.step_s)

    def look(self) -> Believed:
        cluster = self.cluster
        running = [c for door in cluster.doors for c in cluster.of(door, "running") if c.alive]
        backends = {c for door in cluster.doors for c in cluster.front(door).backends}
        return Believed(
            self.next,
            replicas=len(running),
            ready=sum(c.id in backends for c in running),
            servers=sum(s.alive for s in cluster.servers),
            missing=self.missing(),
        )

    def series(self, end_s: float) -> dict[str, NDArray[np.float64]]:
        """ "t_s" and each of SERIES up to the end, by then everybody has acted."""
        count = int(end_s / self.step_s) + 1
        self.goes_on(count * self.step_s)
        seen = self.cluster.plane.samples()
        columns = {name: seen.plane[name][:count] for name in SERIES if name in seen.plane}
        starts = [look.first for look in self.believed]
        lasting = np.diff([*starts, count])
        for name in Believed._fields[1:]:
            values = [float(getattr(look, name)) for look in self.believed]
            columns[name] = np.repeat(values, lasting)
        busy_s = seen.plane["busy_s"][:count]
        columns["cpu_busy"] = np.diff(busy_s, prepend=0.0) / self.step_s
        times = np.arange(count, dtype=np.float64) * self.step_s
        return {"t_s": times, **{name: columns[name] for name in SERIES}}

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

    def report(self, progress: Progress) -> None:
        """How far it is, for who waits."""
        gauge, rows = self.cluster.plane.gauge(), tuple(self.cluster.timeline[self.told :])
        self.told += len(rows)
        glance = Glance(gauge.succeeded, gauge.failed, gauge.jobs_queued, rows)
        progress(self.cluster.clock.now, gauge.arrived, glance)

    def check(self) -> Recording:
        """The ledger balances, or LedgerError: what it was asked of."""
        cluster, plane = self.cluster, self.cluster.plane
        gauge: PlaneGauge = plane.gauge()
        sampled = plane.samples()
        limits = sampled.plane["connection_limit"][self.limits : sampled.taken]
        self.limits = sampled.taken
        seen_limit = int(limits.max(initial=gauge.connection_limit))
        self.highest_limit = max(self.highest_limit, seen_limit)
        recording = plane.recording().so_far(cluster.clock.now)
        ledger.check(
            plane.books(),
            recording,
            gauge,
            cluster.clock.now,
            self.highest_limit,
            cluster.queues(),
            cluster.services(),
            cluster.caches(),
        )
        return recording
