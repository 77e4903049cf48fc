"""Amazon ECS on Fargate behind an Application Load Balancer, with AWS' defaults.

Each task has a machine of its own. The database and the queue run on one rented server beside it
(a managed database would be another machine with another name; its failover is not modelled).
Source of the rules: shared facts, orchestrators section 5; AWS' open text is of June 2023, current
pages where they differ. Uncertain: how soon AWS notices a lost machine (not published; chosen), the
alarms' 3 and 15 datapoints (users' reports), start times (one benchmark of AWS, one of users),
prices (from memory). Left out: availability zones, Fargate Spot, capacity providers, the throttling
of tasks that never reach RUNNING.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from sim.constants.facts import Fact, constant
from sim.control.autoscaling.target_tracking import TargetTracking
from sim.control.core.clock import Loop
from sim.control.core.cluster import Cluster
from sim.control.health_checks.target_group import STOP_TIMEOUT, TargetHealth
from sim.control.resource_limits.profiles import Limits
from sim.control.rolling_updates.rollouts import resize
from sim.control.scheduling.kubelet import Kubelet
from sim.control.scheduling.microvms import GIB, MicroVMs, Price
from sim.control.scheduling.placement import Resources
from sim.control.secrets.managed_secrets import SecretsManager
from sim.control.self_healing.replicas import Phase, ReplicaSet
from sim.control.self_healing.tasks import TaskReplacement
from sim.control.service_discovery.endpoints import Endpoints, ServiceBalancing
from sim.dataplane.codes import Algorithm
from sim.platforms.platform import Platform
from sim.schema.layers import AtLeast

SERVICE = "awsdocs/amazon-ecs-developer-guide service_definition_parameters.md @49232cf2"
BREAKER = "Amazon ECS API reference, DeploymentCircuitBreaker"
PRICES = "aws.amazon.com/fargate/pricing, Linux/x86 in us-east-1 (memory, unverified)"
PROVISION = Fact(
    "fargate.provisioning", 23.0, "s", "mean from the launch to a running task, small image",
    "derived: AWS' benchmark of June 2026, trigger at 363 s, task ready at 386 s",
)  # fmt: skip
PROVISION_CV = Fact("fargate.provisioning_cv", 0.3, "", "deviation / mean of that time", "chosen")
PULL_RATE = Fact(
    "fargate.pull_rate", 12.0 * 1024**2, "bytes/s", "the whole image at each start: no cache",
    "derived: 413 MB start in 53-62 s (elasticscale 2024), less the provisioning",
)  # fmt: skip
LAUNCH_BURST = Fact("fargate.launch_burst", 100.0, "tasks", "at once", "Fargate throttling quotas")
LAUNCH_RATE = Fact("fargate.launch_rate", 20.0, "tasks/s", "sustained", "Fargate throttling quotas")
MIN_PERCENT = Fact("ecs.min_healthy_percent", 100, "%", "of the tasks, rounded up", SERVICE)
MAX_PERCENT = Fact("ecs.max_percent", 200, "%", "of the tasks, rounded down", SERVICE)
BREAKER_SHARE = Fact("ecs.breaker_share", 0.5, "", "of the tasks may fail, rounded up", BREAKER)
BREAKER_LEAST = Fact("ecs.breaker_least", 3, "failures", "... at least", BREAKER)
BREAKER_MOST = Fact("ecs.breaker_most", 200, "failures", "... at most", BREAKER)
PROPAGATION = Fact(
    "alb.propagation", 2.0, "s", "longest way of a target's state to all balancer nodes (uniform)",
    "chosen: AWS gives no number",
)  # fmt: skip
DEREGISTRATION = Fact(
    "alb.deregistration", 5.0, "s",
    "from the draining target to SIGTERM: the delay of 300 s ends early when nothing is in flight",
    "ALB user guide, deregistration delay; 5 s is the longest request here",
)  # fmt: skip
CORE_PRICE = Fact("fargate.core_price", 0.04048, "USD/h", "a virtual core", PRICES)
GIB_PRICE = Fact("fargate.gib_price", 0.004445, "USD/h", "a GiB of memory", PRICES)
SIZES = tuple(  # cores and GiB on offer. Source: ECS developer guide, Fargate task sizes
    Resources(cores, gib * GIB // 2)
    for cores, least, most in (
        (0.25, 1, 4), (0.5, 2, 8), (1.0, 4, 16), (2.0, 8, 32), (4.0, 16, 60),
    )
    for gib in range(least, most + 1)
)  # fmt: skip


# ---- deployments ----
def fenceposts(desired: int, least: int, most: int) -> tuple[int, int]:
    """(surge, unavailable): the least percentage rounds up, the most rounds down.

    Source: ECS developer guide, minimumHealthyPercent and maximumPercent."""
    return math.floor(desired * most / 100) - desired, desired - math.ceil(desired * least / 100)


def breaker_threshold(desired: int, share: float, least: int, most: int) -> int:
    """Failed tasks that trip the circuit breaker. Source: API_ServiceDeploymentCircuitBreaker."""
    return min(max(math.ceil(share * desired), least), most)


@dataclass(frozen=True)
class EcsDeployment:
    """New tasks first, as far as 200 % allow. The circuit breaker is off unless asked for: then a
    bad deployment is tried for ever, while the old tasks serve on."""

    min_percent: int = constant(MIN_PERCENT)
    max_percent: int = constant(MAX_PERCENT)
    breaker: bool = False
    rollback: bool = False  # the breaker also goes back to the last completed deployment
    breaker_share: float = constant(BREAKER_SHARE)
    breaker_least: int = constant(BREAKER_LEAST)
    breaker_most: int = constant(BREAKER_MOST)
    grace_s: float = constant(STOP_TIMEOUT)
    min_ready_s: float = 0.0
    stop_first: bool = False

    def fenceposts(self, desired: int) -> tuple[int, int]:
        return fenceposts(desired, self.min_percent, self.max_percent)

    def resize(
        self, wanted: int, before: int, new: ReplicaSet, old: Sequence[ReplicaSet], phase: Phase
    ) -> tuple[int, list[int]]:
        """The sizes after one step: as a Deployment's, with ECS' percentages."""
        surge, _ = self.fenceposts(before)
        return resize(wanted, before, self.fenceposts(wanted), surge, new, old)

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("version", "exit", "ready", "removed")
        failed: dict[str, int] = {}  # of the deployments under way
        while True:
            change = yield changes.get()
            service = change.container.service if change.container else change.service
            name = cluster.versions[service].name if service else ""
            if change.kind == "version":
                failed[service] = 0
                cluster.say("rollout", service, f"deployment of {service} {name} begins")
            elif service in failed and change.kind == "exit":
                c = change.container
                if c.version == cluster.versions[service] and not c.deleting:
                    failed[service] += 1
                    self.failure(cluster, service, failed)
            elif service in failed:
                live = [c for c in cluster.of(service) if not c.deleting]
                new = [c for c in live if c.ready and c.version == cluster.versions[service]]
                if len(new) == len(live) == cluster.desired[service]:
                    failed.pop(service)
                    cluster.say("rollout", service, f"deployment of {service} {name} is complete")

    def failure(self, cluster: Cluster, service: str, failed: dict[str, int]) -> None:
        """Another task of the new version failed."""
        most = breaker_threshold(
            cluster.desired[service], self.breaker_share, self.breaker_least, self.breaker_most
        )
        if not self.breaker or failed[service] < most:
            return
        failed.pop(service)
        text = f"deployment of {service} failed: {most} tasks, the circuit breaker trips"
        cluster.say("rollout", service, text)
        cluster.pause(service)
        if self.rollback:
            cluster.say("rollback", service, f"ECS rolls {service} back")
            cluster.acted()
            cluster.set_version(service, cluster.previous[service])


@dataclass(frozen=True)
class PreviousTaskDefinition:
    """`aws ecs update-service --task-definition` with the revision before, typed by a person."""

    def undo(self, cluster: Cluster, service: str) -> None:
        cluster.set_version(service, cluster.previous.get(service, cluster.versions[service]))


# ---- machines and targets ----
@dataclass(frozen=True)
class FargateAgent(Kubelet):
    """How a task starts: a machine, the whole image, the process."""

    pull_rate: float = constant(PULL_RATE, above_zero=True)
    start_mean_s: float = constant(PROVISION)
    start_cv: float = constant(PROVISION_CV)
    volume_detach_s: float = 0.0
    grace_s: float = constant(STOP_TIMEOUT)
    pre_stop_extension_s: float = 0.0  # a kubelet's


@dataclass(frozen=True)
class FargatePrice(Price):
    """What AWS asks."""

    core: float = constant(CORE_PRICE)
    gib: float = constant(GIB_PRICE)


@dataclass(frozen=True)
class Fargate(MicroVMs):
    """A task is a machine, within the account's launch rate."""

    sizes: tuple[Resources, ...] = SIZES
    price: Price = field(default_factory=FargatePrice)
    launch_rate: float = constant(LAUNCH_RATE)
    launch_burst: float = constant(LAUNCH_BURST)
    kubelet: Kubelet = field(default_factory=FargateAgent)


@dataclass(frozen=True)
class Targets(Endpoints):
    """The balancer's target group; when all targets are sick, all get traffic."""

    watch_delay_s: float = constant(PROPAGATION)
    min_sync_s: float = 0.0
    fail_open: bool = True


# what a team writes into its task definitions and services
STACK = {
    "services.http.replicas": AtLeast(3),
    "services.worker.replicas": AtLeast(2),
    "services.http.cpu.request": "1",
    "services.worker.cpu.request": "1",
    "services.http.memory.request": "2Gi",
    "services.worker.memory.request": "2Gi",
    "services.http.scaling": {"min": 3, "max": 20, "cpu": "70%"},
    "services.worker.scaling": {"min": 2, "max": 20, "cpu": "70%"},
    "services.http.stop.pre_stop": DEREGISTRATION,
    "services.http.stop.grace": f"{DEREGISTRATION.value + STOP_TIMEOUT.value}s",
}

PLATFORM = Platform(
    self_healing=TaskReplacement(delay_s=0.0, who="ECS"),  # a new task, a new machine
    autoscaling=TargetTracking(),  # minutes late
    load_balancing=ServiceBalancing(algorithm=Algorithm.ROUND_ROBIN),  # the ALB's default
    service_discovery=Targets(),  # all sick: all get traffic
    rolling_updates=EcsDeployment(),  # 100 / 200 %
    rollback=PreviousTaskDefinition(),  # by hand; the breaker's is opt-in
    health_checks=TargetHealth(),
    resource_limits=Limits(weights="requests"),  # a task's size is its machine
    secrets=SecretsManager(),  # read when a task starts
    scheduling=Fargate(),
)
