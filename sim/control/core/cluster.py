"""The one writer of cluster state and of the timeline.

Controllers meet here, as real ones meet in the API server or the Docker Engine: each reads the
records (world.py), waits for changes, and says what it wants in the verbs of containers
(containers.py), of disks (disks.py) and of all the rest (below). The verbs keep three things in
step: the records, the data plane, the timeline.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, Literal

from sim.control.core import oom
from sim.control.core.choices import Ranking, able
from sim.control.core.disks import Disks
from sim.control.core.records import (
    ALIVE,
    Address,
    Change,
    ChangeKind,
    Container,
    Front,
    NonsenseError,
    Pending,
    PortTakenError,
    Server,
    Split,
    State,
    Tallies,
    Trouble,
)
from sim.control.core.wires import emptiest, rewire, segment
from sim.dataplane.codes import Note
from sim.dataplane.plane import Notice
from sim.dataplane.profile import Arrivals, Routing
from sim.schema.scenario import Version

__all__ = [
    "Address", "Change", "ChangeKind", "Cluster", "Container", "Front", "NonsenseError", "Pending",
    "PortTakenError", "Server", "Split", "State", "Tallies", "Trouble",
]  # fmt: skip

MEMORY_ELSEWHERE = 1024**3  # bytes, of which nothing is used
MOST = 100_000  # replicas of a service; scenarios may ask for 10,000, and scaling may overshoot


@dataclass
class Cluster(Disks):
    """The world with all its verbs."""

    _asked: int = 0  # replicas that ever waited for a server
    _closed: bool = False  # the entry's certificate has expired
    _elsewhere: dict[str, int] = field(default_factory=dict)  # servers of somebody else's services
    _not_ours: set[int] = field(default_factory=set)  # containers there
    ailing: str = ""  # somebody else's service that is not as it was
    _admit: Callable[[tuple[int, ...]], tuple[int, ...]] = tuple  # a mesh leaves out some of them

    # ---- asking ----
    def choose_server(self, service: str) -> Server | None:
        """Where a new container goes; without scheduling there is one server to choose from."""
        if self.choices.scheduling is not None:
            chosen = self.choices.scheduling.choose(self, service)
            if chosen is not None and chosen not in self.servers:
                found = f"{chosen!r:.40} as the server of {service}"
                raise NonsenseError(found, "one of cluster.servers, or None", "scheduling")
            return chosen
        first = next(s for s in self.servers if s.released_s is None)
        return first if first.alive else None

    # ---- machines ----
    def add_server(
        self, rented_s: float | None = None, size: tuple[float, int] | None = None,
        price_per_hour: float | None = None, zone: str = "",
    ) -> Server:  # fmt: skip
        """A machine that is up now (renting and booting take time; the caller waits for it), of the
        stack's kind and price unless `size` (cores, bytes) and `price_per_hour` say otherwise; in
        the zone with the fewest servers, unless one is named."""
        if size is not None and not all(amount >= 0 for amount in size):
            raise NonsenseError(f"a server of {size}", "a number of cores and bytes of at least 0")
        since_s = self.clock.now if rented_s is None else rented_s
        machine, reserved = self.stack.servers.machine, self.stack.servers.reserved
        cores, memory = size or (machine.cores - reserved.cores, machine.memory - reserved.memory)
        price = machine.price_per_hour if price_per_hour is None else price_per_hour
        ident = self.plane.add_server(cores, memory)
        number = ident + 1 - len(self._elsewhere) - len(self.managed)
        name = f"{'server' if size is None else 'machine'}-{number}"  # a task's own
        server = Server(ident, name, cores, memory, price_per_hour=price, rented_s=since_s)
        server.zone = zone or self.emptiest_zone()
        self.plane.place(ident, segment(self, server))
        self.servers.append(server)
        if self.cuts:
            rewire(self)
        self.tell(Change("server_added", server=server))
        return server

    def emptiest_zone(self, service: str = "") -> str:
        """The zone with the fewest servers, or replicas of a service; no provider lends a server in
        one that is lost. "" where there are none."""
        placed = self.by_zone(service)
        zones = [zone for zone in self.stack.servers.zones if zone not in self.lost_zones]
        return emptiest({z: placed[z] if service else len(self.in_zone(z)) for z in zones})

    def set_zone(self, zone: str, lost: bool) -> None:
        """The provider has lost a zone, or has it again: what is rented comes elsewhere."""
        (self.lost_zones.add if lost else self.lost_zones.discard)(zone)

    def server_down(self, server: Server, gone: bool = False) -> None:
        """Power loss. What ran there is gone; nobody is told, and beliefs (`ready`) stay. `gone`:
        for good, and its own disk with it."""
        server.alive, server.gone = False, gone
        self.plane.server_down(server.id)
        for c in self.on(server):
            if c.state in ALIVE:
                self._ended(c, 255, clean=False)  # dockerd records 255 for a task that vanished
        self.tell(Change("server_down", server=server))
        for volume in self.volumes.values() if gone else ():
            if volume.server is server and not volume.moves:
                self._lose(volume)

    def server_up(self, server: Server) -> None:
        """Booted and reachable; containers are as its last moment left them: exited."""
        server.alive = True
        server.boots += 1
        self.plane.server_up(server.id)
        for c in self.on(server):
            self.set_ready(c, False)
        self.tell(Change("server_up", server=server))

    def release(self, server: Server) -> None:
        """Give a machine back; it stops costing money."""
        server.released_s = self.clock.now
        server.alive = server.ready = False
        self.tell(Change("server_released", server=server))

    def enlarge(self, server: Server, factor: float) -> Server:
        """A machine that is down comes back now so many times as large, and as dear: its disk and
        what was made on it are there, stopped. Whoever calls it waits for the change."""
        size = (server.cores * factor, int(server.memory * factor))
        larger = self.add_server(
            size=size, price_per_hour=server.price_per_hour * factor, zone=server.zone
        )
        larger.name = server.name
        for volume in self.volumes.values():
            if volume.server is server:
                volume.server = larger
        if self.choices.scheduling is None:  # else whoever keeps replicas makes them
            for c in [c for c in self.on(server) if not c.deleting]:
                self.create(c.service, larger, c.version, c.port, c.name)
                self.remove(c)
        self.release(server)
        return larger

    def lend(self, servers: int) -> None:
        """The provider's quota from now on."""
        lent = self.stack.servers.model_copy(update={"quota": servers})
        self.stack = self.stack.model_copy(update={"servers": lent})

    def set_server_ready(self, server: Server, ready: bool) -> None:
        """What the platform believes of a machine."""
        if server.ready != ready:
            server.ready = ready
            self.tell(Change("server_ready" if ready else "server_unready", server=server))

    def set_daemon(self, server: Server, up: bool) -> None:
        """dockerd stops or starts; nobody restarts a container while it is away."""
        server.daemon = up
        if up:
            self.tell(Change("daemon_up", server=server))

    def cordon(self, server: Server, cordoned: bool, leaves: bool = False) -> None:
        """Nothing new is placed on a cordoned server. `leaves`: it is given back once it is empty
        (the cluster autoscaler's taint ToBeDeletedByClusterAutoscaler)."""
        server.cordoned, server.leaves = cordoned, leaves
        self.tell(Change("cordoned", server=server))

    def write_off(self, server: Server) -> None:
        """Somebody knows that this server is off: nothing new goes there, and what had not ended
        may be given up."""
        self.tell(Change("out_of_service", server=server))
        self.cordon(server, True)

    # ---- the control plane itself ----
    def freeze(self, parts: Iterable[str]) -> None:
        """These parts do nothing from now on; what runs runs on."""
        self.frozen.update(parts)

    def thaw(self, parts: Iterable[str]) -> None:
        """They go on, with the world as they find it."""
        self.frozen.subtract(parts)
        for service in self.fronts if not self.frozen["endpoints"] else ():
            self.send(service)
        self.tell(Change("thawed"))

    # ---- what people find ----
    def trouble(self, trouble: Trouble) -> None:
        """Something is wrong from now on, until somebody ends it."""
        self.troubles.append(trouble)

    def ended(self, trouble: Trouble) -> bool:
        """It is over; was it still there? Whoever comes second has nothing left to do."""
        there = trouble in self.troubles
        if there:
            self.troubles.remove(trouble)
        return there

    # ---- images ----
    def set_registry(self, down: bool) -> None:
        """The registry refuses every pull, or gives out images again."""
        self.registry_down += 1 if down else -1
        self.tell(Change("registry"))

    def set_image(self, service: str, missing: bool) -> None:
        """Its image is not there to be pulled, or is there again."""
        (self.images_missing.add if missing else self.images_missing.discard)(service)
        self.tell(Change("registry"))

    # ---- wishes ----
    def begin(self, service: str, version: Version, replicas: int) -> None:
        """Second 0: this version, so many replicas; nobody is told."""
        self.versions[service], self.desired[service] = version, replicas

    def edit(self, service: str, **changes: Any) -> None:
        """Change a service's own settings; a process has them from its next start."""
        self.edits += 1
        edited = self.service(service).model_copy(update=changes)
        services = {**self.stack.services, service: edited}
        self.stack = self.stack.model_copy(update={"services": services})
        self._forget_profiles(service)

    def want(self, service: str, replicas: int) -> None:
        """Set the wanted number of replicas; whoever keeps it is told. NonsenseError for what is no
        whole number of at least 0, or no service."""
        if service not in self.stack.services:
            found = f"the unknown service {service!r} to scale"
            raise NonsenseError(found, f"one of {', '.join(self.stack.services)}")
        whole = isinstance(replicas, Integral) and not isinstance(replicas, bool)
        if not whole or not 0 <= replicas <= MOST:
            found = f"{replicas} replicas of {service}"
            raise NonsenseError(found, f"a whole number of at least 0, and at most {MOST:,}")
        self.desired[service] = replicas
        self.tell(Change("desired", service=service))

    def scale(self, service: str, replicas: int, text: str, measured_s: float = math.inf) -> None:
        """An autoscaler wants so many (`measured_s`: see `acted`). Fewer after a quiet time are no
        answer to a fault."""
        self.say("autoscaling", service, text)
        if replicas > self.desired[service]:
            self.acted(measured_s)
        self.want(service, replicas)

    def set_version(self, service: str, version: Version) -> None:
        """Set the wanted version; whoever rolls out is told."""
        before = self.versions.get(service, version)
        if before.image != version.image or service not in self.previous:
            self.previous[service] = before  # a restart is no version to go back from
        self.versions[service] = version
        self.paused.discard(service)
        self.tell(Change("version", service=service))

    def pause(self, service: str) -> None:
        """Its rollout stands still until another version is set."""
        self.paused.add(service)

    def split(self, service: str, split: Split) -> None:
        """Set how two versions share a service; whoever keeps replicas or endpoints is told."""
        self.splits[service] = split
        self.tell(Change("split", service=service))

    # ---- replicas without a server ----
    def wait_for_server(self, service: str, version: Version) -> None:
        """One more replica is wanted; whoever schedules finds it a place."""
        self._asked += 1
        self.pending.append(Pending(self._asked, service, version, self.clock.now))

    def wait_no_more(self, pending: Pending) -> None:
        """It has a place, or nobody wants it any more."""
        self.pending.remove(pending)

    def unschedulable(self, pending: Pending) -> None:
        """It was tried, and no server takes it."""
        pending.unschedulable = True

    def nominate(self, pending: Pending, server: Server | None) -> None:
        """Room is being made for it there, and kept; None: no longer."""
        pending.nominated = server

    # ---- traffic ----
    def publish(
        self, backends: list[Container], via: Container | None = None, service: str = ""
    ) -> None:
        """What the balancer (or the callers' address) of a service points at, from now; of the
        entry, where none is named. While discovery is frozen: once it goes on."""
        front = self.front(service)
        front.listed = tuple(c.id for c in backends)
        front.via = -1 if via is None else via.id
        if not self.frozen["endpoints"] or self.choices.service_discovery is None:
            self.send(service)

    def send(self, service: str = "") -> None:
        """Requests go to the listed containers, less those that the balancer leaves out."""
        front = self.front(service)
        closed = self._closed and front.service in self.doors
        front.backends = () if closed else self._admit(front.listed)
        self.edits += 1
        self.plane.publish(front.backends, front.via, front.number)

    def close(self, closed: bool) -> None:
        """Users get nowhere, whoever is listed; or they do again."""
        self._closed = closed
        for door in self.doors:
            self.send(door)

    def admit(self, rule: Callable[[tuple[int, ...]], tuple[int, ...]]) -> None:
        """From now on every balancer leaves out some of the listed: `rule(listed)` get requests."""
        self._admit = rule

    def let_in(self, servers: list[Server], local: bool = False) -> None:
        """Users' new connections come in by one of these servers from now on; `local`: and stay
        there."""
        self.edits += 1
        self.plane.set_gates([s.id for s in servers], local)

    def hang_up(self, server: Server) -> None:
        """All connections that users have open by this server are reset."""
        self.edits += 1
        self.plane.close_gate(server.id)

    def route(self, routing: Routing, service: str = "") -> None:
        """Other rules between callers and replicas from now on: a balancer goes live."""
        self.plane.set_routing(routing, self.front(service).number)

    def outside(
        self, service: str, state: Literal["up", "down", "silent"] = "up", ails: bool = False
    ) -> None:
        """Somebody else's service, as the stack has it now: what it is asked from now on it answers
        so, or refuses, or keeps silent about; what it was asked before, as it was then. `ails`: as
        its status page says."""
        self.ailing = "" if self.ailing == service else self.ailing
        self.ailing = service if ails else self.ailing
        if service not in self.others:
            return  # nobody asks it
        front, profile = self.front(service), self.profile(service, Version(name="v1"))
        if service not in self._elsewhere:
            self._elsewhere[service] = self.plane.add_server(1.0, MEMORY_ELSEWHERE)
        ident = self.plane.add_container(profile, self._elsewhere[service])
        self._not_ours.add(ident)
        if state != "down":
            self.plane.start(ident, profile)
        if state == "silent":
            self.plane.hang(ident)
        front.listed = (ident,)
        self.send(service)

    def enqueue(self, queue: str, jobs: int) -> None:
        """So many jobs come that no request pushes."""
        self.count.scheduled_jobs += jobs
        self.plane.enqueue(self.stack.number(queue), jobs)

    def flush(self, cache: str) -> None:
        """It forgets all that it holds, and its process runs on."""
        self.plane.flush(self.stack.number(cache))

    def arrive(self, arrivals: Arrivals) -> None:
        """Users come as this says from now on."""
        self.plane.set_arrivals(arrivals)

    def point(
        self, addresses: tuple[Address, ...], balanced: bool = False, service: str = ""
    ) -> None:
        """Write down other addresses (an edited balancer file, a DNS record)."""
        front = self.front(service)
        front.addresses, front.balanced = addresses, balanced
        self.tell(Change("addresses", service=front.service))

    # ---- what the data plane tells ----
    def notice(self, notice: Notice) -> None:
        """Called at the notice's instant. The data plane only tells; whether a process ends is
        decided here."""
        if notice.id in self._not_ours and notice.note in (Note.LISTENING, Note.OUTLIER):
            return
        if notice.note == Note.SHORT:
            return  # whoever watches for it is awake
        if notice.note in (Note.PROBE_OK, Note.PROBE_FAILED):
            self.answered(notice.id, notice.note == Note.PROBE_OK)
        elif notice.note == Note.HANDED_BACK:
            self.recall(notice.id)
        elif notice.note == Note.SERVER_OOM:
            server = next(s for s in self.servers if s.id == notice.id)
            victim = self._oom_victim(server)
            if victim is not None:
                self.exit(victim, 137, f"OOM-killed: {server.name} is full", oom=True)
        elif notice.note == Note.OUTLIER:
            outlier = next((c for c in self.containers if c.id == notice.id), None)
            if outlier is not None:  # else it is removed, and its proxy has not heard of it
                self.tell(Change("outlier", outlier))
        elif notice.note == Note.NONE_LISTED:
            asked = next(f for f in self.fronts.values() if f.number == notice.id)
            self.tell(Change("none_listed", service=asked.service))
        else:
            self._container_notice(next(c for c in self.everybody() if c.id == notice.id), notice)

    def _container_notice(self, c: Container, notice: Notice) -> None:
        if notice.note == Note.LISTENING:
            c.state, c.booted = "running" if c.state == "starting" else c.state, True
            if c.run > 1 or c.started_s > 0.0:  # else it did when the run began
                again = " again" if c.run > 1 else ""
                self.say("listening", c.name, f"{c.name} listens{again}")
            self.tell(Change("listening", c))
        elif notice.note == Note.START_REFUSED:
            self._start_refused(c)
        elif notice.note == Note.DRAINED:
            self.exit(c, 0, "finished its requests and stopped")
        elif notice.note == Note.OOM:
            self.exit(c, 137, "OOM-killed: above its memory limit", oom=True)
        elif notice.note == Note.POISONED:
            self.exit(c, 1, "crashed on a poison job")

    def _start_refused(self, c: Container) -> None:
        """A process that cannot open its start-up connections exits; why decides what helps."""
        asked = map(self.primary_of, self.stack.pools(c.service))
        up = all(self.of(database, "running") for database in asked)
        if up and c.locked_out:
            why = "no such name" if self.frozen["dns"] else "SQLSTATE 28P01"
            self.exit(c, 1, f"could not open its database connections: {why}")
        elif up:
            c.refused = True
            self.count.containers_refused += 1
            self.exit(c, 1, f"could not open its database connections: {self.stack.full_error}")
        else:
            self.exit(c, 1, "could not reach its database")

    def _oom_victim(self, server: Server) -> Container | None:
        """The kernel's choice among all on the server; who sets limits may have marked them."""
        limits, capacity = self.choices.resource_limits, self.stack.servers.machine.memory

        def process(c: Container) -> oom.Process:
            service = self.service(c.service)
            adj = service.memory.oom_score_adj
            if able(limits, Ranking):
                adj = limits.oom_score_adj(service, capacity)
            return oom.Process(c.id, self.gauge_of(c).memory, adj)

        alive = [c for c in self.on(server) if c.alive]
        victim = oom.oom_victim([process(c) for c in alive], capacity)
        return next((c for c in alive if c.id == victim), None)
