"""Who asks: arrivals, patience, retries with a back-off and a budget."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import simpy

from sim.dataplane import draws
from sim.dataplane.arithmetic import (
    INFINITY,
    backoff,
    chosen,
    draw,
    left_over,
    next_arrival,
    segment_at,
    snap,
)
from sim.dataplane.codes import (
    LEAVES_NOTHING,
    MOST_USERS,
    SECOND,
    USER_BASE,
    AttemptPhase,
    Due,
    Outcome,
    Stream,
)
from sim.dataplane.profile import Arrivals, Client, Way, Workload
from sim.dataplane.reference.breaker import CircuitBreaker
from sim.dataplane.reference.postgres import thaw
from sim.dataplane.reference.timing import DueTimer
from sim.dataplane.reference.work import Attempt, Branch, Call, Connection, Work
from sim.dataplane.tables import ServiceGauge

if TYPE_CHECKING:
    from sim.dataplane.reference.plane import ReferencePlane


class Clients:
    """The users: most come when they come, whatever state the platform is in; some come back, and
    wait for what became of what they asked before."""

    def __init__(self, plane: ReferencePlane, work: Workload) -> None:
        self.env, self.seed, self.recorder = plane.env, work.seed, plane.recorder
        self.horizon, self.lattice = work.horizon_s, work.lattice_s
        self.callers = {door: Caller(plane, work.client, door, tokens=0.0) for door in work.doors}
        self.edges = {door: Edge() for door in work.doors}
        self.ways, self.bounds = work.mix, tuple(accumulate(way.share for way in work.mix))
        self.waiting: dict[int, float] = {}  # open requests -> when they arrived
        self.request = 0  # the one that comes next
        self.left = self.unit_exponential()  # what the rate has yet to take off, from ...
        self.segment, self.since = 0, 0.0  # ... this piece and instant on: when the last one came
        self.due = INFINITY  # when its timer is
        self.trace: list[tuple[int, int, float]] | None = None  # tests: every outcome
        self.follow(work.arrivals)
        self.think, self.stays = work.think, work.users
        for user, stay in enumerate(self.stays):
            self.thinks(USER_BASE + user, stay.begin_s)

    # ---- arrivals ----
    def unit_exponential(self) -> float:
        return -math.log(draws.u(self.seed, Stream.ARRIVAL, self.request))

    def follow(self, arrivals: Arrivals) -> None:
        """From now on."""
        self.arrivals, self.first = arrivals, self.request  # `first`: of a trace
        self.end = min(self.horizon, arrivals.end_s)
        self.segment = segment_at(arrivals.start_s, self.since)
        self.expect()

    def set_arrivals(self, arrivals: Arrivals) -> None:
        old, now = self.arrivals, self.env.now
        if old.times_s is None:
            self.left = left_over(
                self.segment, self.since, self.left, old.start_s, old.rate, old.slope,
                min(now, self.end),
            )  # fmt: skip
        self.since = max(self.since, now)
        self.follow(arrivals.after(now))

    def expect(self) -> None:
        """Set the timer of the next arrival."""
        a = self.arrivals
        self.due, self.coming = INFINITY, (self.segment, self.since)
        t = INFINITY
        if a.times_s is not None:
            number = self.request - self.first
            t = float(a.times_s[number]) if number < len(a.times_s) else INFINITY
        elif a.start_s:
            self.coming = next_arrival(
                self.segment, self.since, self.left, a.start_s, a.rate, a.slope, self.end
            )
            t = snap(self.coming[1], self.lattice) if self.coming[1] < INFINITY else INFINITY
        if t < self.end:
            delay = max(0.0, t - self.env.now)
            self.due = self.env.now + delay
            DueTimer(self.env, delay, Due.ARRIVAL, self.request, self.arrive)

    def arrive(self, request: int) -> None:
        if request != self.request or self.due != self.env.now:
            return  # other arrivals since
        self.segment, self.since = self.coming
        self.request += 1
        self.left = self.unit_exponential()
        self.expect()
        self.asks(request)

    def asks(self, request: int) -> None:
        now, way = self.env.now, self.way(request)
        self.recorder.arrived(now, way)
        self.waiting[request] = now
        self.env.process(self.story(request, now, way))

    def thinks(self, request: int, after: float = 0.0) -> None:
        """The user whose next this is asks it in a while, if it is still there."""
        law, streams = self.think, (Stream.THINK, Stream.THINK + SECOND)
        u1, u2 = (draws.u(self.seed, stream, request) for stream in streams)
        wait = after + snap(draw(law.kind, law.mean, law.cv, u1, u2), self.lattice)
        end = self.stays[request % MOST_USERS].end_s
        if self.env.now + wait < min(self.horizon, end):
            DueTimer(self.env, wait, Due.ARRIVAL, request, self.asks)

    def way(self, request: int) -> int:
        """In which of the mix a user asks; 0 where all ask the same."""
        if not self.bounds:
            return 0
        return chosen(draws.u(self.seed, Stream.MIX, request), self.bounds, len(self.bounds))

    def story(
        self, request: int, arrived_s: float, number: int
    ) -> Generator[simpy.Event, Any, None]:
        way = self.ways[number] if self.ways else Way(1.0)
        call = Call(request, request, request, endpoint=way.endpoint)
        outcome = yield from self.callers[way.service].ask(call, self.edges[way.service])
        del self.waiting[request]
        if self.trace is not None:
            self.trace.append((request, int(outcome), self.env.now - arrived_s))
        self.recorder.ended(arrived_s, outcome, self.env.now, number)
        if request >= USER_BASE:
            self.thinks(request + MOST_USERS)

    # ---- what is read of them ----
    @property
    def retries(self) -> int:
        return sum(caller.retries for caller in self.callers.values())


class Caller:
    """Who asks a service under some rules: the users, or a calling step of one process."""

    def __init__(self, plane: ReferencePlane, client: Client, service: int, tokens: float) -> None:
        self.plane, self.env, self.client, self.tokens = plane, plane.env, client, tokens
        self.balancer, self.tally = plane.balancers[service], plane.tallies[service]
        self.retries = 0
        self.tries = 0  # that are open
        self.breaker = CircuitBreaker(client.breaker)
        kept = 0 if client.connection_exclusive else client.connections
        self.kept = [Connection() for _ in range(kept)]  # those that requests share
        # those of one request at a time: how many are in use, who waits, idle (the last used last)
        self.used = 0
        self.waiting: deque[Attempt] = deque()
        self.idle: list[Connection] = []

    def turned_away(self) -> bool:
        """Is there no place for one more try, or is the breaker open?"""
        rules = self.client
        if rules.at_most > 0 and self.tries >= rules.at_most:
            return True
        return self.breaker.refuses(self.env.now)

    def ask(self, call: Call, edge: Edge) -> Generator[simpy.Event, Any, int]:
        """Attempts until an answer, the last retry, an empty retry budget, or until nobody waits
        for who asks. `edge`: what it counts to."""
        rules, work, retry = self.client, call.work, 0
        outcome: int
        self.tokens = min(self.tokens + rules.budget, rules.most_tokens)
        until = self.deadline(work)
        self.tally.asked += 1
        edge.calls += 1
        while True:
            late = self.env.now >= until
            if late or self.turned_away():
                call.event = self.env.event()
                call.event.succeed()
                yield call.event  # -> replied
                if work is not None:
                    yield from thaw(work)  # -> heard
                outcome = Outcome.CLIENT_TIMEOUT if late else Outcome.SHED
                break
            life = self.breaker.life
            edge.tries += 1
            attempt, reply = self.dials(call, retry, until)
            outcome = yield reply  # -> replied; a refusal has cleared attempt.reply by now
            self.tries -= 1
            if outcome == Outcome.CLIENT_TIMEOUT and self.cancelled(work):
                self.breaker.release(life)
            else:
                self.breaker.learn(outcome != Outcome.SUCCEEDED, life, self.env.now)
            if work is not None:
                yield from thaw(work)  # -> heard
            if outcome == Outcome.SUCCEEDED or retry >= rules.retries or self.tokens < 1.0:
                break
            if self.env.now >= until or self.in_vain(work):
                break
            wait = self.pause(attempt, retry)
            if self.env.now + wait < until:
                self.tokens -= 1.0
                self.retries += 1
                self.tally.retries += 1
            over = call.event = self.env.event()
            DueTimer(self.env, wait, Due.RETRY, attempt.id, self.resumes(over), until)
            yield call.event  # -> retried
            if work is not None:
                yield from thaw(work)  # -> heard
            if self.in_vain(work):
                break
            retry += 1
        self.tally.ended[outcome] += 1
        edge.failed += outcome != Outcome.SUCCEEDED
        edge.given_up += outcome == Outcome.CLIENT_TIMEOUT
        return outcome

    def dials(self, call: Call, retry: int, until: float) -> tuple[Attempt, simpy.Event]:
        """One more try: patience starts, the client dials."""
        rules, work, env = self.client, call.work, self.env
        self.tries += 1
        attempt = call.attempt = Attempt(
            call.attempt_id(retry), call.visit, call.try_id(retry),
            balancer=self.balancer, client=rules, kept=self.kept_for(call),
            endpoint=call.endpoint, asker=None if work is None else work.container,
            owner=self if rules.connection_exclusive else None,
        )  # fmt: skip
        reply = attempt.reply = call.event = env.event()
        attempt.until = min(env.now + rules.timeout_s, until)
        gives_up = self.patience_of(attempt)
        DueTimer(env, rules.timeout_s, Due.PATIENCE, attempt.id, gives_up, until)
        if attempt.owner is None:
            self.balancer.dial(attempt)
        elif rules.connections_open > 0 and self.used >= rules.connections_open:
            attempt.phase = AttemptPhase.WAITING
            self.waiting.append(attempt)
        else:
            self.dials_alone(attempt)
        return attempt, reply

    def dials_alone(self, attempt: Attempt) -> None:
        """Over the connection that was used last, unless it has ended, or over another one."""
        self.used += 1
        kept = None
        while kept is None and self.idle:
            kept = self.idle.pop()
            kept = None if self.balancer.ended(kept, self.client) else kept
        attempt.kept = kept or Connection()
        self.balancer.dial(attempt)

    def hears(self, attempt: Attempt, outcome: Outcome) -> None:
        """One with a connection of its own has ended: who was answered leaves it to another, but no
        more are kept than may be idle; who waits is next."""
        if attempt.phase == AttemptPhase.WAITING:
            self.waiting.remove(attempt)
            attempt.phase = AttemptPhase.NOWHERE
            return
        self.used -= 1
        kept, room = attempt.kept, len(self.idle) < self.client.connections
        assert kept is not None
        if room and outcome not in LEAVES_NOTHING and not self.balancer.ended(kept, self.client):
            kept.used = self.env.now
            self.idle.append(kept)
        if self.waiting:
            event = self.env.event()
            event.callbacks = [lambda _: self.next_one()]
            event.succeed()

    def next_one(self) -> None:
        if self.waiting and self.used < self.client.connections_open:
            attempt = self.waiting.popleft()
            attempt.phase = AttemptPhase.NOWHERE
            self.dials_alone(attempt)

    def kept_for(self, call: Call) -> Connection | None:
        """Whose requests share a connection hangs on themselves alone."""
        if not self.kept:
            return None
        u1 = draws.u(self.plane.seed, Stream.CONNECTION, call.visit)
        return self.kept[int(u1 * len(self.kept))]

    @staticmethod
    def in_vain(work: Work | None) -> bool:
        return work is not None and work.container is not None and work.container.forsaken(work)

    @staticmethod
    def cancelled(work: Work | None) -> bool:
        return work is not None and work.container is not None and work.container.cancelled(work)

    def deadline(self, work: Work | None) -> float:
        """After which no try of what is asked now may begin, or go on."""
        until = self.env.now + self.client.deadline_s
        if self.client.inherits_deadline and isinstance(work, Attempt | Branch):
            until = min(until, work.until)
        return until

    def pause(self, attempt: Attempt, retry: int) -> float:
        """Seconds of the back-off before the next attempt."""
        p = self.client
        u1 = draws.u(self.plane.seed, Stream.BACKOFF, attempt.tried)
        wait = backoff(p.backoff_s, p.backoff_factor, p.backoff_cap_s, retry, p.jitter, u1)
        return snap(wait, self.plane.lattice)

    @staticmethod
    def resumes(event: simpy.Event) -> Any:
        return lambda _: None if event.triggered else event.succeed()  # None: cancelled

    def patience_of(self, attempt: Attempt) -> Any:
        return lambda _: self.gives_up(attempt)

    def gives_up(self, attempt: Attempt) -> None:
        if attempt.reply is not None:
            kept, stays = attempt.kept, attempt.client.connection_stays
            if kept is not None and kept.target is attempt.target and not stays:
                kept.target = None
            self.balancer.reply(attempt, Outcome.CLIENT_TIMEOUT)

    def cancel(self, call: Call) -> None:
        """Who asked has no use for the answer any more: the try is given up, or the back-off."""
        attempt, event = call.attempt, call.event
        if attempt is not None and attempt.reply is not None:
            self.gives_up(attempt)
        elif event is not None and not event.triggered:
            event.succeed()

    def forsake(self, call: Call, silently: bool) -> None:
        """Who asked is dead, and hears of nothing any more. What has not been accepted yet comes to
        nothing; what has goes on, and does not know if the host died with all its packets."""
        attempt, event = call.attempt, call.event
        assert event is not None
        self.tally.forsaken += 1
        if event.callbacks is not None:
            event.callbacks.clear()
        if attempt is not None and attempt.reply is not None:
            inside = attempt.phase == AttemptPhase.INSIDE
            self.balancer.reply(attempt, Outcome.CLIENT_TIMEOUT)
            attempt.abandoned = not (inside and silently)


@dataclass
class Edge:
    """See CallGauge."""

    calls: int = 0
    tries: int = 0
    failed: int = 0
    given_up: int = 0


@dataclass
class CallTally:
    """What became of all that was asked of one service."""

    asked: int = 0
    forsaken: int = 0
    retries: int = 0
    ended: list[int] = field(default_factory=lambda: [0] * len(Outcome))

    def gauge(self) -> ServiceGauge:
        succeeded, causes = self.ended[Outcome.SUCCEEDED], self.ended[Outcome.REFUSED :]
        ended = sum(self.ended) + self.forsaken
        return ServiceGauge(
            self.asked, succeeded, sum(causes), self.asked - ended, self.forsaken, self.retries,
            tuple(causes),
        )  # fmt: skip
