"""HashiCorp Nomad with Consul, Traefik and the Nomad Autoscaler: three servers, upstream defaults.

Nomad brings no load balancer and no autoscaler of its own: Traefik reads Consul's catalogue, and
the separate Nomad Autoscaler follows CPU. Servers are fixed: nobody asked for a cluster policy.
Nomad's own servers never fail here. Source of the rules: shared facts, orchestrators section 4
(hashicorp/nomad @aa026cc9, nomad-autoscaler @ede4e617 read). Uncertain: Consul withdraws a lost
server by gossip (derived from memberlist's LAN defaults, not measured); the time from a placed
allocation to its started process is chosen; checks are written by the team, since Nomad has no
default interval. The database and the queue have a host volume: nothing moves them.
Preemption is off for service jobs unless an administrator enables it (developer.hashicorp.com
nomad/docs/job-scheduling/preemption; open source since 0.12): a stack's priorities change nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from sim.constants.facts import Fact, constant
from sim.control.autoscaling.nomad_autoscaler import NomadAutoscaler
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container, Server
from sim.control.health_checks.consul import ServiceChecks
from sim.control.resource_limits.profiles import Limits
from sim.control.scheduling.kubelet import Kubelet
from sim.control.scheduling.placement import Load, Resources, fits, load_of, requests
from sim.control.secrets.nomad_templates import KILL_TIMEOUT, NomadVariables
from sim.control.self_healing.replicas import Phase, ReplicaSet, keep
from sim.control.self_healing.restarts import start_again
from sim.control.self_healing.tasks import Heartbeats, update_step
from sim.control.service_discovery.endpoints import Endpoints
from sim.dataplane.codes import Algorithm
from sim.dataplane.profile import Routing
from sim.platforms.platform import Platform
from sim.schema.layers import AtLeast
from sim.schema.stack import Stack

STRUCTS = "hashicorp/nomad nomad/structs/structs.go @aa026cc9"
RESTARTS = "hashicorp/nomad client/allocrunner/taskrunner/restarts/restarts.go @aa026cc9"
HEARTBEAT = "hashicorp/nomad nomad/heartbeat.go, nomad/config.go @aa026cc9"
SERVERS = Fact("nomad.servers", 3, "servers", "clients; its own servers cost extra", "chosen")
ATTEMPTS = Fact("nomad.restart_attempts", 2, "restarts", "in place, within the interval", STRUCTS)
RESTART_DELAY = Fact("nomad.restart_delay", 15.0, "s", "before a restart in place", STRUCTS)
RESTART_JITTER = Fact("nomad.restart_jitter", 0.25, "", "at most so much more", RESTARTS)
RESTART_INTERVAL = Fact("nomad.restart_interval", 1800.0, "s", "attempts count in it", STRUCTS)
RESCHEDULE = Fact("nomad.reschedule_delay", 30.0, "s", "before another server is tried", STRUCTS)
RESCHEDULE_CAP = Fact("nomad.reschedule_cap", 3600.0, "s", "the delay doubles up to this", STRUCTS)
TTL_LEAST = Fact("nomad.heartbeat_ttl_least", 10.0, "s", "a client beats once a TTL", HEARTBEAT)
TTL_MOST = Fact("nomad.heartbeat_ttl_most", 20.0, "s", "10 s and a random part", HEARTBEAT)
BEAT_GRACE = Fact("nomad.heartbeat_grace", 10.0, "s", "after a TTL without a beat", HEARTBEAT)
WITHDRAWN = Fact(
    "consul.gossip_failure", 5.0, "s", "Consul fails a silent server's checks (serfHealth)",
    "derived: hashicorp/memberlist LAN defaults, one probe of 1 s and a suspicion of 4 x 1 s",
)  # fmt: skip
REFRESH = Fact(
    "traefik.refresh_interval", 15.0, "s", "Traefik polls the catalogue (uniform from 0)",
    "doc.traefik.io providers/consul-catalog refreshInterval",
)  # fmt: skip
THROTTLE = Fact(
    "traefik.throttle", 2.0, "s", "between two changes of Traefik's routes",
    "doc.traefik.io providers.providersThrottleDuration",
)  # fmt: skip
DIAL = Fact(
    "traefik.dial_timeout", 30.0, "s", "Traefik gives up connecting to a replica; no retry",
    "doc.traefik.io forwardingTimeouts.dialTimeout",
)  # fmt: skip
PARALLEL = Fact("nomad.max_parallel", 1, "allocations", "updated at a time", STRUCTS)
MIN_HEALTHY = Fact("nomad.min_healthy_time", 10.0, "s", "healthy so long: the next one", STRUCTS)
PROGRESS = Fact("nomad.progress_deadline", 600.0, "s", "nothing newly healthy: failed", STRUCTS)
TASK_START = Fact("nomad.task_start", 1.0, "s", "mean from a placement to the process", "chosen")
TASK_START_CV = Fact("nomad.task_start_cv", 0.3, "", "deviation / mean of that time", "chosen")


# ---- rules ----
def restarts_in_place(failures_s: Sequence[float], now_s: float, rules: Restart) -> bool:
    """Is there an attempt left within the interval? (mode "fail": no: the allocation failed.)

    `failures_s`: earlier failures of this allocation. Source: restarts.go handleRestartDelay."""
    return sum(now_s - t < rules.interval_s for t in failures_s) < rules.attempts


def reschedule_delay(previous_s: float, lived_s: float, least_s: float, cap_s: float) -> float:
    """The delay before the next server is tried: 30 s, doubling to an hour; at the cap it begins
    anew if the allocation outlived it. `previous_s` 0: the first.

    Source: hashicorp/nomad structs/alloc.go NextDelay."""
    if previous_s == 0.0 or (previous_s >= cap_s and lived_s > cap_s):
        return least_s
    return min(previous_s * 2.0, cap_s)


def binpack_score(load: Load, wanted: Resources) -> float:
    """0..18: fuller is better. Source: structs/funcs.go ScoreFitBinPack: 20 - (10^free cores +
    10^free memory), free shares after placement, held between 0 and 18."""
    cores = 1.0 - (load.requested.cores + wanted.cores) / load.capacity.cores
    memory = 1.0 - (load.requested.memory + wanted.memory) / load.capacity.memory
    return min(18.0, max(0.0, 20.0 - math.pow(10.0, cores) - math.pow(10.0, memory)))


def binpack_choice(loads: Sequence[Load], wanted: Resources, count: int) -> int | None:
    """The server of the best mean score: bin-packing (of 18), and a penalty of (allocations of the
    same group there + 1) / wanted count. None: blocked.

    Source: scheduler/feasible rank.go JobAntiAffinityIterator, ScoreNormalizationIterator."""

    def score(load: Load) -> float:
        fit = binpack_score(load, wanted) / 18.0
        return (fit - (load.same + 1) / count) / 2.0 if load.same and count > 1 else fit

    able = [load for load in loads if fits(load, wanted)]
    return max(able, key=lambda load: (score(load), -load.id)).id if able else None


# ---- self-healing ----
@dataclass(frozen=True)
class Restart:
    """Two restarts in place within half an hour, each after 15 s and jitter; then the allocation
    failed, and another one is placed after 30 s, 60 s .. an hour."""

    attempts: int = constant(ATTEMPTS)
    delay_s: float = constant(RESTART_DELAY)
    jitter: float = constant(RESTART_JITTER)
    interval_s: float = constant(RESTART_INTERVAL)
    reschedule_s: float = constant(RESCHEDULE)
    reschedule_cap_s: float = constant(RESCHEDULE_CAP)

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("exit", "server_up", "created")
        client = Client(cluster, self)
        while True:
            change = yield changes.get()
            if change.kind == "created":
                client.inherit(change.container)
            elif change.container is not None:
                client.exited(change.container)
            else:
                for c in [c for c in cluster.on(change.server) if c.state == "exited"]:
                    cluster.set_restarting(c, False)
                    client.exited(c)


class Client:
    """What Nomad remembers of each allocation, and of those that it replaced."""

    def __init__(self, cluster: Cluster, rules: Restart) -> None:
        self.cluster, self.rules = cluster, rules
        self.failures_s: dict[int, list[float]] = {}
        self.delay_s: dict[int, float] = {}  # the last reschedule delay behind an allocation
        self.successors: dict[str, list[float]] = {}  # ... waiting for the allocation that follows

    def inherit(self, c: Container) -> None:
        waiting = self.successors.get(c.service, [])
        if waiting:
            self.delay_s[c.id] = waiting.pop(0)

    def exited(self, c: Container) -> None:
        if c.deleting or not c.server.alive:
            return
        if c.restarting or c.state != "exited":
            return  # a template's restart: no failure (restarts.go SetRestartTriggered)
        now, rules = self.cluster.clock.now, self.rules
        failures = self.failures_s.setdefault(c.id, [])
        self.cluster.set_restarting(c, True)
        if restarts_in_place(failures, now, rules):
            failures.append(now)
            u = self.cluster.random("nomad/restart_jitter")
            self.cluster.clock.loop(self.again(c, rules.delay_s * (1.0 + rules.jitter * u)))
        else:
            previous, lived = self.delay_s.get(c.id, 0.0), now - c.created_s
            cap = rules.reschedule_cap_s
            wait = reschedule_delay(previous, lived, rules.reschedule_s, cap)
            text = f"{c.name} failed too often: rescheduled in {wait:.0f} s"
            self.cluster.say("reschedule", c.name, text)
            self.cluster.clock.loop(self.reschedule(c, wait))

    def again(self, c: Container, wait_s: float) -> Loop:
        run = c.run
        yield self.cluster.clock.after(wait_s, Rank.RUNTIME, c.id)
        if c.run != run or c.state != "exited" or not c.server.alive:
            return
        if c.deleting:
            self.cluster.set_restarting(c, False)
        else:
            start_again(self.cluster, c, f"restarted by Nomad after {wait_s:.0f} s")

    def reschedule(self, c: Container, wait_s: float) -> Loop:
        yield self.cluster.clock.after(wait_s, Rank.RUNTIME, c.id)
        self.cluster.set_restarting(c, False)
        if not c.deleting and c.state == "exited":
            self.successors.setdefault(c.service, []).append(wait_s)
            self.failures_s.pop(c.id, None)
            self.cluster.acted()
            self.cluster.retire(c)  # the keeper asks for another one


# ---- scheduling ----
@dataclass(frozen=True)
class ClientAgent(Kubelet):
    """How a client starts an allocation; nothing moves a host volume."""

    start_mean_s: float = constant(TASK_START)
    start_cv: float = constant(TASK_START_CV)
    volume_detach_s: float = 0.0
    grace_s: float = constant(KILL_TIMEOUT)
    pre_stop_extension_s: float = 0.0  # a kubelet's


@dataclass(frozen=True)
class NomadHeartbeats(Heartbeats):
    """Nomad's servers wait for a TTL and a grace; Consul's gossip is quicker."""

    least_s: float = constant(TTL_LEAST)
    most_s: float = constant(TTL_MOST)
    multiple: float = 1.0  # one TTL
    grace_s: float = constant(BEAT_GRACE)
    withdrawn_s: float = constant(WITHDRAWN)
    delay_s: float = 0.0


@dataclass(frozen=True)
class Catalogue(Endpoints):
    """Consul's catalogue, as Traefik polls it."""

    watch_delay_s: float = constant(REFRESH)
    min_sync_s: float = constant(THROTTLE)


@dataclass(frozen=True)
class NomadScheduling:
    """Bin-packing with a dislike of equals on one server; lost allocations are replaced at once."""

    default_servers: int = constant(SERVERS)
    kubelet: Kubelet = field(default_factory=ClientAgent)
    heartbeats: Heartbeats = field(default_factory=NomadHeartbeats)

    def servers(self, stack: Stack) -> int:
        return max(self.default_servers, stack.servers.count)

    def choose(self, cluster: Cluster, service: str) -> Server | None:
        """A server for one more allocation; None if it is blocked."""
        able = [s for s in cluster.servers if s.ready and not s.cordoned and s.released_s is None]
        loads = [load_of(cluster, s, service) for s in able]
        wanted = requests(cluster.service(service))
        ident = binpack_choice(loads, wanted, cluster.desired[service])
        return next((s for s in able if s.id == ident), None)

    def run(self, cluster: Cluster) -> Loop:
        cluster.clock.loop(self.heartbeats.run(cluster))
        yield from keep(cluster)


# ---- updates ----
@dataclass(frozen=True)
class Update:
    """One allocation at a time: stop the old, start the new, wait until it was healthy for 10 s.
    Ten minutes without a newly healthy one fail the deployment; only auto_revert takes it back."""

    max_parallel: int = constant(PARALLEL)
    min_ready_s: float = constant(MIN_HEALTHY)
    progress_deadline_s: float = constant(PROGRESS)
    auto_revert: bool = False
    grace_s: float = constant(KILL_TIMEOUT)

    @property
    def stop_first(self) -> bool:
        """A destructive update frees its slot first (canary 0)."""
        return True

    def resize(
        self, wanted: int, before: int, new: ReplicaSet, old: Sequence[ReplicaSet], phase: Phase
    ) -> tuple[int, list[int]]:
        """The sizes after one step."""
        sizes = [s.spec for s in old]
        if wanted != before and not any(sizes):
            return wanted, sizes
        return update_step(wanted, self.max_parallel, "stop-first", new, old)

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("version")
        number = 0
        while True:
            service = (yield changes.get()).service
            number += 1
            cluster.clock.loop(self.deployment(cluster, service, number))

    def deployment(self, cluster: Cluster, service: str, number: int) -> Loop:
        """Watch one deployment: complete, failed at its deadline, or overtaken by another."""
        version, clock = cluster.versions[service], cluster.clock
        cluster.say("rollout", service, f"deployment of {service} {version.name} begins")
        healthy, progress_s = 0, clock.now
        while True:
            yield clock.after(1.0, Rank.ROLLOUT, (1 << 42) + number)
            if cluster.versions[service] != version:
                return
            live = [c for c in cluster.of(service) if not c.deleting]
            new = [c for c in live if c.version == version and self.healthy(c, clock.now)]
            if len(new) > healthy:
                healthy, progress_s = len(new), clock.now
            if len(new) == len(live) == cluster.desired[service]:
                cluster.say("rollout", service, f"deployment of {service} is complete")
                return
            if clock.now - progress_s >= self.progress_deadline_s:
                break
        text = f"deployment of {service} {version.name} failed: no progress in time"
        cluster.say("rollout", service, text)
        cluster.pause(service)
        if self.auto_revert:
            cluster.say("rollback", service, f"Nomad reverts {service}")
            cluster.acted()
            cluster.set_version(service, cluster.previous[service])

    def healthy(self, c: Container, now_s: float) -> bool:
        return c.ready_since_s is not None and now_s - c.ready_since_s >= self.min_ready_s


@dataclass(frozen=True)
class JobRevert:
    """`nomad job revert`: an older version of the job, typed by a person."""

    def undo(self, cluster: Cluster, service: str) -> None:
        cluster.set_version(service, cluster.previous.get(service, cluster.versions[service]))


# ---- balancing ----
@dataclass(frozen=True)
class Traefik:
    """Round robin over what the catalogue listed at the last poll; no retry unless configured."""

    algorithm: Algorithm = Algorithm.ROUND_ROBIN
    connect_timeout_s: float = constant(DIAL)

    def routing(self) -> Routing:
        return Routing(
            algorithm=self.algorithm,
            proxy=True,
            connect_timeout_s=self.connect_timeout_s,
        )


# what a team writes into its job files
STACK = {
    "services.http.replicas": AtLeast(3),
    "services.worker.replicas": AtLeast(2),
    "services.http.cpu.request": "250m",
    "services.worker.cpu.request": "250m",
    "services.http.memory.request": "192Mi",
    "services.worker.memory.request": "192Mi",
    "services.http.scaling": {"min": 3, "max": 20, "cpu": "70%"},
    "services.worker.scaling": {"min": 2, "max": 20, "cpu": "70%"},
    "services.http.healthcheck": {"interval": "10s", "timeout": "2s"},  # chosen
}

PLATFORM = Platform(
    self_healing=Restart(),  # twice in place, then elsewhere
    autoscaling=NomadAutoscaler(),  # a separate daemon; replicas only
    load_balancing=Traefik(),  # bring your own
    service_discovery=Catalogue(),  # polled
    rolling_updates=Update(),  # one at a time; failed after ten minutes
    rollback=JobRevert(),  # one command
    health_checks=ServiceChecks(),  # they gate; restarts are opt-in
    resource_limits=Limits(weights="requests"),
    secrets=NomadVariables(),  # encrypted; a template restarts every task within seconds
    scheduling=NomadScheduling(),
)
