"""A machine of its own for each task: Fargate, Cloud Run. Nobody schedules onto servers; a launch
rents a machine of the task's size, and its end gives it back. So nobody has to give way either:
priorities mean nothing here. It comes in the zone with the fewest of its service (ECS developer
guide: tasks are spread over Availability Zones; Cloud Run: over the zones of a region); that what
runs is moved to balance them again is left out.

What has a volume (the database, the queue) stays on a rented server, as it would run beside a
serverless platform, and copies of a store on one each. Rules: shared facts, orchestrators sections
5 and 6. Uncertain: Fargate's start times, the seconds of Cloud Run's cold start, prices (from
memory).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Change, Cluster, Server
from sim.control.core.records import STATEFUL
from sim.control.health_checks.checks import STOP_TIMEOUT
from sim.control.scheduling.kubelet import Kubelet, TaskAgent
from sim.control.scheduling.placement import Resources, requests
from sim.control.scheduling.replicas import keep
from sim.schema.stack import Service, Stack

GIB = 1024**3
KEEPER = Fact(
    "serverless.detection", 60.0, "s",
    "a lost machine under a task is noticed and the task replaced",
    "chosen: neither provider publishes it",
)  # fmt: skip

SMALLEST_CORES = Fact(
    "serverless.smallest_cores", 0.25, "cores", "of a task that asks for nothing",
    "Amazon ECS developer guide, Fargate task sizes: the smallest",
)  # fmt: skip
SMALLEST_MEMORY = Fact(
    "serverless.smallest_memory", GIB // 2, "bytes", "of a task that asks for nothing",
    "Amazon ECS developer guide, Fargate task sizes; Cloud Run's default memory limit",
)  # fmt: skip


# ---- rules ----
def task_size(wanted: Resources, sizes: Sequence[Resources]) -> Resources:
    """The smallest size on offer that holds the task (the largest, if none does).

    Source: Amazon ECS developer guide, task CPU and memory (Fargate)."""
    able = [s for s in sizes if s.cores >= wanted.cores and s.memory >= wanted.memory]
    return min(able) if able else max(sizes)


def bucket(tokens: float, since_s: float, rate: float, burst: float) -> float:
    """A token bucket after `since_s` more seconds: filled at `rate`, up to `burst`.

    Source: Amazon ECS service quotas, Fargate launch rate."""
    return min(burst, tokens + since_s * rate)


@dataclass(frozen=True)
class Price:
    """Of a machine of a task's size, dollars an hour."""

    core: float
    gib: float

    def of(self, size: Resources) -> float:
        return size.cores * self.core + size.memory / GIB * self.gib


# ---- the choice ----
@dataclass
class Launches:
    """The account's token bucket, as the last launch left it."""

    tokens: float | None = None  # None: full
    at_s: float = 0.0
    machines: set[int] = field(default_factory=set)  # that have come: a task's own


@dataclass(frozen=True)
class MicroVMs:
    """A task is a machine. `launch_rate` and `launch_burst` bound how fast they come."""

    sizes: tuple[Resources, ...]
    price: Price
    launch_rate: float  # machines a second
    launch_burst: float
    kubelet: Kubelet
    detection_s: float = constant(KEEPER)
    default_cores: float = constant(SMALLEST_CORES)
    default_memory: int = constant(SMALLEST_MEMORY)
    default_servers: int = field(default=1, metadata={"above_zero": True})  # for what has a volume

    def servers(self, stack: Stack) -> int:
        """One for all that has a volume; where a store has copies one for each, since two on one
        server are one fate, unless the stack has fewer servers."""
        stores = (n for n, s in stack.services.items() if s.role in STATEFUL and s.managed is None)
        apart = max((1 + len(stack.copies(name)) for name in stores), default=1)
        return max(self.default_servers, min(apart, stack.servers.count or apart))

    def maintained(self, cluster: Cluster) -> list[Server]:
        """What somebody here has to patch: a task's own machine is the provider's."""
        return [s for s in cluster.servers if not self.own(cluster, s) and s.released_s is None]

    def own(self, cluster: Cluster, server: Server) -> bool:
        """Is it a task's own machine?"""
        return server.id in cluster.state(self, Launches).machines

    def size(self, service: Service) -> Resources:
        """What is rented for one task of a service."""
        wanted = requests(service)
        cores = wanted.cores or self.default_cores
        limit = service.memory.limit or 0
        memory = max(wanted.memory, limit) or self.default_memory
        return task_size(Resources(cores, memory), self.sizes)

    def choose(self, cluster: Cluster, service: str) -> Server | None:
        """The server for what has a volume; else a machine, if the launch rate allows one."""
        spec = cluster.service(service)
        if spec.role in STATEFUL:
            rented = [s for s in self.maintained(cluster) if s.alive and not s.cordoned]
            return next(iter(cluster.apart(service, rented)), None)
        if not cluster.lends or (cluster.clock.now > 0.0 and not self.take(cluster)):
            return None
        size = self.size(spec)
        zone = cluster.emptiest_zone(service)
        machine = cluster.add_server(size=size, price_per_hour=self.price.of(size), zone=zone)
        cluster.state(self, Launches).machines.add(machine.id)
        return machine

    def take(self, cluster: Cluster) -> bool:
        """One launch from the account's token bucket, if there is one left."""
        launches = cluster.state(self, Launches)
        now = cluster.clock.now
        before = self.launch_burst if launches.tokens is None else launches.tokens
        tokens = bucket(before, now - launches.at_s, self.launch_rate, self.launch_burst)
        enough = tokens >= 1.0
        launches.tokens, launches.at_s = tokens - enough, now
        return enough

    def run(self, cluster: Cluster) -> Loop:
        cluster.clock.loop(self.give_back(cluster))
        cluster.clock.loop(self.watch_machines(cluster))
        cluster.clock.loop(self.retry(cluster))
        yield from keep(cluster)

    def retry(self, cluster: Cluster) -> Loop:
        """What the launch rate held back is tried again."""
        for tick in cluster.ticks(
            1.0, Rank.SCHEDULER, first_s=1.0, calm=lambda: 0.0 if cluster.pending else math.inf
        ):
            yield tick
            if cluster.pending:
                cluster.tell(Change("server_ready"))  # there may be room again

    def give_back(self, cluster: Cluster) -> Loop:
        """A machine ends with its task."""
        removed = cluster.watch("removed")
        while True:
            c = (yield removed.get()).container
            if self.own(cluster, c.server) and c.server.released_s is None:
                cluster.release(c.server)

    def watch_machines(self, cluster: Cluster) -> Loop:
        """The provider replaces what a lost machine ran."""
        downs = cluster.watch("server_down", "server_up")
        while True:
            change = yield downs.get()
            if self.own(cluster, change.server) and change.kind == "server_down":
                cluster.clock.loop(self.lost(cluster, change.server))

    def lost(self, cluster: Cluster, server: Server) -> Loop:
        yield cluster.clock.after(self.detection_s, Rank.NODE, server.id)
        yield from cluster.thawed("controllers")
        if not server.alive and server.released_s is None:
            text = f"the machine under {', '.join(c.name for c in cluster.on(server))} is gone"
            cluster.say("not_ready", server.name, text)
            cluster.acted()
            cluster.release(server)  # its task goes with it, and another one comes


# ---- Fargate ----
FARGATE_PRICES = "aws.amazon.com/fargate/pricing, Linux/x86 in us-east-1, as quoted in June 2026"
PROVISION = Fact(
    "fargate.provisioning", 23.0, "s", "mean from the launch to a running task, small image",
    "derived: AWS' benchmark of June 2026, trigger at 363 s, task ready at 386 s",
)  # fmt: skip
PROVISION_CV = Fact("fargate.provisioning_cv", 0.3, "", "deviation / mean of that time", "chosen")
PULL_RATE = Fact(
    "fargate.pull_rate", 12.0 * 1024**2, "bytes/s", "the whole image at each start: no cache",
    "derived: 413 MB start in 53-62 s (elasticscale 2024), less the provisioning",
)  # fmt: skip
THROTTLE = "Amazon ECS developer guide, service throttle logic"
PULL_RETRY = Fact("fargate.pull_retry", 60.0, "s", "another task after a failed pull", "chosen")
PULL_RETRY_CAP = Fact("fargate.pull_retry_cap", 1620.0, "s", "27 minutes at most", THROTTLE)
LAUNCH_BURST = Fact("fargate.launch_burst", 100.0, "tasks", "at once", "Fargate throttling quotas")
LAUNCH_RATE = Fact("fargate.launch_rate", 20.0, "tasks/s", "sustained", "Fargate throttling quotas")
FARGATE_CORE_PRICE = Fact("fargate.core_price", 0.04048, "USD/h", "a virtual core", FARGATE_PRICES)
FARGATE_GIB_PRICE = Fact("fargate.gib_price", 0.004445, "USD/h", "a GiB of memory", FARGATE_PRICES)
FARGATE_SIZES = tuple(  # cores and GiB on offer. Source: ECS developer guide, Fargate task sizes
    Resources(cores, gib * GIB // 2)
    for cores, least, most in (
        (0.25, 1, 4), (0.5, 2, 8), (1.0, 4, 16), (2.0, 8, 32), (4.0, 16, 60),
    )
    for gib in range(least, most + 1)
)  # fmt: skip


@dataclass(frozen=True)
class FargateAgent(TaskAgent):
    """How a task starts: a machine, the whole image, the process."""

    pull_rate: float = constant(PULL_RATE, above_zero=True)
    start_mean_s: float = constant(PROVISION)
    start_cv: float = constant(PROVISION_CV)
    grace_s: float = constant(STOP_TIMEOUT)
    pull_backoff_s: float = constant(PULL_RETRY, above_zero=True)
    pull_backoff_cap_s: float = constant(PULL_RETRY_CAP, above_zero=True)


@dataclass(frozen=True)
class FargatePrice(Price):
    """What AWS asks."""

    core: float = constant(FARGATE_CORE_PRICE)
    gib: float = constant(FARGATE_GIB_PRICE)


@dataclass(frozen=True)
class Fargate(MicroVMs):
    """A task is a machine, within the account's launch rate."""

    console: ClassVar[str] = "aws ecs"

    sizes: tuple[Resources, ...] = FARGATE_SIZES
    price: Price = field(default_factory=FargatePrice)
    launch_rate: float = constant(LAUNCH_RATE)
    launch_burst: float = constant(LAUNCH_BURST)
    kubelet: Kubelet = field(default_factory=FargateAgent)


# ---- Cloud Run ----
RUN_PRICES = "cloud.google.com/run/pricing, request-based billing, tier 1, as quoted in 2025"
STOP = Fact(
    "cloud_run.stop", 10.0, "s", "SIGTERM, this wait, then SIGKILL",
    "cloud.google.com/run/docs/container-contract, lifecycle",
)  # fmt: skip
INSTANCE = Fact("cloud_run.instance_start", 1.0, "s", "before the container's own boot", "chosen")
INSTANCE_CV = Fact("cloud_run.instance_start_cv", 0.5, "", "deviation / mean of it", "chosen")
RUN_CORE_PRICE = Fact("cloud_run.core_price", 0.0864, "USD/h", "a virtual core", RUN_PRICES)
RUN_GIB_PRICE = Fact("cloud_run.gib_price", 0.009, "USD/h", "a GiB of memory", RUN_PRICES)
RUN_SIZES = tuple(  # Source: cloud.google.com/run/docs/configuring/services/cpu, memory
    Resources(cores, memory * GIB // 2)
    for cores, most in ((1.0, 8), (2.0, 16), (4.0, 32))
    for memory in range(1, most + 1)
)


@dataclass(frozen=True)
class InstanceStart(TaskAgent):
    """How an instance starts: images are streamed, nothing is pulled before."""

    pull_rate: float = math.inf
    start_mean_s: float = constant(INSTANCE)
    start_cv: float = constant(INSTANCE_CV)
    grace_s: float = constant(STOP)
    # cloud.google.com/run/docs/deploying: the image is imported when a revision is made, and
    # serving needs the registry no more
    pulls: bool = False


@dataclass(frozen=True)
class InstancePrice(Price):
    """What Google asks."""

    core: float = constant(RUN_CORE_PRICE)
    gib: float = constant(RUN_GIB_PRICE)


@dataclass(frozen=True)
class Instances(MicroVMs):
    """An instance is a machine; as many as are asked for come at once."""

    console: ClassVar[str] = "gcloud run"

    sizes: tuple[Resources, ...] = RUN_SIZES
    price: Price = field(default_factory=InstancePrice)
    launch_rate: float = math.inf
    launch_burst: float = math.inf
    kubelet: Kubelet = field(default_factory=InstanceStart)
    default_cores: float = 1.0
