"""The stories of requests, jobs and probes, one function for each stretch between two yields.

In reference/ they are generators: Instance.handle and Postgres.use. Here a work's `step` is the
next of its story, and its `stage` names the stretch that follows when the agenda wakes it.
Functions say how a step ended, or WAITS; only `proceed` goes on to the next, or this would call
itself.
"""

from __future__ import annotations

from typing import Any

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import BRANCH_BASE, PROBE_BASE
from sim.dataplane.kernel.balancers import answer_to, dial, freed
from sim.dataplane.kernel.caches import fill, look_up, unanswered
from sim.dataplane.kernel.clients import again, ask, cancel_all, judged, left, replied
from sim.dataplane.kernel.codes import (
    CLIENT_TIMEOUT,
    DO_CACHE,
    DO_CALL,
    DO_END,
    DO_FAIL,
    DO_POISON,
    DO_PUSH,
    DO_QUERY,
    DO_TOGETHER,
    DO_WAIT,
    HTTP_500,
    NOTE_POISONED,
    NOTE_PROBE_FAILED,
    NOTE_PROBE_OK,
    NOWHERE,
    PASSED,
    SUCCEEDED,
    TREE,
)
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.connections import next_one
from sim.dataplane.kernel.containers import drained, forsaken, grow, leave, move_up, probes_queue
from sim.dataplane.kernel.draws import amount, drawn
from sim.dataplane.kernel.jobs import finished, push, push_lost
from sim.dataplane.kernel.layout import (
    AT_STORE,
    BEGUN,
    BRANCH,
    CHECKED_OUT,
    CPU_DONE,
    FIRST_LIST,
    FROM_STORE,
    HANDLED,
    HEARD,
    HEARD_AGAIN,
    IN_SLOTS,
    JOB,
    LISTS,
    PASSED_BY,
    POOLER_SERVED,
    PROBE,
    PUSH_FAILED,
    QUERIES,
    QUERY_DONE,
    REQUEST,
    RETURNED,
    STRANDED,
    THAWED,
    TOGETHER,
    TOLD,
    TRAVELLED,
    UNLOCKED,
)
from sim.dataplane.kernel.losses import again_after, loses, loss
from sim.dataplane.kernel.network import query_travels, resends
from sim.dataplane.kernel.postgres import (
    WAITS,
    blocked,
    checkout,
    give_back,
    list_of,
    locks,
    pooled_db,
    pooler_turn,
    query,
    server_connection,
    server_free,
    still_connected,
)
from sim.dataplane.kernel.rounds import passed
from sim.dataplane.kernel.stations import join, settle
from sim.dataplane.kernel.stores import store_asked, store_reached
from sim.dataplane.kernel.timing import (
    FREED,
    LEFT,
    LOOK,
    REACHED,
    SPARE,
    agenda,
    free_work,
    new_work,
    note,
    push_back,
    set_timer,
    short_of,
    unlink,
)


@inner
def follow_through(w: Any) -> None:
    """Finish the instant: the agenda first in first out, then the CPU shares settle.

    An instant that needs more room than there is stops half way, its agenda not empty: GO_ON."""
    while w.agenda_head < w.agenda_tail:
        k = w.agenda_head
        if k & LOOK == LOOK and short_of(w) != REACHED:
            return
        w.agenda_head = k + 1
        s, code = w.agenda[k].at, w.agenda[k].code
        if s < 0:
            caller = replied(w, -1 - s, code)
            if caller >= 0:
                stepped(w, caller, code)
        elif s >= SPARE:
            first = next_one(w, s - SPARE)
            if first >= 0:
                dial(w, first)
        elif s >= LEFT:
            left(w, s - LEFT, code)
        elif s >= FREED:
            freed(w, s - FREED)
        else:
            resumed(w, s, code)
    w.agenda_head = w.agenda_tail = 0
    settle(w)


@inner
def resumed(w: Any, s: int, code: int) -> None:
    """The stretch that a work waits for; its story goes on if nothing else keeps it."""
    work = w.work[s]
    stage = work.stage
    if stage == CPU_DONE:
        code = SUCCEEDED
    elif stage == BEGUN:
        proceed(w, s, SUCCEEDED)
        return
    elif stage == QUERY_DONE:
        code = query_done(w, s, code)
    elif stage == THAWED:
        code = thawed(w, s, work.code)
    elif stage == CHECKED_OUT:
        code = checked_out(w, s, code if code != 0 else SUCCEEDED)
    elif stage == HANDLED:
        code = handled(w, s) if code == 0 else pooler_served(w, s, code)
    elif stage == POOLER_SERVED:
        work.pooled = 1 if code == 0 else 0
        code = pooler_served(w, s, code if code != 0 else SUCCEEDED)
    elif stage == UNLOCKED:
        code = unlocked(w, s, code)
    elif stage == PUSH_FAILED:
        push_lost(w, s)
        code = thaw(w, s, HTTP_500)
    elif stage == PASSED_BY:
        code = thaw(w, s, SUCCEEDED)
    elif stage == HEARD:
        code = work.code if judged(w, work.asks, work.code) else WAITS
    elif stage == HEARD_AGAIN:
        code = WAITS if again(w, work.asks, work.code) else CLIENT_TIMEOUT
    elif stage == TRAVELLED:
        code = travelled(w, s, code)
    elif stage == RETURNED:
        code = returned(w, s, code)
    elif stage == STRANDED:
        code = thaw(w, s, code)
    elif stage == AT_STORE:
        told = store_reached(w, s, work.step - 1, True)
        if told != WAITS:
            store_told(w, s, told)
        return
    elif stage == FROM_STORE:
        store_told(w, s, work.code)
        return
    elif stage == TOLD:
        ended(w, s, work.code)
        return
    if code != WAITS:
        stepped(w, s, code)


@inner
def stepped(w: Any, s: int, code: int) -> None:
    """A step that took time has ended."""
    i = w.work[s].step - 1
    does = w.step[i].does
    if (does <= DO_WAIT or does >= DO_CALL) and forsaken(w, s):  # CPU, or time
        ended(w, s, CLIENT_TIMEOUT)
        return
    if does == DO_CACHE:
        if w.work[s].leased != 0:
            w.work[s].leased, w.work[s].step = 0, i  # looks again
        else:
            code = unanswered(w, i)
    elif does == DO_TOGETHER:
        w.work[s].step += w.step[i].covers
        if w.step[i].ignore != 0:
            code = SUCCEEDED
    proceed(w, s, code)


@inner
def proceed(w: Any, s: int, code: int) -> None:
    """From the step that ended with `code` to the next that takes time, or to the end. Called from
    the agenda alone: what a step starts elsewhere begins there in its turn."""
    work = w.work[s]
    while code == SUCCEEDED or w.step[work.step - 1].ignore != 0:
        code = SUCCEEDED
        i = work.step
        step = w.step[i]
        if step.does == DO_END:
            break
        work.step = i + 1
        who = work.tried if step.does == DO_FAIL else work.visit
        if step.share < 1.0 and drawn(step.share_key, who) >= step.share:
            work.step += step.covers
            continue
        code = take_step(w, s, i)
        if code == WAITS:
            return
    ended(w, s, code)


@inner
def take_step(w: Any, s: int, i: int) -> int:
    """Its outcome, or WAITS."""
    work = w.work[s]
    c = work.at
    does = w.step[i].does
    if does == DO_QUERY:
        return use(w, s, amount(w, i, s), w.step[i].pool)
    if does == DO_PUSH:
        return store_asked(w, s, i) if w.far + w.lossy != 0 else push(w, s, i, False)
    if does == DO_CALL:
        w.calls += 1
        work.asks = ask(w, w.calls, s, w.step[i].policy)
        return WAITS
    if does > DO_CALL:
        if does == DO_CACHE:
            return store_asked(w, s, i) if w.far + w.lossy != 0 else look_up(w, s, i, False)
        if does == DO_TOGETHER:
            side_by_side(w, s, i)
            return WAITS
        fill(w, i, s)
        return SUCCEEDED
    if does == DO_FAIL:
        return HTTP_500
    if does == DO_POISON:
        note(w, NOTE_POISONED, c)
    elif does == DO_WAIT:
        work.stage = PASSED_BY
        work.timer_at = set_timer(w, PASSED, amount(w, i, s), work.id, s)
    else:
        join(w, c, s, amount(w, i, s), CPU_DONE)
    return WAITS


# ---- several steps at once ----
@inner
def side_by_side(w: Any, s: int, i: int) -> None:
    """Each is a work of its own, which begins in its turn of this instant."""
    work = w.work[s]
    w.togethers += 1
    work.together, work.stage = w.togethers, TOGETHER
    last = -1
    for at in range(i + 1, i + 1 + w.step[i].covers):
        if at > i + 1 and w.step[at - 1].does != DO_END:
            continue
        w.branches += 1
        b = new_work(w, BRANCH_BASE + w.branches, BRANCH)
        branch = w.work[b]
        branch.visit, branch.tried, branch.at, branch.step = work.visit, work.tried, work.at, at
        branch.together, branch.parent, branch.branch = work.together, s, -1
        branch.until = work.until if work.kind == REQUEST else INFINITY
        if last < 0:
            work.branch = b
        else:
            w.work[last].branch = b
        push_back(w, FIRST_LIST + LISTS * work.at + IN_SLOTS, 2 * b)
        branch.stage = BEGUN
        agenda(w, b, 0)
        last = b


@inner
def branch_ended(w: Any, s: int, code: int) -> None:
    work = w.work[s]
    c, p = work.at, work.parent
    parent = w.work[p]
    unlink(w, FIRST_LIST + LISTS * c + IN_SLOTS, 2 * s)
    if parent.together == work.together:
        if parent.branch == s:
            parent.branch = work.branch
        else:
            before = parent.branch
            while w.work[before].branch != s:
                before = w.work[before].branch
            w.work[before].branch = work.branch
        if code != SUCCEEDED or parent.branch < 0:
            parent.together = 0
            agenda(w, p, code)
            if w.version[w.container[c].profile].cancel == TREE:
                cancel_all(w, parent.branch)
    work.together = 0
    free_work(w, s)
    drained(w, c)


# ---- the database: each says how it ended, or WAITS ----
@inner
def use(w: Any, s: int, demand: float, pool: int) -> int:
    w.work[s].demand = demand
    code = checkout(w, s, pool)
    return code if code == WAITS else checked_out(w, s, code)


@inner
def checked_out(w: Any, s: int, code: int) -> int:
    d = w.work[s].database
    if code == SUCCEEDED and pooled_db(w, d):
        w.work[s].in_session = w.store[d].session
        return WAITS if pooler_turn(w, s) else handled(w, s)
    return connected(w, s, code)


@inner
def handled(w: Any, s: int) -> int:
    code = server_connection(w, s)
    return code if code == WAITS else pooler_served(w, s, code)


@inner
def pooler_served(w: Any, s: int, code: int) -> int:
    if code != SUCCEEDED and still_connected(w, s):
        w.work[s].in_session = -1
        give_back(w, s)
    return connected(w, s, code)


@inner
def connected(w: Any, s: int, code: int) -> int:
    if code != SUCCEEDED:
        return thaw(w, s, code)
    if w.far != 0 and query_travels(w, s):
        return WAITS
    return travelled(w, s, 0)


@inner
def travelled(w: Any, s: int, failed: int) -> int:
    if failed != 0:
        return thaw(w, s, failed)
    if w.lossy != 0 and resends(w, s, False):
        return WAITS
    if locks(w, s):
        blocked(w, s)
    else:
        query(w, s)
    return WAITS


@inner
def unlocked(w: Any, s: int, failed: int) -> int:
    if failed != 0:
        return thaw(w, s, failed)
    query(w, s)
    return WAITS


@inner
def query_done(w: Any, s: int, failed: int) -> int:
    if failed == 0:
        unlink(w, list_of(w.work[s].database, QUERIES), 2 * s + 1)
    return returned(w, s, failed)


@inner
def returned(w: Any, s: int, failed: int) -> int:
    if failed == 0 and w.lossy != 0 and resends(w, s, True):
        return WAITS
    return thaw(w, s, failed if failed != 0 else SUCCEEDED)


@inner
def thaw(w: Any, s: int, code: int) -> int:
    """A hung process does not notice until it goes on."""
    work = w.work[s]
    c = work.at
    if w.container[c].hung != 0:
        work.code = code
        join(w, c, s, 0.0, THAWED)
        return WAITS
    return thawed(w, s, code)


@inner
def thawed(w: Any, s: int, code: int) -> int:
    """Noticed: after a query its connection goes back."""
    if code == SUCCEEDED and still_connected(w, s):
        w.work[s].in_session = -1
        server_free(w, s)
        give_back(w, s)
    return code


# ---- a queue or a cache: kernel/stores.py ----
@inner
def store_told(w: Any, s: int, code: int) -> None:
    """Its answer is there, or the time for it is over."""
    c = w.work[s].at
    if w.container[c].hung != 0:
        w.work[s].code = code
        join(w, c, s, 0.0, FROM_STORE)
    elif forsaken(w, s):
        ended(w, s, CLIENT_TIMEOUT)
    else:
        proceed(w, s, code)


# ---- the end of a story ----
@inner
def ended(w: Any, s: int, code: int) -> None:
    work = w.work[s]
    if work.kind == JOB:
        c = work.at
        if w.lossy != 0 and untold(w, s, code):
            return
        finished(w, s, code == SUCCEEDED)
        drained(w, c)
    elif work.kind == BRANCH:
        branch_ended(w, s, code)
    elif work.kind == PROBE:
        probe_ended(w, s, code)
    else:
        answer(w, s, code)


@inner
def untold(w: Any, s: int, code: int) -> bool:
    """Is what a worker tells its queue lost?"""
    work = w.work[s]
    redis = w.queue[w.version[w.container[work.at].profile].number].redis
    u = w.container[redis].server if redis >= 0 else -1
    if not loses(w, s, loss(w, w.container[work.at].server, u)):
        return False
    work.code, work.stage = code, TOLD
    work.timer_at = set_timer(w, PASSED, again_after(w, s), work.id, s)
    return True


@inner
def answer(w: Any, s: int, outcome: int) -> None:
    work = w.work[s]
    c = work.at
    leave(w, c, s)
    w.container[c].served += 1
    if outcome != SUCCEEDED:
        w.container[c].errors += 1
    work.phase = NOWHERE
    answer_to(w, s, c, outcome)
    move_up(w, c)
    freed(w, c)  # after the backlog, or its queue would overtake it


@inner
def probe_ended(w: Any, s: int, code: int) -> None:
    work = w.work[s]
    c = work.at
    unlink(w, FIRST_LIST + LISTS * c, 2 * s)
    number = work.id - PROBE_BASE
    queues = probes_queue(w, c)
    if queues:
        w.container[c].held -= 1
        grow(w, c, -w.version[w.container[c].profile].memory_per_request)
    free_work(w, s)
    if code != SUCCEEDED:
        note(w, NOTE_PROBE_FAILED, number)
    elif not passed(w, c, number):
        note(w, NOTE_PROBE_OK, number)
    move_up(w, c)
    if queues:
        freed(w, c)
