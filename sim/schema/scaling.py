"""How many replicas: what a service asks of a horizontal autoscaler, how few a drain may leave."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sim.constants import facts
from sim.constants.facts import default
from sim.schema.bounds import Bounds
from sim.schema.fields import (
    Amount,
    Count,
    Duration,
    Positive,
    Ratio,
    Record,
    Span,
    Utilisation,
    at_most,
)

# the API server's bounds (kubernetes pkg/apis/autoscaling/validation/validation.go)
Window = Annotated[Duration, at_most(Bounds(0.0, 3600.0, "1h"))]
Period = Annotated[Span, at_most(Bounds(0.0, 1800.0, "30m"))]


class Policy(Record):
    """One entry of `behavior.*.policies`: so many replicas, or percent, per period."""

    pods: Positive | None = None
    percent: Positive | None = None
    period: Period


class ScalingRules(Record):
    """Null: the API's policies, the platform's tolerance."""

    policies: list[Policy] | None = None
    select: Literal["max", "min", "disabled"] = "max"  # selectPolicy: the larger change
    tolerance: Ratio | None = None


class ScaleUp(ScalingRules):
    window: Window = default(facts.HPA_UP_WINDOW)  # stabilizationWindowSeconds


class ScaleDown(ScalingRules):
    window: Window | None = None  # null: the platform's


class Behavior(Record):
    """How fast an HPA may go. Source: kubernetes/api autoscaling/v2 types.go, and its defaults.go
    for what is not written."""

    up: ScaleUp = ScaleUp()
    down: ScaleDown = ScaleDown()


Target = Annotated[float, Field(gt=0, le=1e9)]  # of a metric: requests a second, or jobs


class ScalingMetric(Record):
    """One metric of an HPA. `resource`: CPU, at the target `cpu`; `pods`: requests a second that a
    replica answers; `object`, `external`: requests a second of the whole service, or jobs that
    wait. One of the two targets: `value` for all, `average_value` for one replica; `pods` knows the
    second alone. Source: kubernetes/api autoscaling/v2 types.go MetricSpec."""

    type: Literal["resource", "pods", "object", "external"]
    reads: Literal["requests", "jobs"] = "requests"
    value: Target | None = None
    average_value: Target | None = None


class Scaling(Record):
    """What the service asks of a horizontal autoscaler."""

    min: Count = 1  # 0: KEDA goes there and back, and the HPA by an object or external metric
    max: Positive = 10
    cpu: Utilisation = default(facts.CPU_TARGET)  # target utilisation of the CPU request
    queue: Positive | None = None  # jobs per replica (KEDA redis-lists)
    metrics: list[ScalingMetric] | None = None  # Kubernetes' HPA alone reads it; null: CPU
    behavior: Behavior | None = None  # Kubernetes' HPA alone reads it; null: its older limits


class Disruption(Record):
    """A PodDisruptionBudget: how many replicas a drain may take away. One of the two bounds."""

    min_available: Amount | None = None
    max_unavailable: Amount | None = None
    unhealthy: Literal["if_healthy_budget", "always_allow"] = "if_healthy_budget"
