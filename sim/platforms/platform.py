"""A platform is ten choices. What is left empty falls on the operator.

A choice is a frozen record. One with `run(cluster)` is a controller; a plain one is data that
others read (routing, limits). Ablation is one line: `replace(kubernetes, autoscaling=None)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Choice = Any  # a frozen record of sim.control; None: nobody does it


@dataclass(frozen=True)
class Platform:
    """Exactly the article's ten capabilities, in its order."""

    self_healing: Choice  # what happens when a container exits
    autoscaling: Choice  # replicas and servers from load
    load_balancing: Choice  # which replica gets a request, what is retried
    service_discovery: Choice  # how a change of replicas reaches the balancer, and how late
    rolling_updates: Choice  # how version N becomes N+1
    rollback: Choice  # how N+1 becomes N again
    health_checks: Choice  # who gets no traffic, who gets killed
    resource_limits: Choice  # who starves or is OOM-killed
    secrets: Choice  # how a rotated password reaches the containers
    scheduling: Choice  # which server runs what, and what happens when one dies
