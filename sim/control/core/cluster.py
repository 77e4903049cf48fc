"""The one writer of cluster state and of the timeline.

Controllers meet here, as real ones meet in the API server or the Docker Engine: each reads the
records, waits for changes, and says what it wants in the verbs below. The verbs keep three things
in step: the records, the data plane, the timeline.
"""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any, Literal

import simpy

from sim.control.core import lifecycle
from sim.control.core.notices import heard
from sim.control.core.records import (
    ALIVE,
    Address,
    Change,
    ChangeKind,
    Container,
    Ledger,
    NonsenseError,
    Pending,
    PortTakenError,
    Server,
    Split,
    State,
)
from sim.control.core.world import World
from sim.dataplane.plane import Notice
from sim.dataplane.profile import Routing
from sim.results.run import TimelineRow
from sim.schema.scenario import Version

__all__ = [
    "Address", "Change", "ChangeKind", "Cluster", "Container", "Ledger", "NonsenseError",
    "Pending", "PortTakenError", "Server", "Split", "State",
]  # fmt: skip

MOST = 100_000  # replicas of a service; scenarios may ask for 10,000, and scaling may overshoot


class Cluster(World):
    """The world with its verbs."""

    # ---- asking ----
    def choose_server(self, service: str) -> Server | None:
        """Where a new container goes; without scheduling there is one server to choose from."""
        if self.choices is not None and self.choices.scheduling is not None:
            chosen: Server | None = self.choices.scheduling.choose(self, service)
            if chosen is not None and chosen not in self.servers:
                found = f"{chosen!r:.40} as the server of {service}"
                raise NonsenseError(found, "one of cluster.servers, or None", "scheduling")
            return chosen
        first = self.servers[0]
        return first if first.alive else None

    # ---- telling ----
    def say(self, event: str, subject: str, text: str) -> None:
        self.timeline.append(TimelineRow(self.clock.now, event, subject, text))

    def acted(self, measured_s: float = math.inf) -> None:
        """The first action on the fault, automatic or human: stops the time-to-detect clock.

        `measured_s`: the beginning of the time that was measured. Who judges by a time before the
        fault (an autoscaler, by usage) has not seen it, and acts then by chance."""
        count = self.count
        if count.fault_s is not None and count.detected_s is None and measured_s >= count.fault_s:
            count.detected_s = self.clock.now

    def tell(self, change: Change) -> None:
        for kinds, store in self._watchers:
            if change.kind in kinds:
                store.put(change)

    # ---- machines ----
    def add_server(
        self, rented_s: float | None = None, size: tuple[float, int] | None = None,
        price_per_hour: float | None = None,
    ) -> Server:  # fmt: skip
        """A machine that is up now (renting and booting take time; the caller waits for it), of the
        stack's kind and price unless `size` (cores, bytes) and `price_per_hour` say otherwise."""
        if size is not None and not all(one >= 0 for one in size):
            raise NonsenseError(f"a server of {size}", "a number of cores and bytes of at least 0")
        since_s = self.clock.now if rented_s is None else rented_s
        machine, reserved = self.stack.servers.machine, self.stack.servers.reserved
        cores, memory = size or (machine.cores - reserved.cores, machine.memory - reserved.memory)
        price = machine.price_per_hour if price_per_hour is None else price_per_hour
        ident = self.plane.add_server(cores, memory)
        server = Server(
            ident, f"server-{ident + 1}", cores, memory, price_per_hour=price, rented_s=since_s
        )
        self.servers.append(server)
        self.tell(Change("server_added", server=server))
        return server

    def server_down(self, server: Server) -> None:
        """Power loss. What ran there is gone; nobody is told, and beliefs (`ready`) stay."""
        server.alive = False
        self.plane.server_down(server.id)
        for c in self.on(server):
            if c.state in ALIVE:
                self._ended(c, 255, clean=False)  # dockerd records 255 for a task that vanished
        self.tell(Change("server_down", server=server))

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

    def cordon(self, server: Server, cordoned: bool) -> None:
        """Nothing new is placed on a cordoned server."""
        server.cordoned = cordoned
        self.tell(Change("cordoned", server=server))

    def write_off(self, server: Server) -> None:
        """Somebody knows that this server is off: nothing new goes there, and what had not ended
        may be given up."""
        self.tell(Change("out_of_service", server=server))
        self.cordon(server, True)

    # ---- containers ----
    def create(
        self, service: str, server: Server, version: Version | None = None, port: int | None = None
    ) -> Container:
        """A container that does not run yet. `port`: on the server, if not the service's own."""
        version = version or self.versions[service]
        n = self._numbers[service] = self._numbers.get(service, 0) + 1
        profile = self.profile(service, version)
        ident = self.plane.add_container(profile, server.id)
        held = (port or self.service(service).port) if self.host_ports else None
        made = Container(
            ident, f"{service}-{n}", service, server, version, profile, held,
            created_s=self.clock.now,
        )  # fmt: skip
        self.containers.append(made)
        self.tell(Change("created", made))
        return made

    def profile(self, service: str, version: Version) -> int:
        key = (service, version)
        if key not in self._profiles:
            self._profiles[key] = self.plane.add_profile(self.profile_of(service, version))
        return self._profiles[key]

    def edit(self, service: str, **changes: Any) -> None:
        """Change a service's own settings; a process has them from its next start."""
        edited = self.service(service).model_copy(update=changes)
        services = {**self.stack.services, service: edited}
        self.stack = self.stack.model_copy(update={"services": services})
        self._profiles = {k: v for k, v in self._profiles.items() if k[0] != service}

    def holder(self, server: Server, port: int) -> Container | None:
        """Who has this port of the server now."""
        return next((c for c in self.on(server) if c.port == port and c.state in ALIVE), None)

    def start(self, c: Container, warm: bool = False, again: bool = False) -> None:
        """Start its process; it listens after its boot time (at once when `warm`).

        `again` counts a restart. PortTakenError, nothing changed, where host ports collide."""
        if not c.server.alive:
            raise RuntimeError(f"{c.name} cannot start: {c.server.name} is down")
        if c.port is not None and self.holder(c.server, c.port) is not None:
            raise PortTakenError(f"Bind for 0.0.0.0:{c.port} failed: port is already allocated")
        c.state, c.started_s, c.run = "starting", self.clock.now, c.run + 1
        c.exit_code, c.oom_killed, c.manually_stopped, c.hung = None, False, False, False
        c.refused, c.booted, c.restarting = False, False, False
        c.restarts += again
        c.profile = self.profile(c.service, c.version)
        self.tell(Change("started", c))
        if "health_checks" in self.left_to_operator:
            self.set_ready(c, True)  # nobody asks: a process that exists counts as ready
        if warm:
            self.plane.start(c.id, c.profile)
        else:
            self.clock.loop(lifecycle.boot(self, c, c.run))

    def exit(self, c: Container, code: int, why: str, oom: bool = False) -> None:
        """The process ends now. The restart policy (or the operator) decides what follows."""
        if c.state in ("created", "exited"):
            return
        self.plane.exit(c.id, oom)
        c.oom_killed = oom
        self.say("exit", c.name, f"{c.name} {why} (exit {code})")
        self._ended(c, code, clean=code in (0, 143))
        self.set_ready(c, False)
        self.tell(Change("exit", c))

    def _ended(self, c: Container, code: int, clean: bool) -> None:
        c.state, c.exit_code, c.finished_s = "exited", code, self.clock.now
        if code != 0 and not c.deleting:
            c.server.failures.append((self.clock.now, c.service))
            key = (c.service, c.version.image)
            self.failed[key] = self.failed.get(key, 0) + 1
        if c.id in self.exits:
            self.exits.pop(c.id).succeed()
        if self.service(c.service).role == "postgres" and not clean:
            self.dirty.add(c.service)

    def kill(self, c: Container, why: str) -> None:
        """SIGKILL from outside (`docker kill`): exit 137, and Docker forgets its restart policy."""
        c.manually_stopped = True
        self.exit(c, 137, why)

    def stop(
        self, c: Container, grace_s: float, pre_stop_s: float = 0.0, by_hand: bool = True
    ) -> simpy.Process:
        """SIGTERM, wait, SIGKILL; the returned process ends when the container has exited.

        `pre_stop_s` runs inside the grace period, before SIGTERM (Kubernetes)."""
        if not (grace_s >= 0.0 and pre_stop_s >= 0.0):
            found = f"a grace period of {grace_s:g} s after a preStop of {pre_stop_s:g} s"
            raise NonsenseError(found, "numbers of seconds of at least 0")
        c.manually_stopped = c.manually_stopped or by_hand
        c.state = "stopping" if c.state in ("starting", "running") else c.state
        self.tell(Change("stopping", c))
        return self.clock.loop(lifecycle.stop(self, c, c.run, grace_s, pre_stop_s))

    def retire(self, c: Container) -> None:
        """Nobody wants it back: it gets no new traffic, and will be stopped and removed."""
        c.deleting, c.restarting = True, False
        self.tell(Change("stopping", c))

    def preempt(self, c: Container) -> None:
        """Its place goes to a replica of higher priority: it ends as any that is retired."""
        c.preempted = True
        if not c.deleting:
            self.retire(c)

    def renew(self, c: Container, version: Version) -> None:
        """A retired container that has exited may start again under its name (a StatefulSet)."""
        c.deleting, c.restarts, c.version = False, 0, version

    def remove(self, c: Container) -> None:
        """Forget a container that has exited (or never ran); whoever comes second does nothing."""
        if c not in self.containers:
            return
        c.deleting = True
        if c.alive:
            self.exit(c, 137, "removed")
        self.containers.remove(c)
        self.tell(Change("removed", c))

    def hang(self, c: Container) -> None:
        c.hung = True
        self.plane.hang(c.id)

    def resume(self, c: Container) -> None:
        if c.hung and c.alive:
            c.hung = False
            self.plane.resume(c.id)

    def lock_out(self, c: Container, locked: bool) -> None:
        """The database refuses (or takes again) the password this container holds: only new
        connections ask for it. Stays as it is when its process starts anew."""
        c.locked_out = locked
        self.plane.lock_out(c.id, locked)

    def set_restarting(self, c: Container, restarting: bool) -> None:
        """A runtime says whether it will start an exited container again."""
        c.restarting = restarting

    def set_ready(self, c: Container, ready: bool) -> None:
        """What the platform believes: may it get traffic?"""
        if c.ready != ready:
            c.ready, c.turned_s = ready, self.clock.now
            c.ready_since_s = self.clock.now if ready else None
            self.tell(Change("ready" if ready else "unready", c))

    def set_health(
        self, c: Container, health: Literal["", "starting", "healthy", "unhealthy"]
    ) -> None:
        """Docker's label; whoever acts on it is told."""
        if c.health == health:
            return
        if health == "unhealthy" or c.health == "unhealthy":
            self.say("health", c.name, f"{c.name} is labelled {health} by its HEALTHCHECK")
        c.health = health
        self.tell(Change("health", c))

    # ---- wishes ----
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

    def set_version(self, service: str, version: Version) -> None:
        """Set the wanted version; whoever rolls out is told."""
        self.previous[service] = self.versions.get(service, version)
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

    def publish(self, backends: list[Container], via: Container | None = None) -> None:
        """What the balancer (or the users' address) points at, from now."""
        self.listed = tuple(c.id for c in backends)
        self._via = -1 if via is None else via.id
        self.send()

    def send(self) -> None:
        """Requests go to the listed containers, less those that the balancer leaves out."""
        self.backends = self.admit(self.listed)
        self.plane.publish(self.backends, self._via)

    def route(self, routing: Routing) -> None:
        """Other rules between users and replicas from now on: a balancer goes live."""
        self.plane.set_routing(routing)

    def point(self, addresses: tuple[Address, ...], balanced: bool) -> None:
        """Write down other addresses (an edited balancer file, a DNS record)."""
        self.addresses, self.balanced = addresses, balanced
        self.tell(Change("addresses"))

    # ---- what the data plane tells ----
    def notice(self, notice: Notice) -> None:
        """Called by the experiment at the notice's instant."""
        heard(self, notice)

    def listening(self, c: Container) -> None:
        c.state, c.booted = "running" if c.state == "starting" else c.state, True
        if c.run > 1:
            self.say("listening", c.name, f"{c.name} listens again")
        self.tell(Change("listening", c))

    def refuse(self, c: Container) -> None:
        """Its database had no connection slot for it."""
        c.refused = True
        self.count.containers_refused += 1
