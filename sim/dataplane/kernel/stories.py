"""The stories of requests, jobs and probes, one function for each stretch between two yields.

In reference/ they are generators: Container.serve, .probed, .work_job and Postgres.use. Here a
work's `stage` names the stretch that follows when the agenda wakes it.
"""

from __future__ import annotations

from typing import Any

from sim.dataplane.codes import PROBE_BASE
from sim.dataplane.kernel.clients import freed, judge, replied, reply
from sim.dataplane.kernel.codes import (
    CLIENT_TIMEOUT,
    DRAW_ERROR,
    DRAW_JOB_QUERY,
    DRAW_POISON,
    DRAW_PUSH,
    DRAW_QUERY,
    HTTP_500,
    NOTE_POISONED,
    NOTE_PROBE_FAILED,
    NOTE_PROBE_OK,
    NOWHERE,
    SUCCEEDED,
)
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.containers import drained, grow, leave, move_up, probes_queue
from sim.dataplane.kernel.draws import demand_of, uniform
from sim.dataplane.kernel.jobs import finished, push, push_lost
from sim.dataplane.kernel.layout import (
    CHECKED_OUT,
    CPU_DONE,
    FIRST_LIST,
    HANDLED,
    JOB,
    POOLER_SERVED,
    PROBE,
    PUSH_FAILED,
    QUERIES,
    QUERY_DONE,
    REQUEST,
    THAWED,
)
from sim.dataplane.kernel.postgres import (
    WAITS,
    checkout,
    give_back,
    pooled_db,
    pooler_turn,
    query,
    server_connection,
    server_free,
)
from sim.dataplane.kernel.stations import join, settle
from sim.dataplane.kernel.timing import FREED, free_work, note, unlink


@inner
def follow_through(w: Any) -> None:
    """Finish the instant: the agenda first in first out, then the CPU shares settle."""
    while w.agenda_head < w.agenda_tail:
        k = w.agenda_head
        w.agenda_head = k + 1
        s, code = w.agenda[k].at, w.agenda[k].code
        if s < 0:
            replied(w, -1 - s, code)
        elif s >= FREED:
            freed(w, s - FREED)
        else:
            resumed(w, s, code)
    w.agenda_head = w.agenda_tail = 0
    settle(w)


@inner
def resumed(w: Any, s: int, code: int) -> None:
    work = w.work[s]
    stage = work.stage
    if stage == CPU_DONE:
        cpu_done(w, s)
    elif stage == QUERY_DONE:
        query_done(w, s, code)
    elif stage == THAWED:
        thawed(w, s, work.code)
    elif stage == CHECKED_OUT:
        checked_out(w, s, code if code != 0 else SUCCEEDED)
    elif stage == HANDLED:
        if code == 0:
            handled(w, s)
        else:
            pooler_served(w, s, code)
    elif stage == POOLER_SERVED:
        work.pooled = 1 if code == 0 else 0
        pooler_served(w, s, code if code != 0 else SUCCEEDED)
    elif stage == PUSH_FAILED:
        push_lost(w, s)
        thaw(w, s, HTTP_500)


@inner
def cpu_done(w: Any, s: int) -> None:
    work = w.work[s]
    c = work.at
    rules = w.version[w.container[c].profile]
    kind = work.kind
    if kind == REQUEST:
        if work.abandoned != 0 and rules.cancel != 0:
            answer(w, s, CLIENT_TIMEOUT)
            return
        if rules.error_rate > 0.0 and uniform(w, DRAW_ERROR, work.id) < rules.error_rate:
            answer(w, s, HTTP_500)
            return
        stream, ident = DRAW_QUERY, work.request
    elif kind == JOB:
        if rules.poison_rate > 0.0 and uniform(w, DRAW_POISON, work.id) < rules.poison_rate:
            note(w, NOTE_POISONED, c)
            return
        stream, ident = DRAW_JOB_QUERY, work.id
    elif work.deep != 0:
        use(w, s, rules.probe_cpu_s)
        return
    else:
        database_said(w, s, SUCCEEDED)
        return
    if rules.query_mean > 0.0:
        use(
            w, s,
            demand_of(w, rules.query_kind, rules.query_mean, rules.query_cv, stream, ident),
        )  # fmt: skip
    else:
        database_said(w, s, SUCCEEDED)


# ---- the database ----
@inner
def use(w: Any, s: int, demand: float) -> None:
    w.work[s].demand = demand
    code = checkout(w, s)
    if code != WAITS:
        checked_out(w, s, code)


@inner
def checked_out(w: Any, s: int, code: int) -> None:
    if code == SUCCEEDED and pooled_db(w):
        w.work[s].in_session = w.session
        if not pooler_turn(w, s):
            handled(w, s)
    else:
        connected(w, s, code)


@inner
def handled(w: Any, s: int) -> None:
    code = server_connection(w, s)
    if code != WAITS:
        pooler_served(w, s, code)


@inner
def pooler_served(w: Any, s: int, code: int) -> None:
    if code != SUCCEEDED and w.work[s].in_session == w.session:
        give_back(w, s)
    connected(w, s, code)


@inner
def connected(w: Any, s: int, code: int) -> None:
    if code == SUCCEEDED:
        query(w, s)
    else:
        thaw(w, s, code)


@inner
def query_done(w: Any, s: int, failed: int) -> None:
    if failed == 0:
        unlink(w, QUERIES, 2 * s + 1)
        thaw(w, s, SUCCEEDED)
    else:
        thaw(w, s, failed)


@inner
def thaw(w: Any, s: int, code: int) -> None:
    """A hung process does not notice until it goes on."""
    work = w.work[s]
    c = work.at
    if w.container[c].hung != 0:
        work.code = code
        join(w, c, s, 0.0, THAWED)
    else:
        thawed(w, s, code)


@inner
def thawed(w: Any, s: int, code: int) -> None:
    if code == SUCCEEDED and w.work[s].in_session == w.session:
        server_free(w, s)
        give_back(w, s)
    database_said(w, s, code)


# ---- the end of a story ----
@inner
def database_said(w: Any, s: int, code: int) -> None:
    """The database (or nothing) said `code`: what follows for each kind of work."""
    work = w.work[s]
    c = work.at
    rules = w.version[w.container[c].profile]
    if work.kind == JOB:
        finished(w, s, code == SUCCEEDED)
        drained(w, c)
    elif work.kind == PROBE:
        probe_ended(w, s, code)
    elif code != SUCCEEDED:
        answer(w, s, code)
    elif (
        rules.push_rate > 0.0
        and w.redis >= 0
        and uniform(w, DRAW_PUSH, work.request) < rules.push_rate
    ):
        code = push(w, s)
        if code != WAITS:
            answer(w, s, code)
    else:
        answer(w, s, SUCCEEDED)


@inner
def answer(w: Any, s: int, outcome: int) -> None:
    work = w.work[s]
    c = work.at
    leave(w, c, s)
    w.container[c].served += 1
    if outcome != SUCCEEDED:
        w.container[c].errors += 1
    work.phase = NOWHERE
    judge(w, s, c, outcome)
    reply(w, s, outcome)
    move_up(w, c)
    freed(w, c)  # after the backlog, or its queue would overtake it


@inner
def probe_ended(w: Any, s: int, code: int) -> None:
    work = w.work[s]
    c = work.at
    unlink(w, FIRST_LIST + 3 * c, 2 * s)
    number = work.id - PROBE_BASE
    queues = probes_queue(w, c)
    if queues:
        w.container[c].held -= 1
        grow(w, c, -w.version[w.container[c].profile].memory_per_request)
    free_work(w, s)
    note(w, NOTE_PROBE_OK if code == SUCCEEDED else NOTE_PROBE_FAILED, number)
    move_up(w, c)
    if queues:
        freed(w, c)
