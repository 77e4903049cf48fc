"""What becomes of jobs, and their places. Part of reference/jobs.py.

All places of one job (its entries, and where it is in the list of what was taken since the last
durable point) are a ring through `kin`, and each knows the job's fate.
"""

from __future__ import annotations

from typing import Any

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.layout import (
    FREE,
    HELD,
    JOBS_PER_WORK,
    OUT_JOB,
    PARKED,
    QUEUED,
    TAKEN,
    WORKING,
)
from sim.dataplane.kernel.timing import out, too_large
from sim.dataplane.tables import DONE, DUPLICATED, FIRST_LOSS

STILL_OPEN, WAS_DONE, WAS_LOST = range(3)  # fates of a job


# ---- places ----
@inner
def new_job(w: Any, q: int, ident: int) -> int:
    j = w.job_free
    if j < 0:
        j = w.job_top
        if j >= JOBS_PER_WORK * w.works:
            too_large(w)
            j -= 1
        w.job_top = j + 1
    else:
        w.job_free = w.job[j].next
    w.jobs_used += 1
    w.job[j].id = w.job[j].visit = ident
    w.job[j].queue, w.job[j].pushed = q, w.now
    w.job[j].state = QUEUED
    w.job[j].tries = w.job[j].copy = w.job[j].sequence = w.job[j].stalls = 0
    w.job[j].delivery = w.job[j].next = -1
    w.job[j].kin, w.job[j].fate = j, STILL_OPEN
    return j


@inner
def new_kin(w: Any, j: int, ident: int) -> int:
    """One more place of the job of place j."""
    k = new_job(w, w.job[j].queue, ident)
    w.job[k].pushed = w.job[j].pushed
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
    end_delivery(w, j)
    w.job[j].state = FREE
    w.job[j].id = -1
    w.job[j].next = w.job_free
    w.job_free = j
    w.jobs_used -= 1


@inner
def begin_delivery(w: Any, j: int) -> int:
    d = w.delivery_free
    if d < 0:
        d = w.delivery_top
        w.delivery_top = d + 1
    else:
        w.delivery_free = w.delivery[d].epoch
    w.job[j].delivery = d
    delivery = w.delivery[d]
    delivery.park_at, delivery.epoch = INFINITY, 0
    delivery.given_up, delivery.dead_letters = 0, -1
    return d


@inner
def end_delivery(w: Any, j: int) -> None:
    """It waits again, or is gone."""
    d = w.job[j].delivery
    if d >= 0:
        w.delivery[d].epoch = w.delivery_free
        w.delivery_free = d
        w.job[j].delivery = -1


# ---- counting ----
@inner
def peak(w: Any, q: int) -> None:
    queued = 0
    for k in range(w.queues):
        queue = w.queue[k]
        waiting = queue.entries + queue.parked - queue.copies_waiting
        queued += waiting
        if k == q:
            queue.backlog_peak = max(queue.backlog_peak, waiting)
    w.backlog_peak = max(w.backlog_peak, queued)


@inner
def count_job(w: Any, q: int, column: int) -> None:
    w.counted[q, column] += 1
    out(w, OUT_JOB + column, w.now, 0.0, 0)


# ---- what becomes of a job ----
@inner
def lose(w: Any, j: int, why: int) -> bool:
    """Frees its place, too."""
    lost = False
    if w.job[j].copy == 0:
        heir = -1
        k = w.job[j].kin
        while k != j:
            if w.job[k].state != TAKEN and (heir < 0 or w.job[k].id < w.job[heir].id):
                heir = k
            k = w.job[k].kin
        if heir >= 0:
            stand_for(w, heir, True)
        else:
            settle_fate(w, j, WAS_LOST)
            count_job(w, w.job[j].queue, FIRST_LOSS + why)
            lost = True
    free_job(w, j)
    return lost


@inner
def done(w: Any, j: int) -> None:
    fate = w.job[j].fate
    if fate != WAS_LOST:
        count_job(w, w.job[j].queue, DUPLICATED if fate == WAS_DONE else DONE)
    settle_fate(w, j, WAS_DONE)
    k = w.job[j].kin
    while k != j:
        if w.job[k].state != TAKEN and w.job[k].copy == 0:
            stand_for(w, k, False)
        k = w.job[k].kin


@inner
def settle_fate(w: Any, j: int, fate: int) -> None:
    k = j
    while True:
        w.job[k].fate = fate
        k = w.job[k].kin
        if k == j:
            return


@inner
def stand_for(w: Any, k: int, stands: bool) -> None:
    w.job[k].copy = 0 if stands else 1
    by = -1 if stands else 1
    queue = w.queue[w.job[k].queue]
    if w.job[k].state == WORKING or w.job[k].state == HELD:
        queue.copies_working += by
    else:
        queue.copies_waiting += by


@inner
def lose_parked(w: Any, q: int, why: int) -> None:
    for j in range(w.job_top):
        if w.job[j].state == PARKED and w.job[j].queue == q:
            lose(w, j, why)
    w.queue[q].parked = 0
