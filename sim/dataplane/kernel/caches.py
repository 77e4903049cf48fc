"""Caches: reference/caches.py over arrays.

A cache's keys have a fixed part of one table; those that it holds are a list, least recently used
first.
"""

from __future__ import annotations

from typing import Any

from sim.dataplane import arithmetic
from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import MOST_KEYS, SILENT
from sim.dataplane.kernel.codes import (
    DRAW_WARM,
    HTTP_500,
    PASSED,
    SUCCEEDED,
)
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.containers import reach
from sim.dataplane.kernel.draws import drawn, uniform
from sim.dataplane.kernel.layout import PASSED_BY
from sim.dataplane.kernel.postgres import WAITS
from sim.dataplane.kernel.timing import set_timer

ranked = inner(arithmetic.ranked)


# ---- asked ----
@inner
def look_up(w: Any, s: int, i: int, lost: bool) -> int:
    """Its outcome, or WAITS; after a hit the steps of a miss are left out."""
    work, step = w.work[s], w.step[i]
    row = w.cache[step.target]
    work.leased = 0
    code = SILENT if lost else reach(w, row.server, work.at)
    wait_s = step.cache_retry_s
    if code != 0:
        row.unanswered += 1
        if code != SILENT:
            return unanswered(w, i)
        wait_s = step.cache_timeout_s
    else:
        key, now = key_of(w, i, work.visit), w.now
        if key >= 0:
            cell = w.cached[key]
            if cell.held != 0:
                if now < cell.until:
                    take_out(w, step.target, key)
                    put_last(w, step.target, key)
                    row.hits += 1
                    work.step += step.covers
                    return SUCCEEDED
                take_out(w, step.target, key)
                row.expired += 1
            if step.cache_lease_s > 0.0:
                if cell.lease > now:
                    row.waits += 1
                    work.leased = 1
                else:
                    cell.lease = now + step.cache_lease_s
        if work.leased == 0:
            row.misses += 1
            return SUCCEEDED
    work.stage = PASSED_BY
    work.timer_at = set_timer(w, PASSED, wait_s, work.id, s)
    return WAITS


@inner
def unanswered(w: Any, i: int) -> int:
    return HTTP_500 if w.step[i].cache_fails != 0 else SUCCEEDED


@inner
def key_of(w: Any, i: int, visit: int) -> int:
    """Its row, or -1: no cache keeps it."""
    step = w.step[i]
    if drawn(step.second_key, visit) >= step.cache_hit:
        return -1
    q = step.target
    rules = w.version[w.container[w.cache[q].server].profile]
    return q * MOST_KEYS + ranked(drawn(step.key, visit), rules.keys, rules.skew)


@inner
def fill(w: Any, i: int, s: int) -> None:
    q = w.step[i].target
    if reach(w, w.cache[q].server, w.work[s].at) != 0:
        return
    key = key_of(w, i, w.work[s].visit)
    if key < 0:
        return
    row, cell = w.cache[q], w.cached[key]
    rules = w.version[w.container[row.server].profile]
    row.fills += 1
    cell.lease = 0.0
    if cell.held != 0:
        take_out(w, q, key)
    else:
        row.stored += 1
        while 0 < rules.keys_held <= row.entries:
            take_out(w, q, row.first)
            row.evicted += 1
    put_last(w, q, key)
    cell.until = w.now + rules.ttl_s


# ---- what it holds ----
@inner
def put_last(w: Any, q: int, key: int) -> None:
    row, cell = w.cache[q], w.cached[key]
    cell.before, cell.after, cell.held = row.last, -1, 1
    if row.last < 0:
        row.first = key
    else:
        w.cached[row.last].after = key
    row.last = key
    row.entries += 1


@inner
def take_out(w: Any, q: int, key: int) -> None:
    row, cell = w.cache[q], w.cached[key]
    if cell.before < 0:
        row.first = cell.after
    else:
        w.cached[cell.before].after = cell.after
    if cell.after < 0:
        row.last = cell.before
    else:
        w.cached[cell.after].before = cell.before
    cell.held = 0
    row.entries -= 1


# ---- it comes and goes ----
@inner
def start_cache(w: Any, c: int, p: int) -> None:
    rules = w.version[p]
    q = rules.number
    clear(w, q)
    play_cache(w, c, q)
    row = w.cache[q]
    if rules.warm != 0 and row.begun == 0:
        held = min(rules.keys, rules.keys_held) if rules.keys_held > 0 else rules.keys
        for k in range(held):
            key = held - 1 - k
            left = rules.ttl_s
            if left < INFINITY:
                left *= uniform(w, DRAW_WARM, q * MOST_KEYS + key)
            put_last(w, q, q * MOST_KEYS + key)
            w.cached[q * MOST_KEYS + key].until = w.now + left
        row.stored += held
    row.begun = 1


@inner
def play_cache(w: Any, c: int, q: int) -> None:
    for left in range(w.caches):
        if w.cache[left].server == c:
            w.cache[left].server = -1
    w.cache[q].server = c


@inner
def clear(w: Any, q: int) -> None:
    row = w.cache[q]
    row.lost += row.entries
    row.entries = 0
    row.first = row.last = -1
    for key in range(q * MOST_KEYS, (q + 1) * MOST_KEYS):
        cell = w.cached[key]
        if cell.held != 0 or cell.lease != 0.0:
            cell.held = 0
            cell.lease = 0.0
