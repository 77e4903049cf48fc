"""What somebody does by command, with no alarm behind it: start and restart services, in the
platform's words, and planned work on a server: empty it, work, reboot, take it back; and then the
next one. And a server that nobody planned to lose: she tells the cluster that it is off
(node-shutdown).

Where a platform schedules, the operator types two commands and it moves what ran there: cordon,
evict, wait, reboot, uncordon (kubernetes.io/docs tasks/administer-cluster/safely-drain-node).
Kubernetes asks the budgets (disruption.py); Swarm's drain has none and ends all tasks at once
(docs.docker.com engine/swarm/swarm-tutorial/drain-node). Without a scheduler nothing can move: she
stops everything, reboots, and starts it again. Afterwards nothing moves back by itself. Sources of
the others: docs.docker.com, docker compose restart and up; kubernetes.io/docs, kubectl rollout
restart (it changes an annotation of the template, and the Deployment rolls out as ever).
"""

from __future__ import annotations

from sim.control.core.choices import Emptying, Tainting
from sim.control.core.clock import Loop, Rank, Task
from sim.control.core.cluster import Cluster, Container, Server
from sim.control.people import runbooks
from sim.control.people.human import Human
from sim.control.people.symptoms import maintained
from sim.control.rolling_updates import compose
from sim.control.scheduling.disruption import Evictions, budget_of, evictable
from sim.schema.scenario import Drain, OutOfService, RestartByHand
from sim.schema.stack_checks import resolve


def targets(cluster: Cluster, ask: Drain) -> list[Server]:
    """Which servers: the named one, the one that hosts a service, or all that there are now; of
    those that nobody else maintains."""
    up = maintained(cluster)
    if ask.server is not None:
        return [s for s in up if s.id == ask.server]
    if ask.hosting is None:
        return up
    hosted = [c for c in cluster.of(resolve(cluster.stack, ask.hosting)) if c.alive]
    return [c.server for c in hosted[:1] if c.server in up]


def maintain(human: Human, ask: Drain) -> Loop:
    """One server after the other, with an eye on users: nobody has to page her meanwhile."""
    cluster = human.cluster
    human.looking += 1
    yield from human.login()
    for number, server in enumerate(targets(cluster, ask)):
        if number:
            yield from human.wait(ask.pause)
        if not server.alive or server.released_s is not None:
            continue
        if "scheduling" in cluster.left_to_operator:
            yield from closed(human, server, ask)
        else:
            yield from emptied(human, server, ask)
    human.looking -= 1
    human.say("has finished the maintenance", "maintenance")


def write_off(human: Human, ask: OutOfService) -> Loop:
    """Mark a lost server out of service, if it is one; where no controller heeds such a mark there
    is nothing to do."""
    cluster = human.cluster
    if ask.server is not None:
        lost = [s for s in cluster.servers if s.id == ask.server and not s.alive]
    else:
        hosted = cluster.of(resolve(cluster.stack, ask.hosting))
        lost = [c.server for c in hosted if not c.server.alive][:1]
    heeded = isinstance(cluster.choices.scheduling, Tainting)
    if not lost or not heeded:
        why = "no such server is lost" if heeded else "no controller here waits for that"
        cluster.say("out_of_service", "operator", f"operator marks no server: {why}")
        return
    (server,) = lost
    yield from human.login()
    yield from human.command(f"`kubectl taint`, out-of-service, {server.name}")
    if not server.alive:
        cluster.say("out_of_service", server.name, f"{server.name} is marked out of service")
        cluster.write_off(server)


# ---- with a scheduler ----
def emptied(human: Human, server: Server, ask: Drain) -> Loop:
    """Cordon, evict, work, reboot, uncordon."""
    cluster = human.cluster
    scheduling = cluster.choices.scheduling
    rules = scheduling.evictions if isinstance(scheduling, Emptying) else None
    yield from human.command(f"the drain of {server.name}")
    cluster.say("drain", server.name, f"{server.name} is cordoned and drained")
    cluster.cordon(server, True)
    if (yield from empty(cluster, server, rules, human.spec.habits.drain_look)):
        cluster.say("drained", server.name, f"{server.name} is empty")
        yield from work(human, server, ask)
        while not server.ready and server.released_s is None:
            yield from human.wait(human.spec.habits.drain_look)
    else:
        text = f"the drain of {server.name} is given up: the maintenance has to wait"
        cluster.say("drain_failed", server.name, text)
    yield from human.command(f"the uncordon of {server.name}")
    cluster.cordon(server, False)


def empty(cluster: Cluster, server: Server, rules: Evictions | None, look_s: float) -> Task[bool]:
    """Evict what runs there, each replica in a loop of its own; did it work?"""
    asking = True
    began = cluster.clock.now

    def one(c_id: int) -> Loop:
        refused = False
        while asking:
            c = next((c for c in cluster.on(server) if c.id == c_id and not c.deleting), None)
            if c is None:
                return
            if rules is None or evictable(cluster, c):
                cluster.say("evicted", c.name, f"{c.name} is evicted from {server.name}")
                cluster.retire(c)
                return
            if not refused:
                budget = budget_of(cluster, c.service)
                assert budget is not None
                text = f"{c.name} stays for now: its budget needs {budget.desired} healthy"
                cluster.say("eviction_refused", c.name, f"{text}, {budget.healthy} are")
            refused = True
            yield cluster.clock.after(rules.retry_s, Rank.DRAIN_RETRY, c_id)

    for c in [c for c in cluster.on(server) if not c.deleting]:
        cluster.clock.loop(one(c.id))
    while True:
        yield cluster.clock.after(look_s, Rank.DRAIN_LOOK, server.id)
        if not cluster.on(server) or not server.alive:
            return True
        if rules is not None and cluster.clock.now - began >= rules.timeout_s:
            asking = False
            return False


def work(human: Human, server: Server, ask: Drain) -> Loop:
    """Her work on a server on which nothing runs any more, and its reboot."""
    cluster = human.cluster
    yield from human.spend(ask.lasts, f"work on {server.name}")
    if not ask.reboot or not server.alive:
        return
    cluster.say("reboot", server.name, f"{server.name} reboots")
    cluster.server_down(server)
    yield from reboot(cluster, server)


def reboot(cluster: Cluster, server: Server) -> Loop:
    """From a server that is down to one that is up, unless somebody has given it back meanwhile."""
    seconds = cluster.duration(cluster.stack.servers.machine.back, "machine/boot")
    yield cluster.clock.after(seconds, Rank.MACHINE, server.id)
    if server.released_s is None:
        cluster.say("server_up", server.name, f"{server.name} has booted")
        cluster.server_up(server)


# ---- without ----
def closed(human: Human, server: Server, ask: Drain) -> Loop:
    """`docker compose stop`, work, reboot, `docker compose up -d`: closed meanwhile."""
    cluster = human.cluster
    yield from human.command("`docker compose stop`")
    cluster.say("drain", server.name, f"everything on {server.name} is stopped: closed for a while")
    containers = [c for c in cluster.on(server) if c.alive and not c.deleting]
    yield from compose.stop_in_order(cluster, containers)
    yield from work(human, server, ask)
    if ask.reboot:
        yield from human.login()
    yield from runbooks.start_all(human)


# ---- services ----
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
