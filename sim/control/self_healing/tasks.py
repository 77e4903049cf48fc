"""Orchestrators that replace tasks: a container that ended is not started again, another one takes
its place, perhaps on another server; and a server that is silent for too long is given up.

Swarm and Nomad work so (ECS replaces tasks too). Their constants are in their platform's file; the
rules here have them as arguments. The keeper of replicas.py starts what is missing. Sources: shared
facts, orchestrators sections 3 and 4 (moby/swarmkit @3e72cb64, hashicorp/nomad @aa026cc9 read).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container, Server
from sim.control.health_checks.docker import monitor
from sim.control.scheduling.kubelet import STATEFUL
from sim.control.scheduling.placement import Load, Resources, fits, load_of, requests
from sim.control.self_healing.replicas import ReplicaSet
from sim.schema.stack import Service

Order = Literal["stop-first", "start-first"]


# ---- rules: a server that is silent ----
def given_up_s(
    crash_s: float, age_s: float, period_s: float, multiple: float, grace_s: float
) -> float:
    """When a silent server is believed down: `multiple` periods and a grace after its last beat,
    which was `age_s` before the crash.

    Swarm: 3 periods of 4.5 to 5.5 s (dispatcher.go, period.go): 9 to 16.5 s after the crash.
    Nomad: one TTL of 10 to 20 s and 10 s of grace (heartbeat.go): 10 to 30 s."""
    return crash_s - age_s + multiple * period_s + grace_s


# ---- rules: placement ----
class Candidate(NamedTuple):
    """A server as a spreading scheduler sees it."""

    load: Load
    tasks: int  # of all services
    faulty: bool = False  # tasks of this service failed there too often


def spread_choice(candidates: Sequence[Candidate], wanted: Resources) -> int | None:
    """Swarm: not a faulty server if another will do, then fewest tasks of the service, then fewest
    tasks, then the lowest id. None: nowhere.

    Source: moby/swarmkit manager/scheduler/scheduler.go nodeLess."""
    able = [c for c in candidates if fits(c.load, wanted)]
    ranked = sorted(able, key=lambda c: (c.faulty, c.load.same, c.tasks, c.load.id))
    return ranked[0].load.id if ranked else None


def is_faulty(failures_s: Sequence[float], now_s: float, window_s: float, most: int) -> bool:
    """Has a service failed on a server `most` times within the window?

    Source: moby/swarmkit manager/scheduler nodeinfo.go countRecentFailures."""
    return sum(now_s - t < window_s for t in failures_s) >= most


# ---- rules: updates ----
def batch(total: int, parallelism: int) -> int:
    """Tasks replaced at a time; 0 means all. Source: swarmkit updater.go Run."""
    return total if parallelism == 0 else min(parallelism, total)


def update_step(
    replicas: int, parallelism: int, order: Order, new: ReplicaSet, old: Sequence[ReplicaSet]
) -> tuple[int, list[int]]:
    """The sizes after one step of an update: (new, old ones).

    stop-first: a batch of old tasks goes, then as many new ones come, and only when those run goes
    the next batch. start-first: the other way round. Source: swarmkit updater.go updateTask,
    useExistingTask; the gate is that the new task is RUNNING (healthy, with a HEALTHCHECK)."""
    sizes = [s.spec for s in old]
    left, total = sum(sizes), new.spec + sum(sizes)
    if new.available < new.spec:
        return new.spec, sizes  # the update waits for its tasks
    step = batch(left, parallelism)
    room = replicas - total if order == "stop-first" or not left else replicas + step - total
    if room > 0:
        return new.spec + min(room, replicas - new.spec), sizes
    goes = step if order == "stop-first" or total > replicas else 0
    for i, size in enumerate(sizes):
        gone = min(goes, size)
        sizes[i] -= gone
        goes -= gone
    return min(new.spec, replicas), sizes


# ---- self-healing ----
@dataclass(frozen=True)
class TaskReplacement:
    """A task that ended, whatever its exit code, is replaced after a fixed delay, for ever."""

    delay_s: float
    who: str = "Swarm"

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("exit", "server_up")
        while True:
            change = yield changes.get()
            if change.container is not None:
                self.exited(cluster, change.container)
            elif change.server is not None:
                for c in cluster.on(change.server):
                    if c.state == "exited":
                        self.exited(cluster, c)

    def exited(self, cluster: Cluster, c: Container) -> None:
        if not c.deleting and c.server.alive:
            cluster.set_restarting(c, True)
            cluster.clock.loop(self.replace(cluster, c))

    def replace(self, cluster: Cluster, c: Container) -> Loop:
        run = c.run
        yield cluster.clock.after(self.delay_s, Rank.RUNTIME, c.id)
        cluster.set_restarting(c, False)
        if c.run == run and c.state == "exited" and not c.deleting and c.server.alive:
            after = f"after {self.delay_s:g} s" if self.delay_s else "at once"
            cluster.say("restart", c.name, f"{c.name} is replaced by {self.who} {after}")
            cluster.acted()
            cluster.retire(c)  # the keeper asks for another one


# ---- health ----
@dataclass(frozen=True)
class GatedHealthchecks:
    """A task gets traffic when its HEALTHCHECK first passes (without one: when its process runs),
    and is shut down when it turns unhealthy.

    Source: moby daemon/cluster/executor/container/controller.go Start, Wait."""

    reads: ClassVar[str] = "healthcheck"  # of a service

    start_interval_s: float
    grace_s: float

    def ends(self, service: Service) -> bool:
        """Does it end a process that hangs?"""
        return service.healthcheck is not None

    def run(self, cluster: Cluster) -> Loop:
        cluster.clock.loop(monitor(cluster, self.start_interval_s))
        changes = cluster.watch("started", "health")
        while True:
            change = yield changes.get()
            c = change.container
            if c is None or not c.alive:
                continue
            runs = cluster.service(c.service).healthcheck is None  # all that is asked of it
            if (change.kind == "started" and runs) or (
                change.kind == "health" and c.health == "healthy"
            ):
                cluster.set_ready(c, True)
            elif change.kind == "health" and c.health == "unhealthy":
                cluster.set_ready(c, False)
                cluster.say("liveness", c.name, f"{c.name} is unhealthy: shut down")
                cluster.acted()
                cluster.stop(c, self.grace_s)


# ---- servers ----
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
        changes = cluster.watch("server_down", "server_up")
        while True:
            change = yield changes.get()
            server = change.server
            if change.kind == "server_down":
                cluster.clock.loop(self.silence(cluster, server, server.boots))
            elif not server.ready:
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
            return server.boots == boot and not server.alive and server.released_s is None

        if crash_s + self.withdrawn_s < due_s:
            yield cluster.clock.at(crash_s + self.withdrawn_s, Rank.NODE, server.id)
            self.withdraw(cluster, server, away())
        yield cluster.clock.at(due_s, Rank.NODE, server.id)
        if not away():
            return
        text = f"{server.name} is down: no heartbeat for {due_s - crash_s + age_s:.0f} s"
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
        pinned = [c.name for c in doomed if cluster.service(c.service).role in STATEFUL]
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
            cluster.set_ready(c, False)


# ---- placement ----
def candidates(
    cluster: Cluster, service: str, most_failures: int, window_s: float
) -> list[Candidate]:
    """All servers that may take a task, as the scheduler sees them."""
    now, found = cluster.clock.now, []
    for server in cluster.servers:
        if not server.ready or server.cordoned or server.released_s is not None:
            continue
        failed = [t_s for t_s, name in server.failures if name == service]
        tasks = sum(not c.deleting for c in cluster.on(server))
        faulty = is_faulty(failed, now, window_s, most_failures)
        found.append(Candidate(load_of(cluster, server, service), tasks, faulty))
    return found


def wanted(cluster: Cluster, service: str) -> Resources:
    """What a task reserves."""
    return requests(cluster.service(service))
