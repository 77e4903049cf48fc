"""What stands between: its death, its hang. Part of balancers.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import AttemptPhase, Outcome
from sim.dataplane.reference.balancers import leaves
from sim.dataplane.reference.work import Attempt

if TYPE_CHECKING:
    from sim.dataplane.reference.containers import Hardware, Instance
    from sim.dataplane.reference.plane import ReferencePlane


def answers_lost(plane: ReferencePlane, server: Hardware) -> None:
    """It lost power: what it was to send again is gone."""
    for attempt in plane.under_way.values():
        target = attempt.target
        if attempt.phase == AttemptPhase.ANSWERING and target and target.server is server:
            attempt.dial_at = INFINITY


def proxy_died(plane: ReferencePlane, proxy: Instance, silently: bool) -> None:
    cut_off(plane, lambda attempt: attempt.via is proxy, silently)


def gate_died(plane: ReferencePlane, gate: Hardware, silently: bool) -> None:
    """Or its connections are ended."""
    cut_off(plane, lambda attempt: attempt.gate is gate and has_opened(attempt), silently)
    if not silently:
        for users in plane.clients.callers.values():
            for kept in (*users.kept, *users.idle):
                if kept.gate is gate:
                    kept.target = None


def has_opened(attempt: Attempt) -> bool:
    """Is the connection open over which users wait for this?"""
    balancer, target = attempt.balancer, attempt.target
    if balancer.routing.proxy or attempt.phase in (AttemptPhase.INSIDE, AttemptPhase.ANSWERING):
        return True
    return target is not None and balancer.connected(attempt, target)


def cut_off(plane: ReferencePlane, through: Callable[[Attempt], bool], silently: bool) -> None:
    """All that goes through it: reset at once; or, with its host, heard of no more."""
    inside = [
        work
        for c in plane.containers
        for work in (*c.inside.values(), *c.backlog)
        if isinstance(work, Attempt)
    ]
    queues = [a for b in plane.balancers for a in b.queue if a.phase == AttemptPhase.QUEUEING]
    for attempt in (*queues, *plane.under_way.values(), *inside):
        if attempt.reply is None or not through(attempt):
            continue
        if silently:
            attempt.cut = True
            if attempt.phase != AttemptPhase.INSIDE:
                attempt.dial_at = INFINITY
                attempt.balancer.move(attempt, AttemptPhase.NOWHERE)
        else:
            attempt.balancer.reply(attempt, Outcome.DROPPED_ON_KILL)
            attempt.abandoned = True  # its connection to the server is closed as well
            if attempt.phase == AttemptPhase.INSIDE:
                leaves(attempt)


def proxy_goes_on(plane: ReferencePlane, proxy: Instance) -> None:
    """A hung proxy goes on: it routes what it has accepted."""
    for attempt in list(plane.under_way.values()):
        if attempt.phase == AttemptPhase.HELD and attempt.via is proxy:
            attempt.balancer.move(attempt, AttemptPhase.NOWHERE)
            attempt.balancer.route(attempt)
