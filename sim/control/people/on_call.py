"""The human: the slowest controller, with a pager.

Monitoring looks at what users get. An alarm becomes a page, a page wakes a person, the person logs
in, looks, and tries what she knows (repertoire.py), one thing after the other, with a look whether
it helped. One incident at a time; she stays until users are served. All her times are the stack's
(`operator:`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import simpy

from sim.control.core.clock import Loop, Rank, Task
from sim.control.core.cluster import Cluster
from sim.control.people import growth, runbooks
from sim.control.people.commands import provider_commands
from sim.control.people.human import Deployed, Human
from sim.control.people.monitoring import Sighting
from sim.control.people.repertoire import (
    Hypothesis,
    Remedy,
    Symptoms,
    candidates,
    colleague_takes,
    next_remedy,
    would_have_helped,
)
from sim.control.people.symptoms import (
    backing_off,
    backlogged,
    bad_version,
    crashes,
    dead_node,
    expired,
    hung,
    look,
    lost_server,
    maintained,
    provider_away,
    unlisted,
)
from sim.control.rolling_updates import compose
from sim.control.rolling_updates.script import is_scaled_by_hand
from sim.control.self_healing import managed
from sim.schema.scenario import Deploy


# ---- the controller ----
@dataclass(frozen=True)
class OnCall:
    """Monitoring, the pager, and the person behind it."""

    human: Human

    def run(self, cluster: Cluster) -> Loop:
        """Monitoring looks again and again; one incident at a time."""
        cluster.clock.loop(self.scale_by_hand(cluster))
        human, window = self.human, self.human.window
        incident: simpy.Process | None = None

        def calm() -> float:
            return math.inf if window.settled(cluster.stood_s) else 0.0

        def left_out(times: Sequence[float]) -> None:
            human.refused_lately = window.stood(times)

        look_s = human.spec.alarm.look
        for tick in cluster.ticks(
            look_s, Rank.OPERATOR, first_s=cluster.clock.now + look_s,
            calm=calm, left_out=left_out, chained=True,
        ):  # fmt: skip
            yield tick
            gauge = cluster.gauge()
            sighting = Sighting(cluster.clock.now, gauge, cluster.backlogs(gauge))
            human.refused_lately = window.add(sighting)
            is_open = incident is not None and incident.is_alive
            if not is_open and not human.looking and window.alarms():
                incident = cluster.clock.loop(self.incident(cluster))

    def incident(self, cluster: Cluster) -> Loop:
        """From the alarm to the last check. Alarms that pass by themselves page nobody."""
        human, spec = self.human, self.human.spec
        law = spec.detect if spec.monitoring else spec.complaint
        yield from human.wait(cluster.duration(law, "operator/detect"))
        if spec.monitoring and cluster.random("operator/unnoticed") < spec.unnoticed:
            yield from human.wait(cluster.duration(spec.unnoticed_costs, "operator/unnoticed_cost"))
        if not human.window.alarms(spec.alarm.confirm) or human.looking:
            return
        yield from self.page(cluster)
        human.looking += 1
        yield from human.login()
        human.say("looks around")
        effort = Troubleshooting(human)
        for _ in range(spec.people - 1):
            cluster.clock.loop(effort.assist())
        yield from effort.run()
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

    def scale_by_hand(self, cluster: Cluster) -> Loop:
        """Where nobody keeps the number of replicas, a wish is a command that she types."""
        wishes = cluster.watch("desired")
        while True:
            change = yield wishes.get()
            if is_scaled_by_hand(cluster):
                wanted = cluster.desired[change.service]
                yield from self.human.command(
                    f"`docker compose up -d --scale {change.service}={wanted}`"
                )
                yield from compose.scale(cluster, change.service, wanted)
                if cluster.front().balanced and cluster.host_ports and unlisted(cluster):
                    yield from runbooks.fix_backends(self.human)


class Troubleshooting:
    """What was tried in one incident, by her and whoever helps her, and whether it helped."""

    def __init__(self, human: Human) -> None:
        self.human, self.cluster = human, human.cluster
        self.tried: list[Hypothesis] = []
        self.in_hand: list[Remedy] = []  # somebody is about it
        self.over = False
        self.shown = Symptoms()  # what she acts upon
        self.lately: Symptoms | None = None  # what a dashboard still shows, since she last acted
        self.told = ""  # what she said when nothing was left

    def run(self) -> Loop:
        """Look, try, look again, until users are served."""
        human = self.human
        while True:
            yield from human.work(human.spec.diagnose, "diagnose")
            row = yield from self.guess()
            if row is not None:
                self.tried.append(row)
                self.lately = None
                yield from self.attempt(row, self.shown)
            elif not (yield from self.served()):
                self.look()
                if not self.in_hand and next_remedy(self.shown, self.tried) is None:
                    self.tell(self.shown)
                    yield from human.wait(human.spec.habits.idle_look)
            if (yield from self.served()):
                self.over = True
                return

    def assist(self) -> Loop:
        """A colleague, until it is over: takes what is plain and nobody is about."""
        human = self.human
        yield from human.login()
        yield from human.work(human.spec.diagnose, "diagnose")
        while not self.over:
            shown = look(human)
            row = colleague_takes(shown, self.tried, self.in_hand)
            if row is None:
                yield from human.wait(human.spec.habits.recheck)
            else:
                self.tried.append(row)
                yield from self.attempt(row, shown)

    def attempt(self, row: Hypothesis, shown: Symptoms) -> Loop:
        """One remedy, from the first step to the last."""
        self.in_hand.append(row.remedy)
        yield from DO[row.remedy](self.human, shown)
        self.in_hand.remove(row.remedy)
        if row.remedy != "wait":
            self.human.window.forget()

    def look(self) -> list[Hypothesis]:
        """What she sees, and what it suggests: now, or else within the last minutes."""
        self.shown = look(self.human)
        rows = candidates(self.shown, self.tried, self.in_hand)
        if rows and not rows[0].plain:
            self.lately = self.shown
        elif not rows and self.lately is not None and (self.shown.failing or self.shown.backlog):
            self.shown = self.lately
            rows = candidates(self.shown, self.tried, self.in_hand)
        return rows

    def guess(self) -> Task[Hypothesis | None]:
        """What she tries next. What lies before her she sees; else it takes a while, and then she
        looks again, and may take one cause for another."""
        human = self.human
        self.look()
        row = next_remedy(self.shown, self.tried, in_hand=self.in_hand)
        if row is None or row.plain:
            return row
        if not (row.reflex or row in self.tried):
            yield from human.work(human.spec.investigate, "investigate")
        misled = self.cluster.random("operator/misled") < human.spec.misled
        self.look()
        row = next_remedy(self.shown, self.tried, misled, self.in_hand)
        if row is not None and not row.plain:
            human.say(f"suspects: {row.guess}")
        return row

    def served(self) -> Task[bool]:
        """Wait for a quiet window; give up waiting as soon as something is plain to see."""
        human, habits = self.human, self.human.spec.habits
        looks = habits.patience * int(human.spec.alarm.window / habits.recheck)
        for _ in range(max(1, looks)):
            yield from human.wait(habits.recheck)
            if any(row.plain and row.remedy != "wait" for row in self.look()):
                return False
            if human.window.quiet():
                return True
        return False

    def tell(self, symptoms: Symptoms) -> None:
        """Nothing is left: said once, and again when it is another thing that would have helped."""
        text = would_have_helped(symptoms)
        if text != self.told and (symptoms.failing or symptoms.backlog):
            self.told = text
            self.human.say(f"has nothing left to try: what would have helped is {text}", "helpless")


# ---- remedies ----
def wait_for_server(human: Human, symptoms: Symptoms) -> Loop:
    """SSH is refused until the machine is back; after a while she takes another. Of a zone that is
    to be back the provider's status page tells: a backup would cost her hours, and rows."""
    cluster, habits = human.cluster, human.spec.habits
    server = lost_server(cluster)
    if server is None:
        return
    human.say(f"cannot reach {server.name} by SSH and tries again")
    tries = int(habits.gives_up / habits.ssh_retry)
    while tries > 0:
        tries -= not (server.zone in cluster.lost_zones and not server.gone)
        yield from human.spend(habits.ssh_retry, "try SSH")
        if server.answers:
            human.say(f"is on {server.name} again")
            if "scheduling" in cluster.left_to_operator:
                yield from human.runbook("restore_server")
                yield from compose.up(cluster)
            return
    yield from runbooks.replace_server(human, server)


def wait_for_provider(human: Human, symptoms: Symptoms) -> Loop:
    """She reads its events, and waits; once it is away for longer than was ever published, she asks
    for the failover that does not come, where there is a standby."""
    cluster, name = human.cluster, symptoms.provider_away
    c = cluster.managed[name]
    events, fails_over = provider_commands(cluster, name)
    yield from human.command(f"`{events}`")
    human.say(f"finds: {name} is its provider's to bring back")
    while provider_away(cluster) == name:
        if managed.rules_of(cluster, c).standby and managed.overdue(cluster, c):
            yield from human.command(f"`{fails_over}`")
            cluster.acted()
            yield from managed.fail_over(cluster, c)
        else:
            yield from human.wait(human.spec.habits.recheck)


def write_off(human: Human, symptoms: Symptoms) -> Loop:
    server = dead_node(human.cluster)
    if server is not None:
        yield from growth.write_off(human, server)


def fix_secret(human: Human, symptoms: Symptoms) -> Loop:
    if human.rotation is not None:
        yield from human.rotation.repair(human)


def restart_silent(human: Human, symptoms: Symptoms) -> Loop:
    for c in [*hung(human.cluster), *expired(human), *backing_off(human.cluster)][:1]:
        yield from runbooks.restart(human, c)


def scale_out(human: Human, symptoms: Symptoms) -> Loop:
    workers = backlogged(human) or human.cluster.stack.playing("worker")
    service = symptoms.hot or symptoms.busy or next(iter(workers), "")
    if service:
        yield from growth.scale_out(human, service)


def resize_server(human: Human, symptoms: Symptoms) -> Loop:
    for server in maintained(human.cluster)[:1]:
        yield from growth.resize_server(human, server)


DO: dict[Remedy, Callable[[Human, Symptoms], Loop]] = {
    "promote": lambda human, symptoms: runbooks.promote(human, symptoms.primary_lost),
    "wait_for_server": wait_for_server,
    "wait_for_provider": wait_for_provider,
    "write_off": write_off,
    "repair": lambda human, _: runbooks.repair(human, human.cluster.troubles[0]),
    "roll_back": lambda human, s: runbooks.rollback(human, s.bad_version or s.changed),
    "fix_secret": fix_secret,
    "raise_connections": lambda human, _: runbooks.raise_connections(human),
    "start": lambda human, _: runbooks.start_all(human),
    "restart_silent": restart_silent,
    "fix_backends": lambda human, _: runbooks.fix_backends(human),
    "add_pooler": lambda human, _: growth.add_pooler(human),
    "widen_pools": lambda human, _: growth.widen_pools(human, human.cluster.entry),
    "restart_busy": lambda human, symptoms: runbooks.restart_all(human, symptoms.busy),
    "scale_out": scale_out,
    "resize_server": resize_server,
    "rent": lambda human, symptoms: growth.rent(human, human.cluster.door(symptoms.busy)),
    "ask_provider": lambda human, _: growth.ask_provider(human),
    "shed": lambda human, symptoms: growth.shed(human, symptoms.busy),
    "wait": lambda human, _: human.wait(human.spec.habits.idle_look),
}


def deploy(human: Human, ask: Deploy, service: str) -> Loop:
    """A planned deploy: the platform's way, or by hand; who deploys watches it for a while."""
    cluster = human.cluster
    human.looking += ask.rollback
    deployed = Deployed(ask.version, cluster.clock.now)
    human.deployed[service] = deployed
    if "rolling_updates" in cluster.left_to_operator:
        yield from human.command(f"`docker compose up -d {service}`")
        yield from compose.recreate(cluster, service, ask.version)
    else:
        cluster.set_version(service, ask.version)
    if not ask.rollback:
        return
    until = cluster.clock.now + human.spec.habits.deploy_watch
    while cluster.clock.now < until and cluster.versions[service] == ask.version:
        yield from human.wait(human.spec.alarm.look)
        if human.deployed.get(service) is deployed and bad_version(human) == service:
            human.say(f"sees that {service} {ask.version.name} is bad")
            cluster.acted()
            yield from human.work(human.spec.diagnose, "diagnose")
            if not crashes(cluster, service):  # up, and wrong: is it this, and is it new?
                yield from human.work(human.spec.investigate, "investigate")
            yield from runbooks.rollback(human, service)
            break
    human.looking -= 1
