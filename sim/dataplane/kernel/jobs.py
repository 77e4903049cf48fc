"""Redis as a job queue, and the workers: reference/jobs.py over arrays.

A job has a place j as long as it exists. The queue and the list of what was taken since the last
durable point are chains through `j_next`. A job in a worker is a work s with `of_job` = j.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.dataplane import arithmetic
from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import COPY_BASE, GIVEN_AWAY, JOB_BASE, PUSHED_BASE, REAPER_RETRY_S
from sim.dataplane.kernel.codes import (
    AOF_ALWAYS,
    AOF_EVERYSEC,
    ATTEMPTS_EXHAUSTED,
    CHECKOUT,
    EVICTED,
    HTTP_500,
    JOB_BACK,
    LISTENING,
    NONE,
    QUEUE_FULL,
    REDIS_DOWN,
    REDIS_WIPED,
    STALLED,
    SUCCEEDED,
    WORKER_KILLED,
)
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.containers import enter, leave
from sim.dataplane.kernel.draws import GOLDEN, child
from sim.dataplane.kernel.durable import (
    WAS_DONE,
    WAS_LOST,
    changed,
    forget_taken,
    free_job,
    new_job,
    new_kin,
    persistence,
    remember_taken,
    restorable,
    save,
    save_due,
)
from sim.dataplane.kernel.layout import (
    FIRST_LIST,
    IN_SLOTS,
    JOB,
    LISTS,
    OUT_JOB,
    PARKED,
    PUSH_FAILED,
    QUEUED,
    REQUEST,
    TAKEN,
    WORKING,
)
from sim.dataplane.kernel.timing import free_work, new_work, out, set_timer
from sim.dataplane.tables import DONE, DUPLICATED, ENQUEUED, FIRST_LOSS

next_look = inner(arithmetic.next_look)

WAITS = -2


# ---- counting ----
@inner
def queued_jobs(w: Any) -> int:
    return w.entries + w.parked - w.copies_waiting


@inner
def peak(w: Any) -> None:
    w.backlog_peak = max(w.backlog_peak, queued_jobs(w))


@inner
def count_job(w: Any, column: int) -> None:
    out(w, OUT_JOB + column, w.now, 0.0, 0)


@inner
def up(w: Any) -> bool:
    c = w.redis
    return (
        c >= 0
        and w.container[c].life == LISTENING
        and w.machine[w.container[c].server].alive != 0
        and w.container[c].hung == 0
    )


# ---- pushing ----
@inner
def push(w: Any, s: int, i: int) -> int:
    work = w.work[s]
    c = w.redis
    if c < 0:
        return SUCCEEDED
    count_job(w, ENQUEUED)
    if w.machine[w.container[c].server].alive == 0 or w.container[c].hung != 0:
        work.push = 1
        w.pushing += 1
        work.stage = PUSH_FAILED
        timeout = w.version[w.container[work.at].profile].push_timeout_s
        work.timer_at = set_timer(w, CHECKOUT, timeout, work.id, s)
        return WAITS
    if w.container[c].life != LISTENING:
        count_job(w, FIRST_LOSS + REDIS_DOWN)
        return HTTP_500
    if not make_room(w):
        count_job(w, FIRST_LOSS + QUEUE_FULL)
        return HTTP_500
    append(w, pushed(w, s, i))
    return SUCCEEDED


@inner
def pushed(w: Any, s: int, i: int) -> int:
    work = w.work[s]
    if work.kind == REQUEST and work.policy == 0 and w.step[i].named == 0:
        return new_job(w, JOB_BASE + work.id)
    w.pushes += 1
    j = new_job(w, PUSHED_BASE + w.pushes)
    w.job[j].visit = child(work.tried, w.step[i].salt)
    return j


@inner
def push_lost(w: Any, s: int) -> None:
    w.work[s].push = 0
    w.pushing -= 1
    count_job(w, FIRST_LOSS + REDIS_DOWN)


@inner
def make_room(w: Any) -> bool:
    p = w.container[w.redis].profile
    most = w.version[p].queue_bytes
    if most == 0 or (w.entries + w.parked + 1) * w.version[p].job_bytes <= most:
        return True
    if w.version[p].evict == 0 or w.version[p].job_bytes > most:
        return False
    j = w.q_head
    while j >= 0:
        after = w.job[j].next
        lose(w, j, EVICTED)
        j = after
    w.q_head = w.q_tail = -1
    w.entries = 0
    lose_parked(w, EVICTED)
    w.copies_waiting = 0
    return True


@inner
def append(w: Any, j: int) -> None:
    save_due(w)
    w.job[j].sequence = w.sequence
    w.job[j].state = QUEUED
    w.sequence += 1
    chain(w, j)
    changed(w)
    peak(w)
    hand_out(w)


@inner
def chain(w: Any, j: int) -> None:
    """To the end of the queue."""
    w.job[j].next = -1
    if w.q_tail < 0:
        w.q_head = j
    else:
        w.job[w.q_tail].next = j
    w.q_tail = j
    w.entries += 1


# ---- what becomes of a job ----
@inner
def lose(w: Any, j: int, why: int) -> None:
    """Frees its place, too."""
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
            count_job(w, FIRST_LOSS + why)
    free_job(w, j)


@inner
def done(w: Any, j: int) -> None:
    """Frees its place, too."""
    fate = w.job[j].fate
    if fate != WAS_LOST:
        count_job(w, DUPLICATED if fate == WAS_DONE else DONE)
    settle_fate(w, j, WAS_DONE)
    k = w.job[j].kin
    while k != j:
        if w.job[k].state != TAKEN and w.job[k].copy == 0:
            stand_for(w, k, False)
        k = w.job[k].kin
    free_job(w, j)


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
    if w.job[k].state == WORKING:
        w.copies_working += by
    else:
        w.copies_waiting += by


@inner
def lose_parked(w: Any, why: int) -> None:
    for j in range(w.job_top):
        if w.job[j].state == PARKED:
            lose(w, j, why)
    w.parked = 0


# ---- taking ----
@inner
def hand_out(w: Any) -> None:
    while w.entries > 0 and w.idle > 0 and up(w):
        n = w.workers
        chosen = -1
        for i in range(n):
            c = w.worker[(w.worker_turn + i) % n]
            if takes(w, c) and w.container[c].held < w.version[w.container[c].profile].slots:
                w.worker_turn = (w.worker_turn + i + 1) % n
                chosen = c
                break
        if chosen < 0:
            return
        take(w, chosen)


@inner
def take(w: Any, c: int) -> None:
    save_due(w)
    j = w.q_head
    w.q_head = w.job[j].next
    if w.q_head < 0:
        w.q_tail = -1
    w.entries -= 1
    if restorable(w) and w.job[j].sequence < w.saved_sequence:
        remember_taken(w, j)
    changed(w)
    w.idle -= 1
    w.copies_waiting -= w.job[j].copy
    w.copies_working += w.job[j].copy
    w.job[j].state = WORKING
    w.job[j].epoch = w.epoch
    s = new_work(w, w.job[j].id, JOB)
    w.work[s].of_job = j
    visit = w.job[j].visit
    w.work[s].visit = visit
    tries = w.job[j].tries
    w.work[s].tried = child(visit, np.uint64(tries + 1) * GOLDEN) if tries > 0 else visit
    enter(w, c, s)
    w.job[j].next = c
    rules = w.version[w.container[c].profile]
    if rules.reliable != 0 and (rules.redelivery_from_delivery != 0 or w.container[c].hung != 0):
        due_back(w, j, until_overdue(w, c))


@inner
def finished(w: Any, s: int, well: bool) -> None:
    """Also the end of the job's work: its slot is free."""
    work = w.work[s]
    c, j = work.at, work.of_job
    leave(w, c, s)
    w.container[c].served += 1
    if not well:
        w.container[c].errors += 1
    free_work(w, s)
    if takes(w, c):
        w.idle += 1
    w.copies_working -= w.job[j].copy
    rules = w.version[w.container[c].profile]
    if well:
        done(w, j)
    elif w.job[j].epoch == GIVEN_AWAY:
        lose(w, j, STALLED if w.job[j].given_up != 0 else ATTEMPTS_EXHAUSTED)
        peak(w)
    elif w.job[j].tries + 1 < rules.job_attempts:
        pause = rules.job_backoff_s * 2.0 ** w.job[j].tries
        w.job[j].tries += 1
        park(w, j, pause)
    else:
        lose(w, j, ATTEMPTS_EXHAUSTED)
        peak(w)
    hand_out(w)


@inner
def orphaned(w: Any, j: int, c: int) -> None:
    w.copies_working -= w.job[j].copy
    rules = w.version[w.container[c].profile]
    if rules.reliable != 0 and w.job[j].epoch == w.epoch:
        w.job[j].stalls += 1
        w.job[j].given_up = 1 if w.job[j].stalls > rules.max_stalled else 0
        if rules.redelivery_from_delivery != 0:
            park(w, j, max(0.0, w.job[j].park_at - w.now))
        else:
            park(w, j, until_overdue(w, c))
    else:
        lose(w, j, STALLED if w.job[j].given_up != 0 else WORKER_KILLED)
        peak(w)


@inner
def until_overdue(w: Any, c: int) -> float:
    rules = w.version[w.container[c].profile]
    return next_look(w.now + rules.redelivery_s, rules.redelivery_look_s) - w.now


@inner
def lease_ended(w: Any, j: int) -> None:
    job = w.job[j]
    if job.epoch != w.epoch:
        return
    if not up(w):
        due_back(w, j, REAPER_RETRY_S)
        return
    job.park_at, job.epoch = INFINITY, GIVEN_AWAY
    job.stalls += 1
    job.given_up = 1 if job.stalls > w.version[w.container[job.next].profile].max_stalled else 0
    if job.given_up != 0:
        return
    again = new_kin(w, j, COPY_BASE + w.copies_made)
    w.copies_made += 1
    w.job[again].tries, w.job[again].stalls = job.tries, job.stalls
    w.job[again].copy = job.copy
    if job.copy != 0:
        w.copies_waiting += 1
    else:
        stand_for(w, j, False)
    append(w, again)


@inner
def fell_silent(w: Any, c: int) -> None:
    rules = w.version[w.container[c].profile]
    if rules.reliable != 0 and rules.redelivery_from_delivery == 0:
        node = w.head[FIRST_LIST + LISTS * c + IN_SLOTS]
        while node >= 0:
            j = w.work[node >> 1].of_job
            if w.work[node >> 1].kind == JOB and w.job[j].epoch == w.epoch:
                due_back(w, j, until_overdue(w, c))
            node = w.next[node]


@inner
def heard_again(w: Any, c: int) -> None:
    if w.version[w.container[c].profile].redelivery_from_delivery == 0:
        node = w.head[FIRST_LIST + LISTS * c + IN_SLOTS]
        while node >= 0:
            if w.work[node >> 1].kind == JOB:
                w.job[w.work[node >> 1].of_job].park_at = INFINITY
            node = w.next[node]


@inner
def park(w: Any, j: int, pause: float) -> None:
    w.job[j].state = PARKED
    w.parked += 1
    w.copies_waiting += w.job[j].copy
    peak(w)
    due_back(w, j, pause)


@inner
def due_back(w: Any, j: int, pause: float) -> None:
    w.job[j].park_at = set_timer(w, JOB_BACK, pause, w.job[j].id, j)


@inner
def returned(w: Any, j: int) -> None:
    if not up(w):
        due_back(w, j, REAPER_RETRY_S)
        return
    w.job[j].park_at = INFINITY
    w.parked -= 1
    if w.job[j].given_up != 0:
        w.copies_waiting -= w.job[j].copy
        lose(w, j, STALLED)
        peak(w)
    else:
        append(w, j)


# ---- workers come and go, the queue's own death ----
@inner
def worker_up(w: Any, c: int) -> None:
    container = w.container[c]
    w.idle += w.version[container.profile].slots - container.held
    hand_out(w)


@inner
def worker_down(w: Any, c: int) -> None:
    container = w.container[c]
    if takes(w, c):
        w.idle -= w.version[container.profile].slots - container.held


@inner
def takes(w: Any, c: int) -> bool:
    return w.container[c].life == LISTENING and w.container[c].stuck == 0


@inner
def cut_off(w: Any) -> None:
    for i in range(w.workers):
        c = w.worker[i]
        if w.version[w.container[c].profile].reconnects == 0:
            worker_down(w, c)
            w.container[c].stuck = 1


@inner
def crashed(w: Any, host: bool) -> None:
    cut_off(w)
    save_due(w)
    kind = persistence(w)
    if kind == AOF_ALWAYS or (kind == AOF_EVERYSEC and not host):
        return
    saved = w.saved_sequence if kind != NONE else 0
    # what was taken since the durable point comes back first, as copies
    j, w.q_head, w.q_tail, w.entries = w.q_head, -1, -1, 0
    if kind != NONE:
        t = w.t_head
        while t >= 0:
            copy = new_kin(w, t, COPY_BASE + w.copies_made)
            w.job[copy].copy = 1
            w.copies_made += 1
            chain(w, copy)
            t = w.job[t].next
    forget_taken(w)
    while j >= 0:
        after = w.job[j].next
        if w.job[j].sequence < saved:
            chain(w, j)
        else:
            lose(w, j, REDIS_WIPED)
        j = after
    if kind != AOF_EVERYSEC:
        lose_parked(w, REDIS_WIPED)
        w.epoch += 1
    w.copies_waiting = 0
    for j in range(w.job_top):
        if w.job[j].state == PARKED or w.job[j].state == QUEUED:
            w.copies_waiting += w.job[j].copy
    peak(w)
    w.saved, w.changes = w.now, 0


@inner
def wiped(w: Any) -> None:
    j, w.q_head, w.q_tail, w.entries = w.q_head, -1, -1, 0
    while j >= 0:
        after = w.job[j].next
        lose(w, j, REDIS_WIPED)
        j = after
    lose_parked(w, REDIS_WIPED)
    w.epoch += 1
    w.copies_waiting = 0
    peak(w)
    save(w, w.now)
