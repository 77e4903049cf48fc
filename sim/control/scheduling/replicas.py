"""Keeping replicas: the ReplicaSet and StatefulSet controllers, binding, and the kubelet's start.

The one writer of replicas. It compares what is wanted (`cluster.desired`, `cluster.versions`) with
what is there, asks for missing replicas, gives each a server, starts it there, and ends those that
nobody wants. How two versions share the wanted number is the choice of rolling updates. Rules:
shared facts, kubernetes sections 1 (start, image pulls), 3 (ReplicaSet vs StatefulSet, pod GC) and
4. Databases and queues are StatefulSets: one name, one volume, never two at a time. Left out:
quotas on namespaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import NamedTuple, Protocol, runtime_checkable

from sim.control.core.choices import Agented, Lingering, able
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Change, Cluster, Container, NonsenseError, Pending, Server
from sim.control.core.records import STATEFUL
from sim.control.scheduling.kubelet import Kubelet, Kubelets
from sim.control.scheduling.placement import fits, load_of, requested
from sim.control.scheduling.surplus import DeletionCandidate, Order, newest_first, ranks
from sim.schema.scenario import Version


# ---- rules ----
class ReplicaSet(NamedTuple):
    """One version of a service: its wanted size, and how many of it are available."""

    spec: int
    available: int


class Phase(NamedTuple):
    """How far a controller has let the new version in: percent of the wanted replicas."""

    new: float = 0.0
    old: float = 100.0
    stable: int = -1  # index of the version before in the list of old ones; -1: it is gone


def next_stale(live: Sequence[tuple[bool, bool]], wanted: int) -> int | None:
    """Which member of a StatefulSet is updated next: (new version, ready) of each, in order.

    From the last to the first, one at a time, and only while all updated ones are ready.
    Source: kubernetes.io/docs concepts/workloads/controllers/statefulset, RollingUpdate."""
    if len(live) < wanted or any(new and not ready for new, ready in live):
        return None
    return next((i for i in reversed(range(len(live))) if not live[i][0]), None)


@runtime_checkable
class Strategy(Protocol):
    """What the keeper asks of a choice for rolling updates."""

    @property
    def grace_s(self) -> float: ...
    @property
    def min_ready_s(self) -> float: ...
    @property
    def stop_first(self) -> bool:
        """No new replica while an old one of the service is still stopping."""

    def resize(
        self, wanted: int, before: int, new: ReplicaSet, old: Sequence[ReplicaSet], phase: Phase
    ) -> tuple[int, list[int]]:
        """The sizes after one sync: of the new version, and of the old ones, oldest first."""


class Queue(Protocol):
    """What the keeper asks of a scheduler about replicas that wait for a server."""

    def order(self, waiting: Sequence[Pending]) -> Sequence[Pending]:
        """Whom to try, in this order."""

    def choose(self, waiting: Pending) -> Server | None: ...
    def rejected(self, waiting: Pending) -> None:
        """It was tried and fits nowhere."""


class FirstComeFirstServed:
    """No priorities: who has waited for longest is tried first, and nobody gives way."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def order(self, waiting: Sequence[Pending]) -> Sequence[Pending]:
        return waiting

    def choose(self, waiting: Pending) -> Server | None:
        return self.cluster.choose_server(waiting.service)

    def rejected(self, waiting: Pending) -> None:
        pass


# ---- the keeper ----
def keep(cluster: Cluster, queue: Queue | None = None, leaving: Order = newest_first) -> Loop:
    """Keep every service at its wanted replicas for the whole run. `leaving`: who goes first where
    there are too many."""
    scheduling, strategy = cluster.choices.scheduling, cluster.choices.rolling_updates
    kubelet = scheduling.kubelet if able(scheduling, Agented) else Kubelet()
    if strategy is not None and not isinstance(strategy, Strategy):
        expected = "a record with grace_s, min_ready_s, stop_first and resize(): replicas are kept"
        raise NonsenseError(f"{type(strategy).__name__}()", expected, "rolling_updates")
    queue = queue or FirstComeFirstServed(cluster)
    yield from Keeper(cluster, kubelet, strategy, queue, leaving).run()


def keep_unscheduled(cluster: Cluster) -> None:
    """Keep the replicas from now on where no choice for scheduling does it."""
    if cluster.choices.scheduling is None:
        cluster.clock.loop(keep(cluster))


class Keeper:
    def __init__(
        self,
        cluster: Cluster,
        kubelet: Kubelet,
        strategy: Strategy | None,
        queue: Queue,
        leaving: Order,
    ) -> None:
        self.cluster, self.strategy = cluster, strategy
        self.queue, self.leaving = queue, leaving
        self.kubelets = Kubelets(cluster, kubelet)
        self.sizes = {s: {v: cluster.desired[s]} for s, v in cluster.versions.items()}
        self.sized_for = dict(cluster.desired)  # the wanted number that sizes were made for
        self.seen: dict[str, tuple[float, int]] = {}  # the moment when it was compared
        self.ending: set[int] = set()
        self.waiting_s: dict[int, float] = {}  # whose time to availability is being watched

    def run(self) -> Loop:
        changes = self.cluster.watch(
            "desired", "version", "split", "created", "stopping", "removed", "ready", "unready",
            "exit", "server_up", "server_added", "server_ready", "server_released", "cordoned",
            "restored", "thawed", "server_heard",
        )  # fmt: skip
        for service in self.cluster.versions:
            self.sync(service)
        self.place()
        while True:
            change = yield changes.get()
            yield from self.cluster.thawed("controllers")
            service = change.container.service if change.container else change.service
            self.machines(change)
            if change.container is not None and change.container.deleting:
                self.end(change.container)
            for name in [service] if service in self.cluster.versions else []:
                self.sync(name)
            self.place()

    def machines(self, change: Change) -> None:
        """A server came back, or is gone for good (pod garbage collection)."""
        server = change.server
        if server is None:
            return
        for c in self.cluster.on(server):
            if change.kind == "server_released":
                if self.cluster.service(c.service).role in STATEFUL:
                    free = self.cluster.clock.now + self.kubelets.kubelet.volume_detach_s
                    self.kubelets.volume_free_s[c.service] = free
                if not c.deleting:
                    self.cluster.retire(c)  # comes back as a change
                self.end(c)
            elif change.kind in ("server_up", "server_heard") and c.deleting:
                self.end(c)
            elif change.kind in ("server_up", "server_heard") and c.state == "created":
                self.cluster.clock.loop(self.kubelets.launch(c))

    # ---- what is wanted ----
    def sync(self, service: str) -> None:
        """Compare and correct, until nothing changes at once any more."""
        moment = self.cluster.moment
        if self.seen.get(service) == moment:
            return  # one of several changes at once, of which all were seen
        self.seen[service] = moment
        if self.cluster.service(service).role in STATEFUL:
            self.stateful(service)
        elif self.strategy is None:
            self.any_version(service)
        else:
            sizes, live = self.sizes[service], self.live(service)
            sizes.setdefault(self.cluster.versions[service], 0)
            sets = {version: [c for c in live if c.version == version] for version in sizes}
            while self.resize(service, self.strategy, sets):
                pass
            for version, size in list(sizes.items()):
                waiting = [p for p in self.pending(service) if p.version == version]
                self.correct(service, version, size, sets[version], waiting)
                if size == 0 and version != self.cluster.versions[service]:
                    del sizes[version]

    def resize(
        self, service: str, strategy: Strategy, live: dict[Version, list[Container]]
    ) -> bool:
        """One sync of the Deployment, with those that live of each version; did a size change?"""
        sizes, wanted = self.sizes[service], self.cluster.versions[service]
        sizes[wanted] = sizes.pop(wanted, 0)  # the newest revision comes last
        old = list(sizes)[:-1]
        now = dict(sizes)
        ready_s = strategy.min_ready_s
        sets = [ReplicaSet(n, self.available(live[v], ready_s)) for v, n in sizes.items()]
        number, before = self.cluster.desired[service], self.sized_for[service]
        if service in self.cluster.paused and number == before:
            return False
        phase = self.phase(service, old)
        sizes[wanted], shrunk = strategy.resize(number, before, sets[-1], sets[:-1], phase)
        sizes.update(zip(old, shrunk, strict=True))
        self.sized_for[service] = number
        return sizes != now or number != before

    def phase(self, service: str, old: list[Version]) -> Phase:
        """What a rollout's controller last said; nothing yet about a version that is this new."""
        split = self.cluster.splits.get(service)
        if split is None or split.version != self.cluster.versions[service]:
            return Phase(stable=len(old) - 1)
        return Phase(split.new, split.old, old.index(split.stable) if split.stable in old else -1)

    def available(self, live: Sequence[Container], min_ready_s: float) -> int:
        """Ready for long enough."""
        now, count = self.cluster.clock.now, 0
        for c in live:
            if not c.ready or c.ready_since_s is None:
                continue
            due = c.ready_since_s + min_ready_s
            count += due <= now
            if due > now and self.waiting_s.get(c.id) != due:
                self.waiting_s[c.id] = due
                self.cluster.clock.loop(self.look_again(c, due))
        return count

    def look_again(self, c: Container, due_s: float) -> Loop:
        yield self.cluster.clock.at(due_s, Rank.ROLLOUT, c.id)
        yield from self.cluster.thawed("controllers")
        self.sync(c.service)
        self.place()

    def live(self, service: str) -> list[Container]:
        return [c for c in self.cluster.of(service) if not c.deleting]

    def pending(self, service: str) -> list[Pending]:
        return [p for p in self.cluster.pending if p.service == service]

    def any_version(self, service: str) -> None:
        """Nobody rolls out: only the number is kept (what an operator has stopped by hand in order
        to replace it does not count)."""
        version = self.cluster.versions[service]
        live = [c for c in self.live(service) if c.version == version or not c.manually_stopped]
        wanted = self.cluster.desired[service]
        self.correct(service, version, wanted, live, self.pending(service))

    def correct(
        self,
        service: str,
        version: Version,
        size: int,
        live: list[Container],
        waiting: list[Pending],
    ) -> None:
        """Ask for missing replicas, retire surplus ones."""
        surplus = len(live) + len(waiting) - size
        if surplus < 0 and self.must_wait(service):
            return  # a removal comes as a change
        for _ in range(-surplus):
            self.cluster.wait_for_server(service, version)
        if surplus > 0:
            candidates = self.candidates(service, live, waiting)
            leaving = self.leaving(candidates, self.cluster.clock.now)[:surplus]
            for p in waiting:
                if -p.id - 1 in leaving:
                    self.cluster.wait_no_more(p)
            for c in live:
                if c.id in leaving:
                    self.cluster.retire(c)

    def candidates(
        self, service: str, live: Sequence[Container], waiting: Sequence[Pending]
    ) -> list[DeletionCandidate]:
        """Of one version; those without a server have ids below 0."""
        lot = self.cluster.lot
        unplaced = [
            DeletionCandidate(
                -p.id - 1, None, started=False, ready=False, created_s=int(p.since_s),
                uid=lot("pod/uid", -p.id - 1),
            )
            for p in waiting
        ]  # fmt: skip
        related = [c.server.id for c in self.live(service)]
        beside = ranks([c.server.id for c in live], related)
        return unplaced + [
            DeletionCandidate(
                c.id, c.server.id, c.run > 0, c.ready, rank,
                None if c.ready_since_s is None else int(c.ready_since_s),
                c.restarts, int(c.created_s), lot("pod/uid", c.id),
            )
            for c, rank in zip(live, beside, strict=True)
        ]  # fmt: skip

    def must_wait(self, service: str) -> bool:
        """Does a strategy that stops first still stop one? What runs on where nobody hears it is
        not waited for."""
        if self.strategy is None or not self.strategy.stop_first:
            return False
        return any(c.deleting and c.alive and c.server.ready for c in self.cluster.of(service))

    def stateful(self, service: str) -> None:
        """One name, one replica: no new one while the old one exists, wherever it is."""
        wanted, version = self.cluster.desired[service], self.cluster.versions[service]
        members = [c for c in self.cluster.of(service) if not self.is_left_behind(c)]
        for _ in range(wanted - len(members) - len(self.pending(service))):
            self.cluster.wait_for_server(service, version)
        if self.strategy is None:
            return
        live = self.live(service)
        stale = next_stale([(c.version == version, c.ready) for c in live], wanted)
        if len(live) > wanted:
            self.cluster.retire(live[-1])
        elif stale is not None:
            self.cluster.retire(live[stale])

    def is_left_behind(self, c: Container) -> bool:
        """Has its server fallen silent with it, and may another one begin without its disk?"""
        volume = self.cluster.volumes.get(c.service)
        return c.deleting and not c.server.answers and volume is not None and not volume.pinned

    # ---- a place and a process ----
    def place(self) -> None:
        """Bind what waits, in the scheduler's order; what fits nowhere waits for a change."""
        if self.cluster.frozen["scheduler"]:
            return
        placed: dict[tuple[str, str], list[Container]] = {}
        for pending in self.queue.order(list(self.cluster.pending)):
            server = self.choose(pending)
            if server is not None:
                of_one = placed.setdefault((pending.service, pending.version.name), [])
                of_one.append(self.bind(pending, server))
                continue
            if not pending.unschedulable:
                self.unschedulable(pending)
            self.queue.rejected(pending)
        for (service, version), bound in placed.items():
            text = ", ".join(f"{c.name} on {c.server.name}" for c in bound)
            self.cluster.say("placed", service, f"placed ({version}): {text}")

    def choose(self, pending: Pending) -> Server | None:
        """The scheduler's choice; what has a disk in one server goes there or waits for it."""
        volume = self.cluster.volumes.get(pending.service)
        if volume is None or volume.moves or not volume.pinned:
            return self.queue.choose(pending)
        home = volume.server
        open_ = home.alive and home.ready and not home.cordoned and home.released_s is None
        load = load_of(self.cluster, home, pending.service)
        return home if open_ and fits(load, requested(self.cluster, pending.service)) else None

    def bind(self, pending: Pending, server: Server) -> Container:
        self.cluster.wait_no_more(pending)
        name = self.kept_name(pending.service)
        c = self.cluster.create(pending.service, server, pending.version, name=name)
        self.cluster.clock.loop(self.kubelets.launch(c))
        return c

    def kept_name(self, service: str) -> str | None:
        """A member of a StatefulSet has the name of the one whose place it takes."""
        if self.cluster.service(service).role not in STATEFUL:
            return None
        taken = {c.name for c in self.cluster.of(service)}
        return next(name for n in count(1) if (name := f"{service}-{n}") not in taken)

    def unschedulable(self, pending: Pending) -> None:
        first = not any(p.unschedulable for p in self.pending(pending.service))
        self.cluster.unschedulable(pending)
        if first:
            volume = self.cluster.volumes.get(pending.service)
            text = f"no server has room for another {pending.service}: it waits"
            if volume is not None and not volume.moves:
                given_up = volume.server.released_s is not None
                text = f"{pending.service} waits for {volume.server.name}: its volume is there"
                text = f"{pending.service} waits for another disk" if given_up else text
            self.cluster.say("unschedulable", pending.service, text)
        self.cluster.tell(Change("pending", service=pending.service))

    # ---- the end ----
    def end(self, c: Container) -> None:
        """Terminate a retired replica, once; what is on a silent server waits for it."""
        reachable = c.server.answers or c.server.released_s is not None
        if c.id not in self.ending and reachable and c in self.cluster.containers:
            self.ending.add(c.id)
            self.cluster.clock.loop(self.terminate(c))

    def terminate(self, c: Container) -> Loop:
        """preStop, SIGTERM, grace, SIGKILL; then the object goes, or its name begins anew."""
        stop = self.cluster.service(c.service).stop
        if c.alive:
            whose = self.strategy or self.kubelets.kubelet
            grace = whose.grace_s if stop.grace is None else stop.grace
            linger_s = self.linger_s(c)
            yield self.cluster.stop(c, linger_s + grace, linger_s + stop.pre_stop)
        self.ending.discard(c.id)
        server = c.server
        if not server.answers and server.released_s is None:
            return  # Terminating until its kubelet answers
        wanted = len(self.cluster.of(c.service)) <= self.cluster.desired[c.service]
        stays = server.answers and not server.cordoned and wanted and not c.preempted
        volume = self.cluster.volumes.get(c.service)
        stays = stays and (volume is None or volume.moves or volume.server is server)
        if stays and self.cluster.service(c.service).role in STATEFUL:
            self.cluster.renew(c, self.cluster.versions[c.service])
            self.cluster.clock.loop(self.kubelets.launch(c))
        else:
            self.cluster.remove(c)

    def linger_s(self, c: Container) -> float:
        """How long it serves on, out of the balancer, before anything tells it to stop."""
        discovery = self.cluster.choices.service_discovery
        takes_requests = self.cluster.service(c.service).role == "http"
        if not (takes_requests and c.ready and able(discovery, Lingering)):
            return 0.0  # no balancer has it
        return discovery.linger_s
