"""How an attempt reaches a container: reference/balancers.py over arrays."""

from __future__ import annotations

from typing import Any

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import SYN_RESEND_S, UNLIMITED
from sim.dataplane.kernel.codes import (
    ANSWERING,
    CLIENT_TIMEOUT,
    CONNECT_TIMEOUT,
    CONNECTING,
    DIAL,
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
    PAUSING,
    QUEUEING,
    RANDOM,
    REFUSED,
    RESENDING,
    SHED,
    SUCCEEDED,
    TRAVELLING,
    TREE,
    WAITING,
)
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.connections import (
    ages,
    carries,
    connected,
    falls_silent,
    hears,
    keeps,
    leaves_open,
    meets_close,
)
from sim.dataplane.kernel.containers import accept, connections, room, sheds
from sim.dataplane.kernel.draws import uniform
from sim.dataplane.kernel.gates import backend, behind, gate_of, met, opens, shut
from sim.dataplane.kernel.layout import ANSWERED, BALANCER_QUEUE, UNDER_WAY
from sim.dataplane.kernel.losses import again_after, either, either_way, loses, loss, way
from sim.dataplane.kernel.network import round_trip
from sim.dataplane.kernel.stops import asker_of, near, stops, users_trip
from sim.dataplane.kernel.timing import (
    FREED,
    LEFT,
    agenda,
    free_work,
    note,
    push_back,
    set_timer,
    unlink,
)


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
            if phase == NOWHERE and w.balancer[w.container[c].balancer].maxconn > 0:
                agenda(w, FREED + c, 0)
    elif not was and CONNECTING <= phase <= HELD:
        push_back(w, UNDER_WAY, 2 * s)
        if c >= 0:
            w.container[c].dialled += 1


@inner
def leaves(w: Any, s: int) -> None:
    """`leaves` of the reference."""
    if w.version[w.container[w.work[s].at].profile].cancel == TREE:
        agenda(w, LEFT + s, w.work[s].id)


@inner
def reply(w: Any, s: int, outcome: int) -> None:
    work = w.work[s]
    work.dial_at = INFINITY
    was = work.phase
    if was == QUEUEING:
        unlink(w, BALANCER_QUEUE + work.balancer, 2 * s)
    if was not in (INSIDE, WAITING):
        move(w, s, NOWHERE)
    if work.cut != 0 and work.replied == 0 and outcome != CLIENT_TIMEOUT:
        return
    if work.replied == 0:
        work.replied = 1
        work.abandoned = 1 if outcome == CLIENT_TIMEOUT else 0
        if work.kept >= w.kept_own:
            hears(w, s, outcome)
        w.request[work.of_request].state = ANSWERED
        agenda(w, -1 - work.of_request, outcome)
        if outcome == CLIENT_TIMEOUT and work.phase == INSIDE:
            leaves(w, s)
    if work.phase == NOWHERE:
        free_work(w, s)


@inner
def dial(w: Any, s: int) -> None:
    if w.gates != 0 and w.request[w.work[s].of_request].parent < 0 and swallowed(w, s):
        return
    via = w.balancer[w.work[s].balancer].via
    if via >= 0:
        if w.machine[w.container[via].server].alive == 0:
            wait(w, s, CONNECTING, w.policy[w.work[s].policy].connect_timeout_s)
            w.work[s].dials = UNLIMITED
            return
        if w.container[via].life != LISTENING:
            reply(w, s, REFUSED)
            return
        w.work[s].dials = 0
        if w.lossy != 0 and loses(w, s, either_way(w, near(w, s), w.container[via].server)):
            w.work[s].dials = UNLIMITED
            resend(w, s, w.policy[w.work[s].policy].connect_timeout_s)
            return
        w.work[s].via = via
        if w.container[via].hung != 0:
            move(w, s, HELD)
            return
    move(w, s, NOWHERE)
    route(w, s)


@inner
def swallowed(w: Any, s: int) -> bool:
    """`swallows` of the reference, of a user's try."""
    work = w.work[s]
    if keeps(w, s):
        work.gate = w.kept[work.kept].gate
        return False
    if work.gate < 0:
        work.gate = met(w, s)
    shuts = shut(w, s)
    if not shuts and (w.lossy == 0 or not loses(w, s, either_way(w, -1, work.gate))):
        work.dials = 0
        return False
    timeout_s, work.dials = w.policy[work.policy].connect_timeout_s, UNLIMITED
    if shuts:
        wait(w, s, CONNECTING, timeout_s)
    else:
        resend(w, s, timeout_s)
    return True


@inner
def route(w: Any, s: int) -> None:
    if keeps(w, s):
        pinned(w, s)
        return
    b = w.work[s].balancer
    balancer = w.balancer[b]
    most, gate = balancer.maxconn, gate_of(w, s)
    n = behind(w, b, gate)
    if n == 0:
        if balancer.holds != 0 and most > 0:
            hold(w, s)
        else:
            reply(w, s, NO_BACKEND)
        return
    at = pick(w, s, gate, n)
    if most > 0:
        free = -1
        for i in range(n):
            if connections(w, backend(w, b, gate, (at + i) % n)) < most:
                free = (at + i) % n
                break
        if free < 0:
            push_back(w, BALANCER_QUEUE + b, 2 * s)
            wait(w, s, QUEUEING, balancer.queue_timeout_s)
            return
        at = free
    connect(w, s, backend(w, b, gate, at))


@inner
def pinned(w: Any, s: int) -> None:
    work = w.work[s]
    kept = w.kept[work.kept]
    closed, work.target = False, kept.target
    if ages(w, work.policy):
        since = w.kept_since[work.kept]
        closed = w.now >= since.used + w.policy[work.policy].connection_idle_s
        since.used = w.now
    reached = w.machine[w.container[kept.target].server].alive != 0 and opens(w, s)
    if reached and closed:
        kept.target = -1
        reply(w, s, REFUSED)
    elif reached:
        connect(w, s, kept.target)
    else:
        falls_silent(w, work.kept)
        move(w, s, CONNECTING)


@inner
def hold(w: Any, s: int) -> None:
    b = w.work[s].balancer
    push_back(w, BALANCER_QUEUE + b, 2 * s)
    wait(w, s, QUEUEING, w.balancer[b].queue_timeout_s)
    if w.balancer[b].none_told == 0:
        w.balancer[b].none_told = 1
        note(w, NOTE_NONE_LISTED, b)


@inner
def pick(w: Any, s: int, gate: int, n: int) -> int:
    b = w.work[s].balancer
    balancer = w.balancer[b]
    if balancer.algorithm == FIRST or n == 1:
        return 0
    if balancer.algorithm == RANDOM:
        return int(uniform(w, DRAW_ROUTE, w.work[s].tried) * n)
    at = balancer.turn % n
    balancer.turn = at + 1
    if balancer.algorithm == LEAST_CONNECTIONS:
        best = at
        for i in range(1, n):
            other = (at + i) % n
            left = connections(w, backend(w, b, gate, other))
            if left < connections(w, backend(w, b, gate, best)):
                best = other
        at = best
    return at


@inner
def patience(w: Any, s: int) -> float:
    """Seconds that whoever opens this connection waits for it."""
    proxy_s = w.balancer[w.work[s].balancer].connect_timeout_s
    return proxy_s if proxy_s > 0.0 else w.policy[w.work[s].policy].connect_timeout_s


@inner
def travels(w: Any, s: int, c: int) -> bool:
    work = w.work[s]
    if work.phase in (TRAVELLING, RESENDING):
        return False
    v, u = near(w, s), w.container[c].server
    trip = round_trip(w, v, u, work.tried) if v >= 0 else 0.0
    entering = way_in(w, s, c)
    if trip + entering == 0.0:
        return False
    opens = w.balancer[work.balancer].proxy == 0 and not connected(w, s, c)
    if opens and trip + entering / 2.0 >= patience(w, s):
        wait(w, s, CONNECTING, patience(w, s))
    else:
        wait(w, s, TRAVELLING, (trip + trip if opens else trip) + entering)
    return True


@inner
def way_in(w: Any, s: int, c: int) -> float:
    """Seconds of users' own way: `way_in` of the reference."""
    work = w.work[s]
    if asker_of(w, s) >= 0 or work.dials > 0:
        return 0.0
    trip = users_trip(w, s, w.container[c].server)
    open_to_proxy = w.balancer[work.balancer].proxy != 0 and (
        0 <= work.kept < w.kept_own or (work.kept >= 0 and w.kept[work.kept].target >= 0)
    )
    return trip if open_to_proxy or connected(w, s, c) else trip + trip


@inner
def lost(w: Any, s: int, c: int) -> bool:
    """Is its packet lost on the way there?"""
    work, v, u = w.work[s], near(w, s), w.container[c].server
    there, back = loss(w, v, u), loss(w, u, v)
    is_connected = connected(w, s, c)
    if is_connected:
        there, back = way(w, stops(w, s, u), False), way(w, stops(w, s, u), True)
    proxy = w.balancer[work.balancer].proxy != 0
    if (proxy and max(there, back) < 1.0) or (not proxy and is_connected):
        if not loses(w, s, there):
            return False
        if work.kept >= 0:
            falls_silent(w, work.kept)
        wait(w, s, TRAVELLING, again_after(w, s))
        return True
    if not loses(w, s, either(there, back)):
        return False
    resend(w, s, patience(w, s))
    return True


@inner
def resend(w: Any, s: int, patience_s: float) -> None:
    """Its SYN was dropped."""
    work = w.work[s]
    if work.phase != RESENDING:
        work.dial_until = w.now + patience_s
    wait(w, s, RESENDING, min(SYN_RESEND_S, work.dial_until - w.now))


@inner
def answer_to(w: Any, s: int, c: int, outcome: int) -> None:
    """`answer` of the reference's Balancer."""
    work = w.work[s]
    waits = w.lossy != 0 and work.replied == 0 and work.cut == 0
    if waits and loses(w, s, way(w, stops(w, s, w.container[c].server), True)):
        work.code = outcome
        wait(w, s, ANSWERING, again_after(w, s))
        return
    leaves_open(w, s, c)
    judge(w, s, c, outcome)
    reply(w, s, outcome)


@inner
def connect(w: Any, s: int, target: int) -> None:
    """connect, failed and redispatch of the reference, as one loop over the servers tried."""
    work = w.work[s]
    while True:
        work.target = target
        if w.machine[w.container[target].server].alive == 0 or not opens(w, s):
            proxy = w.balancer[work.balancer].proxy != 0
            entering = way_in(w, s, target) if w.far != 0 and proxy else 0.0
            wait(w, s, CONNECTING, entering + patience(w, s))
            return
        if w.far != 0 and travels(w, s, target):
            return
        if w.lossy != 0 and lost(w, s, target):
            return
        if w.container[target].life == LISTENING:
            if room(w, target):
                if w.balancer[work.balancer].keeps > 0 and meets_close(w, s, target):
                    move(w, s, NOWHERE)
                    target = replayed(w, s, REFUSED)
                    if target < 0:
                        return
                    continue
                move(w, s, INSIDE)
                work.dial_at = INFINITY
                if work.kept >= 0:
                    carries(w, s, target)
                accept(w, target, s)
            elif sheds(w, target):
                judge(w, s, target, SHED)
                reply(w, s, SHED)
            else:
                resend(w, s, patience(w, s))
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
    balancer = w.balancer[work.balancer]
    if work.dials >= balancer.retries:
        reply(w, s, why)
        return False
    work.dials += 1
    if balancer.redispatch != 0:
        return True
    wait(w, s, PAUSING, balancer.retry_pause_s)
    return False


@inner
def redispatched(w: Any, s: int) -> int:
    work = w.work[s]
    move(w, s, NOWHERE)
    b = work.balancer
    n = w.balancer[b].backends
    if n == 0:
        reply(w, s, NO_BACKEND)
        return -1
    at = -1
    for i in range(n):
        if w.backend[b, i] == work.target:
            at = i
            break
    return w.backend[b, (at + 1) % n]


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
    elif work.target < 0:
        dial(w, s)
    elif phase == ANSWERING:
        answer_to(w, s, work.target, work.code)
    else:
        connect(w, s, work.target)


@inner
def dropped(w: Any, s: int, why: int) -> None:
    w.work[s].phase = NOWHERE
    target = replayed(w, s, why)
    if target >= 0:
        connect(w, s, target)


@inner
def replayed(w: Any, s: int, why: int) -> int:
    """The server to which it is sent again, or -1."""
    work = w.work[s]
    if work.target >= 0:
        judge(w, s, work.target, why)
    waits = work.replied == 0 and work.cut == 0
    balancer = w.balancer[work.balancer]
    if waits and balancer.retry_errors != 0 and work.dials < balancer.retries:
        work.dials += 1
        return redispatched(w, s)
    reply(w, s, why)
    return -1


@inner
def freed(w: Any, c: int) -> None:
    b = w.container[c].balancer
    most = w.balancer[b].maxconn
    queue = BALANCER_QUEUE + b
    while w.head[queue] >= 0 and connections(w, c) < most and w.container[c].published != 0:
        s = w.head[queue] >> 1
        unlink(w, queue, 2 * s)
        w.work[s].phase = NOWHERE
        connect(w, s, c)


# ---- what a proxy sees ----
@inner
def judge(w: Any, s: int, c: int, outcome: int) -> None:
    container = w.container[c]
    most = w.balancer[w.work[s].balancer].outlier_failures
    if most == 0 or w.work[s].replied != 0 or w.work[s].cut != 0:
        return
    container.failures = 0 if outcome == SUCCEEDED else container.failures + 1
    if container.failures >= most:
        container.failures = 0
        note(w, NOTE_OUTLIER, c)
