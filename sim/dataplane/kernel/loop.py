"""What Python calls: `advance` (from one control event to the next) and `act` (the verbs).

`advance` stops early, at a whole instant, when there is something to tell (a notice), something to
fetch (the out ring is nearly full), something to bring (more arrivals, more places), or when its
budget of events is used up, so that Ctrl-C is never far away.
"""

from __future__ import annotations

from typing import Any

from sim.dataplane.interface import Kind, Note, Outcome
from sim.dataplane.kernel.clients import arrive, dialled, dropped, freed, gives_up, retry
from sim.dataplane.kernel.compile import entry, inner
from sim.dataplane.kernel.containers import HTTP, accept, drained, grow, move_up, room
from sim.dataplane.kernel.jobs import (
    crashed,
    hand_out,
    orphaned,
    push_lost,
    returned,
    worker_down,
    worker_up,
)
from sim.dataplane.kernel.layout import (
    BLOCK,
    CPU_DONE,
    DRAINING,
    EXITED,
    FIRST_LIST,
    IN_BACKLOG,
    IN_POOL,
    IN_SLOTS,
    INSIDE,
    JOB,
    LISTENING,
    NOTES,
    NOWHERE,
    OUTS,
    PARKED,
    PROBE,
    PUSH_FAILED,
    REQUEST,
    STARTING,
)
from sim.dataplane.kernel.postgres import (
    SILENT,
    at_limit,
    client_died,
    close,
    ghost_closed,
    open_one,
    reset,
    timed_out,
)
from sim.dataplane.kernel.stations import complete, drop, join, recount, touch
from sim.dataplane.kernel.stories import PROBE_BASE, follow_through
from sim.dataplane.kernel.timing import (
    ARRIVAL,
    CHECKOUT,
    CHECKOUT_RING,
    COMPLETION,
    DIAL,
    GHOST,
    INF,
    JOB_BACK,
    OPEN,
    PATIENCE,
    PATIENCE_RING,
    RETRY,
    SHIFT,
    agenda,
    free_work,
    heap_pop,
    new_work,
    note,
    push_back,
    set_timer,
)

# why advance stopped
REACHED, TOLD, OUT_FULL, NEED_ARRIVALS, NEED_PLACES, BUDGET, BROKEN = range(7)
ROOM = 1 << 15  # entries an instant may add to the out ring, places it may take
SILENT_RETRY_S = 1.0
KIND_OF_RING = (DIAL, CHECKOUT, PATIENCE)  # as timing's DIAL_RING, CHECKOUT_RING, PATIENCE_RING
DATABASE, QUEUE, WORKER = int(Kind.DATABASE), int(Kind.QUEUE), int(Kind.WORKER)
DROPPED_ON_KILL, OOM, HTTP_500 = (
    int(Outcome.DROPPED_ON_KILL),
    int(Outcome.OOM),
    int(Outcome.HTTP_500),
)
NOTE_LISTENING, NOTE_REFUSED, NOTE_PROBE_FAILED = (
    int(Note.LISTENING),
    int(Note.START_REFUSED),
    int(Note.PROBE_FAILED),
)
(SERVER_DOWN, SERVER_UP, START, DRAIN, EXIT, HANG, RESUME, CPU_LIMIT, MEMORY, PUBLISHED,
 PROBE_SENT) = range(11)  # fmt: skip


# ---- which timed event is next ----
@inner
def earliest_station(w: Any) -> int:
    """The station with the least (due, id), or -1."""
    for i in range(w.dirty_blocks):
        b = w.block_dirty[i]
        w.dirty[b] = 0
        least = INF
        for c in range(b * BLOCK, min((b + 1) * BLOCK, w.containers)):
            least = min(least, w.due[c])
        w.block_due[b] = least
    w.dirty_blocks = 0
    least, at = INF, -1
    for b in range((w.containers + BLOCK - 1) // BLOCK):
        if w.block_due[b] < least:
            least, at = w.block_due[b], b
    if at < 0:
        return -1
    for c in range(at * BLOCK, min((at + 1) * BLOCK, w.containers)):
        if w.due[c] == least:
            return c
    return -1


@inner
def ring_first(w: Any, ring: int) -> int:
    """Place of the first timer of a ring that can still act, or -1; stale ones are skipped."""
    mask = w.ring_mask
    head, tail = w.ring_head[ring], w.ring_tail[ring]
    while head < tail:
        timer = w.ring[ring, head & mask]
        work = w.work[timer.at]
        if work.wid == timer.id:
            if ring == PATIENCE_RING:
                live = work.replied == 0
            elif ring == CHECKOUT_RING:
                live = work.timer_at == timer.t
            else:
                live = work.dial_at == timer.t
            if live:
                break
        head += 1
    w.ring_head[ring] = head
    return head & mask if head < tail else -1


@inner
def act_timer(w: Any, kind: int, ident: int, s: int) -> None:
    """A timer is due; it acts if its work still waits for exactly this time."""
    if kind == RETRY:
        retry(w, s)
    elif kind == DIAL:
        if w.work[s].wid == ident:
            dialled(w, s)
    elif kind == OPEN:
        open_next(w, s)
    elif kind == CHECKOUT:
        if w.work[s].wid == ident and w.work[s].timer_at == w.now:
            if w.work[s].stage == PUSH_FAILED:
                w.work[s].timer_at = INF
                agenda(w, s, HTTP_500)
            else:
                timed_out(w, s)
    elif kind == PATIENCE:
        if w.work[s].wid == ident:
            gives_up(w, s)
    elif kind == JOB_BACK:
        if w.job[s].id == ident and w.job[s].park_at == w.now and w.job[s].state == PARKED:
            returned(w, s)
    elif kind == GHOST:
        ghost_closed(w, s, ident)


@inner
def step(w: Any, until: float) -> bool:
    """The next timed event and all that follows; False if none is due by `until`."""
    c = earliest_station(w)
    t = w.due[c] if c >= 0 else INF
    key = (COMPLETION << SHIFT) + c
    source = 0
    arrival = w.arrival_at[w.arrival]
    if arrival < t:
        t, source = arrival, 1
        key = ARRIVAL << SHIFT
    for ring in range(3):
        k = ring_first(w, ring)
        if k >= 0:
            ring_t = w.ring[ring, k].t
            if ring_t <= t:
                ring_key = (KIND_OF_RING[ring] << SHIFT) + w.ring[ring, k].id
                if ring_t < t or ring_key < key:
                    t, key, source = ring_t, ring_key, 2 + ring
    if w.heap_n > 0 and (w.heap[0].t < t or (w.heap[0].t == t and w.heap[0].key < key)):
        t, key, source = w.heap[0].t, w.heap[0].key, 5
    if t > until or t == INF:
        return False
    w.now = t
    if source == 0:
        complete(w, c)
    elif source == 1:
        w.arrival += 1
        arrive(w)
    else:
        if source == 5:
            s = w.heap[0].at
            heap_pop(w)
        else:
            ring = source - 2
            s = w.ring[ring, w.ring_head[ring] & w.ring_mask].at
            w.ring_head[ring] += 1
        act_timer(w, key >> SHIFT, key & ((1 << SHIFT) - 1), s)
    follow_through(w)
    return True


@entry
def advance(box: Any, until: float, budget: int) -> int:
    """Run to `until` (inclusive); the reason why it stopped. `now` is where it stands."""
    w = box[0]
    works = w.works
    for _ in range(budget):
        if w.notes > 0:
            return TOLD if w.notes <= NOTES else BROKEN
        if w.outs > OUTS - ROOM:
            return OUT_FULL if w.outs <= OUTS else BROKEN
        if w.arrival >= w.arrivals:
            return NEED_ARRIVALS
        if (
            w.work_used > works - ROOM
            or w.jobs_used > works - ROOM
            or w.heap_n > 4 * works - 2 * ROOM
        ):
            return NEED_PLACES
        if not step(w, until):
            w.now = until
            return REACHED
    return BUDGET


# ---- verbs ----
@inner
def end(w: Any, c: int, why: int, silently: bool) -> None:
    """A process ends: CPU, connections, memory and slots go back; then what was inside is told."""
    kind = w.version[w.container[c].profile].kind
    if kind == WORKER:
        worker_down(w, c)
    inside, backlog = FIRST_LIST + 3 * c + IN_SLOTS, FIRST_LIST + 3 * c + IN_BACKLOG
    client_died(w, c, silently)
    w.container[c].life = EXITED
    w.container[c].open_at = INF
    w.container[c].hung = w.container[c].frozen = 0
    recount(w, c, 0)
    touch(w, c)
    if kind != DATABASE:
        drop(w, c, -1)
    w.container[c].held = w.container[c].queued = 0
    w.head[FIRST_LIST + 3 * c + IN_POOL] = w.tail[FIRST_LIST + 3 * c + IN_POOL] = -1
    first, second = w.head[inside], w.head[backlog]
    w.head[inside] = w.tail[inside] = w.head[backlog] = w.tail[backlog] = -1
    grow(w, c, -w.container[c].memory)
    w.machine[w.container[c].server].noted = 0
    if c == w.redis:
        crashed(w, silently)
    elif c == w.db and not silently:
        reset(w)
    tell_all(w, first, c, why, silently)
    tell_all(w, second, c, why, silently)


@inner
def tell_all(w: Any, node: int, c: int, why: int, silently: bool) -> None:
    while node >= 0:
        after = w.next[node]
        s = node >> 1
        if w.work[s].kind == JOB:
            j = w.work[s].of_job
            free_work(w, s)
            orphaned(w, j, c)
        elif w.work[s].kind == PROBE:
            if not silently:
                note(w, NOTE_PROBE_FAILED, w.work[s].wid - PROBE_BASE)
            free_work(w, s)
        else:
            if w.work[s].push != 0:
                push_lost(w, s)
            if not silently:
                dropped(w, s, why)
            else:
                w.work[s].phase = NOWHERE
                if w.work[s].replied != 0:
                    free_work(w, s)
        node = after


@inner
def listen(w: Any, c: int) -> None:
    w.container[c].life = LISTENING
    note(w, NOTE_LISTENING, c)
    if c == w.db:
        at_limit(w)
    elif c == w.redis:
        hand_out(w)
    elif w.version[w.container[c].profile].kind == WORKER:
        worker_up(w, c)
    elif w.container[c].published != 0:
        freed(w, c)


@inner
def connect_s(w: Any) -> float:
    return w.version[w.container[w.db].profile].connect if w.db >= 0 else 0.0


@inner
def open_next(w: Any, c: int) -> None:
    if w.container[c].open_at != w.now:
        return
    code = open_one(w, c)
    if code == SILENT:
        w.container[c].open_at = set_timer(w, OPEN, SILENT_RETRY_S, c, c)
    elif code != 0:
        close(w, c, w.container[c].pool_open)
        note(w, NOTE_REFUSED, c)
    elif w.container[c].pool_open < w.version[w.container[c].profile].pool_at_start:
        w.container[c].open_at = set_timer(w, OPEN, connect_s(w), c, c)
    else:
        w.container[c].pool_idle = w.container[c].pool_open
        listen(w, c)


@inner
def start(w: Any, c: int, p: int) -> None:
    if w.container[c].life != EXITED or w.machine[w.container[c].server].alive == 0:
        return
    w.container[c].profile = p
    w.container[c].pool_open = w.container[c].pool_idle = w.container[c].pool_opening = 0
    w.container[c].cap, w.container[c].weight = w.version[p].cpu_limit, w.version[p].cpu_weight
    w.container[c].frozen = w.container[c].hung = w.container[c].noted = w.container[c].extra = 0
    recount(w, c, 0)
    touch(w, c)
    w.container[c].life = STARTING
    grow(w, c, w.version[p].memory_base)
    kind = w.version[p].kind
    if kind == DATABASE and w.db != c:
        reset(w)
        w.db = c
    elif kind == QUEUE:
        w.redis = c
    if w.version[p].pool_at_start > 0:
        w.container[c].open_at = set_timer(w, OPEN, connect_s(w), c, c)
    else:
        listen(w, c)


@inner
def server_down(w: Any, v: int) -> None:
    if w.machine[v].alive == 0:
        return
    for c in range(w.containers):
        if w.container[c].server == v and w.container[c].life != EXITED:
            end(w, c, DROPPED_ON_KILL, True)
    w.machine[v].powered += w.now - w.machine[v].up_since
    w.machine[v].alive = 0
    for c in range(w.containers):
        if w.container[c].server == v:
            freeze(w, c, 1)


@inner
def server_up(w: Any, v: int) -> None:
    if w.machine[v].alive != 0:
        return
    w.machine[v].alive = 1
    w.machine[v].up_since = w.now
    for c in range(w.containers):
        if w.container[c].server == v:
            freeze(w, c, 0)
            if c == w.db:
                reset(w)


@inner
def freeze(w: Any, c: int, frozen: int) -> None:
    w.container[c].frozen = frozen
    recount(w, c, 0)
    touch(w, c)


@inner
def drain(w: Any, c: int) -> None:
    if w.container[c].life != LISTENING:
        return
    if w.version[w.container[c].profile].kind == WORKER:
        worker_down(w, c)
    w.container[c].life = DRAINING
    backlog = FIRST_LIST + 3 * c + IN_BACKLOG
    node = w.head[backlog]
    w.head[backlog] = w.tail[backlog] = -1
    w.container[c].queued = 0
    tell_all(w, node, c, DROPPED_ON_KILL, False)
    drained(w, c)


@inner
def resume(w: Any, c: int) -> None:
    if w.container[c].hung == 0:
        return
    w.container[c].hung = 0
    freeze(w, c, 0)
    move_up(w, c)
    if c == w.redis:
        hand_out(w)


@inner
def probe(w: Any, c: int, deep: int) -> None:
    number = w.probes
    w.probes = number + 1
    if w.machine[w.container[c].server].alive == 0:
        return
    if w.container[c].life != LISTENING:
        note(w, NOTE_PROBE_FAILED, number)
        return
    http = w.version[w.container[c].profile].kind == HTTP
    if http and not room(w, c):
        return
    s = new_work(w, PROBE_BASE + number, PROBE)
    w.work[s].deep = deep
    if http:
        accept(w, c, s)
    else:
        w.work[s].at = c
        push_back(w, FIRST_LIST + 3 * c + IN_SLOTS, 2 * s)
        join(w, c, s, w.version[w.container[c].profile].probe_cpu, CPU_DONE)


@entry
def act(box: Any, verb: int, at: int, b: int, x: float) -> None:
    """One verb of the control plane, and all that follows at once."""
    w = box[0]
    if verb == SERVER_DOWN:
        server_down(w, at)
    elif verb == SERVER_UP:
        server_up(w, at)
    elif verb == START:
        start(w, at, b)
    elif verb == DRAIN:
        drain(w, at)
    elif verb == EXIT:
        if w.container[at].life != EXITED:
            end(w, at, OOM if b != 0 else DROPPED_ON_KILL, False)
    elif verb == HANG:
        if w.container[at].life != EXITED and w.container[at].hung == 0:
            w.container[at].hung = 1
            freeze(w, at, 1)
    elif verb == RESUME:
        resume(w, at)
    elif verb == CPU_LIMIT:
        w.container[at].cap = x
        recount(w, at, 0)
        touch(w, at)
    elif verb == MEMORY:
        if w.container[at].life != EXITED:
            by = b - w.container[at].extra
            w.container[at].extra = b
            grow(w, at, by)
    elif verb == PUBLISHED:
        for i in range(w.backends):
            freed(w, w.backend[i])
    elif verb == PROBE_SENT:
        probe(w, at, b)
    follow_through(w)


__all__ = ["INSIDE", "REQUEST", "act", "advance"]
