"""Connections that stay: those that a client keeps, and a proxy's to the servers behind it.

Rows of `kept` and `kept_since`: first those that a client keeps (shared by requests, or, of one
request at a time, those that are idle: a stack, the last used on top), then, from `kept_own` on,
one for each work, which is that of its try while it has one of its own.
"""

from __future__ import annotations

from typing import Any

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import MOST_CALLS, MOST_UNUSED
from sim.dataplane.kernel.codes import (
    DRAW_CONNECTION,
    LEAVES_NOTHING,
    LISTENING,
    NOWHERE,
    WAITING,
)
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.draws import uniform
from sim.dataplane.kernel.layout import FIRST_LIST, FIRST_WAIT, LISTS, USERS_WAIT
from sim.dataplane.kernel.timing import SPARE, agenda, push_back, unlink


@inner
def purse(w: Any, parent: int, k: int) -> int:
    """Whose tokens, breaker and connections: those of users, or of a calling step of a container's
    process."""
    at = 0 if parent < 0 else w.work[parent].at + 1
    return MOST_CALLS * at + w.policy[k].slot


# ---- a client's ----
@inner
def kept_by(w: Any, k: int, visit: int, at: int) -> int:
    """Which of the connections that purse `at` keeps a visit under policy k takes; -1: none."""
    n = w.policy[k].connections
    if n == 0 or w.policy[k].connection_exclusive != 0:
        return -1
    which = int(uniform(w, DRAW_CONNECTION, visit) * n) if n > 1 else 0
    return w.purse[at].first_kept + which


@inner
def ends_with(w: Any, kept: int, k: int, target: int) -> None:
    """Who waited under policy k for an answer of `target` waits no more: then the connection that
    is kept there may be closed."""
    closes = kept >= 0 and w.policy[k].connection_stays == 0
    if closes and w.kept[kept].target == target:
        w.kept[kept].target = -1


@inner
def keeps(w: Any, s: int) -> bool:
    work = w.work[s]
    if work.kept < 0:
        return False
    balancer = w.balancer[work.balancer]
    if w.kept[work.kept].target < 0 or balancer.proxy != 0 or balancer.per_request != 0:
        return False
    if ended(w, s, work.kept):
        w.kept[work.kept].target = -1
        return False
    return True


@inner
def ended(w: Any, s: int, i: int) -> bool:
    """`ended` of the reference, of the connection of row i that work s would use."""
    work, kept = w.work[s], w.kept[i]
    balancer = w.balancer[work.balancer]
    if (
        kept.target < 0
        or (ages(w, work.policy) and too_old(w, i, work.policy))
        or (kept.gate >= 0 and rebooted(w, kept.gate, w.kept_since[i].opened))
    ):
        return True
    if balancer.proxy != 0 or balancer.per_request != 0:
        return False
    container = w.container[kept.target]
    alive = w.machine[container.server].alive != 0
    return container.starts != kept.process or (alive and container.life != LISTENING)


@inner
def ages(w: Any, k: int) -> bool:
    return w.policy[k].ages != 0 or w.silenced != 0


@inner
def too_old(w: Any, i: int, k: int) -> bool:
    since, policy = w.kept_since[i], w.policy[k]
    return (
        w.now >= since.opened + policy.connection_age_s
        or w.now >= since.used + policy.connection_idle_s + policy.connection_closing_s
        or w.now >= since.silent + policy.connection_silence_s
    )


@inner
def falls_silent(w: Any, i: int) -> None:
    w.kept_since[i].silent = min(w.kept_since[i].silent, w.now)
    w.silenced = 1


@inner
def rebooted(w: Any, v: int, since: float) -> bool:
    return w.machine[v].alive != 0 and since < w.machine[v].up_since


@inner
def carries(w: Any, s: int, c: int) -> None:
    """`carries` of the reference's Connection."""
    i = w.work[s].kept
    kept, since = w.kept[i], w.kept_since[i]
    if kept.target != c or kept.process != w.container[c].starts:
        kept.target, kept.process, kept.gate = c, w.container[c].starts, w.work[s].gate
        since.opened, since.used, since.silent = w.now, w.now, INFINITY
    elif ages(w, w.work[s].policy):
        since.used, since.silent = w.now, INFINITY


@inner
def connected(w: Any, s: int, c: int) -> bool:
    i = w.work[s].kept
    return i >= 0 and w.kept[i].target == c and w.kept[i].process == w.container[c].starts


@inner
def alone(w: Any, s: int, at: int) -> bool:
    """May it dial, over a connection of its own? Else it waits."""
    own, most = w.purse[at], w.policy[w.work[s].policy].connections_open
    w.work[s].kept = w.kept_own + s
    if most > 0 and own.used >= most:
        w.work[s].phase = WAITING
        push_back(w, waiting(at), 2 * s)
        return False
    takes_one(w, s, at)
    return True


@inner
def waiting(at: int) -> int:
    """The list of those who wait for a connection of purse `at`."""
    if at < MOST_CALLS:
        return USERS_WAIT + at
    return FIRST_LIST + LISTS * (at // MOST_CALLS - 1) + FIRST_WAIT + at % MOST_CALLS


@inner
def takes_one(w: Any, s: int, at: int) -> None:
    own, i = w.purse[at], w.kept_own + s
    own.used += 1
    while own.unused > 0:
        own.unused -= 1
        copy(w, own.first_kept + own.unused, i)
        if not ended(w, s, i):
            return
    w.kept[i].target = -1


@inner
def hears(w: Any, s: int, outcome: int) -> None:
    work = w.work[s]
    at = owner(w, s)
    own = w.purse[at]
    if work.phase == WAITING:
        unlink(w, waiting(at), 2 * s)
        work.phase = NOWHERE
        return
    own.used -= 1
    if (
        own.unused < w.policy[work.policy].connections
        and outcome not in LEAVES_NOTHING
        and not ended(w, s, work.kept)
    ):
        w.kept_since[work.kept].used = w.now
        copy(w, work.kept, own.first_kept + own.unused)
        own.unused += 1
    if w.head[waiting(at)] >= 0:
        agenda(w, SPARE + at, 0)


@inner
def owner(w: Any, s: int) -> int:
    return purse(w, w.request[w.work[s].of_request].parent, w.work[s].policy)


@inner
def next_one(w: Any, at: int) -> int:
    """Who waits longest, if there is a connection for it; else -1."""
    node = w.head[waiting(at)]
    if node < 0 or w.purse[at].used >= w.policy[w.work[node >> 1].policy].connections_open:
        return -1
    unlink(w, waiting(at), node)
    w.work[node >> 1].phase = NOWHERE
    takes_one(w, node >> 1, at)
    return node >> 1


@inner
def copy(w: Any, i: int, j: int) -> None:
    one, other = w.kept[i], w.kept[j]
    other.target, other.process, other.gate = one.target, one.process, one.gate
    was, since = w.kept_since[i], w.kept_since[j]
    since.opened, since.used, since.silent = was.opened, was.used, was.silent


# ---- a proxy's ----
@inner
def meets_close(w: Any, s: int, c: int) -> bool:
    container, rules = w.container[c], w.version[w.container[c].profile]
    keeps_s = min(w.balancer[w.work[s].balancer].keeps_s, rules.keep_alive_s + rules.closing_s)
    while container.unused > 0:
        container.unused -= 1
        used = w.unused[MOST_UNUSED * c + container.unused]
        if w.now < used + keeps_s:
            return w.now >= used + rules.keep_alive_s
    return False


@inner
def leaves_open(w: Any, s: int, c: int) -> None:
    """The connection over which its proxy has got this answer."""
    container, work = w.container[c], w.work[s]
    if container.unused < w.balancer[work.balancer].keeps and work.replied == 0 and work.cut == 0:
        w.unused[MOST_UNUSED * c + container.unused] = w.now
        container.unused += 1
