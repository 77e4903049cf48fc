"""The human: the slowest controller, with a pager.

Monitoring looks at what users get. An alarm becomes a page, a page wakes a person, the person logs
in, looks, and does what is broken and nobody else does. One incident at a time; she stays until
users are served. All her times are the stack's (`operator:`); the rules here say only what she
does next.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import simpy

from sim.control.core.choices import Ending
from sim.control.core.clock import Loop, Rank, Task
from sim.control.core.cluster import Cluster, Container, Server
from sim.control.people import runbooks
from sim.control.people.human import Human
from sim.control.rolling_updates import compose
from sim.control.service_discovery.addresses import addresses_of
from sim.dataplane.tables import PlaneGauge
from sim.schema.scenario import Deploy
from sim.schema.stack import Alarm

Action = Literal[
    "wait_for_server", "repair", "rollback", "fix_secret", "raise_connections", "start", "restart",
    "fix_backends", "none",
]  # fmt: skip


ALARM = Alarm()


# ---- rules ----
def alarms(succeeded: int, failed: int, jobs_always_waiting: int, by: Alarm = ALARM) -> bool:
    """Does monitoring alarm on a window? On users' errors, or on a queue nobody empties."""
    too_many = failed >= by.failed and failed >= by.share * (succeeded + failed)
    return too_many or jobs_always_waiting >= by.jobs


@dataclass(frozen=True)
class Symptoms:
    """What she sees when she looks around; only what is left to her."""

    server_away: bool = False
    trouble: bool = False  # something that an event left behind, and that she finds
    bad_version: bool = False
    locked_out: bool = False  # the database refuses a password that was forgotten somewhere
    connections_short: bool = False
    down: int = 0  # containers that nobody restarts
    hung: int = 0  # up, and answer nobody, or nobody well
    wrong_address: bool = False


def next_action(symptoms: Symptoms) -> Action:
    """The first thing that has to be done: nothing helps while the server is away; restarting a bad
    version, or a process that the database refuses, only repeats the failure."""
    if symptoms.server_away:
        return "wait_for_server"
    if symptoms.trouble:
        return "repair"
    if symptoms.bad_version:
        return "rollback"
    if symptoms.locked_out:
        return "fix_secret"
    if symptoms.connections_short:
        return "raise_connections"
    if symptoms.down:
        return "start"
    if symptoms.hung:
        return "restart"
    return "fix_backends" if symptoms.wrong_address else "none"


# ---- what she sees ----
def look(human: Human) -> Symptoms:
    cluster = human.cluster
    return Symptoms(
        server_away=lost_server(cluster) is not None,
        trouble=bool(cluster.troubles),
        bad_version=bad_version(human) is not None,
        locked_out=human.rotation is not None and bool(human.rotation.missed()),
        connections_short=connections_short(human),
        down=len(compose.down(cluster)),
        hung=len(hung(cluster)) + len(expired(human)),
        wrong_address=wrong_address(cluster),
    )


def lost_server(cluster: Cluster) -> Server | None:
    """A server that is away while nobody else moves what ran there, or what its disk holds."""
    away = [s for s in cluster.servers if not s.alive and s.released_s is None]
    if "scheduling" in cluster.left_to_operator:
        return next((s for s in away if cluster.on(s)), None)
    return next((s for s in away if runbooks.stranded(cluster, s)), None)


def bad_version(human: Human) -> str | None:
    """A service whose deployed version fails: it exited, crash-loops, or answers with errors."""
    cluster = human.cluster
    for service, deployed in human.deployed.items():
        mine = [c for c in cluster.of(service) if c.version.image == deployed and not c.deleting]
        gone = cluster.failed.get((service, deployed), 0)  # replaced before she looked
        often = human.spec.habits.replaced_often
        if any(failing(human, c) for c in mine) or gone >= often:
            return service
    return None


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
        and not (isinstance(checks, Ending) and checks.ends(cluster.service(c.service)))
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
    return any(address not in cluster.front().addresses for address in addresses_of(cluster))


# ---- the controller ----
@dataclass(frozen=True)
class OnCall:
    """Monitoring, the pager, and the person behind it."""

    human: Human

    def run(self, cluster: Cluster) -> Loop:
        """Monitoring looks again and again; one incident at a time."""
        cluster.clock.loop(self.scale_by_hand(cluster))
        alarm = self.human.spec.alarm
        seen = Window(alarm)
        incident: simpy.Process | None = None
        while True:
            yield cluster.clock.after(alarm.look, Rank.OPERATOR)
            self.human.refused_lately = seen.add(cluster.clock.now, cluster.gauge())
            is_open = incident is not None and incident.is_alive
            if seen.alarms() and not is_open and not self.human.looking:
                incident = cluster.clock.loop(self.incident(cluster, seen))

    def incident(self, cluster: Cluster, seen: Window) -> Loop:
        """From the alarm to the last check. Alarms that pass by themselves page nobody."""
        human, spec = self.human, self.human.spec
        law = spec.detect if spec.monitoring else spec.complaint
        yield from human.wait(cluster.duration(law, "operator/detect"))
        if not seen.alarms(spec.alarm.confirm) or human.looking:
            return
        yield from self.page(cluster)
        human.looking += 1
        yield from human.login()
        human.say("looks around")
        idle = False
        while True:
            yield from human.work(spec.diagnose, "diagnose")
            action = next_action(look(human))
            if action != "none":
                yield from act(human, action)
                seen.forget()
            elif not (yield from self.served(cluster, seen)):
                if not idle:
                    human.say("finds nothing broken that is left to her: she waits and looks again")
                idle = True
                yield from human.wait(spec.habits.idle_look)
            if (yield from self.served(cluster, seen)):
                break
        human.looking -= 1
        human.say("closes the incident", "closed")

    def page(self, cluster: Cluster) -> Loop:
        """The page and its fat tail: a silent phone, a wrong setting."""
        human, spec = self.human, self.human.spec
        hours = human.night or spec
        how = "operator paged" if spec.monitoring else "users complain to the operator"
        cluster.paged()
        cluster.say("page", "operator", how)
        cluster.acted()
        if cluster.random("operator/missed_page") < hours.missed_page:
            yield from human.wait(cluster.duration(spec.missed_page_costs, "operator/missed_cost"))
            cluster.paged()
            cluster.say("page", "operator", "the first page was missed; operator paged again")
        yield from human.wait(cluster.duration(hours.acknowledge, "operator/acknowledge"))
        human.say("acknowledges the page", "acknowledged")

    def served(self, cluster: Cluster, seen: Window) -> Task[bool]:
        """Wait for a quiet window; give up waiting as soon as something is left to do."""
        human, habits = self.human, self.human.spec.habits
        looks = habits.patience * int(human.spec.alarm.window / habits.recheck)
        for _ in range(max(1, looks)):
            yield from human.wait(habits.recheck)
            if next_action(look(human)) != "none":
                return False
            if seen.quiet():
                return True
        return False

    def scale_by_hand(self, cluster: Cluster) -> Loop:
        """Where nobody keeps the number of replicas, a wish is a command that she types."""
        wishes = cluster.watch("desired")
        while True:
            change = yield wishes.get()
            if "rolling_updates" in cluster.left_to_operator:
                wanted = cluster.desired[change.service]
                yield from self.human.command(
                    f"`docker compose up -d --scale {change.service}={wanted}`"
                )
                yield from compose.scale(cluster, change.service, wanted)
                if cluster.front().balanced and cluster.host_ports and unlisted(cluster):
                    yield from runbooks.fix_backends(self.human)


def act(human: Human, action: Action) -> Loop:
    """Do one thing."""
    cluster = human.cluster
    if action == "wait_for_server":
        yield from wait_for_server(human)
    elif action == "repair":
        yield from runbooks.repair(human, cluster.troubles[0])
    elif action == "rollback":
        service = bad_version(human)
        assert service is not None
        yield from runbooks.rollback(human, service)
    elif action == "fix_secret":
        assert human.rotation is not None
        yield from human.rotation.repair(human)
    elif action == "raise_connections":
        yield from runbooks.raise_connections(human)
    elif action == "start":
        yield from runbooks.start_all(human)
    elif action == "restart":
        yield from runbooks.restart(human, [*hung(cluster), *expired(human)][0])
    else:
        yield from runbooks.fix_backends(human)


def wait_for_server(human: Human) -> Loop:
    """SSH is refused until the machine is back; after a while she takes another."""
    cluster, habits = human.cluster, human.spec.habits
    server = lost_server(cluster)
    assert server is not None
    human.say(f"cannot reach {server.name} by SSH and tries again")
    tries = int(habits.gives_up / habits.ssh_retry)
    for _ in range(tries):
        yield from human.spend(habits.ssh_retry, "try SSH")
        if server.alive:
            human.say(f"is on {server.name} again")
            if "scheduling" in cluster.left_to_operator:
                yield from human.runbook("restore_server")
                yield from compose.up(cluster)
            return
    yield from runbooks.replace_server(human, server)


def deploy(human: Human, ask: Deploy, service: str) -> Loop:
    """A planned deploy: the platform's way, or by hand; who deploys watches it for a while."""
    cluster = human.cluster
    human.looking += 1
    human.deployed.pop(service, None)
    if ask.rollback:
        human.deployed[service] = ask.version
    if "rolling_updates" in cluster.left_to_operator:
        yield from human.command(f"`docker compose up -d {service}`")
        yield from compose.recreate(cluster, service, ask.version)
    else:
        cluster.set_version(service, ask.version)
    until = cluster.clock.now + human.spec.habits.deploy_watch
    while cluster.clock.now < until and cluster.versions[service] == ask.version:
        yield from human.wait(human.spec.alarm.look)
        if human.deployed.get(service) == ask.version and bad_version(human) == service:
            human.say(f"sees that {service} {ask.version.name} is bad")
            cluster.acted()
            yield from human.work(human.spec.diagnose, "diagnose")
            yield from runbooks.rollback(human, service)
            break
    human.looking -= 1


class Window:
    """What users got lately."""

    def __init__(self, alarm: Alarm) -> None:
        self.alarm = alarm
        self.seen: deque[tuple[float, PlaneGauge]] = deque()

    def add(self, now: float, gauge: PlaneGauge) -> int:
        """Take a look; returns how many connections were refused within the window."""
        self.seen.append((now, gauge))
        while self.seen[0][0] < now - self.alarm.window:
            self.seen.popleft()
        return gauge.connections_refused - self.seen[0][1].connections_refused

    def alarms(self, within_s: float | None = None) -> bool:
        """Was it bad over the last `within_s` (the whole window)?"""
        within_s = self.alarm.window if within_s is None else within_s
        latest = self.seen[-1][0] if self.seen else 0.0
        seen = [(t, gauge) for t, gauge in self.seen if t >= latest - within_s]
        if not seen:
            return False
        first, last = seen[0][1], seen[-1][1]
        whole = latest - seen[0][0] >= within_s - self.alarm.look
        waiting = min(gauge.jobs_queued for _, gauge in seen) if whole else 0
        failed = last.failed - first.failed
        return alarms(last.succeeded - first.succeeded, failed, waiting, self.alarm)

    def quiet(self) -> bool:
        """A whole window without an alarm."""
        span = self.seen[-1][0] - self.seen[0][0] if self.seen else 0.0
        return span >= self.alarm.window - self.alarm.look and not self.alarms()

    def forget(self) -> None:
        """Something was done: count anew from the next look."""
        self.seen.clear()
