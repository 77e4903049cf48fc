"""Who asks: arrivals, patience, retries with a back-off and a budget."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from sim.dataplane import draws
from sim.dataplane.arithmetic import (
    INFINITY,
    attempt_id,
    backoff,
    left_over,
    next_arrival,
    segment_at,
    snap,
)
from sim.dataplane.codes import (
    Due,
    Outcome,
    Stream,
)
from sim.dataplane.profile import Arrivals, Workload
from sim.dataplane.reference.balancers import Balancer
from sim.dataplane.reference.timing import DueTimer
from sim.dataplane.reference.work import Attempt

if TYPE_CHECKING:
    from sim.dataplane.reference.counters import Counters


class Clients:
    """The open-loop users: they come when they come, whatever state the platform is in."""

    def __init__(
        self, env: simpy.Environment, work: Workload, balancer: Balancer, recorder: Counters
    ) -> None:
        self.env, self.seed, self.policy = env, work.seed, work.client
        self.horizon, self.lattice = work.horizon_s, work.lattice_s
        self.balancer, self.recorder = balancer, recorder
        self.waiting: dict[int, float] = {}  # open requests -> when they arrived
        self.request = 0  # the one that comes next
        self.left = self.unit_exponential()  # what the rate has yet to take off, from ...
        self.segment, self.since = 0, 0.0  # ... this piece and instant on: when the last one came
        self.due = INFINITY  # when its timer is
        self.tokens, self.most_tokens = 0.0, work.client.most_tokens
        self.retries = 0
        self.trace: list[tuple[int, int, float]] | None = None  # tests: every outcome
        self.follow(work.arrivals)

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
        now = self.env.now
        if request != self.request or self.due != now:
            return  # other arrivals since
        self.recorder.arrived(now)
        self.waiting[request] = now
        self.tokens = min(self.tokens + self.policy.budget, self.most_tokens)
        self.segment, self.since = self.coming
        self.request += 1
        self.left = self.unit_exponential()
        self.expect()
        self.env.process(self.story(request, now))

    # ---- requests ----
    def story(self, request: int, arrived_s: float) -> Generator[simpy.Event, Any, None]:
        """One request: attempts until an answer, the last retry, or an empty retry budget."""
        policy, retry = self.policy, 0
        while True:
            ident = attempt_id(request, retry)
            attempt = Attempt(
                ident, request, ident, balancer=self.balancer, client=policy, retry=retry
            )
            reply = attempt.reply = self.env.event()
            DueTimer(
                self.env, policy.timeout_s, Due.PATIENCE, attempt.id, self.patience_of(attempt)
            )
            self.balancer.dial(attempt)
            outcome: int = yield reply  # -> replied; a refusal has cleared attempt.reply by now
            if outcome == Outcome.SUCCEEDED or retry >= policy.retries or self.tokens < 1.0:
                break
            self.tokens -= 1.0
            self.retries += 1
            yield self.pause(attempt)  # -> retried
            retry += 1
        del self.waiting[request]
        if self.trace is not None:
            self.trace.append((request, int(outcome), self.env.now - arrived_s))
        self.recorder.ended(arrived_s, outcome, self.env.now)

    def pause(self, attempt: Attempt) -> simpy.Event:
        """The client's back-off before its next attempt."""
        p = self.policy
        u1 = draws.u(self.seed, Stream.BACKOFF, attempt.tried)
        wait = backoff(p.backoff_s, p.backoff_factor, p.backoff_cap_s, attempt.retry, p.jitter, u1)
        over = self.env.event()
        wait = snap(wait, self.lattice)
        DueTimer(self.env, wait, Due.RETRY, attempt.id, lambda _: self.resumed(over))
        return over

    @staticmethod
    def resumed(event: simpy.Event) -> None:
        event.succeed()

    def patience_of(self, attempt: Attempt) -> Any:
        def gives_up(_: int) -> None:
            if attempt.reply is not None:
                self.balancer.reply(attempt, Outcome.CLIENT_TIMEOUT)

        return gives_up
