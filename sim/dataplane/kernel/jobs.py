"""Queues of jobs, and the workers: reference/jobs.py over arrays.

A job has a place j as long as it exists. Each queue and the list of what was taken since the last
durable point are chains through `j_next`. A job in a worker is a work s with `of_job` = j.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.dataplane import arithmetic
from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import (
    GIVEN_AWAY,
    JOB_BASE,
    PUSHED_BASE,
    REAPER_RETRY_S,
    SCHEDULED,
    SILENT,
)
from sim.dataplane.draws import stream
from sim.dataplane.kernel.codes import (
    ATTEMPTS_EXHAUSTED,
    CHECKOUT,
    EVICTED,
    HTTP_500,
    JOB_BACK,
    LISTENING,
    QUEUE_FULL,
    REDIS_DOWN,
    STALLED,
    SUCCEEDED,
)
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.containers import enter, leave, move_up, reach
from sim.dataplane.kernel.draws import GOLDEN, child
from sim.dataplane.kernel.durable import (
    chain,
    chain_in_place,
    changed,
    lose_all,
    remember,
    save_due,
    unchain,
)
from sim.dataplane.kernel.fates import (
    begin_delivery,
    count_job,
    done,
    end_delivery,
    free_job,
    lose,
    new_job,
    peak,
)
from sim.dataplane.kernel.layout import (
    FIRST_LIST,
    HELD,
    IN_BACKLOG,
    JOB,
    LISTS,
    NARROW,
    NOBODY,
    PARKED,
    PUSH_FAILED,
    QUEUED,
    REQUEST,
    WORKING,
)
from sim.dataplane.kernel.timing import free_work, new_work, push_back, set_timer
from sim.dataplane.tables import ENQUEUED, FIRST_LOSS

next_look = inner(arithmetic.next_look)

WAITS = -2
ENQUEUE_STREAM = stream(SCHEDULED)


@inner
def up(w: Any, q: int) -> bool:
    c = w.queue[q].redis
    return reach(w, c, -1) == 0 and w.version[w.container[c].profile].read_only == 0


# ---- pushing ----
@inner
def seen_from(w: Any, q: int, c: int) -> int:
    """What this container takes for a queue."""
    queue = w.queue[q]
    there = (queue.parted >> w.segment[w.container[c].server]) & 1
    return queue.other if there != 0 else q


@inner
def push(w: Any, s: int, i: int, lost: bool) -> int:
    work = w.work[s]
    q = seen_from(w, w.step[i].target, work.at)
    c = w.queue[q].redis
    if c == -1:
        return SUCCEEDED
    count_job(w, q, ENQUEUED)
    if lost or reach(w, c, work.at) == SILENT:
        work.push = q + 1
        w.queue[q].pushing += 1
        work.stage = PUSH_FAILED
        timeout = w.version[w.container[work.at].profile].push_timeout_s
        work.timer_at = set_timer(w, CHECKOUT, timeout, work.id, s)
        return WAITS
    if (
        c == NOBODY
        or w.container[c].life != LISTENING
        or w.version[w.container[c].profile].read_only != 0
    ):
        count_job(w, q, FIRST_LOSS + REDIS_DOWN)
        return HTTP_500
    if not make_room(w, q):
        count_job(w, q, FIRST_LOSS + QUEUE_FULL)
        return HTTP_500
    if work.kind == REQUEST and work.policy < w.ways and w.step[i].named == 0:
        append(w, q, new_job(w, q, JOB_BASE + work.id))
    else:
        add_next(w, q, child(work.tried, w.step[i].salt))
    return SUCCEEDED


@inner
def add_next(w: Any, q: int, visit: int) -> None:
    w.pushes += 1
    j = new_job(w, q, PUSHED_BASE + w.pushes)
    w.job[j].visit = visit
    append(w, q, j)


@inner
def put(w: Any, q: int, visit: int) -> None:
    if w.queue[q].redis == -1:
        return
    count_job(w, q, ENQUEUED)
    if not up(w, q):
        count_job(w, q, FIRST_LOSS + REDIS_DOWN)
    elif not make_room(w, q):
        count_job(w, q, FIRST_LOSS + QUEUE_FULL)
    else:
        add_next(w, q, visit)


@inner
def enqueue(w: Any, q: int, jobs: int) -> None:
    first = w.queue[q].scheduled
    w.queue[q].scheduled = first + jobs
    for number in range(first, first + jobs):
        put(w, q, child(ENQUEUE_STREAM, np.uint64(number + 1) * GOLDEN))


@inner
def push_lost(w: Any, s: int) -> None:
    q = w.work[s].push - 1
    w.work[s].push = 0
    w.queue[q].pushing -= 1
    count_job(w, q, FIRST_LOSS + REDIS_DOWN)


@inner
def make_room(w: Any, q: int) -> bool:
    queue = w.queue[q]
    p = w.container[queue.redis].profile
    most = w.version[p].queue_bytes
    if most == 0 or (queue.entries + queue.parked + 1) * w.version[p].job_bytes <= most:
        return True
    if w.version[p].evict == 0 or w.version[p].job_bytes > most:
        return False
    lose_all(w, q, EVICTED)
    return True


@inner
def append(w: Any, q: int, j: int) -> None:
    save_due(w, q)
    w.job[j].sequence = w.queue[q].sequence
    w.job[j].state = QUEUED
    end_delivery(w, j)
    w.queue[q].sequence += 1
    chain(w, q, j)
    changed(w, q)
    peak(w, q)
    hand_out(w, q)


@inner
def give_up(w: Any, j: int, why: int) -> None:
    """Frees its place, too."""
    q, other, visit = w.job[j].queue, w.delivery[w.job[j].delivery].dead_letters, w.job[j].visit
    lost = lose(w, j, why)
    peak(w, q)
    if lost and other >= 0:
        put(w, other, visit)


# ---- taking ----
@inner
def hand_out(w: Any, q: int) -> None:
    queue = w.queue[q]
    while queue.entries > 0 and queue.idle > 0 and up(w, q):
        n = w.workers
        chosen = -1
        for i in range(n):
            c = w.worker[(queue.turn + i) % n]
            rules = w.version[w.container[c].profile]
            if rules.number == q and takes(w, c) and free_places(w, c) > 0:
                queue.turn = (queue.turn + i + 1) % n
                chosen = c
                break
        if chosen < 0:
            return
        take(w, q, chosen)


@inner
def take(w: Any, q: int, c: int) -> None:
    queue = w.queue[q]
    save_due(w, q)
    j = queue.head
    queue.head = w.job[j].next
    if queue.head < 0:
        queue.tail = -1
    queue.entries -= 1
    remember(w, q, j)
    changed(w, q)
    queue.idle -= 1
    queue.copies_waiting -= w.job[j].copy
    queue.copies_working += w.job[j].copy
    delivery = w.delivery[begin_delivery(w, j)]
    delivery.epoch = queue.epoch
    delivery.dead_letters = w.version[w.container[c].profile].dead_letters
    s = new_work(w, w.job[j].id, JOB)
    w.work[s].of_job = j
    visit = w.job[j].visit
    w.work[s].visit = visit
    tries = w.job[j].tries
    w.work[s].tried = child(visit, np.uint64(tries + 1) * GOLDEN) if tries > 0 else visit
    w.job[j].next = c
    rules = w.version[w.container[c].profile]
    w.work[s].until = due(w, c, rules.acknowledge_s)
    if w.container[c].held < rules.slots:
        w.job[j].state = WORKING
        enter(w, c, s)
    else:
        w.job[j].state = HELD
        w.work[s].at = c
        push_back(w, FIRST_LIST + LISTS * c + IN_BACKLOG, 2 * s)
        w.container[c].queued += 1
    if leased(w, j, c):
        silence = due(w, c, rules.redelivery_s) if w.container[c].hung != 0 else INFINITY
        due_back(w, j, min(silence, w.work[s].until) - w.now)


@inner
def leased(w: Any, j: int, c: int) -> bool:
    """Does the queue still count it as delivered?"""
    job = w.job[j]
    reliable = w.version[w.container[c].profile].reliable != 0
    if not reliable and job.state != HELD:
        return False
    return w.delivery[job.delivery].epoch == w.queue[job.queue].epoch


@inner
def due(w: Any, c: int, seconds: float) -> float:
    if seconds == INFINITY:
        return INFINITY
    return next_look(w.now + seconds, w.version[w.container[c].profile].redelivery_look_s)


@inner
def free_places(w: Any, c: int) -> int:
    container = w.container[c]
    rules = w.version[container.profile]
    return rules.slots + rules.prefetch - container.held - container.queued


@inner
def finished(w: Any, s: int, well: bool) -> None:
    """Also the end of the job's work: its slot is free."""
    work = w.work[s]
    c, j, until = work.at, work.of_job, work.until
    leave(w, c, s)
    w.container[c].served += 1
    if not well:
        w.container[c].errors += 1
    free_work(w, s)
    q = w.job[j].queue
    if takes(w, c):
        w.queue[q].idle += 1
    if w.container[c].queued != 0:
        move_up(w, c)
    w.queue[q].copies_working -= w.job[j].copy
    rules, delivery = w.version[w.container[c].profile], w.delivery[w.job[j].delivery]
    if well:
        done(w, j)
        if delivery.epoch == GIVEN_AWAY and rules.late_deletes != 0 and up(w, q):
            withdraw(w, q, j)
        free_job(w, j)
    elif delivery.epoch == GIVEN_AWAY:
        give_up(w, j, STALLED if delivery.given_up != 0 else ATTEMPTS_EXHAUSTED)
    elif rules.failures_told == 0 and leased(w, j, c):
        stalled(w, j, rules.max_stalled)
        w.job[j].tries += 1
        w.job[j].next = -1
        park(w, j, max(0.0, until - w.now))
    elif w.job[j].tries + 1 < rules.job_attempts:
        pause = rules.job_backoff_s * 2.0 ** w.job[j].tries
        w.job[j].tries += 1
        w.job[j].next = -1
        park(w, j, pause)
    else:
        give_up(w, j, ATTEMPTS_EXHAUSTED)
    hand_out(w, q)


@inner
def withdraw(w: Any, q: int, j: int) -> None:
    """`withdraw` of the reference, of the job of place j."""
    while True:
        first, k = -1, w.job[j].kin
        while k != j:
            if w.job[k].state == QUEUED and (first < 0 or w.job[k].id < w.job[first].id):
                first = k
            k = w.job[k].kin
        if first < 0:
            return
        save_due(w, q)
        unchain(w, q, first)
        remember(w, q, first)
        changed(w, q)
        w.queue[q].copies_waiting -= w.job[first].copy
        free_job(w, first)


@inner
def stalled(w: Any, j: int, most: int) -> None:
    if w.job[j].stalls < NARROW:
        w.job[j].stalls += 1
    w.delivery[w.job[j].delivery].given_up = w.job[j].stalls > most


@inner
def park(w: Any, j: int, pause: float) -> None:
    w.job[j].state = PARKED
    q = w.job[j].queue
    w.queue[q].parked += 1
    w.queue[q].copies_waiting += w.job[j].copy
    peak(w, q)
    due_back(w, j, pause)


@inner
def due_back(w: Any, j: int, pause: float) -> None:
    if pause < INFINITY:
        w.delivery[w.job[j].delivery].park_at = set_timer(w, JOB_BACK, pause, w.job[j].id, j)
    else:
        w.delivery[w.job[j].delivery].park_at = INFINITY


@inner
def returned(w: Any, j: int) -> None:
    q = w.job[j].queue
    if not up(w, q):
        due_back(w, j, REAPER_RETRY_S)
        return
    w.queue[q].parked -= 1
    back(w, j)
    hand_out(w, q)


@inner
def back(w: Any, j: int) -> None:
    q = w.job[j].queue
    w.delivery[w.job[j].delivery].park_at = INFINITY
    if w.delivery[w.job[j].delivery].given_up != 0:
        w.queue[q].copies_waiting -= w.job[j].copy
        give_up(w, j, STALLED)
    elif w.job[j].next >= 0:
        chain_in_place(w, q, j)
        peak(w, q)
    else:
        append(w, q, j)


# ---- workers come and go ----
@inner
def worker_up(w: Any, c: int) -> None:
    q = w.version[w.container[c].profile].number
    w.queue[q].idle += free_places(w, c)
    hand_out(w, q)


@inner
def worker_down(w: Any, c: int) -> None:
    if takes(w, c):
        w.queue[w.version[w.container[c].profile].number].idle -= free_places(w, c)


@inner
def takes(w: Any, c: int) -> bool:
    container = w.container[c]
    return container.life == LISTENING and container.stuck == 0 and container.away == 0
