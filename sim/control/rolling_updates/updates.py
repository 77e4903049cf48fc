"""Updates of a service as Swarm, Nomad, Amazon ECS and Cloud Run do them, and what it means to each
that a task of the new version fails.

Swarm and Nomad go in batches: so many tasks go, so many come, then the next. ECS goes by
percentages, as a Deployment does; its circuit breaker is off unless asked for. Cloud Run puts a new
revision beside the old one. Rules: shared facts, orchestrators sections 3 to 6 (moby/swarmkit
@3e72cb64, hashicorp/nomad @aa026cc9 read).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container
from sim.control.health_checks.checks import SERVICE as ECS_SERVICE
from sim.control.health_checks.checks import STOP_TIMEOUT
from sim.control.health_checks.docker import SERVICE, STOP_GRACE
from sim.control.rolling_updates.deployment import resize
from sim.control.scheduling.microvms import STOP
from sim.control.scheduling.replicas import Phase, ReplicaSet
from sim.control.scheduling.tasks import KILL_TIMEOUT
from sim.control.self_healing.tasks import STRUCTS
from sim.schema.scenario import Version

UPDATER = "moby/swarmkit manager/orchestrator/update/updater.go @3e72cb64"
PARALLELISM = Fact("swarm.update_parallelism", 1, "tasks", "replaced at a time; 0: all", SERVICE)
DELAY = Fact("swarm.update_delay", 0.0, "s", "between two batches", SERVICE)
MONITOR = Fact(
    "swarm.update_monitor", 5.0, "s", "a failure so soon after the start counts", SERVICE
)
RATIO = Fact("swarm.max_failure_ratio", 0.0, "", "a larger share of failures ends it", UPDATER)
PARALLEL = Fact("nomad.max_parallel", 1, "allocations", "updated at a time", STRUCTS)
MIN_HEALTHY = Fact("nomad.min_healthy_time", 10.0, "s", "healthy so long: the next one", STRUCTS)
PROGRESS = Fact("nomad.progress_deadline", 600.0, "s", "nothing newly healthy: failed", STRUCTS)
BREAKER = "Amazon ECS API reference, DeploymentCircuitBreaker"
MIN_PERCENT = Fact("ecs.min_healthy_percent", 100, "%", "of the tasks, rounded up", ECS_SERVICE)
MAX_PERCENT = Fact("ecs.max_percent", 200, "%", "of the tasks, rounded down", ECS_SERVICE)
BREAKER_SHARE = Fact("ecs.breaker_share", 0.5, "", "of the tasks may fail, rounded up", BREAKER)
BREAKER_LEAST = Fact("ecs.breaker_least", 3, "failures", "... at least", BREAKER)
BREAKER_MOST = Fact("ecs.breaker_most", 200, "failures", "... at most", BREAKER)
Order = Literal["stop-first", "start-first"]
OnFailure = Literal["pause", "continue", "rollback"]


# ---- rules ----
def batch(total: int, parallelism: int) -> int:
    """Tasks replaced at a time; 0 means all. Source: swarmkit updater.go Run."""
    return total if parallelism == 0 else min(parallelism, total)


def update_step(
    replicas: int, before: int, parallelism: int, order: Order, new: ReplicaSet,
    old: Sequence[ReplicaSet],
) -> tuple[int, list[int]]:  # fmt: skip
    """The sizes after one step of an update: (new, old ones). A changed number (`before`) goes to
    the newest version that has tasks.

    stop-first: a batch of old tasks goes, then as many new ones come, and only when those run goes
    the next batch. start-first: the other way round. Source: swarmkit updater.go updateTask,
    useExistingTask; the gate is that the new task is RUNNING (healthy, with a HEALTHCHECK)."""
    sizes = [s.spec for s in old]
    outdated, total = sum(sizes), new.spec + sum(sizes)
    if replicas != before and not outdated:
        return replicas, sizes
    if new.available < new.spec:
        return new.spec, sizes  # the update waits for its tasks
    step = batch(outdated, parallelism)
    room = replicas - total if order == "stop-first" or not outdated else replicas + step - total
    if room > 0:
        return new.spec + room, sizes
    goes = step if order == "stop-first" or total > replicas else 0
    for i, size in enumerate(sizes):
        gone = min(goes, size)
        sizes[i] -= gone
        goes -= gone
    return min(new.spec, replicas), sizes


def too_many_failures(failures: int, tasks: int, ratio: float) -> bool:
    """Does an update stop? Source: swarmkit updater.go: failures / tasks > max_failure_ratio."""
    return tasks > 0 and failures / tasks > ratio


def fenceposts(desired: int, least: int, most: int) -> tuple[int, int]:
    """(surge, unavailable): the least percentage rounds up, the most rounds down.

    Source: ECS developer guide, minimumHealthyPercent and maximumPercent."""
    return math.floor(desired * most / 100) - desired, desired - math.ceil(desired * least / 100)


def breaker_threshold(desired: int, share: float, least: int, most: int) -> int:
    """Failed tasks that trip the circuit breaker. Source: API_ServiceDeploymentCircuitBreaker."""
    return min(max(math.ceil(share * desired), least), most)


# ---- what they share ----
def rolled_back(cluster: Cluster, service: str, version: Version, text: str) -> None:
    """This version is wanted again, and no person has asked for it."""
    cluster.say("rollback", service, text)
    cluster.acted()
    cluster.set_version(service, version)


class Watched(ABC):
    """An update whose new tasks are watched, until all are there or too many have failed."""

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("version", "exit", "ready", "removed")
        failed: dict[str, int] = {}  # tasks of the new version, of each update under way
        while True:
            change = yield changes.get()
            c = change.container
            service = c.service if c else change.service
            if change.kind == "version":
                failed[service] = 0
                cluster.say("rollout", service, f"{self.called(cluster, service)} begins")
            elif service in failed and change.kind == "exit":
                new = c.version == cluster.versions[service] and not c.deleting
                if new and self.counts(cluster, c):
                    failed[service] += 1
                    if self.ends(cluster, service, failed[service]):
                        failed.pop(service)
            elif service in failed:
                tasks = [task for task in cluster.of(service) if self.waits_for(task)]
                version = cluster.versions[service]
                ready = sum(task.ready and task.version == version for task in tasks)
                if ready == len(tasks) == cluster.desired[service]:
                    failed.pop(service)
                    cluster.say("rollout", service, f"{self.called(cluster, service)} is complete")

    @abstractmethod
    def called(self, cluster: Cluster, service: str) -> str:
        """The update in words."""

    @abstractmethod
    def counts(self, cluster: Cluster, c: Container) -> bool:
        """Is the end of this new task a failure?"""

    @abstractmethod
    def ends(self, cluster: Cluster, service: str, failures: int) -> bool:
        """So many new tasks have failed: does that end the update? What follows is done."""

    @abstractmethod
    def waits_for(self, c: Container) -> bool:
        """Is it not complete while this task is there, unless it is new and ready?"""


# ---- the choices ----
@dataclass(frozen=True)
class SwarmUpdate(Watched):
    """One task at a time, stop-first; the first failure pauses the update."""

    parallelism: int = constant(PARALLELISM)
    delay_s: float = constant(DELAY)
    order: Order = "stop-first"
    monitor_s: float = constant(MONITOR)
    max_failure_ratio: float = constant(RATIO)
    failure_action: OnFailure = "pause"
    grace_s: float = constant(STOP_GRACE)

    @property
    def min_ready_s(self) -> float:
        """An update goes on when its task has run for `monitor`, and `delay` later."""
        return self.delay_s

    @property
    def stop_first(self) -> bool:
        return self.order == "stop-first"

    def resize(
        self, wanted: int, before: int, new: ReplicaSet, old: Sequence[ReplicaSet], phase: Phase
    ) -> tuple[int, list[int]]:
        return update_step(wanted, before, self.parallelism, self.order, new, old)

    def called(self, cluster: Cluster, service: str) -> str:
        return f"update of {service} to {cluster.versions[service].name}"

    def counts(self, cluster: Cluster, c: Container) -> bool:
        return not c.was_ready or cluster.clock.now - c.started_s <= self.monitor_s

    def ends(self, cluster: Cluster, service: str, failures: int) -> bool:
        """Pause, go on, or take the version before."""
        if not too_many_failures(failures, cluster.desired[service], self.max_failure_ratio):
            return False
        update = self.called(cluster, service)
        if self.failure_action == "pause":
            cluster.pause(service)
            cluster.say("rollout", service, f"{update} paused: a task failed")
        elif self.failure_action == "rollback":
            old = cluster.previous[service]
            rolled_back(cluster, service, old, f"{update} failed: rolled back")
        return self.failure_action != "continue"

    def waits_for(self, c: Container) -> bool:
        return not c.deleting


@dataclass(frozen=True)
class EcsDeployment(Watched):
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

    def called(self, cluster: Cluster, service: str) -> str:
        return f"deployment of {service} {cluster.versions[service].name}"

    def counts(self, cluster: Cluster, c: Container) -> bool:
        return True

    def ends(self, cluster: Cluster, service: str, failures: int) -> bool:
        """Does the circuit breaker trip?"""
        most = breaker_threshold(
            cluster.desired[service], self.breaker_share, self.breaker_least, self.breaker_most
        )
        if not self.breaker or failures < most:
            return False
        text = f"deployment of {service} failed: {most} tasks, the circuit breaker trips"
        cluster.say("rollout", service, text)
        cluster.pause(service)
        if self.rollback:
            old = cluster.previous[service]
            rolled_back(cluster, service, old, f"ECS rolls {service} back")
        return True

    def waits_for(self, c: Container) -> bool:
        return True  # those that drain too: it waits for their end


@dataclass(frozen=True)
class Update:
    """Nomad, one allocation at a time: stop the old, start the new, wait until it was healthy for
    10 s. Ten minutes without a newly healthy one fail the deployment; only auto_revert takes it
    back."""

    stop_first: ClassVar[bool] = True  # a destructive update frees its slot first (canary 0)

    max_parallel: int = constant(PARALLEL)
    min_ready_s: float = constant(MIN_HEALTHY)
    progress_deadline_s: float = constant(PROGRESS)
    auto_revert: bool = False
    grace_s: float = constant(KILL_TIMEOUT)

    def resize(
        self, wanted: int, before: int, new: ReplicaSet, old: Sequence[ReplicaSet], phase: Phase
    ) -> tuple[int, list[int]]:
        return update_step(wanted, before, self.max_parallel, "stop-first", new, old)

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("version")
        number = 0
        while True:
            service = (yield changes.get()).service
            number += 1
            cluster.clock.loop(self.deployment(cluster, service, number))

    def deployment(self, cluster: Cluster, service: str, number: int) -> Loop:
        """Watch one deployment: complete, failed at its deadline, or overtaken by another."""
        version, clock = cluster.versions[service], cluster.clock
        called = f"deployment of {service} {version.name}"
        cluster.say("rollout", service, f"{called} begins")
        healthy, progress_s = 0, clock.now
        while True:
            yield clock.after(1.0, Rank.DEPLOYMENT, number)
            if cluster.versions[service] != version:
                return
            live = [c for c in cluster.of(service) if not c.deleting]
            new = [c for c in live if c.version == version and self.healthy(c, clock.now)]
            if len(new) > healthy:
                healthy, progress_s = len(new), clock.now
            if len(new) == len(live) == cluster.desired[service]:
                cluster.say("rollout", service, f"{called} is complete")
                return
            if clock.now - progress_s >= self.progress_deadline_s:
                break
        cluster.say("rollout", service, f"{called} failed: no progress in time")
        cluster.pause(service)
        if self.auto_revert:
            rolled_back(cluster, service, cluster.previous[service], f"Nomad reverts {service}")

    def healthy(self, c: Container, now_s: float) -> bool:
        return c.ready_since_s is not None and now_s - c.ready_since_s >= self.min_ready_s


@dataclass(frozen=True)
class Revisions:
    """Cloud Run: a new revision starts beside the old one, and gets the traffic when it is ready;
    one that does not start gets none. Each may use the maximum of instances: twice the
    connections."""

    grace_s: float = constant(STOP)
    min_ready_s: float = 0.0
    stop_first: bool = False

    def resize(
        self, wanted: int, before: int, new: ReplicaSet, old: Sequence[ReplicaSet], phase: Phase
    ) -> tuple[int, list[int]]:
        """All of the new one; the old ones go when it is there."""
        ready = new.spec >= wanted and new.available >= wanted
        return wanted, [0 if ready else s.spec for s in old]

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("version", "exit", "removed", "ready")
        moving: set[str] = set()
        while True:
            change = yield changes.get()
            service = change.container.service if change.container else change.service
            if change.kind == "version":
                version = cluster.versions[service]
                serving = [c for c in cluster.of(service) if c.ready and not c.deleting]
                if serving and all(c.version == version for c in serving):
                    continue  # it has the traffic already
                moving.add(service)
                name = version.name
                cluster.say("rollout", service, f"revision {name} of {service} starts")
            elif service in moving:
                self.look(cluster, service, moving)

    def look(self, cluster: Cluster, service: str, moving: set[str]) -> None:
        version = cluster.versions[service]
        live = [c for c in cluster.of(service) if not c.deleting]
        new = [c for c in live if c.version == version]
        if any(c.state == "exited" and not c.was_ready and c.exit_code for c in new):
            moving.discard(service)
            stays = "traffic" if service in cluster.fronts else "the one before"
            text = f"revision {version.name} of {service} did not start: {stays} stays"
            cluster.say("rollout", service, text)
            cluster.acted()
            cluster.set_version(service, cluster.previous[service])
        elif len([c for c in new if c.ready]) == len(live) == cluster.desired[service]:
            moving.discard(service)
            has = "has all the traffic" if service in cluster.fronts else "does all the work"
            text = f"revision {version.name} of {service} {has}"
            cluster.say("rollout", service, text)
