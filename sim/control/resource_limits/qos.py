"""Whom a full server kills on Kubernetes: QoS classes, oom_score_adj, the kubelet's own order.

Pure rules. Docker leaves every oom_score_adj at 0; the kubelet derives it from requests and limits,
and the kernel chooses by it (core/oom.py). Sources: kubernetes/kubernetes pkg/kubelet/qos/policy.go
@00bdb3fa (read, an old one: -998 there), pkg/apis/core/v1/helper/qos/qos.go; kubernetes.io/docs
node-pressure-eviction @03c1bdca.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from sim.constants.facts import Fact
from sim.schema.stack import Service

DOCS = "kubernetes.io/docs node-pressure-eviction @03c1bdca"
COMPILED = "compiled into the kubelet (pkg/kubelet/qos/policy.go): no flag, no field of a manifest"
ADJ_GUARANTEED = Fact(
    "qos.adj_guaranteed", -997, "points", "oom_score_adj of Guaranteed", DOCS, COMPILED
)
ADJ_BEST_EFFORT = Fact(
    "qos.adj_best_effort", 1000, "points", "oom_score_adj of BestEffort", DOCS, COMPILED
)
ADJ_BURSTABLE_LEAST = Fact(
    "qos.adj_burstable_least", 2, "points", "least of Burstable", DOCS, COMPILED
)
ADJ_BURSTABLE_MOST = Fact(
    "qos.adj_burstable_most", 999, "points", "most of Burstable", DOCS, COMPILED
)
ADJUSTMENTS = (ADJ_GUARANTEED, ADJ_BEST_EFFORT, ADJ_BURSTABLE_LEAST, ADJ_BURSTABLE_MOST)

QosClass = Literal["Guaranteed", "Burstable", "BestEffort"]


def qos_class(service: Service) -> QosClass:
    """The class of a replica, from what its service requests and limits.

    Guaranteed: limits for CPU and memory, and requests equal to them (a missing request is the
    limit). BestEffort: nothing at all. Source: helper/qos/qos.go ComputePodQOS."""
    pairs = [(p.request, p.limit) for p in (service.cpu, service.memory)]
    if all(not request and not limit for request, limit in pairs):
        return "BestEffort"
    if all(limit and request in (None, limit) for request, limit in pairs):
        return "Guaranteed"
    return "Burstable"


def oom_score_adj(of: QosClass, requested: int, capacity: int) -> int:
    """What the kubelet writes for a container: `requested` bytes of the machine's `capacity`.

    Burstable: min(max(2, 1000 - 1000 requested / capacity), 999). Source: qos/policy.go."""
    if of == "Guaranteed":
        return ADJ_GUARANTEED.value
    if of == "BestEffort":
        return ADJ_BEST_EFFORT.value
    share = 1000 - 1000 * requested // capacity
    return min(max(ADJ_BURSTABLE_LEAST.value, share), ADJ_BURSTABLE_MOST.value)


class Consumer(NamedTuple):
    """A replica as the kubelet ranks it."""

    id: int
    priority: int
    used: int  # bytes
    requested: int  # bytes


def eviction_ranking(replicas: Sequence[Consumer]) -> list[int]:
    """Whom the kubelet evicts first when memory is short: those above their request, then the
    lower priority, then the one furthest above its request. The QoS class is no input.

    Source: pkg/kubelet/eviction/helpers.go rankMemoryPressure; node-pressure-eviction."""

    def rank(c: Consumer) -> tuple[bool, int, int, int]:
        return (c.used <= c.requested, c.priority, c.requested - c.used, c.id)

    return [c.id for c in sorted(replicas, key=rank)]
