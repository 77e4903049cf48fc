"""How an attempt reaches a container: one balancer for each service that is asked.

Three ways of being unreachable stay apart: a dead process refuses at once; a dead host swallows
packets until a connect timeout; a hung process accepts and never answers.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from sim.dataplane import draws
from sim.dataplane.arithmetic import INFINITY, either
from sim.dataplane.codes import (
    SYN_RESEND_S,
    UNLIMITED,
    Algorithm,
    AttemptPhase,
    Cancel,
    Due,
    Note,
    Outcome,
    Stream,
)
from sim.dataplane.profile import Client, Routing
from sim.dataplane.reference.network import again_after
from sim.dataplane.reference.timing import DueTimer
from sim.dataplane.reference.work import ON_THE_WAY, Attempt, Connection, Work

if TYPE_CHECKING:
    from sim.dataplane.reference.containers import Instance
    from sim.dataplane.reference.plane import ReferencePlane


class Balancer:
    """Between client and replica: one address, or a list that may be stale."""

    def __init__(self, plane: ReferencePlane, service: int, routing: Routing) -> None:
        self.plane, self.env, self.service = plane, plane.env, service
        self.backends: list[Instance] = []
        self.via: Instance | None = None
        self.turn = 0  # round robin
        self.none_told = False  # that requests are held, and no backend is listed
        self.queue: deque[Attempt] = deque()
        self.routing = routing.in_effect

    def publish(self, backends: list[Instance], via: Instance | None) -> None:
        self.backends, self.via, self.none_told = backends, via, False
        for container in backends:
            container.balancer = self
        for container in backends:
            self.freed(container)

    def set_routing(self, routing: Routing) -> None:
        """From now on; what is being tried goes on as it began."""
        self.routing = routing.in_effect
        for container in self.plane.containers:
            if container.balancer is self:
                container.failures = 0
        if routing.maxconn > 0:
            for container in self.backends:
                self.freed(container)
            return
        waiting, self.queue = self.queue, deque()
        for attempt in waiting:
            if attempt.phase == AttemptPhase.QUEUEING:
                attempt.phase = AttemptPhase.NOWHERE
                self.route(attempt)

    def move(self, attempt: Attempt, phase: AttemptPhase) -> None:
        """Where the attempt stands now. One that is under way to a container counts among its
        connections; when it comes to nothing, the queue moves up."""
        was, attempt.phase = attempt.phase in ON_THE_WAY, phase
        target = attempt.target
        if was and phase not in ON_THE_WAY:
            del self.plane.under_way[attempt.id]
            if target is not None:
                target.dialled -= 1
                if phase == AttemptPhase.NOWHERE and target.balancer.routing.maxconn > 0:
                    target.balancer.freed_at_once(target)
        elif not was and phase in ON_THE_WAY:
            self.plane.under_way[attempt.id] = attempt
            if target is not None:
                target.dialled += 1

    def freed_at_once(self, container: Instance) -> None:
        """`freed` as a wake-up of its own: it may be far inside of what it would start."""
        event = self.env.event()
        event.callbacks = [lambda _: self.freed(container)]
        event.succeed()

    def reply(self, attempt: Attempt, outcome: Outcome) -> None:
        """Tell the client, if it still waits. What serves the attempt goes on regardless."""
        attempt.dial_at = INFINITY
        if attempt.phase not in (AttemptPhase.INSIDE, AttemptPhase.WAITING):
            self.move(attempt, AttemptPhase.NOWHERE)
        reply = attempt.reply
        if reply is not None and (not attempt.cut or outcome == Outcome.CLIENT_TIMEOUT):
            attempt.reply = None
            attempt.abandoned = outcome == Outcome.CLIENT_TIMEOUT
            if attempt.owner is not None:
                attempt.owner.hears(attempt, outcome)
            reply.succeed(outcome)
            if attempt.abandoned and attempt.phase == AttemptPhase.INSIDE:
                leaves(attempt)

    def dial(self, attempt: Attempt) -> None:
        """The client connects: by a gate, if there are any, to the proxy, if there is one, and
        through it to a replica."""
        if self.plane.gates.swallows(attempt):
            return
        if self.via is not None:
            if not self.via.server.alive:
                self.wait(attempt, AttemptPhase.CONNECTING, attempt.client.connect_timeout_s)
                attempt.dials = UNLIMITED  # the proxy itself is gone: nobody retries
                return
            if not self.via.listening:
                self.reply(attempt, Outcome.REFUSED)
                return
            links = self.plane.links
            share = links.either_way(attempt.stops()[-1], self.via.server)
            attempt.dials = UNLIMITED if links.loses(attempt, share) else 0
            if attempt.dials:
                self.resend(attempt, attempt.client.connect_timeout_s)
                return
            attempt.via = self.via
            if self.via.hung:
                self.move(attempt, AttemptPhase.HELD)  # accepted, silent
                return
        self.move(attempt, AttemptPhase.NOWHERE)
        self.route(attempt)

    def route(self, attempt: Attempt) -> None:
        """Choose a backend from the published list, however stale; but over a connection that is
        kept the request goes to who is at its other end, listed or not."""
        if self.keeps(attempt):
            self.pinned(attempt)
            return
        most, backends = self.routing.maxconn, self.plane.gates.behind(attempt, self.backends)
        if not backends:
            if self.routing.holds and most > 0:
                self.hold(attempt)
            else:
                self.reply(attempt, Outcome.NO_BACKEND)
            return
        at = self.pick(attempt, backends)
        if most > 0:
            n = len(backends)
            for i in range(n):
                if backends[(at + i) % n].connections() < most:
                    at = (at + i) % n
                    break
            else:
                self.queue.append(attempt)
                self.wait(attempt, AttemptPhase.QUEUEING, self.routing.queue_timeout_s)
                return
        self.connect(attempt, backends[at])

    def pinned(self, attempt: Attempt) -> None:
        """It is sent over the connection that its client keeps."""
        kept, now = attempt.kept, self.env.now
        assert kept is not None
        assert kept.target is not None
        closed = now >= kept.used + attempt.client.connection_idle_s
        attempt.target, kept.used = kept.target, now
        if self.reaches(attempt, kept.target):
            if closed:  # by its other end, of which its client has not heard yet
                kept.target = None
                self.reply(attempt, Outcome.REFUSED)
            elif not (self.travels(attempt, kept.target) or self.lost(attempt, kept.target)):
                self.open(attempt, kept.target)
        else:
            kept.silent = min(kept.silent, now)
            self.move(attempt, AttemptPhase.CONNECTING)

    def keeps(self, attempt: Attempt) -> bool:
        """Is the connection open over which its client would send it? Who leaves says so to all who
        are connected (`Connection: close`, GOAWAY), and the end of a process is seen; of a dead
        host nothing is heard, until the client's patience ends."""
        kept = attempt.kept
        if kept is None or self.routing.proxy or self.routing.per_request or kept.target is None:
            return False
        if self.ended(kept, attempt.client):
            kept.target = None
        return kept.target is not None

    def ended(self, kept: Connection, rules: Client) -> bool:
        """As far as its client knows. One to a proxy does not end with a server behind it."""
        target = kept.target
        if target is None or kept.ends(rules, self.env.now):
            return True
        if self.routing.proxy or self.routing.per_request:
            return False
        gone = target.server.alive and not target.listening
        return gone or target.starts != kept.process

    def hold(self, attempt: Attempt) -> None:
        """Nobody is listed: it waits for whoever comes, and the first to wait is told of."""
        self.queue.append(attempt)
        self.wait(attempt, AttemptPhase.QUEUEING, self.routing.queue_timeout_s)
        if not self.none_told:
            self.none_told = True
            self.plane.note(Note.NONE_LISTED, self.service)

    def pick(self, attempt: Attempt, backends: list[Instance]) -> int:
        n = len(backends)
        algorithm = self.routing.algorithm
        if algorithm == Algorithm.FIRST or n == 1:
            return 0
        if algorithm == Algorithm.RANDOM:
            return int(draws.u(self.plane.seed, Stream.ROUTE, attempt.tried) * n)
        at = self.turn % n
        self.turn = at + 1
        if algorithm == Algorithm.LEAST_CONNECTIONS:
            best = at
            for i in range(1, n):
                other = (at + i) % n
                if backends[other].connections() < backends[best].connections():
                    best = other
            at = best
        return at

    def connect(self, attempt: Attempt, target: Instance | None) -> None:
        """Open a connection to a replica that may be there, dead, or behind a dead host; with
        redispatch, to one after the other."""
        while target is not None:
            attempt.target = target
            alive = self.reaches(attempt, target)
            if alive and (self.travels(attempt, target) or self.lost(attempt, target)):
                return
            if alive and not target.listening:
                target = self.failed(attempt, Outcome.REFUSED)
            else:
                target = self.open(attempt, target)

    def reaches(self, attempt: Attempt, target: Instance) -> bool:
        """Have all servers power by which it goes?"""
        return target.server.alive and self.plane.gates.opens(attempt)

    def travels(self, attempt: Attempt, target: Instance) -> bool:
        """Does it take time to get to this server? A new connection takes a round trip, and is
        given up like one to nobody where that is longer than somebody waits for it. Proxies keep
        theirs open."""
        if attempt.phase in (AttemptPhase.TRAVELLING, AttemptPhase.RESENDING):
            return False
        near, trip, way_in = attempt.stops()[-1], 0.0, self.way_in(attempt, target)
        if near is not None:
            trip = self.plane.links.round_trip(near, target.server, attempt.tried)
        if trip + way_in == 0.0:
            return False
        opens = not (self.routing.proxy or self.connected(attempt, target))
        if opens and trip + way_in / 2.0 >= self.patience(attempt):
            self.wait(attempt, AttemptPhase.CONNECTING, self.patience(attempt))
        else:
            self.wait(attempt, AttemptPhase.TRAVELLING, (trip + trip if opens else trip) + way_in)
        return True

    def way_in(self, attempt: Attempt, target: Instance) -> float:
        """Seconds of users' own way, twice as many where they open a connection; a proxy's other
        tries are without them."""
        if attempt.asker is not None or attempt.dials > 0:
            return 0.0
        first = [*attempt.stops(), target.server][1]
        assert first is not None
        trip = self.plane.links.round_trip(None, first, draws.child(attempt.tried, 0))
        kept = attempt.kept
        open_to_proxy = (
            self.routing.proxy
            and kept is not None
            and (attempt.owner is None or kept.target is not None)
        )
        return trip if open_to_proxy or self.connected(attempt, target) else trip + trip

    @staticmethod
    def connected(attempt: Attempt, target: Instance) -> bool:
        """Does its client keep a connection to this process?"""
        kept = attempt.kept
        return kept is not None and kept.target is target and kept.process == target.starts

    def lost(self, attempt: Attempt, target: Instance) -> bool:
        """Is its packet lost on the way there? Whoever is not connected opens a connection, as does
        a proxy that gets nothing through over those that it has."""
        links = self.plane.links
        if not links.lossy:
            return False
        stops, connected = attempt.stops(), self.connected(attempt, target)
        there, back = links.way([*(stops if connected else stops[-1:]), target.server])
        if max(there, back) < 1.0 if self.routing.proxy else connected:
            if not links.loses(attempt, there):
                return False
            if attempt.kept is not None:
                attempt.kept.silent = min(attempt.kept.silent, self.env.now)
            self.wait(attempt, AttemptPhase.TRAVELLING, again_after(attempt))
            return True
        lost = links.loses(attempt, either(there, back))
        if lost:
            self.resend(attempt, self.patience(attempt))
        return lost

    def answer(self, attempt: Attempt, target: Instance, outcome: Outcome) -> None:
        """From who has served it to who asked; a packet that is lost is sent again."""
        links = self.plane.links
        waits = waits_still(attempt) and links.lossy
        if waits and links.loses(attempt, links.way([*attempt.stops(), target.server])[1]):
            attempt.answer = outcome
            self.wait(attempt, AttemptPhase.ANSWERING, again_after(attempt))
            return
        if waits_still(attempt) and len(target.unused) < self.routing.keeps:
            target.unused.append(self.env.now)
        self.judge(attempt, target, outcome)
        self.reply(attempt, outcome)

    def open(self, attempt: Attempt, target: Instance) -> Instance | None:
        """It is accepted, or waits, or is turned away; or another one is to be tried at once."""
        if not self.reaches(attempt, target):
            way_in = self.way_in(attempt, target) if self.routing.proxy else 0.0
            self.wait(attempt, AttemptPhase.CONNECTING, way_in + self.patience(attempt))
        elif target.room():
            if self.routing.keeps and self.meets_close(target):
                self.move(attempt, AttemptPhase.NOWHERE)
                return self.replayed(attempt, Outcome.REFUSED)
            self.move(attempt, AttemptPhase.INSIDE)
            attempt.dial_at = INFINITY
            if attempt.kept is not None:
                attempt.kept.carries(attempt, target, self.env.now)
            target.accept(attempt)
        elif target.sheds():
            self.judge(attempt, target, Outcome.SHED)
            self.reply(attempt, Outcome.SHED)
        else:
            self.resend(attempt, self.patience(attempt))
        return None

    def meets_close(self, target: Instance) -> bool:
        """A proxy takes the connection to this server that it used last. One that it has closed, or
        has heard to be closed, is none; of one that was closed just now it has not heard."""
        rules, now = target.profile, self.env.now
        while target.unused:
            used = target.unused.pop()
            if now < used + min(self.routing.keeps_s, rules.keep_alive_s + rules.closing_s):
                return now >= used + rules.keep_alive_s
        return False

    def resend(self, attempt: Attempt, patience_s: float) -> None:
        """Its SYN was dropped."""
        now = self.env.now
        if attempt.phase != AttemptPhase.RESENDING:
            attempt.dial_until = now + patience_s
        self.wait(attempt, AttemptPhase.RESENDING, min(SYN_RESEND_S, attempt.dial_until - now))

    def patience(self, attempt: Attempt) -> float:
        """Seconds that whoever opens this connection waits for it."""
        return self.routing.connect_timeout_s or attempt.client.connect_timeout_s

    def wait(self, attempt: Attempt, phase: AttemptPhase, delay: float) -> None:
        self.move(attempt, phase)
        attempt.dial_at = self.env.now + delay
        DueTimer(self.env, delay, Due.DIAL, attempt.id, self.dialled_of(attempt))

    def dialled_of(self, attempt: Attempt) -> Any:
        def dialled(_: int) -> None:
            if attempt.dial_at != self.env.now:
                return  # it got on since, or gave up
            phase, attempt.dial_at = attempt.phase, INFINITY
            if phase == AttemptPhase.QUEUEING:
                self.reply(attempt, Outcome.NO_BACKEND)
            elif phase == AttemptPhase.CONNECTING or (
                phase == AttemptPhase.RESENDING and self.env.now >= attempt.dial_until
            ):
                self.connect(attempt, self.failed(attempt, Outcome.CONNECT_TIMEOUT))
            elif attempt.target is None:
                self.dial(attempt)  # a proxy
            elif phase == AttemptPhase.ANSWERING:
                self.answer(attempt, attempt.target, attempt.answer)
            else:
                self.connect(attempt, attempt.target)

        return dialled

    def failed(self, attempt: Attempt, why: Outcome) -> Instance | None:
        """A connection failed. HAProxy: the same server again after a pause, even once it is DOWN,
        or with redispatch another one at once, which is returned; then 503 (shared facts,
        dataplane section 3)."""
        if attempt.target is not None:
            self.judge(attempt, attempt.target, why)
        if attempt.dials >= self.routing.retries:
            self.reply(attempt, why)
            return None
        attempt.dials += 1
        if self.routing.redispatch:
            return self.redispatched(attempt)
        self.wait(attempt, AttemptPhase.PAUSING, self.routing.retry_pause_s)
        return None

    def redispatched(self, attempt: Attempt) -> Instance | None:
        """The next server of the list after the one that failed."""
        self.move(attempt, AttemptPhase.NOWHERE)
        if not self.backends:
            self.reply(attempt, Outcome.NO_BACKEND)
            return None
        n = len(self.backends)
        at = next((i for i in range(n) if self.backends[i] is attempt.target), -1)
        return self.backends[(at + 1) % n]

    def dropped(self, attempt: Attempt, why: Outcome) -> None:
        """A replica died with the attempt inside."""
        attempt.phase = AttemptPhase.NOWHERE
        self.connect(attempt, self.replayed(attempt, why))

    def replayed(self, attempt: Attempt, why: Outcome) -> Instance | None:
        """It was sent, and nobody answers: some proxies send it again elsewhere."""
        if attempt.target is not None:
            self.judge(attempt, attempt.target, why)
        if (
            waits_still(attempt)
            and self.routing.retry_errors
            and attempt.dials < self.routing.retries
        ):
            attempt.dials += 1
            return self.redispatched(attempt)
        self.reply(attempt, why)
        return None

    def freed(self, container: Instance) -> None:
        """A connection to this replica ended: the balancer's queue moves up."""
        most = self.routing.maxconn
        listed = container.balancer is self and container in self.backends
        while listed and self.queue and container.connections() < most:
            attempt = self.queue.popleft()
            if attempt.phase == AttemptPhase.QUEUEING:
                attempt.phase = AttemptPhase.NOWHERE
                self.connect(attempt, container)

    # ---- what a proxy sees ----
    def judge(self, attempt: Attempt, target: Instance, outcome: Outcome) -> None:
        """Envoy's consecutive_5xx: answers 5xx in a row, and what never became one (refused, timed
        out, reset: mapped to 5xx unless split_external_local_origin_errors). Of an attempt whose
        client has left the proxy sees no answer. Source: envoyproxy.io, outlier detection."""
        most = self.routing.outlier_failures
        if most == 0 or not waits_still(attempt):
            return
        target.failures = 0 if outcome == Outcome.SUCCEEDED else target.failures + 1
        if target.failures >= most:
            target.failures = 0
            self.plane.note(Note.OUTLIER, target.id)


def waits_still(attempt: Attempt) -> bool:
    """Does its client, and can it be told?"""
    return attempt.reply is not None and not attempt.cut


def leaves(attempt: Work) -> None:
    """Its client has left: who serves it hears of that in its turn of this instant."""
    container = attempt.container
    if container is not None and container.profile.cancel == Cancel.TREE:
        event = container.plane.env.event()
        event.callbacks = [lambda _: container.left(attempt)]
        event.succeed()
