"""What the operator sees when she looks around: the platform's own words, `docker stats`, the
database's views, the list of deploys. Nothing that a person could not see.
"""

from __future__ import annotations

from typing import Any

from sim.constants.facts import HOT
from sim.control.core.choices import Ending, Maintaining, Tainting, able
from sim.control.core.cluster import Cluster, Container, Server
from sim.control.core.records import STATEFUL
from sim.control.people import runbooks
from sim.control.people.human import Human
from sim.control.people.monitoring import reach, running
from sim.control.people.repertoire import Symptoms
from sim.control.rolling_updates import compose
from sim.control.service_discovery.addresses import addresses_of
from sim.dataplane.arithmetic import added
from sim.schema.stack import ALONE


# ---- what is plain to see ----
def lost_server(cluster: Cluster) -> Server | None:
    """A server that is away while nobody else moves what ran there, or what its disk holds."""
    away = [s for s in cluster.servers if not s.answers and s.released_s is None]
    if "scheduling" in cluster.left_to_operator:
        return next((s for s in away if cluster.on(s)), None)
    return next((s for s in away if runbooks.stranded(cluster, s)), None)


def primary_lost(cluster: Cluster) -> str:
    """A database, queue or cache whose primary is gone while a replica serves, and nobody promotes
    that. One whose server and disk are there is sooner started again."""
    for name in (name for role in ALONE for name in cluster.stack.playing(role)):
        nobody = cluster.service(name).failover is None or name in cluster.unpromoted
        if not (nobody and cluster.stack.replicas(name) and cluster.standby(name)):
            continue
        primary = cluster.primary_of(name)
        volume, there = cluster.volumes.get(primary), cluster.of(primary)
        spoilt = volume is not None and (volume.lost or volume.full)
        away = spoilt or not any(c.server.answers for c in there)
        if away and not cluster.answering(primary):
            return name
    return ""


def provider_away(cluster: Cluster) -> str:
    """A managed database that is not there, as its provider's events tell."""
    return next((name for name, c in cluster.managed.items() if c.hung or not c.alive), "")


def dead_node(cluster: Cluster) -> Server | None:
    """A server that is away, and holds back what has a disk that could be attached elsewhere."""
    if not able(cluster.choices.scheduling, Tainting):
        return None
    for server in cluster.servers:
        held = any(cluster.service(c.service).role in STATEFUL for c in cluster.on(server))
        if held and not (server.alive or server.cordoned or server.released_s is not None):
            return server
    return None


def bad_version(human: Human) -> str:
    """A service whose deployed version fails: it exited, crash-loops, or answers with errors."""
    cluster = human.cluster
    for service, deployed in human.deployed.items():
        mine = [
            c for c in cluster.of(service) if c.version.image == deployed.version and not c.deleting
        ]
        gone = cluster.failed.get((service, deployed.version), 0)  # replaced before she looked
        often = human.spec.habits.replaced_often
        if any(failing(human, c) for c in mine) or gone >= often:
            return service
    return ""


def crashes(cluster: Cluster, service: str) -> bool:
    """Does the version that is wanted exit? Then `ps` says so."""
    version = cluster.versions[service].image
    mine = [c for c in cluster.of(service) if c.version.image == version and not c.deleting]
    exited = any((c.state == "exited" and c.exit_code != 0) or c.restarts > 0 for c in mine)
    return exited or cluster.failed.get((service, version), 0) > 0


def failing(human: Human, c: Container) -> bool:
    cluster, habits = human.cluster, human.spec.habits
    if (c.state == "exited" and c.exit_code != 0 and c.server.alive) or c.restarts > 0:
        return True
    gauge = cluster.gauge_of(c)
    if any(other.oom_killed for other in cluster.on(c.server)) and c.state == "running":
        base = cluster.service(c.service).memory.base
        if base and gauge.memory > habits.leaks * base:
            return True  # `docker stats`: it has grown, and the kernel has killed a neighbour
    enough = gauge.errors >= human.spec.alarm.failed
    return enough and gauge.errors >= habits.failing_share * gauge.served


def changed(human: Human) -> str:
    """The service that was deployed last, if that was lately and it still runs."""
    now, versions = human.cluster.clock.now, human.cluster.versions
    lately = [
        (deployed.at_s, service)
        for service, deployed in human.deployed.items()
        if now - deployed.at_s <= human.spec.habits.blames
        and versions[service].image == deployed.version
    ]
    return max(lately)[1] if lately else ""


def connections_short(human: Human) -> bool:
    """Processes die, or requests fail, for want of a database connection slot."""
    cluster = human.cluster
    if any(c.refused for c in cluster.containers if c.state == "exited" and not c.deleting):
        return True
    return human.refused_lately > 0


def hung(cluster: Cluster) -> list[Container]:
    """Up, silent, and no health check ends it."""
    checks = cluster.choices.health_checks
    return [
        c
        for c in cluster.containers
        if c.hung
        and c.state == "running"
        and c.alive
        and not c.deleting
        and not (able(checks, Ending) and checks.ends(cluster.service(c.service)))
    ]


def expired(human: Human) -> list[Container]:
    """Up, and refused by the database though it was given the right password."""
    rotation = human.rotation
    return [
        c
        for c in human.cluster.containers
        if c.locked_out
        and c.state == "running"
        and c.alive
        and not c.deleting
        and not human.cluster.frozen["dns"]  # no restart would find the name
        and (rotation is None or not rotation.refuses(c))
    ]


def backing_off(cluster: Cluster) -> list[Container]:
    """Exited, and their restart is far off (CrashLoopBackOff, a reschedule delay)."""
    least_s = cluster.stack.operator.alarm.window
    return [
        c
        for c in cluster.containers
        if c.state == "exited" and c.restarting and not c.deleting and c.server.alive
        if cluster.clock.now - c.finished_s > least_s
    ]


def wrong_address(cluster: Cluster) -> bool:
    """Requests are sent to a place where nobody of ours lives."""
    if "service_discovery" not in cluster.left_to_operator:
        return False
    return any(
        backend not in {c.id for c in cluster.of(front.service)}
        for front in cluster.fronts.values()
        for backend in front.backends
    )


def unlisted(cluster: Cluster) -> bool:
    """A replica runs whose address the balancer's file does not have."""
    fronts = [cluster.front(door) for door in cluster.doors]
    written = {(f.service, line.server, line.port) for f in fronts for line in f.addresses}
    return any(
        (front.service, place.server, place.port) not in written
        for front in fronts
        for place in addresses_of(cluster, front.service)
    )


# ---- what dashboards show ----
def busy(cluster: Cluster, service: str) -> bool:
    """Every place inside is taken, in at least half of the replicas that run; or half of those that
    are wanted are away again and again, since their checks find them too slow."""
    most = cluster.service(service).concurrency
    replicas = running(cluster, service)
    ready = [c for c in replicas if c.ready]
    taken = [c for c in replicas if cluster.gauge_of(c).inside >= most]
    flapping = 2 * len(ready) <= cluster.desired.get(service, 0)
    return flapping or (bool(taken) and 2 * len(taken) >= len(replicas))


def maintained(cluster: Cluster) -> list[Server]:
    """Servers that somebody here maintains; where each task has a machine, the others."""
    scheduling = cluster.choices.scheduling
    ours = scheduling.maintained(cluster) if able(scheduling, Maintaining) else cluster.servers
    return [s for s in ours if s.alive and s.released_s is None]


def unplaced(cluster: Cluster) -> bool:
    """Replicas wait, and not for a disk."""
    fixed = {v.service for v in cluster.volumes.values() if not v.moves}
    return any(p.unschedulable and p.service not in fixed for p in cluster.pending)


def look(human: Human) -> Symptoms:
    """All of it, now."""
    cluster, seen = human.cluster, human.window
    human.usage.look(cluster)
    users, late = seen.failing(), backlogged(human)
    return Symptoms(
        failing=users,
        backlog=bool(seen.waiting()) and not idle(cluster, late),
        primary_lost=primary_lost(cluster),
        server_away=lost_server(cluster) is not None,
        provider_away=provider_away(cluster),
        ailing=cluster.ailing,
        trouble=bool(cluster.troubles),
        node_away=dead_node(cluster) is not None,
        bad_version=bad_version(human),
        changed=changed(human),
        locked_out=human.rotation is not None and bool(human.rotation.missed()),
        connections_short=connections_short(human),
        pools_short=users and bool(cluster.entry) and pools_short(cluster),
        down=len(compose.down(cluster)),
        hung=len(hung(cluster)) + len(expired(human)),
        backing_off=len(backing_off(cluster)),
        wrong_address=wrong_address(cluster),
        oom=any(c.oom_killed for c in cluster.containers),
        under_way=human.under_way > 0,
        **load(human, users, late),
    )


def load(human: Human, users: bool, workers: list[str]) -> dict[str, Any]:
    """Who is busy, and what is full; of services for which somebody waits, these workers too."""
    cluster, usage, rented = human.cluster, human.usage, maintained(human.cluster)
    inmost = reversed(list(cluster.fronts)) if users else []  # who waits for another is busy, too
    served = [name for name in inmost if name and busy(cluster, name)]
    hot = [name for name in (*served, *workers) if usage.is_hot(cluster, name)]
    tasks = able(cluster.choices.scheduling, Maintaining)  # a machine each, for the asking
    databases = cluster.stack.playing("postgres")
    full = all(usage.is_full(cluster, s) for s in rented) or crowded(human, rented, [*served, *hot])
    return {
        "busy": next(iter([*served, *idle(cluster, workers)]), ""),
        "hot": next(iter(hot), ""),
        "database_hot": any(usage.is_hot(cluster, name) for name in databases),
        "full": bool(rented) and not tasks and full,
        "lone": len(rented) == 1,
        "unplaced": unplaced(cluster),
        "quota": cluster.quota_reached,
    }


def crowded(human: Human, servers: list[Server], services: list[str]) -> bool:
    """Has one of these as many replicas as the servers have cores, and work for most of them?"""
    cluster, cores = human.cluster, added(s.cores for s in servers)
    used = human.usage.of([c for s in servers for c in cluster.on(s)])
    enough = any(reach(cluster, name) >= HOT.value * cores for name in services)
    return enough and used >= 0.5 * cores


def backlogged(human: Human) -> list[str]:
    """Workers of the queues in which too many jobs have waited for some time."""
    stack = human.cluster.stack
    queues, late = stack.playing("redis"), human.window.waiting()
    return [worker for number in late for worker in stack.workers_of(queues[number])]


def idle(cluster: Cluster, workers: list[str]) -> list[str]:
    """Those of them that run, where nobody has a job of their queue in hand."""
    queues, queue_of = cluster.queues() if workers else {}, cluster.stack.queue_of
    return [w for w in workers if not queues[queue_of(w)].in_progress and running(cluster, w)]


def pools_short(cluster: Cluster) -> bool:
    """Somebody waits for a connection, while the database has slots."""
    gauge = cluster.gauge()
    return gauge.connection_waits > 0 and gauge.connections < gauge.connection_limit
