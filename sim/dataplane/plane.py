"""The seam between the planes: verbs down, notices up, tables to read.

Everything that acts once per request is data (profile.py); whatever decides something (a
controller, an operator) lives in the control plane and speaks to an engine only in these verbs.

Rule for time. An instant is: one timed event -> all that follows at once, first in first out ->
CPU shares settle -> notices -> the next timed event, by (time, kind, id). `advance(until)`
processes all events with t <= until. The control plane acts after the data plane at its instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from sim.dataplane.codes import Note, StandingPlace
from sim.dataplane.profile import Arrivals, Law, Profile, Routing
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


class Notice(NamedTuple):
    t_s: float
    note: Note
    id: int  # container, server or probe id


class StandingCheck(NamedTuple):
    """A health check as its asker would go on with it: the k-th question at first_s + k x period_s,
    counted anew after each answer (a slow one skips questions); or, without a grid, each period_s
    after the answer before."""

    key: int  # `standing_key`: its place in an instant
    deep: bool
    first_s: float
    period_s: float
    timeout_s: float
    k: int
    due_s: float  # the next question, to the last bit
    grid: bool = True


def standing_key(container: int, place: StandingPlace) -> int:
    """Of a standing check of a container, of which it has one at each place."""
    return len(StandingPlace) * container + place


class RoundsSoFar(NamedTuple):
    """Where a standing check is."""

    k: int
    due_s: float  # of its next question
    asked_s: float  # of the open one
    probe: int  # the open question's number; -1: none is open


class DataPlane(Protocol):
    """The seam. Verbs act at `now` and finish all that follows at once before they return."""

    @property
    def now(self) -> float: ...

    @property
    def stirred(self) -> bool:
        """Has a verb acted since the last `advance`? If not, nothing more is due at `now`."""

    def advance(self, until: float) -> tuple[float, list[Notice]]:
        """Run to `until` (inclusive) or to the first instant with notices: (where, notices)."""

    # machines
    def add_server(self, cores: float, memory: int) -> int: ...
    def server_down(self, server: int) -> None:
        """Power loss: its containers stop, packets to it vanish, nobody is told."""

    def server_up(self, server: int) -> None:
        """Booted: its containers are exited, connections to them are refused at once."""

    def place(self, server: int, segment: int) -> None:
        """Which segment of the network it stands in; 0 until it is told."""

    def link(self, asking: int, asked: int, round_trip: Law) -> None:
        """How long a packet and its answer take between servers of two segments (ONE_SERVER twice:
        within a server; 0 first: from users) from now on. A service's call travels once, and once
        more where it opens its connection; so do users, by their way in, and what a proxy in a
        container passes on; a push and a look-up in a cache once; a query once, and
        LOGIN_TRIPS more for a new connection without a pooler. All of it is taken on the way there:
        who is asked sees it late, and its answer is there at once."""

    def lose(self, sending: int, receiving: int, share: float) -> None:
        """So large a share of the packets from servers of one segment to those of another is lost
        from now on (segment 0: the world outside; within a server none is). TCP sends them again: a
        SYN each second until its sender's connect time-out; what goes over an open connection after
        RESEND_S, and after twice as long each time. At 1 the link is cut: connections that are open
        stay so, and silent. Subject to it: requests, calls, queries, pushes, look-ups and their
        answers, acknowledgements of jobs; of a link that is cut, whatever else passes between
        containers."""

    def set_gates(self, servers: Sequence[int], local: bool = False) -> None:
        """Each new connection of users comes in by one of these servers, drawn for its try; one
        that is dead swallows it, and what is lost, and how long it takes, is by it. `local`: it
        stays on that server, and is swallowed by one that has no backend while others have. None:
        straight in."""

    def close_gate(self, server: int) -> None:
        """All connections that users have open by this server are reset. Where it loses power they
        fall silent, and are reset when it is back."""

    def wipe(self, queue: int = 0) -> None:
        """The disk under this queue is gone, while its process is dead: what it kept is lost."""

    def promote(self, queue: int, since_s: float) -> None:
        """A replica takes the place of this queue's server that knows all it did up to then: jobs
        pushed later are lost, those taken later wait there once more. Comes before the
        `set_profile`, or `start`, by which a container plays this queue."""

    def part(self, queue: int, other: int, segments: Sequence[int]) -> None:
        """From now on who pushes from these segments takes another queue for this one: its old
        primary, which has not heard that it is one no more. None: nobody does."""

    def strand(self, database: int) -> None:
        """This database is no more where its clients are connected, and nobody closes what is
        open: of those who hear nothing of its process the connections lead where they led, silent;
        all others are reset. Comes before the `set_profile`, or `start`, by which another process
        plays it, or its own takes no writes. A query over one is given up after the pool's
        `silence_s`; all break when the old process ends, takes writes again or plays another
        database, or its server boots. Where a pooler stands before it nothing is stranded."""

    def flush(self, cache: int) -> None:
        """This cache has forgotten all that it held."""

    def enqueue(self, queue: int, jobs: int) -> None:
        """So many jobs that no request pushes (cron) come into this queue, or are lost if it is
        down. The n-th of them is the same job whatever else is pushed."""

    # containers: one id is one address; it may start again after it exited
    def add_profile(self, profile: Profile) -> int: ...
    def add_container(self, profile: int, server: int) -> int: ...
    def start(self, container: int, profile: int) -> None:
        """The process is up: opens `pool_at_start` connections, then listens (LISTENING)."""

    def drain(self, container: int) -> None:
        """Close the listening socket, drop its backlog, finish what runs, then DRAINED."""

    def exit(self, container: int, oom: bool = False) -> None:
        """The process ends: requests inside are reset, its connections are freed at once."""

    def hang(self, container: int) -> None:
        """Accepts and never answers (a stalled database, a deadlock) until `resume`."""

    def resume(self, container: int) -> None: ...
    def set_cpu_limit(self, container: int, cores: float) -> None:
        """Another limit from now on (`docker update --cpus`, a resize in place); its next process
        starts with that of its profile."""

    def set_profile(self, container: int, profile: int) -> None:
        """A process that lives goes on by another profile of its kind: works that begin from now
        on, queries that lock. What it holds, it holds by its old one: its memory's fields, the
        steps that call, the databases it asks and, of a worker, its queue and `reliable` must be
        the same. CPU limit and weight stay. A database or a queue by a profile of another
        number is that one from now on (a replica is promoted): connections to it, and to the one
        that it was, are reset."""

    def lock_out(self, container: int, locked: bool) -> None:
        """The database refuses the password that this container holds (SQLSTATE 28P01): its new
        connections fail, those that are open stay. Holds for its next processes too, until undone.
        """

    def set_extra_memory(self, container: int, extra: int) -> None:
        """Bytes a fault adds to the container (a leak by the clock)."""

    def watch_memory(self, server: int, above: int) -> None:
        """Tell (Note.SHORT) at the next change after which its containers use more than so many
        bytes, and then no more; 0: at none."""

    # what the balancer believes
    def publish(self, backends: Sequence[int], via: int = -1, service: int = 0) -> None:
        """Who asks this service is routed to these containers; `via` is the proxy's own container,
        -1 if it cannot fail. A container is of the service that listed it last."""

    def set_routing(self, routing: Routing, service: int = 0) -> None:
        """Other rules from now on (a balancer goes live); failures in a row count from 0. A service
        but 0 begins with those of `Routing()`, and with nobody listed."""

    # who comes
    def set_arrivals(self, arrivals: Arrivals) -> None:
        """Other arrivals from now on; what they say of the time up to now is past.

        The request that is due next keeps what is left of its unit exponential, and the new rate
        takes it off: the same rate again changes nothing (but rounding), at rate 0 nobody comes,
        and after it all come later by so much. The instants of a trace (`times_s`) are kept as
        they are; what is left of the draw then waits for the next rate."""

    # probes
    def probe(self, container: int, deep: bool = False) -> int:
        """Send a health check through the container's own queue; `deep` queries the database.

        The answer comes as PROBE_OK or PROBE_FAILED; from a silent process or host, never. At a
        full listen backlog its SYN is sent again each second, until `forget`."""

    def forget(self, probe: int) -> None:
        """Who sent this health check has left: a SYN of it is sent no more. What was accepted
        goes on, and is told as ever."""

    # those that go on by themselves
    def stand(self, check: StandingCheck) -> bool:
        """Ask by itself from now on, and tell nothing as long as it is answered well and in time.
        False: this engine does not; whoever asks goes on to ask."""

    def recall(self, key: int) -> RoundsSoFar:
        """It asks no more by itself: how it stands."""

    def standing(self, probe: int) -> int:
        """Which check has sent this probe and waits for its answer; -1: none that stands."""

    # observation
    def stands_until(self, least_s: float = 0.0) -> float:
        """Unless a verb acts, nothing happens before this time but standing checks, which all pass,
        and no gauge changes but by what they use. `now` where that cannot be said, costs more than
        to look, or would be no later than `least_s`."""

    @property
    def stood_s(self) -> float:
        """It has stood since then, when it was last found to stand."""

    def checks_use(self, container: int, within_s: float) -> float:
        """CPU seconds that its standing checks use at most in so long."""

    def gauge(self) -> PlaneGauge: ...
    def container_gauge(self, container: int) -> ContainerGauge: ...
    def server_memory(self, server: int) -> int:
        """Bytes that its containers use."""

    def service_gauge(self, service: int) -> ServiceGauge: ...
    def call_gauges(self, profile: int) -> tuple[CallGauge, ...]:
        """Of each calling step of this version, in their order; OF_USERS: of each service that they
        ask, in the order of `Workload.doors`."""

    def database_gauge(self, database: int) -> DatabaseGauge: ...
    def queue_gauge(self, queue: int) -> QueueGauge: ...
    def cache_gauge(self, cache: int) -> CacheGauge: ...
    def books(self) -> Books: ...
    def recording(self) -> Recording: ...
    def samples(self) -> Samples:
        """Up to now, that of now included where one is due: then nobody may act any more at this
        instant."""
