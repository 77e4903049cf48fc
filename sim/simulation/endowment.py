"""What a platform has at second 0: the means that stand beside its ends."""

from __future__ import annotations

from sim.control.core.cluster import Cluster
from sim.control.self_healing.restarts import DockerRestarts
from sim.dataplane.arithmetic import added
from sim.results.run import Means
from sim.schema.stack import Service, Stack

FACING = ("http", "worker")  # roles that requests and jobs meet
BY_ITSELF = "always"  # what a platform does that asks no policy of the file


def means_of(cluster: Cluster) -> Means:
    """Of a cluster as it was booted."""
    choices, stack = cluster.choices, cluster.stack
    facing = facing_of(stack)
    scales = choices.autoscaling is not None
    machine, reserved = stack.servers.machine, stack.servers.reserved
    own = machine.cores - reserved.cores, machine.memory - reserved.memory
    machines = [machine if (s.cores, s.memory) == own else s for s in cluster.servers]
    return Means(
        replicas={name: service.replicas for name, service in facing.items()},
        most_replicas={
            name: service.scaling.max if scales and service.scaling else service.replicas
            for name, service in facing.items()
        },
        servers=len(cluster.servers),
        cores=added(rented.cores for rented in machines),
        memory=sum(round(rented.memory) for rented in machines),
        restart=restart_of(choices.self_healing, stack.services.get(cluster.entry)),
        limits={
            name: None if choices.resource_limits is None else service.memory.limit
            for name, service in facing.items()
        },
        people=stack.operator.people,
        watched=stack.operator.monitoring,
    )


def facing_of(stack: Stack) -> dict[str, Service]:
    """The services that requests and jobs meet, by name."""
    return {name: s for name, s in stack.services.items() if s.role in FACING}


def restart_of(self_healing: object | None, service: Service | None) -> str:
    """The restart policy that holds for a service."""
    if self_healing is None or service is None:
        return "no"
    return service.restart if isinstance(self_healing, DockerRestarts) else BY_ITSELF
