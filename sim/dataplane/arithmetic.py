"""Scalar rules that both engines share: the reference calls them, the kernel compiles them.

Plain Python over numbers and arrays, `math` only (numpy's vectorised logarithms differ in the
last bit). No randomness here: uniform numbers come in as arguments.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from sim.dataplane.codes import (
    BLOCK_BITS,
    BLOCK_SHIFT,
    LATENCY_BINS,
    LATENCY_GROWTH,
    LATENCY_MIN_S,
    RESEND_MOST_S,
    RESEND_S,
    LawKind,
)

_, EXPONENTIAL, LOGNORMAL, UNIFORM = (kind.value for kind in LawKind)
LOG_GROWTH = math.log(LATENCY_GROWTH)
LAST_BIN = LATENCY_BINS - 1
LAST_OF_BLOCK, BELOW_BLOCK = (1 << BLOCK_BITS) - 1, (1 << BLOCK_SHIFT) - 1
INFINITY = math.inf


def draw(kind: int, mean: float, cv: float, u1: float, u2: float) -> float:
    """A value of the law from two uniforms in (0, 1); u2 serves the lognormal's second angle."""
    if kind == EXPONENTIAL:
        return -mean * math.log(u1)
    if kind == LOGNORMAL:
        s2 = math.log(1.0 + cv * cv)
        z = math.sqrt(-2.0 * math.log(u1)) * math.cos(6.283185307179586 * u2)
        return mean * math.exp(math.sqrt(s2) * z - 0.5 * s2)
    if kind == UNIFORM:
        return max(0.0, mean * (1.0 + cv * 1.7320508075688772 * (2.0 * u1 - 1.0)))
    return mean


def chosen(u1: float, bounds: Sequence[float], count: int) -> int:
    """Which of so many, by a uniform and the sums of their shares up to each."""
    at = 0
    while at < count - 1 and u1 >= bounds[at]:
        at += 1
    return at


def snap(x: float, lattice: float) -> float:
    """x on the test lattice (rounded to the nearest multiple); lattice 0 leaves it alone."""
    if lattice == 0.0:
        return x
    return math.floor(x / lattice + 0.5) * lattice


def gap(rate: float, slope: float, work: float) -> float:
    """Seconds until the integral of rate + slope * t has grown by `work`; inf if it never does.

    The stable root of slope/2 t^2 + rate t = work."""
    if rate <= 0.0 and slope <= 0.0:
        return INFINITY
    if slope == 0.0:  # to the last bit what the root would give: the square root of a square
        return work / rate
    root = rate * rate + 2.0 * slope * work
    if root < 0.0:
        return INFINITY
    return 2.0 * work / (rate + math.sqrt(root))


def area(rate: float, slope: float, seconds: float) -> float:
    """Expected arrivals in `seconds` of a linear rate."""
    return (rate + 0.5 * slope * seconds) * seconds


def backoff(base: float, factor: float, cap: float, retry: int, jitter: float, u1: float) -> float:
    """Wait before the n-th retry (n = 0 first): exponential, capped, shortened by jitter * u1."""
    wait = base
    for _ in range(retry):
        wait = wait * factor
        if wait >= cap:
            break
    wait = min(wait, cap)
    return wait * (1.0 - jitter * u1)


def either(share: float, other: float) -> float:
    """How often one of two things happens that have nothing to do with each other."""
    return 1.0 - (1.0 - share) * (1.0 - other)


def resend_after(losses: int) -> float:
    """Seconds until TCP sends again what was lost so many times before (0: never)."""
    return min(RESEND_MOST_S, RESEND_S * 2.0 ** min(losses, 16))


def attempt_id(request: int, retry: int) -> int:
    """The id of a request's n-th retry (0: its first try), codes.BLOCK_BITS and beside it."""
    block = retry >> BLOCK_BITS
    return (block << BLOCK_SHIFT) + (request << BLOCK_BITS) + (retry & LAST_OF_BLOCK)


def request_of(attempt: int) -> int:
    """The request of an attempt's id."""
    return (attempt & BELOW_BLOCK) >> BLOCK_BITS


def retry_of(attempt: int) -> int:
    """Which of its retries it is."""
    return (attempt >> BLOCK_SHIFT << BLOCK_BITS) + (attempt & LAST_OF_BLOCK)


def latency_bin(latency: float) -> int:
    """Bin of the logarithmic histogram: 2 % wide from 0.1 ms; both ends clip (codes.LATENCY_*)."""
    if latency <= LATENCY_MIN_S:
        return 0
    i = int(math.log(latency / LATENCY_MIN_S) / LOG_GROWTH)
    return LAST_BIN if i > LAST_BIN else i


def next_look(due: float, period: float) -> float:
    """When what is due is found by somebody who looks at each multiple of `period`; 0: at once."""
    return due if period == 0.0 else math.ceil(due / period) * period


def query_cost(demand: float, growth: float, active: int) -> float:
    """Database work grows with concurrency: measured about 12 % from 1 to 90 connections
    (shared facts, dataplane 1.5), linear in `active` - 1."""
    return demand * (1.0 + growth * (active - 1))


def next_arrival(
    i: int,
    t: float,
    work: float,
    start: tuple[float, ...],
    rate: tuple[float, ...],
    slope: tuple[float, ...],
    end: float,
) -> tuple[int, float]:
    """Segment and time at which the integrated rate has grown by `work` since (i, t).

    `work` is a unit exponential: this is inversion of a non-homogeneous Poisson process. Time inf:
    nobody comes any more."""
    n = len(start)
    t = max(t, start[0])
    while True:
        stop = end if i + 1 >= n else start[i + 1]
        into = t - start[i]
        height = rate[i] + slope[i] * into
        wait = gap(height, slope[i], work)
        if t + wait < stop:
            return i, t + wait
        if i + 1 >= n or stop >= end:
            return i, INFINITY
        work -= area(height, slope[i], stop - t)
        work = max(work, 0.0)
        t = stop
        i += 1


def left_over(
    i: int,
    t: float,
    work: float,
    start: tuple[float, ...],
    rate: tuple[float, ...],
    slope: tuple[float, ...],
    until: float,
) -> float:
    """What is left of `work` at `until`, when the integrated rate takes it off from (i, t) on."""
    if not start:
        return work
    t = max(t, start[0])
    while t < until:
        stop = until if i + 1 >= len(start) else min(until, start[i + 1])
        work -= area(rate[i] + slope[i] * (t - start[i]), slope[i], stop - t)
        work = max(work, 0.0)
        t = stop
        i += 1
    return work


def segment_at(start: tuple[float, ...], t: float) -> int:
    """The piece of a rate that holds at t; the first one before it begins."""
    return max(0, sum(begin <= t for begin in start) - 1)


def ranked(u: float, n: int, skew: float) -> int:
    """The item that `u` asks for, of n whose popularity falls as rank ** -skew; 0: the first.

    The inverse of the continuous law on [1, n + 1), of which an item has the part between two whole
    numbers; Zipf's own sums are within a few percent of it."""
    rest, most = 1.0 - skew, math.log(n + 1.0)
    if rest == 0.0:
        x = math.exp(u * most)
    else:
        x = math.exp(math.log(1.0 + u * (math.exp(rest * most) - 1.0)) / rest)
    return max(0, min(n - 1, int(x) - 1))


def share_cores(
    count: int, n: list[int], cap: list[float], weight: list[float], cores: float, rate: list[float]
) -> None:
    """Cores per request of each of `count` stations on one server, written into `rate`.

    A station with n requests can use min(n, cap) cores. If all fit, each gets that; else max-min
    fairness by weight (cgroup shares): stations that want less than their share get what they
    want, the others split the rest. Each request has one core at most."""
    total = 0.0
    for k in range(count):
        total += n[k] if n[k] <= cap[k] else cap[k]
    if total <= cores:
        for k in range(count):
            rate[k] = 1.0 if n[k] <= cap[k] else cap[k] / n[k]
        return
    left = cores
    weights = 0.0
    unsettled = 0
    for k in range(count):
        if n[k] > 0:
            rate[k] = -1.0
            weights += weight[k]
            unsettled += 1
        else:
            rate[k] = 1.0
    while unsettled > 0:
        level = left / weights
        settled = False
        for k in range(count):
            if rate[k] < 0.0:
                want = n[k] if n[k] <= cap[k] else cap[k]
                if want <= level * weight[k]:
                    rate[k] = want / n[k]
                    left -= want
                    weights -= weight[k]
                    unsettled -= 1
                    settled = True
        if not settled:
            for k in range(count):
                if rate[k] < 0.0:
                    rate[k] = level * weight[k] / n[k]
            return


def added(values: Iterable[float]) -> float:
    """The sum from left to right, as the kernel adds. Since Python 3.12 the built-in `sum` makes up
    for rounding, so that two interpreters would differ in the last digit."""
    total = 0.0
    for value in values:
        total += value
    return total
