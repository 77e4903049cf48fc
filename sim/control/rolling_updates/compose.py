"""What one `docker compose` command does: up, up --scale, and a deploy that recreates.

One-shot: a plan is carried out and nobody looks again. In a recreate all replicas stop together,
then the new ones start one by one; no two versions ever serve at once. Source: docker/compose
f7297942 pkg/compose reconcile.go, executor.go, convergence.go (shared facts, orchestrators 2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

import simpy

from sim.constants.facts import STOP_GRACE, Fact
from sim.control.core.clock import Loop, Rank, Task
from sim.control.core.cluster import Cluster, Container, Server, State
from sim.schema.scenario import Version

DEPENDENCY_POLL = Fact(
    "compose.dependency_poll", 0.5, "s", "`up` looks so often whether a dependency is healthy",
    "docker/compose pkg/compose/convergence.go waitDependencies @f7297942",
    fixed="compiled into docker compose",
)  # fmt: skip
BEHIND_BALANCER = 49_152  # numbers for replicas that a balancer knows by name, not by a host port


def start_order(depends_on: Mapping[str, Sequence[str]]) -> list[str]:
    """Services so that each comes after those it depends on; else in the file's order.

    Source: compose-go dependency graph; shared facts, orchestrators 2 (depends_on)."""
    order: list[str] = []

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in order or name in above or name not in depends_on:
            return
        for needed in depends_on[name]:
            visit(needed, (*above, name))
        order.append(name)

    for name in depends_on:
        visit(name, ())
    return order


def order_of(cluster: Cluster) -> list[str]:
    """The stack's services in the order in which they start."""
    order = start_order({n: s.depends_on for n, s in cluster.stack.services.items()})
    return [name for name in order if name not in cluster.managed]


def grace_s(cluster: Cluster, service: str) -> float:
    """stop_grace_period, or Docker's 10 s."""
    grace = cluster.service(service).stop.grace
    return STOP_GRACE.value if grace is None else grace


def down(cluster: Cluster) -> list[Container]:
    """What is down, stays down and could start, in the order in which `up -d` starts it."""
    states: tuple[State, ...] = ("exited", "created") if cluster.host_ports else ("exited",)
    idle = [
        c
        for c in cluster.containers
        if c.state in states
        and not c.deleting
        and not c.restarting
        and c.server.alive
        and (c.port is None or cluster.holder(c.server, c.port) is None)
    ]
    order = order_of(cluster) if idle else []
    return sorted(idle, key=lambda c: order.index(c.service))


def health(cluster: Cluster, service: str) -> str:
    """What `condition: service_healthy` sees of a service: healthy, starting, or unhealthy.

    Source: docker/compose convergence.go isServiceHealthy: one that is not all well is an error. A
    label that nobody writes is not waited for (Compose refuses such a file)."""
    containers = [c for c in cluster.of(service) if not c.deleting]
    if any(not c.alive or c.health == "unhealthy" for c in containers):
        return "unhealthy"
    return "starting" if any(c.health == "starting" for c in containers) else "healthy"


def up(cluster: Cluster) -> Task[list[Container]]:
    """`docker compose up -d`: start everything that is down, each service after those it depends
    on; what runs is left alone. Returns what it started.

    It waits for `condition: service_healthy`, with a look each half second, and fails when such a
    dependency is unhealthy. The Engine, which starts containers at boot, knows no condition.
    Source: docker/compose convergence.go waitDependencies (shared facts, orchestrators 2)."""
    started: list[Container] = []
    waiting = order_of(cluster) if down(cluster) else []
    looks = 0
    while waiting:
        for name in list(waiting):
            spec = cluster.service(name)
            if any(needed in waiting for needed in spec.depends_on):
                continue
            states = {needed: health(cluster, needed) for needed in spec.waits_for if looks}
            ill = next((needed for needed, state in states.items() if state == "unhealthy"), None)
            if ill is not None:
                text = f"`up` fails: {ill}, on which {name} depends, is unhealthy"
                cluster.say("up_failed", name, text)
                return started
            if all(states.get(needed) == "healthy" for needed in spec.waits_for):
                waiting.remove(name)
                started += [c for c in down(cluster) if c.service == name and cluster.try_start(c)]
        if waiting:
            yield cluster.clock.after(DEPENDENCY_POLL.value, Rank.RUNTIME)
            looks += 1
    return started


def recreate(cluster: Cluster, service: str, version: Version) -> Loop:
    """`docker compose up -d SERVICE` with a new image: stop and remove all, then start the new."""
    cluster.set_version(service, version)
    old = [c for c in cluster.of(service) if c.server.alive and not c.deleting]
    for c in (yield from replaced(cluster, old, version)):
        if not c.deleting:  # nobody has deployed over it meanwhile
            cluster.try_start(c)


def replaced(
    cluster: Cluster, old: Sequence[Container], version: Version | None = None
) -> Task[list[Container]]:
    """Stop and remove these; in their places stand new ones (of their version), not started."""
    new = [cluster.create(c.service, c.server, version or c.version, c.port) for c in old]
    for c in old:
        cluster.retire(c)
    yield from stop_all(cluster, old)
    for c in old:
        cluster.remove(c)
    return new


def again(cluster: Cluster, old: Sequence[Container]) -> Loop:
    """`docker compose up -d` after an edit: these are replaced by new ones of the same version."""
    new = yield from replaced(cluster, old)
    rank = order_of(cluster).index
    for c in sorted(new, key=lambda c: rank(c.service)):
        if not c.deleting and cluster.try_start(c):
            cluster.say("start", c.name, f"{c.name} started: recreated, its environment is new")


def stop_all(cluster: Cluster, containers: Sequence[Container], by_hand: bool = True) -> Loop:
    """`docker stop` of each at once; returns when the last has exited."""
    yield cluster.clock.env.all_of(
        [cluster.stop(c, grace_s(cluster, c.service), by_hand=by_hand) for c in containers]
    )


def stop_in_order(cluster: Cluster, containers: Sequence[Container]) -> Loop:
    """`docker compose stop` or `down`: a service is told to stop once all that depend on it have
    stopped; returns when the last has exited.

    Source: docker/compose pkg/compose/dependencies.go InReverseDependencyOrder @f7297942."""
    services = cluster.stack.services
    stopped: dict[str, simpy.Process] = {}

    def stop(name: str, dependents: Sequence[simpy.Process]) -> Loop:
        yield cluster.clock.env.all_of(dependents)
        yield from stop_all(cluster, [c for c in containers if c.service == name])

    for name in reversed(order_of(cluster)):
        dependents = [stopped[n] for n in stopped if name in services[n].depends_on]
        stopped[name] = cluster.clock.loop(stop(name, dependents))
    yield cluster.clock.env.all_of(list(stopped.values()))


def place(cluster: Cluster, service: str) -> tuple[Server | None, int | None]:
    """Where one more replica goes, and the port it gets there: the server with the fewest.

    One server has one Compose file with one port in it, unless it has a balancer: then the file
    gives a range (`"3000-3009:3000"`), or the balancer knows each replica by its own name. Several
    servers were set up by hand, each with a file of its own, and whoever did that gave a second
    replica the next port."""
    balanced = cluster.choices.load_balancing is not None or cluster.front().balanced
    replicas = {s.id: 0 for s in cluster.servers if s.alive}
    if not cluster.host_ports or (len(replicas) == 1 and not balanced):
        return cluster.choose_server(service), None
    for c in cluster.of(service):
        if c.server.id in replicas and not c.deleting:
            replicas[c.server.id] += 1
    least = min(replicas.values(), default=0)
    fewest = [s for s in cluster.servers if replicas.get(s.id) == least]
    server = next(iter(cluster.apart(service, fewest)), None)
    port = cluster.service(service).port
    if port is None and balanced and service in cluster.doors:
        port = BEHIND_BALANCER
    if server is None or port is None:
        return server, None
    return server, free_port(cluster, service, server, port + replicas[server.id])


def free_port(cluster: Cluster, service: str, server: Server, first: int) -> int:
    """The first from there on that no other service publishes and nobody has got on this server."""
    taken = {s.port for name, s in cluster.stack.services.items() if name != service}
    taken |= {c.port for c in cluster.on(server) if not c.deleting}
    return next(port for port in count(first) if port not in taken)


def scale(cluster: Cluster, service: str, replicas: int) -> Loop:
    """`docker compose up -d --scale SERVICE=N`: all new replicas on the one server, or fewer."""
    have = [c for c in cluster.of(service) if not c.deleting]
    for _ in range(replicas - len(have)):
        server, port = place(cluster, service)
        if server is None or not cluster.try_start(cluster.create(service, server, port=port)):
            return  # the command fails at the first error
    extra = have[replicas:]
    yield from stop_all(cluster, extra)
    for c in extra:
        cluster.remove(c)
