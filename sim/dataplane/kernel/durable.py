"""The queue on disk: what a crash of Redis would bring back. Part of reference/jobs.py.

Also the places of jobs. The list of what was taken since the last durable point is a chain through
`next`, of places whose state is TAKEN. All places of one job (its entries, and where it is in that
list) are a ring through `kin`, and each knows the job's fate.
"""

from __future__ import annotations

import math
from typing import Any

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import RDB_SAVE_POINTS
from sim.dataplane.kernel.codes import AOF_EVERYSEC, RDB
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.layout import FREE, QUEUED, TAKEN

STILL_OPEN, WAS_DONE, WAS_LOST = range(3)  # fates of a job


# ---- places ----
@inner
def new_job(w: Any, ident: int) -> int:
    j = w.job_free
    if j < 0:
        j = w.job_top
        w.job_top = j + 1
    else:
        w.job_free = w.job[j].next
    w.jobs_used += 1
    w.job[j].id = w.job[j].visit = ident
    w.job[j].state = QUEUED
    w.job[j].tries = w.job[j].copy = w.job[j].sequence = w.job[j].epoch = 0
    w.job[j].stalls = w.job[j].given_up = 0
    w.job[j].park_at = INFINITY
    w.job[j].next = -1
    w.job[j].kin, w.job[j].fate = j, STILL_OPEN
    return j


@inner
def new_kin(w: Any, j: int, ident: int) -> int:
    """One more place of the job of place j."""
    k = new_job(w, ident)
    w.job[k].sequence, w.job[k].fate = w.job[j].sequence, w.job[j].fate
    w.job[k].kin = w.job[j].kin
    w.job[j].kin = k
    return k


@inner
def free_job(w: Any, j: int) -> None:
    k = j
    while w.job[k].kin != j:
        k = w.job[k].kin
    w.job[k].kin = w.job[j].kin
    w.job[j].state = FREE
    w.job[j].id = -1
    w.job[j].next = w.job_free
    w.job_free = j
    w.jobs_used -= 1


# ---- durable points ----
@inner
def persistence(w: Any) -> int:
    return w.version[w.container[w.redis].profile].persistence


@inner
def restorable(w: Any) -> bool:
    kind = persistence(w)
    return kind == RDB or kind == AOF_EVERYSEC  # noqa: PLR1714 (no sets in the kernel)


@inner
def save(w: Any, at: float) -> None:
    w.saved, w.saved_sequence, w.changes = at, w.sequence, 0
    forget_taken(w)


@inner
def forget_taken(w: Any) -> None:
    j = w.t_head
    while j >= 0:
        after = w.job[j].next
        free_job(w, j)
        j = after
    w.t_head = w.t_tail = -1


@inner
def save_due(w: Any) -> None:
    kind = persistence(w)
    if kind == AOF_EVERYSEC:
        second = float(math.floor(w.now))
        if second > w.saved:
            save(w, second)
    elif kind == RDB:
        due = INFINITY
        for age, count in RDB_SAVE_POINTS:
            if w.changes >= count and w.saved + age < due:
                due = w.saved + age
        if due <= w.now:
            save(w, due)


@inner
def changed(w: Any) -> None:
    if persistence(w) == RDB:
        w.changes += 1
        save_due(w)


@inner
def remember_taken(w: Any, j: int) -> None:
    t = new_kin(w, j, -2)
    w.job[t].state = TAKEN
    if w.t_tail < 0:
        w.t_head = t
    else:
        w.job[w.t_tail].next = t
    w.t_tail = t
