"""Swarm's scheduler and its servers: spread, and what a silent server ran begins anew elsewhere.

Rules: shared facts, orchestrators section 3 (moby/swarmkit @3e72cb64 read). Uncertain: how soon the
others stop sending to a lost server, and the time from an accepted task to its started process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import ClassVar, NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop
from sim.control.core.cluster import Cluster, Server
from sim.control.health_checks.docker import SERVICE, STOP_GRACE
from sim.control.scheduling.heartbeats import Heartbeats
from sim.control.scheduling.kubelet import Kubelet, TaskAgent
from sim.control.scheduling.placement import Load, Resources, choose_apart, fits, load_of
from sim.control.scheduling.replicas import keep
from sim.control.scheduling.surplus import leave_balanced
from sim.schema.stack import Service, Stack

DISPATCHER = "moby/swarmkit manager/dispatcher/dispatcher.go, period.go @3e72cb64"
SCHEDULER = "moby/swarmkit manager/scheduler/scheduler.go @3e72cb64"
SERVERS = Fact("swarm.servers", 3, "servers", "three managers that also work", "chosen: a quorum")
RESTART_DELAY = Fact("swarm.restart_delay", 5.0, "s", "a new task after this, always", SERVICE)
LEAST_BEAT = Fact("swarm.heartbeat_least", 4.5, "s", "5 s less 0.5", DISPATCHER)
MOST_BEAT = Fact("swarm.heartbeat_most", 5.5, "s", "5 s and 0.5", DISPATCHER)
MISSED = Fact("swarm.heartbeats_missed", 3.0, "periods", "without a beat: down", DISPATCHER)
WITHDRAWN = Fact(
    "swarm.gossip_failure", 5.0, "s", "a silent server's endpoints are withdrawn by gossip",
    "derived: hashicorp/memberlist LAN defaults, one probe of 1 s and a suspicion of 4 x 1 s",
)  # fmt: skip
TASK_START = Fact(
    "swarm.task_start", 1.0, "s", "mean from an accepted task to its started process", "chosen"
)
TASK_START_CV = Fact("swarm.task_start_cv", 0.3, "", "deviation / mean of that time", "chosen")
FAULTY = Fact("swarm.max_failures", 5, "failures", "a server that is tried last", SCHEDULER)
FAULTY_WINDOW = Fact("swarm.monitor_failures", 300.0, "s", "... within this time", SCHEDULER)


class SpreadNode(NamedTuple):
    """A server as a spreading scheduler sees it."""

    load: Load
    tasks: int  # of all services
    faulty: bool = False  # tasks of this service failed there too often


def reservations(service: Service) -> Resources:
    """What a task counts for: its reservations. A limit alone reserves nothing.

    Source: moby/swarmkit manager/scheduler/scheduler.go taskReservations, filter.go."""
    return Resources(service.cpu.request or 0.0, service.memory.request or 0)


def spread_choice(candidates: Sequence[SpreadNode], wanted: Resources) -> int | None:
    """Swarm: the zone with the fewest tasks of the service, where servers have one (`placement:
    preferences: [spread: node.labels.zone]`); there not a faulty server if another will do, then
    fewest tasks of the service, then fewest tasks, then the lowest id. None: nowhere.

    Source: moby/swarmkit manager/scheduler/scheduler.go nodeLess, scheduleNTasksOnSubtree."""
    able = [c for c in candidates if fits(c.load, wanted)]
    ranked = sorted(able, key=lambda c: (c.load.near, c.faulty, c.load.same, c.tasks, c.load.id))
    return ranked[0].load.id if ranked else None


def is_faulty(failures_s: Sequence[float], now_s: float, window_s: float, most: int) -> bool:
    """Has a service failed on a server `most` times within the window?

    Source: moby/swarmkit manager/scheduler nodeinfo.go countRecentFailures."""
    return sum(now_s - t < window_s for t in failures_s) >= most


def candidates(
    cluster: Cluster, service: str, most_failures: int, window_s: float
) -> list[SpreadNode]:
    """All servers that may take a task, as the scheduler sees them."""
    now, by_zone, nodes = cluster.clock.now, cluster.by_zone(service), []
    for server in cluster.servers:
        if not server.ready or server.cordoned or server.released_s is not None:
            continue
        failed = [t_s for t_s, name in server.failures if name == service]
        tasks = sum(not c.deleting for c in cluster.on(server))
        faulty = is_faulty(failed, now, window_s, most_failures)
        load = load_of(cluster, server, service, reservations, by_zone)
        nodes.append(SpreadNode(load, tasks, faulty))
    return nodes


@dataclass(frozen=True)
class Agent(TaskAgent):
    """How a node starts a task; nothing moves a local volume. A task whose image cannot be pulled
    is rejected, and another one is tried."""

    start_mean_s: float = constant(TASK_START)
    start_cv: float = constant(TASK_START_CV)
    pull_backoff_s: float = constant(RESTART_DELAY, above_zero=True)
    pull_backoff_cap_s: float = constant(RESTART_DELAY, above_zero=True)
    grace_s: float = constant(STOP_GRACE)


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
class SwarmScheduling:
    """Spread over servers; what a silent server ran begins anew elsewhere. `pinned`: a placement
    constraint holds what has a volume to its server. No filter of the scheduler does (manager/
    scheduler/filter.go asks for the volume's driver, and `local` is everywhere): without one a task
    begins elsewhere with an empty volume (swarmpit/swarmpit issue 559)."""

    name: ClassVar[str] = "swarm_scheduling"
    console: ClassVar[str] = "docker service"

    default_servers: int = constant(SERVERS, above_zero=True)
    max_failures: int = constant(FAULTY)
    failure_window_s: float = constant(FAULTY_WINDOW)
    pinned: bool = True
    kubelet: Kubelet = field(default_factory=Agent)
    heartbeats: Heartbeats = field(default_factory=SwarmHeartbeats)

    def servers(self, stack: Stack) -> int:
        return stack.servers.count or self.default_servers

    def choose(self, cluster: Cluster, service: str) -> Server | None:
        """A server for one more task; None if it must wait."""
        able = candidates(cluster, service, self.max_failures, self.failure_window_s)
        wanted = reservations(cluster.service(service))
        pick = partial(spread_choice, wanted=wanted)
        return choose_apart(cluster, service, able, attrgetter("load.id"), pick)

    def run(self, cluster: Cluster) -> Loop:
        cluster.clock.loop(self.heartbeats.run(cluster))
        yield from keep(cluster, leaving=leave_balanced)
