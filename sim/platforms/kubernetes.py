"""Kubernetes, a managed cluster of three servers with upstream's defaults.

Each choice is the upstream mechanism with its upstream constants (shared facts, kubernetes): what a
team gets that installs nothing else. What its manifests ask for (probes, requests, preStop, HPA
targets) is the stack's, under `on: kubernetes`. The control plane itself never fails here.
"""

from __future__ import annotations

from sim.control.autoscaling.hpa_loop import Autoscaling
from sim.control.health_checks.probes import HealthChecks
from sim.control.load_balancing.proxies import ServiceBalancing
from sim.control.resource_limits.pressure import KubeletLimits
from sim.control.rollback.undo import RolloutUndo
from sim.control.rolling_updates.deployment import RollingUpdate
from sim.control.scheduling.node_lifecycle import NodeLifecycle, NodeRepair
from sim.control.scheduling.scheduler import Scheduling
from sim.control.secrets.passwords import SecretEnv
from sim.control.self_healing.restarts import KubeletRestarts
from sim.control.service_discovery.endpoints import Endpoints
from sim.platforms.platform import Platform

PLATFORM = Platform(
    self_healing=KubeletRestarts(),  # the same replica on the same server, with back-off
    autoscaling=Autoscaling(),  # HPA v2 on CPU requests, and the cluster autoscaler
    load_balancing=ServiceBalancing(),  # random per connection, no retry
    service_discovery=Endpoints(),  # ready replicas, a second or two late
    rolling_updates=RollingUpdate(),  # 25 % surge, 25 % unavailable
    rollback=RolloutUndo(),  # one command, never automatic
    health_checks=HealthChecks(),  # the probes that the stack writes
    resource_limits=KubeletLimits(),  # CFS quota, OOM kill, shares by request, QoS classes
    secrets=SecretEnv(),  # environment variables; base64 in etcd, no encryption
    # by requests; 50 s + 5 s + 300 s when a server dies; its provider repairs it
    scheduling=Scheduling(lifecycle=NodeLifecycle(repair=NodeRepair())),
)
