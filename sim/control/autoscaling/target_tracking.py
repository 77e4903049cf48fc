"""Target tracking: AWS' autoscaling of services, from one-minute metrics and two alarms.

CPU is published once a minute; three minutes above the target scale out, fifteen below nine tenths
of it scale in. Rules: shared facts, orchestrators section 5. The 3 and the 15 are users' reports
(aws/containers-roadmap issue 1208), not AWS text.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster
from sim.control.scheduling.placement import requested

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
    name: ClassVar[str] = "target_tracking"

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
                cluster.acted(now - rules.lag_s - rules.out_points * rules.period_s)
                self.scale(count, wanted, point)
            return
        low = alarm(self.points, rules.in_points, rules.in_share * asks.cpu, above=False)
        if low and wanted < count and now >= self.in_free_s:
            self.in_free_s = now + rules.in_cooldown_s
            self.scale(count, wanted, point)

    def scale(self, count: int, wanted: int, point: float) -> None:
        why = f"CPU at {point:.0%} of what is reserved"
        text = f"{self.service} scaled from {count} to {wanted} tasks: {why}"
        self.cluster.say("autoscaling", self.service, text)
        self.cluster.want(self.service, wanted)
