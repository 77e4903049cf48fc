"""The queue on disk, and what a crash of it brings back. Part of reference/jobs.py.

The list of what was taken since the last durable point is a chain through `next`, of places whose
state is TAKEN.
"""

from __future__ import annotations

import math
from typing import Any

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import COPY_BASE, RDB_SAVE_POINTS
from sim.dataplane.kernel.codes import AOF_ALWAYS, AOF_EVERYSEC, NONE, RDB, REDIS_WIPED
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.fates import free_job, lose, lose_parked, new_kin, peak
from sim.dataplane.kernel.layout import INTACT, PARKED, QUEUED, TAKEN


# ---- durable points ----
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
    j = queue.taken_head
    while j >= 0:
        after = w.job[j].next
        free_job(w, j)
        j = after
    queue.taken_head = queue.taken_tail = -1


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
def remember_taken(w: Any, q: int, j: int) -> None:
    queue = w.queue[q]
    t = new_kin(w, j, -2)
    w.job[t].state = TAKEN
    if queue.taken_tail < 0:
        queue.taken_head = t
    else:
        w.job[queue.taken_tail].next = t
    queue.taken_tail = t


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
    w.job[j].state, w.job[j].park_at = QUEUED, INFINITY
    while after >= 0 and w.job[after].sequence <= w.job[j].sequence:
        before, after = after, w.job[after].next
    w.job[j].next = after
    if before < 0:
        queue.head = j
    else:
        w.job[before].next = j
    if after < 0:
        queue.tail = j
    queue.entries += 1


# ---- its death ----
@inner
def crashed(w: Any, q: int, host: bool) -> None:
    save_due(w, q)
    queue, kind = w.queue[q], persistence(w, q)
    if kind == AOF_ALWAYS or (kind == AOF_EVERYSEC and not host):
        return
    queue.fallen = kind
    j, t = all_entries(w, q), queue.taken_head
    while t >= 0:
        copy = new_kin(w, t, COPY_BASE + w.copies_made)
        w.job[copy].copy = 1
        w.copies_made += 1
        chain(w, q, copy)
        t = w.job[t].next
    forget_taken(w, q)
    while j >= 0:
        after = w.job[j].next
        chain(w, q, j)
        j = after
    recount_copies(w, q)


@inner
def recover(w: Any, q: int) -> None:
    queue = w.queue[q]
    kind, queue.fallen = queue.fallen, INTACT
    if kind == INTACT:
        return
    saved = queue.saved_sequence if kind != NONE else 0
    j = all_entries(w, q)
    while j >= 0:
        after = w.job[j].next
        if w.job[j].sequence < saved:
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
    lose_all(w, q, REDIS_WIPED)
    w.queue[q].epoch += 1
    w.queue[q].fallen = INTACT
    peak(w, q)
    save(w, q, w.now)
