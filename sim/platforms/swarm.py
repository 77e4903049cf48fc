"""Docker Swarm, three servers, with swarmkit's defaults.

What a team gets that runs `docker stack deploy` on its Compose file, with a HEALTHCHECK and three
replicas added. Managers never fail here. Source of the rules: shared facts, orchestrators section 3
(moby/swarmkit @3e72cb64, moby/moby @b985e231 read). Uncertain: how soon the others stop sending to
a lost server (derived from memberlist's LAN defaults, not measured), and the time from an accepted
task to its started process (chosen). The database and the queue have a volume on one server and are
constrained to it: nothing moves them. There is no autoscaling, nothing rebalances when a server
returns, and no task has a priority: what fits nowhere waits, first come, first served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop
from sim.control.core.cluster import Cluster, Server
from sim.control.health_checks.docker import START_INTERVAL
from sim.control.resource_limits.profiles import Limits
from sim.control.scheduling.kubelet import Kubelet
from sim.control.secrets.passwords import SecretEnv, Taken
from sim.control.self_healing.replicas import Phase, ReplicaSet, keep
from sim.control.self_healing.tasks import (
    GatedHealthchecks,
    Heartbeats,
    Order,
    TaskReplacement,
    candidates,
    spread_choice,
    update_step,
    wanted,
)
from sim.control.service_discovery.endpoints import Endpoints, ServiceBalancing
from sim.dataplane.codes import Algorithm
from sim.platforms.platform import Platform
from sim.schema.layers import AtLeast
from sim.schema.stack import Stack

SERVICE = "moby/swarmkit api/defaults/service.go @3e72cb64"
DISPATCHER = "moby/swarmkit manager/dispatcher/dispatcher.go, period.go @3e72cb64"
SCHEDULER = "moby/swarmkit manager/scheduler/scheduler.go @3e72cb64"
UPDATER = "moby/swarmkit manager/orchestrator/update/updater.go @3e72cb64"
SERVERS = Fact("swarm.servers", 3, "servers", "three managers that also work", "chosen: a quorum")
RESTART_DELAY = Fact("swarm.restart_delay", 5.0, "s", "a new task after this, always", SERVICE)
STOP_GRACE = Fact("swarm.stop_grace", 10.0, "s", "SIGTERM, this wait, then SIGKILL", SERVICE)
CONVERGE = Fact(
    "swarm.gossip_converge", 2.0, "s",
    "between leaving the balancer and SIGTERM",
    "moby daemon/cluster/executor/container/controller.go defaultGossipConvergeDelay",
)  # fmt: skip
LEAST_BEAT = Fact("swarm.heartbeat_least", 4.5, "s", "5 s less 0.5", DISPATCHER)
MOST_BEAT = Fact("swarm.heartbeat_most", 5.5, "s", "5 s and 0.5", DISPATCHER)
MISSED = Fact("swarm.heartbeats_missed", 3.0, "periods", "without a beat: down", DISPATCHER)
WITHDRAWN = Fact(
    "swarm.gossip_failure", 5.0, "s", "a silent server's endpoints are withdrawn by gossip",
    "derived: hashicorp/memberlist LAN defaults, one probe of 1 s and a suspicion of 4 x 1 s",
)  # fmt: skip
GOSSIP = Fact(
    "swarm.gossip", 1.0, "s", "longest way of an endpoint to the other servers' IPVS (uniform)",
    "derived: hashicorp/memberlist gossip interval 200 ms, three to five rounds",
)  # fmt: skip
TASK_START = Fact(
    "swarm.task_start", 1.0, "s", "mean from an accepted task to its started process", "chosen"
)
TASK_START_CV = Fact("swarm.task_start_cv", 0.3, "", "deviation / mean of that time", "chosen")
FAULTY = Fact("swarm.max_failures", 5, "failures", "a server that is tried last", SCHEDULER)
FAULTY_WINDOW = Fact("swarm.monitor_failures", 300.0, "s", "... within this time", SCHEDULER)
PARALLELISM = Fact("swarm.update_parallelism", 1, "tasks", "replaced at a time; 0: all", SERVICE)
DELAY = Fact("swarm.update_delay", 0.0, "s", "between two batches", SERVICE)
MONITOR = Fact(
    "swarm.update_monitor", 5.0, "s", "a failure so soon after the start counts", SERVICE
)
RATIO = Fact("swarm.max_failure_ratio", 0.0, "", "a larger share of failures ends it", UPDATER)

OnFailure = Literal["pause", "continue", "rollback"]


@dataclass(frozen=True)
class Agent(Kubelet):
    """How a node starts a task; nothing moves a volume."""

    start_mean_s: float = constant(TASK_START)
    start_cv: float = constant(TASK_START_CV)
    volume_detach_s: float = 0.0
    grace_s: float = constant(STOP_GRACE)
    pre_stop_extension_s: float = 0.0  # a kubelet's


@dataclass(frozen=True)
class SwarmHeartbeats(Heartbeats):
    """swarmkit's dispatcher, and memberlist's gossip between the nodes."""

    least_s: float = constant(LEAST_BEAT)
    most_s: float = constant(MOST_BEAT)
    multiple: float = constant(MISSED)
    grace_s: float = 0.0
    withdrawn_s: float = constant(WITHDRAWN)
    delay_s: float = constant(RESTART_DELAY)


@dataclass(frozen=True)
class Gossip(Endpoints):
    """Endpoints travel between the nodes' IPVS by gossip."""

    watch_delay_s: float = constant(GOSSIP)
    min_sync_s: float = 0.0


@dataclass(frozen=True)
class SwarmReplacement(TaskReplacement):
    """A new task after `restart_policy.delay`, for ever."""

    delay_s: float = constant(RESTART_DELAY)


@dataclass(frozen=True)
class SwarmHealthchecks(GatedHealthchecks):
    """HEALTHCHECK, as the Engine runs it on each node."""

    start_interval_s: float = constant(START_INTERVAL, above_zero=True)
    grace_s: float = constant(STOP_GRACE)


@dataclass(frozen=True)
class SwarmScheduling:
    """Spread over servers; what a silent server ran begins anew elsewhere."""

    default_servers: int = constant(SERVERS)
    max_failures: int = constant(FAULTY)
    failure_window_s: float = constant(FAULTY_WINDOW)
    kubelet: Kubelet = field(default_factory=Agent)
    heartbeats: Heartbeats = field(default_factory=SwarmHeartbeats)

    def servers(self, stack: Stack) -> int:
        return max(self.default_servers, stack.servers.count)

    def choose(self, cluster: Cluster, service: str) -> Server | None:
        """A server for one more task; None if it must wait."""
        able = candidates(cluster, service, self.max_failures, self.failure_window_s)
        ident = spread_choice(able, wanted(cluster, service))
        return next((s for s in cluster.servers if s.id == ident), None)

    def run(self, cluster: Cluster) -> Loop:
        cluster.clock.loop(self.heartbeats.run(cluster))
        yield from keep(cluster)


# ---- updates ----
def too_many_failures(failures: int, tasks: int, ratio: float) -> bool:
    """Does an update stop? Source: swarmkit updater.go: failures / tasks > max_failure_ratio."""
    return tasks > 0 and failures / tasks > ratio


@dataclass(frozen=True)
class SwarmUpdate:
    """One task at a time, stop-first; the first failure pauses the update."""

    parallelism: int = constant(PARALLELISM)
    delay_s: float = constant(DELAY)
    order: Order = "stop-first"
    monitor_s: float = constant(MONITOR)
    max_failure_ratio: float = constant(RATIO)
    failure_action: OnFailure = "pause"
    grace_s: float = constant(STOP_GRACE)

    @property
    def min_ready_s(self) -> float:
        """An update goes on when its task has run for `monitor`, and `delay` later."""
        return self.delay_s

    @property
    def stop_first(self) -> bool:
        return self.order == "stop-first"

    def resize(
        self, wanted: int, before: int, new: ReplicaSet, old: Sequence[ReplicaSet], phase: Phase
    ) -> tuple[int, list[int]]:
        """The sizes after one step; a changed number goes to the newest version that has tasks."""
        sizes = [s.spec for s in old]
        if wanted != before and not any(sizes):
            return wanted, sizes
        return update_step(wanted, self.parallelism, self.order, new, old)

    def run(self, cluster: Cluster) -> Loop:
        """Watch new tasks fail; report what becomes of each update."""
        changes = cluster.watch("version", "exit", "ready", "removed")
        failed: dict[str, int] = {}
        rolling: set[str] = set()
        while True:
            change = yield changes.get()
            service = change.container.service if change.container else change.service
            if change.kind == "version":
                failed[service] = 0
                rolling.add(service)
                text = f"update of {service} to {cluster.versions[service].name} begins"
                cluster.say("rollout", service, text)
            elif service in rolling and change.kind == "exit":
                c = change.container
                early = c.ready_since_s is None or cluster.clock.now - c.started_s <= self.monitor_s
                if c.version == cluster.versions[service] and not c.deleting and early:
                    failed[service] += 1
                    self.failure(cluster, service, failed[service], rolling)
            elif service in rolling:
                self.look(cluster, service, rolling)

    def failure(self, cluster: Cluster, service: str, failed: int, rolling: set[str]) -> None:
        """A new task failed: pause, go on, or take the version before."""
        if not too_many_failures(failed, cluster.desired[service], self.max_failure_ratio):
            return
        name = cluster.versions[service].name
        if self.failure_action == "pause":
            rolling.discard(service)
            cluster.pause(service)
            cluster.say("rollout", service, f"update of {service} to {name} paused: a task failed")
        elif self.failure_action == "rollback":
            rolling.discard(service)
            cluster.say("rollback", service, f"update of {service} to {name} failed: rolled back")
            cluster.acted()
            cluster.set_version(service, cluster.previous[service])

    def look(self, cluster: Cluster, service: str, rolling: set[str]) -> None:
        live = [c for c in cluster.of(service) if not c.deleting]
        new = [c for c in live if c.ready and c.version == cluster.versions[service]]
        if len(new) == len(live) == cluster.desired[service]:
            rolling.discard(service)
            name = cluster.versions[service].name
            cluster.say("rollout", service, f"update of {service} to {name} is complete")


@dataclass(frozen=True)
class ServiceRollback:
    """`docker service rollback`: the previous spec, one step, typed by a person.

    Source: swarmkit controlapi/service.go PreviousSpec."""

    def undo(self, cluster: Cluster, service: str) -> None:
        cluster.set_version(service, cluster.previous.get(service, cluster.versions[service]))


# ---- secrets ----
@dataclass(frozen=True)
class SwarmSecrets(SecretEnv):
    """Secrets in the managers' encrypted Raft log, mounted in memory; a change is a new secret and
    a service update that restarts each task.

    Source: docker/docs engine/swarm/secrets.md @1ae0cc41."""

    taken: ClassVar[Taken] = "created"
    rolled_by: ClassVar[str] = "`docker service update --secret-rm --secret-add`"

    encrypted_at_rest: bool = True


# what a team adds to its Compose file before `docker stack deploy`
STACK = {
    "services.http.replicas": AtLeast(3),  # one a server
    "services.worker.replicas": AtLeast(2),
    "services.http.healthcheck": {
        "interval": "10s", "timeout": "3s", "start_period": "30s",  # chosen
    },
    "services.http.stop.pre_stop": CONVERGE,  # Swarm's own wait, before SIGTERM
    "services.http.stop.grace": f"{CONVERGE.value + STOP_GRACE.value}s",
}  # fmt: skip

PLATFORM = Platform(
    self_healing=SwarmReplacement(),  # a new task, after 5 s, for ever
    autoscaling=None,  # not in its source
    load_balancing=ServiceBalancing(algorithm=Algorithm.ROUND_ROBIN),  # IPVS, on every server
    service_discovery=Gossip(),  # healthy tasks only
    rolling_updates=SwarmUpdate(),  # one at a time, stop-first, pause on failure
    rollback=ServiceRollback(),  # one command, never by itself
    health_checks=SwarmHealthchecks(),
    resource_limits=Limits(weights="shares"),
    secrets=SwarmSecrets(),
    scheduling=SwarmScheduling(),
)
