"""Health checks: startup, readiness and liveness probes, as the kubelet's prober runs them.

Readiness gates traffic, liveness gates life. Rules and constants: shared facts, kubernetes
section 1 (kubernetes/kubernetes pkg/kubelet/prober/worker.go @00421113 read). A probe goes through
the container's own queue, so that an overloaded process answers late and a hung one never.
Left out: probes over gRPC, and failures of the prober itself (which real kubelets throw away).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, NamedTuple

import simpy

from sim.control.clock import Loop, Rank
from sim.control.cluster import Cluster, Container
from sim.spec.facts import Fact
from sim.spec.stack import Probe, Probes, Service

GRACE = Fact(
    "pod.termination_grace", 30.0, "s",
    "a killed container has so long between SIGTERM and SIGKILL",
    "kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle terminationGracePeriodSeconds",
)  # fmt: skip


class Ask(IntEnum):
    """The three probes of a container."""

    STARTUP = 0
    READINESS = 1
    LIVENESS = 2


INITIAL: dict[Ask, bool | None] = {  # what holds before the first published result
    Ask.STARTUP: None,
    Ask.READINESS: False,
    Ask.LIVENESS: True,
}


# ---- rules ----
class Tally(NamedTuple):
    """Equal results in a row."""

    last: bool | None = None
    run: int = 0


def counted(tally: Tally, ok: bool, success: int, failure: int) -> tuple[Tally, bool | None]:
    """Count one result; (the new tally, the result if it is now published).

    Source: prober/worker.go doProbe: a result is published only after `success` (or `failure`)
    equal ones in a row; below that what was published stays; one other result starts anew."""
    run = tally.run + 1 if tally.last == ok else 1
    published = ok if run >= (success if ok else failure) else None
    return Tally(ok, run), published


def asks(kind: Ask, started: bool, deleting: bool, age_s: float, initial_delay_s: float) -> bool:
    """Does this tick send a probe?

    Source: prober/worker.go doProbe: whole seconds since the start count against the initial delay;
    nothing but the startup probe runs until that has succeeded, and it never again afterwards;
    while the pod is being deleted only readiness is asked."""
    if deleting and kind != Ask.READINESS:
        return False
    if int(age_s) < initial_delay_s:
        return False
    return started != (kind == Ask.STARTUP)


def first_tick(now_s: float, kubelet_since_s: float, period_s: float, u: float) -> float:
    """When a new worker asks for the first time: at once, then once per period on that grid.

    Source: prober/worker.go run: only a kubelet that is itself younger than one period makes the
    worker wait u x period, so that a rebooted server does not probe everything at once."""
    return now_s + (u * period_s if now_s - kubelet_since_s < period_s else 0.0)


# ---- the kubelets' probers ----
@dataclass(frozen=True)
class HealthChecks:
    """Probes as the stack writes them; a container without a readiness probe is ready once its
    process has started (and its startup probe, if any, has passed)."""

    capability: ClassVar[str] = "health_checks"

    grace_s: float = GRACE.value

    def ends(self, service: Service) -> bool:
        """Does it end a process that hangs?"""
        return service.probes.liveness is not None

    def run(self, cluster: Cluster) -> Loop:
        prober = Prober(cluster, self.grace_s)
        changes = cluster.watch("created", "started", "removed", "server_up", "server_added")
        cluster.clock.loop(prober.hand_out())
        for server in cluster.servers:
            prober.kubelet_since[server.id] = -1e9  # before the run began
        for c in cluster.containers:
            prober.adopt(c)
        while True:
            change = yield changes.get()
            if change.server is not None:
                prober.kubelet_since[change.server.id] = cluster.clock.now
                for c in cluster.on(change.server):
                    prober.admit(c)
            elif change.container is not None:
                if change.kind == "created":
                    prober.admit(change.container)
                elif change.kind == "started":
                    prober.started(change.container)
                else:
                    prober.of.pop(change.container.id, None)


@dataclass
class Health:
    """What the kubelet knows of one container."""

    run: int = -1  # the process it is about
    started: bool = False  # no startup probe, or it has passed
    ready: bool = False  # no readiness probe, or its last published result
    workers: int = 0  # generation of workers: a rebooted kubelet starts others
    tallies: dict[Ask, Tally] = field(default_factory=dict)
    hold: set[Ask] = field(default_factory=set)  # until a new process appears


class Prober:
    def __init__(self, cluster: Cluster, grace_s: float) -> None:
        self.cluster, self.grace_s = cluster, grace_s
        self.answers = cluster.watch("probe")
        self.waiting: dict[int, simpy.Event] = {}
        self.of: dict[int, Health] = {}
        self.kubelet_since: dict[int, float] = {}

    def probes(self, c: Container) -> list[tuple[Ask, Probe]]:
        probes: Probes = self.cluster.service(c.service).probes
        found = [
            (Ask.STARTUP, probes.startup),
            (Ask.READINESS, probes.readiness),
            (Ask.LIVENESS, probes.liveness),
        ]
        return [(kind, probe) for kind, probe in found if probe is not None]

    # ---- lives of containers ----
    def adopt(self, c: Container) -> None:
        """A container that ran before the run began: probed and well, at some phase."""
        health = self.of[c.id] = Health(c.run, started=True, ready=c.ready)
        for kind, probe in self.probes(c):
            health.tallies[kind] = Tally(True, 1)
            phase = self.cluster.random(f"probe/{c.service}") * probe.period
            self.spawn(c, health, kind, probe, self.cluster.clock.now + phase)
        self.settle(c, health)

    def admit(self, c: Container) -> None:
        """The pod comes to a kubelet (or its kubelet comes back): workers start, ask and tick."""
        health = self.of.setdefault(c.id, Health())
        health.workers += 1
        since = self.kubelet_since.get(c.server.id, 0.0)
        for kind, probe in self.probes(c):
            u = self.cluster.random(f"probe/{c.service}")
            first = first_tick(self.cluster.clock.now, since, probe.period, u)
            self.spawn(c, health, kind, probe, first)

    def started(self, c: Container) -> None:
        """A new process: all results are the initial ones again."""
        health = self.of.setdefault(c.id, Health())
        kinds = [kind for kind, _ in self.probes(c)]
        health.run = c.run
        health.started = Ask.STARTUP not in kinds
        health.ready = Ask.READINESS not in kinds or INITIAL[Ask.READINESS] is True
        health.tallies.clear()
        health.hold.clear()
        self.settle(c, health)

    def settle(self, c: Container, health: Health) -> None:
        self.cluster.set_ready(c, c.alive and health.started and health.ready)

    # ---- workers ----
    def spawn(self, c: Container, health: Health, kind: Ask, probe: Probe, first: float) -> None:
        self.cluster.clock.loop(self.work(c, health, kind, probe, first))

    def work(self, c: Container, health: Health, kind: Ask, probe: Probe, first: float) -> Loop:
        """One worker: a ticker with the phase it was born with, one probe at a time."""
        clock, generation, k = self.cluster.clock, health.workers, 0
        key = c.id * 8 + kind * 2
        while True:
            yield clock.at(first + k * probe.period, Rank.PROBE, key)
            if self.of.get(c.id) is not health or health.workers != generation:
                return
            k += 1
            age = clock.now - c.started_s
            if c.run != health.run or not c.alive or kind in health.hold:
                continue
            if not asks(kind, health.started, c.deleting, age, probe.initial_delay):
                continue
            run = c.run
            answer = self.ask(c, probe.deep)
            yield answer | clock.after(probe.timeout, Rank.PROBE, key + 1)
            if c.run == run and c.alive and health.workers == generation:
                self.result(c, health, kind, probe, answer.triggered and bool(answer.value))
            k = max(k, int((clock.now - first) // probe.period))  # a slow probe skips ticks

    def ask(self, c: Container, deep: bool) -> simpy.Event:
        """An event that carries whether the container answered; it may never come."""
        asked = self.cluster.clock.event()
        self.waiting[self.cluster.plane.probe(c.id, deep)] = asked
        return asked

    def hand_out(self) -> Loop:
        """Who asked gets the answer."""
        while True:
            change = yield self.answers.get()
            asked = self.waiting.pop(change.probe, None)
            if asked is not None:
                asked.succeed(change.ok)

    def result(self, c: Container, health: Health, kind: Ask, probe: Probe, ok: bool) -> None:
        tally = health.tallies.get(kind, Tally())
        health.tallies[kind], published = counted(tally, ok, probe.success, probe.failure)
        if published is None:
            return
        if kind == Ask.READINESS:
            was, health.ready = health.ready, published
            if was and not published and not c.deleting:
                text = f"{c.name} failed {probe.failure} readiness probes in a row: no traffic"
                self.cluster.say("readiness", c.name, text)
                self.cluster.acted()
        elif published:
            health.started = True
        else:
            health.hold.add(kind)
            self.kill(c, kind, probe.failure)
        self.settle(c, health)

    def kill(self, c: Container, kind: Ask, failures: int) -> None:
        """SIGTERM now, SIGKILL after the grace period; self-healing starts it again."""
        stop = self.cluster.service(c.service).stop
        text = f"{c.name} failed {failures} {kind.name.lower()} probes in a row: killed"
        self.cluster.say(kind.name.lower(), c.name, text)
        self.cluster.acted()
        self.cluster.stop(c, self.grace_s if stop.grace is None else stop.grace, stop.pre_stop)
