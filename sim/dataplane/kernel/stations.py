"""CPU in the kernel: reference/stations.py over arrays.

The heap of a station is a pairing heap threaded through its works (a work is in one station at
most), ordered by (virtual finish, work id). Where nothing binds on a server (no station above its
cap, fewer requests than cores), every rate is 1 and only touched stations are re-timed.
"""

from __future__ import annotations

from typing import Any

from sim.dataplane import arithmetic
from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.layout import BLOCK
from sim.dataplane.kernel.timing import agenda

share_cores = inner(arithmetic.share_cores)


@inner
def meld(w: Any, a: int, b: int) -> int:
    """The root of two heaps: the lesser by (finish, id)."""
    if a < 0:
        return b
    if b < 0:
        return a
    if w.work[b].finish < w.work[a].finish or (
        w.work[b].finish == w.work[a].finish and w.work[b].id < w.work[a].id
    ):
        a, b = b, a
    w.work[b].sibling = w.work[a].child
    w.work[a].child = b
    return a


@inner
def without_root(w: Any, root: int) -> int:
    """Pairing: meld the children two by two, then all of those from the last."""
    pairs = -1
    a = w.work[root].child
    while a >= 0:
        b = w.work[a].sibling
        after = -1
        if b >= 0:
            after = w.work[b].sibling
            w.work[b].sibling = -1
        w.work[a].sibling = -1
        pair = meld(w, a, b)
        w.work[pair].sibling = pairs
        pairs = pair
        a = after
    made = -1
    while pairs >= 0:
        after = w.work[pairs].sibling
        w.work[pairs].sibling = -1
        made = meld(w, made, pairs)
        pairs = after
    w.work[root].child = -1
    return made


@inner
def sync(w: Any, c: int) -> None:
    container = w.container[c]
    if container.n > 0:
        had = w.now - container.since
        container.busy += container.n * container.rate * had
        container.virtual += container.rate * had
    container.since = w.now


@inner
def touch(w: Any, c: int) -> None:
    container = w.container[c]
    if container.touched == 0:
        container.touched = 1
        w.touched_station[w.touched_stations] = c
        w.touched_stations += 1
        v = container.server
        if w.machine[v].touched == 0:
            w.machine[v].touched = 1
            w.touched_server[w.touched_servers] = v
            w.touched_servers += 1


@inner
def limit_of(w: Any, c: int) -> float:
    container = w.container[c]
    return 0.0 if container.frozen != 0 else container.cap


@inner
def recount(w: Any, c: int, by: int) -> None:
    """n changes: keep the server's count of requests, and of stations above their cap."""
    container = w.container[c]
    container.n += by
    v = container.server
    w.machine[v].running += by
    binds = 1 if container.n > limit_of(w, c) else 0
    w.machine[v].binding += binds - container.capped
    container.capped = binds


@inner
def join(w: Any, c: int, s: int, demand: float, stage: int) -> None:
    work = w.work[s]
    container = w.container[c]
    sync(w, c)
    work.finish = container.virtual + demand
    work.child = work.sibling = -1
    container.root = meld(w, container.root, s)
    recount(w, c, 1)
    work.stage = stage
    touch(w, c)


@inner
def complete(w: Any, c: int) -> None:
    container = w.container[c]
    sync(w, c)
    s = container.root
    container.virtual = w.work[s].finish
    container.root = without_root(w, s)
    recount(w, c, -1)
    if container.n == 0:
        container.virtual = 0.0
    set_due(w, c, INFINITY)
    touch(w, c)
    agenda(w, s, 0)


@inner
def drop(w: Any, c: int, only: int) -> None:
    """Take out all work (`only` < 0), or that of container `only`, without finishing it."""
    container = w.container[c]
    # flatten the heap into a chain through `sibling`, then meld anew what stays
    chain, kept, gone = -1, -1, 0
    todo = container.root
    while todo >= 0:
        s = todo
        todo = w.work[s].sibling
        below = w.work[s].child
        while below >= 0:
            after = w.work[below].sibling
            w.work[below].sibling = todo
            todo = below
            below = after
        w.work[s].child = -1
        if only < 0 or w.work[s].at == only:
            w.work[s].sibling = -1
            gone += 1
        else:
            w.work[s].sibling = chain
            chain = s
    while chain >= 0:
        after = w.work[chain].sibling
        w.work[chain].sibling = -1
        kept = meld(w, kept, chain)
        chain = after
    container.root = kept
    if gone == 0:
        return
    sync(w, c)
    recount(w, c, -gone)
    if container.n == 0:
        container.virtual = 0.0
    touch(w, c)


@inner
def set_due(w: Any, c: int, t: float) -> None:
    """When the next completion is due; the block's least is looked up anew when needed."""
    w.due[c] = t
    b = c // BLOCK
    if w.dirty[b] == 0:
        w.dirty[b] = 1
        w.block_dirty[w.dirty_blocks] = b
        w.dirty_blocks += 1


@inner
def retime(w: Any, c: int) -> None:
    container = w.container[c]
    if container.n == 0 or container.rate == 0.0:
        set_due(w, c, INFINITY)
        return
    left = (w.work[container.root].finish - container.virtual) / container.rate
    set_due(w, c, w.now + (left if left > 0.0 else 0.0))


@inner
def enlist(w: Any, c: int) -> None:
    """A process starts: its station joins its server's list, which is in order of id."""
    container = w.container[c]
    if container.listed != 0:
        return
    container.listed = 1
    machine = w.machine[container.server]
    before, after = -1, machine.first
    while 0 <= after < c:
        before, after = after, w.container[after].neighbour
    container.neighbour = after
    if before < 0:
        machine.first = c
    else:
        w.container[before].neighbour = c


@inner
def strike(w: Any, c: int) -> None:
    """It ended: an empty station would only be skipped by all who share the cores."""
    container = w.container[c]
    container.listed = 0
    machine = w.machine[container.server]
    if machine.first == c:
        machine.first = container.neighbour
        return
    at = machine.first
    while w.container[at].neighbour != c:
        at = w.container[at].neighbour
    w.container[at].neighbour = container.neighbour


@inner
def share(w: Any, v: int) -> None:
    """share_cores over the stations of server v that run something."""
    k = 0
    c = w.machine[v].first
    while c >= 0:
        if w.container[c].n > 0:
            w.share_of[k], w.share_n[k], w.share_cap[k] = c, w.container[c].n, limit_of(w, c)
            w.share_weight[k] = w.container[c].weight
            k += 1
        c = w.container[c].neighbour
    share_cores(k, w.share_n, w.share_cap, w.share_weight, w.machine[v].cores, w.share_rate)
    for i in range(k):
        c = w.share_of[i]
        if w.share_rate[i] != w.container[c].rate:
            sync(w, c)
            w.container[c].rate = w.share_rate[i]
            retime(w, c)
        elif w.container[c].touched != 0:
            retime(w, c)


@inner
def settle(w: Any) -> None:
    """The end of an instant: share out the cores of each touched server anew."""
    for i in range(w.touched_servers):
        v = w.touched_server[i]
        w.machine[v].touched = 0
        plain = w.machine[v].binding == 0 and w.machine[v].running <= w.machine[v].cores
        if not (plain and w.machine[v].plain == 1):
            share(w, v)
        w.machine[v].plain = 2 if plain and w.machine[v].plain != 1 else (1 if plain else 0)
    for i in range(w.touched_stations):
        c = w.touched_station[i]
        w.container[c].touched = 0
        v = w.container[c].server
        if w.machine[v].plain == 1:
            if w.container[c].rate != 1.0:
                sync(w, c)
                w.container[c].rate = 1.0
            retime(w, c)
        elif w.container[c].n == 0:
            retime(w, c)
    for i in range(w.touched_servers):
        v = w.touched_server[i]
        if w.machine[v].plain == 2:
            w.machine[v].plain = 1
    w.touched_servers = 0
    w.touched_stations = 0
