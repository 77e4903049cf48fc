"""What somebody changes and no process starts anew for: a configuration, a lock, a plan.

A configuration travels to all at once or replica by replica, and back as it came. It may lie there
unread until a process next starts. A lock and a plan stand in the database: PostgreSQL manual,
explicit-locking (a lock is waited for with the connection in hand, behind whoever holds it) and
planner-stats (without fresh statistics another plan is chosen).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sim.constants.facts import Fact
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container, Trouble
from sim.dataplane.codes import Does
from sim.dataplane.profile import Law, Profile
from sim.schema.fields import LawSpec
from sim.schema.scenario import BadPlan, ConfigPush, TableLock
from sim.schema.scenario_checks import with_config
from sim.schema.stack_checks import resolve

ANALYZE = Fact(
    "operator.analyze", 600.0, "s", "mean time to find the plan that changed, and to run ANALYZE",
    "chosen: 2 min to an hour", fixed="of an event; the stack's operator has her other times",
)  # fmt: skip

Rule = Callable[[Profile], Profile]


# ---- rules ----
def failing(share: float) -> Rule:
    """So many requests are answered with 500, beside those of its version."""
    return lambda rules: replace(rules, error_rate=1.0 - (1.0 - rules.error_rate) * (1.0 - share))


def dearer(factor: float) -> Rule:
    """Each query costs so many times its demand."""

    def times(law: Law) -> Law:
        return replace(law, mean=law.mean * factor)

    def planned(rules: Profile) -> Profile:
        steps, *endpoints = (
            tuple(
                replace(step, law=times(step.law)) if step.does == Does.QUERY else step
                for step in story
            )
            for story in (rules.steps, *rules.endpoints)
        )
        return replace(rules, query=times(rules.query), steps=steps, endpoints=tuple(endpoints))

    return planned


def locking(share: float) -> Rule:
    """So many queries wait, whatever else is locked; and who holds it has a connection."""
    return lambda rules: replace(
        rules,
        locked_share=max(rules.locked_share, share),
        connection_slots=max(0, rules.connection_slots - 1),
    )


# ---- a configuration ----
def config(cluster: Cluster, spec: ConfigPush) -> Loop:
    """Push it; a person may find it and push the old one back, or the push itself stops."""
    services = [resolve(cluster.stack, name) for name in spec.services]
    push = Push(cluster, spec, services)
    how = "replica by replica" if spec.stage else "at once"
    unread = ", unread until they start anew" if spec.latent else ""
    text = f"a configuration goes to {', '.join(services)} {how}{unread}"
    cluster.say("config", services[0], text)
    trouble = Trouble(
        "config", services[0], "somebody has pushed a configuration",
        "push the configuration before", cluster.stack.operator.command, push.back, change=True,
    )  # fmt: skip
    cluster.trouble(trouble)
    push.write()
    yield from push.travel()
    if push.halted and cluster.ended(trouble):
        yield from push.back()


class Push:
    """One configuration on its way, and back."""

    def __init__(self, cluster: Cluster, spec: ConfigPush, services: Sequence[str]) -> None:
        self.cluster, self.spec, self.services = cluster, spec, services
        self.old: dict[str, dict[str, Any]] = {}  # of each service, the fields that it changes
        self.rule = failing(spec.errors)
        self.taken_back = self.halted = False

    def write(self) -> None:
        """From now on whoever starts reads it."""
        for name in self.services:
            service = self.cluster.service(name)
            edited = with_config(service, self.spec.set)
            changed = [field for field, value in edited if value != getattr(service, field)]
            self.old[name] = {field: getattr(service, field) for field in changed}
            self.cluster.edit(name, **{field: getattr(edited, field) for field in changed})
            self.cluster.tune(name, self.rule)
            self.cluster.unreadable(name, self.spec.crash)

    def travel(self) -> Loop:
        """Each process that lives reads it in its turn; who watches stops after the first."""
        if self.spec.latent:
            return
        for c in self.readers():
            if self.taken_back:
                return
            self.read(c)
            if self.spec.stage:
                yield self.cluster.clock.after(self.spec.stage, Rank.FAULT)
                if self.spec.halts and (self.spec.crash or self.spec.errors > 0.0):
                    self.halted = True
                    text = f"the push is halted: {c.name}, which has it, fails"
                    self.cluster.say("config_halted", c.service, text)
                    self.cluster.acted()
                    return

    def readers(self) -> list[Container]:
        return [c for name in self.services for c in self.cluster.of(name) if c.alive]

    def read(self, c: Container) -> None:
        if not c.alive:
            return
        if self.spec.crash and not self.taken_back:
            self.cluster.exit(c, 1, "crashed on its configuration")
        else:
            self.cluster.reread(c)

    def back(self) -> Loop:
        """The one before goes the same way."""
        self.taken_back = True
        text = f"the configuration before goes to {', '.join(self.services)}"
        self.cluster.say("config_back", self.services[0], text)
        for name in self.services:
            self.cluster.edit(name, **self.old[name])
            self.cluster.untune(name, self.rule)
            self.cluster.unreadable(name, False)
        for c in self.readers():
            self.read(c)
            if self.spec.stage:
                yield self.cluster.clock.after(self.spec.stage, Rank.FAULT)


# ---- the database from inside ----
def tell_all(cluster: Cluster, services: Sequence[str]) -> None:
    """All processes of these services read what holds for them now."""
    for name in services:
        for c in cluster.of(name):
            cluster.reread(c)


def lock(cluster: Cluster, spec: TableLock) -> Loop:
    """A migration takes a lock that a share of all queries waits for: until it is through, until
    somebody cancels it, or until the database dies."""
    database = resolve(cluster.stack, spec.service)
    rule = locking(spec.share)
    cluster.say("lock", database, f"a migration locks what {spec.share:.0%} of all queries want")
    cluster.tune(database, rule)
    tell_all(cluster, [database])

    def unlocked() -> None:
        cluster.say("unlocked", database, f"{database} has no such lock any more")
        cluster.untune(database, rule)
        tell_all(cluster, [database])

    trouble = Trouble(
        "lock", database, "queries wait for a lock that a migration holds",
        "`SELECT pg_cancel_backend(...)`", cluster.stack.operator.command, unlocked, change=True,
    )  # fmt: skip
    cluster.trouble(trouble)
    over, exits = cluster.clock.after(spec.lasts, Rank.FAULT_ENDS), cluster.watch("exit")
    while not over.processed and any(c.alive for c in cluster.of(database)):
        yield over | exits.get()
    if cluster.ended(trouble):
        unlocked()


def bad_plan(cluster: Cluster, spec: BadPlan) -> None:
    """Every query of the database's clients costs more, until somebody finds out why."""
    clients = [name for name, s in cluster.stack.services.items() if s.database is not None]
    rule = dearer(spec.factor)
    subject = clients[0] if clients else cluster.entry
    text = f"the planner errs: queries cost {spec.factor:g} times as much"
    cluster.say("bad_plan", subject, text)
    for name in clients:
        cluster.tune(name, rule)
    tell_all(cluster, clients)

    def analyzed() -> None:
        cluster.say("analyzed", subject, "queries cost again what they did")
        for name in clients:
            cluster.untune(name, rule)
        tell_all(cluster, clients)

    usual = LawSpec(law="lognormal", mean=ANALYZE.value, cv=0.5)
    seen = "queries take longer than they did, with another plan"
    cluster.trouble(Trouble("bad_plan", subject, seen, "`ANALYZE`", usual, analyzed))
