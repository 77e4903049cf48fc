"""Postgres: slots, pools, pooler, deaths: reference/postgres.py over arrays.

Its generators (use, checkout, server_connection) are cut at their yields: a function here returns
WAITS where the reference yields, and the stretch after it is resumed from the agenda by stories.py.
"""

from __future__ import annotations

from typing import Any

from sim.dataplane import arithmetic
from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import MOST_POOLS, SILENT
from sim.dataplane.kernel.codes import (
    CHECKOUT,
    DB_REFUSED,
    DRAW_LOCK,
    GHOST,
    HTTP_500,
    LISTENING,
    SUCCEEDED,
)
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.containers import reach
from sim.dataplane.kernel.draws import uniform
from sim.dataplane.kernel.layout import (
    CHECKED_OUT,
    DATABASE_LIST,
    DB_DIALS,
    FIRST_LIST,
    GHOSTS,
    HANDLED,
    IN_POOL,
    LISTS,
    LOCKED,
    OUT_REFUSED,
    POOLER_QUEUE,
    POOLER_SERVED,
    POOLER_TURNS,
    QUERIES,
    QUERY_DONE,
    RETURNED,
    STRANDED,
    TRAVELLED,
    UNHEARD,
    UNLOCKED,
)
from sim.dataplane.kernel.stations import drop, join
from sim.dataplane.kernel.timing import agenda, out, push_back, set_timer, unlink

query_cost = inner(arithmetic.query_cost)

WAITS = -2


# ---- slots ----
@inner
def limit(w: Any, d: int) -> int:
    db = w.store[d].db
    return w.version[w.container[db].profile].connection_slots if db >= 0 else 0


@inner
def answers(w: Any, d: int) -> bool:
    """Whether a process that listens plays the database: of a dead one nobody holds a slot."""
    db = w.store[d].db
    return (
        db >= 0
        and w.container[db].life == LISTENING
        and w.machine[w.container[db].server].alive != 0
    )


@inner
def pooled_db(w: Any, d: int) -> bool:
    db = w.store[d].db
    return db >= 0 and w.version[w.container[db].profile].pooler_size > 0


@inner
def count(w: Any, d: int, by: int) -> None:
    store = w.store[d]
    store.used += by
    if by > 0:
        store.granted += by
        store.peak = max(store.peak, store.used)
    else:
        store.closed -= by
    at_limit(w, d)


@inner
def at_limit(w: Any, d: int) -> None:
    most, store = limit(w, d), w.store[d]
    full = most > 0 and store.used >= most
    if full and store.full_since == INFINITY:
        store.full_since = w.now
    elif not full and store.full_since < INFINITY:
        store.exhausted += w.now - store.full_since
        store.full_since = INFINITY


@inner
def rules_of(w: Any, c: int, pool: int) -> Any:
    return w.rules[MOST_POOLS * w.container[c].profile + pool]


@inner
def open_one(w: Any, c: int, pool: int) -> int:
    d = rules_of(w, c, pool).database
    code = reach(w, w.store[d].db, c)
    if code != 0:
        return code
    store = w.store[d]
    if w.container[c].locked != 0 or w.version[w.container[store.db].profile].read_only != 0:
        return HTTP_500
    if pooled_db(w, d):
        if store.clients >= w.version[w.container[store.db].profile].pooler_clients:
            refuse(w, d)
            return DB_REFUSED
        store.clients += 1
    else:
        if store.used >= limit(w, d):
            refuse(w, d)
            return DB_REFUSED
        count(w, d, 1)
    w.pool[MOST_POOLS * c + pool].open += 1
    return 0


@inner
def refuse(w: Any, d: int) -> None:
    w.refusals += 1
    w.store[d].refusals += 1
    out(w, OUT_REFUSED, w.now, 0.0, 0)


@inner
def close(w: Any, c: int, pool: int, n: int) -> None:
    d = rules_of(w, c, pool).database
    w.pool[MOST_POOLS * c + pool].open -= n
    if pooled_db(w, d):
        w.store[d].clients -= n
    elif n != 0:
        count(w, d, -n)


@inner
def unopened(w: Any, c: int) -> int:
    """The first pool that lacks start-up connections, or -1."""
    for pool in range(w.version[w.container[c].profile].pools):
        if w.pool[MOST_POOLS * c + pool].open < rules_of(w, c, pool).at_start:
            return pool
    return -1


@inner
def list_of(d: int, which: int) -> int:
    return DATABASE_LIST + 6 * d + which


# ---- the story of a query ----
@inner
def checkout(w: Any, s: int, pool: int) -> int:
    work = w.work[s]
    c = work.at
    rules, own = rules_of(w, c, pool), w.pool[MOST_POOLS * c + pool]
    work.database, work.pool, work.in_session = rules.database, pool, -1
    work.fresh = work.opening = 0
    if own.idle > 0:
        own.idle -= 1
        return SUCCEEDED
    if own.stranded > 0:
        own.stranded -= 1
        fall_silent(w, s)
        return WAITS
    if rules.size == 0 or own.open + own.opening + own.silent < rules.size:
        work.fresh = 1
        code = open_one(w, c, pool)
        if code == 0:
            return SUCCEEDED
        if code != SILENT:
            return code
        own.opening += 1
        work.opening = 1
        push_back(w, list_of(work.database, DB_DIALS), 2 * s + 1)
    else:
        push_back(w, FIRST_LIST + LISTS * c + IN_POOL + pool, 2 * s + 1)
    wait_for(w, s, rules.checkout_timeout_s, CHECKED_OUT)
    return WAITS


@inner
def pooler_turn(w: Any, s: int) -> bool:
    """Does it wait for the pooler's one process?"""
    d = w.work[s].database
    rules = w.version[w.container[w.store[d].db].profile]
    cost = rules.pooler_transaction_s + (rules.pooler_login_s if w.work[s].fresh != 0 else 0.0)
    if cost == 0.0:
        return False
    push_back(w, list_of(d, POOLER_TURNS), 2 * s + 1)
    wait_for(w, s, handled_after(w, d, cost), HANDLED)
    return True


@inner
def handled_after(w: Any, d: int, cost: float) -> float:
    w.store[d].pooler_free = max(w.store[d].pooler_free, w.now) + cost
    return w.store[d].pooler_free - w.now


@inner
def start_up_connection_s(w: Any, d: int) -> float:
    db = w.store[d].db
    if db < 0:
        return 0.0
    rules = w.version[w.container[db].profile]
    if rules.pooler_size > 0 and rules.pooler_login_s > 0.0:
        return max(rules.connect_s, handled_after(w, d, rules.pooler_login_s))
    return rules.connect_s


@inner
def server_connection(w: Any, s: int) -> int:
    work = w.work[s]
    d = work.database
    store = w.store[d]
    p = w.container[store.db].profile
    work.fresh = work.pooled = 0
    if store.servers_idle > 0:
        store.servers_idle -= 1
        work.pooled = 1
        return SUCCEEDED
    if store.servers_open < w.version[p].pooler_size and store.used < limit(w, d):
        store.servers_open += 1
        count(w, d, 1)
        work.fresh = work.pooled = 1
        return SUCCEEDED
    push_back(w, list_of(d, POOLER_QUEUE), 2 * s + 1)
    wait_for(w, s, w.version[p].pooler_wait_s, POOLER_SERVED)
    return WAITS


@inner
def wait_for(w: Any, s: int, timeout: float, stage: int) -> None:
    work = w.work[s]
    w.store[work.database].waits += 1
    work.waiting = 1
    work.stage = stage
    work.timer_at = set_timer(w, CHECKOUT, timeout, work.id, s)


@inner
def granted_to(w: Any, s: int, code: int) -> None:
    work = w.work[s]
    w.store[work.database].waits -= 1
    work.waiting = 0
    work.timer_at = INFINITY
    if work.opening != 0:
        work.opening = 0
        w.pool[MOST_POOLS * work.at + work.pool].opening -= 1
    agenda(w, s, code)


@inner
def fall_silent(w: Any, s: int) -> None:
    work = w.work[s]
    w.pool[MOST_POOLS * work.at + work.pool].silent += 1
    push_back(w, list_of(work.database, UNHEARD), 2 * s + 1)
    if work.waiting != 0:
        w.store[work.database].waits -= 1
    wait_for(w, s, rules_of(w, work.at, work.pool).silence_s, STRANDED)


@inner
def forget(w: Any, s: int) -> None:
    work = w.work[s]
    if work.stage == POOLER_SERVED:
        unlink(w, list_of(work.database, POOLER_QUEUE), 2 * s + 1)
    elif work.stage == UNLOCKED:
        unlink(w, list_of(work.database, LOCKED), 2 * s + 1)
    elif work.stage in (HANDLED, TRAVELLED, RETURNED):
        unlink(w, list_of(work.database, POOLER_TURNS), 2 * s + 1)
    elif work.stage == STRANDED:
        unlink(w, list_of(work.database, UNHEARD), 2 * s + 1)
        w.pool[MOST_POOLS * work.at + work.pool].silent -= 1
    elif work.opening != 0:
        unlink(w, list_of(work.database, DB_DIALS), 2 * s + 1)
    else:
        unlink(w, FIRST_LIST + LISTS * work.at + IN_POOL + work.pool, 2 * s + 1)


@inner
def query(w: Any, s: int) -> None:
    """The connection is there: run the query on the database's cores."""
    work = w.work[s]
    store = w.store[work.database]
    db = store.db
    rules = w.version[w.container[db].profile]
    demand = work.demand
    if work.fresh != 0:
        demand += rules.connect_cpu_s
    cost = query_cost(demand, rules.cost_growth, w.container[db].n + 1)
    push_back(w, list_of(work.database, QUERIES), 2 * s + 1)
    work.in_session = store.session
    join(w, db, s, cost, QUERY_DONE)


@inner
def locks(w: Any, s: int) -> bool:
    db = w.store[w.work[s].database].db
    share = w.version[w.container[db].profile].locked_share if db >= 0 else 0.0
    return share > 0.0 and uniform(w, DRAW_LOCK, w.work[s].visit) < share


@inner
def blocked(w: Any, s: int) -> None:
    work = w.work[s]
    store = w.store[work.database]
    store.waits += 1
    work.waiting = 1
    work.in_session, work.timer_at = store.session, INFINITY
    work.stage = UNLOCKED
    push_back(w, list_of(work.database, LOCKED), 2 * s + 1)


@inner
def unlock(w: Any, d: int) -> None:
    locked = list_of(d, LOCKED)
    node = w.head[locked]
    while node >= 0:
        after = w.next[node]
        if not locks(w, node >> 1):
            unlink(w, locked, node)
            granted_to(w, node >> 1, 0)
        node = after


@inner
def still_connected(w: Any, s: int) -> bool:
    """To the same life of its database, since it has not given its connection back."""
    work = w.work[s]
    return work.database >= 0 and work.in_session == w.store[work.database].session


@inner
def server_free(w: Any, s: int) -> None:
    work = w.work[s]
    if work.pooled == 0:
        return
    work.pooled = 0
    queue = list_of(work.database, POOLER_QUEUE)
    node = w.head[queue]
    if node >= 0:
        unlink(w, queue, node)
        granted_to(w, node >> 1, 0)
    else:
        w.store[work.database].servers_idle += 1


@inner
def give_back(w: Any, s: int) -> None:
    c, pool = w.work[s].at, w.work[s].pool
    if rules_of(w, c, pool).size == 0:
        close(w, c, pool, 1)
        return
    waiting = FIRST_LIST + LISTS * c + IN_POOL + pool
    node = w.head[waiting]
    if node >= 0:
        unlink(w, waiting, node)
        granted_to(w, node >> 1, 0)
    else:
        w.pool[MOST_POOLS * c + pool].idle += 1


@inner
def goes_on(w: Any, d: int) -> None:
    dials = list_of(d, DB_DIALS)
    node = w.head[dials]
    while node >= 0:
        after, work = w.next[node], w.work[node >> 1]
        if reach(w, w.store[d].db, work.at) != SILENT:
            unlink(w, dials, node)
            granted_to(w, node >> 1, open_one(w, work.at, work.pool))
        node = after


# ---- deaths ----
@inner
def reset(w: Any, d: int) -> None:
    """Order of the broken: queries, pools by container, dials, the pooler's queue, its turns."""
    store = w.store[d]
    store.session += 1
    for i in range(GHOSTS):
        if w.ghost[i].n != 0 and w.ghost[i].database == d:
            w.ghost[i].n = 0
    store.servers_open = store.servers_idle = 0
    store.pooler_free = 0.0
    if store.db >= 0:
        drop(w, store.db, -1)
    store.clients = 0
    for c in range(w.containers):
        for pool in range(w.version[w.container[c].profile].pools):
            if rules_of(w, c, pool).database == d:
                w.pool[MOST_POOLS * c + pool].open = w.pool[MOST_POOLS * c + pool].idle = 0
    count(w, d, -store.used)
    queries = list_of(d, QUERIES)
    node = w.head[queries]
    w.head[queries] = w.tail[queries] = -1
    while node >= 0:
        after = w.next[node]
        agenda(w, node >> 1, HTTP_500)
        node = after
    for c in range(w.containers):
        for pool in range(w.version[w.container[c].profile].pools):
            if rules_of(w, c, pool).database == d:
                fail_all(w, FIRST_LIST + LISTS * c + IN_POOL + pool)
    fail_all(w, list_of(d, LOCKED))
    fail_all(w, list_of(d, DB_DIALS))
    fail_all(w, list_of(d, POOLER_QUEUE))
    fail_all(w, list_of(d, POOLER_TURNS))


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
    pools = w.version[w.container[c].profile].pools
    for pool in range(pools):
        drop_queries(w, c, rules_of(w, c, pool).database)
    for which in range(2):
        node = w.head[FIRST_LIST + LISTS * c + which]
        while node >= 0:
            s = node >> 1
            if w.work[s].waiting != 0:
                forget(w, s)
                w.store[w.work[s].database].waits -= 1
                w.work[s].waiting = 0
            w.work[s].timer_at = INFINITY
            node = w.next[node]
    node = w.head[FIRST_LIST + LISTS * c]
    while node >= 0:
        if still_connected(w, node >> 1):
            server_free(w, node >> 1)
        node = w.next[node]
    for pool in range(pools):
        abandon(w, c, pool, silently)


@inner
def abandon(w: Any, c: int, pool: int, silently: bool) -> None:
    own = w.pool[MOST_POOLS * c + pool]
    d = rules_of(w, c, pool).database
    db = w.store[d].db
    if silently and own.open != 0 and not pooled_db(w, d) and db >= 0:
        w.ghosts += 1
        at = w.ghosts % GHOSTS
        w.ghost[at].number, w.ghost[at].n, w.ghost[at].database = w.ghosts, own.open, d
        set_timer(w, GHOST, w.version[w.container[db].profile].keepalive_s, w.ghosts, at)
    else:
        close(w, c, pool, own.open)
    own.open = own.idle = own.opening = own.stranded = own.silent = 0


@inner
def drop_queries(w: Any, c: int, d: int) -> None:
    served = False
    queries = list_of(d, QUERIES)
    node = w.head[queries]
    while node >= 0:
        after = w.next[node]
        if w.work[node >> 1].at == c:
            unlink(w, queries, node)
            served = True
        node = after
    if w.store[d].db >= 0 and served:
        drop(w, w.store[d].db, c)


@inner
def ghost_closed(w: Any, at: int, number: int) -> None:
    if w.ghost[at].number == number and w.ghost[at].n != 0:
        n = w.ghost[at].n
        w.ghost[at].n = 0
        count(w, w.ghost[at].database, -n)
