"""Who asks, and how a request reaches a container: reference/clients.py over arrays.

An attempt is a work; its request's place r keeps what the client's process keeps in the reference
(when it arrived, which attempt it waits for).
"""

from __future__ import annotations

from typing import Any

from sim.dataplane import arithmetic
from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import SYN_RESEND_S, UNLIMITED
from sim.dataplane.kernel.codes import (
    CLIENT_TIMEOUT,
    CONNECT_TIMEOUT,
    CONNECTING,
    DIAL,
    DRAW_BACKOFF,
    DRAW_ROUTE,
    FIRST,
    HELD,
    INSIDE,
    LEAST_CONNECTIONS,
    LISTENING,
    NO_BACKEND,
    NOTE_NONE_LISTED,
    NOTE_OUTLIER,
    NOWHERE,
    PATIENCE,
    PAUSING,
    QUEUEING,
    RANDOM,
    REFUSED,
    RESENDING,
    RETRY,
    SHED,
    SUCCEEDED,
)
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.containers import accept, connections, room, sheds
from sim.dataplane.kernel.draws import snap, uniform
from sim.dataplane.kernel.layout import BALANCER_QUEUE, OUT_ARRIVED, REQUEST, UNDER_WAY
from sim.dataplane.kernel.timing import (
    FREED,
    agenda,
    free_work,
    new_work,
    note,
    out,
    push_back,
    set_timer,
    unlink,
)

attempt_id = inner(arithmetic.attempt_id)
backoff = inner(arithmetic.backoff)


# ---- clients ----
@inner
def arrive(w: Any) -> None:
    request = w.requests
    w.requests = request + 1
    out(w, OUT_ARRIVED, w.now, 0.0, request)
    w.tokens = min(w.tokens + w.client_budget, w.most_tokens)
    r = w.request_free
    if r < 0:
        r = w.request_top
        w.request_top = r + 1
    else:
        w.request_free = w.request[r].work
    w.request[r].id, w.request[r].arrived, w.request[r].retry = request, w.now, 0
    attempt(w, r)


@inner
def attempt(w: Any, r: int) -> None:
    """One more try of a request: patience starts, the client dials."""
    client = w.request[r]
    ident = attempt_id(client.id, client.retry)
    s = new_work(w, ident, REQUEST)
    w.work[s].of_request = r
    w.work[s].visit, w.work[s].tried = client.id, ident
    client.work = s
    set_timer(w, PATIENCE, w.client_timeout_s, ident, s)
    dial(w, s)


@inner
def replied(w: Any, r: int, outcome: int) -> None:
    """The client has its answer: done, or again after a back-off."""
    client = w.request[r]
    retry_number = client.retry
    if outcome == SUCCEEDED or retry_number >= w.client_retries or w.tokens < 1.0:
        if outcome == SUCCEEDED:
            w.successes += 1
        else:
            w.failures += 1
        out(w, outcome, client.arrived, w.now - client.arrived, client.id)
        client.id = -1
        client.work = w.request_free
        w.request_free = r
        return
    w.tokens -= 1.0
    w.retried += 1
    ident = attempt_id(client.id, retry_number)
    u1 = uniform(w, DRAW_BACKOFF, ident)
    wait = backoff(
        w.client_backoff_s,
        w.client_backoff_factor,
        w.client_backoff_cap_s,
        retry_number,
        w.client_jitter,
        u1,
    )
    set_timer(w, RETRY, snap(wait, w.lattice), ident, r)


@inner
def retry(w: Any, r: int) -> None:
    w.request[r].retry += 1
    attempt(w, r)


@inner
def gives_up(w: Any, s: int) -> None:
    if w.work[s].replied == 0:
        reply(w, s, CLIENT_TIMEOUT)


# ---- the balancer ----
@inner
def move(w: Any, s: int, phase: int) -> None:
    work = w.work[s]
    was = CONNECTING <= work.phase <= HELD
    work.phase = phase
    c = work.target
    if was and not CONNECTING <= phase <= HELD:
        unlink(w, UNDER_WAY, 2 * s)
        if c >= 0:
            w.container[c].dialled -= 1
            if phase == NOWHERE and w.routing_maxconn > 0:
                agenda(w, FREED + c, 0)
    elif not was and CONNECTING <= phase <= HELD:
        push_back(w, UNDER_WAY, 2 * s)
        if c >= 0:
            w.container[c].dialled += 1


@inner
def reply(w: Any, s: int, outcome: int) -> None:
    work = w.work[s]
    work.dial_at = INFINITY
    if work.phase == QUEUEING:
        unlink(w, BALANCER_QUEUE, 2 * s)
    if work.phase != INSIDE:
        move(w, s, NOWHERE)
    if work.cut != 0 and work.replied == 0 and outcome != CLIENT_TIMEOUT:
        return
    if work.replied == 0:
        work.replied = 1
        work.abandoned = 1 if outcome == CLIENT_TIMEOUT else 0
        agenda(w, -1 - work.of_request, outcome)
    if work.phase == NOWHERE:
        free_work(w, s)


@inner
def dial(w: Any, s: int) -> None:
    via = w.via
    if via >= 0:
        if w.machine[w.container[via].server].alive == 0:
            wait(w, s, CONNECTING, w.client_connect_timeout_s)
            w.work[s].dials = UNLIMITED
            return
        if w.container[via].life != LISTENING:
            reply(w, s, REFUSED)
            return
        w.work[s].via = via
        if w.container[via].hung != 0:
            move(w, s, HELD)
            return
    route(w, s)


@inner
def route(w: Any, s: int) -> None:
    most = w.routing_maxconn
    if w.backends == 0:
        if w.routing_holds != 0 and most > 0:
            hold(w, s)
        else:
            reply(w, s, NO_BACKEND)
        return
    at = pick(w, s)
    if most > 0:
        n = w.backends
        free = -1
        for i in range(n):
            if connections(w, w.backend[(at + i) % n]) < most:
                free = (at + i) % n
                break
        if free < 0:
            push_back(w, BALANCER_QUEUE, 2 * s)
            wait(w, s, QUEUEING, w.routing_queue_timeout_s)
            return
        at = free
    connect(w, s, w.backend[at])


@inner
def hold(w: Any, s: int) -> None:
    push_back(w, BALANCER_QUEUE, 2 * s)
    wait(w, s, QUEUEING, w.routing_queue_timeout_s)
    if w.none_told == 0:
        w.none_told = 1
        note(w, NOTE_NONE_LISTED, 0)


@inner
def pick(w: Any, s: int) -> int:
    n = w.backends
    if w.routing_algorithm == FIRST or n == 1:
        return 0
    if w.routing_algorithm == RANDOM:
        return int(uniform(w, DRAW_ROUTE, w.work[s].tried) * n)
    at = w.turn % n
    w.turn = at + 1
    if w.routing_algorithm == LEAST_CONNECTIONS:
        best = at
        for i in range(1, n):
            other = (at + i) % n
            if connections(w, w.backend[other]) < connections(w, w.backend[best]):
                best = other
        at = best
    return at


@inner
def connect(w: Any, s: int, target: int) -> None:
    """connect, failed and redispatch of the reference, as one loop over the servers tried."""
    work = w.work[s]
    while True:
        work.target = target
        if w.machine[w.container[target].server].alive == 0:
            wait(w, s, CONNECTING, w.routing_connect_timeout_s)
            return
        if w.container[target].life == LISTENING:
            if room(w, target):
                move(w, s, INSIDE)
                work.dial_at = INFINITY
                accept(w, target, s)
            elif sheds(w, target):
                judge(w, s, target, SHED)
                reply(w, s, SHED)
            else:
                if work.phase != RESENDING:
                    work.dial_until = w.now + w.routing_connect_timeout_s
                wait(w, s, RESENDING, min(SYN_RESEND_S, work.dial_until - w.now))
            return
        if not again(w, s, REFUSED):
            return
        target = redispatched(w, s)
        if target < 0:
            return


@inner
def again(w: Any, s: int, why: int) -> bool:
    """The reference's `failed`: True if another server is to be tried at once."""
    work = w.work[s]
    if work.target >= 0:
        judge(w, s, work.target, why)
    if work.dials >= w.routing_retries:
        reply(w, s, why)
        return False
    work.dials += 1
    if w.routing_redispatch != 0:
        return True
    wait(w, s, PAUSING, w.routing_retry_pause_s)
    return False


@inner
def redispatched(w: Any, s: int) -> int:
    work = w.work[s]
    move(w, s, NOWHERE)
    n = w.backends
    if n == 0:
        reply(w, s, NO_BACKEND)
        return -1
    at = -1
    for i in range(n):
        if w.backend[i] == work.target:
            at = i
            break
    return w.backend[(at + 1) % n]


@inner
def wait(w: Any, s: int, phase: int, delay: float) -> None:
    work = w.work[s]
    move(w, s, phase)
    work.dial_at = set_timer(w, DIAL, delay, work.id, s)


@inner
def dialled(w: Any, s: int) -> None:
    work = w.work[s]
    if work.dial_at != w.now:
        return
    phase = work.phase
    work.dial_at = INFINITY
    if phase == QUEUEING:
        reply(w, s, NO_BACKEND)
    elif phase == CONNECTING or (phase == RESENDING and w.now >= work.dial_until):
        if again(w, s, CONNECT_TIMEOUT):
            target = redispatched(w, s)
            if target >= 0:
                connect(w, s, target)
    else:
        connect(w, s, work.target)


@inner
def dropped(w: Any, s: int, why: int) -> None:
    work = w.work[s]
    work.phase = NOWHERE
    if work.target >= 0:
        judge(w, s, work.target, why)
    waits = work.replied == 0 and work.cut == 0
    if waits and w.routing_retry_errors != 0 and work.dials < w.routing_retries:
        work.dials += 1
        target = redispatched(w, s)
        if target >= 0:
            connect(w, s, target)
    else:
        reply(w, s, why)


@inner
def freed(w: Any, c: int) -> None:
    most = w.routing_maxconn
    while (
        w.head[BALANCER_QUEUE] >= 0 and connections(w, c) < most and w.container[c].published != 0
    ):
        s = w.head[BALANCER_QUEUE] >> 1
        unlink(w, BALANCER_QUEUE, 2 * s)
        w.work[s].phase = NOWHERE
        connect(w, s, c)


# ---- what a proxy sees ----
@inner
def judge(w: Any, s: int, c: int, outcome: int) -> None:
    container = w.container[c]
    if w.routing_outlier_failures == 0 or w.work[s].replied != 0 or w.work[s].cut != 0:
        return
    container.failures = 0 if outcome == SUCCEEDED else container.failures + 1
    if container.failures >= w.routing_outlier_failures:
        container.failures = 0
        note(w, NOTE_OUTLIER, c)
