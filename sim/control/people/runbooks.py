"""The operator's runbooks: what she does by hand, step by step, with the stack's times.

Each is a loop to `yield from`. What a step changes, it changes when its time is over. Sources of
the times: `operator:` of the stack; of the steps: the article (shared facts, ARTICLE.md).
"""

from __future__ import annotations

from sim.constants.facts import Fact
from sim.control.core.choices import DOCKER_STOP, Commanded
from sim.control.core.clock import Loop, Rank, Task
from sim.control.core.cluster import Address, Cluster, Container, Server, Trouble
from sim.control.load_balancing.haproxy import HAProxy
from sim.control.people.commands import command_of
from sim.control.people.human import Human
from sim.control.people.monitoring import running
from sim.control.rolling_updates import compose
from sim.control.self_healing import failover
from sim.control.service_discovery.addresses import addresses_of, write_down
from sim.dataplane.codes import Algorithm
from sim.dataplane.profile import Routing
from sim.schema.fields import LawSpec
from sim.schema.scenario import RaiseConnections, RentServers

PROMOTE = Fact(
    "operator.promote", 600.0, "s", "mean time to promote a replica and to point all clients at it",
    "chosen: 5 to 30 min", fixed="of an event; the stack's operator has her other times",
)  # fmt: skip
PER_CONNECTION = Fact(
    "operator.memory_per_connection", 9_531_392, "bytes",
    "of its server's memory she reckons for each connection that she lets a database have",
    "docs.aws.amazon.com prescriptive-guidance tuning-postgresql-parameters, max_connections: the "
    "default of RDS is LEAST(DBInstanceClassMemory/9531392, 5000)",
    fixed="an event may set any limit: raise_connections with max_connections",
)  # fmt: skip
MOST_CONNECTIONS = Fact(
    "operator.most_connections", 5000, "connections", "... and at most so many",
    PER_CONNECTION.source, fixed=PER_CONNECTION.fixed,
)  # fmt: skip
WRONG_PORT = 10_000  # how far off a mistyped port is: nothing listens there


# ---- small things ----
def start_all(human: Human) -> Loop:
    """`docker compose up -d`: one command, everything that is down."""
    yield from human.command("`docker compose up -d`")
    started = yield from compose.up(human.cluster)
    for c in started:
        human.cluster.say("start", c.name, f"{c.name} started by the operator")


def restart(human: Human, c: Container) -> Loop:
    """One container that is up and answers nobody gets a new process: `docker restart`, or the
    platform's own words, which end this replica and bring another at once."""
    healing, cluster = human.cluster.choices.self_healing, human.cluster
    if not isinstance(healing, Commanded):
        yield from human.command(f"`docker restart {c.name}`")
        yield from compose.stop_all(cluster, [c])
        yield from by_hand_unless_restarted(human, [c])
        return
    if not healing.stopped_with:  # no command for one: a new revision replaces it
        yield from human.command(f"`{command_of(cluster, 'restart_all', c.service)}`")
    else:
        yield from human.command(f"`{healing.stopped_with} {c.name}`")
    if healing.stopped_with == DOCKER_STOP:
        yield from compose.stop_all(cluster, [c])  # the task has ended, and gets a successor
    elif not c.deleting:
        cluster.retire(c)


def repair(human: Human, trouble: Trouble) -> Loop:
    """End what an event has left behind, unless it has ended by itself meanwhile."""
    human.say(f"finds: {trouble.seen}")
    yield from human.work(trouble.takes, "repair", step=trouble.command)
    if human.cluster.ended(trouble):
        yield from trouble.repaired() or ()


def by_hand_unless_restarted(human: Human, stopped: list[Container]) -> Loop:
    """Start what was stopped, unless the platform does (a kubelet restarts it at once)."""
    yield from human.wait(0.0)  # let the platform see the exits first
    for c in stopped:
        if c.state == "exited" and not c.restarting and not c.deleting:
            human.cluster.try_start(c)


def roll(cluster: Cluster, service: str) -> Loop:
    """The same code, started anew: the platform's rollout, or stop and start by hand."""
    now = cluster.versions[service]
    again = now.model_copy(update={"restarted": now.restarted + 1})
    if "rolling_updates" in cluster.left_to_operator:
        yield from compose.recreate(cluster, service, again)
    else:
        cluster.set_version(service, again)


def restart_all(human: Human, service: str) -> Loop:
    """Every replica gets a new process, one after the other: what waited inside is forgotten."""
    cluster = human.cluster
    yield from human.command(f"`{command_of(cluster, 'restart_all', service)}`")
    if "rolling_updates" not in cluster.left_to_operator:
        yield from roll(cluster, service)
        return
    for c in running(cluster, service):
        if c.alive and not c.deleting:
            yield from compose.stop_all(cluster, [c])
            yield from by_hand_unless_restarted(human, [c])
            yield from until_listening(human, c)


def until_listening(human: Human, c: Container) -> Loop:
    """Look until it is up again, or does not come."""
    for _ in range(human.spec.habits.patience):
        if c.state == "running" or not c.alive:
            return
        yield from human.wait(human.spec.habits.recheck)


def restart_everything(human: Human) -> Loop:
    """`docker compose down` and `up -d`: the whole platform is away meanwhile."""
    cluster = human.cluster
    steps = human.spec.runbooks.get("restart_everything", [])
    for step in steps[:1]:
        yield from human.work(step.takes, "restart_everything", f"runs `{step.do}`")
    everything = [c for c in cluster.containers if c.alive and not c.deleting]
    yield from compose.stop_in_order(cluster, everything)
    for step in steps[1:]:
        yield from human.work(step.takes, "restart_everything", f"runs `{step.do}`")
    yield from compose.up(cluster)


# ---- versions ----
def rollback(human: Human, service: str) -> Loop:
    """Back to the version before: one command, or rebuild the old image and recreate.

    Somebody may have been quicker (an automatic rollback): then nothing is left to do."""
    cluster = human.cluster
    deployed, old = human.deployed.pop(service, None), cluster.previous[service]
    versions = cluster.versions
    cluster.say("rollback", service, f"operator rolls {service} back to {old.name}")
    if "rollback" in cluster.left_to_operator:
        yield from human.runbook("rollback")
    else:
        yield from human.command(f"`{command_of(cluster, 'roll_back', service)}`")
    if deployed is not None and versions[service].image != deployed.version:
        human.say(f"finds that {service} is back at {versions[service].name} already")
    elif "rolling_updates" in cluster.left_to_operator:
        yield from compose.recreate(cluster, service, old)
    elif cluster.choices.rollback is not None:
        cluster.choices.rollback.undo(cluster, service)
    else:
        cluster.set_version(service, old)


# ---- connections ----
def wanted_connections(pools: list[tuple[int, int]], reserved: int) -> int:
    """max_connections for all pools full and the reserve, rounded up to hundreds (a person's
    choice). `pools`: (replicas, pool) of each client service. Source: the article, scenario 5."""
    need = sum(replicas * pool for replicas, pool in pools) + reserved
    return -(-need // 100) * 100


def affordable(memory: int) -> int:
    """The most connections that a database on a server with so many bytes is given."""
    return min(memory // PER_CONNECTION.value, MOST_CONNECTIONS.value)


def raise_connections(human: Human, ask: RaiseConnections | None = None) -> Loop:
    """Edit max_connections (and pools), then restart: a reload is not enough (dataplane.md 1.3).

    One Compose file is one `up -d` of everything; elsewhere what was changed is restarted."""
    cluster = human.cluster
    database = cluster.fullest_database()
    clients = cluster.stack.clients(database)
    yield from human.runbook("raise_connections")
    spec = cluster.service(database)
    if ask is None:
        pools = [(len(cluster.of(n)), cluster.stack.pools(n)[database].size) for n in clients]
        reserved = spec.superuser_reserved_connections + spec.reserved_connections
        homes = [c.server.memory for c in cluster.of(database)]
        most = affordable(min(homes, default=cluster.stack.servers.machine.memory))
        limit = min(wanted_connections(pools, reserved), most)
        ask = RaiseConnections(max_connections=max(limit, spec.max_connections))
    cluster.edit(database, max_connections=ask.max_connections)
    if ask.pool is not None:
        for name in clients:
            own = cluster.service(name)
            if own.database is not None:
                changed = own.database.model_copy(update={"pool": ask.pool})
                cluster.edit(name, database=changed)
            else:
                pool = cluster.stack.pools(name)[database].model_copy(update={"size": ask.pool})
                cluster.edit(name, pools={**own.pools, database: pool})
    if cluster.host_ports:
        human.say(f"sets max_connections to {ask.max_connections} and restarts everything")
        yield from restart_everything(human)
        return
    services = [database, *(clients if ask.pool is not None else [])]
    human.say(f"sets max_connections to {ask.max_connections}, restarts {', '.join(services)}")
    yield from restart_services(human, services)


def restart_services(human: Human, services: list[str]) -> Loop:
    """All replicas of these stop together, and start."""
    cluster = human.cluster
    stopped = [c for name in services for c in cluster.of(name) if c.alive and not c.deleting]
    yield from compose.stop_all(cluster, stopped)
    yield from by_hand_unless_restarted(human, stopped)


# ---- databases that follow each other ----
def promote(human: Human, database: str) -> Loop:
    """See that the old primary is down, promote the replica, point the clients at it."""
    usual = LawSpec(law="lognormal", mean=PROMOTE.value, cv=0.5)
    cluster = human.cluster
    lived = bool(cluster.answering(cluster.primary_of(database)))
    ours = cluster.service(database).role == "postgres"
    types = "pg_ctl promote" if ours else "redis-cli REPLICAOF NO ONE"
    step = f"`{types}` on {cluster.standby(database)}"
    yield from human.work(usual, "promote", step=step)
    lives = bool(cluster.answering(cluster.primary_of(database)))
    if cluster.standby(database) and lives == lived:  # else somebody was quicker
        yield from failover.promote(cluster, database, 0.0)


# ---- servers ----
def rent_servers(human: Human, ask: RentServers) -> Loop:
    """The article's hours: rent, install, copy, edit, start, then a balancer by hand. Users' DNS
    has each server as soon as it serves, unless they are kept waiting for the balancer."""
    cluster = human.cluster
    human.under_way += 1
    human.say(f"begins to rent {ask.servers} servers for {ask.service}")
    fresh: list[Server] = []
    for _ in range(ask.servers):
        if cluster.quota_reached:
            quota = cluster.stack.servers.quota
            text = f"operator gets no more servers: her provider's quota is {quota}"
            cluster.say("quota", "operator", text)
            break
        fresh.append((yield from rent_one(human)))
        place_replicas(human, ask, fresh[-1], len(fresh))
        if ask.dns and not cluster.front().balanced:
            yield from add_to_dns(human, fresh[-1])
    balanced = cluster.front().balanced
    if ask.balancer and not balanced:
        yield from human.runbook("balancer")
        cluster.clock.loop(HAProxy().run(cluster))
    elif balanced:
        yield from human.runbook("edit_backends")
    balanced = balanced or ask.balancer
    if balanced or not ask.dns:
        door = cluster.door(ask.service)
        typed = mistyped(human, addresses_of(cluster, door), ask.wrong_backends)
        write_down(cluster, {door: typed}, balanced)
        human.say("points users at the balancer" if balanced else "tells users the addresses")
    human.under_way -= 1


def add_to_dns(human: Human, server: Server) -> Loop:
    """One more address under the users' name: each of them takes any, and nobody checks."""
    cluster = human.cluster
    yield from human.runbook("add_to_dns")
    for front in [cluster.front(door) for door in cluster.doors]:
        if front.balanced:
            return  # somebody has built one meanwhile
        places = [a for a in addresses_of(cluster, front.service) if a.server == server.id]
        if places:
            cluster.route(Routing(algorithm=Algorithm.RANDOM), front.service)
            more = (a for a in places if a not in front.addresses)
            cluster.point((*front.addresses, *more), service=front.service)


def rent_one(human: Human, runbook: str = "rent_server") -> Task[Server]:
    """One server, from the order to `docker compose up -d`; it costs money from its order."""
    cluster, steps = human.cluster, human.spec.runbooks.get(runbook, [])
    for step in steps[:1]:
        yield from human.work(step.takes, runbook, step=step.do)
    ordered_s = cluster.clock.now
    boot: LawSpec = cluster.stack.servers.machine.boot
    while not (cluster.lends and cluster.pullable(cluster.entry)):  # refused: she tries again
        yield from human.wait(human.spec.habits.idle_look)
    yield cluster.clock.after(cluster.duration(boot, "machine/boot"), Rank.RENTED_MACHINE)
    server = cluster.add_server(ordered_s)
    cluster.say("server", server.name, f"{server.name} is up")
    for step in steps[1:]:
        yield from human.work(step.takes, runbook, step=f"{step.do} ({server.name})")
    return server


def share(total: int, servers: int, index: int) -> int:
    """How many of `total` replicas server `index` (from 0) gets when a person deals them out."""
    return total // servers + (1 if index < total % servers else 0)


def place_replicas(human: Human, ask: RentServers, server: Server, index: int) -> None:
    """Start this server's share; a second one on the same server needs another port in its file."""
    cluster = human.cluster
    port = cluster.service(ask.service).port
    for k in range(share(ask.replicas, ask.servers + 1, index)):
        made = cluster.create(ask.service, server, port=None if port is None else port + k)
        if cluster.try_start(made):
            cluster.say("start", made.name, f"{made.name} started on {server.name}")


def mistyped(human: Human, right: tuple[Address, ...], wrong: int | None) -> tuple[Address, ...]:
    """The balancer's file as it was typed: some lines name a place where nothing listens, and
    those lack their check as well (a checked line would be marked DOWN and only cost capacity)."""
    cluster = human.cluster
    if wrong is None:
        drawn = [cluster.random("operator/backends") < human.mistake for _ in right]
    else:
        drawn = [k >= len(right) - wrong for k in range(len(right))]
    cluster.mistaken(sum(drawn))
    typed = [
        Address(a.server, (a.port or 0) + WRONG_PORT, checked=False) if bad else a
        for a, bad in zip(right, drawn, strict=True)
    ]
    return tuple(typed)


def fix_backends(human: Human) -> Loop:
    """Find the wrong line, edit, reload; a proxy that knows names only has to look again."""
    cluster = human.cluster
    named = [p for p in cluster.stack.playing("proxy") if cluster.service(p).lookup is not None]
    if named and cluster.service(cluster.entry).port is None:
        yield from human.command(f"a reload of {named[0]}, which looks its names up again")
    else:
        yield from human.runbook("edit_backends")
    if cluster.host_ports:
        write_down(cluster)
    else:
        for service in cluster.fronts:
            living = [c for c in cluster.of(service, "running") if c.alive and not c.deleting]
            cluster.publish(living, service=service)


def stranded(cluster: Cluster, server: Server) -> list[str]:
    """Services whose disk is a part of this server; the queue, which has no backup, first."""
    there = [v.service for v in cluster.volumes.values() if v.server is server and not v.moves]
    return sorted(there, key=lambda service: cluster.service(service).role == "postgres")


def restore(human: Human, service: str, server: Server) -> Loop:
    """Bring back on this server what a backup has of a lost disk; nobody has one of a queue."""
    spec = human.cluster.service(service)
    if spec.role == "postgres":
        backup = spec.backup
        law = LawSpec(law="lognormal", mean=backup.restore, cv=backup.restore_cv)
        yield from human.work(law, "restore", step=f"restore {service}'s backup on {server.name}")
    human.cluster.restore(service, server)


def restore_elsewhere(human: Human, lost: Server) -> Loop:
    """Somebody else has moved the rest of a server that does not come back; what had its disk there
    gets another one, and the scheduler starts it."""
    cluster, services = human.cluster, stranded(human.cluster, lost)
    human.say(f"gives up on {lost.name}, where the disk of {' and '.join(services)} was")
    cluster.release(lost)
    for service in services:
        server = cluster.choose_server(service)
        if server is None:
            server = yield from rent_one(human)
        yield from restore(human, service, server)


def replace_server(human: Human, lost: Server) -> Loop:
    """A server that does not come back: rent another and start there what ran on it."""
    cluster = human.cluster
    if "scheduling" not in cluster.left_to_operator:
        yield from restore_elsewhere(human, lost)
        return
    human.say(f"gives up on {lost.name} and rents another server")
    fresh = yield from rent_one(human)
    for service in stranded(cluster, lost):
        yield from restore(human, service, fresh)
    for c in [c for c in cluster.on(lost) if not c.deleting]:
        made = cluster.create(c.service, fresh, c.version, c.port)
        cluster.remove(c)
        cluster.try_start(made)
    cluster.release(lost)
    write_down(cluster)
    human.say(f"points users at {fresh.name}")
