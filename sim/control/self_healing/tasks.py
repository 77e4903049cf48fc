"""Tasks that are replaced: a container that ended is not started again, another one takes its
place, perhaps on another server (Swarm, Amazon ECS, Cloud Run). The keeper starts it. What runs on
a rented server beside such a platform is no task: Docker restarts it there, by its policy.

Sources: shared facts, orchestrators sections 3, 5 and 6 (moby/swarmkit @3e72cb64 read).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import constant
from sim.control.core.choices import DOCKER_STOP
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container
from sim.control.scheduling.kubelet import rented
from sim.control.scheduling.swarm import RESTART_DELAY
from sim.control.self_healing.restarts import DockerRestarts, Restarts


@dataclass(frozen=True)
class TaskReplacement:
    """A task that ended, whatever its exit code, is replaced after a fixed delay, for ever."""

    name: ClassVar[str] = "task_replacement"

    delay_s: float
    who: str = "Swarm"
    stopped_with: str = DOCKER_STOP

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("exit", "server_up")
        docker, memory = DockerRestarts(), dict[int, Restarts]()
        while True:
            change = yield changes.get()
            for c in [change.container] if change.container else cluster.on(change.server):
                if c.state != "exited":
                    continue
                if not rented(cluster, c):
                    self.exited(cluster, c)
                elif change.kind == "exit":
                    docker.exited(cluster, c, memory)
                else:
                    docker.begins(cluster, c, "at boot")

    def exited(self, cluster: Cluster, c: Container) -> None:
        if not c.deleting and c.server.alive:
            cluster.set_restarting(c, True)
            cluster.clock.loop(self.replace(cluster, c))

    def replace(self, cluster: Cluster, c: Container) -> Loop:
        run = c.run
        yield cluster.clock.after(self.delay_s, Rank.RUNTIME, c.id)
        yield from cluster.thawed("controllers")
        cluster.set_restarting(c, False)
        if c.run == run and c.state == "exited" and not c.deleting and c.server.alive:
            after = f"after {self.delay_s:g} s" if self.delay_s else "at once"
            cluster.say("restart", c.name, f"{c.name} is replaced by {self.who} {after}")
            cluster.acted()
            cluster.retire(c)  # the keeper asks for another one


@dataclass(frozen=True)
class SwarmReplacement(TaskReplacement):
    """A new task after `restart_policy.delay`, for ever."""

    name: ClassVar[str] = "swarm_replacement"

    delay_s: float = constant(RESTART_DELAY)
