"""Who asks: reference/clients.py over arrays.

An attempt is a work; its request's place r keeps what the client's process keeps in the reference
(when it arrived, which attempt it waits for).
"""

from __future__ import annotations

from typing import Any

from sim.dataplane import arithmetic
from sim.dataplane.codes import CALL_BASE, ID_BITS, MOST_USERS, SECOND, USER_BASE
from sim.dataplane.kernel.balancers import dial, reply
from sim.dataplane.kernel.breaker import count, refuses, release
from sim.dataplane.kernel.codes import (
    ARRIVAL,
    CLIENT_TIMEOUT,
    DRAW_BACKOFF,
    DRAW_THINK,
    INSIDE,
    RETRY,
    SHED,
    SUCCEEDED,
    TREE,
)
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.connections import alone, ends_with, kept_by, purse
from sim.dataplane.kernel.containers import forsaken, unwanted
from sim.dataplane.kernel.draws import child, draw, snap, uniform, way
from sim.dataplane.kernel.layout import (
    ANSWERED,
    ASKING,
    BRANCH,
    FIRST_LIST,
    GONE,
    HEARD,
    HEARD_AGAIN,
    IN_SLOTS,
    LISTS,
    NOTICED,
    OUT_ARRIVED,
    PAUSED,
    REQUEST,
)
from sim.dataplane.kernel.stations import join
from sim.dataplane.kernel.timing import (
    agenda,
    free_client,
    heap_push,
    new_client,
    new_work,
    out,
    set_patience,
)

attempt_id = inner(arithmetic.attempt_id)
backoff = inner(arithmetic.backoff)


# ---- users ----
@inner
def arrive(w: Any) -> None:
    request = w.requests
    w.requests = request + 1
    out(w, OUT_ARRIVED, w.now, 0.0, request)
    ask(w, request, -1, way(w, request))


@inner
def asks_again(w: Any, request: int) -> None:
    w.returned += 1
    out(w, OUT_ARRIVED, w.now, 0.0, request)
    ask(w, request, -1, way(w, request))


@inner
def thinks(w: Any, request: int, since: float) -> None:
    u1, u2 = uniform(w, DRAW_THINK, request), uniform(w, DRAW_THINK + SECOND, request)
    wait = snap(draw(w.think_kind, w.think_mean, w.think_cv, u1, u2), w.lattice)
    t = since + wait
    if t < min(w.horizon, w.stay[request % MOST_USERS].end_s):
        heap_push(w, t, (ARRIVAL << ID_BITS) + request, 0)


# ---- whoever asks ----
@inner
def ask(w: Any, number: int, parent: int, k: int) -> int:
    """A new client under policy k: its first attempt."""
    r = new_client(w)
    client = w.request[r]
    client.id, client.arrived, client.retry = number, w.now, 0
    client.parent, client.policy = parent, k
    policy = w.policy[k]
    at = purse(w, parent, k)
    w.purse[at].tokens = min(w.purse[at].tokens + policy.budget, policy.most_tokens)
    w.service[policy.service].asked += 1
    w.edge[k].calls += 1
    attempt(w, r)
    return r


@inner
def deadline(w: Any, r: int) -> float:
    client = w.request[r]
    policy, parent = w.policy[client.policy], client.parent
    until = client.arrived + policy.deadline_s
    if policy.inherits_deadline != 0 and parent >= 0:
        kind = w.work[parent].kind
        if kind in (REQUEST, BRANCH):
            until = min(until, w.work[parent].until)
    return until


@inner
def turned_away(w: Any, at: int, k: int) -> bool:
    policy, own = w.policy[k], w.purse[at]
    if policy.at_most > 0 and own.tries >= policy.at_most:
        return True
    return refuses(w, at, k)


@inner
def learn(w: Any, r: int, outcome: int) -> None:
    """Of a try that was made."""
    client = w.request[r]
    k = client.policy
    at = purse(w, client.parent, k)
    w.purse[at].tries -= 1
    if w.policy[k].breaker_window > 0:
        if outcome == CLIENT_TIMEOUT and cancelled(w, client.parent):
            release(w, at, client.life)
        else:
            count(w, at, k, 1 if outcome != SUCCEEDED else 0, client.life)


@inner
def cancelled(w: Any, s: int) -> bool:
    """Work s, or users."""
    if s < 0 or not unwanted(w, s):
        return False
    return w.version[w.container[w.work[s].at].profile].cancel == TREE


@inner
def left(w: Any, s: int, ident: int) -> None:
    """`left` of the reference, if work s is still the one of this id."""
    work = w.work[s]
    if work.id != ident or not unwanted(w, s) or (work.kind == REQUEST and work.phase != INSIDE):
        return
    if w.container[work.at].hung != 0:
        return
    if work.together != 0 and work.kind != BRANCH:
        cancel_all(w, work.branch)
    else:
        cancel(w, s)


@inner
def cancel_all(w: Any, branch: int) -> None:
    """What is asked for in this branch and those after it."""
    while branch >= 0:
        cancel(w, branch)
        branch = w.work[branch].branch


@inner
def cancel(w: Any, s: int) -> None:
    work = w.work[s]
    if work.asks < 0:
        return
    client = w.request[work.asks]
    if client.state == ASKING:
        gives_up(w, client.work)
    elif client.state == PAUSED:
        client.state = NOTICED
        work.stage = HEARD_AGAIN
        agenda(w, s, 0)


@inner
def attempt_of(w: Any, r: int) -> int:
    """The id of its present try."""
    client = w.request[r]
    return attempt_id(client.id, client.retry) + (0 if client.parent < 0 else CALL_BASE)


@inner
def attempt(w: Any, r: int) -> None:
    """One more try: the client dials, and its patience starts."""
    client = w.request[r]
    ident, k, parent = attempt_of(w, r), client.policy, client.parent
    at = purse(w, parent, k)
    until = deadline(w, r)
    late = w.now >= until
    if late or turned_away(w, at, k):
        client.work, client.state = -1, ANSWERED
        agenda(w, -1 - r, CLIENT_TIMEOUT if late else SHED)
        return
    w.purse[at].tries += 1
    client.life = w.purse[at].life
    s = new_work(w, ident, REQUEST)
    work = w.work[s]
    work.of_request = r
    if parent < 0:
        work.visit, work.tried = client.id, ident
    else:
        salt = w.policy[k].salt
        work.visit = child(w.work[parent].visit, salt)
        work.tried = child(w.work[parent].tried, salt) + client.retry
    work.policy, work.balancer = k, w.policy[k].service
    work.kept = kept_by(w, k, work.visit, at)
    client.work, client.state = s, ASKING
    w.edge[k].tries += 1
    work.until = min(w.now + w.policy[k].timeout_s, until)
    if w.policy[k].connection_exclusive != 0:
        set_patience(w, k, ident, s)
        if alone(w, s, at):
            dial(w, s)
        return
    dial(w, s)
    if w.work[s].id == ident and w.work[s].replied == 0:  # nor does it stand in line
        set_patience(w, k, ident, s)


@inner
def replied(w: Any, r: int, outcome: int) -> int:
    """The answer is there: the work whose call has ended with it, or -1."""
    client = w.request[r]
    if client.state == GONE:
        free_client(w, r)
        return -1
    client.state = NOTICED
    if client.work >= 0:
        learn(w, r, outcome)
    parent = client.parent
    if parent >= 0 and w.container[w.work[parent].at].hung != 0:
        w.work[parent].code = outcome
        join(w, w.work[parent].at, parent, 0.0, HEARD)
        return -1
    return parent if judged(w, r, outcome) else -1


@inner
def judged(w: Any, r: int, outcome: int) -> bool:
    """Is this the end of it? Else again, after a back-off."""
    client = w.request[r]
    retry_number, parent, k = client.retry, client.parent, client.policy
    policy = w.policy[k]
    at = purse(w, parent, k)
    until = deadline(w, r)
    if (
        outcome == SUCCEEDED
        or retry_number >= policy.retries
        or w.purse[at].tokens < 1.0
        or client.work < 0
        or w.now >= until
        or (parent >= 0 and forsaken(w, parent))
    ):
        finish(w, r, outcome)
        return True
    ident = attempt_of(w, r)
    tried = ident if parent < 0 else child(w.work[parent].tried, policy.salt) + retry_number
    u1 = uniform(w, DRAW_BACKOFF, tried)
    wait = backoff(
        policy.backoff_s,
        policy.backoff_factor,
        policy.backoff_cap_s,
        retry_number,
        policy.jitter,
        u1,
    )
    client.state = PAUSED
    t = min(w.now + snap(wait, w.lattice), until)
    heap_push(w, t, (RETRY << ID_BITS) + ident, r)
    if t < until:
        w.purse[at].tokens -= 1.0
        w.service[policy.service].retries += 1
        w.retried += parent < 0
    if parent >= 0:
        w.work[parent].code = outcome
    return False


@inner
def finish(w: Any, r: int, outcome: int) -> None:
    client = w.request[r]
    parent = client.parent
    w.ended[w.policy[client.policy].service, outcome] += 1
    if outcome != SUCCEEDED:
        w.edge[client.policy].failed += 1
        w.edge[client.policy].given_up += outcome == CLIENT_TIMEOUT
    if parent >= 0:
        w.work[parent].asks = -1
    else:
        if outcome == SUCCEEDED:
            w.successes += 1
        else:
            w.failures += 1
        out(w, outcome, client.arrived, w.now - client.arrived, client.id)
        if client.id >= USER_BASE:
            thinks(w, client.id + MOST_USERS, w.now)
    free_client(w, r)


@inner
def retry(w: Any, r: int, ident: int) -> None:
    """The back-off is over, if it is still this one's."""
    client = w.request[r]
    if client.id < 0 or client.state != PAUSED or attempt_of(w, r) != ident:
        return
    parent = client.parent
    if parent < 0:
        client.retry += 1
        attempt(w, r)
    else:
        client.state = NOTICED
        c = w.work[parent].at
        if w.container[c].hung != 0:
            join(w, c, parent, 0.0, HEARD_AGAIN)
        else:
            w.work[parent].stage = HEARD_AGAIN
            agenda(w, parent, 0)


@inner
def again(w: Any, r: int, outcome: int) -> bool:
    """A service's next try; or the end of it, if nobody waits for that service."""
    if forsaken(w, w.request[r].parent):
        finish(w, r, outcome)
        return False
    w.request[r].retry += 1
    attempt(w, r)
    return True


@inner
def forsake(w: Any, c: int, silently: bool) -> None:
    """A process dies: whoever it asks answers nobody."""
    node = w.head[FIRST_LIST + LISTS * c + IN_SLOTS]
    while node >= 0:
        w.work[node >> 1].together = 0
        r = w.work[node >> 1].asks
        if r >= 0:
            w.work[node >> 1].asks = -1
            unheard(w, r, silently)
        node = w.next[node]


@inner
def unheard(w: Any, r: int, silently: bool) -> None:
    client = w.request[r]
    w.service[w.policy[client.policy].service].forsaken += 1
    if client.state == ASKING:
        s = client.work
        inside = w.work[s].phase == INSIDE
        reply(w, s, CLIENT_TIMEOUT)
        if inside and silently:
            w.work[s].abandoned = 0
    if client.state == ANSWERED:
        client.state = GONE
    else:
        free_client(w, r)


@inner
def gives_up(w: Any, s: int) -> None:
    work = w.work[s]
    if work.replied == 0:
        ends_with(w, work.kept, work.policy, work.target)
        reply(w, s, CLIENT_TIMEOUT)
