"""What workers hold of a queue, and how it comes back: reference/leases.py over arrays.

A job in a worker is WORKING, or HELD until it is begun; `until` of its work is when its
acknowledgement is. A parked job that keeps its place has its worker in `next`, else -1.
"""

from __future__ import annotations

from typing import Any

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import COPY_BASE, GIVEN_AWAY, REAPER_RETRY_S
from sim.dataplane.kernel.codes import DRAINING, EXITED, REDIS_WIPED, STALLED, WORKER_KILLED
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.durable import chain_in_place
from sim.dataplane.kernel.fates import lose, new_kin, peak, stand_for
from sim.dataplane.kernel.jobs import (
    append,
    back,
    due,
    due_back,
    hand_out,
    leased,
    park,
    stalled,
    takes,
    up,
    worker_down,
    worker_up,
)
from sim.dataplane.kernel.layout import (
    FIRST_LIST,
    IN_BACKLOG,
    IN_SLOTS,
    JOB,
    LISTS,
    NOBODY,
    WORKING,
)
from sim.dataplane.kernel.losses import torn
from sim.dataplane.kernel.timing import free_work, unlink


@inner
def orphaned(w: Any, j: int, c: int, silently: bool, until: float) -> None:
    q = w.job[j].queue
    w.queue[q].copies_working -= w.job[j].copy
    rules = w.version[w.container[c].profile]
    if not leased(w, j, c):
        lose(w, j, STALLED if w.delivery[w.job[j].delivery].given_up != 0 else WORKER_KILLED)
        peak(w, q)
        return
    if w.job[j].state == WORKING:
        stalled(w, j, rules.max_stalled)
    if rules.by_connection != 0:
        at_once = not silently
    else:
        at_once = w.container[c].life == DRAINING and up(w, q)
    w.job[j].next = c if rules.by_connection != 0 else -1
    if at_once:
        w.queue[q].copies_waiting += w.job[j].copy
        back(w, j)
    else:
        park(w, j, max(0.0, min(due(w, c, rules.redelivery_s), until) - w.now))


@inner
def lease_ended(w: Any, j: int) -> None:
    c, q = w.job[j].next, w.job[j].queue
    if not leased(w, j, c):
        return
    if not up(w, q):
        due_back(w, j, REAPER_RETRY_S)
        return
    if w.version[w.container[c].profile].by_connection != 0:
        connection_ended(w, q, c)
        hand_out(w, q)
        return
    again = given_away(w, j, c)
    if again >= 0:
        append(w, q, again)


@inner
def given_away(w: Any, j: int, c: int) -> int:
    """The entry that stands for it from now, or -1."""
    job, delivery = w.job[j], w.delivery[w.job[j].delivery]
    delivery.park_at, delivery.epoch = INFINITY, GIVEN_AWAY
    stalled(w, j, w.version[w.container[c].profile].max_stalled)
    if delivery.given_up != 0:
        return -1
    again = new_kin(w, j, COPY_BASE + w.copies_made)
    w.copies_made += 1
    w.job[again].tries, w.job[again].stalls = job.tries, job.stalls
    w.job[again].copy = job.copy
    if job.copy != 0:
        w.queue[job.queue].copies_waiting += 1
    else:
        stand_for(w, j, False)
    return again


@inner
def connection_ended(w: Any, q: int, c: int) -> None:
    if w.container[c].hung != 0 or w.container[c].away != 0:
        worker_down(w, c)
        w.container[c].stuck = 1
    node = w.head[FIRST_LIST + LISTS * c + IN_SLOTS]
    while node >= 0:
        j = w.work[node >> 1].of_job
        if w.work[node >> 1].kind == JOB and leased(w, j, c):
            again = given_away(w, j, c)
            if again >= 0:
                chain_in_place(w, q, again)
        node = w.next[node]
    backlog = FIRST_LIST + LISTS * c + IN_BACKLOG
    node = w.head[backlog]
    while node >= 0:
        after, j = w.next[node], w.work[node >> 1].of_job
        unlink(w, backlog, node)
        free_work(w, node >> 1)
        w.container[c].queued -= 1
        w.queue[q].idle += takes(w, c)
        w.queue[q].copies_working -= w.job[j].copy
        if leased(w, j, c):
            w.queue[q].copies_waiting += w.job[j].copy
            chain_in_place(w, q, j)
        else:
            lose(w, j, REDIS_WIPED)
        node = after
    peak(w, q)


@inner
def fell_silent(w: Any, c: int) -> None:
    due_by(w, c, due(w, c, w.version[w.container[c].profile].redelivery_s))


@inner
def due_by(w: Any, c: int, silence: float) -> None:
    for list_ in (IN_SLOTS, IN_BACKLOG):
        node = w.head[FIRST_LIST + LISTS * c + list_]
        while node >= 0:
            work = w.work[node >> 1]
            if work.kind == JOB and leased(w, work.of_job, c):
                due_back(w, work.of_job, max(0.0, min(silence, work.until) - w.now))
            node = w.next[node]


@inner
def heard_again(w: Any, c: int) -> None:
    due_by(w, c, INFINITY)
    rules = w.version[w.container[c].profile]
    if w.container[c].stuck != 0 and rules.by_connection != 0 and rules.reconnects != 0:
        w.container[c].stuck = 0
        if takes(w, c):
            worker_up(w, c)


@inner
def cut_off(w: Any, q: int) -> None:
    for i in range(w.workers):
        c = w.worker[i]
        rules = w.version[w.container[c].profile]
        if rules.number == q:
            if rules.by_connection != 0:
                connection_ended(w, q, c)
            if rules.reconnects == 0:
                worker_down(w, c)
                w.container[c].stuck = 1


@inner
def play_queue(w: Any, c: int, q: int) -> None:
    for left in range(w.queues):
        if left != q and w.queue[left].redis == c:
            leave_queue(w, left)
            w.queue[left].redis = NOBODY
    if w.queue[q].redis != c:
        leave_queue(w, q)
        w.queue[q].redis = c


@inner
def leave_queue(w: Any, q: int) -> None:
    c = w.queue[q].redis
    if c >= 0 and w.container[c].life != EXITED:
        cut_off(w, q)


@inner
def rewired(w: Any, c: int) -> None:
    container = w.container[c]
    redis = w.queue[w.version[container.profile].number].redis
    away = redis >= 0 and torn(w, c, redis)
    if away == (container.away != 0):
        return
    if away:
        worker_down(w, c)
        container.away = 1
        if container.hung == 0:
            fell_silent(w, c)
        return
    container.away = 0
    if takes(w, c):
        worker_up(w, c)
    if container.hung == 0:
        heard_again(w, c)
