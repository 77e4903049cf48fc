"""A step at a queue or a cache, over the network: reference/stores.py over arrays."""

from __future__ import annotations

from typing import Any

from sim.dataplane.kernel.caches import look_up, unanswered
from sim.dataplane.kernel.codes import DO_PUSH, HTTP_500, PASSED
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.containers import reach
from sim.dataplane.kernel.jobs import push, seen_from
from sim.dataplane.kernel.layout import AT_STORE, FROM_STORE
from sim.dataplane.kernel.losses import sends
from sim.dataplane.kernel.network import round_trip
from sim.dataplane.kernel.postgres import WAITS
from sim.dataplane.kernel.timing import set_timer


@inner
def player(w: Any, i: int, asker: int) -> int:
    """The container that plays the store of step i."""
    step = w.step[i]
    if step.does == DO_PUSH:
        return w.queue[seen_from(w, step.target, asker)].redis
    return w.cache[step.target].server


@inner
def serve(w: Any, s: int, i: int, lost: bool) -> int:
    return push(w, s, i, lost) if w.step[i].does == DO_PUSH else look_up(w, s, i, lost)


@inner
def store_asked(w: Any, s: int, i: int) -> int:
    """The outcome of step i, or WAITS."""
    work, step, c = w.work[s], w.step[i], player(w, i, w.work[s].at)
    if c < 0 or reach(w, c, work.at) != 0:
        return serve(w, s, i, False)
    v, timeout_s = w.container[work.at].server, step.cache_timeout_s
    if step.does == DO_PUSH:
        timeout_s = w.version[w.container[work.at].profile].push_timeout_s
    u = w.container[c].server
    there_s = round_trip(w, v, u, work.visit) + sends(w, s, v, u, timeout_s)
    work.demand = timeout_s - there_s
    if there_s == 0.0:
        return store_reached(w, s, i, False)
    if there_s >= timeout_s:
        return serve(w, s, i, True)
    work.stage = AT_STORE
    work.timer_at = set_timer(w, PASSED, there_s, work.id, s)
    return WAITS


@inner
def store_reached(w: Any, s: int, i: int, travelled: bool) -> int:
    """`travelled`: it took time, in which much may have changed."""
    work, c, left_s = w.work[s], player(w, i, w.work[s].at), w.work[s].demand
    answers = not travelled or (c >= 0 and reach(w, c, work.at) == 0)
    code = serve(w, s, i, False)
    if code == WAITS or not answers:
        return code
    back_s = sends(w, s, w.container[c].server, w.container[work.at].server, left_s)
    if back_s == 0.0:
        return code
    if back_s >= left_s:
        code = unheard(w, s, i)
    work.code, work.stage = code, FROM_STORE
    work.timer_at = set_timer(w, PASSED, min(back_s, left_s), work.id, s)
    return WAITS


@inner
def unheard(w: Any, s: int, i: int) -> int:
    """What no answer is to who asked; a hit that it has not heard of is none."""
    w.work[s].step = i + 1
    if w.step[i].does == DO_PUSH:
        return HTTP_500
    w.cache[w.step[i].target].unanswered += 1
    return unanswered(w, i)
