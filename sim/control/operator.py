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

from sim.control import passwords, recreate, runbooks
from sim.control.balancer import addresses_of
from sim.control.clock import Loop, Rank, Task
from sim.control.cluster import Cluster, Container, Server
from sim.control.human import Human
from sim.dataplane.interface import PlaneGauge
from sim.spec.facts import Fact
from sim.spec.scenario import Deploy

CHOSEN = "chosen: no source gives it; monitoring set-ups differ"
LOOK = Fact("monitoring.look", 10.0, "s", "monitoring looks at users' success", CHOSEN)
WINDOW = Fact("monitoring.window", 60.0, "s", "the time over which it counts", CHOSEN)
CONFIRM = Fact("monitoring.confirm", 30.0, "s", "bad until now, or nobody is paged", CHOSEN)
ALARM_SHARE = Fact("monitoring.alarm_share", 0.05, "", "share of failures that alarms", CHOSEN)
ALARM_FAILED = Fact("monitoring.alarm_failed", 3, "requests", "fewer never alarm", CHOSEN)
ALARM_JOBS = Fact("monitoring.alarm_jobs", 200, "jobs", "waiting for a whole window", CHOSEN)
RECHECK = Fact("operator.recheck", 10.0, "s", "she looks again while an incident is open", CHOSEN)
IDLE_LOOK = Fact(
    "operator.idle_look", 300.0, "s", "she looks again when nothing was left to do", CHOSEN
)
SSH_RETRY = Fact("operator.ssh_retry", 10.0, "s", "SSH is tried again", CHOSEN)
GIVES_UP = Fact(
    "operator.gives_up", 900.0, "s", "a server that stays away so long is replaced", CHOSEN
)
DEPLOY_WATCH = Fact(
    "operator.deploy_watch", 300.0, "s", "who deploys watches the new version so long", CHOSEN
)
LEAKS = Fact(
    "operator.leaks", 3.0, "x", "a new version that has grown so much is to blame for an OOM kill",
    CHOSEN,
)  # fmt: skip
REPLACED_OFTEN = Fact(
    "operator.replaced_often", 2, "exits", "of a new version make it a bad one", CHOSEN
)
Action = Literal[
    "wait_for_server", "rollback", "fix_secret", "raise_connections", "start", "restart",
    "fix_backends", "none",
]  # fmt: skip


# ---- rules ----
def alarms(succeeded: int, failed: int, jobs_always_waiting: int) -> bool:
    """Does monitoring alarm on a window? On users' errors, or on a queue nobody empties."""
    too_many = failed >= ALARM_FAILED.value and failed >= ALARM_SHARE.value * (succeeded + failed)
    return too_many or jobs_always_waiting >= ALARM_JOBS.value


@dataclass(frozen=True)
class View:
    """What she sees when she looks around; only what is left to her."""

    server_away: bool = False
    bad_version: bool = False
    locked_out: bool = False  # the database refuses a password that was forgotten somewhere
    connections_short: bool = False
    down: int = 0  # containers that nobody restarts
    hung: int = 0  # up, and answer nobody
    wrong_address: bool = False


def next_action(view: View) -> Action:
    """The first thing that has to be done: nothing helps while the server is away; restarting a bad
    version, or a process that the database refuses, only repeats the failure."""
    if view.server_away:
        return "wait_for_server"
    if view.bad_version:
        return "rollback"
    if view.locked_out:
        return "fix_secret"
    if view.connections_short:
        return "raise_connections"
    if view.down:
        return "start"
    if view.hung:
        return "restart"
    return "fix_backends" if view.wrong_address else "none"


# ---- what she sees ----
def look(human: Human) -> View:
    cluster = human.cluster
    return View(
        server_away=lost_server(cluster) is not None,
        bad_version=bad_version(human) is not None,
        locked_out=human.passwords is not None and bool(human.passwords.missed()),
        connections_short=connections_short(human),
        down=len(recreate.down(cluster)),
        hung=len(hung(cluster)),
        wrong_address=wrong_address(cluster),
    )


def lost_server(cluster: Cluster) -> Server | None:
    """A server that is away while nobody else moves its containers."""
    if "scheduling" not in cluster.left_to_operator:
        return None
    away = [s for s in cluster.servers if not s.alive and s.released_s is None]
    return next((s for s in away if cluster.on(s)), None)


def bad_version(human: Human) -> str | None:
    """A service whose deployed version fails: it exited, crash-loops, or answers with errors."""
    cluster = human.cluster
    for service, deployed in human.deployed.items():
        mine = [c for c in cluster.of(service) if c.version.image == deployed and not c.deleting]
        gone = cluster.failed.get((service, deployed), 0)  # replaced before she looked
        if any(failing(cluster, c) for c in mine) or gone >= REPLACED_OFTEN.value:
            return service
    return None


def failing(cluster: Cluster, c: Container) -> bool:
    if (c.state == "exited" and c.exit_code != 0 and c.server.alive) or c.restarts > 0:
        return True
    gauge = cluster.plane.container_gauge(c.id)
    if any(other.oom_killed for other in cluster.on(c.server)) and c.state == "running":
        base = cluster.service(c.service).memory.base
        if base and gauge.memory > LEAKS.value * base:
            return True  # `docker stats`: it has grown, and the kernel has killed a neighbour
    return gauge.errors >= ALARM_FAILED.value and gauge.errors >= 0.1 * gauge.served


def connections_short(human: Human) -> bool:
    """Processes die, or requests fail, for want of a database connection slot."""
    cluster = human.cluster
    if any(c.refused for c in cluster.containers if c.state == "exited" and not c.deleting):
        return True
    return human.refused_lately > 0


def hung(cluster: Cluster) -> list[Container]:
    """Up, silent, and no health check ends it."""
    checks = cluster.choices.health_checks if cluster.choices is not None else None
    return [
        c
        for c in cluster.containers
        if c.hung
        and c.state == "running"
        and c.alive
        and (checks is None or not checks.ends(cluster.service(c.service)))
    ]


def wrong_address(cluster: Cluster) -> bool:
    """Requests are sent to a place where nobody of ours lives."""
    if "service_discovery" not in cluster.left_to_operator:
        return False
    ours = {c.id for c in cluster.of(cluster.entry)}
    return any(backend not in ours for backend in cluster.backends)


def unlisted(cluster: Cluster) -> bool:
    """A replica runs whose address the balancer's file does not have."""
    return any(address not in cluster.addresses for address in addresses_of(cluster))


# ---- the controller ----
@dataclass(frozen=True)
class OnCall:
    """Monitoring, the pager, and the person behind it."""

    human: Human

    def run(self, cluster: Cluster) -> Loop:
        """Monitoring looks every ten seconds; one incident at a time."""
        cluster.clock.loop(self.scale_by_hand(cluster))
        seen = Window()
        incident: simpy.Process | None = None
        while True:
            yield cluster.clock.after(LOOK.value, Rank.OPERATOR)
            self.human.refused_lately = seen.add(cluster.clock.now, cluster.plane.gauge())
            is_open = incident is not None and incident.is_alive
            if seen.alarms() and not is_open and not self.human.looking:
                incident = cluster.clock.loop(self.incident(cluster, seen))

    def incident(self, cluster: Cluster, seen: Window) -> Loop:
        """From the alarm to the last check. Alarms that pass by themselves page nobody."""
        human, spec = self.human, self.human.spec
        law = spec.detect if spec.monitoring else spec.complaint
        yield from human.wait(cluster.duration(law, "operator/detect"))
        if not seen.alarms(CONFIRM.value) or human.looking:
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
                yield from human.wait(IDLE_LOOK.value)
            if (yield from self.served(cluster, seen)):
                break
        human.looking -= 1
        human.say("closes the incident", "closed")

    def page(self, cluster: Cluster) -> Loop:
        """The page and its fat tail: a silent phone, a wrong setting."""
        human, spec = self.human, self.human.spec
        hours = human.night or spec
        how = "operator paged" if spec.monitoring else "users complain to the operator"
        cluster.count.pages += 1
        cluster.say("page", "operator", how)
        cluster.acted()
        if cluster.random("operator/missed_page") < hours.missed_page:
            yield from human.wait(cluster.duration(spec.missed_page_costs, "operator/missed_cost"))
            cluster.count.pages += 1
            cluster.say("page", "operator", "the first page was missed; operator paged again")
        yield from human.wait(cluster.duration(hours.acknowledge, "operator/acknowledge"))
        human.say("acknowledges the page", "acknowledged")

    def served(self, cluster: Cluster, seen: Window) -> Task[bool]:
        """Wait for a quiet window; give up waiting as soon as something is left to do."""
        human = self.human
        patience = 6 * int(WINDOW.value / RECHECK.value)
        for _ in range(patience):
            yield from human.wait(RECHECK.value)
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
                yield from recreate.scale(cluster, change.service, wanted)
                if cluster.balanced and cluster.host_ports and unlisted(cluster):
                    yield from runbooks.fix_backends(self.human)


def act(human: Human, action: Action) -> Loop:
    """Do one thing."""
    cluster = human.cluster
    if action == "wait_for_server":
        yield from wait_for_server(human)
    elif action == "rollback":
        service = bad_version(human)
        assert service is not None
        yield from runbooks.rollback(human, service)
    elif action == "fix_secret":
        yield from passwords.repair(human)
    elif action == "raise_connections":
        yield from runbooks.raise_connections(human)
    elif action == "start":
        yield from runbooks.start_all(human)
    elif action == "restart":
        yield from runbooks.restart(human, hung(cluster)[0])
    else:
        yield from runbooks.fix_backends(human)


def wait_for_server(human: Human) -> Loop:
    """SSH is refused until the machine is back; after a quarter of an hour she takes another."""
    cluster = human.cluster
    server = lost_server(cluster)
    assert server is not None
    human.say(f"cannot reach {server.name} by SSH and tries again")
    tries = int(GIVES_UP.value / SSH_RETRY.value)
    for _ in range(tries):
        started = human.cluster.clock.now
        yield from human.wait(SSH_RETRY.value)
        human.hands(SSH_RETRY.value, "try SSH", started)
        if server.alive:
            human.say(f"is on {server.name} again")
            yield from human.runbook("restore_server")
            recreate.up(cluster)
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
        yield from recreate.recreate(cluster, service, ask.version)
    else:
        cluster.set_version(service, ask.version)
    until = cluster.clock.now + DEPLOY_WATCH.value
    while cluster.clock.now < until and cluster.versions[service] == ask.version:
        yield from human.wait(LOOK.value)
        if human.deployed.get(service) == ask.version and bad_version(human) == service:
            human.say(f"sees that {service} {ask.version.name} is bad")
            cluster.acted()
            yield from human.work(human.spec.diagnose, "diagnose")
            yield from runbooks.rollback(human, service)
            break
    human.looking -= 1


class Window:
    """The last minute of what users got."""

    def __init__(self) -> None:
        self.seen: deque[tuple[float, PlaneGauge]] = deque()

    def add(self, now: float, gauge: PlaneGauge) -> int:
        """Take a look; returns how many connections were refused within the window."""
        self.seen.append((now, gauge))
        while self.seen[0][0] < now - WINDOW.value:
            self.seen.popleft()
        return gauge.connections_refused - self.seen[0][1].connections_refused

    def alarms(self, within_s: float = WINDOW.value) -> bool:
        """Was it bad over the last `within_s`?"""
        latest = self.seen[-1][0] if self.seen else 0.0
        seen = [(t, gauge) for t, gauge in self.seen if t >= latest - within_s]
        if not seen:
            return False
        first, last = seen[0][1], seen[-1][1]
        whole = latest - seen[0][0] >= within_s - LOOK.value
        waiting = min(gauge.jobs_queued for _, gauge in seen) if whole else 0
        return alarms(last.succeeded - first.succeeded, last.failed - first.failed, waiting)

    def quiet(self) -> bool:
        """A whole window without an alarm."""
        span = self.seen[-1][0] - self.seen[0][0] if self.seen else 0.0
        return span >= WINDOW.value - LOOK.value and not self.alarms()

    def forget(self) -> None:
        """Something was done: count anew from the next look."""
        self.seen.clear()
