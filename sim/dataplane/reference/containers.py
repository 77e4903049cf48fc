"""Who answers: one container's listen backlog, slots, CPU, memory; and the story of a request.

A killed handler is simply never resumed: the container takes back what it held, as an OS does.
So handlers have no try/finally and no interrupts, and `yield` names the stretch that follows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from sim.dataplane import draws
from sim.dataplane.arithmetic import INFINITY, draw, snap
from sim.dataplane.codes import SECOND, Kind, LawKind, Life, Note, Outcome, Stream
from sim.dataplane.profile import Law, Profile
from sim.dataplane.reference.postgres import Pool
from sim.dataplane.reference.stations import Cores, Station
from sim.dataplane.reference.work import Attempt, HealthProbe, Job, Work

if TYPE_CHECKING:
    from sim.dataplane.reference.plane import ReferencePlane

Handler = Generator[simpy.Event, Any, None]


class Hardware:
    """A server: cores, memory, and whether it has power."""

    def __init__(self, ident: int, cpu: Cores, memory: int, now: float) -> None:
        self.id, self.cpu, self.capacity = ident, cpu, memory
        self.alive = True
        self.since = now  # power on
        self.powered = 0.0  # seconds with power before that
        self.memory = 0
        self.noted = False  # SERVER_OOM was told

    def uptime(self, now: float) -> float:
        return self.powered + (now - self.since if self.alive else 0.0)


class Instance:
    """One address and the process that lives at it."""

    def __init__(
        self, plane: ReferencePlane, ident: int, profile: Profile, server: Hardware
    ) -> None:
        self.plane, self.id, self.server = plane, ident, server
        self.life = Life.EXITED
        self.hung = False
        self.station = Station(server.cpu, ident, profile.cpu_limit, profile.cpu_weight)
        server.cpu.stations.append(self.station)
        self.profile = profile
        self.pool = Pool(profile)
        self.inside: dict[int, Work] = {}  # in order of acceptance
        self.held = 0  # slots in use: requests or jobs, not probes of a worker
        self.backlog: deque[Work] = deque()  # of the kernel; then, accepted at once, its own queue
        self.unaccepted = 0  # the last so many of it came while it hung
        self.memory = self.extra = self.leaked = 0
        self.noted = False  # OOM was told
        self.open_at = INFINITY  # when the next start-up connection is due
        self.served = self.errors = 0
        self.dialled = 0  # attempts under way to it, as the balancer counts
        self.failures = 0  # in a row, as a proxy sees them
        self.locked = False  # the database refuses its password
        self.stuck = False  # a worker that never reconnected after the queue was away

    # ---- life ----
    @property
    def listening(self) -> bool:
        return self.life == Life.LISTENING

    def born(self, profile: Profile) -> None:
        """A fresh process: nothing inside, its base memory."""
        self.profile, self.pool = profile, Pool(profile)
        self.station.cap, self.station.weight = profile.cpu_limit, profile.cpu_weight
        self.station.frozen = self.hung = self.noted = self.stuck = False
        self.station.touch()
        self.leaked = self.extra = 0
        self.life = Life.STARTING
        self.grow(profile.memory_base)

    def died(self) -> list[Work]:
        """The process ends: give back CPU, memory and slots; return what was inside, in order."""
        inside = [*self.inside.values(), *self.backlog]
        self.inside, self.held = {}, 0
        self.backlog.clear()
        self.unaccepted = 0
        self.life = Life.EXITED
        self.open_at = INFINITY
        self.hung = self.station.frozen = False
        self.station.touch()
        # its own work; the queries in a database belong to others, whose connections must break
        self.station.drop(lambda work: work.container is self)
        self.grow(-self.memory)
        self.server.noted = False
        return inside

    # ---- admission ----
    def connections(self) -> int:
        """As the balancer counts: those that it is opening included (HAProxy's `served`)."""
        return self.held + len(self.backlog) + self.dialled

    def room(self) -> bool:
        """Would the kernel (or, accepting at once, the process) take one more connection?"""
        rules = self.profile
        if self.hung:
            return (self.unaccepted if rules.at_once else len(self.backlog)) < rules.backlog
        if self.held < rules.slots or (rules.at_once and not rules.shed):
            return True
        return len(self.backlog) < rules.backlog

    def sheds(self) -> bool:
        """Does it say 503 when there is no room? Who hangs says nothing."""
        return self.profile.shed and not self.hung

    def accept(self, work: Work) -> None:
        work.container = self
        if self.held < self.profile.slots and not self.hung:
            self.enter(work)
        else:
            self.backlog.append(work)
            self.unaccepted += self.hung

    def goes_on(self) -> None:
        """It hangs no more: what came meanwhile is accepted; checks beside the queue overtake."""
        self.unaccepted = 0
        if self.profile.probe_beside:
            for probe in [work for work in self.backlog if isinstance(work, HealthProbe)]:
                self.backlog.remove(probe)
                self.enter_beside(probe)

    def turned_away(self) -> list[Work]:
        """The listening socket is closed: those that the process has not accepted, in order."""
        kept = len(self.backlog) - self.unaccepted if self.profile.at_once else 0
        waiting = list(self.backlog)
        self.backlog, self.unaccepted = deque(waiting[:kept]), 0
        return waiting[kept:]

    def enter(self, work: Work) -> None:
        self.inside[work.id] = work
        self.held += 1
        self.grow(self.profile.memory_per_request)
        self.plane.env.process(
            self.probed(work) if isinstance(work, HealthProbe) else self.serve(work)
        )

    def leave(self, work: Work) -> None:
        """Its slot is free, and what it leaks stays."""
        del self.inside[work.id]
        self.held -= 1
        if self.profile.leak_per_request:
            self.leaked += self.profile.leak_per_request
        self.grow(self.profile.leak_per_request - self.profile.memory_per_request)

    def move_up(self) -> None:
        """The backlog moves up; late in its caller, since it starts a process."""
        while self.backlog and self.held < self.profile.slots and not self.hung:
            work = self.backlog.popleft()
            gone = isinstance(work, Attempt) and work.abandoned and self.profile.cancel
            if not gone:
                self.enter(work)
        self.drained()

    def drained(self) -> None:
        """The last one left a draining container; the control plane ends the process."""
        if self.life == Life.DRAINING and not self.inside and not self.backlog:
            self.life = Life.DRAINED
            self.plane.note(Note.DRAINED, self.id)

    # ---- memory ----
    def grow(self, by: int) -> None:
        if by == 0:
            return
        self.memory += by
        self.server.memory += by
        limit = self.profile.memory_limit
        if limit and self.memory > limit and not self.noted:
            self.noted = True
            self.plane.note(Note.OOM, self.id)
        elif self.server.memory > self.server.capacity and not self.server.noted:
            self.server.noted = True
            self.plane.note(Note.SERVER_OOM, self.server.id)

    # ---- work ----
    def demand(self, law: Law, stream: int, ident: int) -> float:
        seed = self.plane.seed
        u1 = draws.u(seed, stream, ident)
        u2 = draws.u(seed, stream + SECOND, ident) if law.kind == LawKind.LOGNORMAL else 0.5
        return snap(draw(law.kind, law.mean, law.cv, u1, u2), self.plane.lattice)

    def serve(self, work: Work) -> Handler:
        """The story of a request: CPU, perhaps an error, database, perhaps a job, the answer."""
        assert isinstance(work, Attempt)
        profile, plane = self.profile, self.plane
        yield self.station.join(work, self.demand(profile.cpu, Stream.CPU, work.request))
        # -> cpu_done
        if work.abandoned and profile.cancel:
            self.answer(work, Outcome.CLIENT_TIMEOUT)
            return
        if (
            profile.error_rate > 0.0
            and draws.u(plane.seed, Stream.ERROR, work.id) < profile.error_rate
        ):
            self.answer(work, Outcome.HTTP_500)
            return
        if profile.query.mean > 0.0:
            demand = self.demand(profile.query, Stream.QUERY, work.request)
            code = yield from plane.postgres.use(work, demand)
            if code != Outcome.SUCCEEDED:
                self.answer(work, Outcome(code))
                return
        if profile.push_rate > 0.0 and plane.jobs.redis is not None:
            pushes = draws.u(plane.seed, Stream.PUSH, work.request) < profile.push_rate
            if pushes:
                code = yield from plane.jobs.push(work)
                if code != Outcome.SUCCEEDED:
                    self.answer(work, Outcome(code))
                    return
        self.answer(work, Outcome.SUCCEEDED)

    def answer(self, work: Attempt, outcome: Outcome) -> None:
        self.leave(work)
        self.served += 1
        self.errors += outcome != Outcome.SUCCEEDED
        self.plane.balancer.judge(work, self, outcome)
        self.plane.balancer.reply(work, outcome)
        self.move_up()
        self.plane.balancer.freed(self)  # after the backlog, or its queue would overtake it

    def probed(self, work: Work) -> Handler:
        """A health check takes a slot like any request; one beside the queue takes only CPU."""
        assert isinstance(work, HealthProbe)
        plane, profile = self.plane, self.profile
        yield self.station.join(work, profile.probe_cpu_s)  # -> cpu_done
        code = int(Outcome.SUCCEEDED)
        if work.deep:
            code = yield from plane.postgres.use(work, profile.probe_cpu_s)
        self.probe_ended(work)
        ok = code == Outcome.SUCCEEDED
        plane.note(Note.PROBE_OK if ok else Note.PROBE_FAILED, plane.probe_number(work))
        self.move_up()
        if self.probes_queue():
            plane.balancer.freed(self)

    def probe_ended(self, work: HealthProbe) -> None:
        del self.inside[work.id]
        if self.probes_queue():
            self.held -= 1
            self.grow(-self.profile.memory_per_request)

    def probes_queue(self) -> bool:
        """Do health checks wait their turn among requests?"""
        return self.profile.kind == Kind.HTTP and not self.profile.probe_beside

    def enter_beside(self, work: HealthProbe) -> None:
        """A command inside the container, or an answer beside the queue: no slot."""
        work.container = self
        self.inside[work.id] = work
        self.plane.env.process(self.probed(work))

    def work_job(self, job: Job) -> Handler:
        """The story of a job: CPU, the database, acknowledgement."""
        profile, plane = self.profile, self.plane
        yield self.station.join(
            job, self.demand(profile.cpu, Stream.JOB_CPU, job.id)
        )  # -> cpu_done
        if (
            profile.poison_rate > 0.0
            and draws.u(plane.seed, Stream.POISON, job.id) < profile.poison_rate
        ):
            plane.note(Note.POISONED, self.id)
            return  # the process is about to end with the job inside
        code = int(Outcome.SUCCEEDED)
        if profile.query.mean > 0.0:
            demand = self.demand(profile.query, Stream.JOB_QUERY, job.id)
            code = yield from plane.postgres.use(job, demand)
        self.leave(job)
        self.served += 1
        self.errors += code != Outcome.SUCCEEDED
        plane.jobs.finished(job, self, code == Outcome.SUCCEEDED)
        self.drained()
