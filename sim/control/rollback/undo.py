"""Rollback: one command that takes the version before, typed by a person; or by itself, where a
rollout does not become available in time, or its replicas answer with errors.

A Deployment does the latter never. What does: `helm upgrade --rollback-on-failure` (once
`--atomic`) waits for the replicas and rolls back at its time-out; Nomad's auto_revert, Swarm's
failure_action and the deployment circuit breaker and alarms of Amazon ECS do the like (shared
facts, orchestrators sections 3 to 5). The deadline cannot see a version that becomes ready and
answers 500; an analysis of its answers can. What was never good is not a place to go back to: an
undo is not undone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.choices import Choices
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster
from sim.control.core.records import STATEFUL
from sim.control.rolling_updates.releases import Analysis, AnalysisRun
from sim.control.rolling_updates.updates import rolled_back
from sim.schema.scenario import Version


@dataclass(frozen=True)
class PreviousVersion:
    """What each of these commands asks for: the rollout itself is an ordinary one."""

    def undo(self, cluster: Cluster, service: str) -> None:
        """The previous version is wanted again; a second undo is a redo."""
        cluster.set_version(service, cluster.previous.get(service, cluster.versions[service]))


@dataclass(frozen=True)
class RolloutUndo(PreviousVersion):
    """`kubectl rollout undo`: the old template is written back; the rollout itself is an ordinary
    one, under the same limits, that begins with the broken replicas. A person types it.

    Source: deployment/util FindNewReplicaSet: the old ReplicaSet is found again by its template."""

    capability: ClassVar[str] = "rollback"
    console: ClassVar[str] = "kubectl"


@dataclass(frozen=True)
class ServiceRollback(PreviousVersion):
    """`docker service rollback`: the previous spec, one step, typed by a person.

    Source: swarmkit controlapi/service.go PreviousSpec."""

    console: ClassVar[str] = "docker service"


@dataclass(frozen=True)
class JobRevert(PreviousVersion):
    """`nomad job revert`: an older version of the job, typed by a person."""

    console: ClassVar[str] = "nomad"


@dataclass(frozen=True)
class PreviousTaskDefinition(PreviousVersion):
    """`aws ecs update-service --task-definition` with the revision before, typed by a person."""

    console: ClassVar[str] = "aws ecs"


@dataclass(frozen=True)
class TrafficSplit(PreviousVersion):
    """100 % of the traffic back to the old revision: one command, never by itself."""

    console: ClassVar[str] = "gcloud run"


ROLLBACK_TIMEOUT = Fact(
    "auto_rollback.timeout", 300.0, "s",
    "a rollout that is not complete by then is rolled back",
    "helm.sh/docs/helm/helm_upgrade --timeout 5m0s, --rollback-on-failure",
)  # fmt: skip
BAKE = Fact(
    "auto_rollback.bake", 300.0, "s",
    "a complete rollout is watched so long for errors before it counts as good",
    "chosen: Amazon ECS deployment alarms keep a bake time, which the user sets",
)  # fmt: skip
CHECK = Fact(
    "auto_rollback.check", 2.0, "s", "how often Helm looks whether the replicas are ready",
    "helm/helm (version 3) pkg/kube/wait.go waitForResources",
)  # fmt: skip


# ---- rules ----
def verdict(
    complete: bool, age_s: float, complete_for_s: float, timeout_s: float, bake_s: float
) -> str:
    """`late`: roll back; `good`: watched long enough; "": look again.

    Source: helm upgrade --wait --timeout; a bake time after it."""
    if not complete:
        return "late" if age_s >= timeout_s else ""
    return "good" if complete_for_s >= bake_s else ""


# ---- the choice ----
@dataclass(frozen=True)
class AutoRollback(PreviousVersion):
    """Rolls back by itself on a time-out and (`analysis`) on errors; a person can as well."""

    capability: ClassVar[str] = "rollback"

    timeout_s: float = constant(ROLLBACK_TIMEOUT)
    bake_s: float = constant(BAKE)
    check_s: float = constant(CHECK, above_zero=True)
    analysis: Analysis | None = None

    def conflicts(self, platform: Choices) -> str:
        if platform.rolling_updates is None:
            return "an automatic rollback undoes a rollout: it needs rolling updates"
        return ""

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("version")
        good = dict(cluster.versions)  # what each service can go back to
        number = dict.fromkeys(good, 0)  # of the rollout: tells a stale watch that it is over
        while True:
            service = (yield changes.get()).service
            number[service] += 1
            if (
                cluster.service(service).role in STATEFUL
                or cluster.versions[service] == good[service]
            ):
                continue
            watch = RolloutWatch(self, cluster, service, good, number)
            cluster.clock.loop(watch.run())
            if self.analysis is not None:
                cluster.clock.loop(watch.analyse(self.analysis))


class RolloutWatch:
    """One rollout, from its begin until it is good, undone or overtaken."""

    def __init__(
        self,
        choice: AutoRollback,
        cluster: Cluster,
        service: str,
        good: dict[str, Version],
        number: dict[str, int],
    ) -> None:
        self.choice, self.cluster, self.service = choice, cluster, service
        self.good, self.number, self.mine = good, number, number[service]
        self.version, self.began_s = cluster.versions[service], cluster.clock.now
        self.complete_s: float | None = None

    @property
    def over(self) -> bool:
        return self.number[self.service] != self.mine

    def key(self) -> int:
        return list(self.cluster.versions).index(self.service)

    def complete(self) -> bool:
        """All wanted replicas run the new version and are ready."""
        live = [c for c in self.cluster.of(self.service) if not c.deleting]
        new = sum(c.version == self.version and c.ready for c in live)
        return new == len(live) == self.cluster.desired[self.service]

    def run(self) -> Loop:
        clock, choice = self.cluster.clock, self.choice
        while not self.over:
            yield clock.after(choice.check_s, Rank.ROLLBACK, self.key())
            if self.over:
                return
            if self.complete() and self.complete_s is None:
                self.complete_s = clock.now
            done = self.complete_s is not None
            baked = clock.now - self.complete_s if self.complete_s is not None else 0.0
            outcome = verdict(
                done, clock.now - self.began_s, baked, choice.timeout_s, choice.bake_s
            )
            if outcome == "good":
                self.good[self.service] = self.version
                self.number[self.service] += 1
            elif outcome == "late":
                self.roll_back(f"is not complete after {choice.timeout_s:.0f} s")

    def analyse(self, analysis: Analysis) -> Loop:
        run = AnalysisRun(analysis, self.cluster, self.service, self.version)
        while True:
            yield self.cluster.clock.after(analysis.interval_s, Rank.ROLLBACK, self.key(), 1)
            if self.over:
                return
            if run.measure() != "running":
                self.roll_back(run.found)

    def roll_back(self, why: str) -> None:
        """Write the last good version back; the rollout itself is an ordinary one."""
        old, cluster = self.good[self.service], self.cluster
        text = f"{self.service} {self.version.name}: {why}; rolled back to {old.name} by itself"
        rolled_back(cluster, self.service, old, text)
