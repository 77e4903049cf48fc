"""Users who wait to be begun, in 48 bytes each: what an attempt and its client are, and no more.

Before a busy process millions may wait. Each is a place k of `w.line`, in place of a work and its
client, and those that came one after another are one work of the backlog, of kind LINE: its
`child` is the first of them, its `sibling` the last. All else follows from the id, or is drawn
anew. Who is called up becomes a work again, and who leaves a client.

A timer cannot be taken out of a ring, and would outlive its place: so the patience of those in
line is a linked list for each time-out, in order of (time, id); what is out of order goes to the
heap, where -2 - k stands for the place.
"""

from __future__ import annotations

from typing import Any

from sim.dataplane import arithmetic
from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import ID_BITS
from sim.dataplane.kernel.codes import (
    CLIENT_TIMEOUT,
    DROPPED_ON_KILL,
    INSIDE,
    PATIENCE,
)
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.connections import ends_with, kept_by
from sim.dataplane.kernel.draws import way
from sim.dataplane.kernel.layout import (
    ANSWERED,
    ASKING,
    FEW,
    FIRST_LIST,
    IN_BACKLOG,
    LEFT_LINE,
    LINE,
    LINES,
    LISTS,
    LOST,
    NARROW,
    REQUEST,
    WAITS_IN_LINE,
)
from sim.dataplane.kernel.timing import (
    agenda,
    free_client,
    free_work,
    heap_push,
    new_client,
    new_work,
    push_back,
    set_patience,
    unlink,
)

request_of = inner(arithmetic.request_of)
retry_of = inner(arithmetic.retry_of)


# ---- who may ----
@inner
def fits(w: Any, c: int, s: int) -> bool:
    """Does its place in line say all of it?"""
    work = w.work[s]
    if work.kind != REQUEST or work.replied != 0 or work.cut != 0 or work.sent != 0:
        return False
    client = w.request[work.of_request]
    if w.policy[work.policy].connection_exclusive != 0:  # it has a connection of its own
        return False
    most = max(c, work.gate, work.via, client.life)
    return client.parent < 0 and most <= NARROW and work.dials <= FEW


@inner
def stands_in_line(w: Any, c: int, s: int) -> bool:
    """At the end of the backlog; False if it must stand there as it is."""
    full = w.line_free < 0 and w.line_top >= LINES
    if w.container[c].queued < w.line_from or full or not fits(w, c, s):
        return False
    k = w.line_free
    if k < 0:
        k = w.line_top
        w.line_top = k + 1
    else:
        w.line_free = w.line[k].next
    w.lined += 1
    work, place = w.work[s], w.line[k]
    client = w.request[work.of_request]
    place.id, place.arrived, place.until = work.id, client.arrived, work.until
    place.at, place.gate, place.via, place.life = c, work.gate, work.via, client.life
    place.dials, place.next = work.dials, -1
    place.state, place.cut = WAITS_IN_LINE, 0
    free_client(w, work.of_request)
    free_work(w, s)
    join_line(w, c, k)
    be_patient(w, k)
    return True


@inner
def join_line(w: Any, c: int, k: int) -> None:
    backlog = FIRST_LIST + LISTS * c + IN_BACKLOG
    last = w.tail[backlog]
    if last >= 0 and w.work[last >> 1].kind == LINE:
        line = w.work[last >> 1]
        w.line[line.sibling].next = k
        line.sibling = k
    else:
        s = new_work(w, -2, LINE)
        w.work[s].child = w.work[s].sibling = k
        push_back(w, backlog, 2 * s)


@inner
def free_place(w: Any, k: int) -> None:
    w.line[k].id = -1
    w.line[k].next = w.line_free
    w.line_free = k
    w.lined -= 1


# ---- patience ----
@inner
def ring_of(w: Any, k: int) -> int:
    return w.policy[way(w, request_of(w.line[k].id))].ring


@inner
def be_patient(w: Any, k: int) -> None:
    place = w.line[k]
    place.listed = 0
    if place.until == INFINITY:
        return
    ring = ring_of(w, k)
    before = w.line_last[ring]
    if ring == 0 or (before >= 0 and w.line[before].until > place.until):
        heap_push(w, place.until, (PATIENCE << ID_BITS) + place.id, -2 - k)
        return
    after = -1
    while before >= 0 and w.line[before].until == place.until and w.line[before].id > place.id:
        before, after = w.line[before].earlier, before
    place.listed, place.earlier, place.later = 1, before, after
    if before < 0:
        w.line_first[ring] = k
    else:
        w.line[before].later = k
    if after < 0:
        w.line_last[ring] = k
    else:
        w.line[after].earlier = k


@inner
def be_patient_no_more(w: Any, k: int) -> None:
    place = w.line[k]
    if place.listed == 0:
        return
    ring, before, after = ring_of(w, k), place.earlier, place.later
    if before < 0:
        w.line_first[ring] = after
    else:
        w.line[before].later = after
    if after < 0:
        w.line_last[ring] = before
    else:
        w.line[after].earlier = before
    place.listed = 0


# ---- how it ends for one whom nobody called up ----
@inner
def leaves_line(w: Any, k: int, ident: int) -> None:
    """Its patience is over: `gives_up` of clients.py."""
    place = w.line[k]
    if place.id != ident or place.state == LEFT_LINE:
        return
    policy = way(w, request_of(ident))
    kept = kept_by(w, policy, request_of(ident), w.policy[policy].slot)
    ends_with(w, kept, policy, place.at)
    answered(w, k, CLIENT_TIMEOUT)


@inner
def answered(w: Any, k: int, outcome: int) -> None:
    """`reply` of balancers.py: its client hears of it."""
    place = w.line[k]
    be_patient_no_more(w, k)
    r = client_of(w, k, 0)
    w.request[r].state = ANSWERED
    agenda(w, -1 - r, outcome)
    if place.state == LOST:
        free_place(w, k)
    else:
        place.state = LEFT_LINE


@inner
def lost_in_line(w: Any, k: int) -> None:
    """Its process has it no more, and nobody says so."""
    if w.line[k].state == LEFT_LINE:
        free_place(w, k)
    else:
        w.line[k].state = LOST


@inner
def unheard_of(w: Any, k: int) -> bool:
    """Does its process see that nobody waits for it?"""
    return w.line[k].state == LEFT_LINE or w.line[k].cut == 2


@inner
def cut_off_in_line(w: Any, line: int, proxy: int, gate: int, silently: bool) -> None:
    """`cut_off` of proxy.py."""
    k = w.work[line].child
    while k >= 0:
        place = w.line[k]
        through = place.via == proxy if proxy >= 0 else place.gate == gate
        if through and place.state == WAITS_IN_LINE:
            if silently:
                place.cut = 1
            elif place.cut == 0:
                answered(w, k, DROPPED_ON_KILL)
            else:
                place.cut = 2
        k = place.next


# ---- what it was ----
@inner
def client_of(w: Any, k: int, s: int) -> int:
    """A client as it was, which asks by work s."""
    place = w.line[k]
    request = request_of(place.id)
    r = new_client(w)
    client = w.request[r]
    client.id, client.arrived, client.retry = request, place.arrived, retry_of(place.id)
    client.parent, client.policy, client.life = -1, way(w, request), place.life
    client.work, client.state = s, ASKING
    return r


@inner
def called_up(w: Any, k: int) -> int:
    """The work that it was; its place is free."""
    place = w.line[k]
    be_patient_no_more(w, k)
    s = new_work(w, place.id, REQUEST)
    work = w.work[s]
    work.visit, work.tried = request_of(place.id), place.id
    policy = way(w, work.visit)
    work.policy, work.balancer = policy, w.policy[policy].service
    work.kept = kept_by(w, policy, work.visit, w.policy[policy].slot)
    work.at = work.target = place.at
    work.gate, work.via, work.dials, work.until = place.gate, place.via, place.dials, place.until
    work.phase = INSIDE
    work.cut, work.abandoned = place.cut != 0, unheard_of(w, k)
    if place.state == LEFT_LINE:
        work.replied = 1
    else:
        work.of_request = client_of(w, k, s)
        set_patience(w, policy, place.id, s)
    free_place(w, k)
    return s


@inner
def first_in_line(w: Any, backlog: int, line: int, cancels: bool) -> int:
    """The first of this line, as a work; -1 if nobody waits for it and that is looked at."""
    k = w.work[line].child
    w.work[line].child = w.line[k].next
    if w.work[line].child < 0:
        unlink(w, backlog, 2 * line)
        free_work(w, line)
    if cancels and unheard_of(w, k):
        lost_in_line(w, k)
        return -1
    return called_up(w, k)


@inner
def all_step_out(w: Any, c: int) -> None:
    """The whole backlog stands as works."""
    if w.lined == 0:
        return
    backlog = FIRST_LIST + LISTS * c + IN_BACKLOG
    node = w.head[backlog]
    w.head[backlog] = w.tail[backlog] = -1
    while node >= 0:
        s, after = node >> 1, w.next[node]
        if w.work[s].kind == LINE:
            k = w.work[s].child
            free_work(w, s)
            while k >= 0:
                behind = w.line[k].next
                push_back(w, backlog, 2 * called_up(w, k))
                k = behind
        else:
            push_back(w, backlog, node)
        node = after
