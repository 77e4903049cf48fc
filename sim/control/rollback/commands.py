"""One command that takes the version before, typed by a person; nothing does it by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.control.core.cluster import Cluster


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
    name: ClassVar[str] = "rollout_undo"
    console: ClassVar[str] = "kubectl"


@dataclass(frozen=True)
class ServiceRollback(PreviousVersion):
    """`docker service rollback`: the previous spec, one step, typed by a person.

    Source: swarmkit controlapi/service.go PreviousSpec."""

    name: ClassVar[str] = "service_rollback"
    console: ClassVar[str] = "docker service"


@dataclass(frozen=True)
class JobRevert(PreviousVersion):
    """`nomad job revert`: an older version of the job, typed by a person."""

    name: ClassVar[str] = "job_revert"
    console: ClassVar[str] = "nomad"


@dataclass(frozen=True)
class PreviousTaskDefinition(PreviousVersion):
    """`aws ecs update-service --task-definition` with the revision before, typed by a person."""

    name: ClassVar[str] = "previous_task_definition"
    console: ClassVar[str] = "aws ecs"


@dataclass(frozen=True)
class TrafficSplit(PreviousVersion):
    """100 % of the traffic back to the old revision: one command, never by itself."""

    name: ClassVar[str] = "traffic_split"
    console: ClassVar[str] = "gcloud run"
