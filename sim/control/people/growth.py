"""Runbooks for too little of something: replicas, pools, cores, servers; or for too many users.

Each is a loop to `yield from`, in the words of the platform. What goes on without her hands (a
provider that answers) counts as under way meanwhile.
"""

from __future__ import annotations

import math

from sim.control.core.choices import Maintaining, able
from sim.control.core.clock import Loop, Rank, Task
from sim.control.core.cluster import Cluster, Server
from sim.control.load_balancing.haproxy import HAProxy
from sim.control.people import runbooks
from sim.control.people.commands import Verb, command_of, console_of
from sim.control.people.human import Human
from sim.control.people.monitoring import running
from sim.control.people.symptoms import maintained
from sim.control.resource_limits.profiles import cpu_limit
from sim.control.rolling_updates import compose
from sim.control.rolling_updates.script import is_scaled_by_hand
from sim.control.service_discovery.addresses import addresses_of, write_down
from sim.dataplane.arithmetic import added
from sim.schema.databases import Pooler
from sim.schema.scenario import RentServers


# ---- rules ----
def doubled(replicas: int, cores: float, one_uses: float) -> int:
    """How many replicas she asks for: twice as many, but no more than there are cores for; one more
    at least. `cores`: of all servers; infinite where each replica brings its own."""
    room = math.inf if math.isinf(cores) else cores // max(one_uses, 0.1)
    return int(max(replicas + 1, min(2 * replicas, room)))


# ---- more of it ----
def scale_out(human: Human, service: str) -> Loop:
    """More replicas; behind one published port that takes a balancer first. Where an autoscaler
    would take them away again, its minimum."""
    cluster = human.cluster
    published = cluster.host_ports and cluster.service(service).port is not None
    if service in cluster.doors and published and not cluster.front().balanced:
        yield from front(human)
    tasks = able(cluster.choices.scheduling, Maintaining)
    cores = math.inf if tasks else added(s.cores for s in maintained(cluster))
    limit = cpu_limit(cluster.service(service).cpu, cluster.choices.resource_limits is not None)
    have = max(cluster.desired[service], len(running(cluster, service)))
    wanted = doubled(have, cores, 1.0 if math.isinf(limit) else limit)
    yield from want(human, service, wanted)


def want(human: Human, service: str, wanted: int) -> Loop:
    """Ask for so many replicas, and see that nobody takes them away."""
    cluster, scaling = human.cluster, human.cluster.service(service).scaling
    autoscaled = scaling is not None and "autoscaling" not in cluster.left_to_operator
    if is_scaled_by_hand(cluster):
        cluster.want(service, wanted)  # on_call.py types the command, and edits the balancer's file
        return
    verb: Verb = "least" if autoscaled else "scale"
    if not (yield from typed(human, verb, service, wanted)):
        return
    if autoscaled:
        keep_at_least(cluster, service, wanted)
    cluster.want(service, wanted)


def keep_at_least(cluster: Cluster, service: str, wanted: int) -> None:
    """The least of an autoscaler, and its most as far as that has to follow."""
    scaling = cluster.service(service).scaling
    if scaling is not None:
        most = max(scaling.max, wanted)
        cluster.edit(service, scaling=scaling.model_copy(update={"min": wanted, "max": most}))


def front(human: Human) -> Loop:
    """A balancer on the one server, before replicas that get a port each: in a hurry, with no
    checks in its file (those of an overloaded replica would fail, and take it out)."""
    cluster = human.cluster
    yield from human.runbook("front")
    cluster.clock.loop(HAProxy().run(cluster))
    for door in cluster.doors:
        unchecked = tuple(a._replace(checked=False) for a in addresses_of(cluster, door))
        cluster.point(unchecked, True, door)


def resize_server(human: Human, server: Server) -> Loop:
    """Stop the machine, change its type, start it: twice the cores and memory. Its disk stays."""
    cluster = human.cluster
    human.say(f"stops {server.name} to change its type")
    yield from human.command(f"the stop of everything on {server.name}")
    yield from compose.stop_in_order(cluster, [c for c in cluster.on(server) if c.alive])
    cluster.server_down(server)
    yield from human.runbook("resize_server")
    seconds = cluster.duration(cluster.stack.servers.machine.back, "machine/boot")
    yield cluster.clock.after(seconds, Rank.MACHINE, server.id)
    larger = cluster.enlarge(server, 2.0)
    cluster.say("server_up", larger.name, f"{larger.name} is back with {larger.cores:g} cores")
    if "scheduling" in cluster.left_to_operator:
        yield from runbooks.start_all(human)
        write_down(cluster)


def rent(human: Human, service: str) -> Loop:
    """As many servers again: set up one by one with Compose, else they join."""
    cluster, rented = human.cluster, maintained(human.cluster)
    if "scheduling" in cluster.left_to_operator:
        replicas = 2 * len(running(cluster, service))
        asked = RentServers(service=service, servers=len(rented), replicas=replicas, balancer=False)
        yield from runbooks.rent_servers(human, asked)
        return
    for _ in rented:
        if cluster.quota_reached or not (yield from typed(human, "join")):
            return
        yield from runbooks.rent_one(human, "join_server")


def ask_provider(human: Human) -> Loop:
    """A larger quota: a form, and somebody who answers it."""
    yield from human.command("a request to the provider for a larger quota")
    human.start(answered(human))


def answered(human: Human) -> Loop:
    cluster, law = human.cluster, human.spec.quota_answer
    yield from human.wait(cluster.duration(law, "operator/quota"))
    quota = cluster.stack.servers.quota
    assert quota is not None
    cluster.lend(2 * quota)
    cluster.say("quota", "provider", f"the provider lends {2 * quota} servers from now on")


# ---- commands ----
def typed(
    human: Human, verb: Verb, service: str = "", number: int = 0, server: str = ""
) -> Task[bool]:
    """Type it; where the platform's console has no such command, say so, and it is not done."""
    cluster = human.cluster
    text = command_of(cluster, verb, service, number, server)
    if text:
        yield from human.command(f"`{text}`")
    else:
        what = verb.replace("_", " ")
        human.say(f"knows no command of {console_of(cluster)} for this: {what} {service or server}")
    return bool(text)


# ---- settings ----
def widen_pools(human: Human, service: str) -> Loop:
    """Twice the pool in each replica, as far as the database has slots."""
    cluster = human.cluster
    client = cluster.service(service).database
    if client is None:
        return
    gauge = cluster.gauge()
    each = gauge.connection_limit // max(1, len(running(cluster, service)))
    pool = max(client.pool, min(2 * client.pool, each))
    yield from human.runbook("edit_settings")
    yield from typed(human, "edit", service)
    human.say(f"sets the pool of {service} to {pool}, and restarts it")
    cluster.edit(service, database=client.model_copy(update={"pool": pool}))
    yield from runbooks.roll(cluster, service)


def add_pooler(human: Human) -> Loop:
    """PgBouncer before the database; who uses it is restarted."""
    cluster = human.cluster
    database = cluster.fullest_database()
    yield from human.runbook("add_pooler")
    human.say("puts PgBouncer before the database")
    slots = cluster.gauge().connection_limit
    cluster.edit(database, pooler=Pooler(size=max(1, min(Pooler().size, slots))))
    yield from runbooks.restart_services(human, [database])
    for name in cluster.stack.clients(database):
        yield from runbooks.roll(cluster, name)


def shed(human: Human, service: str) -> Loop:
    """A limit before it: as many as it has places wait, the others get a 503 at once."""
    cluster = human.cluster
    yield from human.runbook("edit_settings")
    if (yield from typed(human, "shed", service, max(1, cluster.desired.get(service, 1)))):
        human.say(f"turns users away who would wait for {service} in vain")
        places = cluster.service(service).concurrency
        cluster.edit(service, shed=True, backlog=min(places, cluster.service(service).backlog))
        yield from runbooks.roll(cluster, service)


def write_off(human: Human, server: Server) -> Loop:
    """A server that does not answer, after a look at the provider's console: the platform is told,
    and moves what it held back."""
    cluster, habits = human.cluster, human.spec.habits
    human.say(f"cannot reach {server.name}, and looks for it at the provider")
    for _ in range(int(habits.writes_off / habits.ssh_retry)):
        yield from human.spend(habits.ssh_retry, "try SSH")
        if server.alive or server.released_s is not None:
            return
    if (yield from typed(human, "write_off", server=server.name)) and not server.alive:
        cluster.say("out_of_service", server.name, f"{server.name} is marked out of service")
        cluster.write_off(server)
