"""A circuit breaker: what the last answers say of whom is asked."""

from __future__ import annotations

from collections import deque

from sim.dataplane.codes import BreakerState
from sim.dataplane.profile import BreakerRules

CLOSED, TRIPPED, HALF_OPEN = BreakerState


class CircuitBreaker:
    """Of one process for one of its calls.

    The rules are resilience4j's (2.3, CircuitBreakerStateMachine and CircuitBreakerMetrics with a
    window of calls). So many failures in a row are a window of as many that have all failed, with
    one trial; that answers to tries of another state do not count is gobreaker's (generations)."""

    def __init__(self, rules: BreakerRules) -> None:
        self.rules, self.state = rules, CLOSED
        self.open_until = 0.0
        self.left = 0  # trials that may begin
        self.life = 0  # grows with each change of its state
        self.last: deque[bool] = deque()  # tries that count: has it failed?

    def refuses(self, now: float) -> bool:
        """One more try; a trial takes a place of those that are let through."""
        if self.state == CLOSED:
            return False
        if self.state == TRIPPED:
            if now < self.open_until:
                return True
            self.turn(HALF_OPEN)
            self.left = self.rules.trials
        if self.left == 0:
            return True
        self.left -= 1
        return False

    def learn(self, failed: bool, life: int, now: float) -> None:
        """How a try ended that began in this life of the breaker."""
        rules = self.rules
        if rules.window == 0 or self.state == TRIPPED or (life != self.life and not rules.late):
            return
        size = rules.window if self.state == CLOSED else rules.trials
        if len(self.last) == size:
            self.last.popleft()
        self.last.append(failed)
        if len(self.last) < min(rules.least, size):
            return
        if self.last.count(True) / len(self.last) >= rules.share:
            self.open_until = now + rules.open_s
            self.turn(TRIPPED)
        elif self.state == HALF_OPEN:
            self.turn(CLOSED)

    def release(self, life: int) -> None:
        """Of a try that began in this life nobody will know how it would have ended: another trial
        may take its place (releasePermission)."""
        if self.state == HALF_OPEN and life == self.life:
            self.left += 1

    def turn(self, state: BreakerState) -> None:
        self.state = state
        self.life += 1
        self.last.clear()
