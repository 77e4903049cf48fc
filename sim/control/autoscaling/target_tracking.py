"""Autoscalers that follow a target elsewhere: Nomad's, AWS' target tracking, Cloud Run's.

The Nomad Autoscaler is a separate daemon with the target-value strategy on CPU. It has no cap per
step and no stabilisation, only a cool-down. Rules: shared facts, orchestrators section 4
(hashicorp/nomad-autoscaler @ede4e617 read). Left out: cluster policies (more servers).

Target tracking goes by one-minute metrics and two alarms: CPU is published once a minute; three
minutes above the target scale out, fifteen below nine tenths of it scale in. Rules: section 5. The
3 and the 15 are users' reports (aws/containers-roadmap issue 1208), not AWS text.

Cloud Run: instances from CPU, concurrency and what waits. Rules: section 6 (stored pages of
Google's documentation, whose versions disagree). With a minimum of 0 an idle service goes to zero,
and the first request that finds no instance starts one and waits for it. Left out: CPU throttling
between requests.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.autoscaling.hpa_loop import Metrics
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster
from sim.control.load_balancing.proxies import CONCURRENCY, SCALING
from sim.control.scheduling.placement import requested
from sim.dataplane.arithmetic import added

AUTOSCALER = "hashicorp/nomad-autoscaler agent/config/config.go @ede4e617"
EVALUATION = Fact("nomad_autoscaler.evaluation", 10.0, "s", "a policy is looked at", AUTOSCALER)
COOLDOWN = Fact("nomad_autoscaler.cooldown", 300.0, "s", "after an action, both ways", AUTOSCALER)
THRESHOLD = Fact(
    "nomad_autoscaler.threshold", 0.01, "", "a factor this near to 1 moves nothing",
    "hashicorp/nomad-autoscaler plugins/builtin/strategy/target-value @ede4e617",
)  # fmt: skip


def target_value(count: int, metric: float, target: float, threshold: float) -> int:
    """The autoscaler's count: ceil(count x metric / target), no cap up or down.

    Source: nomad-autoscaler target-value plugin.go (count 0: ceil of the factor)."""
    factor = metric / target
    if abs(factor - 1.0) <= threshold:
        return count
    return math.ceil(factor if count == 0 else count * factor)


@dataclass(frozen=True)
class NomadAutoscaler:
    """target-value on CPU of what is reserved; servers are fixed."""

    capability: ClassVar[str] = "autoscaling"

    evaluation_s: float = constant(EVALUATION, above_zero=True)
    cooldown_s: float = constant(COOLDOWN)
    threshold: float = constant(THRESHOLD)

    def run(self, cluster: Cluster) -> Loop:
        metrics = Metrics(cluster, self.evaluation_s)
        cluster.clock.loop(metrics.run())
        free_s: dict[str, float] = {}
        first = cluster.random("nomad_autoscaler/phase") * self.evaluation_s

        def calm() -> float:
            scaled = [n for n, s in cluster.stack.services.items() if s.scaling is not None]
            still = all(self.calm(cluster, metrics, name) for name in scaled)
            return math.inf if still or cluster.frozen["controllers"] else 0.0

        for tick in cluster.ticks(self.evaluation_s, Rank.AUTOSCALER, first, calm=calm):
            yield tick
            if cluster.frozen["controllers"]:
                continue
            for name, service in cluster.stack.services.items():
                rested = cluster.clock.now >= free_s.get(name, 0.0)
                if service.scaling is not None and rested and self.look(cluster, metrics, name):
                    free_s[name] = cluster.clock.now + self.cooldown_s

    def calm(self, cluster: Cluster, metrics: Metrics, name: str) -> bool:
        """Is there nothing to do, whatever the checks use between two readings?"""
        count = cluster.desired[name]
        its = [c for c in cluster.of(name) if not c.deleting]
        most = [metrics.most(c) for c in its]
        return all(metrics.stood(c) for c in its) and all(
            self.wanted(cluster, name, usage)[0] == count for usage in ([0] * len(its), most)
        )

    def wanted(self, cluster: Cluster, name: str, usage: Sequence[int]) -> tuple[int, float]:
        """The count for the usage of those that are read, millicores; their mean as a share."""
        asks, count = cluster.service(name).scaling, cluster.desired[name]
        assert asks is not None
        reserved = requested(cluster, name).cores * 1000.0
        if not usage or reserved <= 0.0:
            return count, 0.0
        share = added(usage) / len(usage) / reserved
        wanted = target_value(count, share, asks.cpu, self.threshold)
        return min(max(wanted, asks.min), asks.max), share

    def look(self, cluster: Cluster, metrics: Metrics, name: str) -> bool:
        """One evaluation; did it act?"""
        asks, count = cluster.service(name).scaling, cluster.desired[name]
        assert asks is not None
        read = [metrics.of(c) for c in cluster.of(name) if not c.deleting]
        usage = [reading[0] for reading in read if reading is not None]
        wanted, share = self.wanted(cluster, name, usage)
        if wanted == count:
            return False
        why = f"CPU at {share:.0%} of what is reserved, target {asks.cpu:.0%}"
        text = f"{name} scaled from {count} to {wanted}: {why}"
        cluster.scale(name, wanted, text, metrics.since(cluster.of(name)))
        return True


GUIDE = "awsdocs/amazon-ecs-developer-guide service-auto-scaling.md @49232cf2"
ROADMAP = "aws/containers-roadmap issue 1208 (a user's report)"
COOL = "API_TargetTrackingScalingPolicyConfiguration; BaseTargetTrackingProps (ECS: 300 both ways)"
PERIOD = Fact("target_tracking.period", 60.0, "s", "a datapoint: mean CPU of the service", GUIDE)
LAG = Fact(
    "target_tracking.lag", 120.0, "s", "from the end of a minute to the alarm that saw it",
    "derived: AWS measured 363 s from the load to the trigger with 60 s metrics (June 2026)",
)  # fmt: skip
OUT_POINTS = Fact("target_tracking.out_points", 3, "points", "in a row above the target", ROADMAP)
IN_POINTS = Fact("target_tracking.in_points", 15, "points", "in a row below", ROADMAP)
IN_SHARE = Fact("target_tracking.in_share", 0.9, "", "of the target: below this scales in", ROADMAP)
OUT_COOLDOWN = Fact("target_tracking.out_cooldown", 300.0, "s", "only a larger step", COOL)
IN_COOLDOWN = Fact("target_tracking.in_cooldown", 300.0, "s", "no further scale-in", COOL)


# ---- rules ----
def alarm(points: Sequence[float], count: int, bound: float, above: bool) -> bool:
    """Are the last `count` datapoints all beyond the bound? Source: CloudWatch, M of M."""
    last = list(points)[-count:]
    return len(last) == count and all(p > bound if above else p < bound for p in last)


def proportional(count: int, metric: float, target: float) -> int:
    """The size at which the metric would meet its target. Source: ECS developer guide, target
    tracking: in proportion to the metric, rounded up."""
    return math.ceil(count * metric / target)


@dataclass(frozen=True)
class TargetTracking:
    """The service follows its CPU target, minutes late."""

    capability: ClassVar[str] = "autoscaling"

    period_s: float = constant(PERIOD, above_zero=True)
    lag_s: float = constant(LAG)
    out_points: int = constant(OUT_POINTS)
    in_points: int = constant(IN_POINTS)
    in_share: float = constant(IN_SHARE)
    out_cooldown_s: float = constant(OUT_COOLDOWN)
    in_cooldown_s: float = constant(IN_COOLDOWN)

    def run(self, cluster: Cluster) -> Loop:
        yield cluster.clock.at(0.0, Rank.AUTOSCALER)
        for number, (name, service) in enumerate(cluster.stack.services.items()):
            if service.scaling is not None:
                cluster.clock.loop(Tracker(cluster, self, name, number).run())


class Tracker:
    """The policy of one service."""

    def __init__(self, cluster: Cluster, rules: TargetTracking, service: str, key: int) -> None:
        self.cluster, self.rules, self.service, self.key = cluster, rules, service, key
        self.points: deque[float] = deque(maxlen=max(rules.out_points, rules.in_points))
        self.busy: dict[int, tuple[int, float]] = {}  # container -> (process, CPU seconds)
        self.out_free_s = self.in_free_s = 0.0
        self.last_out = 0  # size of the last scale-out

    def run(self) -> Loop:
        clock, rules, k = self.cluster.clock, self.rules, 1
        first = self.cluster.random("target_tracking/phase") * rules.period_s
        yield clock.at(first, Rank.AUTOSCALER, self.key)
        self.read()  # a datapoint is of one period, the first too
        while True:
            yield clock.at(first + k * rules.period_s, Rank.AUTOSCALER, self.key)
            k += 1
            point = self.read()
            if point is not None:
                clock.loop(self.publish(point))

    def read(self) -> float | None:
        """Mean CPU of the last minute as a share of what the tasks reserve."""
        cluster, used, count = self.cluster, 0.0, 0
        fresh: dict[int, tuple[int, float]] = {}
        for c in cluster.of(self.service):
            if c.alive:
                busy = cluster.gauge_of(c).busy_s
                fresh[c.id] = (c.run, busy)
                run, before = self.busy.get(c.id, (c.run, busy))
                used += busy - (before if run == c.run else 0.0)
                count += c.id in self.busy
        self.busy = fresh
        reserved = requested(cluster, self.service).cores
        return used / self.rules.period_s / count / reserved if count and reserved else None

    def publish(self, point: float) -> Loop:
        """The metric travels; then the alarms look."""
        yield self.cluster.clock.after(self.rules.lag_s, Rank.ALARM, self.key)
        self.points.append(point)
        if not self.cluster.frozen["controllers"]:
            self.look(point)

    def look(self, point: float) -> None:
        cluster, rules, now = self.cluster, self.rules, self.cluster.clock.now
        asks = cluster.service(self.service).scaling
        assert asks is not None
        count = cluster.desired[self.service]
        wanted = min(max(proportional(count, point, asks.cpu), asks.min), asks.max)
        if alarm(self.points, rules.out_points, asks.cpu, above=True):
            if wanted > count and (now >= self.out_free_s or wanted > self.last_out):
                self.out_free_s, self.last_out = now + rules.out_cooldown_s, wanted
                self.scale(count, wanted, point)
            return
        low = alarm(self.points, rules.in_points, rules.in_share * asks.cpu, above=False)
        if low and wanted < count and now >= self.in_free_s:
            self.in_free_s = now + rules.in_cooldown_s
            self.scale(count, wanted, point)

    def scale(self, count: int, wanted: int, point: float) -> None:
        why, rules = f"CPU at {point:.0%} of what is reserved", self.rules
        text = f"{self.service} scaled from {count} to {wanted} tasks: {why}"
        measured_s = self.cluster.clock.now - rules.lag_s - rules.out_points * rules.period_s
        self.cluster.scale(self.service, wanted, text, measured_s)


MAXIMUM = "cloud.google.com/run/docs/configuring/max-instances-limits"
CPU_TARGET = Fact("cloud_run.cpu_target", 0.6, "", "of an instance's CPU", SCALING)
CONCURRENCY_TARGET = Fact("cloud_run.concurrency_target", 0.6, "", "of the concurrency", SCALING)
WINDOW = Fact("cloud_run.window", 60.0, "s", "over which both are averaged", SCALING)
RUN_EVALUATION = Fact("cloud_run.evaluation", 5.0, "s", "it looks (older text)", SCALING)
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

    cpu_target: float = constant(CPU_TARGET, above_zero=True)
    concurrency_target: float = constant(CONCURRENCY_TARGET, above_zero=True)
    concurrency: int = constant(CONCURRENCY, above_zero=True)
    window_s: float = constant(WINDOW)
    evaluation_s: float = constant(RUN_EVALUATION, above_zero=True)
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
                cluster.scale(service, 1, text, now)

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
        cluster.scale(service, wish, text, measured_s)
