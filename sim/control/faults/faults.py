"""Fate: the scenario's list of events, each carried out by the cluster's verbs at its time.

An event is a fault (kill, crash, hang, leak, a lost server), something that is asked of the
operator or the platform (deploy, scale, rent, raise), or users who come otherwise. Service names
may be roles.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sim.control.core.choices import DOCKER_STOP, Maintaining, Shimmed, stop_command
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container, Server
from sim.control.faults import changes, control_plane, maintenance, network, stores
from sim.control.people import growth, runbooks
from sim.control.people.commands import GOOGLE, console_of
from sim.control.people.human import Human
from sim.control.people.on_call import deploy
from sim.control.resource_limits.profiles import cpu_limit
from sim.control.rolling_updates import compose
from sim.control.secrets import rotation
from sim.control.self_healing import failover
from sim.dataplane.profile import Arrivals
from sim.schema import scenario as events
from sim.schema.stack_checks import resolve


def victims(
    containers: list[Container], replicas: int, which: events.Which = "oldest", lot: float = 0.0
) -> list[Container]:
    """Whom a fault hits of those that live, in the order of their creation: from the oldest or the
    newest on, from one that was drawn (`lot`: 0..1), or from a number on (none, if so many are not
    there)."""
    alive = [c for c in containers if c.alive and not c.deleting]
    if which == "newest":
        return alive[max(0, len(alive) - replicas) :]
    if which == "any":
        first = min(int(lot * len(alive)), max(0, len(alive) - 1))
        return (alive[first:] + alive[:first])[:replicas]
    first = which if isinstance(which, int) else 0
    return alive[first : first + replicas]


def hit_by(cluster: Cluster, spec: events.Hit) -> list[Container]:
    """The victims of an event that names a service, so many of its replicas, and which."""
    containers = cluster.of(resolve(cluster.stack, spec.service))
    lot = cluster.random("fault/which") if spec.which == "any" else 0.0
    chosen = victims(containers, spec.replicas, spec.which, lot)
    if not chosen:
        cluster.say("missed", spec.service, f"the event finds no such replica of {spec.service}")
    return chosen


# what nobody does to a database that a provider runs
OURS_ALONE = ("deploy", "scale", "resize", "rollback", "restart", "start", "operator_stop")


class Faults:
    """Each event waits and acts in a loop of its own: some last, and a session adds more."""

    def __init__(self, cluster: Cluster, human: Human) -> None:
        self.cluster, self.human = cluster, human
        self.added, self.begun = 0, False
        # what each does: at once, or in a loop that it gives back
        self.happen: dict[str, Callable[[Cluster, Any], Loop | None]] = {
            "operator_kill": operator_kill,
            "operator_stop": operator_stop,
            "process_crash": process_crash,
            "server_crash": server_crash,
            "hang": hang,
            "lock_out": lock_out,
            "leak": leak,
            "daemon_restart": daemon_restart,
            "drain": lambda _, ask: maintenance.maintain(human, ask),
            "out_of_service": lambda _, ask: maintenance.write_off(human, ask),
            "deploy": self.deploy,
            "scale": scale,
            "resize": resize,
            "rent_servers": self.rent_servers,
            "raise_connections": self.raise_connections,
            "rotate_secret": self.rotate_secret,
            "external": external,
            "traffic": traffic,
            "config": changes.config,
            "lock": changes.lock,
            "bad_plan": changes.bad_plan,
            "failover": self.failover,
            "control_plane": control_plane.freeze,
            "registry_down": stores.registry_down,
            "image_missing": stores.image_missing,
            "disk_full": stores.disk_full,
            "data_deleted": stores.data_deleted,
            "certificate_expired": stores.certificate_expired,
            "start": lambda *_: maintenance.start(human),
            "restart": self.restart,
            "rollback": self.rollback,
            "failures": failures,
            "zone_down": network.zone_down,
            "latency": network.latency,
            "partition": network.partition,
            "packet_loss": network.partition,
            "mend_network": network.mend_network,
            "cache_flush": stores.cache_flush,
        }

    def add(self, event: events.Event) -> None:
        """It happens at its time, which has not passed; of one instant in the order of adding."""
        self.cluster.clock.loop(self.run(event, self.added))
        self.added += 1

    def run(self, event: events.Event, key: int) -> Loop:
        clock = self.cluster.clock
        yield clock.at(event.at, Rank.FAULT, key)
        if not self.begun:
            # what the users did until now (boot.users_are_the_event) was not the fault, then
            self.begun = True
            self.cluster.fault(anew=True)
        kind = event.kind()
        about = getattr(event, kind)
        provided = self.provided(about) if kind in OURS_ALONE else ""
        if provided:
            text = f"{provided} is its provider's: there is nothing to {kind}"
            self.cluster.say("missed", provided, text)
        elif (doing := self.happen[kind](self.cluster, about)) is not None:
            clock.loop(doing)

    def provided(self, about: Any) -> str:
        """Of the services that an event is about, one that a provider runs."""
        names = getattr(about, "services", None) or [getattr(about, "service", None)]
        known = [resolve(self.cluster.stack, name) for name in names if name]
        return next((name for name in known if name in self.cluster.managed), "")

    # ---- asked of the operator or the platform ----
    def deploy(self, cluster: Cluster, ask: events.Deploy) -> Loop:
        service = resolve(cluster.stack, ask.service)
        cluster.say("deploy", service, f"{service} {ask.version.name} is deployed")
        yield from deploy(self.human, ask, service)

    def restart(self, cluster: Cluster, ask: events.RestartByHand) -> Loop:
        yield from maintenance.restart(self.human, ask, resolve(cluster.stack, ask.service))

    def rollback(self, cluster: Cluster, ask: events.RollbackByHand) -> Loop:
        service = resolve(cluster.stack, ask.service)
        cluster.say("rollback", service, f"{service} is to go back to the version before")
        yield from self.human.login()
        if service in cluster.previous:
            yield from runbooks.rollback(self.human, service)
        else:
            self.human.say(f"finds no version of {service} before this one", "rollback")

    def failover(self, cluster: Cluster, ask: events.Switchover) -> Loop:
        database = resolve(cluster.stack, ask.service)
        if not cluster.standby(database):
            cluster.say("failover", database, f"{database} has no replica that serves")
            return
        cluster.say("failover", database, f"a replica of {database} is to be its primary")
        if not (yield from failover.switch_over(cluster, database)):
            yield from self.human.login()
            yield from runbooks.promote(self.human, database)

    def rent_servers(self, cluster: Cluster, ask: events.RentServers) -> Loop:
        service = resolve(cluster.stack, ask.service)
        if "scheduling" in cluster.left_to_operator:
            named = ask.model_copy(update={"service": service})
            yield from runbooks.rent_servers(self.human, named)
        elif "autoscaling" not in cluster.left_to_operator and cluster.service(service).scaling:
            cluster.say("scale", service, f"nobody rents servers: {service} has an autoscaler")
        else:
            cluster.say("scale", service, f"{ask.replicas} replicas of {service} are asked for")
            cluster.want(service, max(ask.replicas, cluster.desired[service]))

    def raise_connections(self, cluster: Cluster, ask: events.RaiseConnections) -> Loop:
        cluster.say("raise_connections", "operator", "operator is asked for more connections")
        yield from self.human.login()
        yield from runbooks.raise_connections(self.human, ask)

    def rotate_secret(self, cluster: Cluster, ask: events.RotateSecret) -> Loop:
        service = resolve(cluster.stack, ask.service)
        cluster.say("rotate_secret", service, f"the password of {service} must be changed")
        yield from rotation.rotate(self.human, ask, service)


# ---- faults ----
def operator_kill(cluster: Cluster, spec: events.OperatorKill) -> None:
    """`docker kill`: Docker forgets its restart policy; a kubelet does not care who killed."""
    for c in hit_by(cluster, spec):
        cluster.kill(c, "killed by docker kill" if cluster.host_ports else "killed by hand")


def operator_stop(cluster: Cluster, spec: events.OperatorStop) -> Loop:
    """`docker stop` and its like: SIGTERM, grace, SIGKILL, and no restart by the Engine, at its
    own start neither (but `always`); who keeps replicas is asked, or sees one end.

    Sources: moby daemon/stop.go, daemon.go (shared facts, orchestrators 1.2, 1.3);
    kubernetes.io/docs pod-lifecycle; nomad alloc stop; AWS ECS StopTask."""
    service = resolve(cluster.stack, spec.service)
    command = stop_command(cluster.choices)
    chosen = hit_by(cluster, spec)
    if not command:
        cluster.say("operator_stop", service, f"nobody stops {service}: no command here does")
        return
    for c in chosen:
        cluster.say("operator_stop", c.name, f"{c.name} is stopped by `{command}`")
        if command != DOCKER_STOP:
            cluster.retire(c)
    if command == DOCKER_STOP:
        yield from compose.stop_all(cluster, chosen)


def process_crash(cluster: Cluster, spec: events.ProcessCrash) -> None:
    for c in hit_by(cluster, spec):
        cluster.exit(c, spec.exit_code, "crashed")


def failures(cluster: Cluster, spec: events.Failures) -> Loop:
    """Each process that lives, or starts, ends by itself after an exponential time: who starts it
    again decides how long it is away."""
    service = resolve(cluster.stack, spec.service)
    end_s = math.inf if spec.lasts is None else cluster.clock.now + spec.lasts
    text = f"each replica of {service} fails once in {spec.mtbf:g} s on average from now on"
    cluster.say("failures", service, text)
    started = cluster.watch("started")
    for c in [c for c in cluster.of(service) if c.alive]:
        cluster.clock.loop(doomed(cluster, c, spec.mtbf, end_s))
    while True:
        change = yield started.get()
        if cluster.clock.now >= end_s:
            return
        if change.container.service == service:
            cluster.clock.loop(doomed(cluster, change.container, spec.mtbf, end_s))


def doomed(cluster: Cluster, c: Container, mtbf_s: float, end_s: float) -> Loop:
    """This process lives for an exponential time, if nothing else ends it."""
    run, wait_s = c.run, -math.log(cluster.random("fault/mtbf")) * mtbf_s
    if cluster.clock.now + wait_s < end_s:
        yield cluster.clock.after(wait_s, Rank.FAULT_ENDS)
        if c.run == run and c.alive:
            cluster.exit(c, 1, "crashed")


def hit(cluster: Cluster, spec: events.ServerCrash | events.DaemonRestart) -> Server:
    """The server that is named, or the one that hosts a service."""
    if spec.server is not None:
        return cluster.numbered(spec.server)
    hosted = cluster.of(resolve(cluster.stack, spec.hosting))
    ours = (c.server for c in hosted if c.alive and c.server in cluster.servers)
    return next(ours, cluster.servers[0])


def outlive(cluster: Cluster) -> bool:
    """Do containers run on without their daemon? Those of containerd have a shim each."""
    healing = cluster.choices.self_healing
    if healing is None:
        return not cluster.host_ports
    return isinstance(healing, Shimmed) and healing.shims


def daemon_restart(cluster: Cluster, spec: events.DaemonRestart) -> Loop:
    """Stop all at once, each with its own grace; then the restart policies decide."""
    server = hit(cluster, spec)
    if not server.alive:
        return
    if outlive(cluster):
        text = f"containerd restarts on {server.name}: its containers run on"
        cluster.say("daemon_restart", server.name, text)
        return
    running = [c for c in cluster.on(server) if c.alive]
    names = ", ".join(c.name for c in running)
    cluster.say("daemon_restart", server.name, f"Docker stops on {server.name} with {names}")
    cluster.set_daemon(server, up=False)
    yield from compose.stop_all(cluster, running, by_hand=False)
    yield cluster.clock.after(spec.takes, Rank.DAEMON, server.id)
    if server.alive:
        cluster.say("daemon_restart", server.name, f"Docker is up again on {server.name}")
    cluster.set_daemon(server, up=True)


def server_crash(cluster: Cluster, spec: events.ServerCrash) -> Loop:
    """Power loss or `reboot -f`; back after its reboot, unless it is gone for good."""
    server = hit(cluster, spec)
    if not server.alive:
        return
    lost = ", ".join(c.name for c in cluster.on(server) if c.alive)
    with_it = f" with {lost}" if lost else ": nothing ran there"
    cluster.say("server_crash", server.name, f"{server.name} crashes{with_it}")
    cluster.server_down(server, gone=not spec.returns)
    if not spec.returns:
        return
    yield from maintenance.reboot(cluster, server)


def hang(cluster: Cluster, spec: events.Hang) -> Loop:
    """Accepts and never answers; a restart ends it sooner."""
    chosen = hit_by(cluster, spec)
    runs = [c.run for c in chosen]
    for c in chosen:
        cluster.say("hang", c.name, f"{c.name} hangs: it accepts and never answers")
        cluster.hang(c)
    if spec.lasts is None:
        return
    yield cluster.clock.after(spec.lasts, Rank.FAULT_ENDS)
    for c, run in zip(chosen, runs, strict=True):
        if c.run == run and c.hung and c.alive:
            cluster.say("resume", c.name, f"{c.name} answers again")
            cluster.resume(c)


def lock_out(cluster: Cluster, spec: events.LockOut) -> None:
    """Refused by the database, each until its process starts anew (it fetches another token)."""
    for c in victims(cluster.of(resolve(cluster.stack, spec.service)), spec.replicas):
        cluster.say("lock_out", c.name, f"the database refuses {c.name}: its token has expired")
        cluster.lock_out(c, True)
        cluster.clock.loop(until_restarted(cluster, c, spec.lasts))


def until_restarted(cluster: Cluster, c: Container, lasts_s: float | None) -> Loop:
    """Wait for the process to start anew, or for so long; then the database takes it again."""
    run, changes = c.run, cluster.watch("started", "removed")
    over = cluster.clock.env.event()
    if lasts_s is not None:
        over = cluster.clock.after(lasts_s, Rank.LOCK_OUT_ENDS, c.id)
    while c.run == run and c in cluster.containers and not over.processed:
        yield changes.get() | over
    if c in cluster.containers:
        cluster.lock_out(c, False)


def leak(cluster: Cluster, spec: events.Leak) -> Loop:
    """Memory that grows by the clock until the process ends."""
    chosen = victims(cluster.of(resolve(cluster.stack, spec.service)), spec.replicas)
    runs = [c.run for c in chosen]
    for c in chosen:
        cluster.say("leak", c.name, f"{c.name} begins to leak memory")
    grown = 0.0
    while any(c.run == run and c.alive for c, run in zip(chosen, runs, strict=True)):
        yield cluster.clock.after(spec.tick, Rank.FAULT_ENDS)
        grown += spec.per_second * spec.tick
        for c, run in zip(chosen, runs, strict=True):
            if c.run == run and c.alive:
                cluster.grow(c, int(grown))


def scale(cluster: Cluster, spec: events.Scale) -> None:
    """A wish for replicas by command; whoever keeps their number carries it out. An autoscaler goes
    on by its own rule (HPA, Nomad's, ECS' alarms: the next look may take it back); where the only
    command is for the least (`gcloud run services update --min`), that is what it sets."""
    for name, replicas in spec.services.items():
        service = resolve(cluster.stack, name)
        cluster.say("scale", service, f"{replicas} replicas of {service} are asked for")
        wanted = replicas
        if console_of(cluster) == GOOGLE and cluster.service(service).scaling is not None:
            growth.keep_at_least(cluster, service, replicas)
            wanted = max(replicas, cluster.desired[service])
        cluster.want(service, wanted)


def traffic(cluster: Cluster, spec: events.ArrivalRate) -> None:
    """Users come at another rate from now on."""
    cluster.say("traffic", "users", f"users come at {spec.rate:g} requests/s from now on")
    cluster.arrive(Arrivals((cluster.clock.now,), (spec.rate,), (0.0,)))


def external(cluster: Cluster, spec: events.External) -> Loop:
    """Somebody else's service answers otherwise; nobody here can do anything about it."""
    service = resolve(cluster.stack, spec.service)
    was = cluster.service(service)
    words = {"down": "refuses connections", "silent": "accepts and never answers"}
    changes: dict[str, Any] = {}
    phrases = [words[spec.state]] if spec.state in words else []
    if spec.latency is not None:
        changes["latency"] = spec.latency
        phrases.append(f"answers in {spec.latency.mean:g} s on average")
    if spec.errors is not None:
        changes["errors"] = spec.errors
        phrases.append(f"fails {spec.errors:.0%} of its requests")
    cluster.say("external", service, f"{service} {' and '.join(phrases)}: it is not ours")
    cluster.edit(service, **changes)
    cluster.outside(service, spec.state, ails=bool(phrases))
    if spec.lasts is None:
        return
    yield cluster.clock.after(spec.lasts, Rank.FAULT_ENDS)
    cluster.say("external", service, f"{service} answers as before")
    cluster.edit(service, latency=was.latency, errors=was.errors)
    cluster.outside(service)


def resize(cluster: Cluster, spec: events.Resize) -> None:
    """Another CPU quota for processes that run; requests, and so the scheduler, see nothing of it.

    Sources: docs.docker.com, docker container update (a stopped container starts with it);
    kubernetes.io/docs, resize-container-resources (KEP-1287, stable in 1.35; the resizePolicy of a
    CPU is NotRequired unless it says otherwise). A machine of a task's size cannot be changed."""
    service = resolve(cluster.stack, spec.service)
    scheduling = cluster.choices.scheduling
    chosen = [c for c in cluster.of(service) if c.alive and not c.deleting][: spec.replicas]
    why = "" if chosen else "none runs"
    if isinstance(scheduling, Maintaining):
        ours = scheduling.maintained(cluster)
        if not all(c.server in ours for c in chosen):
            why = "a task's size is its machine's"
    if cluster.choices.resource_limits is None:
        why = "nobody is held to limits"
    if why:
        cluster.say("resize_refused", service, f"no process of {service} is resized: {why}")
        return
    names = ", ".join(c.name for c in chosen)
    cluster.say("resize", service, f"the CPU limit of {names} is {spec.cpu:g} cores from now on")
    wanted = cluster.service(service).cpu.model_copy(update={"limit": spec.cpu})
    for c in chosen:
        cluster.resize(c, cpu_limit(wanted, limited=True))
