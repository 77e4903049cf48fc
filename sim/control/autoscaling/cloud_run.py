"""Cloud Run's autoscaling: instances from CPU, concurrency and what waits.

Rules: shared facts, orchestrators section 6 (stored pages of Google's documentation, whose versions
disagree). With a minimum of 0 an idle service goes to zero, and the first request that finds no
instance starts one and waits for it. Left out: CPU throttling between requests.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster
from sim.control.load_balancing.proxies import CONCURRENCY, SCALING

MAXIMUM = "cloud.google.com/run/docs/configuring/max-instances-limits"
CPU_TARGET = Fact("cloud_run.cpu_target", 0.6, "", "of an instance's CPU", SCALING)
CONCURRENCY_TARGET = Fact("cloud_run.concurrency_target", 0.6, "", "of the concurrency", SCALING)
WINDOW = Fact("cloud_run.window", 60.0, "s", "over which both are averaged", SCALING)
EVALUATION = Fact("cloud_run.evaluation", 5.0, "s", "it looks (older text)", SCALING)
IDLE = Fact("cloud_run.idle", 900.0, "s", "an idle instance is kept at most", SCALING)
OVERSHOOT = Fact(
    "cloud_run.overshoot", 1.5, "x", "the maximum may be exceeded so far in a surge",
    MAXIMUM + ": usually less than twice; the value is chosen",
)  # fmt: skip
OVERSHOOT_LASTS = Fact("cloud_run.overshoot_lasts", 900.0, "s", "... and so long", MAXIMUM)


def instances_for(
    cpu_cores: float, in_flight: float, waiting: int, targets: tuple[float, float], limit: int
) -> int:
    """Instances (of one core) for the last minute's mean CPU and concurrency, and for the requests
    that are there now; the largest of the three.

    Source: about-instance-autoscaling: 60 % CPU, 60 % of the concurrency, on-demand for what
    waits. `targets`: (CPU, concurrency); `waiting`: requests inside and waiting now."""
    by_cpu = math.ceil(cpu_cores / targets[0] - 1e-9)
    by_concurrency = math.ceil(in_flight / (targets[1] * limit) - 1e-9)
    on_demand = math.ceil(waiting / limit)
    return max(by_cpu, by_concurrency, on_demand, 0)


def allowed(wish: int, most: int, overshoot: float, surging_s: float, lasts_s: float) -> int:
    """How many of them may be: the maximum, which a surge exceeds for a while.

    Source: max-instances-limits (usually less than twice, at most 15 minutes)."""
    return min(wish, math.ceil(most * overshoot) if surging_s < lasts_s else most)


class Wish(NamedTuple):
    """How many instances there should be, and since when."""

    at_s: float
    instances: int


@dataclass(frozen=True)
class OnDemand:
    """Instances from CPU, concurrency and what waits; idle ones stay for a quarter of an hour."""

    name: ClassVar[str] = "on_demand"

    cpu_target: float = constant(CPU_TARGET, above_zero=True)
    concurrency_target: float = constant(CONCURRENCY_TARGET, above_zero=True)
    concurrency: int = constant(CONCURRENCY, above_zero=True)
    window_s: float = constant(WINDOW)
    evaluation_s: float = constant(EVALUATION, above_zero=True)
    idle_s: float = constant(IDLE)
    overshoot: float = constant(OVERSHOOT)
    overshoot_lasts_s: float = constant(OVERSHOOT_LASTS)

    def run(self, cluster: Cluster) -> Loop:
        entry, *others = cluster.fronts
        for service in others:
            cluster.clock.loop(self.follow(cluster, service))
        yield from self.follow(cluster, entry)

    def follow(self, cluster: Cluster, service: str) -> Loop:
        """Keep the instances of one service that is asked."""
        asks = cluster.service(service).scaling if service else None
        if asks is None:
            return
        size = max(1, round(self.window_s / self.evaluation_s))
        samples: deque[tuple[float, int]] = deque(maxlen=size + 1)  # CPU seconds, requests inside
        wishes: deque[Wish] = deque()
        cluster.clock.loop(self.wake(cluster, service, wishes))
        surge_s: float | None = None
        busy, total = {c.id: 0.0 for c in cluster.of(service)}, 0.0
        for tick in cluster.clock.ticks(self.evaluation_s, Rank.AUTOSCALER):
            yield tick
            if cluster.frozen["controllers"]:
                continue
            now, open_now = cluster.clock.now, cluster.open_requests(service)
            asks = cluster.service(service).scaling or asks  # a person may edit it
            for c in cluster.of(service):
                used = cluster.gauge_of(c).busy_s
                total += used - busy.get(c.id, 0.0)
                busy[c.id] = used
            samples.append((total, open_now))
            spent = (total - samples[0][0]) / ((len(samples) - 1) * self.evaluation_s or 1.0)
            inside = sum(one[1] for one in samples) / len(samples)
            targets = (self.cpu_target, self.concurrency_target)
            wish = instances_for(spent, inside, open_now, targets, self.concurrency)
            if wish <= asks.max:
                surge_s = None
            elif surge_s is None:
                surge_s = now
            surging = 0.0 if surge_s is None else now - surge_s
            wish = allowed(wish, asks.max, self.overshoot, surging, self.overshoot_lasts_s)
            wishes.append(Wish(now, max(wish, asks.min)))
            while wishes[0].at_s < now - self.idle_s:
                wishes.popleft()
            at_once = math.ceil(open_now / self.concurrency) > cluster.desired[service]
            measured_s = now if at_once else now - self.evaluation_s  # the newest of its samples
            most = max(wish.instances for wish in wishes)
            self.scale(cluster, service, most, asks.max, measured_s)

    def wake(self, cluster: Cluster, service: str, wishes: deque[Wish]) -> Loop:
        """From zero: the first request that finds no instance starts one, at once.

        Source: about-instance-autoscaling, scaling from zero is triggered by a request."""
        requests = cluster.watch("none_listed")
        while True:
            change = yield requests.get()
            yield from cluster.thawed("controllers")
            now = cluster.clock.now
            if change.service == service and cluster.desired[service] == 0:
                wishes.append(Wish(now, 1))
                text = f"a request finds no instance of {service}: one starts, and it waits"
                cluster.say("autoscaling", service, text)
                cluster.acted(now)
                cluster.want(service, 1)

    def scale(
        self, cluster: Cluster, service: str, wish: int, most: int, measured_s: float
    ) -> None:
        have = cluster.desired[service]
        if cluster.clock.now < self.idle_s and wish < have:
            return  # what runs at second 0 was needed a moment ago
        if wish == have:
            return
        past = f", past the maximum of {most}" if wish > most else ""
        text = f"{service} scaled from {have} to {wish} instances{past}"
        cluster.say("autoscaling", service, text)
        if wish > have:
            cluster.acted(measured_s)
        cluster.want(service, wish)
