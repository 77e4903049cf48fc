"""Where tasks go that a manager hands out: Swarm spreads them, Nomad packs its bins; and what a
server ran that is silent for too long begins anew elsewhere.

The keeper of replicas.py starts what is missing. Rules: shared facts, orchestrators sections 3 and
4 (moby/swarmkit @3e72cb64, hashicorp/nomad @aa026cc9 read). Uncertain: how soon the others stop
sending to a server that Swarm has lost, and the time from an accepted task to its started process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import ClassVar, NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container, Server
from sim.control.health_checks.docker import SERVICE, STOP_GRACE
from sim.control.scheduling.kubelet import Kubelet, TaskAgent
from sim.control.scheduling.placement import (
    Load,
    Resources,
    choose_apart,
    fits,
    load_of,
    requested,
)
from sim.control.scheduling.replicas import keep
from sim.control.scheduling.surplus import leave_balanced
from sim.dataplane.arithmetic import added
from sim.schema.stack import Service, Stack


def given_up_s(
    crash_s: float, age_s: float, period_s: float, multiple: float, grace_s: float
) -> float:
    """When a silent server is believed down: `multiple` periods and a grace after its last beat,
    which was `age_s` before the crash.

    Swarm: 3 periods of 4.5 to 5.5 s (dispatcher.go, period.go): 9 to 16.5 s after the crash.
    Nomad: one TTL of 10 to 20 s and 10 s of grace (heartbeat.go): 10 to 30 s."""
    return crash_s - age_s + multiple * period_s + grace_s


@dataclass(frozen=True)
class Heartbeats:
    """Agents beat, a manager waits: what a silent server ran is replaced elsewhere."""

    least_s: float  # a period is drawn between these
    most_s: float
    multiple: float  # periods without a beat
    grace_s: float  # ... and so much more
    withdrawn_s: float  # how soon the others stop sending there (gossip); inf: not before
    delay_s: float  # from down to the replacement

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("server_down", "server_up", "server_silent", "server_heard")
        while True:
            change = yield changes.get()
            server = change.server
            if change.kind in ("server_down", "server_silent"):
                cluster.clock.loop(self.silence(cluster, server, server.boots))
            elif server.answers and not server.ready:
                cluster.say(
                    "ready", server.name, f"{server.name} is back: nothing moves there by itself"
                )
                cluster.set_server_ready(server, True)

    def silence(self, cluster: Cluster, server: Server, boot: int) -> Loop:
        crash_s = cluster.clock.now
        period_s = self.least_s + cluster.random("heartbeat/period") * (self.most_s - self.least_s)
        age_s = cluster.random("heartbeat/age") * period_s
        due_s = given_up_s(crash_s, age_s, period_s, self.multiple, self.grace_s)

        def away() -> bool:
            again = server.boots != boot or server.silent_s > crash_s
            return not (again or server.answers or server.released_s is not None)

        if crash_s + self.withdrawn_s < due_s:
            yield cluster.clock.at(crash_s + self.withdrawn_s, Rank.NODE, server.id)
            self.withdraw(cluster, server, away())
        yield cluster.clock.at(due_s, Rank.NODE, server.id)
        yield from cluster.thawed("controllers")
        if not away():
            return
        text = f"{server.name} is declared lost, {due_s - crash_s:.0f} s after it fell silent"
        cluster.say("not_ready", server.name, text)
        cluster.acted()
        cluster.set_server_ready(server, False)
        self.withdraw(cluster, server, True)
        yield cluster.clock.after(self.delay_s, Rank.NODE, server.id)
        doomed = [c for c in cluster.on(server) if not c.deleting]
        if doomed:
            self.tell(cluster, server, doomed)
        for c in doomed:
            cluster.retire(c)

    def tell(self, cluster: Cluster, server: Server, doomed: list[Container]) -> None:
        """Who begins anew elsewhere, and who waits for the disk that went with the server."""
        held = {name for name, volume in cluster.volumes.items() if volume.pinned}
        pinned = [c.name for c in doomed if c.service in held]
        names = [c.name for c in doomed if c.name not in pinned]
        if names:
            text = f"{', '.join(names)} replaced: {server.name} is down"
            cluster.say("eviction", server.name, text)
        if pinned:
            text = f"{', '.join(pinned)} cannot move: the volume is on {server.name}"
            cluster.say("unschedulable", server.name, text)

    def withdraw(self, cluster: Cluster, server: Server, gone: bool) -> None:
        """No more traffic to what is there."""
        for c in cluster.on(server) if gone else []:
            cluster.believe(c, False)


# ---- Swarm ----
DISPATCHER = "moby/swarmkit manager/dispatcher/dispatcher.go, period.go @3e72cb64"
SCHEDULER = "moby/swarmkit manager/scheduler/scheduler.go @3e72cb64"
SWARM_SERVERS = Fact(
    "swarm.servers", 3, "servers", "three managers that also work", "chosen: a quorum"
)
RESTART_DELAY = Fact("swarm.restart_delay", 5.0, "s", "a new task after this, always", SERVICE)
LEAST_BEAT = Fact("swarm.heartbeat_least", 4.5, "s", "5 s less 0.5", DISPATCHER)
MOST_BEAT = Fact("swarm.heartbeat_most", 5.5, "s", "5 s and 0.5", DISPATCHER)
MISSED = Fact("swarm.heartbeats_missed", 3.0, "periods", "without a beat: down", DISPATCHER)
SWARM_WITHDRAWN = Fact(
    "swarm.gossip_failure", 5.0, "s", "a silent server's endpoints are withdrawn by gossip",
    "derived: hashicorp/memberlist LAN defaults, one probe of 1 s and a suspicion of 4 x 1 s",
)  # fmt: skip
SWARM_TASK_START = Fact(
    "swarm.task_start", 1.0, "s", "mean from an accepted task to its started process", "chosen"
)
SWARM_TASK_START_CV = Fact(
    "swarm.task_start_cv", 0.3, "", "deviation / mean of that time", "chosen"
)
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

    start_mean_s: float = constant(SWARM_TASK_START)
    start_cv: float = constant(SWARM_TASK_START_CV)
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
    withdrawn_s: float = constant(SWARM_WITHDRAWN)
    delay_s: float = constant(RESTART_DELAY)


@dataclass(frozen=True)
class SwarmScheduling:
    """Spread over servers; what a silent server ran begins anew elsewhere. `pinned`: a placement
    constraint holds what has a volume to its server. No filter of the scheduler does (manager/
    scheduler/filter.go asks for the volume's driver, and `local` is everywhere): without one a task
    begins elsewhere with an empty volume (swarmpit/swarmpit issue 559)."""

    console: ClassVar[str] = "docker service"

    default_servers: int = constant(SWARM_SERVERS, above_zero=True)
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


# ---- Nomad ----
KILL_TIMEOUT = Fact(
    "nomad.kill_timeout", 5.0, "s", "signal, this wait, then SIGKILL",
    "hashicorp/nomad nomad/structs/structs.go @aa026cc9",
)  # fmt: skip
HEARTBEAT = "hashicorp/nomad nomad/heartbeat.go, nomad/config.go @aa026cc9"
NOMAD_SERVERS = Fact("nomad.servers", 3, "servers", "clients; its own servers cost extra", "chosen")
SERVERS_PRICE = Fact(
    "nomad.servers_price", 0.288, "USD/h", "three m5.large for its own servers and Consul",
    "nomadproject.io reference architecture: three or five servers; aws.amazon.com/ec2/pricing, "
    "us-east-1: 0.096 each, as quoted in 2025",
)  # fmt: skip
TTL_LEAST = Fact("nomad.heartbeat_ttl_least", 10.0, "s", "a client beats once a TTL", HEARTBEAT)
TTL_MOST = Fact("nomad.heartbeat_ttl_most", 20.0, "s", "10 s and a random part", HEARTBEAT)
BEAT_GRACE = Fact("nomad.heartbeat_grace", 10.0, "s", "after a TTL without a beat", HEARTBEAT)
NOMAD_WITHDRAWN = Fact(
    "consul.gossip_failure", 5.0, "s", "Consul fails a silent server's checks (serfHealth)",
    "derived: hashicorp/memberlist LAN defaults, one probe of 1 s and a suspicion of 4 x 1 s",
)  # fmt: skip
PULLS = "hashicorp/nomad nomad/structs/structs.go @aa026cc9: restart and reschedule of a service"
PULL_RETRY = Fact(
    "nomad.pull_retry", 15.0, "s", "a failed pull is tried again, at first in place; doubles", PULLS
)
PULL_RETRY_CAP = Fact("nomad.pull_retry_cap", 3600.0, "s", "... elsewhere, up to this", PULLS)
NOMAD_TASK_START = Fact(
    "nomad.task_start", 1.0, "s", "mean from a placement to the process", "chosen"
)
NOMAD_TASK_START_CV = Fact(
    "nomad.task_start_cv", 0.3, "", "deviation / mean of that time", "chosen"
)


def binpack_score(load: Load, wanted: Resources) -> float:
    """0..18: fuller is better. Source: structs/funcs.go ScoreFitBinPack: 20 - (10^free cores +
    10^free memory), free shares after placement, held between 0 and 18."""
    cores = 1.0 - (load.requested.cores + wanted.cores) / load.capacity.cores
    memory = 1.0 - (load.requested.memory + wanted.memory) / load.capacity.memory
    return min(18.0, max(0.0, 20.0 - math.pow(10.0, cores) - math.pow(10.0, memory)))


def even_spread(near: int, zones: Sequence[int]) -> float:
    """-1 and up: how much a `spread` over zones wants an allocation where `near` are, given those
    of each zone that has any; 0: none is placed yet.

    Source: hashicorp/nomad scheduler/spread.go evenSpreadScoreBoost."""
    if not zones:
        return 0.0
    least, most = min(zones), max(zones)
    if near != least:
        return (least - near) / least
    return -1.0 if least == most else (most - least) / least


def binpack_choice(loads: Sequence[Load], wanted: Resources, count: int) -> int | None:
    """The server of the best mean score: bin-packing (of 18), and a penalty of (allocations of the
    same group there + 1) / wanted count, and where servers have a zone the spread over zones; each
    only where it is not 0. None: blocked.

    Source: scheduler/feasible rank.go JobAntiAffinityIterator, ScoreNormalizationIterator."""
    zones = [n for n in {load.zone: load.near for load in loads if load.zone}.values() if n]

    def score(load: Load) -> float:
        scores = [binpack_score(load, wanted) / 18.0]
        if load.same and count > 1:
            scores.append(-(load.same + 1) / count)
        boost = even_spread(load.near, zones) if load.zone else 0.0
        if boost:
            scores.append(boost)
        return added(scores) / len(scores)

    able = [load for load in loads if fits(load, wanted)]
    return max(able, key=lambda load: (score(load), -load.id)).id if able else None


@dataclass(frozen=True)
class ClientAgent(TaskAgent):
    """How a client starts an allocation; nothing moves a host volume, and its group is placed on no
    other client (job specification, `volume`; HostVolumeChecker in scheduler/feasible.go)."""

    start_mean_s: float = constant(NOMAD_TASK_START)
    start_cv: float = constant(NOMAD_TASK_START_CV)
    pull_backoff_s: float = constant(PULL_RETRY, above_zero=True)
    pull_backoff_cap_s: float = constant(PULL_RETRY_CAP, above_zero=True)
    grace_s: float = constant(KILL_TIMEOUT)


@dataclass(frozen=True)
class NomadHeartbeats(Heartbeats):
    """Nomad's servers wait for a TTL and a grace; Consul's gossip is quicker."""

    least_s: float = constant(TTL_LEAST)
    most_s: float = constant(TTL_MOST)
    multiple: float = 1.0  # one TTL
    grace_s: float = constant(BEAT_GRACE)
    withdrawn_s: float = constant(NOMAD_WITHDRAWN)
    delay_s: float = 0.0


@dataclass(frozen=True)
class NomadScheduling:
    """Bin-packing with a dislike of equals on one server; lost allocations are replaced at once."""

    console: ClassVar[str] = "nomad"

    default_servers: int = constant(NOMAD_SERVERS, above_zero=True)
    price_per_hour: float = constant(SERVERS_PRICE)
    kubelet: Kubelet = field(default_factory=ClientAgent)
    heartbeats: Heartbeats = field(default_factory=NomadHeartbeats)

    def servers(self, stack: Stack) -> int:
        return stack.servers.count or self.default_servers

    def choose(self, cluster: Cluster, service: str) -> Server | None:
        """A server for one more allocation; None if it is blocked."""
        able = [s for s in cluster.servers if s.ready and not s.cordoned and s.released_s is None]
        by_zone = cluster.by_zone(service)
        loads = [load_of(cluster, s, service, by_zone=by_zone) for s in able]
        wanted = requested(cluster, service)
        pick = partial(binpack_choice, wanted=wanted, count=cluster.desired[service])
        return choose_apart(cluster, service, loads, attrgetter("id"), pick)

    def run(self, cluster: Cluster) -> Loop:
        cluster.clock.loop(self.heartbeats.run(cluster))
        yield from keep(cluster)
