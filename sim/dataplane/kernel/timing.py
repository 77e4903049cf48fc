"""Time in the kernel: which timed event is next, what follows at once, linked lists, places.

An instant, as in reference/timing.py: one timed event -> the agenda, first in first out -> settle
-> notices. The next timed event is the least by (time, kind, id) of: the stations' completions,
the next arrival, rings of timers with constant delays (in order as they are set) and a heap for
the rest. A timer is never taken out; when it is due it acts only if its work (same place, same
id) still waits for exactly this time.
"""

from __future__ import annotations

from typing import Any

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import ID_BITS
from sim.dataplane.kernel.codes import CHECKOUT, DIAL, PATIENCE
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.layout import (
    AGENDA_PER_WORK,
    CLIENTS_PER_WORK,
    JOBS_PER_WORK,
    NOTES,
    OUTS,
    ROOM,
    TIMERS_PER_WORK,
)

DIAL_RING, CHECKOUT_RING, PATIENCE_RING = range(3)  # users' patience; then that of others
# why the kernel stopped
REACHED, NOTICED, OUT_FULL, NEED_ARRIVALS, NEED_PLACES, BUDGET, BROKEN = range(7)
LOOK = (1 << 12) - 1  # wake-ups of one instant between two looks at the room; a mask
NEVER = 1 << 62  # where the agenda goes on after an instant that is too large
FREED = 1 << 40  # in the agenda, before a container: its connection was given up
LEFT = 1 << 41  # ... before a work, whose id is the code: its client has left
SPARE = 1 << 42  # ... before a purse: a connection is left for who waits for one


# ---- room ----
@inner
def lacks_places(w: Any) -> bool:
    """Fewer than ROOM places are free of works, requests, jobs, timers or wake-ups."""
    works = w.works
    return (
        w.work_used > works - ROOM
        or w.request_top > CLIENTS_PER_WORK * works - ROOM
        or w.jobs_used > JOBS_PER_WORK * works - ROOM
        or w.heap_n > TIMERS_PER_WORK * works - 2 * ROOM
        or w.agenda_tail > AGENDA_PER_WORK // 2 * works - ROOM
    )


@inner
def short_of(w: Any) -> int:
    """What must be made room for before more may follow: NEED_PLACES, OUT_FULL, or REACHED."""
    if w.notes > NOTES or w.outs > OUTS:
        return BROKEN
    if w.outs > OUTS // 2:
        return OUT_FULL
    return NEED_PLACES if lacks_places(w) else REACHED


@inner
def too_large(w: Any) -> None:
    """One event took more than ROOM: nothing follows from it, and the run ends as BROKEN."""
    w.notes = NOTES + 1
    w.agenda_head = NEVER


# ---- lists: a node is 2*s (where a work stands) or 2*s+1 (what it waits for) ----
@inner
def push_back(w: Any, list_: int, node: int) -> None:
    last = w.tail[list_]
    w.prev[node] = last
    w.next[node] = -1
    if last < 0:
        w.head[list_] = node
    else:
        w.next[last] = node
    w.tail[list_] = node


@inner
def unlink(w: Any, list_: int, node: int) -> None:
    before, after = w.prev[node], w.next[node]
    if before < 0:
        w.head[list_] = after
    else:
        w.next[before] = after
    if after < 0:
        w.tail[list_] = before
    else:
        w.prev[after] = before


# ---- places ----
@inner
def new_work(w: Any, ident: int, kind: int) -> int:
    s = w.work_free
    if s < 0:
        s = w.work_top
        if s >= w.works:
            too_large(w)
            s -= 1
        w.work_top = s + 1
    else:
        w.work_free = w.work[s].sibling
    w.work_used += 1
    w.work[s].id = ident
    w.work[s].kind = kind
    w.work[s].at = -1
    w.work[s].child = w.work[s].sibling = -1
    w.work[s].timer_at = w.work[s].dial_at = w.work[s].dial_until = INFINITY
    w.work[s].fresh = w.work[s].waiting = w.work[s].opening = w.work[s].pooled = 0
    w.work[s].in_session = w.work[s].database = -1
    w.work[s].of_request = w.work[s].target = w.work[s].of_job = w.work[s].via = -1
    w.work[s].gate = -1
    w.work[s].asks = -1
    w.work[s].phase = w.work[s].abandoned = w.work[s].dials = w.work[s].push = w.work[
        s
    ].replied = w.work[s].deep = w.work[s].cut = 0
    w.work[s].visit = w.work[s].tried = 0
    w.work[s].sent = w.work[s].losses = 0
    return s


@inner
def free_work(w: Any, s: int) -> None:
    work = w.work[s]
    work.id = -1
    work.sibling = w.work_free
    w.work_free = s
    w.work_used -= 1


@inner
def new_client(w: Any) -> int:
    r = w.request_free
    if r < 0:
        r = w.request_top
        if r >= CLIENTS_PER_WORK * w.works:
            too_large(w)
            r -= 1
        w.request_top = r + 1
    else:
        w.request_free = w.request[r].work
    return r


@inner
def free_client(w: Any, r: int) -> None:
    w.request[r].id = -1
    w.request[r].work = w.request_free
    w.request_free = r


# ---- timers ----
@inner
def heap_push(w: Any, t: float, key: int, at: int) -> None:
    i = w.heap_n
    if i >= TIMERS_PER_WORK * w.works:
        too_large(w)
        return
    w.heap_n = i + 1
    while i > 0:
        up = (i - 1) >> 1
        if w.heap[up].t < t or (w.heap[up].t == t and w.heap[up].key <= key):
            break
        w.heap[i].t, w.heap[i].key, w.heap[i].at = w.heap[up].t, w.heap[up].key, w.heap[up].at
        i = up
    w.heap[i].t, w.heap[i].key, w.heap[i].at = t, key, at


@inner
def heap_pop(w: Any) -> None:
    n = w.heap_n - 1
    w.heap_n = n
    t, key, at = w.heap[n].t, w.heap[n].key, w.heap[n].at
    i = 0
    while True:
        down = 2 * i + 1
        if down >= n:
            break
        other = down + 1
        if other < n and (
            w.heap[other].t < w.heap[down].t
            or (w.heap[other].t == w.heap[down].t and w.heap[other].key < w.heap[down].key)
        ):
            down = other
        if t < w.heap[down].t or (t == w.heap[down].t and key <= w.heap[down].key):
            break
        w.heap[i].t, w.heap[i].key, w.heap[i].at = (
            w.heap[down].t,
            w.heap[down].key,
            w.heap[down].at,
        )
        i = down
    w.heap[i].t, w.heap[i].key, w.heap[i].at = t, key, at


@inner
def ring_push(w: Any, ring: int, kind: int, t: float, ident: int, s: int) -> None:
    """A timer with a constant delay; one that would be out of order goes to the heap."""
    mask = w.ring_mask
    head, tail = w.ring_head[ring], w.ring_tail[ring]
    if (tail > head and w.ring[ring, (tail - 1) & mask].t > t) or tail - head >= mask:
        heap_push(w, t, (kind << ID_BITS) + ident, s)
        return
    w.ring_tail[ring] = tail + 1
    while tail > head:
        before = w.ring[ring, (tail - 1) & mask]
        if before.t != t or before.id <= ident:
            break
        moved = w.ring[ring, tail & mask]  # equal times stand in order of id
        moved.t, moved.id, moved.at = before.t, before.id, before.at
        tail -= 1
    timer = w.ring[ring, tail & mask]
    timer.t, timer.id, timer.at = t, ident, s


@inner
def set_timer(w: Any, kind: int, delay: float, ident: int, s: int) -> float:
    """When it will be due: now + delay, the same sum as SimPy's."""
    t = w.now + delay
    if kind == CHECKOUT:
        ring_push(w, CHECKOUT_RING, kind, t, ident, s)
    elif kind == DIAL:
        ring_push(w, DIAL_RING, kind, t, ident, s)
    else:
        heap_push(w, t, (kind << ID_BITS) + ident, s)
    return t


@inner
def set_patience(w: Any, k: int, ident: int, s: int) -> None:
    """Of policy k: its time-out has a ring, which it shares with those that are as long."""
    t = w.work[s].until
    ring = w.policy[k].ring
    if t == INFINITY:
        return
    if ring > 0:
        ring_push(w, ring, PATIENCE, t, ident, s)
    else:
        heap_push(w, t, (PATIENCE << ID_BITS) + ident, s)


# ---- what follows at once, what is told ----
@inner
def agenda(w: Any, s: int, code: int) -> None:
    """A wake-up of work s (or, as -1 - r, of the client of request r; as FREED + c, of the
    balancer's queue for container c)."""
    k = w.agenda_tail
    if k >= AGENDA_PER_WORK * w.works:
        too_large(w)
        return
    w.agenda[k].at, w.agenda[k].code = s, code
    w.agenda_tail = k + 1


@inner
def note(w: Any, kind: int, ident: int) -> None:
    k = w.notes
    if k < NOTES:
        w.notice[k].kind, w.notice[k].id = kind, ident
    w.notes = k + 1


@inner
def out(w: Any, kind: int, t: float, latency: float, ident: int) -> None:
    """One entry for the counters; `advance` stops before the ring is full."""
    k = w.outs
    if k < OUTS:
        w.out[k].kind, w.out[k].t, w.out[k].latency, w.out[k].id = kind, t, latency, ident
    w.outs = k + 1
