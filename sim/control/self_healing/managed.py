"""A database or a queue that a provider runs: it is none of the platform's, nor the operator's.

A process that ends is started again in place. One that is silent is given up: its standby in
another zone takes its place with all rows, in the time that the provider publishes; without one
another machine gets its disk. A failover that fails is asked for by hand (aws rds
reboot-db-instance --force-failover). Sources: Amazon RDS User Guide, Failing over a Multi-AZ DB
instance (failover.py has the times) and Rebooting a DB instance; for one alone see below.
"""

from __future__ import annotations

from sim.constants.facts import Fact
from sim.control.core.clock import Loop, Rank, Task
from sim.control.core.cluster import Cluster, Container
from sim.control.self_healing.failover import evenly, takes
from sim.schema.databases import Failover, Managed
from sim.schema.fields import LawSpec

_TAKES = "managed.takes says another time, by its law"
ALONE_LOW = Fact(
    "managed.alone_low", 600.0, "s", "a machine of one without a standby is replaced in so long",
    "vapb.github.io, RDS availability: typically 10-30 minutes; Amazon publishes no figure",
    fixed=_TAKES,
)  # fmt: skip
ALONE_HIGH = Fact(
    "managed.alone_high", 1800.0, "s", "... and at most", ALONE_LOW.source, fixed=_TAKES
)

RESTART = Fact(
    "managed.restart", 10.0, "s", "a process that ended is started again in place after so long",
    "chosen, between 5 and 60", fixed="no provider lets anybody set it",
)  # fmt: skip


QUEUE_LOW = Fact(
    "managed.queue_low", 15.0, "s", "a managed queue's copy is in its place after so long at least",
    "chosen: Amazon publishes none for ElastiCache or Amazon MQ; detection and a DNS name of 5 s",
    fixed=_TAKES,
)  # fmt: skip
QUEUE_HIGH = Fact(
    "managed.queue_high", 60.0, "s", "... and at most", QUEUE_LOW.source, fixed=_TAKES
)


def away(rules: Managed, role: str = "postgres") -> LawSpec:
    """From the moment at which it falls silent until another one serves in its place."""
    if role == "redis" and rules.standby and rules.takes is None:
        return evenly(QUEUE_LOW.value, QUEUE_HIGH.value)
    if rules.takes is not None or rules.standby:
        return takes(Failover(by="managed", takes=rules.takes))
    return evenly(ALONE_LOW.value, ALONE_HIGH.value)


def provide(cluster: Cluster) -> Loop:
    """Look after all that a provider runs."""
    changes = cluster.watch("managed")
    given_up: set[tuple[int, int]] = set()  # a process that is silent is given up once
    while True:
        c = (yield changes.get()).container
        if not cluster.stack.engine_of(c.service).machine:
            continue  # it comes back as it went
        if c.state == "exited":
            cluster.clock.loop(started_again(cluster, c))
        elif c.hung and (c.id, c.run) not in given_up:
            given_up.add((c.id, c.run))
            cluster.clock.loop(replaced(cluster, c))


def overdue(cluster: Cluster, c: Container) -> bool:
    """Is it silent for longer than a failover takes at most, as its provider publishes it?"""
    law = away(rules_of(cluster, c), cluster.service(c.service).role)
    most_s = law.mean * (1.0 + law.cv * 3.0**0.5) if law.law == "uniform" else 2.0 * law.mean
    return c.hung and cluster.clock.now - cluster.silent_s[c.service] >= most_s


def fail_over(cluster: Cluster, c: Container) -> Loop:
    """Somebody asks for it: as long as one takes that its provider begins."""
    if (yield from stays_away(cluster, c)):
        serves_elsewhere(cluster, c)


def stays_away(cluster: Cluster, c: Container) -> Task[bool]:
    """Is it silent for as long as another one needs to serve in its place?"""
    run, law = c.run, away(rules_of(cluster, c), cluster.service(c.service).role)
    wait_s = cluster.duration(law, f"managed/{c.service}")
    yield cluster.clock.after(wait_s, Rank.FAILOVER, cluster.stack.number(c.service))
    return c.run == run and c.alive and c.hung


def rules_of(cluster: Cluster, c: Container) -> Managed:
    """What its stack says of it."""
    rules = cluster.service(c.service).managed
    assert rules is not None
    return rules


def started_again(cluster: Cluster, c: Container) -> Loop:
    run = c.run
    yield cluster.clock.after(RESTART.value, Rank.FAILOVER, cluster.stack.number(c.service))
    if c.run == run and c.state == "exited":
        cluster.start(c, again=True)


def replaced(cluster: Cluster, c: Container) -> Loop:
    """What is silent makes way, unless it is heard of again before."""
    rules = rules_of(cluster, c)
    fails = rules.standby and cluster.random(f"managed/{c.service}/fails") < rules.fails
    if not (yield from stays_away(cluster, c)):
        return
    if not rules.standby and c.server.zone in cluster.lost_zones:
        return  # with its disk, until the zone is back
    if fails:
        cluster.say("failover_failed", c.service, f"{c.service}: its standby does not take over")
        return
    serves_elsewhere(cluster, c)


def serves_elsewhere(cluster: Cluster, c: Container) -> None:
    """The standby, or another machine, has its place."""
    standby = rules_of(cluster, c).standby
    cluster.acted()
    if standby:
        cluster.take_over(c)
    else:
        cluster.exit(c, 143, "makes way for another machine with its disk")
        cluster.start(c, warm=True)
    by = "its standby" if standby else "another machine"
    cluster.say("promoted", c.service, f"{c.service}: {by} serves in its place")
