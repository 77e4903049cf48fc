"""The verbs of the control plane over the record: reference/plane.py, and how processes end.

Each verb finishes all that follows at once before it returns.
"""

from __future__ import annotations

from typing import Any

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import (
    MOST_CALLS,
    MOST_POOLS,
    PROBE_BASE,
    SILENT,
    SILENT_RETRY_S,
    USER_BASE,
)
from sim.dataplane.kernel.balancers import dropped, freed, leaves
from sim.dataplane.kernel.caches import clear, play_cache, start_cache
from sim.dataplane.kernel.clients import forsake, thinks
from sim.dataplane.kernel.codes import (
    CACHE,
    DATABASE,
    DRAINING,
    DROPPED_ON_KILL,
    EXITED,
    HTTP,
    LISTENING,
    NOTE_LISTENING,
    NOTE_PROBE_FAILED,
    NOTE_START_REFUSED,
    NOWHERE,
    OOM,
    OPEN,
    PROXY,
    QUEUE,
    STARTING,
    WORKER,
)
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.containers import (
    drained,
    goes_on_accepting,
    grow,
    move_up,
    turned_away,
    unwanted,
)
from sim.dataplane.kernel.durable import crashed, promoted, recover, wiped
from sim.dataplane.kernel.jobs import (
    enqueue,
    free_places,
    hand_out,
    push_lost,
    takes,
    worker_down,
    worker_up,
)
from sim.dataplane.kernel.layout import (
    BRANCH,
    FIRST_LIST,
    IN_BACKLOG,
    IN_POOL,
    IN_SLOTS,
    JOB,
    LINE,
    LISTS,
    PROBE,
)
from sim.dataplane.kernel.leases import cut_off, fell_silent, heard_again, orphaned, play_queue
from sim.dataplane.kernel.lines import called_up, lost_in_line
from sim.dataplane.kernel.network import rewire
from sim.dataplane.kernel.postgres import (
    at_limit,
    client_died,
    close,
    goes_on,
    open_one,
    reset,
    rules_of,
    start_up_connection_s,
    unlock,
    unopened,
)
from sim.dataplane.kernel.probes import forget, probe
from sim.dataplane.kernel.proxy import (
    gate_died,
    proxy_died,
    proxy_goes_on,
    published,
    rerouted,
    server_lost,
)
from sim.dataplane.kernel.rounds import wait_for_round
from sim.dataplane.kernel.sessions import strand, told
from sim.dataplane.kernel.stations import drop, enlist, recount, strike, touch
from sim.dataplane.kernel.stories import follow_through
from sim.dataplane.kernel.timing import (
    REACHED,
    free_work,
    note,
    set_timer,
    short_of,
)

(SERVER_DOWN, SERVER_UP, START, DRAIN, EXIT, HANG, RESUME, CPU_LIMIT, MEMORY, PUBLISHED,
 PROBE_SENT, FORGOTTEN, REROUTED, WIPE, ENQUEUE, PROFILED, STANDS, ADVANCE,
 GO_ON, FLUSH, CROWD, REWIRED, PROMOTED, GATE_CLOSED, STILL, STRAND) = range(26)  # fmt: skip
CALLS_UP = (SERVER_DOWN, DRAIN, EXIT, RESUME, PROFILED, GATE_CLOSED)  # any number of those in line


@inner
def end(w: Any, c: int, why: int, silently: bool) -> None:
    """A process ends: CPU, connections, memory and slots go back; then what was inside is told."""
    container = w.container[c]
    kind = w.version[container.profile].kind
    if kind == WORKER:
        worker_down(w, c)
    inside, backlog = FIRST_LIST + LISTS * c + IN_SLOTS, FIRST_LIST + LISTS * c + IN_BACKLOG
    forsake(w, c, silently)
    client_died(w, c, silently)
    container.life = EXITED
    container.open_at = INFINITY
    container.hung = container.frozen = 0
    recount(w, c, 0)
    touch(w, c)
    drop(w, c, c)  # its own work; the queries in a database belong to others
    if kind != DATABASE:
        strike(w, c)
    container.held = container.queued = container.unaccepted = 0
    for pool in range(MOST_POOLS):
        list_ = FIRST_LIST + LISTS * c + IN_POOL + pool
        w.head[list_] = w.tail[list_] = -1
    first, second = w.head[inside], w.head[backlog]
    w.head[inside] = w.tail[inside] = w.head[backlog] = w.tail[backlog] = -1
    grow(w, c, -container.memory)
    w.machine[container.server].noted = 0
    if plays_queue(w, c):
        cut_off(w, w.version[container.profile].number)
        crashed(w, w.version[container.profile].number, silently)
    elif not silently:
        if plays(w, c):
            reset(w, w.version[container.profile].number)
        told(w, c)
    tell_all(w, first, c, why, silently)
    tell_all(w, second, c, why, silently)
    if kind == PROXY:
        proxy_died(w, c, silently)
    elif kind == WORKER:
        hand_out(w, w.version[container.profile].number)


@inner
def tell_all(w: Any, node: int, c: int, why: int, silently: bool) -> None:
    while node >= 0:
        after = w.next[node]
        s = node >> 1
        if w.work[s].push != 0:
            push_lost(w, s)
        if w.work[s].kind == JOB:
            j = w.work[s].of_job
            free_work(w, s)
            orphaned(w, j, c, silently, w.work[s].until)
        elif w.work[s].kind == PROBE:
            if not silently:
                note(w, NOTE_PROBE_FAILED, w.work[s].id - PROBE_BASE)
            free_work(w, s)
        elif w.work[s].kind == BRANCH:
            free_work(w, s)
        elif w.work[s].kind == LINE:
            tell_line(w, s, why, silently)
        elif not silently:
            dropped(w, s, why)
        else:
            w.work[s].phase = NOWHERE
            if w.work[s].replied != 0:
                free_work(w, s)
        node = after


@inner
def tell_line(w: Any, line: int, why: int, silently: bool) -> None:
    k = w.work[line].child
    free_work(w, line)
    while k >= 0:
        behind = w.line[k].next
        if silently:
            lost_in_line(w, k)
        else:
            dropped(w, called_up(w, k), why)
        k = behind


@inner
def listen(w: Any, c: int) -> None:
    container = w.container[c]
    container.life = LISTENING
    note(w, NOTE_LISTENING, c)
    if plays(w, c):
        at_limit(w, w.version[container.profile].number)
    elif plays_queue(w, c):
        hand_out(w, w.version[container.profile].number)
    elif w.version[container.profile].kind == WORKER:
        worker_up(w, c)
    else:
        freed(w, c)


@inner
def plays(w: Any, c: int) -> bool:
    """Is it the database of its number?"""
    return w.store[w.version[w.container[c].profile].number].db == c


@inner
def play(w: Any, c: int, p: int) -> None:
    left, taken = w.version[w.container[c].profile].number, w.version[p].number
    told(w, c)
    if left != taken and w.store[left].db == c:
        reset(w, left)
        w.store[left].db = -1
    if w.store[taken].db != c:
        reset(w, taken)
        w.store[taken].db = c


@inner
def plays_queue(w: Any, c: int) -> bool:
    return w.queue[w.version[w.container[c].profile].number].redis == c


@inner
def open_later(w: Any, c: int) -> None:
    """The next start-up connection."""
    delay = start_up_connection_s(w, rules_of(w, c, unopened(w, c)).database)
    w.container[c].open_at = set_timer(w, OPEN, delay, c, c)


@inner
def open_next(w: Any, c: int) -> None:
    container = w.container[c]
    if container.open_at != w.now:
        return
    code = open_one(w, c, unopened(w, c))
    pools = w.version[container.profile].pools
    if code == SILENT:
        container.open_at = set_timer(w, OPEN, SILENT_RETRY_S, c, c)
    elif code != 0:
        for pool in range(pools):
            close(w, c, pool, w.pool[MOST_POOLS * c + pool].open)
        note(w, NOTE_START_REFUSED, c)
    elif unopened(w, c) >= 0:
        open_later(w, c)
    else:
        for pool in range(pools):
            own = w.pool[MOST_POOLS * c + pool]
            own.idle = own.open
        listen(w, c)


@inner
def start(w: Any, c: int, p: int) -> None:
    container = w.container[c]
    if container.life != EXITED or w.machine[container.server].alive == 0:
        return
    kind = w.version[p].kind
    if kind == DATABASE:
        play(w, c, p)
    elif kind == QUEUE:
        recover(w, w.version[p].number)
        play_queue(w, c, w.version[p].number)
    container.profile = p
    container.starts += 1
    container.unused = 0
    enlist(w, c)
    for pool in range(MOST_POOLS):
        own = w.pool[MOST_POOLS * c + pool]
        own.open = own.idle = own.opening = 0
    container.cap, container.weight = w.version[p].cpu_limit, w.version[p].cpu_weight
    container.frozen = container.hung = container.noted = container.extra = container.stuck = 0
    recount(w, c, 0)
    touch(w, c)
    for k in range(w.version[p].first_policy, w.version[p].first_policy + w.version[p].policies):
        at = MOST_CALLS * (c + 1) + w.policy[k].slot
        hung_up(w, at, w.policy[k].connections)
        own = w.purse[at]
        own.tokens = w.policy[k].most_tokens
        own.tries = own.life = own.state = own.seen = own.failed = own.next = 0
    container.life = STARTING
    grow(w, c, w.version[p].memory_base)
    if kind == CACHE:
        start_cache(w, c, p)
    if w.lossy != 0:
        rewire(w)
    if unopened(w, c) >= 0:
        open_later(w, c)
    else:
        listen(w, c)


@inner
def hung_up(w: Any, at: int, n: int) -> None:
    """Of the connections that a new process may keep none is open."""
    own = w.purse[at]
    own.unused = own.used = 0
    if own.kept < n:
        own.first_kept, own.kept = w.kept_top, n
        w.kept_top += n
    for i in range(own.first_kept, own.first_kept + n):
        w.kept[i].target = -1


@inner
def server_down(w: Any, v: int) -> None:
    if w.machine[v].alive == 0:
        return
    for c in range(w.containers):
        if w.container[c].server == v and w.container[c].life != EXITED:
            end(w, c, DROPPED_ON_KILL, True)
            follow_through(w)  # or a wake-up would reach a container that dies next
            if short_of(w) != REACHED:
                return  # asked again, it goes on with those that are left
    w.machine[v].powered += w.now - w.machine[v].up_since
    w.machine[v].alive = 0
    server_lost(w, v)
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
            if plays(w, c):
                reset(w, w.version[w.container[c].profile].number)
            told(w, c)


@inner
def freeze(w: Any, c: int, frozen: int) -> None:
    w.container[c].frozen = frozen
    recount(w, c, 0)
    touch(w, c)


@inner
def drain(w: Any, c: int) -> None:
    container = w.container[c]
    if container.life != LISTENING:
        return
    if w.version[container.profile].kind == WORKER:
        worker_down(w, c)
    container.life = DRAINING
    tell_all(w, turned_away(w, c), c, DROPPED_ON_KILL, False)
    if w.version[container.profile].kind == WORKER:
        hand_out(w, w.version[container.profile].number)
    drained(w, c)


@inner
def resume(w: Any, c: int) -> None:
    container = w.container[c]
    if container.hung == 0:
        return
    container.hung = 0
    freeze(w, c, 0)
    if w.version[container.profile].kind == WORKER and container.away == 0:
        heard_again(w, c)
    node = w.head[FIRST_LIST + LISTS * c + IN_SLOTS]
    while node >= 0:
        if unwanted(w, node >> 1):
            leaves(w, node >> 1)
        node = w.next[node]
    goes_on_accepting(w, c)
    move_up(w, c)
    freed(w, c)
    if plays_queue(w, c):
        hand_out(w, w.version[container.profile].number)
    if plays(w, c):
        goes_on(w, w.version[container.profile].number)
    proxy_goes_on(w, c)


@inner
def closes(w: Any, c: int, p: int) -> bool:
    before, after = w.version[w.container[c].profile], w.version[p]
    unwritten = after.read_only > before.read_only
    return unwritten or (after.pooler_size > 0) != (before.pooler_size > 0)


@inner
def set_profile(w: Any, c: int, p: int) -> None:
    container = w.container[c]
    rules, kind = w.version[container.profile], w.version[p].kind
    if container.life == EXITED or kind != rules.kind:
        return
    if kind == WORKER and takes(w, c):
        w.queue[w.version[p].number].idle -= free_places(w, c)
    if kind == DATABASE and w.version[p].number != rules.number:
        play(w, c, p)
    elif kind == DATABASE and plays(w, c) and closes(w, c, p):
        reset(w, w.version[p].number)
    elif w.version[p].read_only < rules.read_only:
        told(w, c)
    if kind == QUEUE:
        play_queue(w, c, w.version[p].number)
    elif kind == CACHE:
        play_cache(w, c, w.version[p].number)
    container.profile = p
    if kind == WORKER and takes(w, c):
        w.queue[w.version[p].number].idle += free_places(w, c)
    move_up(w, c)
    if kind == QUEUE and w.lossy != 0:
        rewire(w)
    if kind == WORKER or kind == QUEUE:  # noqa: PLR1714, SIM109
        hand_out(w, w.version[p].number)
    elif kind == HTTP:
        freed(w, c)
    elif plays(w, c):
        at_limit(w, w.version[p].number)
        unlock(w, w.version[p].number)


@inner
def act(w: Any, verb: int, at: int, b: int, x: float) -> None:
    """One verb of the control plane, and all that follows at once."""
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
            if w.version[w.container[at].profile].kind == WORKER and w.container[at].away == 0:
                fell_silent(w, at)
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
        published(w, at)
    elif verb == PROBE_SENT:
        probe(w, at, b)
    elif verb == STANDS:
        wait_for_round(w, at)
    elif verb == FORGOTTEN:
        forget(w, at)
    elif verb == REROUTED:
        rerouted(w, at)
    elif verb == WIPE:
        wiped(w, at)
    elif verb == ENQUEUE:
        enqueue(w, at, b)
    elif verb == PROFILED:
        set_profile(w, at, b)
    elif verb == FLUSH:
        clear(w, at)
    elif verb == CROWD:
        for user in range(at):
            thinks(w, USER_BASE + user, w.stay[user].begin_s)
    elif verb == REWIRED:
        rewire(w)
    elif verb == PROMOTED:
        promoted(w, at, x)
    elif verb == GATE_CLOSED:
        gate_died(w, at, False)
    elif verb == STRAND:
        strand(w, at)
    follow_through(w)
