"""What moves: one attempt of a request, one job, one health probe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.dataplane.arithmetic import INFINITY, attempt_id
from sim.dataplane.codes import CALL_BASE, SILENT, AttemptPhase, Outcome

if TYPE_CHECKING:
    import simpy

    from sim.dataplane.profile import Client
    from sim.dataplane.reference.balancers import Balancer
    from sim.dataplane.reference.clients import Caller
    from sim.dataplane.reference.containers import Hardware, Instance
    from sim.dataplane.reference.jobs import JobQueue
    from sim.dataplane.reference.postgres import Pool

ON_THE_WAY = (
    AttemptPhase.CONNECTING,
    AttemptPhase.RESENDING,
    AttemptPhase.PAUSING,
    AttemptPhase.TRAVELLING,
    AttemptPhase.ANSWERING,
    AttemptPhase.HELD,
)


def reach(process: Instance | None, asker: Instance | None) -> int:
    """0 if a database, a queue or a cache answers; SILENT; else what a refusal is to who asks
    (nobody in particular: as on its own server)."""
    if process is None:
        return Outcome.HTTP_500
    if not process.server.alive or process.hung:
        return SILENT
    if asker is not None and process.plane.links.torn(asker.server, process.server):
        return SILENT
    return 0 if process.listening else Outcome.HTTP_500


@dataclass(eq=False, slots=True)
class Work:
    """Something a container works on. A work whose container dies is never resumed."""

    id: int
    visit: int = 0  # who asks: the request; of it are the draws that a retry must not change
    tried: int = 0  # ... and which try this is
    container: Instance | None = None
    version: int = 0  # of the story that it is in, whatever its process is told meanwhile
    wake: simpy.Event | None = None  # what its handler waits for
    until: float = INFINITY  # then nobody waits for it any more: its client, or its job's queue
    timer_at: float = INFINITY  # when its checkout (or push) timer is due
    fresh: bool = False  # its connection is new: the first query pays for it
    waits: bool = False  # for a connection
    opening: bool = False  # ... of a silent database
    pool: Pool | None = None  # whose connection it has, wants, or had last
    session: int = -1  # the database's life in which its connection was opened
    pooled: bool = False  # holds one of the pooler's server connections
    pushing: JobQueue | None = None  # its job waits for this silent queue
    passing: bool = False  # a step of it only takes time
    sent: int = 0  # packets of which it was drawn whether they are lost
    losses: int = 0  # ... in a row
    call: Call | None = None  # what it waits for of another service
    caller: Caller | None = None  # ... in whose name
    branches: list[Branch] = field(default_factory=list)  # for which it waits, in order

    @property
    def unwanted(self) -> bool:
        """Does nobody wait for it any more?"""
        return False

    def forsake(self, silently: bool) -> None:
        """Its process dies: it waits for nobody, and may be replayed elsewhere to ask anew."""
        if self.call is not None and self.caller is not None:
            self.caller.forsake(self.call, silently)
            self.call = None
        self.branches = []

    def begin_anew(self) -> None:
        """Nothing is left of what a process that died was doing for it."""
        self.wake, self.timer_at, self.pool, self.session = None, INFINITY, None, -1
        self.fresh = self.waits = self.opening = self.pooled = self.passing = False
        self.pushing = self.call = self.caller = None
        self.branches = []
        self.sent = self.losses = 0

    def resume(self, code: int) -> None:
        """Let its handler go on with `code` (0: fine)."""
        wake = self.wake
        self.wake = None
        assert wake is not None
        wake.succeed(code)


@dataclass(eq=False, slots=True)
class Call:
    """What somebody asks of a service, however often it is tried; `work`: that of a service which
    asks, None for users."""

    number: int
    visit: int
    tried: int  # of its first try
    work: Work | None = None
    attempt: Attempt | None = None  # the last one
    event: simpy.Event | None = None  # an answer, or the end of a back-off
    endpoint: int = 0

    def attempt_id(self, retry: int) -> int:
        return attempt_id(self.number, retry) + (0 if self.work is None else CALL_BASE)

    def try_id(self, retry: int) -> int:
        return self.attempt_id(retry) if self.work is None else self.tried + retry


@dataclass(eq=False, slots=True)
class Connection:
    """One of those that a client keeps open, to one process."""

    target: Instance | None = None  # None: it is closed
    process: int = 0
    gate: Hardware | None = None  # by which it came in
    opened: float = 0.0
    used: float = 0.0
    silent: float = INFINITY  # since then its host has not acknowledged what was sent

    def carries(self, attempt: Attempt, target: Instance, now: float) -> None:
        """An attempt that this process has accepted."""
        if self.target is not target or self.process != target.starts:
            self.target, self.process, self.opened = target, target.starts, now
            self.gate = attempt.gate
        self.used, self.silent = now, INFINITY

    def ends(self, rules: Client, now: float) -> bool:
        """Has it reached an age at which its client opens another, or has its gate been off? Who
        boots knows nothing of it, and resets it."""
        return (
            now >= self.opened + rules.connection_age_s
            or now >= self.used + rules.connection_idle_s + rules.connection_closing_s
            or now >= self.silent + rules.connection_silence_s
            or (self.gate is not None and self.gate.alive and self.opened < self.gate.since)
        )


@dataclass(eq=False, slots=True)
class Attempt(Work):
    """One try of a request. `abandoned`: the client has left, the server may not know."""

    balancer: Balancer = field(kw_only=True)
    client: Client = field(kw_only=True)  # who asks
    asker: Instance | None = None  # ... in which container; None: users
    reply: simpy.Event | None = None
    abandoned: bool = False
    phase: AttemptPhase = AttemptPhase.NOWHERE
    dial_at: float = INFINITY
    dial_until: float = INFINITY  # connect timeout of a SYN that is being resent
    dials: int = 0  # retries the proxy has used
    target: Instance | None = None
    kept: Connection | None = None  # that it uses or opens, if its client keeps any
    owner: Caller | None = None  # whose it is for so long; None: requests share it
    via: Instance | None = None  # the proxy through which it goes
    gate: Hardware | None = None  # ... and before that the server by which it came in
    cut: bool = False  # that proxy's server lost power: no answer gets through
    answer: Outcome = Outcome.IN_FLIGHT  # on its way back
    endpoint: int = 0  # that it asks

    def stops(self) -> list[Hardware | None]:
        """The servers by which its packets get to its target, which is not among them; None: the
        world outside."""
        asker = self.asker.server if self.asker is not None else None
        way = [asker] if self.gate is None else [asker, self.gate]
        return way if self.via is None else [*way, self.via.server]

    @property
    def unwanted(self) -> bool:
        return self.abandoned


@dataclass(eq=False, slots=True)
class Branch(Work):
    """One of several steps of `parent` that run side by side: in its process, without a slot."""

    parent: Work = field(kw_only=True)

    @property
    def unwanted(self) -> bool:
        return self not in self.parent.branches or self.parent.unwanted


@dataclass(eq=False, slots=True)
class Fate:
    """What became of one job, of which a restored queue may hold several entries."""

    entries: list[Job] = field(default_factory=list)  # those that exist
    done: bool = False
    lost: bool = False  # counted as lost; an old copy may come back all the same


@dataclass(eq=False, slots=True)
class Job(Work):
    """One entry of the queue. Of all entries of a job one stands for it; the others are copies."""

    tries: int = 0
    stalls: int = 0  # workers that fell silent (or died) with it
    given_up: bool = False  # one too many
    copy: bool = False
    fate: Fate = field(default_factory=Fate)
    pushed_s: float = 0.0
    sequence: int = 0
    park_at: float = INFINITY  # when it returns to the queue, or is given out again
    epoch: int = 0  # of the queue when it was taken
    begun: bool = False  # else it waits in its worker
    keeps_place: bool = False  # in the queue, when it returns
    dead_letters: int = -1  # where it goes if its worker gives it up


@dataclass(eq=False, slots=True)
class HealthProbe(Work):
    deep: bool = field(default=False)
