"""Who answers: one container's listen backlog, slots, CPU, memory; and the story of a request.

A killed handler is simply never resumed: the container takes back what it held, as an OS does.
So handlers have no try/finally and no interrupts, and `yield` names the stretch that follows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import simpy

from sim.dataplane import draws
from sim.dataplane.arithmetic import INFINITY, draw, snap
from sim.dataplane.codes import (
    BRANCH_BASE,
    FORSAKEN,
    HIT,
    PROBE_BASE,
    SECOND,
    Cancel,
    Does,
    Due,
    Kind,
    LawKind,
    Life,
    Note,
    Outcome,
)
from sim.dataplane.profile import Law, StoryStep
from sim.dataplane.reference.clients import Caller
from sim.dataplane.reference.network import again_after
from sim.dataplane.reference.postgres import Pool, thaw
from sim.dataplane.reference.stations import Cores, Station
from sim.dataplane.reference.stores import across
from sim.dataplane.reference.timing import DueTimer
from sim.dataplane.reference.work import Attempt, Branch, Call, HealthProbe, Job, Work
from sim.dataplane.story import callers, pools, probed, salt, starts_at_once, stories, streams
from sim.dataplane.tables import ContainerGauge

if TYPE_CHECKING:
    from sim.dataplane.reference.jobs import JobQueue
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
        self.watched = 0  # bytes: above them SHORT is told; 0: nobody watches
        self.segment = 0  # of the network

    def uptime(self, now: float) -> float:
        return self.powered + (now - self.since if self.alive else 0.0)


class Instance:
    """One address and the process that lives at it."""

    def __init__(self, plane: ReferencePlane, ident: int, version: int, server: Hardware) -> None:
        self.plane, self.id, self.server = plane, ident, server
        profile, self.version = plane.profiles[version], version
        self.life = Life.EXITED
        self.starts = 0  # processes that it has had
        self.hung = False
        self.station = Station(server.cpu, ident, profile.cpu_limit, profile.cpu_weight)
        server.cpu.stations.append(self.station)
        self.profile = profile
        self.callers: dict[StoryStep, Caller] = {}
        self.unused: list[float] = []  # idle connections of a proxy to it: since when
        self.tell()
        self.pools = self.new_pools()
        self.inside: dict[int, Work] = {}  # in order of acceptance
        self.held = 0  # slots in use: requests or jobs, not probes of a worker
        self.backlog: deque[Work] = deque()  # of the kernel; then, accepted at once, its own queue
        self.unaccepted = 0  # the last so many of it came while it hung
        self.memory = self.extra = 0
        self.noted = False  # OOM was told
        self.open_at = INFINITY  # when the next start-up connection is due
        self.served = self.errors = 0
        self.balancer = plane.balancers[0]  # that listed it last
        self.dialled = 0  # attempts under way to it, as the balancer counts
        self.failures = 0  # in a row, as a proxy sees them
        self.locked = False  # the database refuses its password
        self.stuck = False  # a worker that never reconnected after the queue was away
        self.away = False  # ... that the network has cut off from its queue

    # ---- life ----
    @property
    def listening(self) -> bool:
        return self.life == Life.LISTENING

    def born(self, version: int) -> None:
        """A fresh process: nothing inside, its base memory."""
        profile = self.plane.profiles[version]
        self.profile, self.version = profile, version
        self.starts += 1
        self.callers, self.unused = {}, []
        self.tell()
        self.pools = self.new_pools()
        self.station.cap, self.station.weight = profile.cpu_limit, profile.cpu_weight
        self.station.frozen = self.hung = self.noted = self.stuck = False
        self.station.touch()
        self.extra = 0
        self.life = Life.STARTING
        self.grow(profile.memory_base)

    def tell(self) -> None:
        """The stories that its process runs, and who asks in them: who asked before goes on."""
        self.stories = stories(self.profile)
        self.callers |= {
            step: Caller(self.plane, step.client, step.target, step.client.most_tokens)
            for step in callers(self.profile)
            if step not in self.callers
        }

    @property
    def queue(self) -> JobQueue:
        """That it plays, or takes from, if it is or has one."""
        return self.plane.queues[self.profile.number]

    def new_pools(self) -> list[Pool]:
        databases = self.plane.databases
        return [Pool(rules, databases[rules.database]) for rules in pools(self.profile)]

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

    def gauge(self) -> ContainerGauge:
        return ContainerGauge(
            inside=self.held,
            waiting=len(self.backlog),
            busy_s=self.station.busy_now(self.plane.now),
            memory=self.memory,
            served=self.served,
            errors=self.errors,
            connections=sum(pool.open for pool in self.pools),
        )

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
        self.begin(work)

    def leave(self, work: Work) -> None:
        """Its slot is free, and what it leaks stays."""
        del self.inside[work.id]
        self.held -= 1
        self.grow(self.profile.leak_per_request - self.profile.memory_per_request)

    def move_up(self) -> None:
        """The backlog moves up; late in its caller, since it starts a process."""
        while self.backlog and self.held < self.profile.slots and not self.hung:
            work = self.backlog.popleft()
            if isinstance(work, Job):
                work.begun = True
            if not self.forsaken(work):
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
        if self.server.memory > self.server.watched > 0:
            self.server.watched = 0
            self.plane.note(Note.SHORT, self.server.id)

    # ---- work ----
    def demand(self, law: Law, stream: int, ident: int) -> float:
        seed = self.plane.seed
        u1 = draws.u(seed, stream, ident)
        u2 = draws.u(seed, stream + SECOND, ident) if law.kind == LawKind.LOGNORMAL else 0.5
        return snap(draw(law.kind, law.mean, law.cv, u1, u2), self.plane.lattice)

    def begin(self, work: Work) -> None:
        """Its handler starts. What does not begin on the cores waits its turn in the instant, since
        it may start others."""
        work.version = self.version
        asked = work.endpoint if isinstance(work, Attempt) else 0
        steps = self.stories[asked if asked < len(self.stories) else 0]
        if isinstance(work, HealthProbe):
            steps = probed(self.profile, work.deep)
        turn = None
        if not starts_at_once(steps):
            turn = self.plane.env.event()
            turn.succeed()
        self.plane.env.process(self.handle(work, steps, turn))

    def handle(self, work: Work, steps: tuple[StoryStep, ...], turn: simpy.Event | None) -> Handler:
        """The story of a request, a job or a health check: step by step to its end, or to the first
        that fails."""
        if turn is not None:
            yield turn  # -> begun
        at, code = 0, int(Outcome.SUCCEEDED)
        while at < len(steps):
            step = steps[at]
            at += 1
            if self.left_out(work, step):
                at += step.covers
                continue
            if step.does == Does.TOGETHER:
                code = yield from self.side_by_side(work, steps[at : at + step.covers])
                at += step.covers
            else:
                code = yield from self.take(work, step)
            if code == HIT:
                at, code = at + step.covers, int(Outcome.SUCCEEDED)
                continue
            takes_time = step.does in (Does.CPU, Does.WAIT, Does.CALL, Does.TOGETHER)
            if code == FORSAKEN or (takes_time and self.forsaken(work)):
                code = int(Outcome.CLIENT_TIMEOUT)
                break
            if code != Outcome.SUCCEEDED and not step.ignore:
                break
            code = int(Outcome.SUCCEEDED)
        if isinstance(work, Job):
            links, queue = self.plane.links, self.queue
            redis = queue.redis.server if queue.redis is not None else None
            while links.loses(work, links.loss(self.server, redis)):
                yield self.pass_time(work, again_after(work))  # -> told
        self.ended(work, code)

    def left_out(self, work: Work, step: StoryStep) -> bool:
        who = work.tried if step.does == Does.FAIL else work.visit
        if step.share >= 1.0:
            return False
        return draws.u(self.plane.seed, streams(step, self.profile.kind)[0], who) >= step.share

    def forsaken(self, work: Work) -> bool:
        """Has its client left, and does this version look?"""
        return self.profile.cancel > 0 and work.unwanted

    def cancelled(self, work: Work) -> bool:
        """... and does it wait for nothing that it asked others for?"""
        return self.forsaken(work) and self.profile.cancel == Cancel.TREE

    def left(self, work: Work) -> None:
        """What it has asked for ends, too."""
        if not work.unwanted or self.hung:
            return
        for each in (work, *work.branches):
            if each.call is not None and each.caller is not None:
                each.caller.cancel(each.call)

    def side_by_side(
        self, work: Work, steps: tuple[StoryStep, ...]
    ) -> Generator[simpy.Event, Any, int]:
        """It goes on when the last has ended, or the first has failed: the others then end in vain,
        or are left as what was asked further down by a request whose client has left."""
        plane = self.plane
        work.wake = plane.env.event()
        until = work.until if isinstance(work, Attempt) else INFINITY
        ends = [at for at, step in enumerate(steps) if step.does == Does.END]
        for begin, end in pairwise([-1, *ends]):
            plane.branches += 1
            number = BRANCH_BASE + plane.branches
            branch = Branch(number, work.visit, work.tried, self, until=until, parent=work)
            branch.version = work.version
            work.branches.append(branch)
            self.inside[number] = branch
            turn = plane.env.event()
            turn.succeed()
            plane.env.process(self.handle(branch, steps[begin + 1 : end], turn))
        code: int = yield work.wake  # -> stepped
        return code

    def branch_ended(self, branch: Branch, code: int) -> None:
        parent = branch.parent
        del self.inside[branch.id]
        if branch in parent.branches:
            parent.branches.remove(branch)
            if code != Outcome.SUCCEEDED or not parent.branches:
                others, parent.branches = parent.branches, []
                parent.resume(code)
                for other in others if self.profile.cancel == Cancel.TREE else ():
                    self.left(other)
        self.drained()

    def take(self, work: Work, step: StoryStep) -> Generator[simpy.Event, Any, int]:
        """One step; its outcome."""
        plane, does = self.plane, step.does
        if does == Does.FAIL:
            return Outcome.HTTP_500
        if does == Does.POISON:
            plane.note(Note.POISONED, self.id)
            yield plane.env.event()  # the process is about to end with the work inside
        if does == Does.CALL:
            return (yield from self.ask(work, step))
        if does == Does.PUSH:
            return (yield from across(self, work, step, plane.queues[step.target]))
        if does == Does.CACHE:
            return (yield from across(self, work, step, plane.caches[step.target]))
        if does == Does.FILL:
            plane.caches[step.target].fill(step, work)
            return Outcome.SUCCEEDED
        who = work.tried if step.by_try else work.visit
        amount = self.demand(step.law, streams(step, self.profile.kind)[1], who)
        if does == Does.QUERY:
            pool = next(pool for pool in self.pools if pool.rules.database == step.target)
            return (yield from pool.database.use(work, amount, pool))
        if does == Does.WAIT:
            yield self.pass_time(work, amount)  # -> passed
            yield from thaw(work)
        else:
            yield self.station.join(work, amount)  # -> cpu_done
        return Outcome.SUCCEEDED

    def ask(self, work: Work, step: StoryStep) -> Generator[simpy.Event, Any, int]:
        plane, mark = self.plane, salt(step)
        plane.calls += 1
        visit, tried = draws.child(work.visit, mark), draws.child(work.tried, mark)
        work.caller = self.callers[step]
        work.call = Call(plane.calls, visit, tried, work, endpoint=step.endpoint)
        edge = plane.edges[work.version][step]
        outcome = yield from work.caller.ask(work.call, edge)  # -> called
        work.call = None
        return outcome

    def pass_time(self, work: Work, seconds: float) -> simpy.Event:
        env = self.plane.env

        def passed(_: int) -> None:
            if work.passing and work.timer_at == env.now:
                work.passing, work.timer_at = False, INFINITY
                work.resume(0)

        work.passing, work.timer_at, work.wake = True, env.now + seconds, env.event()
        DueTimer(env, seconds, Due.PASSED, work.id, passed)
        return work.wake

    def ended(self, work: Work, code: int) -> None:
        """What an end means: an answer, a job that is done or not, a probe's result."""
        if isinstance(work, Attempt):
            self.answer(work, Outcome(code))
        elif isinstance(work, HealthProbe):
            self.probe_ended(work, code == Outcome.SUCCEEDED)
        elif isinstance(work, Branch):
            self.branch_ended(work, code)
        elif isinstance(work, Job):
            self.leave(work)
            self.served += 1
            self.errors += code != Outcome.SUCCEEDED
            self.queue.finished(work, self, code == Outcome.SUCCEEDED)
            self.drained()

    def answer(self, work: Attempt, outcome: Outcome) -> None:
        self.leave(work)
        self.served += 1
        self.errors += outcome != Outcome.SUCCEEDED
        work.balancer.answer(work, self, outcome)
        self.move_up()
        self.balancer.freed(self)  # after the backlog, or its queue would overtake it

    def probe_ended(self, work: HealthProbe, ok: bool) -> None:
        """A health check takes a slot like any request; one beside the queue takes only CPU."""
        plane = self.plane
        del self.inside[work.id]
        if self.probes_queue():
            self.held -= 1
            self.grow(-self.profile.memory_per_request)
        plane.note(Note.PROBE_OK if ok else Note.PROBE_FAILED, work.id - PROBE_BASE)
        self.move_up()
        if self.probes_queue():
            self.balancer.freed(self)

    def probes_queue(self) -> bool:
        """Do health checks wait their turn among requests?"""
        return self.profile.kind == Kind.HTTP and not self.profile.probe_beside

    def enter_beside(self, work: HealthProbe) -> None:
        """A command inside the container, or an answer beside the queue: no slot."""
        work.container = self
        self.inside[work.id] = work
        self.begin(work)
