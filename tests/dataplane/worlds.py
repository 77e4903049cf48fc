"""Small worlds for the tests of the data plane, and the one loop that drives either engine.

A script is a list of steps (time, verb, arguments); ids are given out in order (0, 1, 2, ...), so
that a script can name what it has not made yet. `drive` is a control plane of a few lines: it acts
after the data plane at each instant, and reacts to notices as a restart policy would.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, NamedTuple

from sim.dataplane.codes import JobLoss, Kind, LawKind, Note, Outcome
from sim.dataplane.plane import DataPlane, Notice
from sim.dataplane.profile import Arrivals, Law, Profile, Workload
from sim.dataplane.tables import DONE, DUPLICATED, ENQUEUED, FIRST_CAUSE, FIRST_LOSS, Recording

GIB = 2**30


class Step(NamedTuple):
    """One verb of the control plane."""

    t_s: float
    verb: str
    args: tuple[Any, ...]


class World(NamedTuple):
    """All that a run needs. `restart_s[c]`: seconds from a notice to the container's next start
    (infinite: never); the driver looks at nothing else."""

    workload: Workload
    profiles: tuple[Profile, ...]
    script: tuple[Step, ...]
    restart_s: tuple[float, ...] = ()
    end_s: float = 0.0  # 0: the workload's horizon


@dataclass
class Run:
    """What a run told: its notices in order, what every verb returned, and the plane itself."""

    plane: DataPlane
    notices: list[Notice] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)

    @property
    def recording(self) -> Recording:
        return self.plane.recording()

    def causes(self) -> dict[Outcome, int]:
        return causes(self.recording)

    def jobs(self) -> dict[str, int]:
        return jobs(self.recording)

    def told(self, note: Note) -> list[tuple[float, int]]:
        return [(n.t_s, n.id) for n in self.notices if n.note == note]


# ---- laws and workloads ----
def constant(mean: float) -> Law:
    return Law(LawKind.CONSTANT, mean)


def exponential(mean: float) -> Law:
    return Law(LawKind.EXPONENTIAL, mean, 1.0)


def lognormal(mean: float, cv: float) -> Law:
    return Law(LawKind.LOGNORMAL, mean, cv)


def poisson(rate: float, end_s: float = math.inf) -> Arrivals:
    return Arrivals((0.0,), (rate,), (0.0,), end_s)


def at(*times: float) -> Arrivals:
    """Requests at exactly these instants."""
    import numpy as np

    return Arrivals(times_s=np.array(times, np.float64))


def world(
    workload: Workload,
    *profiles: Profile,
    cores: float | Sequence[float] = 64.0,
    on: Sequence[int] = (),
    script: Sequence[tuple[float, str, tuple[Any, ...]]] = (),
    via: int = -1,
    restart_s: tuple[float, ...] = (),
    end_s: float = 0.0,
) -> World:
    """One container of each profile, all started at 0; the balancer knows every HTTP container.
    Container i runs profile i on server on[i]; default: every container has a server to itself."""
    place = tuple(on) or tuple(range(len(profiles)))
    sizes = [cores] * (max(place) + 1) if isinstance(cores, float | int) else list(cores)
    steps = [Step(0.0, "add_server", (size, 2**50)) for size in sizes]
    steps += [Step(0.0, "add_container", (i, place[i])) for i in range(len(profiles))]
    # databases and queues first, so that whoever needs them at start finds them
    order = sorted(range(len(profiles)), key=lambda i: profiles[i].kind < Kind.DATABASE)
    backends = tuple(i for i, p in enumerate(profiles) if p.kind == Kind.HTTP)
    steps += [Step(0.0, "start", (i, i)) for i in order]
    steps.append(Step(0.0, "publish", (backends, via)))
    steps += [Step(*step) for step in script]
    return World(workload, profiles, tuple(steps), restart_s, end_s)


# ---- driving ----
class Driver:
    """A control plane of a few lines: the script, and a restart policy for what notices tell."""

    def __init__(self, plane: DataPlane, world: World) -> None:
        self.plane, self.world, self.run = plane, world, Run(plane)
        self.agenda: list[tuple[float, int, str, tuple[Any, ...]]] = []
        self.profile: list[int] = []  # of each container
        self.server: list[int] = []
        self.count = 0
        for profile in world.profiles:
            plane.add_profile(profile)
        for step in world.script:
            self.later(*step)

    def later(self, t_s: float, verb: str, args: tuple[Any, ...]) -> None:
        heappush(self.agenda, (t_s, self.count, verb, args))
        self.count += 1

    def act(self, verb: str, args: tuple[Any, ...]) -> None:
        if verb == "add_container":
            self.profile.append(args[0])
            self.server.append(args[1])
        elif verb == "start":
            self.profile[args[0]] = args[1]
        self.run.answers.append(getattr(self.plane, verb)(*args))

    def react(self, notice: Notice) -> None:
        """Kill what is out of memory or done; start it again after its delay."""
        if notice.note in (
            Note.LISTENING, Note.PROBE_OK, Note.PROBE_FAILED, Note.OUTLIER, Note.NONE_LISTED,
            Note.SHORT,
        ):  # fmt: skip
            return
        ident = notice.id
        if notice.note == Note.SERVER_OOM:
            here = [c for c, s in enumerate(self.server) if s == ident]
            ident = max(here, key=lambda c: (self.plane.container_gauge(c).memory, c))
        if ident >= len(self.world.restart_s):
            return
        oom = notice.note in (Note.OOM, Note.SERVER_OOM)
        self.act("exit", (ident, oom))
        delay = self.world.restart_s[ident]
        if delay < math.inf:
            self.later(notice.t_s + delay, "start", (ident, self.profile[ident]))

    def reach(self, until: float) -> float:
        """Advance to `until` or to the first notices, and react to them."""
        now, told = self.plane.advance(until)
        self.run.notices += told
        for notice in told:
            assert notice.t_s == now
            self.react(notice)
        return now if told else math.inf

    def go(self, ticks: Sequence[float], observe: Callable[[DataPlane], None] | None) -> Run:
        """Verbs in the order of the script; those at 0 set up the world before anybody comes.
        Ticks come last in their instant and do nothing."""
        while self.agenda and self.agenda[0][0] == 0.0:
            _, _, verb, args = heappop(self.agenda)
            self.act(verb, args)
        end = self.world.end_s or self.world.workload.horizon_s
        stops = [*sorted(t for t in ticks if t < end), end]
        for stop in stops:
            while True:
                verb_at = self.agenda[0][0] if self.agenda else math.inf
                if self.reach(min(verb_at, stop)) < math.inf:
                    continue
                if verb_at > stop:
                    break
                _, _, verb, args = heappop(self.agenda)
                self.act(verb, args)
            if observe is not None:
                observe(self.plane)
        return self.run


def drive(
    plane_class: Callable[[Workload], DataPlane],
    world: World,
    ticks: Sequence[float] = (),
    observe: Callable[[DataPlane], None] | None = None,
) -> Run:
    """Run the world to its end on a fresh plane. `observe` is called at every tick."""
    return Driver(plane_class(world.workload), world).go(ticks, observe)


# ---- reading ----
def latency(run: Run, arrived_s: float) -> float:
    """Of the requests that arrived in the bucket of this instant: the sum (one: its latency)."""
    recording = run.recording
    return float(recording.latency_sum[int(arrived_s / recording.bucket_s)])


def cause(run: Run, arrived_s: float) -> Outcome:
    """How the one request that arrived in the bucket of this instant ended."""
    recording = run.recording
    row = recording.requests[int(arrived_s / recording.bucket_s)]
    assert row[0] == 1
    if row[1]:
        return Outcome.SUCCEEDED
    ended = [Outcome(i + Outcome.REFUSED) for i, n in enumerate(row[FIRST_CAUSE:]) if n]
    return ended[0] if ended else Outcome.IN_FLIGHT


def ends(
    plane_class: Callable[[Workload], DataPlane], world: World, step_s: float = 1 / 64
) -> list[tuple[float, int, int]]:
    """(instant, succeeded, failed so far) at each instant on a grid at which one of them grew."""
    found: list[tuple[float, int, int]] = [(0.0, 0, 0)]

    def look(plane: DataPlane) -> None:
        gauge = plane.gauge()
        if (gauge.succeeded, gauge.failed) != found[-1][1:]:
            found.append((plane.now, gauge.succeeded, gauge.failed))

    end = world.end_s or world.workload.horizon_s
    drive(plane_class, world, [k * step_s for k in range(int(end / step_s) + 1)], look)
    return found[1:]


def causes(recording: Recording) -> dict[Outcome, int]:
    """How many requests ended how, without the zeros."""
    totals = recording.requests.sum(axis=0)
    found = {Outcome.SUCCEEDED: int(totals[1])}
    for outcome in list(Outcome)[2:]:
        found[outcome] = int(totals[FIRST_CAUSE + outcome - Outcome.REFUSED])
    return {outcome: n for outcome, n in found.items() if n}


def jobs(recording: Recording) -> dict[str, int]:
    """Jobs by what became of them, without the zeros."""
    totals = recording.jobs.sum(axis=0)
    found = {"enqueued": totals[ENQUEUED], "done": totals[DONE], "duplicated": totals[DUPLICATED]}
    found |= {loss.name.lower(): totals[FIRST_LOSS + loss] for loss in JobLoss}
    return {name: int(n) for name, n in found.items() if n}
