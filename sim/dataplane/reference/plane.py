"""The reference engine: the verbs of dataplane/plane.py over the processes of this folder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple

import simpy

from sim.dataplane.codes import (
    MOST_CACHES,
    MOST_DATABASES,
    MOST_QUEUES,
    MOST_SERVICES,
    OF_USERS,
    PROBE_BASE,
    Kind,
    Life,
    Note,
    Outcome,
)
from sim.dataplane.plane import Notice, RoundsSoFar, StandingCheck
from sim.dataplane.profile import Arrivals, Law, Profile, Routing, StoryStep, Workload
from sim.dataplane.reference import balancers, probes, proxy, readings
from sim.dataplane.reference.caches import Cache
from sim.dataplane.reference.clients import CallTally, Clients, Edge
from sim.dataplane.reference.containers import Hardware, Instance
from sim.dataplane.reference.counters import Counters
from sim.dataplane.reference.durable import crashed, promoted, recover, wiped
from sim.dataplane.reference.first_connections import open_next
from sim.dataplane.reference.gates import Gates
from sim.dataplane.reference.jobs import JobQueue
from sim.dataplane.reference.leases import fell_silent, heard_again, orphaned
from sim.dataplane.reference.network import Links, rewire
from sim.dataplane.reference.postgres import Postgres, client_died, closes, play
from sim.dataplane.reference.sessions import strand, told
from sim.dataplane.reference.stations import Cores, Settling
from sim.dataplane.reference.timing import TIMED
from sim.dataplane.reference.work import Attempt, HealthProbe, Job, Work
from sim.dataplane.simpy_inside import queue_of, set_now
from sim.dataplane.story import callers, pools
from sim.dataplane.tables import (
    Books,
    CacheGauge,
    CallGauge,
    ContainerGauge,
    DatabaseGauge,
    PlaneGauge,
    QueueGauge,
    Recording,
    Samples,
    ServiceGauge,
)


class ReferencePlane:
    """One process a request. See dataplane/plane.py for what each verb means."""

    def __init__(self, workload: Workload) -> None:
        self.env = simpy.Environment()
        self.queue = queue_of(self.env)
        self.seed, self.lattice = workload.seed, workload.lattice_s
        self.recorder = Counters(workload)
        self.sampler = Samples(workload.horizon_s, workload.bucket_s, workload.services)
        self.settling = Settling(self.env)
        self.profiles: list[Profile] = []
        self.servers: list[Hardware] = []
        self.containers: list[Instance] = []
        self.notices: list[Notice] = []
        self.probes = 0
        self.dialling: dict[int, HealthProbe] = {}  # whose SYN is sent again each second, by id
        self.stirred = True
        self.balancers = [balancers.Balancer(self, n, Routing()) for n in range(MOST_SERVICES)]
        self.balancers[0].routing = workload.routing.in_effect
        self.under_way: dict[int, Attempt] = {}  # attempts on their way to a container, in order
        self.databases = [Postgres(self) for _ in range(MOST_DATABASES)]
        self.known = 0  # one more than the highest number of a database, queue or cache
        self.ghosts = 0  # groups of connections whose host vanished
        self.queues = [JobQueue(self) for _ in range(MOST_QUEUES)]
        self.caches = [Cache(self, number) for number in range(MOST_CACHES)]
        self.workers: list[Instance] = []
        self.pushes = self.copies_made = self.backlog_peak = 0
        self.tallies = [CallTally() for _ in range(MOST_SERVICES)]
        self.edges: list[dict[StoryStep, Edge]] = []  # of each version: of its calling steps
        self.calls = self.branches = 0  # of services; steps that began side by side with others
        self.links = Links(self.seed, self.lattice)
        self.gates = Gates(self.seed, self.links)
        self.clients = Clients(self, workload)

    # ---- time ----
    @property
    def now(self) -> float:
        return float(self.env.now)

    def note(self, note: Note, ident: int) -> None:
        self.notices.append(Notice(self.now, note, ident))

    def advance(self, until: float) -> tuple[float, list[Notice]]:
        env, now = self.env, -math.inf
        while not self.notices and now < until:
            stop = min(until, self.sampler.due_s)
            while not self.notices and env.peek() <= stop:
                env.step()
                self.follow_through()
            if not self.notices:
                set_now(env, stop)
                now = stop
                if stop < until:
                    self.sampler.shown(self, stop)
                    self.sampler.taken += 1
        notices, self.notices, self.stirred = self.notices, [], False
        return self.now, notices

    def follow_through(self) -> None:
        """Finish the instant: all that follows at once, then the CPU shares settle."""
        env, queue, self.stirred = self.env, self.queue, True
        while queue and queue[0][0] == env.now and queue[0][1] < TIMED:
            env.step()

    # ---- machines ----
    def add_server(self, cores: float, memory: int) -> int:
        cpu = Cores(self.env, cores, self.settling)
        self.servers.append(Hardware(len(self.servers), cpu, memory, self.now))
        return len(self.servers) - 1

    def server_down(self, server: int) -> None:
        machine = self.servers[server]
        if not machine.alive:
            return
        tenants = [c for c in self.containers if c.server is machine]
        for container in tenants:
            if container.life != Life.EXITED:
                self.end(container, Outcome.DROPPED_ON_KILL, silently=True)
                self.follow_through()  # or a wake-up would reach a container that dies next
        machine.powered = machine.uptime(self.now)
        machine.alive = False
        proxy.answers_lost(self, machine)
        proxy.gate_died(self, machine, silently=True)
        for container in tenants:  # what other hosts' clients run here stands still, unanswered
            container.station.frozen = True
            container.station.touch()
        self.follow_through()

    def server_up(self, server: int) -> None:
        machine = self.servers[server]
        if machine.alive:
            return
        machine.alive, machine.since = True, self.now
        for container in self.containers:
            if container.server is machine:
                container.station.frozen = False
                container.station.touch()
                database = self.database_of(container)
                if container is database.db:
                    database.reset()  # the kernel answers old connections with a reset
                told(container)
        self.follow_through()

    def place(self, server: int, segment: int) -> None:
        self.servers[server].segment = segment
        rewire(self)
        self.follow_through()

    def link(self, asking: int, asked: int, round_trip: Law) -> None:
        self.links.between[asking, asked] = round_trip

    def lose(self, sending: int, receiving: int, share: float) -> None:
        self.links.lossy[sending, receiving] = share
        rewire(self)
        self.follow_through()

    def set_gates(self, servers: Sequence[int], local: bool = False) -> None:
        self.gates.servers, self.gates.local = [self.servers[s] for s in servers], local

    def close_gate(self, server: int) -> None:
        proxy.gate_died(self, self.servers[server], silently=False)
        self.follow_through()

    def wipe(self, queue: int = 0) -> None:
        wiped(self.queues[queue])
        self.follow_through()

    def promote(self, queue: int, since_s: float) -> None:
        promoted(self.queues[queue], since_s)
        self.follow_through()

    def part(self, queue: int, other: int, segments: Sequence[int]) -> None:
        self.queues[queue].parted = self.queues[other], frozenset(segments)

    def strand(self, database: int) -> None:
        strand(self.databases[database])
        self.follow_through()

    def flush(self, cache: int) -> None:
        self.caches[cache].clear()
        self.follow_through()

    def enqueue(self, queue: int, jobs: int) -> None:
        self.queues[queue].enqueue(jobs)
        self.follow_through()

    # ---- containers ----
    def add_profile(self, profile: Profile) -> int:
        own = pools(profile)  # or it says what is wrong with it, or with its story
        self.known = max(self.known, profile.number + 1, *(rules.database + 1 for rules in own))
        self.profiles.append(profile)
        self.edges.append({step: Edge() for step in callers(profile)})
        return len(self.profiles) - 1

    def add_container(self, profile: int, server: int) -> int:
        ident = len(self.containers)
        made = Instance(self, ident, profile, self.servers[server])
        self.containers.append(made)
        kind = made.profile.kind
        if kind == Kind.DATABASE and self.database_of(made).db is None:
            self.database_of(made).db = made
        elif kind == Kind.QUEUE and made.queue.redis is None:
            made.queue.redis, made.queue.played = made, True
        elif kind == Kind.WORKER:
            self.workers.append(made)
        return ident

    def start(self, container: int, profile: int) -> None:
        c = self.containers[container]
        if c.life != Life.EXITED or not c.server.alive:
            return
        rules = self.profiles[profile]
        if rules.kind == Kind.DATABASE:
            play(c, self.database_of(c), self.databases[rules.number])
        elif rules.kind == Kind.QUEUE:
            recover(self.queues[rules.number])
            self.queues[rules.number].play(c)
        c.born(profile)
        if rules.kind == Kind.CACHE:
            self.caches[rules.number].start(c)
        rewire(self)
        open_next(self, c)
        self.follow_through()

    def database_of(self, c: Instance) -> Postgres:
        """That it plays, if it is one."""
        return self.databases[c.profile.number]

    def listen(self, c: Instance) -> None:
        c.life = Life.LISTENING
        self.note(Note.LISTENING, c.id)
        if c is self.database_of(c).db:
            self.database_of(c).at_limit()
        elif c is c.queue.redis:
            c.queue.hand_out()
        elif c.profile.kind == Kind.WORKER:
            c.queue.worker_up(c)
        else:
            c.balancer.freed(c)

    def drain(self, container: int) -> None:
        c = self.containers[container]
        if c.life != Life.LISTENING:
            return
        if c.profile.kind == Kind.WORKER:
            c.queue.worker_down(c)
        c.life = Life.DRAINING
        for work in c.turned_away():
            self.dropped(work, Outcome.DROPPED_ON_KILL)
        if c.profile.kind == Kind.WORKER:
            c.queue.hand_out()
        c.drained()
        self.follow_through()

    def exit(self, container: int, oom: bool = False) -> None:
        c = self.containers[container]
        if c.life != Life.EXITED:
            self.end(c, Outcome.OOM if oom else Outcome.DROPPED_ON_KILL, silently=False)
        self.follow_through()

    def end(self, c: Instance, why: Outcome, silently: bool) -> None:
        """A process ends. `silently`: its host lost power, so that nobody is told."""
        kind = c.profile.kind
        if kind == Kind.WORKER:
            c.queue.worker_down(c)
        for work in c.inside.values():
            work.forsake(silently)
        inside = c.died()
        client_died(c, inside, silently)
        if c is c.queue.redis:
            crashed(c.queue, host=silently)
        elif not silently:
            if c is self.database_of(c).db:
                self.database_of(c).reset()
            told(c)
        for work in inside:
            self.dropped(work, why, silently)
        if kind == Kind.PROXY:
            proxy.proxy_died(self, c, silently)
        elif kind == Kind.WORKER:
            c.queue.hand_out()

    def dropped(self, work: Work, why: Outcome, silently: bool = False) -> None:
        c = work.container
        assert c is not None
        if work.pushing is not None:
            work.pushing.push_lost(work)
        if isinstance(work, Job):
            orphaned(c.queue, work, c, silently)
        elif isinstance(work, Attempt):
            if not silently:
                work.balancer.dropped(work, why)
        elif isinstance(work, HealthProbe) and not silently:
            self.note(Note.PROBE_FAILED, work.id - PROBE_BASE)

    def hang(self, container: int) -> None:
        c = self.containers[container]
        if c.life == Life.EXITED or c.hung:
            return
        c.hung = c.station.frozen = True
        c.station.touch()
        if c.profile.kind == Kind.WORKER and not c.away:
            fell_silent(c.queue, c)
        self.follow_through()

    def resume(self, container: int) -> None:
        c = self.containers[container]
        if not c.hung:
            return
        c.hung = c.station.frozen = False
        c.station.touch()
        if c.profile.kind == Kind.WORKER and not c.away:
            heard_again(c.queue, c)
        for work in c.inside.values():
            if work.unwanted:
                balancers.leaves(work)
        c.goes_on()
        c.move_up()
        c.balancer.freed(c)  # the backlog may have emptied with nobody inside to pull the queue
        if c is c.queue.redis:
            c.queue.hand_out()
        if c is self.database_of(c).db:
            self.database_of(c).goes_on()
        proxy.proxy_goes_on(self, c)
        self.follow_through()

    def set_profile(self, container: int, profile: int) -> None:
        c, rules = self.containers[container], self.profiles[profile]
        if c.life == Life.EXITED or rules.kind != c.profile.kind:
            return
        if rules.kind == Kind.WORKER and c.queue.takes(c):
            c.queue.idle += rules.slots + rules.prefetch - c.profile.slots - c.profile.prefetch
        if rules.kind == Kind.DATABASE and rules.number != c.profile.number:
            play(c, self.database_of(c), self.databases[rules.number])
        elif self.database_of(c).db is c and closes(c.profile, rules):
            self.database_of(c).reset()
        elif c.profile.read_only and not rules.read_only:
            told(c)
        if rules.kind == Kind.QUEUE:
            self.queues[rules.number].play(c)
        elif rules.kind == Kind.CACHE:
            self.caches[rules.number].play(c)
        c.profile, c.version = rules, profile
        c.tell()
        for pool, made in zip(c.pools, pools(rules), strict=True):
            pool.rules, pool.size = made, made.size
        c.move_up()
        if rules.kind == Kind.QUEUE:
            rewire(self)
        if rules.kind in (Kind.WORKER, Kind.QUEUE):
            c.queue.hand_out()
        elif rules.kind == Kind.HTTP:
            c.balancer.freed(c)
        elif self.database_of(c).db is c:
            self.database_of(c).at_limit()
            self.database_of(c).unlock()
        self.follow_through()

    def lock_out(self, container: int, locked: bool) -> None:
        self.containers[container].locked = locked

    def set_cpu_limit(self, container: int, cores: float) -> None:
        station = self.containers[container].station
        station.cap = cores
        station.touch()
        self.follow_through()

    def set_extra_memory(self, container: int, extra: int) -> None:
        c = self.containers[container]
        if c.life != Life.EXITED:
            by, c.extra = extra - c.extra, extra
            c.grow(by)
            self.follow_through()

    def watch_memory(self, server: int, above: int) -> None:
        self.servers[server].watched = above

    # ---- what the balancer believes ----
    def publish(self, backends: Sequence[int], via: int = -1, service: int = 0) -> None:
        through = self.containers[via] if via >= 0 else None
        self.balancers[service].publish([self.containers[i] for i in backends], through)
        self.follow_through()

    def set_routing(self, routing: Routing, service: int = 0) -> None:
        self.balancers[service].set_routing(routing)
        self.follow_through()

    def set_arrivals(self, arrivals: Arrivals) -> None:
        self.clients.set_arrivals(arrivals)
        self.follow_through()

    def probe(self, container: int, deep: bool = False) -> int:
        number, self.probes = self.probes, self.probes + 1
        work = HealthProbe(PROBE_BASE + number, container=self.containers[container], deep=deep)
        probes.dial(self, work)
        self.follow_through()
        return number

    def forget(self, probe: int) -> None:
        self.dialling.pop(PROBE_BASE + probe, None)

    def stand(self, check: StandingCheck) -> bool:
        return False  # each question is one of the control plane's

    def recall(self, key: int) -> RoundsSoFar:
        raise LookupError(f"no check stands here, nor does {key}")

    def standing(self, probe: int) -> int:
        return -1

    # ---- observation ----
    def stands_until(self, least_s: float = 0.0) -> float:
        return self.now  # always right, and nobody waits for this engine

    @property
    def stood_s(self) -> float:
        return self.now

    def checks_use(self, container: int, within_s: float) -> float:
        return 0.0

    def gauge(self) -> PlaneGauge:
        return readings.gauge(self)

    def container_gauge(self, container: int) -> ContainerGauge:
        return self.containers[container].gauge()

    def server_memory(self, server: int) -> int:
        return self.servers[server].memory

    def service_gauge(self, service: int) -> ServiceGauge:
        return self.tallies[service].gauge()

    def call_gauges(self, profile: int) -> tuple[CallGauge, ...]:
        edges = self.clients.edges if profile == OF_USERS else self.edges[profile]
        return tuple(CallGauge(*astuple(edge)) for edge in edges.values())

    def database_gauge(self, database: int) -> DatabaseGauge:
        return self.databases[database].gauge()

    def queue_gauge(self, queue: int) -> QueueGauge:
        return self.queues[queue].gauge()

    def cache_gauge(self, cache: int) -> CacheGauge:
        return self.caches[cache].gauge()

    def jobs_queued(self) -> int:
        return sum(queue.queued() for queue in self.queues[: self.known])

    def books(self) -> Books:
        return readings.books(self)

    def samples(self) -> Samples:
        return self.sampler.shown(self, self.now)

    def recording(self) -> Recording:
        return self.recorder.recording()
