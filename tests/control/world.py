"""A small control plane for tests: a data plane that only answers, and a cluster around it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sim.control.core.clock import Clock
from sim.control.core.cluster import Cluster, Container
from sim.dataplane.codes import Note
from sim.dataplane.plane import Notice, StandingCheck
from sim.dataplane.profile import Profile
from sim.dataplane.tables import ContainerGauge, PlaneGauge
from sim.platforms.kubernetes import PLATFORM
from sim.platforms.platform import Platform
from sim.schema.scenario import Version
from sim.schema.stack import Stack

EMPTY = Platform(*[None] * 10)
MANAGED = replace(PLATFORM, autoscaling=None)  # what most tests leave still


class FakePlane:
    """Answers probes at once unless told otherwise; uses CPU as told; drains at once."""

    stirred = True

    def __init__(self) -> None:
        self.now = 0.0
        self.notices: list[Notice] = []
        self.silent: set[int] = set()  # containers that do not answer
        self.refusing: set[int] = set()
        self.listening: set[int] = set()
        self.dead: set[int] = set()  # servers
        self.home: list[int] = []  # server of each container
        self.servers = self.probes = 0
        self.cpu: Callable[[int, float], float] = lambda _container, _now: 0.0
        self.answered: Callable[[int, float], int] = lambda _container, _now: 0
        self.queued = 0
        self.arrived: Callable[[float], int] = lambda _now: 0  # requests of users so far
        self.in_flight = 0
        self.listed: dict[int, tuple[int, ...]] = {}  # of each service that is asked
        self.published: list[tuple[float, tuple[int, ...]]] = []
        self.probed: list[tuple[float, int, bool]] = []

    def advance(self, until: float) -> tuple[float, list[Notice]]:
        told, self.notices = self.notices, []
        if not told:
            self.now = until
        return self.now, told

    def stands_until(self, _: float) -> float:
        return self.now  # its CPU may be any function of time

    def tell(self, note: Note, ident: int) -> None:
        self.notices.append(Notice(self.now, note, ident))

    def add_server(self, cores: float, memory: int) -> int:
        self.servers += 1
        return self.servers - 1

    def server_down(self, server: int) -> None:
        self.dead.add(server)
        self.listening -= {c for c, s in enumerate(self.home) if s == server}

    def forget(self, probe: int) -> None: ...

    def place(self, server: int, segment: int) -> None: ...

    def server_memory(self, server: int) -> int:
        return 0

    def watch_memory(self, server: int, above: int) -> None: ...

    def stand(self, check: StandingCheck) -> bool:
        return False

    def server_up(self, server: int) -> None:
        self.dead.discard(server)

    def add_profile(self, profile: Profile) -> int:
        return 0

    def add_container(self, profile: int, server: int) -> int:
        self.home.append(server)
        return len(self.home) - 1

    def start(self, container: int, profile: int) -> None:
        self.listening.add(container)
        self.silent.discard(container)
        self.tell(Note.LISTENING, container)

    def drain(self, container: int) -> None:
        if container in self.listening:
            self.listening.discard(container)
            self.tell(Note.DRAINED, container)

    def exit(self, container: int, oom: bool = False) -> None:
        self.listening.discard(container)

    def hang(self, container: int) -> None:
        self.silent.add(container)

    def resume(self, container: int) -> None:
        self.silent.discard(container)

    def publish(self, backends: Any, via: int = -1, service: int = 0) -> None:
        if service == 0:
            self.published.append((self.now, tuple(backends)))
        self.listed[service] = tuple(backends)

    def set_routing(self, routing: Any, service: int = 0) -> None: ...

    def probe(self, container: int, deep: bool = False) -> int:
        number, self.probes = self.probes, self.probes + 1
        self.probed.append((self.now, container, deep))
        if self.home[container] in self.dead or container in self.silent:
            return number
        ok = container in self.listening and container not in self.refusing
        self.tell(Note.PROBE_OK if ok else Note.PROBE_FAILED, number)
        return number

    def gauge(self) -> PlaneGauge:
        return PlaneGauge(
            *(self.arrived(self.now), 0, 0, self.in_flight, 0, self.queued), *[0] * 7, 0.0
        )

    def container_gauge(self, container: int) -> ContainerGauge:
        served = self.answered(container, self.now)
        return ContainerGauge(0, 0, 0, served, 0, 0, self.cpu(container, self.now))


def stack_of(services: dict[str, dict[str, Any]], **servers: Any) -> Stack:
    """Services as in a stack file; roles by name (`api`, `worker`, `postgres`, `redis`)."""
    roles = {"api": "http"}
    full = {n: {"role": roles.get(n, n), "boot": 2.0, **s} for n, s in services.items()}
    return Stack.model_validate({"name": "test", "services": full, "servers": servers})


class World:
    """A cluster on a fake plane, with a platform's controllers running."""

    def __init__(self, stack: Stack, platform: Platform = MANAGED, servers: int = 3) -> None:
        self.plane = FakePlane()
        empty = [f for f in platform.__dataclass_fields__ if getattr(platform, f) is None]
        self.cluster = Cluster(
            clock=Clock(),
            plane=self.plane,  # type: ignore[arg-type]
            stack=stack,
            seed=1,
            profile_of=lambda _service, _version: None,  # type: ignore[arg-type, return-value]
            host_ports=False,
            choices=platform,
            left_to_operator=frozenset(empty),
        )
        for _ in range(servers):
            self.cluster.add_server()
        for name, service in stack.services.items():
            self.cluster.versions[name] = Version(name="v1")
            self.cluster.desired[name] = service.replicas
            for _ in range(service.replicas):
                server = self.cluster.choose_server(name)
                if server is not None:
                    made = self.cluster.create(name, server)
                    self.cluster.start(made, warm=True)
                    self.cluster.set_ready(made, True)
        for name in platform.__dataclass_fields__:
            run = getattr(getattr(platform, name), "run", None)
            if run is not None:
                self.cluster.clock.loop(run(self.cluster))

    def until(self, t_s: float) -> None:
        """Run both planes to this instant, control events at it included."""
        env = self.cluster.clock.env
        while True:
            now, notices = self.plane.advance(min(float(env.peek()), t_s))
            self.cluster.clock.set(now)
            for notice in notices:
                self.cluster.notice(notice)
            if notices:
                self.cluster.clock.wake()
                continue
            if env.peek() > t_s:
                return
            self.cluster.step()

    def at(self, t_s: float) -> Cluster:
        self.until(t_s)
        return self.cluster

    def get(self, name: str) -> Container:
        return next(c for c in self.cluster.containers if c.name == name)

    def when(self, event: str, subject: str = "", after: float = 0.0) -> float:
        """The time of the first such line of the timeline."""
        rows = (r for r in self.cluster.timeline if r.event == event and r.t_s >= after)
        return next(r.t_s for r in rows if subject in r.subject)

    def phases(self, share: float) -> None:
        """Every loop begins so far into its period; every draw is this."""
        self.cluster.random = lambda _name: share  # type: ignore[method-assign]

    def uses(self, cores: float, *later: tuple[float, float]) -> None:
        """Every container uses so many cores, and from each of these seconds on so many."""
        pieces = [(0.0, cores), *later, (math.inf, 0.0)]
        self.plane.cpu = lambda _container, now: sum(
            level * (min(now, until) - since)
            for (since, level), (until, _) in itertools.pairwise(pieces)
            if since < now
        )

    def errs(self, share: float) -> None:
        """Who is ready answers ten requests a second; of the version v2 this share is an error."""

        def answers(ident: int) -> ContainerGauge:
            c = next(c for c in self.cluster.containers if c.id == ident)
            served = int(10 * (self.plane.now - c.ready_since_s)) if c.ready_since_s else 0
            bad = int(served * share) if c.version.name == "v2" else 0
            return ContainerGauge(0, 0, 0, served, bad, 0, 0.0)

        self.plane.container_gauge = answers  # type: ignore[method-assign]

    def told(self, text: str) -> list[float]:
        """When the timeline says so."""
        return [r.t_s for r in self.cluster.timeline if text in r.text]


def tracked(
    *busy: tuple[float, float],
    rules: Any,
    cores: float,
    replicas: int = 2,
    most: int = 9,
    reserved: float | None = 2.0,
) -> World:
    """An API whose target is half of what it reserves, and what nobody scales; a quarter into each
    period. The size that is wanted changes, the number of containers does not."""
    scaling = {"min": 1, "max": most, "cpu": 0.5}
    api = {"replicas": replicas, "cpu": {"request": reserved}, "scaling": scaling}
    stack = stack_of({"api": api, "other": {"role": "http"}}, machine={"cores": 99.0})
    world = World(stack, replace(EMPTY, autoscaling=rules))
    world.phases(0.25)
    world.uses(cores, *busy)
    return world


def steps(world: World) -> list[tuple[float, int]]:
    """When an autoscaler changed the number of replicas, and to what."""
    rows = [r for r in world.cluster.timeline if r.event == "autoscaling"]
    return [(r.t_s, int(r.text.split(" to ")[1].split()[0].rstrip(":"))) for r in rows]
