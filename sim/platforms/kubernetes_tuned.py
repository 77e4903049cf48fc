"""Kubernetes as a careful team runs it: the same cluster, and manifests that ask for more.

The control plane is that of `kubernetes`. What differs is what somebody wrote down: a preStop sleep
and a grace period that holds it, one replica a server where that is possible, 30 s of toleration
instead of 300 s for a lost server, workers that scale on the queue's length, jobs that are
acknowledged, an append-only file for the queue, PgBouncer before the database, a budget for planned
disruptions, and new versions that a canary tries first.
"""

from dataclasses import replace

from sim.control.autoscaling.hpa_loop import Autoscaling
from sim.control.autoscaling.keda import Keda
from sim.control.rolling_updates.canary import Canary
from sim.control.scheduling.node_lifecycle import NodeLifecycle, NodeRepair
from sim.control.scheduling.scheduler import Scheduling
from sim.platforms.kubernetes import PLATFORM as KUBERNETES
from sim.schema.layers import AtLeast, IfMissing

EXTENDS = "kubernetes"

STACK = {
    "services.http.stop.pre_stop": "10s",  # chosen: longer than a change of endpoints travels
    "services.http.stop.grace": "40s",
    "services.http.replicas": AtLeast(3),
    "services.http.disruption": IfMissing({"max_unavailable": 1}),  # a PodDisruptionBudget
    "services.worker.disruption": IfMissing({"max_unavailable": 1}),
    "services.worker.scaling.queue": 20,  # KEDA's redis-lists: chosen
    "services.worker.job.delivery": "reliable",  # taken, and removed only when done
    "services.worker.job.attempts": AtLeast(3),
    "services.redis.persistence": "aof_everysec",
    "services.postgres.pooler": {"size": 40, "max_clients": 1000},  # PgBouncer; chosen below 97
}

PLATFORM = replace(
    KUBERNETES,
    autoscaling=Autoscaling(keda=Keda()),
    rolling_updates=Canary(),  # Argo Rollouts: 20, 40, 60, 80 %, with an analysis that ends it
    scheduling=Scheduling(
        max_skew=1,  # topologySpreadConstraints: as even as can be
        lifecycle=NodeLifecycle(toleration_s=30.0, repair=NodeRepair()),  # tolerationSeconds: 30
    ),
)
