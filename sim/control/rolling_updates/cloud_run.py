"""Cloud Run's revisions: a new one beside the old one, which gets the traffic when it is ready.

Rules: shared facts, orchestrators section 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import constant
from sim.control.core.clock import Loop
from sim.control.core.cluster import Cluster
from sim.control.scheduling.cloud_run import STOP
from sim.control.scheduling.replicas import Phase, ReplicaSet


@dataclass(frozen=True)
class Revisions:
    """A new revision starts beside the old one, and gets the traffic when it is ready; one that
    does not start gets none. Each may use the maximum of instances: twice the connections."""

    name: ClassVar[str] = "revisions"

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
