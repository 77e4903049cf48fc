"""A database whose replica takes its primary's place: when the primary is gone, or when asked to.

Patroni: the primary says each `loop_wait` that it lives; a replica takes its place once it has been
silent for `ttl`, which is ttl - U(0, loop_wait) after its death, and clients get there through a
balancer that asks each server. Whoever is back before that stays what it was. A managed service is
described by the time that its provider publishes. The primary comes back as a replica; what it had
committed and not sent is lost. Sources: patroni.readthedocs.io, dynamic configuration and
replication modes; Patroni 3.0.2 and HAProxy 2.6, measured; Amazon RDS User Guide, Failing over a
Multi-AZ DB instance.
"""

from __future__ import annotations

from sim.constants.facts import Fact
from sim.control.core.clock import Loop, Rank, Task
from sim.control.core.cluster import Cluster, Container
from sim.schema.databases import Failover
from sim.schema.fields import LawSpec

_TAKES = "failover.takes says another time, by its law"
PROMOTION = Fact(
    "failover.promotion", 2.0, "s", "a replica that was chosen takes writes after so long",
    "Patroni 3.0.2 with PostgreSQL 15, measured: a planned switchover", fixed=_TAKES,
)  # fmt: skip
REROUTING = Fact(
    "failover.rerouting", 6.0, "s", "HAProxy lists it after two good checks, 3 s apart",
    "patroni/patroni haproxy.cfg: inter 3s fall 3 rise 2 on-marked-down shutdown-sessions",
    fixed=_TAKES,
)  # fmt: skip
MANAGED_LOW = Fact(
    "failover.managed_low", 60.0, "s", "a managed failover takes so long at least",
    "Amazon RDS User Guide, Failing over a Multi-AZ DB instance: typically 60-120 seconds",
    fixed=_TAKES,
)  # fmt: skip
MANAGED_HIGH = Fact(
    "failover.managed_high", 120.0, "s", "... and at most", MANAGED_LOW.source, fixed=_TAKES
)


def takes(rules: Failover | None) -> LawSpec:
    """From the decision (of a managed one: from the failure) until queries reach the new primary.
    Without anybody who does it, what a person then waits for."""
    if rules is not None and rules.takes is not None:
        return rules.takes
    if rules is None or rules.by == "patroni":
        return LawSpec(mean=PROMOTION.value + REROUTING.value)
    return evenly(MANAGED_LOW.value, MANAGED_HIGH.value)


def evenly(low: float, high: float) -> LawSpec:
    """Any time from one to the other, alike."""
    mean = (low + high) / 2.0
    return LawSpec(law="uniform", mean=mean, cv=(high - mean) / mean / 3.0**0.5)


def watch(cluster: Cluster, database: str, rules: Failover) -> Loop:
    """Look each `loop_wait` whether the primary is there; where it is silent for too long, a
    replica takes its place, or the failover fails and waits for a person."""
    clock, number = cluster.clock, cluster.stack.number(database)
    yield clock.after(rules.loop_wait * cluster.lot("failover/look", number), Rank.FAILOVER, number)
    heard_s = clock.now
    while True:
        if cluster.answering(cluster.primary_of(database)):
            heard_s = clock.now
            cluster.unpromote(database, False)
        elif clock.now - heard_s >= rules.ttl and database not in cluster.unpromoted:
            yield from fail_over(cluster, database, rules)
            heard_s = clock.now
        yield clock.after(rules.loop_wait, Rank.FAILOVER, number)


def fail_over(cluster: Cluster, database: str, rules: Failover) -> Loop:
    """The primary is given up: a replica is promoted, unless none serves, or it goes wrong."""
    text = f"{cluster.primary_of(database)} is given up as the primary of {database}"
    cluster.say("failover", database, text)
    cluster.acted()
    if not cluster.standby(database):
        cluster.say("failover_failed", database, f"{database} has no replica that serves")
        cluster.unpromote(database, True)
    elif cluster.random("failover/fails") < rules.fails:
        text = f"the failover of {database} fails: no replica is promoted"
        cluster.say("failover_failed", database, text)
        cluster.unpromote(database, True)
    else:
        takes_s = cluster.duration(takes(rules), "failover/takes")
        if rules.by == "managed":
            silent_s = cluster.clock.now - cluster.silent_s[cluster.primary_of(database)]
            takes_s = max(0.0, takes_s - silent_s)
        yield from promote(cluster, database, takes_s)


def promote(cluster: Cluster, database: str, takes_s: float) -> Loop:
    """The standby is the primary in so many seconds, and the primary, once it is back, a replica.
    One that lives hands over all that it has; one that hangs is fenced; one that is dead takes
    with it what it had not sent, one that is cut off also what it took until now."""
    primary, standby = cluster.primary_of(database), cluster.standby(database)
    lives = cluster.answering(primary)
    if not lives:
        follower = cluster.service(standby).follows or cluster.service(primary).follows
        law = follower.lag if follower is not None else LawSpec()
        alone = [c for c in cluster.of(primary, "running") if c.alive and not c.server.heard]
        failed_s = cluster.silent_s[primary]
        since_s = failed_s - cluster.duration(law, "failover/lag")
        cluster.lag(database, since_s, cluster.clock.now if alone else failed_s)
        for c in alone:
            cluster.clock.loop(rejoin(cluster, c))
    cluster.exchange(database, standby)
    for c in lives:
        cluster.reread(c)
    for c in [c for c in cluster.of(primary) if c.hung and c.alive]:
        cluster.exit(c, 1, "is fenced: it is no primary any more")
    yield cluster.clock.after(takes_s, Rank.FAILOVER, cluster.stack.number(database))
    for c in cluster.of(standby):
        cluster.reread(c)
    cluster.unpromote(database, False)
    cluster.say("promoted", database, f"{standby} is the primary of {database} now")


def rejoin(cluster: Cluster, c: Container) -> Loop:
    """It was cut off, and is a replica from when it is heard again."""
    changes = cluster.watch("server_heard")
    while not c.server.heard:
        yield changes.get()
    cluster.reread(c)


def switch_over(cluster: Cluster, database: str) -> Task[bool]:
    """Somebody asks for it while both are well; False: nobody is there who does it."""
    rules = cluster.service(database).failover
    if rules is None:
        return False
    yield from promote(cluster, database, cluster.duration(takes(rules), "failover/takes"))
    return True
