"""What the controllers of one run share: the state, how to read it, wait for it and tell of it.

Containers and servers are changed by the verbs in containers.py and cluster.py alone. What belongs
to one mechanism is not here: it keeps a state of its own (`state`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import simpy

from sim.control.core.choices import NOBODY, Choices
from sim.control.core.clock import Clock, Loop, Rank
from sim.control.core.records import (
    Change,
    ChangeKind,
    Container,
    Front,
    NonsenseError,
    Pending,
    Server,
    Split,
    State,
    Tallies,
    Trouble,
    Volume,
)
from sim.control.core.ticks import Ticks, keeps_nothing
from sim.dataplane import draws
from sim.dataplane.arithmetic import draw
from sim.dataplane.codes import OF_USERS, StandingPlace
from sim.dataplane.plane import DataPlane, RoundsSoFar, standing_key
from sim.dataplane.profile import Law, Profile
from sim.dataplane.tables import CacheGauge, CallGauge, PlaneGauge, QueueGauge, ServiceGauge
from sim.results.run import TimelineRow
from sim.schema.characters import printable
from sim.schema.fields import InputError, LawSpec
from sim.schema.scenario import Version
from sim.schema.stack import Service, Stack
from sim.schema.text.validation import closest, one_of

if TYPE_CHECKING:
    from sim.control.core.wires import Cut

T = TypeVar("T")
# stillness of which the looks that it would save are not worth its own; and so long nobody asks
# again where there was none
SHORT_S = 30.0
KINDS: tuple[str, ...] = get_args(ChangeKind)
LAWS = {"constant": 0, "exponential": 1, "lognormal": 2, "uniform": 3}


@dataclass
class World:
    """What the controllers of one run share. `profile_of(service, version)` makes a data-plane
    profile."""

    clock: Clock
    plane: DataPlane
    stack: Stack
    seed: int
    profile_of: Callable[[str, Version], Profile]
    host_ports: bool = True  # containers share the server's ports (Compose); pods do not
    choices: Choices = NOBODY  # controllers ask each other's data (a grace period) here
    left_to_operator: frozenset[str] = frozenset()  # names of the choices that are empty
    servers: list[Server] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    # the same by service and by server: a container has one of each for life
    by_service: dict[str, list[Container]] = field(default_factory=dict)
    by_server: dict[int, list[Container]] = field(default_factory=dict)
    # what a provider runs, by service: nobody here schedules, starts or checks it
    managed: dict[str, Container] = field(default_factory=dict)
    pending: list[Pending] = field(default_factory=list)  # replicas that wait for a server
    volumes: dict[str, Volume] = field(default_factory=dict)  # of a service
    desired: dict[str, int] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)
    previous: dict[str, Version] = field(default_factory=dict)  # what `rollout undo` writes back
    plays: dict[str, int] = field(default_factory=dict)  # whose number a store has
    silent_s: dict[str, float] = field(default_factory=dict)  # when a service last fell silent
    unpromoted: set[str] = field(default_factory=set)  # those of which a failover has failed
    read_only: dict[str, float] = field(default_factory=dict)  # stores that take no writes, since
    # queues with two primaries: the number of the one that has not heard of the other
    parted: dict[str, int] = field(default_factory=dict)
    failed: dict[tuple[str, Version], int] = field(default_factory=dict)  # exits of a version
    paused: set[str] = field(default_factory=set)  # services whose rollout stands still
    callers: dict[str, list[int]] = field(default_factory=dict)  # all profiles of each service
    frozen: Counter[str] = field(default_factory=Counter)  # parts of the control plane, how often
    troubles: list[Trouble] = field(
        default_factory=list
    )  # what a person can find, the oldest first
    tuned: dict[str, list[Callable[[Profile], Profile]]] = field(default_factory=dict)
    misconfigured: set[str] = field(default_factory=set)  # services that end when they start
    lost_zones: set[str] = field(default_factory=set)  # of the provider's
    # the network (wires.py): servers with a segment of their own, round trips and shares of packets
    # lost by segment and segment, and what tears it now
    own_segments: dict[int, int] = field(default_factory=dict)
    round_trips: dict[tuple[int, int], Law] = field(default_factory=dict)
    lost: dict[tuple[int, int], float] = field(default_factory=dict)
    cuts: list[Cut] = field(default_factory=list)
    unsaid: dict[int, bool] = field(default_factory=dict)  # of containers: ready, says its server
    registry_down: int = 0  # how many things keep images from being pulled
    images_missing: set[str] = field(default_factory=set)  # services whose image nobody has pushed
    splits: dict[str, Split] = field(default_factory=dict)  # of versions, where a rollout has one
    timeline: list[TimelineRow] = field(default_factory=list)
    edits: int = 0  # grows with whatever a verb changes of what can be seen here
    count: Tallies = field(default_factory=Tallies)
    # health checks that the data plane goes on with: who has each back
    standing: dict[int, Callable[[RoundsSoFar], None]] = field(default_factory=dict)
    calm_s: float = 0.0  # `calm_until`, as it was last found
    not_calm_s: float = 0.0  # when a loop of theirs looks that may act, or all ask anew
    tickers: list[Ticks] = field(default_factory=list)  # loops whose looks may be left out
    _watchers: list[tuple[frozenset[str], simpy.Store]] = field(default_factory=list)
    _states: dict[int, tuple[object, Any]] = field(default_factory=dict)
    _drawn: dict[str, int] = field(default_factory=dict)

    # ---- reading ----
    def service(self, name: str) -> Service:
        return self.stack.services[name]

    def of(self, service: str, *states: State) -> list[Container]:
        """Containers of a service in creation order, in these states (all when none is named)."""
        its = self.by_service.get(service, [])
        return [c for c in its if c.state in states] if states else its.copy()

    def on(self, server: Server) -> list[Container]:
        return self.by_server.get(server.id, []).copy()

    @cached_property  # roles and calls do not change while it runs
    def asked(self) -> list[str]:
        """Services that somebody asks, in the order of their numbers."""
        return self.stack.asked()

    @cached_property
    def queue_names(self) -> list[str]:
        """In the order of their numbers."""
        return self.stack.playing("redis")

    @cached_property
    def entry(self) -> str:
        """The service that users call: the first that answers requests."""
        return self.stack.entry

    @cached_property
    def doors(self) -> list[str]:
        """All that users call, the entry first."""
        return self.stack.doors

    def door(self, service: str) -> str:
        """The service, if users call it; else the entry."""
        return service if service in self.doors else self.entry

    @cached_property
    def fronts(self) -> dict[str, Front]:
        """What stands before each service that is asked, by its name; the entry's first."""
        return {
            name: Front(name, number)
            for number, name in enumerate(self.asked)
            if name not in self.stack.playing("external")
        }

    @cached_property
    def others(self) -> dict[str, Front]:
        """The same before services that somebody else runs."""
        outside = self.stack.playing("external")
        return {n: Front(n, self.asked.index(n)) for n in outside if n in self.asked}

    def front(self, service: str = "") -> Front:
        """Before this service; before the entry, which users ask, where none is named."""
        name = service or self.entry
        return self.others[name] if name in self.others else self.fronts[name]

    def proxy_of(self, service: str = "") -> Container | None:
        """The stack's own proxy container, through which all that the world asks passes, but for
        what publishes a port beside the entry; between services there is none."""
        if service not in ("", self.entry) and (
            service not in self.doors or self.service(service).port is not None
        ):
            return None
        proxies = [c for name in self.stack.playing("proxy") for c in self.of(name)]
        return proxies[0] if proxies else None

    def stream(self, name: str, service: str) -> str:
        """The stream of what is drawn for one service that is asked: no service's draws depend on
        how often another one changes. The entry's is the name itself."""
        return name if service == self.entry else f"{name}/{service}"

    def primary_of(self, database: str) -> str:
        """The service that serves what is asked of this database or queue: itself, or a promoted
        replica."""
        number, role = self.stack.number(database), self.service(database).role
        taken = (name for name, played in self.plays.items() if played == number)
        return next((name for name in taken if self.service(name).role == role), database)

    def answering(self, service: str) -> list[Container]:
        """Its containers that serve, as far as anybody hears."""
        serving = self.of(service, "running")
        return [c for c in serving if c.alive and not c.hung and c.server.heard]

    def standby(self, database: str) -> str:
        """A service that has what this database has, and serves; "" if there is none."""
        followers = {database, *self.stack.replicas(database)} - {self.primary_of(database)}
        return next((n for n in self.stack.services if n in followers and self.answering(n)), "")

    def everybody(self) -> Iterator[Container]:
        """All containers, first what a provider runs."""
        return chain(self.managed.values(), self.containers)

    @property
    def lends(self) -> bool:
        """Has the provider a server for us: of its zones, is one there?"""
        zones = self.stack.servers.zones
        return not zones or any(zone not in self.lost_zones for zone in zones)

    @property
    def quota_reached(self) -> bool:
        """Does the provider lend no more servers than there are?"""
        quota = self.stack.servers.quota
        return quota is not None and sum(s.released_s is None for s in self.servers) >= quota

    def in_zone(self, zone: str) -> list[Server]:
        """The servers there that nobody has given back."""
        return [s for s in self.servers if s.zone == zone and s.released_s is None]

    def apart(self, service: str, servers: list[Server]) -> list[Server]:
        """Of these, for a database those away from its copies: in another zone, or else on another
        server; all, where there is none. For anything else all."""
        copies = [c for name in self.stack.copies(service) for c in self.of(name) if not c.deleting]
        if not copies:
            return servers
        there = {c.server.id for c in copies}
        zones = {c.server.zone for c in copies if c.server.zone}
        elsewhere = [s for s in servers if s.zone not in zones] if zones else []
        return elsewhere or [s for s in servers if s.id not in there] or servers

    def by_zone(self, service: str) -> Counter[str]:
        """Replicas of a service that are placed in each zone; 0 in any other."""
        if not self.stack.servers.zones:
            return Counter()
        return Counter(c.server.zone for c in self.of(service) if not c.deleting)

    def numbered(self, index: int) -> Server:
        """Server number `index` from 0, as scenarios count. InputError if it is not there (yet)."""
        if index < len(self.servers):
            return self.servers[index]
        raise InputError(
            field="server",
            found=f"server {index} at {self.clock.now:g}s",
            expected=f"an index below {len(self.servers)}: so many servers the platform has then",
        )

    # ---- what monitoring counts ----
    def open_requests(self, service: str) -> int:
        """Requests for a service without an answer yet, those that wait for a replica, too."""
        if [service] == self.doors:
            return self.plane.gauge().in_flight
        return self.plane.service_gauge(self.front(service).number).open

    def fullest_database(self) -> str:
        """The database that has refused most connections so far; the first of equals."""
        databases = self.stack.playing("postgres")
        if len(databases) == 1:
            return databases[0]

        def refused(name: str) -> int:
            return self.plane.database_gauge(self.stack.number(name)).connections_refused

        return max(databases, key=refused)

    def services(self) -> dict[str, ServiceGauge]:
        """What became of all that was asked of each, in the order of their numbers."""
        return {name: self.plane.service_gauge(i) for i, name in enumerate(self.asked)}

    def queues(self) -> dict[str, QueueGauge]:
        """What waits in each, in the order of their numbers."""
        return {name: self.plane.queue_gauge(i) for i, name in enumerate(self.queue_names)}

    def caches(self) -> dict[str, CacheGauge]:
        """What became of each look into each, in the order of their numbers."""
        names = self.stack.playing("cache")
        return {name: self.plane.cache_gauge(number) for number, name in enumerate(names)}

    def calls(self) -> dict[str, dict[str, dict[str, CallGauge]]]:
        """What each service asked of each other one, by whatever version of it: of each endpoint
        that it asks by name, and "" for all other calls."""
        edges: dict[str, dict[str, dict[str, CallGauge]]] = {}
        for name, service in self.stack.services.items():
            steps = [s for s in service.every_step if s.call is not None]
            counted = [self.plane.call_gauges(profile) for profile in self.callers.get(name, ())]
            for step, *seen in zip(steps, *counted, strict=True):
                named = edges.setdefault(name, {}).setdefault(step.target, {})
                before = named.get(step.endpoint or "", CallGauge())
                named[step.endpoint or ""] = CallGauge(*map(sum, zip(before, *seen, strict=True)))
        return edges

    def user_calls(self) -> dict[str, dict[str, CallGauge]]:
        """What users asked of each service."""
        seen = self.plane.call_gauges(OF_USERS)
        return {door: {"": gauge} for door, gauge in zip(self.doors, seen, strict=True)}

    def backlogs(self, gauge: PlaneGauge | None = None) -> tuple[int, ...]:
        """Jobs that wait in each queue, by its number. One alone has all (`gauge`: where that has
        been read): then nobody walks over them."""
        if len(self.queue_names) < 2:
            return ((gauge or self.gauge()).jobs_queued,)
        return tuple(queue.queued for queue in self.queues().values())

    def jobs_waiting(self, service: str) -> int:
        """In the queue from which it takes; in all, for one that takes none."""
        backlogs, number = self.backlogs(), self.stack.number
        takes = len(backlogs) > 1 and self.service(service).role == "worker"
        return backlogs[number(self.stack.queue_of(service))] if takes else sum(backlogs)

    def asked_so_far(self, service: str) -> int:
        """Requests for a service since the start, as whoever stands before it counts them."""
        if [service] == self.doors:
            return self.plane.gauge().arrived
        seen = self.plane.service_gauge(self.front(service).number)
        return seen.asked + seen.retries

    def gauge(self) -> PlaneGauge:
        """What monitoring counts of requests, jobs and connections."""
        return self.plane.gauge()

    @property
    def stood_s(self) -> float:
        """Nothing but checks that pass has happened since, while it is calm."""
        return self.plane.stood_s

    def calm_until(self, least_s: float) -> float:
        """Before this time nothing happens but checks that pass, and no loop's look changes
        anything; 0 where that is not so, or no longer than to `least_s`."""
        now = self.clock.now
        if now < self.calm_s:
            return self.calm_s
        if now < self.not_calm_s:
            return 0.0
        until_s = self.plane.stands_until(max(least_s, now + SHORT_S))
        if until_s > least_s:
            until_s = min(until_s, self.clock.undisturbed_until())
        else:
            self.not_calm_s = now + SHORT_S
        for ticks in self.tickers:
            if until_s <= least_s:
                return 0.0
            calm_s = ticks.calm()
            if calm_s < ticks.due_s:
                self.not_calm_s = calm_s = ticks.due_s
            until_s = min(until_s, calm_s)
        self.calm_s = until_s
        return until_s

    # ---- waiting ----
    def step(self) -> None:
        """Take the event that is due; who slept until somebody acts looks again."""
        edits = self.edits
        if self.clock.step() or self.edits != edits:
            self.clock.wake()

    def ticks(
        self, period_s: float, rank: Rank, first_s: float = 0.0, key: int = 0, *,
        calm: Callable[[], float], left_out: Callable[[Sequence[float]], None] = keeps_nothing,
        kept: int = 0, chained: bool = False, deaf: bool = False,
    ) -> Ticks:  # fmt: skip
        """What a loop waits for again and again: see there."""
        ticks = Ticks(
            self.clock, self.calm_until, period_s, rank, first_s, key,
            calm=calm, left_out=left_out, kept=kept, chained=chained, deaf=deaf,
        )  # fmt: skip
        if rank is not Rank.OBSERVER:  # whose looks change nothing for anybody
            self.tickers.append(ticks)
        return ticks

    def watch(self, *kinds: ChangeKind) -> simpy.Store:
        """A queue of the Changes of these kinds from now on; `change = yield store.get()`.
        NonsenseError for a kind that never comes."""
        for kind in kinds:
            if kind not in KINDS:
                near = closest(kind, KINDS)
                expected = one_of(KINDS) + (f"; did you mean {near}?" if near else "")
                raise NonsenseError(f"a watch for {kind!r}", expected)
        store = simpy.Store(self.clock.env)
        self._watchers.append((frozenset(kinds), store))
        return store

    def pullable(self, service: str) -> bool:
        """Would a registry give out its image now?"""
        return not self.registry_down and service not in self.images_missing

    def thawed(self, part: str) -> Loop:
        """Wait for as long as this part of the control plane is frozen."""
        if self.frozen[part]:
            changes = self.watch("thawed")
            while self.frozen[part]:
                yield changes.get()
            self._watchers = [each for each in self._watchers if each[1] is not changes]

    def state(self, owner: object, make: Callable[[], T]) -> T:
        """What `owner`, a mechanism (a frozen record), keeps of this run: what `make` gives when it
        is first asked for; the same object ever after."""
        if id(owner) not in self._states:
            self._states[id(owner)] = (owner, make())  # the owner stays alive, and its id its own
        kept: T = self._states[id(owner)][1]
        return kept

    def random(self, name: str) -> float:
        """The next uniform of a named stream: the same sequence on every platform and engine."""
        n = self._drawn.get(name, 0)
        self._drawn[name] = n + 1
        return draws.u(self.seed, draws.stream(name), n)

    def lot(self, name: str, ident: int) -> float:
        """The uniform that one thing has drawn from a named stream, whenever it is asked for."""
        return draws.u(self.seed, draws.stream(name), ident)

    def duration(self, law: LawSpec, name: str) -> float:
        """The next value of a law, seconds, drawn from the stream `name`."""
        u1, u2 = self.random(name), self.random(name)
        return draw(LAWS[law.law], law.mean, law.cv, u1, u2)

    # ---- telling ----
    @property
    def moment(self) -> tuple[float, int]:
        """When, and in which state: who looks twice in one moment sees the same."""
        return self.clock.now, self.edits

    def say(self, event: str, subject: str, text: str) -> None:
        """A line of the timeline; a user's own platform may say anything."""
        line = printable(text.replace("\n", " "))
        self.timeline.append(TimelineRow(self.clock.now, event, printable(subject), line))

    def tell(self, change: Change) -> None:
        """Put it into the queue of everybody who watches for its kind; what a provider runs is its
        own affair."""
        self.edits += 1
        if change.container is not None and change.container.service in self.managed:
            change = Change("managed", change.container)
        if self.standing:
            self._changed(change)
        for kinds, store in self._watchers:
            if change.kind in kinds:
                store.put(change)

    def _changed(self, change: Change) -> None:
        """Whoever it concerns asks its next question itself, for what it makes of the answer."""
        if change.container is not None:
            concerned = [change.container]
        else:
            concerned = [] if change.server is None else self.on(change.server)
        for c in concerned:
            for place in StandingPlace:
                self.recall(standing_key(c.id, place))

    def recall(self, key: int) -> None:
        """A standing check goes back to whoever had it stand."""
        back = self.standing.pop(key, None)
        if back is not None:
            back(self.plane.recall(key))

    # ---- counting ----
    def fault(self, anew: bool = False) -> None:
        """Something goes wrong: from the first such moment the time to detect is measured."""
        if anew or self.count.fault_s is None:
            self.count.fault_s, self.count.detected_s = self.clock.now, None

    def acted(self, measured_s: float = math.inf) -> None:
        """The first action on the fault, automatic or human: stops the time-to-detect clock.

        `measured_s`: the beginning of the time that was measured. Who judges by a time before the
        fault (an autoscaler, by usage) has not seen it, and acts then by chance."""
        count = self.count
        if count.fault_s is not None and count.detected_s is None and measured_s >= count.fault_s:
            count.detected_s = self.clock.now

    def paged(self) -> None:
        """The operator is called."""
        self.count.pages += 1

    def hands_on(self, seconds: float, work: str) -> None:
        """The operator begins to work on something for so long."""
        self.count.hands.append((self.clock.now, seconds, work))

    def mistaken(self, times: int = 1) -> None:
        """The operator has made mistakes."""
        self.count.mistakes += times
