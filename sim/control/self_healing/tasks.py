"""Tasks that are replaced: a container that ended is not started again, another one takes its
place, perhaps on another server (Swarm, Amazon ECS, Cloud Run). The keeper starts it. What runs on
a rented server beside such a platform is no task: Docker restarts it there, by its policy. Nomad
first restarts a few times in place; then the allocation failed, and another one is placed.

Sources: shared facts, orchestrators sections 3 to 6 (moby/swarmkit @3e72cb64, hashicorp/nomad
@aa026cc9 read).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.choices import DOCKER_STOP
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container
from sim.control.scheduling.kubelet import rented
from sim.control.scheduling.tasks import RESTART_DELAY
from sim.control.self_healing.restarts import DockerRestarts, Restarts, start_again


@dataclass(frozen=True)
class TaskReplacement:
    """A task that ended, whatever its exit code, is replaced after a fixed delay, for ever."""

    delay_s: float
    who: str = "Swarm"
    stopped_with: str = DOCKER_STOP

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("exit", "server_up")
        docker, memory = DockerRestarts(), dict[int, Restarts]()
        while True:
            change = yield changes.get()
            for c in [change.container] if change.container else cluster.on(change.server):
                if c.state != "exited":
                    continue
                if not rented(cluster, c):
                    self.exited(cluster, c)
                elif change.kind == "exit":
                    docker.exited(cluster, c, memory)
                else:
                    docker.begins(cluster, c, "at boot")

    def exited(self, cluster: Cluster, c: Container) -> None:
        if not c.deleting and c.server.alive:
            cluster.set_restarting(c, True)
            cluster.clock.loop(self.replace(cluster, c))

    def replace(self, cluster: Cluster, c: Container) -> Loop:
        run = c.run
        yield cluster.clock.after(self.delay_s, Rank.RUNTIME, c.id)
        yield from cluster.thawed("controllers")
        cluster.set_restarting(c, False)
        if c.run == run and c.state == "exited" and not c.deleting and c.server.alive:
            after = f"after {self.delay_s:g} s" if self.delay_s else "at once"
            cluster.say("restart", c.name, f"{c.name} is replaced by {self.who} {after}")
            cluster.acted()
            cluster.retire(c)  # the keeper asks for another one


@dataclass(frozen=True)
class SwarmReplacement(TaskReplacement):
    """A new task after `restart_policy.delay`, for ever."""

    delay_s: float = constant(RESTART_DELAY)


STRUCTS = "hashicorp/nomad nomad/structs/structs.go @aa026cc9"
RESTARTS = "hashicorp/nomad client/allocrunner/taskrunner/restarts/restarts.go @aa026cc9"
ATTEMPTS = Fact("nomad.restart_attempts", 2, "restarts", "in place, within the interval", STRUCTS)
NOMAD_DELAY = Fact("nomad.restart_delay", 15.0, "s", "before a restart in place", STRUCTS)
RESTART_JITTER = Fact("nomad.restart_jitter", 0.25, "", "at most so much more", RESTARTS)
RESTART_INTERVAL = Fact("nomad.restart_interval", 1800.0, "s", "attempts count in it", STRUCTS)
RESCHEDULE = Fact("nomad.reschedule_delay", 30.0, "s", "before another server is tried", STRUCTS)
RESCHEDULE_CAP = Fact("nomad.reschedule_cap", 3600.0, "s", "the delay doubles up to this", STRUCTS)


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


@dataclass(frozen=True)
class Restart:
    """Two restarts in place within half an hour, each after 15 s and jitter; then the allocation
    failed, and another one is placed after 30 s, 60 s .. an hour."""

    # developer.hashicorp.com nomad/commands/alloc/stop: stops it and reschedules another
    stopped_with: ClassVar[str] = "nomad alloc stop"

    attempts: int = constant(ATTEMPTS)
    delay_s: float = constant(NOMAD_DELAY)
    jitter: float = constant(RESTART_JITTER)
    interval_s: float = constant(RESTART_INTERVAL)
    reschedule_s: float = constant(RESCHEDULE)
    reschedule_cap_s: float = constant(RESCHEDULE_CAP)

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("exit", "server_up", "created")
        client = NomadClient(cluster, self)
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


class NomadClient:
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
            self.cluster.resize(c, None)  # a container of its own (drivers/docker StartTask)
            start_again(self.cluster, c, f"restarted by Nomad after {wait_s:.0f} s")

    def reschedule(self, c: Container, wait_s: float) -> Loop:
        yield self.cluster.clock.after(wait_s, Rank.RUNTIME, c.id)
        yield from self.cluster.thawed("controllers")
        self.cluster.set_restarting(c, False)
        if not c.deleting and c.state == "exited":
            self.successors.setdefault(c.service, []).append(wait_s)
            self.failures_s.pop(c.id, None)
            self.cluster.acted()
            self.cluster.retire(c)  # the keeper asks for another one
