"""Autoscaling: the horizontal autoscaler changes replicas; cluster_autoscaler.py adds machines.

The loop and its metrics; the arithmetic is in hpa.py. CPU usage comes from a metrics server that
asks every 15 s, so that a decision is about usage of 0 to 30 s ago. Rules and constants: shared
facts, kubernetes section 5. The queue's length comes from KEDA (keda.py), or as any other metric
that a stack names from an adapter, which is read as CPU is (chosen: real ones average over minutes,
as they are configured). Left out: the kubelet's own window, memory.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.autoscaling import hpa
from sim.control.autoscaling.cluster_autoscaler import ServerAutoscaler
from sim.control.autoscaling.keda import Keda
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container
from sim.control.core.ticks import never
from sim.control.scheduling.placement import requested, requests
from sim.schema.scaling import Scaling, ScalingMetric
from sim.schema.stack import Service, Stack

DEFAULTS = "kubernetes/kubernetes pkg/controller/podautoscaler/config"
HORIZONTAL = "kubernetes/kubernetes pkg/controller/podautoscaler/horizontal.go"
SYNC = Fact("hpa.sync", 15.0, "s", "the autoscaler looks", DEFAULTS)
TOLERANCE = Fact("hpa.tolerance", 0.1, "", "a ratio this near to 1 moves nothing", DEFAULTS)
CPU_INIT = Fact(
    "hpa.cpu_initialization", 300.0, "s",
    "a younger replica's CPU counts only if it is ready and sampled since", DEFAULTS,
)  # fmt: skip
READINESS_DELAY = Fact(
    "hpa.initial_readiness_delay", 30.0, "s",
    "a replica unready since then has never been ready: set aside", DEFAULTS,
)  # fmt: skip
STABILISATION = Fact(
    "hpa.downscale_stabilization", 300.0, "s", "scale down to the highest wish of this time",
    DEFAULTS,
)  # fmt: skip
UP_FACTOR = Fact("hpa.scale_up_factor", 2.0, "x", "at most so much at one look", HORIZONTAL)
UP_FLOOR = Fact("hpa.scale_up_floor", 4.0, "replicas", "... but this is allowed", HORIZONTAL)
RESOLUTION = Fact(
    "metrics_server.resolution", 15.0, "s", "CPU usage is read, and averaged over this time",
    "kubernetes-sigs/metrics-server manifests/base/deployment.yaml @5ed5d3a2",
)  # fmt: skip


# ---- metrics ----
class Sample(NamedTuple):
    t_s: float
    busy_s: float
    served: int
    run: int  # of which process


class Metrics:
    """The metrics server: CPU seconds of each container of what somebody scales, as of the last two
    readings."""

    def __init__(self, cluster: Cluster, resolution_s: float) -> None:
        self.cluster, self.resolution_s = cluster, resolution_s
        self.samples: dict[int, tuple[Sample, Sample]] = {}
        self.scaled = [n for n, s in cluster.stack.services.items() if s.scaling is not None]
        # all requests for a service that is asked, as of the last two readings
        self.arrived = {service: [(0.0, 0), (0.0, 0)] for service in cluster.fronts}

    def run(self) -> Loop:
        first = self.cluster.random("metrics/phase") * self.resolution_s
        ticks = self.cluster.ticks(
            self.resolution_s, Rank.METRICS, first, calm=never, kept=2
        )  # what others are told is of two readings
        for tick in ticks:
            yield tick
            self.read()

    def read(self) -> None:
        now = self.cluster.clock.now
        fresh: dict[int, tuple[Sample, Sample]] = {}
        for c in [c for name in self.scaled for c in self.cluster.of(name)]:
            if c.alive and c.server.heard:  # a silent server's kubelet gives no numbers
                gauge = self.cluster.gauge_of(c)
                sample = Sample(now, gauge.busy_s, gauge.served, c.run)
                last = self.samples.get(c.id, (sample, sample))[1]
                fresh[c.id] = (last if last.run == c.run else sample, sample)
        self.samples = fresh
        for service, (_, last_read) in self.arrived.items():
            self.arrived[service] = [last_read, (now, self.cluster.asked_so_far(service))]

    def rate_of(self, c: Container) -> int | None:
        """Thousandths of an answer a second, None before the second reading."""
        first, last = self.samples.get(c.id, (None, None))
        if first is None or last is None or first.t_s == last.t_s:
            return None
        return int((last.served - first.served) / (last.t_s - first.t_s) * 1000 + 0.5)

    def rate(self, service: str) -> float | None:
        """Requests a second for a service, and of all users for one that nobody asks; None before
        the second reading."""
        asked = service if service in self.arrived else self.cluster.entry
        (t_s, before), (now_s, arrived) = self.arrived[asked]
        return (arrived - before) / (now_s - t_s) if t_s > 0.0 else None

    def of(self, c: Container) -> tuple[int, float, float] | None:
        """(millicores, age of the reading, its window), None before the second reading."""
        first, last = self.samples.get(c.id, (None, None))
        if first is None or last is None or first.t_s == last.t_s:
            return None
        window = last.t_s - first.t_s
        millicores = int((last.busy_s - first.busy_s) / window * 1000 + 0.5)
        return millicores, self.cluster.clock.now - last.t_s, window

    def most(self, c: Container) -> int:
        """Millicores that its checks use at most in the time between two readings."""
        used_s = self.cluster.checks_use(c, self.resolution_s)
        return int(used_s / self.resolution_s * 1000 + 0.5)

    def stood(self, c: Container) -> bool:
        """Has nothing but checks been there in both readings?"""
        return c.id in self.samples and self.samples[c.id][0].t_s >= self.cluster.stood_s

    def since(self, containers: Iterable[Container]) -> float:
        """When the oldest of the windows began that `of` tells; inf if it tells nothing."""
        reading = [self.samples[c.id][0].t_s for c in containers if self.of(c) is not None]
        return min(reading, default=math.inf)


UNREAD = None, 0.0, 0.0  # as `Metrics.of`
CPU_ALONE = [ScalingMetric(type="resource")]


def metrics_of(asks: Scaling) -> list[ScalingMetric]:
    """What an HPA reads: CPU where nothing is written."""
    return CPU_ALONE if asks.metrics is None else asks.metrics


def from_zero(asks: Scaling) -> bool:
    """May this HPA scale to zero and back? Some metric must be there without a replica."""
    return asks.queue is None and any(m.type in ("object", "external") for m in metrics_of(asks))


# ---- the choice ----
@dataclass(frozen=True)
class Autoscaling:
    """The HPA on CPU, or on the metrics that the stack names; on the queue where it asks for it.
    How fast it may go is the stack's to say (`scaling.behavior`); where it does not, `up_factor`
    and `up_floor` hold.

    `keda`: who serves the queue's length, None where it is not installed; `servers`: the cluster
    autoscaler, None for a fixed number of servers."""

    capability: ClassVar[str] = "autoscaling"
    fixed: ClassVar = (hpa.UP_PODS, hpa.UP_PERCENT, hpa.DOWN_PERCENT, hpa.POLICY_PERIOD)

    sync_s: float = constant(SYNC, above_zero=True)
    tolerance: float = constant(TOLERANCE)
    cpu_init_s: float = constant(CPU_INIT)
    readiness_delay_s: float = constant(READINESS_DELAY)
    stabilisation_s: float = constant(STABILISATION)
    up_factor: float = constant(UP_FACTOR)
    up_floor: float = constant(UP_FLOOR)
    resolution_s: float = constant(RESOLUTION, above_zero=True)
    keda: Keda | None = None
    servers: ServerAutoscaler | None = field(default_factory=ServerAutoscaler)

    def refuses(self, stack: Stack) -> str:
        """Why the API server takes no such manifests, or empty. Source: a ScaledObject is a kind
        that KEDA brings; minReplicas 0 needs an object or external metric, and the feature gate
        HPAScaleToZero, which is on since 1.37 (kubernetes.io/blog/2026/09/02, beta; before it was
        off); an HPA on CPU says "missing request for cpu" and does nothing where none is
        requested."""
        for name, service in stack.services.items():
            why = self.refuses_service(name, service)
            if why:
                return why
        return ""

    def refuses_service(self, name: str, service: Service) -> str:
        asks = service.scaling
        if asks is None:
            return ""
        if asks.queue is not None and self.keda is None:
            return f"{name} is scaled on the queue's length, which KEDA serves (keda: {{}})"
        if asks.min > asks.max:
            return f"{name} is scaled between {asks.min} and {asks.max}: min <= max"
        for metric in metrics_of(asks):
            targets = [t for t in (metric.value, metric.average_value) if t is not None]
            if metric.type == "pods" and (metric.value is not None or metric.reads == "jobs"):
                return f"{name} is scaled on a metric of pods: average_value of requests"
            if (metric.type == "resource") != (not targets) or len(targets) > 1:
                return f"{name} is scaled on {metric.type}: one of value, average_value (CPU: cpu)"
            if metric.type == "resource" and asks.queue is None and not requests(service).cores:
                return f"{name} is scaled on a share of its CPU request, and requests none"
        if asks.queue is None and asks.min == 0 and not from_zero(asks):
            return (
                f"{name} may have no replica, and only KEDA on a queue, or an object or external "
                "metric, starts the first one"
            )
        return ""

    def run(self, cluster: Cluster) -> Loop:
        metrics = Metrics(cluster, self.resolution_s)
        cluster.clock.loop(metrics.run())
        if self.keda is not None:
            cluster.clock.loop(self.keda.run(cluster))
        if self.servers is not None:
            cluster.clock.loop(self.servers.run(cluster))
        scalers = [
            Scaler(cluster, self, metrics, name, service.scaling)
            for name, service in cluster.stack.services.items()
            if service.scaling is not None
        ]
        first = cluster.random("hpa/phase") * self.sync_s

        def calm() -> float:
            still = cluster.frozen["controllers"] or all(each.calm() for each in scalers)
            return math.inf if still else 0.0

        def left_out(times: Sequence[float]) -> None:
            for scaler in scalers if not cluster.frozen["controllers"] else ():
                scaler.remember(times)

        for tick in cluster.ticks(
            self.sync_s, Rank.AUTOSCALER, first, calm=calm, left_out=left_out
        ):
            yield tick
            for scaler in scalers if not cluster.frozen["controllers"] else ():
                scaler.sync()


Reason = Callable[[], str]  # of a wish, in words: asked for where something comes of it


class Scaler:
    """The autoscaler of one service."""

    def __init__(
        self, cluster: Cluster, rules: Autoscaling, metrics: Metrics, service: str, asks: Scaling
    ) -> None:
        self.cluster, self.rules, self.metrics = cluster, rules, metrics
        self.service, self.asks = service, asks
        self.tolerance = hpa.tolerances(asks.behavior, rules.tolerance)
        self.behavior: hpa.ScalingBehavior | None = None
        if asks.behavior is not None:
            self.behavior = hpa.behavior(asks.behavior, rules.stabilisation_s)
        self.old = {c.id for c in cluster.of(service)}  # have run for days when the run begins
        self.history: deque[hpa.Recommendation] = deque()
        self.alike = 0  # so many wishes, the latest of the history, say the same
        self.events: list[hpa.Scaled] = []
        self.blind_told = False
        # since this state of the cluster these have been steady, by what was asked for then
        self.steady: tuple[int, Scaling] | None = None
        self.its: list[Container] = []
        self.request = 0  # millicores of all of them

    def limits(self) -> tuple[int, int]:
        """Replicas, at least and at most."""
        self.asks = self.cluster.service(self.service).scaling or self.asks  # a person may edit it
        least = self.asks.min or (0 if from_zero(self.asks) else 1)  # else zero is KEDA's
        return least, self.asks.max

    def longest_s(self) -> float:
        """So long a wish is remembered."""
        if self.behavior is None:
            return self.rules.stabilisation_s
        return max(self.behavior.up.window_s, self.behavior.down.window_s)

    def calm(self) -> bool:
        """Is nothing to do at any look, whatever the checks use of the time between two?"""
        current, (least, most) = self.cluster.desired[self.service], self.limits()
        if current == 0 and least > 0:
            return True
        its = [c for c in self.cluster.of(self.service) if not c.deleting]
        if not self.history or not all(self.metrics.stood(c) for c in its):
            return False
        pods = self.pods()
        if any(
            p.usage is None or p.pending or not p.ready or p.age_s < self.rules.cpu_init_s
            for p in pods
        ):
            return False
        idle = self.wish(current, [pod._replace(usage=0) for pod in pods])
        used = [self.metrics.most(c) for c in its]
        busy = self.wish(current, [p._replace(usage=u) for p, u in zip(pods, used, strict=True)])
        if idle is None or busy is None or idle[0] != busy[0]:
            return False
        wishes = [idle[0], *(r.replicas for r in self.history)]
        return all(min(max(wish, least), most) == current for wish in wishes)

    def remember(self, times: Sequence[float]) -> None:
        """Looks at these times, at which it was calm."""
        current, (least, _) = self.cluster.desired[self.service], self.limits()
        wish = None if current == 0 and least > 0 else self.wish(current, self.pods())
        if wish is not None:
            begin_s = times[-1] - self.longest_s()
            self.forget(begin_s)
            looks = [t_s for t_s in times[:-1] if t_s > begin_s] + [times[-1]]
            for t_s in looks:
                self.note(t_s, wish[0])

    def note(self, t_s: float, wish: int) -> None:
        """A wish of then, the latest."""
        same = bool(self.history) and self.history[-1].replicas == wish
        self.alike = self.alike + 1 if same else 1
        self.history.append(hpa.Recommendation(t_s, wish))

    def wishes(self) -> Iterable[hpa.Recommendation]:
        """Those of the history that count: where all say the same, the latest is as good."""
        return self.history if self.alike < len(self.history) else list(self.history)[-1:]

    def forget(self, begin_s: float) -> None:
        """Wishes up to then."""
        while self.history and self.history[0].t_s <= begin_s:
            self.history.popleft()

    def sync(self) -> None:
        current, (least, most) = self.cluster.desired[self.service], self.limits()
        if current == 0 and least > 0:
            return  # paused
        if not least <= current <= most:  # at once, whatever the load is
            self.scale(current, min(max(current, least), most), "its limits", math.inf)
            return
        cluster, now = self.cluster, self.cluster.clock.now
        if not self.history:  # recordInitialRecommendation: no scale-down in the first window
            self.note(now, current)
        wanted = self.steadily(current)
        if wanted is None:
            pods = self.pods()
            wish = self.wish(current, pods)
            if wish is None:
                return
            wanted = wish[0]
            self.look_for_steady(pods)
        rules, behavior = self.rules, self.behavior
        self.forget(now - self.longest_s())
        if behavior is None:
            calm = hpa.stabilised(self.wishes(), now, rules.stabilisation_s, wanted)
            new = hpa.limited(current, calm, least, most, rules.up_factor, rules.up_floor)
        else:
            calm = hpa.stabilised_between(self.wishes(), now, current, wanted, behavior)
            new = hpa.limited_by(current, calm, now, self.events, behavior)
            new = min(max(new, least), most)
        self.note(now, wanted)
        if new != current:
            wish = self.wish(current, self.pods())
            assert wish is not None
            _, reasons, by_other = wish
            measured_s = math.inf if by_other else self.metrics.since(cluster.of(self.service))
            self.scale(current, new, "; ".join(says() for says in reasons), measured_s)

    def look_for_steady(self, pods: Sequence[hpa.Pod]) -> None:
        """Are all its replicas ready and old enough, and is nothing but their CPU asked for? Then
        only that changes, until somebody acts."""
        if self.asks.metrics is not None or self.asks.queue is not None:
            return
        if all(p.ready and not p.pending and p.age_s >= self.rules.cpu_init_s for p in pods):
            self.steady = self.cluster.edits, self.asks
            self.its = [c for c in self.cluster.of(self.service) if not c.deleting]
            self.request = sum(p.request for p in pods)

    def steadily(self, current: int) -> int | None:
        """As `wish`, while they are steady; None where that cannot be said."""
        if self.steady is None or self.steady[0] != self.cluster.edits or self.cluster.pending:
            return None
        used = [reading[0] for c in self.its if (reading := self.metrics.of(c)) is not None]
        if self.steady[1] is not self.asks or not self.request or len(used) < len(self.its):
            return None
        ratio = hpa.utilisation(sum(used), self.request) / round(self.asks.cpu * 100)
        return hpa.by_ratio(current, ratio, len(used), self.tolerance)

    def wish(self, current: int, pods: Sequence[hpa.Pod]) -> tuple[int, list[Reason], bool] | None:
        """What the metrics ask for, why, and whether that is by another one than CPU."""
        proposals: list[int | None] = []
        reasons: list[Reason] = []
        cpu: int | None = None
        for metric in metrics_of(self.asks):
            number, why = (
                self.by_cpu(current, pods)
                if metric.type == "resource"
                else self.by(metric, current)
            )
            cpu = number if metric.type == "resource" else cpu
            proposals.append(number)
            reasons.append(why)
        if self.asks.queue is not None:
            waiting = self.cluster.jobs_waiting(self.service)
            target = self.asks.queue
            proposals.append(hpa.replicas_for_average(current, waiting, target, self.tolerance))
            reasons.append(lambda: f"{waiting} jobs, target {target} a replica")
        wanted = hpa.combined(current, proposals)
        if wanted is None:
            return None
        by_other = cpu is None or wanted > cpu  # which is asked now
        return wanted, reasons, by_other

    def by_cpu(self, current: int, pods: Sequence[hpa.Pod]) -> tuple[int | None, Reason]:
        rules = self.rules
        target = round(self.asks.cpu * 100)

        def why() -> str:
            usage = sum(pod.usage or 0 for pod in pods)
            total = sum(pod.request for pod in pods if pod.usage is not None)
            share = hpa.utilisation(usage, total or 1)
            return f"CPU at {share} % of the requests, target {target} %"

        cpu: int | None = None
        if all(pod.request > 0 for pod in pods):
            cpu = hpa.replicas_for_cpu(
                current, pods, target, self.tolerance, rules.cpu_init_s, rules.readiness_delay_s
            )
        elif not self.blind_told:  # replica_calculator.go: FailedGetResourceMetric, at each sync
            self.blind_told = True
            text = f"{self.service} is not scaled on CPU: its containers have no CPU request"
            self.cluster.say("metric_failed", self.service, text)
        return cpu, why

    def by(self, metric: ScalingMetric, current: int) -> tuple[int | None, Reason]:
        """The number for a metric other than CPU, and why."""
        if metric.type == "pods":
            assert metric.average_value is not None
            pods = [
                pod._replace(usage=rate)
                for pod, rate in zip(self.pods(), self.rates(), strict=True)
            ]
            target = round(metric.average_value * 1000)
            number = hpa.replicas_for_pods(current, pods, target, self.tolerance)
            read = [pod.usage for pod in pods if pod.usage is not None]
            mean = sum(read) / len(read) / 1000 if read else 0.0
            each = metric.average_value
            return number, lambda: f"{mean:.3g} requests/s a replica, target {each:g}"
        jobs = metric.reads == "jobs"
        waiting, rate = self.cluster.jobs_waiting, self.metrics.rate
        total = waiting(self.service) if jobs else rate(self.service)
        if total is None:
            return None, lambda: "no reading yet"
        what = f"{total:.3g} {'jobs' if jobs else 'requests/s'}"
        whole = metric.value
        if whole is not None:
            ready = sum(c.ready and not c.deleting for c in self.cluster.of(self.service))
            number = hpa.replicas_for_value(current, ready, total, whole, self.tolerance)
            return number, lambda: f"{what}, target {whole:g}"
        assert metric.average_value is not None
        target_each = metric.average_value
        number = hpa.replicas_for_average(current, total, target_each, self.tolerance)
        return number, lambda: f"{what}, target {target_each:g} a replica"

    def rates(self) -> list[int | None]:
        """Of the replicas as `pods` lists them."""
        waiting = sum(p.service == self.service for p in self.cluster.pending)
        living = [c for c in self.cluster.of(self.service) if not c.deleting]
        return [None] * waiting + [self.metrics.rate_of(c) for c in living]

    def pods(self) -> list[hpa.Pod]:
        cluster, now = self.cluster, self.cluster.clock.now
        request = int(requested(cluster, self.service).cores * 1000 + 0.5)
        pods = [
            hpa.Pod(request, pending=True) for p in cluster.pending if p.service == self.service
        ]
        for c in cluster.of(self.service):
            if c.deleting:
                continue
            usage, sample_age_s, window_s = self.metrics.of(c) or UNREAD
            age_s = math.inf if c.id in self.old else now - c.created_s
            ready_age_s = now - max(c.created_s, c.turned_s)
            pending = c.state == "created"
            pods.append(
                hpa.Pod(
                    request, usage, pending, c.ready, age_s, ready_age_s, sample_age_s, window_s
                )
            )
        return pods

    def scale(self, current: int, new: int, why: str, measured_s: float) -> None:
        text = f"{self.service} scaled from {current} to {new} replicas: {why}"
        self.events.append(hpa.Scaled(self.cluster.clock.now, new - current))
        self.cluster.scale(self.service, new, text, measured_s)
