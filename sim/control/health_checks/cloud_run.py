"""Cloud Run's start-up probe (shared facts, orchestrators section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.control.core.clock import Loop
from sim.control.core.cluster import Cluster
from sim.schema.stack import Service


@dataclass(frozen=True)
class StartupProbe:
    """An instance gets traffic when its port answers; there is no liveness probe by default."""

    name: ClassVar[str] = "startup_probe"

    def ends(self, service: Service) -> bool:
        """Does it end a process that hangs?"""
        return False

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("listening", "started")
        while True:
            change = yield changes.get()
            c = change.container
            if c.alive and (change.kind == "listening" or c.service not in cluster.fronts):
                cluster.set_ready(c, True)
