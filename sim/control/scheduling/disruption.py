"""Disruption budgets: may a healthy replica be taken away on purpose?

A PodDisruptionBudget guards the eviction API and nothing else: a drain asks it; a crash, a rollout,
taint-based eviction and the kubelet under memory pressure do not. The controller's lag is left out:
the API server itself lowers the budget at each eviction that it grants. Rules: shared facts,
kubernetes section 6; kubernetes/kubernetes pkg/controller/disruption/disruption.go and
pkg/registry/core/pod/storage/eviction.go @01aa0f3f (read).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.core.cluster import Cluster, Container
from sim.schema.scaling import Disruption

DRAIN_RETRY = Fact(
    "drain.retry", 5.0, "s", "`kubectl drain` asks again after a refusal (HTTP 429)",
    "kubernetes/kubectl pkg/drain/drain.go evictPods, \"will retry after 5s\"",
)  # fmt: skip
DRAIN_TIMEOUT = Fact(
    "drain.timeout", 900.0, "s", "a drain that is not done by then is given up",
    "Amazon EKS documentation, managed node group updates: 15 minutes, PodEvictionFailure; "
    "kubectl itself waits for ever",
)  # fmt: skip


# ---- rules ----
class Budget(NamedTuple):
    """The two numbers of a PodDisruptionBudget's status that decide."""

    healthy: int  # ready replicas that nobody deletes
    desired: int  # that must stay healthy

    @property
    def allowed(self) -> int:
        """disruptionsAllowed. Source: disruption.go updatePdbStatus."""
        return max(0, self.healthy - self.desired)


def scaled(amount: int | float, of: int) -> int:
    """A count as it is; a share (float) of the wanted replicas, rounded up.

    Source: disruption.go getExpectedPodCount, GetScaledValueFromIntOrPercent(roundUp)."""
    return amount if isinstance(amount, int) else math.ceil(amount * of - 1e-9)


def desired_healthy(spec: Disruption, wanted: int) -> int:
    """How many must stay healthy of `wanted` replicas (the controllers' scale, not the pods that
    exist). Source: disruption.go getExpectedPodCount."""
    if spec.max_unavailable is not None:
        return max(0, wanted - scaled(spec.max_unavailable, wanted))
    return scaled(spec.min_available or 0, wanted)


def may_evict(runs: bool, ready: bool, budget: Budget, always_allow_unhealthy: bool) -> bool:
    """What the eviction API answers: True 201, False 429.

    A replica that does not run yet is deleted at once. One that runs and is not ready costs no
    budget: it may go if the healthy ones suffice, or in any case with AlwaysAllow. A healthy one
    needs a disruption that is allowed. Source: eviction.go Create, canIgnorePDB, checkAndDecrement;
    kubernetes.io/docs tasks/run-application/configure-pdb, unhealthyPodEvictionPolicy."""
    if not runs:
        return True
    if not ready and (always_allow_unhealthy or budget.healthy >= budget.desired > 0):
        return True
    return budget.allowed > 0


# ---- what controllers ask ----
@dataclass(frozen=True)
class Evictions:
    """How a drain empties a server: through the eviction API, which keeps budgets."""

    retry_s: float = constant(DRAIN_RETRY, above_zero=True)
    timeout_s: float = constant(DRAIN_TIMEOUT)


def budget_of(cluster: Cluster, service: str) -> Budget | None:
    """The status of the service's budget now; None if it has none."""
    spec = cluster.service(service).disruption
    if spec is None:
        return None
    healthy = sum(c.ready and not c.deleting for c in cluster.of(service))
    return Budget(healthy, desired_healthy(spec, cluster.desired[service]))


def evictable(cluster: Cluster, c: Container) -> bool:
    """Would the eviction API delete this replica now?"""
    spec, budget = cluster.service(c.service).disruption, budget_of(cluster, c.service)
    if spec is None or budget is None:
        return True
    runs = c.state in ("running", "stopping") or c.run > 0
    return may_evict(runs, c.ready, budget, spec.unhealthy == "always_allow")
