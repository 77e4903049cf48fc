"""Postgres: slots, pools, pooler, deaths: reference/postgres.py over arrays.

Its generators (use, checkout, server_connection) are cut at their yields: a function here returns
WAITS where the reference yields, and the stretch after it is resumed from the agenda by stories.py.
"""

from __future__ import annotations

from typing import Any

from sim.dataplane import arithmetic
from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import SILENT
from sim.dataplane.kernel.codes import (
    CHECKOUT,
    DB_REFUSED,
    DRAW_LOCK,
    GHOST,
    HTTP_500,
    LISTENING,
    POOL_TIMEOUT,
    SUCCEEDED,
)
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.draws import uniform
from sim.dataplane.kernel.layout import (
    CHECKED_OUT,
    DB_DIALS,
    FIRST_LIST,
    GHOSTS,
    HANDLED,
    IN_POOL,
    LOCKED,
    OUT_REFUSED,
    POOLER_QUEUE,
    POOLER_SERVED,
    POOLER_TURNS,
    QUERIES,
    QUERY_DONE,
    UNLOCKED,
)
from sim.dataplane.kernel.stations import drop, join
from sim.dataplane.kernel.timing import agenda, out, push_back, set_timer, unlink

query_cost = inner(arithmetic.query_cost)

WAITS = -2


# ---- slots ----
@inner
def limit(w: Any) -> int:
    return w.version[w.container[w.db].profile].connection_slots if w.db >= 0 else 0


@inner
def pooled_db(w: Any) -> bool:
    return w.db >= 0 and w.version[w.container[w.db].profile].pooler_size > 0


@inner
def count(w: Any, by: int) -> None:
    w.used += by
    if by > 0:
        w.granted += by
        w.peak = max(w.peak, w.used)
    else:
        w.closed -= by
    at_limit(w)


@inner
def at_limit(w: Any) -> None:
    most = limit(w)
    full = most > 0 and w.used >= most
    if full and w.full_since == INFINITY:
        w.full_since = w.now
    elif not full and w.full_since < INFINITY:
        w.exhausted += w.now - w.full_since
        w.full_since = INFINITY


@inner
def reach(w: Any) -> int:
    db = w.db
    if db < 0:
        return HTTP_500
    if w.machine[w.container[db].server].alive == 0 or w.container[db].hung != 0:
        return SILENT
    return 0 if w.container[db].life == LISTENING else HTTP_500


@inner
def open_one(w: Any, c: int) -> int:
    code = reach(w)
    if code != 0:
        return code
    if w.container[c].locked != 0:
        return HTTP_500
    if pooled_db(w):
        if w.clients >= w.version[w.container[w.db].profile].pooler_clients:
            w.refusals += 1
            out(w, OUT_REFUSED, w.now, 0.0, 0)
            return DB_REFUSED
        w.clients += 1
    else:
        if w.used >= limit(w):
            w.refusals += 1
            out(w, OUT_REFUSED, w.now, 0.0, 0)
            return DB_REFUSED
        count(w, 1)
    w.container[c].pool_open += 1
    return 0


@inner
def close(w: Any, c: int, n: int) -> None:
    w.container[c].pool_open -= n
    if pooled_db(w):
        w.clients -= n
    elif n != 0:
        count(w, -n)


# ---- the story of a query ----
@inner
def checkout(w: Any, s: int) -> int:
    work = w.work[s]
    c = work.at
    rules = w.version[w.container[c].profile]
    work.fresh = work.opening = 0
    if w.container[c].pool_idle > 0:
        w.container[c].pool_idle -= 1
        return SUCCEEDED
    size = rules.pool
    if size == 0 or w.container[c].pool_open + w.container[c].pool_opening < size:
        work.fresh = 1
        code = open_one(w, c)
        if code == 0:
            return SUCCEEDED
        if code != SILENT:
            return code
        w.container[c].pool_opening += 1
        work.opening = 1
        push_back(w, DB_DIALS, 2 * s + 1)
    else:
        push_back(w, FIRST_LIST + 3 * c + IN_POOL, 2 * s + 1)
    wait_for(w, s, rules.checkout_timeout_s, CHECKED_OUT)
    return WAITS


@inner
def pooler_turn(w: Any, s: int) -> bool:
    """Does it wait for the pooler's one process?"""
    rules = w.version[w.container[w.db].profile]
    cost = rules.pooler_transaction_s + (rules.pooler_login_s if w.work[s].fresh != 0 else 0.0)
    if cost == 0.0:
        return False
    push_back(w, POOLER_TURNS, 2 * s + 1)
    wait_for(w, s, handled_after(w, cost), HANDLED)
    return True


@inner
def handled_after(w: Any, cost: float) -> float:
    w.pooler_free = max(w.pooler_free, w.now) + cost
    return w.pooler_free - w.now


@inner
def start_up_connection_s(w: Any) -> float:
    if w.db < 0:
        return 0.0
    rules = w.version[w.container[w.db].profile]
    if rules.pooler_size > 0 and rules.pooler_login_s > 0.0:
        return max(rules.connect_s, handled_after(w, rules.pooler_login_s))
    return rules.connect_s


@inner
def server_connection(w: Any, s: int) -> int:
    work = w.work[s]
    p = w.container[w.db].profile
    work.fresh = work.pooled = 0
    if w.servers_idle > 0:
        w.servers_idle -= 1
        work.pooled = 1
        return SUCCEEDED
    if w.servers_open < w.version[p].pooler_size and w.used < limit(w):
        w.servers_open += 1
        count(w, 1)
        work.fresh = work.pooled = 1
        return SUCCEEDED
    push_back(w, POOLER_QUEUE, 2 * s + 1)
    wait_for(w, s, w.version[p].pooler_wait_s, POOLER_SERVED)
    return WAITS


@inner
def wait_for(w: Any, s: int, timeout: float, stage: int) -> None:
    work = w.work[s]
    w.waits += 1
    work.waiting = 1
    work.stage = stage
    work.timer_at = set_timer(w, CHECKOUT, timeout, work.id, s)


@inner
def granted_to(w: Any, s: int, code: int) -> None:
    work = w.work[s]
    w.waits -= 1
    work.waiting = 0
    work.timer_at = INFINITY
    if work.opening != 0:
        work.opening = 0
        w.container[work.at].pool_opening -= 1
    agenda(w, s, code)


@inner
def timed_out(w: Any, s: int) -> None:
    forget(w, s)
    granted_to(w, s, 0 if w.work[s].stage == HANDLED else POOL_TIMEOUT)


@inner
def forget(w: Any, s: int) -> None:
    work = w.work[s]
    if work.stage == POOLER_SERVED:
        unlink(w, POOLER_QUEUE, 2 * s + 1)
    elif work.stage == UNLOCKED:
        unlink(w, LOCKED, 2 * s + 1)
    elif work.stage == HANDLED:
        unlink(w, POOLER_TURNS, 2 * s + 1)
    elif work.opening != 0:
        unlink(w, DB_DIALS, 2 * s + 1)
    else:
        unlink(w, FIRST_LIST + 3 * work.at + IN_POOL, 2 * s + 1)


@inner
def query(w: Any, s: int) -> None:
    """The connection is there: run the query on the database's cores."""
    work = w.work[s]
    db = w.db
    rules = w.version[w.container[db].profile]
    demand = work.demand
    if work.fresh != 0:
        demand += rules.connect_cpu_s
    cost = query_cost(demand, rules.cost_growth, w.container[db].n + 1)
    push_back(w, QUERIES, 2 * s + 1)
    work.in_session = w.session
    join(w, db, s, cost, QUERY_DONE)


@inner
def locks(w: Any, s: int) -> bool:
    share = w.version[w.container[w.db].profile].locked_share if w.db >= 0 else 0.0
    return share > 0.0 and uniform(w, DRAW_LOCK, w.work[s].visit) < share


@inner
def blocked(w: Any, s: int) -> None:
    work = w.work[s]
    w.waits += 1
    work.waiting = 1
    work.in_session, work.timer_at = w.session, INFINITY
    work.stage = UNLOCKED
    push_back(w, LOCKED, 2 * s + 1)


@inner
def unlock(w: Any) -> None:
    node = w.head[LOCKED]
    while node >= 0:
        after = w.next[node]
        if not locks(w, node >> 1):
            unlink(w, LOCKED, node)
            granted_to(w, node >> 1, 0)
        node = after


@inner
def server_free(w: Any, s: int) -> None:
    work = w.work[s]
    if work.pooled == 0:
        return
    work.pooled = 0
    node = w.head[POOLER_QUEUE]
    if node >= 0:
        unlink(w, POOLER_QUEUE, node)
        granted_to(w, node >> 1, 0)
    else:
        w.servers_idle += 1


@inner
def give_back(w: Any, s: int) -> None:
    c = w.work[s].at
    if w.version[w.container[c].profile].pool == 0:
        close(w, c, 1)
        return
    waiting = FIRST_LIST + 3 * c + IN_POOL
    node = w.head[waiting]
    if node >= 0:
        unlink(w, waiting, node)
        granted_to(w, node >> 1, 0)
    else:
        w.container[c].pool_idle += 1


@inner
def goes_on(w: Any) -> None:
    node = w.head[DB_DIALS]
    w.head[DB_DIALS] = w.tail[DB_DIALS] = -1
    while node >= 0:
        after = w.next[node]
        granted_to(w, node >> 1, open_one(w, w.work[node >> 1].at))
        node = after


# ---- deaths ----
@inner
def reset(w: Any) -> None:
    """Order of the broken: queries, pools by container, dials, the pooler's queue, its turns."""
    w.session += 1
    for i in range(GHOSTS):
        if w.ghost[i].n != 0:
            w.ghost[i].n = 0
    w.servers_open = w.servers_idle = 0
    w.pooler_free = 0.0
    if w.db >= 0:
        drop(w, w.db, -1)
    w.clients = 0
    for c in range(w.containers):
        w.container[c].pool_open = w.container[c].pool_idle = 0
    count(w, -w.used)
    node = w.head[QUERIES]
    w.head[QUERIES] = w.tail[QUERIES] = -1
    while node >= 0:
        after = w.next[node]
        agenda(w, node >> 1, HTTP_500)
        node = after
    for c in range(w.containers):
        fail_all(w, FIRST_LIST + 3 * c + IN_POOL)
    fail_all(w, LOCKED)
    fail_all(w, DB_DIALS)
    fail_all(w, POOLER_QUEUE)
    fail_all(w, POOLER_TURNS)


@inner
def fail_all(w: Any, list_: int) -> None:
    node = w.head[list_]
    w.head[list_] = w.tail[list_] = -1
    while node >= 0:
        after = w.next[node]
        granted_to(w, node >> 1, HTTP_500)
        node = after


@inner
def client_died(w: Any, c: int, silently: bool) -> None:
    """Call before the container's lists are cleared; its works are walked in order."""
    container = w.container[c]
    drop_queries(w, c)
    for which in range(2):
        node = w.head[FIRST_LIST + 3 * c + which]
        while node >= 0:
            s = node >> 1
            if w.work[s].waiting != 0:
                forget(w, s)
                w.waits -= 1
                w.work[s].waiting = 0
            w.work[s].timer_at = INFINITY
            node = w.next[node]
    node = w.head[FIRST_LIST + 3 * c]
    while node >= 0:
        if w.work[node >> 1].in_session == w.session:
            server_free(w, node >> 1)
        node = w.next[node]
    n = container.pool_open
    if silently and n != 0 and not pooled_db(w) and w.db >= 0:
        w.ghosts += 1
        at = w.ghosts % GHOSTS
        w.ghost[at].number, w.ghost[at].n = w.ghosts, n
        set_timer(w, GHOST, w.version[w.container[w.db].profile].keepalive_s, w.ghosts, at)
    else:
        close(w, c, n)
    container.pool_open = container.pool_idle = container.pool_opening = 0


@inner
def drop_queries(w: Any, c: int) -> None:
    served = False
    node = w.head[QUERIES]
    while node >= 0:
        after = w.next[node]
        if w.work[node >> 1].at == c:
            unlink(w, QUERIES, node)
            served = True
        node = after
    if w.db >= 0 and served:
        drop(w, w.db, c)


@inner
def ghost_closed(w: Any, at: int, number: int) -> None:
    if w.ghost[at].number == number and w.ghost[at].n != 0:
        n = w.ghost[at].n
        w.ghost[at].n = 0
        count(w, -n)
