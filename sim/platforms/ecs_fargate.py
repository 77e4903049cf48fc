"""Amazon ECS on Fargate behind an Application Load Balancer, with AWS' defaults.

Each task has a machine of its own. The database and the queue run on one rented server beside it
(unless the database is `managed`, which a provider runs on none of ours).
Source of the rules: shared facts, orchestrators section 5; AWS' open text is of June 2023, current
pages where they differ. Uncertain: how soon AWS notices a lost machine (not published; chosen), the
alarms' 3 and 15 datapoints (users' reports), start times (one benchmark of AWS, one of users),
prices (from memory). Left out: availability zones, Fargate Spot, capacity providers, the throttling
of tasks that never reach RUNNING.
"""

from __future__ import annotations

from sim.control.autoscaling.target_tracking import TargetTracking
from sim.control.health_checks.checks import TargetHealth
from sim.control.load_balancing.proxies import TargetBalancing
from sim.control.resource_limits.profiles import Limits
from sim.control.rollback.undo import PreviousTaskDefinition
from sim.control.rolling_updates.updates import EcsDeployment
from sim.control.scheduling.microvms import Fargate
from sim.control.secrets.managed_secrets import SecretsManager
from sim.control.self_healing.tasks import TaskReplacement
from sim.control.service_discovery.endpoints import Targets
from sim.platforms.platform import Platform
from sim.schema.layers import AtLeast

STACK = {
    "services.postgres.restart": "always",  # on a server of their own, by Docker
    "services.redis.restart": "always",
    "services.http.replicas": AtLeast(3),
    "services.worker.replicas": AtLeast(2),
    "services.http.cpu.request": "1",
    "services.worker.cpu.request": "1",  # the smallest memory beside one core is 2 GiB
    "services.http.scaling": {"min": 3, "max": 20, "cpu": "70%"},
    "services.worker.scaling": {"min": 2, "max": 20, "cpu": "70%"},
}

PLATFORM = Platform(
    self_healing=TaskReplacement(  # a new task, a new machine
        delay_s=0.0, who="ECS", stopped_with="aws ecs stop-task"
    ),
    autoscaling=TargetTracking(),  # minutes late
    # the ALB's default
    load_balancing=TargetBalancing(),
    service_discovery=Targets(),  # all sick: all get traffic; who leaves drains for 300 s
    rolling_updates=EcsDeployment(),  # 100 / 200 %
    rollback=PreviousTaskDefinition(),  # by hand; the breaker's is opt-in
    health_checks=TargetHealth(),
    resource_limits=Limits(weights="requests"),  # a task's size is its machine
    secrets=SecretsManager(),  # read when a task starts
    scheduling=Fargate(),
)
