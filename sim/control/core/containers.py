"""The verbs of containers: each keeps the records, the data plane and the timeline in step.

What takes time (a boot, a stop) is a loop that a verb begins. Rules: shared facts, orchestrators 1
(stop, kill), kubernetes 1 (preStop, grace).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import simpy

from sim.constants.facts import Fact
from sim.control.core.choices import Agented, Pinning, able
from sim.control.core.clock import Loop, Rank
from sim.control.core.records import (
    ALIVE,
    STATEFUL,
    Change,
    Container,
    NonsenseError,
    PortTakenError,
    Server,
    Volume,
)
from sim.control.core.wires import missed
from sim.control.core.world import World
from sim.dataplane.plane import RoundsSoFar, StandingCheck
from sim.dataplane.profile import Profile
from sim.dataplane.tables import ContainerGauge
from sim.schema.scenario import Version

LOST = 1 << 62  # number of each probe that the network swallows
PRE_STOP_EXTENSION = Fact(
    "pod.pre_stop_extension", 2.0, "s",
    "at least so long from SIGTERM to SIGKILL, whatever preStop takes",
    "kubernetes/kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go "
    "minimumGracePeriodInSeconds; kubernetes.io/docs pod-lifecycle @00aacfad",
)  # fmt: skip


@dataclass
class Containers(World):
    """The world, with the verbs of its containers."""

    _numbers: dict[str, int] = field(default_factory=dict)  # containers of a service so far
    _profiles: dict[tuple[str, Version], int] = field(default_factory=dict)
    _exits: dict[int, simpy.Event] = field(default_factory=dict)  # of containers that stop
    _dirty: set[str] = field(default_factory=set)  # databases that did not stop cleanly
    _nowhere: dict[int, Container] = field(default_factory=dict)  # by server
    _heard: dict[int, Callable[[bool], None]] = field(default_factory=dict)  # by number of probe

    # ---- a place ----
    def create(
        self,
        service: str,
        server: Server,
        version: Version | None = None,
        port: int | None = None,
        name: str | None = None,
    ) -> Container:
        """A container that does not run yet. `port`: on the server, if not the service's own;
        `name`: if it has one of its own, and no new one."""
        version = version or self.versions[service]
        n = self._numbers[service] = self._numbers.get(service, 0) + 1
        profile = self.profile(service, version)
        ident = self.plane.add_container(profile, server.id)
        host_port = (port or self.service(service).port) if self.host_ports else None
        container = Container(
            ident, name or f"{service}-{n}", service, server, version, profile, host_port,
            created_s=self.clock.now,
        )  # fmt: skip
        self.containers.append(container)
        self.by_service.setdefault(service, []).append(container)
        self.by_server.setdefault(server.id, []).append(container)
        self.tell(Change("created", container))
        return container

    def provide(self, service: str, size: tuple[float, int]) -> None:
        """A provider runs it from now on, warm, on a machine of so many cores and bytes that is
        none of ours."""
        ident = self.plane.add_server(*size)
        machine, version = Server(ident, "its provider", *size), Version(name="managed")
        if self.stack.engine_of(service).machine:
            machine.zone = next(iter(self.stack.servers.zones), "")
        container = Container(
            self.plane.add_container(self.profile(service, version), ident), service, service,
            machine, version, self.profile(service, version), created_s=self.clock.now,
        )  # fmt: skip
        self.managed[service] = container
        self.by_service[service], self.by_server[ident] = [container], [container]
        self.start(container, warm=True)

    def take_over(self, c: Container) -> None:
        """The standby of what a provider runs, in another zone, serves in its place."""
        zones = [zone for zone in self.stack.servers.zones if zone not in self.lost_zones]
        c.server.zone = next((zone for zone in zones if zone != c.server.zone), c.server.zone)
        self.exit(c, 143, "makes way for its standby")
        self.start(c, warm=True)

    def profile(self, service: str, version: Version) -> int:
        key = (service, version)
        if key not in self._profiles:
            rules = self.profile_of(service, version)
            if service in self.plays:
                rules = replace(rules, number=self.plays[service])
            if service in self.read_only:
                rules = replace(rules, read_only=True)
            for tuned in self.tuned.get(service, ()):
                rules = tuned(rules)
            self._profiles[key] = self.plane.add_profile(rules)
            self.callers.setdefault(service, []).append(self._profiles[key])
        return self._profiles[key]

    def tune(self, service: str, rule: Callable[[Profile], Profile]) -> None:
        """Processes of this service that start, or read anew, go by what `rule` makes of it."""
        self.tuned.setdefault(service, []).append(rule)
        self._forget_profiles(service)

    def untune(self, service: str, rule: Callable[[Profile], Profile]) -> None:
        """They no longer do."""
        self.tuned[service].remove(rule)
        self._forget_profiles(service)

    def _forget_profiles(self, service: str) -> None:
        self._profiles = {k: v for k, v in self._profiles.items() if k[0] != service}

    def reread(self, c: Container) -> None:
        """A process that lives goes by what holds for its service now, without a restart."""
        if c.alive:
            c.profile = self.profile(c.service, c.version)
            self.plane.set_profile(c.id, c.profile)

    def unreadable(self, service: str, broken: bool) -> None:
        """Who starts reads a configuration with which it ends; or one that it can read again."""
        (self.misconfigured.add if broken else self.misconfigured.discard)(service)

    # ---- databases that follow each other ----
    def exchange(self, database: str, heir: str) -> None:
        """Primary and replica change places: each process is in the other's place when it next
        starts, or reads its rules anew."""
        primary = self.primary_of(database)
        numbers = {name: self.plays.get(name, self.stack.number(name)) for name in (primary, heir)}
        self.plays |= {primary: numbers[heir], heir: numbers[primary]}
        for name in numbers:
            self._forget_profiles(name)

    def deny_writes(self, store: str, denied: bool) -> None:
        """Its process takes none from now on; or again."""
        if denied != (store in self.read_only):
            self._forget_profiles(store)
        if denied:
            self.read_only.setdefault(store, self.clock.now)
        else:
            self.read_only.pop(store, None)
        for c in self.of(store):
            self.reread(c)

    def unpromote(self, database: str, failed: bool) -> None:
        """Its failover has failed, and nobody else promotes a replica; or that is over."""
        (self.unpromoted.add if failed else self.unpromoted.discard)(database)

    def nowhere(self, server: Server) -> Container:
        """A place on a server where nothing listens, for addresses that are wrong."""
        if server.id not in self._nowhere:
            version = self.versions[self.entry]
            profile = self.profile(self.entry, version)
            ident = self.plane.add_container(profile, server.id)
            name = f"nothing on {server.name}"
            self._nowhere[server.id] = Container(ident, name, "", server, version, profile)
        return self._nowhere[server.id]

    # ---- a process ----
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
        if self.service(c.service).role in STATEFUL:
            self._mount(c)
        self.tell(Change("started", c))
        if "health_checks" in self.left_to_operator:
            self.set_ready(c, True)  # nobody asks: a process that exists counts as ready
        if warm:
            self._listen(c)
        else:
            self.clock.loop(self._boot(c, c.run))

    def try_start(self, c: Container) -> bool:
        """`docker start`; a taken port is an error message and a container that stays down."""
        try:
            self.start(c)
        except PortTakenError as taken:
            self.say("port_taken", c.name, f"{c.name} did not start: {taken}")
            return False
        return True

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
        return self.clock.loop(self._stop(c, c.run, grace_s, pre_stop_s))

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
        self.edits += 1
        self.resize(c, None)

    def remove(self, c: Container) -> None:
        """Forget a container that has exited (or never ran); whoever comes second does nothing."""
        if c not in self.containers:
            return
        c.deleting = True
        if c.alive:
            self.exit(c, 137, "removed")
        for kept in (self.containers, self.by_service[c.service], self.by_server[c.server.id]):
            kept.remove(c)
        self.tell(Change("removed", c))

    def hang(self, c: Container) -> None:
        c.hung, self.silent_s[c.service] = True, self.clock.now
        self.edits += 1
        self.plane.hang(c.id)
        if c.service in self.managed:
            self.tell(Change("managed", c))

    def resume(self, c: Container) -> None:
        if c.hung and c.alive:
            c.hung = False
            self.edits += 1
            self.plane.resume(c.id)

    def lock_out(self, c: Container, locked: bool) -> None:
        """The database refuses (or takes again) the password this container holds: only new
        connections ask for it. Stays as it is when its process starts anew."""
        c.locked_out = locked
        self.plane.lock_out(c.id, locked)

    def set_restarting(self, c: Container, restarting: bool) -> None:
        """A runtime says whether it will start an exited container again."""
        c.restarting = restarting
        self.edits += 1

    def set_ready(self, c: Container, ready: bool) -> None:
        """Its server says whether it may get traffic; once it is heard, where it is cut off."""
        if c.server.heard or "scheduling" in self.left_to_operator:
            self.believe(c, ready)
        else:
            self.unsaid[c.id] = ready

    def believe(self, c: Container, ready: bool) -> None:
        """What the platform believes, whatever its server says."""
        if not c.server.heard:
            self.unsaid.setdefault(c.id, c.ready)
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

    def resize(self, c: Container, cores: float | None) -> None:
        """Another CPU limit than its manifest's, now and for each process that starts in its place;
        None: the manifest's again, from its next start."""
        c.cpu_limit = cores
        if cores is not None:
            self.plane.set_cpu_limit(c.id, cores)

    def grow(self, c: Container, memory: int) -> None:
        """Its process holds so many bytes more than its requests explain (a leak)."""
        self.plane.set_extra_memory(c.id, memory)

    def _mount(self, c: Container) -> None:
        """Its disk is where it starts: made there when it is first started. One that is a part of
        its server stays there."""
        volume, scheduling = self.volumes.get(c.service), self.choices.scheduling
        if volume is None:
            pinned = scheduling.pinned if able(scheduling, Pinning) else True
            self.volumes[c.service] = Volume(c.service, c.server, self._disks_move(), pinned)
        elif volume.moves:
            volume.server = c.server

    def _disks_move(self) -> bool:
        """Are they cloud disks? What people put on a server by hand is on its own."""
        scheduling = self.choices.scheduling
        if able(scheduling, Agented):
            return scheduling.kubelet.volume_moves
        return not self.host_ports

    # ---- from start to end ----
    def _boot(self, c: Container, run: int) -> Loop:
        """From the started process to a listening one; a database that crashed recovers first."""
        service = self.service(c.service)
        law = c.version.boot or service.boot
        wait_s = self.duration(law, f"boot/{c.service}")
        if c.service in self._dirty:
            self._dirty.discard(c.service)
            wait_s += self.duration(service.recovery, f"recovery/{c.service}")
        yield self.clock.after(wait_s, Rank.RUNTIME, c.id)
        if c.run != run or c.state != "starting" or not c.server.alive:
            return
        volume = self.volumes.get(c.service)
        if volume is not None and volume.full:
            self.exit(c, 1, "could not start: no space left on device")
        elif volume is not None and volume.lost and c.server is volume.server:
            self.exit(c, 1, "could not start: its files are gone")
        elif volume is not None and c.server is not volume.server:
            text = f"{c.name} has begun with an empty disk on {c.server.name}: nobody is served"
            self.say("empty", c.name, text)
        elif c.service in self.misconfigured:
            self.exit(c, 1, "crashed on its configuration")
        elif c.version.crashes_at_start:
            self.exit(c, 1, "crashed while starting")
        else:
            self._listen(c)

    def _listen(self, c: Container) -> None:
        self.plane.start(c.id, c.profile)
        if c.cpu_limit is not None:
            self.plane.set_cpu_limit(c.id, c.cpu_limit)

    def _stop(self, c: Container, run: int, grace_s: float, pre_stop_s: float) -> Loop:
        """preStop, SIGTERM, what the process makes of it, SIGKILL."""

        def gone() -> bool:
            return c.run != run or c.state != "stopping"

        clock = self.clock
        began_s = clock.now
        if pre_stop_s > 0.0 and not gone():
            yield clock.after(min(pre_stop_s, grace_s), Rank.RUNTIME, c.id)
        if gone():
            return
        behaviour = self.service(c.service).stop
        if behaviour.drains and not behaviour.ignores and c.booted and not c.hung:
            self.plane.drain(c.id)  # DRAINED ends it
        elif not behaviour.ignores and not c.hung:
            self.exit(c, 143, "terminated")
            return
        exited = self._exits.setdefault(c.id, clock.event())
        scheduling = self.choices.scheduling
        least_s = PRE_STOP_EXTENSION.value if pre_stop_s > 0.0 else 0.0
        if able(scheduling, Agented):
            least_s = scheduling.kubelet.pre_stop_extension_s
        if grace_s == 0.0:
            least_s = 0.0  # killed by force
        killed_s = max(began_s + grace_s, clock.now + least_s)
        yield exited | clock.at(killed_s, Rank.RUNTIME, c.id)
        if not gone():
            self.exit(c, 137, "killed after its grace period")

    def _ended(self, c: Container, code: int, clean: bool) -> None:
        if c.booted and not c.hung:
            self.silent_s[c.service] = self.clock.now
        c.state, c.exit_code, c.finished_s = "exited", code, self.clock.now
        if code != 0 and not c.deleting:
            c.server.failures.append((self.clock.now, c.service))
            key = (c.service, c.version.image)
            self.failed[key] = self.failed.get(key, 0) + 1
        if c.id in self._exits:
            self._exits.pop(c.id).succeed()
        if self.service(c.service).role == "postgres" and not clean:
            self._dirty.add(c.service)

    # ---- asking it ----
    def probe(
        self, c: Container, heard: Callable[[bool], None], deep: bool = False,
        asker: int | None = None, within_s: float = 0.0,
    ) -> int:  # fmt: skip
        """Send a probe; `heard(passed)` is called when its answer comes. Returns its number.
        `asker`: the segment that it comes from, and waits so long; None: from beside it."""
        if asker is not None and missed(self, asker, c.server, within_s):
            return LOST
        number = self.plane.probe(c.id, deep)
        self._heard[number] = heard
        return number

    def stand(self, check: StandingCheck, back: Callable[[RoundsSoFar], None]) -> bool:
        """Its questions are asked in the data plane from now on, until a change concerns its
        container, or an answer is not what it was: then `back(how it stands)`. False: they are
        not."""
        if check.key in self.standing or not self.plane.stand(check):
            return False
        self.standing[check.key] = back
        return True

    def answered(self, probe: int, passed: bool) -> None:
        """The data plane tells of an answer."""
        if self.standing and probe not in self._heard:
            self.recall(self.plane.standing(probe))
        heard = self._heard.pop(probe, None)
        if heard is not None:  # else whoever asked has given up
            heard(passed)

    def awaits(self, probe: int, heard: Callable[[bool], None]) -> None:
        """`heard(passed)` is called when the answer to this probe, which is sent, comes."""
        self._heard[probe] = heard

    def forget(self, probe: int) -> None:
        """An answer that comes later reaches nobody."""
        if self._heard.pop(probe, None) is not None:
            self.plane.forget(probe)

    def memory_on(self, server: Server) -> int:
        """Bytes that its containers use."""
        return self.plane.server_memory(server.id)

    def watch_memory(self, server: Server, above: int) -> None:
        """Whoever sleeps wakes when its containers come to use more than so many bytes."""
        self.plane.watch_memory(server.id, above)

    def checks_use(self, c: Container, within_s: float) -> float:
        """CPU seconds that its checks use at most in so long: those that nobody need ask for
        (`stand`)."""
        return self.plane.checks_use(c.id, within_s)

    def gauge_of(self, c: Container) -> ContainerGauge:
        """What the runtime counts of it (`docker stats`)."""
        return self.plane.container_gauge(c.id)
