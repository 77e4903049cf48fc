"""What somebody does by command, with no alarm behind it: start, restart, in the platform's words.

Sources: docs.docker.com, docker compose restart and up; kubernetes.io/docs, kubectl rollout
restart (it changes an annotation of the template, and the Deployment rolls out as ever).
"""

from __future__ import annotations

from sim.control.core.clock import Loop
from sim.control.core.cluster import Cluster, Container
from sim.control.people import runbooks
from sim.control.people.human import Human
from sim.control.rolling_updates import compose
from sim.schema.scenario import RestartByHand


def start(human: Human) -> Loop:
    """`docker compose up -d`. Where somebody keeps replicas, nothing is left to start."""
    cluster = human.cluster
    yield from human.login()
    if compose.down(cluster):
        yield from runbooks.start_all(human)
    else:
        human.say("finds nothing to start: all that is wanted runs, or is being started", "start")


def restart(human: Human, ask: RestartByHand, service: str) -> Loop:
    """The platform's way where it has one; else `docker compose restart`, or one by one."""
    cluster = human.cluster
    cluster.say("restart", service, f"{service} is to be restarted")
    yield from human.login()
    if "rolling_updates" not in cluster.left_to_operator:
        yield from human.command(f"a rolling restart of {service}")
        version = cluster.versions[service]
        cluster.set_version(
            service, version.model_copy(update={"restarted": version.restarted + 1})
        )
        return
    containers = [c for c in cluster.of(service) if c.alive and not c.deleting]
    command = f"docker compose restart {service}"
    if ask.replica is not None:
        containers = containers[ask.replica : ask.replica + 1]
        command = " ".join(["docker restart", *(c.name for c in containers)])
    if not ask.one_by_one:
        yield from human.command(f"`{command}`")
        yield from compose.stop_all(cluster, containers)
        yield from runbooks.by_hand_unless_restarted(human, containers)
        return
    for c in containers:
        yield from human.command(f"`docker restart {c.name}`, out of the balancer")
        yield from renewed(human, c)
        yield from human.wait(ask.pause)


def renewed(human: Human, c: Container) -> Loop:
    """One replica: out of the balancer, signal, drain, start; back once it serves."""
    cluster = human.cluster
    listening = cluster.watch("listening", "exit")
    leave_out(cluster, c.id)
    yield from compose.stop_all(cluster, [c])
    yield from runbooks.by_hand_unless_restarted(human, [c])
    run = c.run
    while c.run == run and c.state == "starting":
        yield listening.get()
    leave_out(cluster, None)


def leave_out(cluster: Cluster, ident: int | None) -> None:
    """The balancer sends nothing to this container; None: to all again."""
    cluster.admit(lambda listed: tuple(i for i in listed if i != ident) or listed)
    cluster.send()
