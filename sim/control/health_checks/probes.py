"""Health checks: startup, readiness and liveness probes, as the kubelet's prober runs them.

Readiness gates traffic, liveness gates life. Rules and constants: shared facts, kubernetes
section 1 (kubernetes/kubernetes pkg/kubelet/prober/worker.go @00421113, prober_manager.go read). A
probe goes through the container's own queue, so that an overloaded process answers late and a hung
one never. Whenever the kubelet writes down that a started container is not ready (a process without
a startup probe has begun, a startup probe has passed, readiness has failed), it asks for readiness
at once as well (UpdatePodStatus, pull requests 98376 and 101738, since 1.21), and the period counts
from there (119089). Its syncs for other reasons, which ask as well, are left out.
Left out: probes over gRPC, and failures of the prober itself (which real kubelets throw away).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, NamedTuple

import simpy

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Clock, Loop, Rank, Wait
from sim.control.core.cluster import Cluster, Container
from sim.dataplane.codes import StandingPlace
from sim.dataplane.plane import RoundsSoFar, StandingCheck, standing_key
from sim.schema.stack import Probes, ProbeSpec, Service

GRACE = Fact(
    "pod.termination_grace", 30.0, "s",
    "a killed container has so long between SIGTERM and SIGKILL",
    "kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle terminationGracePeriodSeconds",
)  # fmt: skip


class ProbeKind(IntEnum):
    """The three probes of a container."""

    STARTUP = 0
    READINESS = 1
    LIVENESS = 2


# ---- rules ----
class Streak(NamedTuple):
    """Equal results in a row."""

    last: bool | None = None
    run: int = 0


def counted(streak: Streak, ok: bool, success: int, failure: int) -> tuple[Streak, bool | None]:
    """Count one result; (the new streak, the result if it is now published).

    Source: prober/worker.go doProbe: a result is published only after `success` (or `failure`)
    equal ones in a row; below that what was published stays; one other result starts anew."""
    run = streak.run + 1 if streak.last == ok else 1
    published = ok if run >= (success if ok else failure) else None
    return Streak(ok, run), published


def asks(
    kind: ProbeKind, started: bool, deleting: bool, age_s: float, initial_delay_s: float
) -> bool:
    """Does this tick send a probe?

    Source: prober/worker.go doProbe: whole seconds since the start count against the initial delay;
    nothing but the startup probe runs until that has succeeded, and it never again afterwards;
    while the pod is being deleted only readiness is asked."""
    if deleting and kind != ProbeKind.READINESS:
        return False
    if int(age_s) < initial_delay_s:
        return False
    return started != (kind == ProbeKind.STARTUP)


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
    reads: ClassVar[str] = "probes"  # of a service

    grace_s: float = constant(GRACE)

    def ends(self, service: Service) -> bool:
        return service.probes.liveness is not None

    def run(self, cluster: Cluster) -> Loop:
        prober = Prober(cluster, self.grace_s)
        changes = cluster.watch("created", "started", "removed", "server_up", "server_added")
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
class ContainerStatus:
    """What the kubelet knows of one container."""

    run: int = -1  # the process it is about
    started: bool = False  # no startup probe, or it has passed
    ready: bool = False  # no readiness probe, or its last published result
    workers: int = 0  # generation of workers: a rebooted kubelet starts others
    readiness: Worker | None = None  # who asks for it
    streaks: dict[ProbeKind, Streak] = field(default_factory=dict)
    hold: set[ProbeKind] = field(default_factory=set)  # until a new process appears
    parked: list[Worker] = field(default_factory=list)  # ... until which their ticks do nothing


class Prober:
    def __init__(self, cluster: Cluster, grace_s: float) -> None:
        self.cluster, self.grace_s = cluster, grace_s
        self.answers: deque[tuple[Worker, bool]] = deque()
        self.deadlines: dict[float, Deadlines] = {}
        self.of: dict[int, ContainerStatus] = {}
        self.kubelet_since: dict[int, float] = {}

    def probes(self, c: Container) -> list[tuple[ProbeKind, ProbeSpec]]:
        probes: Probes = self.cluster.service(c.service).probes
        written = [
            (ProbeKind.STARTUP, probes.startup),
            (ProbeKind.READINESS, probes.readiness),
            (ProbeKind.LIVENESS, probes.liveness),
        ]
        return [(kind, probe) for kind, probe in written if probe is not None]

    # ---- lives of containers ----
    def adopt(self, c: Container) -> None:
        """A container that ran before the run began: probed and well, at some phase."""
        status = self.of[c.id] = ContainerStatus(c.run, started=True, ready=c.ready)
        for kind, probe in self.probes(c):
            status.streaks[kind] = Streak(True, 1)
            phase = self.cluster.random(f"probe/{c.service}") * probe.period
            self.spawn(c, status, kind, probe, self.cluster.clock.now + phase).asleep = False
        self.settle(c, status)

    def admit(self, c: Container) -> None:
        """The pod comes to a kubelet (or its kubelet comes back): workers start, ask and tick."""
        status = self.of.setdefault(c.id, ContainerStatus())
        status.workers += 1
        since = self.kubelet_since.get(c.server.id, 0.0)
        for kind, probe in self.probes(c):
            u = self.cluster.random(f"probe/{c.service}")
            first = first_tick(self.cluster.clock.now, since, probe.period, u)
            self.spawn(c, status, kind, probe, first)

    def started(self, c: Container) -> None:
        """A new process: all results are the initial ones again."""
        status = self.of.setdefault(c.id, ContainerStatus())
        kinds = [kind for kind, _ in self.probes(c)]
        status.run = c.run
        status.started = ProbeKind.STARTUP not in kinds
        status.ready = ProbeKind.READINESS not in kinds  # else not before its first result
        status.streaks.clear()
        status.hold.clear()
        parked, status.parked = status.parked, []
        for worker in parked:
            worker.wait_anew()
        self.settle(c, status)
        self.written(status)

    def written(self, status: ContainerStatus) -> None:
        """The container's status is written down: what has started and is not ready is asked."""
        if status.started and not status.ready and status.readiness is not None:
            status.readiness.ask_now()

    def settle(self, c: Container, status: ContainerStatus) -> None:
        self.cluster.set_ready(c, c.alive and status.started and status.ready)

    # ---- workers ----
    def spawn(
        self, c: Container, status: ContainerStatus, kind: ProbeKind, probe: ProbeSpec, first: float
    ) -> Worker:
        worker = Worker(self, c, status, kind, probe, first)
        if kind == ProbeKind.READINESS:
            status.readiness = worker
        worker.wait()
        return worker

    def heard(self, worker: Worker, ok: bool) -> None:
        """Answers of one instant follow each other, and what each wakes comes before the next."""
        if not self.answers and worker.routine(ok):
            worker.next_tick(routine=True)  # wakes nobody: no order to keep
            return
        self.answers.append((worker, ok))
        if len(self.answers) == 1:
            self.cluster.clock.at_once(self.answer)

    def answer(self, _: simpy.Event) -> None:
        worker, ok = self.answers[0]
        worker.over(ok)
        self.answers.popleft()
        if self.answers:
            self.cluster.clock.at_once(self.answer)

    def until(self, timeout_s: float) -> Deadlines:
        """The deadlines of all probes with this timeout."""
        if timeout_s not in self.deadlines:
            self.deadlines[timeout_s] = Deadlines(self.cluster.clock, timeout_s)
        return self.deadlines[timeout_s]

    def result(
        self, c: Container, status: ContainerStatus, kind: ProbeKind, probe: ProbeSpec, ok: bool
    ) -> None:
        streak = status.streaks.get(kind, Streak())
        status.streaks[kind], published = counted(streak, ok, probe.success, probe.failure)
        if published is None:
            return
        before = (status.started, status.ready)
        if kind == ProbeKind.READINESS:
            was, status.ready = status.ready, published
            if was and not published and not c.deleting:
                text = f"{c.name} failed {probe.failure} readiness probes in a row: no traffic"
                self.cluster.say("readiness", c.name, text)
                self.cluster.acted()
        elif published:
            status.started = True
        else:
            status.hold.add(kind)
            self.kill(c, kind, probe.failure)
        self.settle(c, status)
        if (status.started, status.ready) != before:
            self.written(status)

    def kill(self, c: Container, kind: ProbeKind, failures: int) -> None:
        """SIGTERM now, SIGKILL after the grace period; self-healing starts it again."""
        stop = self.cluster.service(c.service).stop
        text = f"{c.name} failed {failures} {kind.name.lower()} probes in a row: killed"
        self.cluster.say(kind.name.lower(), c.name, text)
        self.cluster.acted()
        self.cluster.stop(c, self.grace_s if stop.grace is None else stop.grace, stop.pre_stop)


class Deadlines:
    """Time-outs of one length, in order as they were set: one timer stands for the first."""

    def __init__(self, clock: Clock, timeout_s: float) -> None:
        self.clock, self.timeout_s = clock, timeout_s
        self.waiting: deque[tuple[float, int, Worker]] = deque()  # until when, for which answer
        self.armed = False

    def add(self, worker: Worker) -> None:
        """The probe that it has just sent."""
        self.waiting.append((self.clock.now + self.timeout_s, worker.question, worker))
        if not self.armed:
            self.arm()

    def arm(self) -> None:
        self.armed = True
        at_s, _, worker = self.waiting[0]
        timer = self.clock.exactly(at_s, Rank.PROBE, worker.c.id, worker.part + 1)
        timer.callbacks.append(self.due)

    def due(self, _: simpy.Event) -> None:
        number, worker = self.waiting.popleft()[1:]
        worker.overdue(number)  # which may ask anew, and add that
        while self.waiting and self.waiting[0][2].question != self.waiting[0][1]:
            self.waiting.popleft()  # answered
        self.armed = False
        if self.waiting:
            self.arm()


class Worker:
    """One probe of one container: a ticker with the phase it was born with, one question at a time.

    Callbacks, where others are loops: thirty containers ask ten thousand times an hour."""

    __slots__ = (
        "again",
        "asleep",
        "c",
        "first",
        "generation",
        "k",
        "kind",
        "part",
        "probe",
        "prober",
        "question",
        "run",
        "status",
        "timer",
    )  # fmt: skip

    def __init__(
        self,
        prober: Prober,
        c: Container,
        status: ContainerStatus,
        kind: ProbeKind,
        probe: ProbeSpec,
        first: float,
    ) -> None:
        self.prober, self.c, self.status, self.kind, self.probe = prober, c, status, kind, probe
        self.first, self.generation, self.k = first, status.workers, 0
        self.part = 2 * kind  # of its ticks; the next one is its deadlines'
        self.run = 0  # the process that was asked
        self.question = -1  # number of the probe that has no answer yet
        self.again = False  # ask once more as soon as it has
        self.asleep = True  # until its first tick, which nothing brings forward
        self.timer: Wait | None = None

    def wait(self) -> None:
        """For its next tick."""
        at_s = self.first + self.k * self.probe.period
        self.timer = self.prober.cluster.clock.at(at_s, Rank.PROBE, self.c.id, self.part)
        self.timer.callbacks.append(self.tick)

    def ask_now(self) -> None:
        """Out of turn; its grid begins anew. Source: prober/worker.go run, manualTriggerCh, which
        holds one trigger while a question is open."""
        self.prober.cluster.recall(self.key)
        if self.question != -1:
            self.again = True
        elif not self.asleep and self.timer is not None:
            self.timer.cancel()
            self.first, self.k = self.prober.cluster.clock.now, 0
            self.tick()

    def wait_anew(self) -> None:
        """For the next tick of its grid: it had nothing to do for a while."""
        now = self.prober.cluster.clock.now
        self.k = int((now - self.first) // self.probe.period)
        if self.first + self.k * self.probe.period < now:
            self.k += 1
        self.wait()

    def tick(self, _: simpy.Event | None = None) -> None:
        c, status, cluster = self.c, self.status, self.prober.cluster
        if self.prober.of.get(c.id) is not status or status.workers != self.generation:
            return
        self.k += 1
        if self.kind == ProbeKind.STARTUP and status.started:
            status.parked.append(self)  # never asks again in the life of this process
            return
        age, delay = cluster.clock.now - c.started_s, self.probe.initial_delay
        idle = c.run != status.run or not c.alive or self.kind in status.hold
        if idle or not asks(self.kind, status.started, c.deleting, age, delay):
            self.wait()
            return
        self.run = c.run
        self.question = cluster.probe(c, self.answered, self.probe.deep)
        self.prober.until(self.probe.timeout).add(self)

    def answered(self, ok: bool) -> None:
        self.prober.heard(self, ok)

    def routine(self, ok: bool) -> bool:
        """One more pass of a process that is ready, and of this probe: `counted` would publish what
        is published, and nothing that anybody sees would change."""
        c, status, streak = self.c, self.status, self.status.streaks.get(self.kind)
        return (
            ok and c.ready and c.run == self.run and status.ready and status.started
            and streak is not None and streak.last is True and streak.run >= self.probe.success
        )  # fmt: skip

    def overdue(self, question: int) -> None:
        """An answer that comes later reaches nobody."""
        if self.question == question:
            self.prober.cluster.forget(question)
            self.over(False)

    def over(self, ok: bool) -> None:
        c, status = self.c, self.status
        if c.run == self.run and c.alive and status.workers == self.generation:
            self.prober.result(c, status, self.kind, self.probe, ok)
        self.next_tick()

    def next_tick(self, routine: bool = False) -> None:
        """Wait anew; a slow probe skips ticks. After a routine answer the next question may be left
        to the data plane."""
        self.question = -1
        if self.again:
            self.again = False
            self.first, self.k = self.prober.cluster.clock.now, 0
            self.tick()
            return
        now = self.prober.cluster.clock.now
        self.k = max(self.k, int((now - self.first) // self.probe.period))
        if not (routine and self.stands()):
            self.wait()

    # ---- the same, asked by the data plane ----
    def stands(self) -> bool:
        """Does the next question need nobody? It will be asked as long as no change concerns the
        container, and its answer means nothing as long as it is that of a routine. (So it is no
        startup probe, none that is held, and none of a kubelet before.)"""
        c, status, prober = self.c, self.status, self.prober
        if c.run != status.run or not c.alive or c.deleting:
            return False
        now = prober.cluster.clock.now
        due = now + max(0.0, self.first + self.k * self.probe.period - now)  # as `Clock.at`
        if due <= now:
            return False
        check = StandingCheck(
            self.key,
            self.probe.deep,
            self.first,
            self.probe.period,
            self.probe.timeout,
            self.k,
            due,
        )
        return prober.cluster.stand(check, self.recalled)

    @property
    def key(self) -> int:
        """Readiness before liveness, as their parts."""
        ready = self.kind == ProbeKind.READINESS
        place = StandingPlace.READINESS if ready else StandingPlace.LIVENESS
        return standing_key(self.c.id, place)

    def recalled(self, standing: RoundsSoFar) -> None:
        """Where the data plane has got to: from here on as ever."""
        self.k, clock = standing.k, self.prober.cluster.clock
        if standing.probe < 0:
            self.timer = clock.exactly(standing.due_s, Rank.PROBE, self.c.id, self.part)
            self.timer.callbacks.append(self.tick)
            return
        self.question = standing.probe
        self.prober.cluster.awaits(standing.probe, self.answered)
        at_s = standing.asked_s + self.probe.timeout
        deadline = clock.exactly(at_s, Rank.PROBE, self.c.id, self.part + 1)
        deadline.callbacks.append(lambda _: self.overdue(standing.probe))
