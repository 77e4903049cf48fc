"""Connections that lead to a database's process of before: reference/sessions.py over arrays."""

from __future__ import annotations

from typing import Any

from sim.dataplane.codes import MOST_POOLS, SILENT
from sim.dataplane.kernel.codes import HTTP_500, POOL_TIMEOUT
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.containers import reach
from sim.dataplane.kernel.layout import (
    DB_DIALS,
    FIRST_LIST,
    HANDLED,
    IN_POOL,
    LISTS,
    LOCKED,
    POOLER_TURNS,
    QUERIES,
    RETURNED,
    STRANDED,
    TRAVELLED,
    UNHEARD,
)
from sim.dataplane.kernel.postgres import (
    fall_silent,
    forget,
    granted_to,
    list_of,
    open_one,
    pooled_db,
    reset,
    rules_of,
)
from sim.dataplane.kernel.timing import push_back, unlink


@inner
def strand(w: Any, d: int) -> None:
    if w.store[d].db < 0 or pooled_db(w, d):
        return
    db = w.store[d].db
    if w.store[d].gone != db:
        release(w, d)
        w.store[d].gone = db
    for c in range(w.containers):
        if reach(w, db, c) != SILENT:
            continue
        for pool in range(w.version[w.container[c].profile].pools):
            if rules_of(w, c, pool).database == d:
                w.pool[MOST_POOLS * c + pool].stranded += w.pool[MOST_POOLS * c + pool].idle
    for which in (QUERIES, LOCKED, POOLER_TURNS):
        node = w.head[list_of(d, which)]
        while node >= 0:
            after = w.next[node]
            if reach(w, db, w.work[node >> 1].at) == SILENT:
                unlink(w, list_of(d, which), node)
                fall_silent(w, node >> 1)
            node = after
    reset(w, d)


@inner
def timed_out(w: Any, s: int) -> None:
    """Of a work that waits for a connection, or for what comes over it."""
    work = w.work[s]
    stage, c, pool = work.stage, work.at, work.pool
    forget(w, s)
    if stage == STRANDED:
        granted_to(w, s, HTTP_500)
        next_in_line(w, c, pool)
    else:
        granted_to(w, s, 0 if stage in (HANDLED, TRAVELLED, RETURNED) else POOL_TIMEOUT)


@inner
def next_in_line(w: Any, c: int, pool: int) -> None:
    waiting = FIRST_LIST + LISTS * c + IN_POOL + pool
    node = w.head[waiting]
    if node < 0:
        return
    unlink(w, waiting, node)
    work = w.work[node >> 1]
    work.fresh = 1
    code = open_one(w, c, pool)
    if code == SILENT:
        w.pool[MOST_POOLS * c + pool].opening += 1
        work.opening = 1
        push_back(w, list_of(work.database, DB_DIALS), node)
    else:
        granted_to(w, node >> 1, code)


@inner
def release(w: Any, d: int) -> None:
    w.store[d].gone = -1
    unheard = list_of(d, UNHEARD)
    node = w.head[unheard]
    w.head[unheard] = w.tail[unheard] = -1
    while node >= 0:
        after = w.next[node]
        granted_to(w, node >> 1, HTTP_500)
        node = after
    for c in range(w.containers):
        for pool in range(w.version[w.container[c].profile].pools):
            own = w.pool[MOST_POOLS * c + pool]
            places = own.stranded + own.silent
            if places > 0 and rules_of(w, c, pool).database == d:
                own.stranded = own.silent = 0
                for _ in range(places):
                    next_in_line(w, c, pool)


@inner
def told(w: Any, c: int) -> None:
    for d in range(w.databases):
        if w.store[d].gone == c:
            release(w, d)
