"""Who answers: a container's backlog, slots and memory: reference/containers.py over arrays.

The stories of requests, jobs and probes, which need the database and the queue as well, are in
stories.py.
"""

from __future__ import annotations

from typing import Any

from sim.dataplane.codes import SILENT
from sim.dataplane.kernel.codes import (
    DO_CPU,
    DRAINED,
    DRAINING,
    HTTP,
    HTTP_500,
    LISTENING,
    NOTE_DRAINED,
    NOTE_OOM,
    NOTE_SERVER_OOM,
    NOTE_SHORT,
    NOWHERE,
)
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.draws import amount
from sim.dataplane.kernel.layout import (
    BEGUN,
    BRANCH,
    CPU_DONE,
    DEEP,
    FIRST_LIST,
    IN_BACKLOG,
    IN_SLOTS,
    JOB,
    LINE,
    LISTS,
    PROBE,
    REQUEST,
    SHALLOW,
    STEPS,
    WORKING,
)
from sim.dataplane.kernel.lines import all_step_out, first_in_line, stands_in_line
from sim.dataplane.kernel.losses import torn
from sim.dataplane.kernel.stations import join
from sim.dataplane.kernel.timing import agenda, free_work, note, push_back, unlink


@inner
def reach(w: Any, c: int, asker: int) -> int:
    if c < 0:
        return HTTP_500
    container = w.container[c]
    if w.machine[container.server].alive == 0 or container.hung != 0:
        return SILENT
    if w.lossy != 0 and asker >= 0 and torn(w, asker, c):
        return SILENT
    return 0 if container.life == LISTENING else HTTP_500


# ---- admission ----
@inner
def connections(w: Any, c: int) -> int:
    container = w.container[c]
    return container.held + container.queued + container.dialled


@inner
def room(w: Any, c: int) -> bool:
    container = w.container[c]
    rules = w.version[container.profile]
    if container.hung != 0:
        waiting = container.unaccepted if rules.at_once != 0 else container.queued
        return waiting < rules.backlog
    if container.held < rules.slots or (rules.at_once != 0 and rules.shed == 0):
        return True
    return container.queued < rules.backlog


@inner
def sheds(w: Any, c: int) -> bool:
    return w.version[w.container[c].profile].shed != 0 and w.container[c].hung == 0


@inner
def probes_queue(w: Any, c: int) -> bool:
    rules = w.version[w.container[c].profile]
    return rules.kind == HTTP and rules.probe_beside == 0


@inner
def enter_beside(w: Any, c: int, s: int) -> None:
    push_back(w, FIRST_LIST + LISTS * c + IN_SLOTS, 2 * s)
    begin(w, c, s)


@inner
def goes_on_accepting(w: Any, c: int) -> None:
    """`goes_on` of the reference."""
    container = w.container[c]
    container.unaccepted = 0
    if w.version[container.profile].probe_beside != 0:
        backlog = FIRST_LIST + LISTS * c + IN_BACKLOG
        node = w.head[backlog]
        while node >= 0:
            after = w.next[node]
            if w.work[node >> 1].kind == PROBE:
                unlink(w, backlog, node)
                container.queued -= 1
                enter_beside(w, c, node >> 1)
            node = after


@inner
def turned_away(w: Any, c: int) -> int:
    """The first node of a chain that is out of the list now, or -1."""
    container = w.container[c]
    backlog = FIRST_LIST + LISTS * c + IN_BACKLOG
    at_once = w.version[container.profile].at_once != 0
    kept = container.queued - container.unaccepted if at_once else 0
    if kept == container.queued:
        return -1
    if kept > 0:
        all_step_out(w, c)
    last, node = -1, w.head[backlog]
    for _ in range(kept):
        last, node = node, w.next[node]
    w.tail[backlog] = last
    if last < 0:
        w.head[backlog] = -1
    else:
        w.next[last] = -1
    container.queued, container.unaccepted = kept, 0
    return node


@inner
def accept(w: Any, c: int, s: int) -> None:
    container = w.container[c]
    w.work[s].at = c
    if container.held < w.version[container.profile].slots and container.hung == 0:
        enter(w, c, s)
    else:
        if not stands_in_line(w, c, s):
            push_back(w, FIRST_LIST + LISTS * c + IN_BACKLOG, 2 * s)
        container.queued += 1
        container.unaccepted += container.hung


@inner
def enter(w: Any, c: int, s: int) -> None:
    """A slot is taken and the handler starts."""
    container = w.container[c]
    w.work[s].at = c
    push_back(w, FIRST_LIST + LISTS * c + IN_SLOTS, 2 * s)
    container.held += 1
    grow(w, c, w.version[container.profile].memory_per_request)
    begin(w, c, s)


@inner
def begin(w: Any, c: int, s: int) -> None:
    """What does not begin on the cores waits for its turn on the agenda, since only that may go
    through a story."""
    work = w.work[s]
    version = w.version[w.container[c].profile]
    at_once = version.at_once_on_cores != 0
    work.step = version.story
    if work.kind == PROBE:
        work.step += SHALLOW if work.deep == 0 else DEEP
        at_once = True
    elif version.stories > 1 and work.kind == REQUEST:
        asked = w.policy[work.policy].endpoint
        work.step += STEPS * (asked if asked < version.stories else 0)
        at_once = w.step[work.step].does == DO_CPU and w.step[work.step].share >= 1.0
    if at_once:
        work.step += 1
        join(w, c, s, amount(w, work.step - 1, s), CPU_DONE)
    else:
        work.stage = BEGUN
        agenda(w, s, 0)


@inner
def unwanted(w: Any, s: int) -> bool:
    work = w.work[s]
    if work.kind != BRANCH:
        return work.abandoned != 0
    parent = w.work[work.parent]
    return parent.together != work.together or parent.abandoned != 0


@inner
def forsaken(w: Any, s: int) -> bool:
    """Does nobody wait for it any more, and does this version look?"""
    return unwanted(w, s) and w.version[w.container[w.work[s].at].profile].cancel != 0


@inner
def leave(w: Any, c: int, s: int) -> None:
    container = w.container[c]
    unlink(w, FIRST_LIST + LISTS * c + IN_SLOTS, 2 * s)
    container.held -= 1
    rules = w.version[container.profile]
    grow(w, c, rules.leak_per_request - rules.memory_per_request)


@inner
def move_up(w: Any, c: int) -> None:
    container = w.container[c]
    rules = w.version[container.profile]
    backlog = FIRST_LIST + LISTS * c + IN_BACKLOG
    while container.queued > 0 and container.held < rules.slots and container.hung == 0:
        s, cancels = w.head[backlog] >> 1, rules.cancel != 0
        if w.work[s].kind == LINE:
            s = first_in_line(w, backlog, s, cancels)
        else:
            unlink(w, backlog, 2 * s)
        container.queued -= 1
        if s < 0:
            continue
        if w.work[s].kind != PROBE and w.work[s].abandoned != 0 and cancels:
            w.work[s].phase = NOWHERE
            if w.work[s].replied != 0:
                free_work(w, s)
        else:
            if w.work[s].kind == JOB:
                w.job[w.work[s].of_job].state = WORKING
            enter(w, c, s)
    drained(w, c)


@inner
def drained(w: Any, c: int) -> None:
    container = w.container[c]
    inside = FIRST_LIST + LISTS * c + IN_SLOTS
    if container.life == DRAINING and w.head[inside] < 0 and container.queued == 0:
        container.life = DRAINED
        note(w, NOTE_DRAINED, c)


# ---- memory ----
@inner
def grow(w: Any, c: int, by: int) -> None:
    container = w.container[c]
    if by == 0:
        return
    v = container.server
    container.memory += by
    w.machine[v].memory += by
    limit = w.version[container.profile].memory_limit
    if limit != 0 and container.memory > limit and container.noted == 0:
        container.noted = 1
        note(w, NOTE_OOM, c)
    elif w.machine[v].memory > w.machine[v].capacity and w.machine[v].noted == 0:
        w.machine[v].noted = 1
        note(w, NOTE_SERVER_OOM, v)
    if w.machine[v].memory > w.machine[v].watched > 0:
        w.machine[v].watched = 0
        note(w, NOTE_SHORT, v)
