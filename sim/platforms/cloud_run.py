"""Google Cloud Run: instances on demand, 80 requests each, revisions instead of rollouts.

The API is a Cloud Run service. The worker pulls from a queue, and a service is scaled by requests
only: it becomes a worker pool of fixed size, which nothing scales - so the queue grows as long as
its producers are faster. The database and the queue run on one rented server beside it. Source of
the rules: shared facts, orchestrators section 6 (stored pages of Google's documentation, whose
versions disagree). Uncertain: the seconds of a cold start (not published; the stack's boot time and
a second for the instance), the size of the overshoot past the maximum ("usually less than twice"),
prices (from memory). Left out: scaling to zero (the service keeps one instance), CPU throttling
between requests, the limit of 3.5 start-up times for waiting requests (10 s here), regions.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster
from sim.control.resource_limits.profiles import Limits
from sim.control.scheduling.kubelet import Kubelet
from sim.control.scheduling.microvms import GIB, MicroVMs, Price
from sim.control.scheduling.placement import Resources
from sim.control.secrets.managed_secrets import SecretManager
from sim.control.self_healing.replicas import Phase, ReplicaSet
from sim.control.self_healing.tasks import TaskReplacement
from sim.control.service_discovery.endpoints import Endpoints
from sim.dataplane.codes import Algorithm
from sim.dataplane.profile import Routing
from sim.platforms.platform import Platform
from sim.schema.stack import Service

SCALING = "cloud.google.com/run/docs/about-instance-autoscaling"
CONCURRENCY_DOC = "cloud.google.com/run/docs/about-concurrency"
MAXIMUM = "cloud.google.com/run/docs/configuring/max-instances-limits"
PRICES = "cloud.google.com/run/pricing, request-based billing, tier 1 (memory, unverified)"
CONCURRENCY = Fact("cloud_run.concurrency", 80, "requests", "an instance at most", CONCURRENCY_DOC)
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
PENDING = Fact(
    "cloud_run.pending", 10.0, "s", "a request waits for an instance, then 429",
    SCALING + " (older copies; the current one says 3.5 start-up times or 10 s)",
)  # fmt: skip
STOP = Fact("cloud_run.stop", 10.0, "s", "SIGTERM, this wait, then SIGKILL", "Google blog, 2020")
INSTANCE = Fact("cloud_run.instance_start", 1.0, "s", "before the container's own boot", "chosen")
INSTANCE_CV = Fact("cloud_run.instance_start_cv", 0.5, "", "deviation / mean of it", "chosen")
ROUTE = Fact("cloud_run.route", 1.0, "s", "longest way of an instance to the front end", "chosen")
CONNECT = Fact("cloud_run.connect_timeout", 5.0, "s", "front end to instance", "chosen")
CORE_PRICE = Fact("cloud_run.core_price", 0.0864, "USD/h", "a virtual core", PRICES)
GIB_PRICE = Fact("cloud_run.gib_price", 0.009, "USD/h", "a GiB of memory", PRICES)
SIZES = tuple(  # cores and GiB. Source: cloud.google.com/run/docs/configuring/services/cpu, memory
    Resources(cores, memory * GIB // 2)
    for cores, most in ((1.0, 8), (2.0, 16), (4.0, 32))
    for memory in range(1, most + 1)
)


# ---- rules ----
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


# ---- the choices ----
@dataclass(frozen=True)
class OnDemand:
    """Instances from CPU, concurrency and what waits; idle ones stay for a quarter of an hour."""

    cpu_target: float = constant(CPU_TARGET, above_zero=True)
    concurrency_target: float = constant(CONCURRENCY_TARGET, above_zero=True)
    concurrency: int = constant(CONCURRENCY, above_zero=True)
    window_s: float = constant(WINDOW)
    evaluation_s: float = constant(EVALUATION, above_zero=True)
    idle_s: float = constant(IDLE)
    overshoot: float = constant(OVERSHOOT)
    overshoot_lasts_s: float = constant(OVERSHOOT_LASTS)

    def run(self, cluster: Cluster) -> Loop:
        service = cluster.entry
        asks = cluster.service(service).scaling if service else None
        if asks is None:
            return
        size = max(1, round(self.window_s / self.evaluation_s))
        seen: deque[tuple[float, int]] = deque(maxlen=size + 1)  # CPU seconds, requests inside
        wishes: deque[tuple[float, int]] = deque()
        surge_s: float | None = None
        busy, total = {c.id: 0.0 for c in cluster.of(service)}, 0.0
        k = 0
        while True:
            yield cluster.clock.at(k * self.evaluation_s, Rank.AUTOSCALER, 1)
            k += 1
            now, gauge = cluster.clock.now, cluster.plane.gauge()
            for c in cluster.of(service):
                used = cluster.plane.container_gauge(c.id).busy_s
                total += used - busy.get(c.id, 0.0)
                busy[c.id] = used
            seen.append((total, gauge.in_flight))
            spent = (total - seen[0][0]) / ((len(seen) - 1) * self.evaluation_s or 1.0)
            inside = sum(one[1] for one in seen) / len(seen)
            targets = (self.cpu_target, self.concurrency_target)
            wish = instances_for(spent, inside, gauge.in_flight, targets, self.concurrency)
            if wish <= asks.max:
                surge_s = None
            elif surge_s is None:
                surge_s = now
            surging = 0.0 if surge_s is None else now - surge_s
            wish = allowed(wish, asks.max, self.overshoot, surging, self.overshoot_lasts_s)
            wishes.append((now, max(wish, asks.min)))
            while wishes[0][0] < now - self.idle_s:
                wishes.popleft()
            at_once = math.ceil(gauge.in_flight / self.concurrency) > cluster.desired[service]
            measured_s = now if at_once else now - self.evaluation_s  # the newest of its samples
            self.scale(cluster, service, max(one for _, one in wishes), asks.max, measured_s)

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


@dataclass(frozen=True)
class FrontEnd:
    """Google's front end: an instance takes 80 requests; more wait, and get 429 after 10 s."""

    algorithm: Algorithm = Algorithm.LEAST_CONNECTIONS
    concurrency: int = constant(CONCURRENCY, above_zero=True)
    pending_s: float = constant(PENDING)
    connect_timeout_s: float = constant(CONNECT)

    def routing(self) -> Routing:
        return Routing(
            algorithm=self.algorithm,
            proxy=True,
            connect_timeout_s=self.connect_timeout_s,
            maxconn=self.concurrency,
            queue_timeout_s=self.pending_s,
        )


@dataclass(frozen=True)
class StartupProbe:
    """An instance gets traffic when its port answers; there is no liveness probe by default."""

    def ends(self, service: Service) -> bool:
        """Does it end a process that hangs?"""
        return False

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("listening", "started")
        while True:
            change = yield changes.get()
            c = change.container
            if c.alive and (change.kind == "listening" or c.service != cluster.entry):
                cluster.set_ready(c, True)


@dataclass(frozen=True)
class Revisions:
    """A new revision starts beside the old one, and gets the traffic when it is ready; one that
    does not start gets none. Each may use the maximum of instances: twice the connections."""

    grace_s: float = constant(STOP)
    min_ready_s: float = 0.0
    stop_first: bool = False

    def resize(
        self, wanted: int, before: int, new: ReplicaSet, old: Sequence[ReplicaSet], phase: Phase
    ) -> tuple[int, list[int]]:
        """All of the new one; the old ones go when it is there."""
        ready = new.spec >= wanted and new.available >= wanted
        return wanted, [0 if ready else s.spec for s in old]

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("version", "exit", "removed", "ready")
        moving: set[str] = set()
        while True:
            change = yield changes.get()
            service = change.container.service if change.container else change.service
            if change.kind == "version":
                version = cluster.versions[service]
                serving = [c for c in cluster.of(service) if c.ready and not c.deleting]
                if serving and all(c.version == version for c in serving):
                    continue  # it has the traffic already
                moving.add(service)
                name = version.name
                cluster.say("rollout", service, f"revision {name} of {service} starts")
            elif service in moving:
                self.look(cluster, service, moving)

    def look(self, cluster: Cluster, service: str, moving: set[str]) -> None:
        version = cluster.versions[service]
        live = [c for c in cluster.of(service) if not c.deleting]
        new = [c for c in live if c.version == version]
        if any(c.state == "exited" and c.ready_since_s is None and c.exit_code for c in new):
            moving.discard(service)
            text = f"revision {version.name} of {service} did not start: traffic stays"
            cluster.say("rollout", service, text)
            cluster.acted()
            cluster.set_version(service, cluster.previous[service])
        elif len([c for c in new if c.ready]) == len(live) == cluster.desired[service]:
            moving.discard(service)
            text = f"revision {version.name} of {service} has all the traffic"
            cluster.say("rollout", service, text)


@dataclass(frozen=True)
class TrafficSplit:
    """100 % of the traffic back to the old revision: one command, never by itself."""

    def undo(self, cluster: Cluster, service: str) -> None:
        cluster.set_version(service, cluster.previous.get(service, cluster.versions[service]))


# ---- instances ----
@dataclass(frozen=True)
class InstanceStart(Kubelet):
    """How an instance starts: images are streamed, nothing is pulled before."""

    pull_rate: float = math.inf
    start_mean_s: float = constant(INSTANCE)
    start_cv: float = constant(INSTANCE_CV)
    volume_detach_s: float = 0.0
    grace_s: float = constant(STOP)
    pre_stop_extension_s: float = 0.0  # a kubelet's


@dataclass(frozen=True)
class InstancePrice(Price):
    """What Google asks."""

    core: float = constant(CORE_PRICE)
    gib: float = constant(GIB_PRICE)


@dataclass(frozen=True)
class Instances(MicroVMs):
    """An instance is a machine; as many as are asked for come at once."""

    sizes: tuple[Resources, ...] = SIZES
    price: Price = field(default_factory=InstancePrice)
    launch_rate: float = math.inf
    launch_burst: float = math.inf
    kubelet: Kubelet = field(default_factory=InstanceStart)
    default_cores: float = 1.0


@dataclass(frozen=True)
class Routes(Endpoints):
    """Which instances the front end knows."""

    watch_delay_s: float = constant(ROUTE)
    min_sync_s: float = 0.0


# what a team writes: instances of one core, and how many at most
STACK = {
    "services.http.replicas": 1,
    "services.http.concurrency": CONCURRENCY,
    "services.http.cpu.request": "1",
    "services.http.memory.request": "512Mi",
    "services.http.scaling": {"min": 1, "max": 20},
    "services.worker.replicas": 2,
    "services.worker.cpu.request": "1",
    "services.worker.memory.request": "512Mi",
    "services.worker.scaling": None,
}

PLATFORM = Platform(
    self_healing=TaskReplacement(delay_s=0.0, who="Cloud Run"),  # another instance
    autoscaling=OnDemand(),  # within seconds; workers are not scaled
    load_balancing=FrontEnd(),  # 80 an instance; more wait, then 429
    service_discovery=Routes(),
    rolling_updates=Revisions(),
    rollback=TrafficSplit(),  # one command
    health_checks=StartupProbe(),
    resource_limits=Limits(weights="requests"),  # an instance is its size
    secrets=SecretManager(),  # a version that each revision names
    scheduling=Instances(),
)
