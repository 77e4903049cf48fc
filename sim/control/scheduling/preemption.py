"""Preemption: who gives way to a replica of higher priority that fits nowhere.

Pure rules; scheduler.py asks them. Sources: kubernetes/kubernetes pkg/scheduler @008b3652
framework/plugins/defaultpreemption/default_preemption.go and util/utils.go, @00e6d951
framework/preemption/preemption.go (read); kubernetes.io/docs pod-priority-preemption @09959b44.
Left out: the sample of a tenth of the servers, at least a hundred (all are looked at here),
extenders, groups of pods, preemption across servers (upstream has none either).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sim.control.scheduling.placement import Load, Resources, fits

LEAST_PRIORITY = -(2**31)  # of a pod, so that each victim adds to a sum


class Guest(NamedTuple):
    """A placed replica of lower priority, which may have to give way."""

    id: int
    priority: int
    since_s: float  # when it came to its server
    requested: Resources
    service: str = ""  # whose disruption budget guards it


class Sacrifice(NamedTuple):
    """What room on one server would cost."""

    server: int
    victims: tuple[Guest, ...]  # the most important first; never empty
    violations: int  # victims whose disruption budget does not allow it


def may_preempt(policy: str, nominated: bool, still_able: bool, leaving: bool) -> bool:
    """May a replica that fits nowhere end others for its sake now?

    `policy`: its PriorityClass's preemptionPolicy. `nominated`: it has made room somewhere before;
    `still_able`: that server passes the filters that no eviction can help; `leaving`: somebody
    there is still ending for it. Source: default_preemption.go PodEligibleToPreemptOthers."""
    if policy == "never":
        return False
    return not (nominated and still_able and leaving)


def importance(guest: Guest) -> tuple[int, float, int]:
    """Sorts the most important first: the higher priority, then who runs for longer (upstream has
    no third rule; here the lower id). Source: util/utils.go MoreImportantPod."""
    return (-guest.priority, guest.since_s, guest.id)


def over_budget(guests: Sequence[Guest], allowed: Mapping[str, int]) -> list[bool]:
    """For each of these, in this order: would ending it as well break its budget?

    `allowed`: disruptions allowed now, by service; none where it has no budget. One that is ending
    already counts as well. Source: default_preemption.go filterPodsWithPDBViolation."""
    budgets, broken = dict(allowed), []
    for guest in guests:
        if guest.service in budgets:
            budgets[guest.service] -= 1
        broken.append(budgets.get(guest.service, 0) < 0)
    return broken


def sacrifice(
    load: Load, wanted: Resources, guests: Sequence[Guest], allowed: Mapping[str, int]
) -> Sacrifice | None:
    """Who must go from one server so that `wanted` fits: all guests of lower priority leave, then
    as many as fit come back, first those whose budget would break, the important ones first.

    `load`: the server with the guests. None: it helps nothing, or nobody need go.
    Source: default_preemption.go SelectVictimsOnNode."""
    room = load
    for guest in guests:
        room = room.with_more(guest.requested, -1)
    if not guests or not fits(room, wanted):
        return None
    ordered = sorted(guests, key=importance)
    ranked = list(zip(over_budget(ordered, allowed), ordered, strict=True))
    victims, violations = [], 0
    for breaks, guest in sorted(ranked, key=lambda pair: not pair[0]):  # stable
        back = room.with_more(guest.requested)
        if fits(back, wanted):
            room = back
        else:
            victims.append(guest)
            violations += breaks
    chosen = tuple(sorted(victims, key=importance))
    return Sacrifice(load.id, chosen, violations) if chosen else None


def cheapest(options: Sequence[Sacrifice]) -> Sacrifice | None:
    """The server whose victims matter least: fewest broken budgets, then the lowest of the highest
    priorities, the lowest sum of priorities (each counted from the least possible one, so that
    fewer victims of negative priority win), fewest victims, and the latest start of the earliest
    started among those of the highest priority (of one instant: the later id; upstream: any).

    Source: preemption.go pickOneNodeForPreemption; util/utils.go GetEarliestPodStartTime."""

    def cost(option: Sacrifice) -> tuple[int, int, int, int, float, int]:
        oldest = option.victims[0]  # of those of the highest priority
        total = sum(v.priority - LEAST_PRIORITY for v in option.victims)
        started = (-oldest.since_s, -oldest.id)
        return (option.violations, oldest.priority, total, len(option.victims), *started)

    return min(options, key=cost, default=None)
