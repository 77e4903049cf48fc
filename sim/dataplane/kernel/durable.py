"""The queue on disk and at its replica: reference/durable.py over arrays.

The list of what was taken since the last durable point is a chain through `next`, of places whose
state is TAKEN.
"""

from __future__ import annotations

import math
from typing import Any

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import COPY_BASE, GIVEN_AWAY, RDB_SAVE_POINTS
from sim.dataplane.kernel.codes import (
    AOF_ALWAYS,
    AOF_EVERYSEC,
    NONE,
    NOT_REPLICATED,
    RDB,
    REDIS_WIPED,
)
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.fates import (
    begin_delivery,
    end_delivery,
    free_job,
    lose,
    lose_parked,
    new_kin,
    peak,
)
from sim.dataplane.kernel.layout import HELD, INTACT, PARKED, QUEUED, TAKEN, WORKING

BITS = 32  # that are kept of a sequence: who is alive at once is less than half of it apart


# ---- durable points ----
@inner
def precedes(a: int, b: int) -> bool:
    return (a - b) >> BITS - 1 & 1 == 1


@inner
def persistence(w: Any, q: int) -> int:
    return w.version[w.container[w.queue[q].redis].profile].persistence


@inner
def restorable(w: Any, q: int) -> bool:
    kind = persistence(w, q)
    return kind == RDB or kind == AOF_EVERYSEC  # noqa: PLR1714 (no sets in the kernel)


@inner
def save(w: Any, q: int, at: float) -> None:
    queue = w.queue[q]
    queue.saved, queue.saved_sequence, queue.changes = at, queue.sequence, 0
    forget_taken(w, q)


@inner
def forget_taken(w: Any, q: int) -> None:
    queue = w.queue[q]
    free_chain(w, queue.taken_head)
    queue.taken_head = queue.taken_tail = -1


@inner
def free_chain(w: Any, j: int) -> None:
    while j >= 0:
        after = w.job[j].next
        free_job(w, j)
        j = after


@inner
def save_due(w: Any, q: int) -> None:
    queue, kind = w.queue[q], persistence(w, q)
    if kind == AOF_EVERYSEC:
        second = float(math.floor(w.now))
        if second > queue.saved:
            save(w, q, second)
    elif kind == RDB:
        due = INFINITY
        for age, count in RDB_SAVE_POINTS:
            if queue.changes >= count and queue.saved + age < due:
                due = queue.saved + age
        if due <= w.now:
            save(w, q, due)


@inner
def changed(w: Any, q: int) -> None:
    if persistence(w, q) == RDB:
        w.queue[q].changes += 1
        save_due(w, q)


@inner
def remember(w: Any, q: int, j: int) -> None:
    queue = w.queue[q]
    if precedes(w.job[j].sequence, queue.saved_sequence) and restorable(w, q):
        t = place_taken(w, j)
        if queue.taken_tail < 0:
            queue.taken_head = t
        else:
            w.job[queue.taken_tail].next = t
        queue.taken_tail = t
    unsent = w.version[w.container[queue.redis].profile].unsent_s
    if unsent > 0.0:
        remember_unsent(w, q, j, unsent)


@inner
def remember_unsent(w: Any, q: int, j: int, unsent: float) -> None:
    queue = w.queue[q]
    first = queue.unsent_head
    while first >= 0 and w.delivery[w.job[first].delivery].park_at < w.now - unsent:
        queue.unsent_head = w.job[first].next
        free_job(w, first)
        first = queue.unsent_head
    t = place_taken(w, j)
    if first < 0:
        queue.unsent_head = t
    else:
        w.job[queue.unsent_tail].next = t
    queue.unsent_tail = t


@inner
def place_taken(w: Any, j: int) -> int:
    t = new_kin(w, j, -2)
    w.job[t].state = TAKEN
    w.delivery[begin_delivery(w, t)].park_at = w.now
    return t


@inner
def unchain(w: Any, q: int, j: int) -> None:
    queue, before, k = w.queue[q], -1, w.queue[q].head
    while k != j:
        before, k = k, w.job[k].next
    if before < 0:
        queue.head = w.job[j].next
    else:
        w.job[before].next = w.job[j].next
    if queue.tail == j:
        queue.tail = before
    queue.entries -= 1


@inner
def chain(w: Any, q: int, j: int) -> None:
    """To the end of the queue."""
    queue = w.queue[q]
    w.job[j].next = -1
    if queue.tail < 0:
        queue.head = j
    else:
        w.job[queue.tail].next = j
    queue.tail = j
    queue.entries += 1


@inner
def chain_in_place(w: Any, q: int, j: int) -> None:
    """To where it was before it was delivered."""
    queue, before, after = w.queue[q], -1, w.queue[q].head
    end_delivery(w, j)
    w.job[j].state = QUEUED
    while after >= 0 and not precedes(w.job[j].sequence, w.job[after].sequence):
        before, after = after, w.job[after].next
    w.job[j].next = after
    if before < 0:
        queue.head = j
    else:
        w.job[before].next = j
    if after < 0:
        queue.tail = j
    queue.entries += 1


@inner
def chain_sorted(w: Any, q: int, j: int) -> None:
    """To its place: most often the end. What came back in place is older than what was taken."""
    tail = w.queue[q].tail
    if tail < 0 or w.job[tail].sequence <= w.job[j].sequence:
        chain(w, q, j)
    else:
        chain_in_place(w, q, j)


# ---- its death ----
@inner
def crashed(w: Any, q: int, host: bool) -> None:
    save_due(w, q)
    queue, kind = w.queue[q], persistence(w, q)
    if kind == AOF_ALWAYS or (kind == AOF_EVERYSEC and not host):
        return
    queue.fallen, queue.first_copy = kind, COPY_BASE + w.copies_made
    j, t = all_entries(w, q), queue.taken_head
    while t >= 0:
        chain_sorted(w, q, restored(w, t))
        t = w.job[t].next
    queue.last_copy = COPY_BASE + w.copies_made
    forget_taken(w, q)
    while j >= 0:
        after = w.job[j].next
        chain_sorted(w, q, j)
        j = after
    recount_copies(w, q)
    if not followed(w, q):
        recover(w, q)


@inner
def followed(w: Any, q: int) -> bool:
    c = w.queue[q].redis
    return c >= 0 and w.version[w.container[c].profile].unsent_s > 0.0


@inner
def recover(w: Any, q: int) -> None:
    queue = w.queue[q]
    kind, queue.fallen = queue.fallen, INTACT
    queue.first_copy = queue.last_copy = 0
    if kind == INTACT:
        return
    j = all_entries(w, q)
    while j >= 0:
        after = w.job[j].next
        if kind != NONE and precedes(w.job[j].sequence, queue.saved_sequence):
            chain(w, q, j)
        else:
            lose(w, j, REDIS_WIPED)
        j = after
    if kind != AOF_EVERYSEC:
        lose_parked(w, q, REDIS_WIPED)
        queue.epoch += 1
    recount_copies(w, q)
    peak(w, q)
    queue.saved, queue.changes = w.now, 0


@inner
def restored(w: Any, t: int) -> int:
    again = new_kin(w, t, COPY_BASE + w.copies_made)
    w.job[again].copy = 1
    w.copies_made += 1
    return again


@inner
def promoted(w: Any, q: int, since: float) -> None:
    queue = w.queue[q]
    t = queue.unsent_head
    while t >= 0:
        if w.delivery[w.job[t].delivery].park_at > since and not known_elsewhere(w, q, t, since):
            chain_in_place(w, q, restored(w, t))
        t = w.job[t].next
    free_chain(w, queue.unsent_head)
    queue.unsent_head = queue.unsent_tail = -1
    j = all_entries(w, q)
    while j >= 0:
        after = w.job[j].next
        if w.job[j].pushed > since or from_disk(w, q, j):
            lose(w, j, NOT_REPLICATED)
        else:
            chain(w, q, j)
        j = after
    for j in range(w.job_top):
        if w.job[j].state == PARKED and w.job[j].queue == q and w.job[j].pushed > since:
            queue.parked -= 1
            lose(w, j, NOT_REPLICATED)
    queue.fallen = INTACT
    queue.first_copy = queue.last_copy = 0
    recount_copies(w, q)
    peak(w, q)


@inner
def known_elsewhere(w: Any, q: int, t: int, since: float) -> bool:
    """Whether an entry waits of what was taken; that in hand is given away."""
    waits = w.job[t].pushed > since
    k = w.job[t].kin
    while k != t:
        state = w.job[k].state
        if state == WORKING or state == HELD:  # noqa: PLR1714, SIM109
            w.delivery[w.job[k].delivery].epoch = GIVEN_AWAY
        elif state != TAKEN and not from_disk(w, q, k):
            waits = True
        k = w.job[k].kin
    return waits


@inner
def from_disk(w: Any, q: int, j: int) -> bool:
    return w.queue[q].first_copy <= w.job[j].id < w.queue[q].last_copy


@inner
def recount_copies(w: Any, q: int) -> None:
    queue = w.queue[q]
    queue.copies_waiting = 0
    for j in range(w.job_top):
        if w.job[j].queue == q and (w.job[j].state == PARKED or w.job[j].state == QUEUED):
            queue.copies_waiting += w.job[j].copy


@inner
def all_entries(w: Any, q: int) -> int:
    """The first of a chain that is out of the queue now, or -1."""
    queue = w.queue[q]
    j = queue.head
    queue.head = queue.tail = -1
    queue.entries = 0
    return j


@inner
def lose_all(w: Any, q: int, why: int) -> None:
    """Nothing is left of what waited."""
    j = all_entries(w, q)
    while j >= 0:
        after = w.job[j].next
        lose(w, j, why)
        j = after
    lose_parked(w, q, why)
    w.queue[q].copies_waiting = 0


@inner
def wiped(w: Any, q: int) -> None:
    w.queue[q].fallen = NONE
    if not followed(w, q):
        recover(w, q)
        save(w, q, w.now)
