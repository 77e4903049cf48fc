"""A circuit breaker: reference/breaker.py over arrays. `at`: its purse, whose row of outcomes is a
ring; `k`: the policy."""

from __future__ import annotations

from typing import Any

from sim.dataplane.kernel.codes import CLOSED, HALF_OPEN, TRIPPED
from sim.dataplane.kernel.compile import inner


@inner
def refuses(w: Any, at: int, k: int) -> bool:
    own = w.purse[at]
    if own.state == CLOSED:
        return False
    if own.state == TRIPPED:
        if w.now < own.open_until:
            return True
        turn(w, at, HALF_OPEN)
        own.left = w.policy[k].breaker_trials
    if own.left == 0:
        return True
    own.left -= 1
    return False


@inner
def count(w: Any, at: int, k: int, failed: int, life: int) -> None:
    """`learn` of the reference."""
    own, rules = w.purse[at], w.policy[k]
    if own.state == TRIPPED or (life != own.life and rules.breaker_late == 0):
        return
    size = rules.breaker_window if own.state == CLOSED else rules.breaker_trials
    if own.seen == size:
        own.failed -= w.outcome[at, own.next]
    else:
        own.seen += 1
    w.outcome[at, own.next] = failed
    own.failed += failed
    own.next = own.next + 1 if own.next + 1 < size else 0
    if own.seen < min(rules.breaker_least, size):
        return
    if own.failed / own.seen >= rules.breaker_share:
        own.open_until = w.now + rules.breaker_open_s
        turn(w, at, TRIPPED)
    elif own.state == HALF_OPEN:
        turn(w, at, CLOSED)


@inner
def release(w: Any, at: int, life: int) -> None:
    own = w.purse[at]
    if own.state == HALF_OPEN and life == own.life:
        own.left += 1


@inner
def turn(w: Any, at: int, state: int) -> None:
    own = w.purse[at]
    own.state = state
    own.life += 1
    own.seen = own.failed = own.next = 0
