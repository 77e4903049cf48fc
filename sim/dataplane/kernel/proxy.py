"""What stands between: other rules, its death, its hang. Part of reference/balancers.py."""

from __future__ import annotations

from typing import Any

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.kernel.balancers import freed, leaves, move, reply, route
from sim.dataplane.kernel.codes import ANSWERING, DROPPED_ON_KILL, HELD, INSIDE, NOWHERE, QUEUEING
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.connections import connected
from sim.dataplane.kernel.layout import (
    BALANCER_QUEUE,
    FIRST_LIST,
    IN_BACKLOG,
    IN_SLOTS,
    LINE,
    LISTS,
    REQUEST,
    UNDER_WAY,
)
from sim.dataplane.kernel.lines import cut_off_in_line
from sim.dataplane.kernel.timing import unlink


@inner
def rerouted(w: Any, b: int) -> None:
    """`set_routing` of the reference, after its fields were written."""
    for c in range(w.containers):
        if w.container[c].balancer == b:
            w.container[c].failures = 0
    if w.balancer[b].maxconn > 0:
        published(w, b)
        return
    node = w.head[BALANCER_QUEUE + b]
    w.head[BALANCER_QUEUE + b] = w.tail[BALANCER_QUEUE + b] = -1
    while node >= 0:
        after = w.next[node]
        w.work[node >> 1].phase = NOWHERE
        route(w, node >> 1)
        node = after


@inner
def published(w: Any, b: int) -> None:
    for i in range(w.balancer[b].backends):
        c = w.backend[b, i]
        if w.container[c].balancer == b:
            freed(w, c)


@inner
def proxy_died(w: Any, proxy: int, silently: bool) -> None:
    all_cut_off(w, proxy, -1, silently)


@inner
def gate_died(w: Any, v: int, silently: bool) -> None:
    """`gate_died` of the reference; where none was ever, there is nothing to look for."""
    if w.gated == 0:
        return
    all_cut_off(w, -1, v, silently)
    for i in range(0 if silently else w.kept_top):
        if w.kept[i].gate == v:
            w.kept[i].target = -1


@inner
def all_cut_off(w: Any, proxy: int, gate: int, silently: bool) -> None:
    for b in range(w.balancers):
        cut_off(w, BALANCER_QUEUE + b, proxy, gate, silently)
    cut_off(w, UNDER_WAY, proxy, gate, silently)
    for c in range(w.containers):
        cut_off(w, FIRST_LIST + LISTS * c + IN_SLOTS, proxy, gate, silently)
        cut_off(w, FIRST_LIST + LISTS * c + IN_BACKLOG, proxy, gate, silently)


@inner
def goes_through(w: Any, s: int, proxy: int, gate: int) -> bool:
    """By this proxy, or over a connection that is open by this gate; -1: neither."""
    work = w.work[s]
    if work.kind != REQUEST or work.replied != 0:
        return False
    if proxy >= 0:
        return work.via == proxy
    if work.gate != gate:
        return False
    if w.balancer[work.balancer].proxy != 0 or work.phase in (INSIDE, ANSWERING):
        return True
    return work.target >= 0 and connected(w, s, work.target)


@inner
def cut_off(w: Any, list_: int, proxy: int, gate: int, silently: bool) -> None:
    node = w.head[list_]
    while node >= 0:
        after = w.next[node]
        s = node >> 1
        work = w.work[s]
        if work.kind == LINE:
            cut_off_in_line(w, s, proxy, gate, silently)
        elif goes_through(w, s, proxy, gate):
            if not silently:
                inside = work.phase == INSIDE
                reply(w, s, DROPPED_ON_KILL)
                if inside:
                    work.abandoned = 1
                    leaves(w, s)
            else:
                work.cut = 1
                if work.phase != INSIDE:
                    if work.phase == QUEUEING:
                        unlink(w, list_, node)
                    work.dial_at = INFINITY
                    move(w, s, NOWHERE)
        node = after


@inner
def server_lost(w: Any, v: int) -> None:
    """It has no power: what it was to send again is gone, and it is no gate any more."""
    node = w.head[UNDER_WAY]
    while node >= 0:
        work = w.work[node >> 1]
        if work.phase == ANSWERING and w.container[work.target].server == v:
            work.dial_at = INFINITY
        node = w.next[node]
    gate_died(w, v, True)


@inner
def proxy_goes_on(w: Any, proxy: int) -> None:
    node = w.head[UNDER_WAY]
    while node >= 0:
        after = w.next[node]
        s = node >> 1
        if w.work[s].phase == HELD and w.work[s].via == proxy:
            move(w, s, NOWHERE)
            route(w, s)
        node = after
