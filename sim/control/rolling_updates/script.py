"""A deploy script beside Compose: the new version starts beside the old one, and the old one goes
when the new one is healthy.

As `docker rollout` does it, which many who stay with Compose put in their pipeline: twice as many
containers, a look a second at their HEALTHCHECKs, and those that are not healthy in time are taken
away again while the old ones serve on. Where the file has no HEALTHCHECK it waits a while and
believes. Twice the processes hold memory and database connections meanwhile, and whatever stands
before them is told the new addresses. Source: wowu/docker-rollout v0.12 @04a58ca4, read. Left out:
its hook before the stop, and who starts it (a pipeline, at no hands' time).

It keeps no replicas, and it goes back to no version: both are still typed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.choices import Choices
from sim.control.core.clock import Loop, Rank, Task
from sim.control.core.cluster import Cluster, Container
from sim.control.core.records import STATEFUL
from sim.control.rolling_updates import compose
from sim.control.service_discovery.addresses import lines
from sim.schema.scenario import Version

ROLLOUT = "wowu/docker-rollout v0.12 docker-rollout @04a58ca4"
TIMEOUT = Fact(
    "deploy_script.timeout", 60.0, "s", "new containers that are not healthy by then go", ROLLOUT
)
NO_CHECK = Fact(
    "deploy_script.no_check", 10.0, "s", "it waits so long where there is no HEALTHCHECK", ROLLOUT
)
LOOK = Fact(
    "deploy_script.look", 1.0, "s", "between two looks at the new ones", ROLLOUT,
    fixed="written in the script",
)  # fmt: skip


@dataclass(frozen=True)
class DeployScript:
    """`docker rollout SERVICE`; what holds data is still recreated."""

    capability: ClassVar[str] = "rolling_updates"
    fixed: ClassVar[tuple[Fact[float], ...]] = (LOOK,)

    timeout_s: float = constant(TIMEOUT)
    no_check_s: float = constant(NO_CHECK)

    def conflicts(self, platform: Choices) -> str:
        if platform.scheduling is not None:
            return "a deploy script starts containers itself: it needs scheduling left empty"
        if platform.load_balancing is None:
            return "two versions cannot publish one port: a deploy script needs a load balancer"
        return ""

    def run(self, cluster: Cluster) -> Loop:
        """One deploy after the other."""
        changes = cluster.watch("version")
        while True:
            service = (yield changes.get()).service
            version = cluster.versions[service]
            old = [c for c in cluster.of(service) if c.server.alive and not c.deleting]
            if not old:
                cluster.say("rollout", service, "the deploy script finds no container to replace")
            if all(c.version == version for c in old):
                continue  # taken back, or nothing is there
            if cluster.service(service).role in STATEFUL:
                yield from compose.recreate(cluster, service, version)
            else:
                yield from self.deploy(cluster, service, version, old)

    def deploy(
        self, cluster: Cluster, service: str, version: Version, old: list[Container]
    ) -> Loop:  # fmt: skip
        called = f"the deploy of {service} {version.name}"
        cluster.say("rollout", service, f"{called} begins: {len(old)} new beside the old")
        new = [_beside(cluster, c, version) for c in old]
        for c in new:
            cluster.try_start(c)
        healthy = yield from self.healthy(cluster, new)
        goes = old if healthy else new
        if healthy and service in cluster.fronts:
            front, places = cluster.front(service), {(c.server.id, c.port) for c in new}
            told = (a for a in lines(cluster, front) if (a.server, a.port) in places)
            cluster.point(tuple(told), front.balanced, service)
        if not healthy:
            cluster.say("rollout", service, f"{called} failed: not healthy, the new ones go")
            cluster.acted()
            cluster.set_version(service, old[0].version)
        for c in goes:
            cluster.retire(c)
        yield from compose.stop_all(cluster, goes)
        for c in goes:
            cluster.remove(c)
        if healthy:
            cluster.say("rollout", service, f"{called} is complete")

    def healthy(self, cluster: Cluster, new: list[Container]) -> Task[bool]:
        """Are they, before the time is up?"""
        clock, service = cluster.clock, new[0].service
        if cluster.service(service).healthcheck is None:
            yield clock.after(self.no_check_s, Rank.DEPLOYMENT)
            return True
        until = clock.now + self.timeout_s
        while clock.now < until and not all(c.health == "healthy" for c in new):
            yield clock.after(LOOK.value, Rank.DEPLOYMENT)
        return all(c.alive and c.health == "healthy" for c in new)


def _beside(cluster: Cluster, c: Container, version: Version) -> Container:
    """A container of the new version on the same server, at the first port that is free."""
    port = None
    if c.port is not None:
        first = cluster.service(c.service).port or compose.BEHIND_BALANCER
        port = compose.free_port(cluster, c.service, c.server, first)
    return cluster.create(c.service, c.server, version, port)


def is_scaled_by_hand(cluster: Cluster) -> bool:
    """Does nobody keep the wanted number of replicas?"""
    choice = cluster.choices.rolling_updates
    return choice is None or isinstance(choice, DeployScript)
