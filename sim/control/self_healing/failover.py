"""A database, queue or cache whose replica takes its primary's place: when that is gone, or when
asked to.

Patroni: the primary says each `loop_wait` that it lives; a replica takes its place once it has been
silent for `ttl`, which is ttl - U(0, loop_wait) after its death, and clients get there through a
balancer that asks each server. Whoever is back before that stays what it was. A managed service is
described by the time that its provider publishes. The primary comes back as a replica; what it had
committed and not sent is lost. Three Sentinels ask Redis each second; if enough of them have heard
nothing for `ttl`, and as many can vote, one is elected and promotes the replica. It fences nobody,
and tries again after two time-outs of a failover. Sources: redis 7.4 src/sentinel.c;
patroni.readthedocs.io, dynamic configuration and replication modes; Patroni 3.0.2 and HAProxy 2.6,
measured; Amazon RDS User Guide, Failing over a Multi-AZ DB instance.
"""

from __future__ import annotations

import math
from itertools import product

from sim.constants.facts import Fact
from sim.control.core.clock import Loop, Rank, Task
from sim.control.core.cluster import Cluster, Container, Server
from sim.control.core.wires import segment, torn, torn_since_s
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
PING = Fact(
    "sentinel.ping", 1.0, "s", "a Sentinel asks whether a server is there so often",
    "redis 7.4 src/sentinel.c: SENTINEL_PING_PERIOD", fixed="compiled in",
)  # fmt: skip
ELECTED = Fact(
    "sentinel.takes", 1.0, "s", "clients know the new primary so long after the old is given up",
    "Redis 7.0.15 with three Sentinels, measured; sentinel.c desynchronises by up to 1 s",
    fixed=_TAKES,
)  # fmt: skip
SENTINELS = Fact(
    "sentinel.count", 3, "Sentinels", "stand on the first servers, one after the other",
    "redis.io/docs, High availability with Redis Sentinel: at least three; the majority elects",
    fixed="chosen: as most have it",
)  # fmt: skip
MANAGED_LOW = Fact(
    "failover.managed_low", 60.0, "s", "a managed failover takes so long at least",
    "Amazon RDS User Guide, Failing over a Multi-AZ DB instance: typically 60-120 seconds",
    fixed=_TAKES,
)  # fmt: skip
MANAGED_HIGH = Fact(
    "failover.managed_high", 120.0, "s", "... and at most", MANAGED_LOW.source, fixed=_TAKES
)


MAJORITY = SENTINELS.value // 2 + 1

PARTS = {"postgres": 0, "redis": 1, "cache": 2}  # of an instant: their numbers begin at 0 each
LAGS = {"postgres": "failover/lag"}  # names the draws; of others, of each by itself


def takes(rules: Failover | None) -> LawSpec:
    """From the decision (of a managed one: from the failure) until queries reach the new primary.
    Without anybody who does it, what a person then waits for."""
    if rules is not None and rules.takes is not None:
        return rules.takes
    if rules is not None and rules.by == "sentinel":
        return LawSpec(mean=ELECTED.value)
    if rules is None or rules.by == "patroni":
        return LawSpec(mean=PROMOTION.value + REROUTING.value)
    return evenly(MANAGED_LOW.value, MANAGED_HIGH.value)


def evenly(low: float, high: float) -> LawSpec:
    """Any time from one to the other, alike."""
    mean = (low + high) / 2.0
    return LawSpec(law="uniform", mean=mean, cv=(high - mean) / mean / 3.0**0.5)


def watch(cluster: Cluster, store: str, rules: Failover) -> Loop:
    """Look each `loop_wait` whether the primary is there; where it is silent for too long, a
    replica takes its place, or the failover fails and waits for a person."""
    clock, number = cluster.clock, cluster.stack.number(store)
    sentinel, part = rules.by == "sentinel", PARTS[cluster.service(store).role]
    every_s = PING.value if sentinel else rules.loop_wait
    lot = cluster.lot("sentinel/look" if sentinel else "failover/look", number)
    yield clock.after(every_s * lot, Rank.FAILOVER, number, part)
    heard_s, again_s = clock.now, clock.now
    while True:
        if heard(cluster, store, rules):
            heard_s = again_s = clock.now
            cluster.unpromote(store, False)
        elif clock.now < max(heard_s + rules.ttl, again_s):
            pass
        elif not sentinel or agree(cluster, store, rules.quorum):
            again_s = clock.now + (yield from fail_over(cluster, store, rules))
            heard_s = clock.now
        yield clock.after(every_s, Rank.FAILOVER, number, part)


def watchers(cluster: Cluster) -> list[Server]:
    """The servers of three Sentinels, or of three members of Patroni's store. One whose server is
    dead is not there; one whose server is given back is started elsewhere."""
    homes = [cluster.servers[i % len(cluster.servers)] for i in range(SENTINELS.value)]
    return [home for home in homes if home.alive or home.released_s is not None]


def serving(cluster: Cluster, service: str) -> list[Container]:
    """Whoever hears of it."""
    return [c for c in cluster.of(service, "running") if c.alive and not c.hung]


def missing(cluster: Cluster, store: str) -> list[Server]:
    """Watchers that hear most of the three, and nothing of the primary."""
    there = watchers(cluster)
    primary = [c.server for c in serving(cluster, cluster.primary_of(store))]
    return [
        home
        for home in there
        if not any(passes(cluster, home, server) for server in primary)
        and sum(passes(cluster, home, other) for other in there) >= MAJORITY
    ]


def passes(cluster: Cluster, home: Server, server: Server) -> bool:
    """Does a watcher hear this server? One that was started elsewhere hears what we hear."""
    if home.released_s is not None:
        return server.heard
    return not torn(cluster, segment(cluster, home), segment(cluster, server))


def heard(cluster: Cluster, store: str, rules: Failover | None) -> list[Container]:
    """The primary's processes that serve, unless most who watch hear nothing of it. A provider and
    a person look from where they are."""
    primary = cluster.primary_of(store)
    if rules is None or rules.by == "managed":
        return cluster.answering(primary)
    return [] if len(missing(cluster, store)) >= MAJORITY else serving(cluster, primary)


def agree(cluster: Cluster, queue: str, quorum: int) -> bool:
    """Do so many Sentinels, and more than half, miss the primary?"""
    votes = len(missing(cluster, queue))
    if votes >= max(quorum, MAJORITY):
        return True
    if queue not in cluster.unpromoted:
        text = f"{votes} of {SENTINELS.value} Sentinels agree: no replica of {queue} is promoted"
        cluster.say("failover_failed", queue, text)
        cluster.unpromote(queue, True)
    return False


def fail_over(cluster: Cluster, store: str, rules: Failover) -> Task[float]:
    """The primary is given up: a replica is promoted, unless none serves, or it goes wrong. Seconds
    until whoever failed tries again."""
    text = f"{cluster.primary_of(store)} is given up as the primary of {store}"
    cluster.say("failover", store, text)
    cluster.acted()
    draws = f"failover/{store}" if rules.by == "sentinel" else "failover"
    failed = ""
    if not cluster.standby(store):
        failed = f"{store} has no replica that serves"
    elif cluster.random(f"{draws}/fails") < rules.fails:
        failed = f"the failover of {store} fails: no replica is promoted"
    if failed:
        cluster.say("failover_failed", store, failed)
        cluster.unpromote(store, True)
        return 2.0 * rules.timeout if rules.by == "sentinel" else math.inf
    takes_s = cluster.duration(takes(rules), f"{draws}/takes")
    if rules.by == "managed":
        silent_s = cluster.clock.now - cluster.silent_s[cluster.primary_of(store)]
        takes_s = max(0.0, takes_s - silent_s)
    yield from promote(cluster, store, takes_s)
    return 0.0


def promote(cluster: Cluster, store: str, takes_s: float) -> Loop:
    """The standby is the primary in so many seconds, and the primary, once it is back, a replica.
    One that lives hands over all that it has; one that hangs is fenced, if it is a database; one
    that is dead takes with it what it had not sent, one that is cut off also what it took until
    now."""
    primary, standby = cluster.primary_of(store), cluster.standby(store)
    role = cluster.service(primary).role
    lives = heard(cluster, store, cluster.service(store).failover)
    alone = [] if lives else serving(cluster, primary)
    since_s = apart(cluster, primary, standby) if alone else math.inf
    if since_s == math.inf:
        since_s = cluster.silent_s.get(primary, cluster.clock.now)
    failed_s = since_s
    if not lives:
        follower = cluster.service(standby).follows or cluster.service(primary).follows
        law = follower.lag if follower is not None else LawSpec()
        since_s -= cluster.duration(law, LAGS.get(role, f"failover/{store}/lag"))
        if role == "postgres":
            cluster.lag(store, since_s, cluster.clock.now if alone else failed_s)
        for c in alone:
            cluster.clock.loop(rejoin(cluster, c, store))
    cluster.exchange(store, standby)
    for c in lives:
        cluster.reread(c)
    hung = [c for c in cluster.of(primary) if c.hung and c.alive]
    for c in hung if role == "postgres" else ():
        cluster.exit(c, 1, "is fenced: it is no primary any more")
    yield cluster.clock.after(takes_s, Rank.FAILOVER, cluster.stack.number(store), PARTS[role])
    if role == "redis" and not lives:
        cluster.lag(store, since_s, failed_s)
    for c in cluster.of(standby):
        cluster.reread(c)
    cluster.unpromote(store, False)
    cluster.say("promoted", store, f"{standby} is the primary of {store} now")


def apart(cluster: Cluster, primary: str, standby: str) -> float:
    """Since when nothing passes between the two; never: for ever."""
    ends = product(serving(cluster, primary), serving(cluster, standby))
    places = [[segment(cluster, c.server) for c in pair] for pair in ends]
    return min((torn_since_s(cluster, *place) for place in places), default=math.inf)


def rejoin(cluster: Cluster, c: Container, store: str) -> Loop:
    """It was cut off, and is a replica from when it is heard again."""
    changes = cluster.watch("server_heard", "mended")
    while not c.server.heard or apart(cluster, c.service, cluster.primary_of(store)) < math.inf:
        yield changes.get()
    cluster.reread(c)


def switch_over(cluster: Cluster, database: str) -> Task[bool]:
    """Somebody asks for it while both are well; False: nobody is there who does it."""
    rules = cluster.service(database).failover
    if rules is None:
        return False
    yield from promote(cluster, database, cluster.duration(takes(rules), "failover/takes"))
    return True
