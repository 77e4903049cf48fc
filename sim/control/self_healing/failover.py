"""A database, queue or cache whose replica takes its primary's place: when that is gone, or when
asked to.

Patroni: the primary says each `loop_wait` that it lives; a replica takes its place once it has been
silent for `ttl`, which is ttl - U(0, loop_wait) after its death, and clients get there through a
balancer that asks each server. Whoever is back before that stays what it was. One that lives and
cannot say so steps down before its place is taken, also where the store of keys is gone and nobody
can take it; with `failsafe_mode` it goes on for as long as all its replicas answer it. A managed
service is described by the time that its provider publishes. The primary comes back as a replica;
what it had committed and not sent is lost. Three Sentinels ask Redis each second; if enough of them
have heard nothing for `ttl`, and as many can vote, one is elected and promotes the replica. It
fences nobody: a primary that is cut off goes on for its side, and what it takes is lost when it is
heard again. It tries again after two time-outs of a failover. Sources: redis 7.4 src/sentinel.c;
patroni.readthedocs.io, dynamic configuration, replication modes, DCS failsafe mode (3.0); Patroni
3.0.2 and HAProxy 2.6, measured; Amazon RDS User Guide, Failing over a Multi-AZ DB instance.
"""

from __future__ import annotations

import math
from itertools import product

from sim.constants.facts import Fact
from sim.control.core.clock import Loop, Rank, Task
from sim.control.core.cluster import Cluster, Container, Server
from sim.control.core.wires import segment, segments, torn, torn_since_s
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
CONVERTED = Fact(
    "sentinel.converted", 10.0, "s", "an old primary that is heard again is told so much later",
    "redis 7.4 src/sentinel.c: four periods of SENTINEL_PUBLISH_PERIOD, then the next INFO; Redis "
    "7.0.15, measured",
    fixed="compiled in",
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
    members: list[str] | None = None  # that it last knew of
    while True:
        if heard(cluster, store, rules):
            if rules.by == "patroni":
                yield from step_up(cluster, store, rules)
            heard_s = again_s = clock.now
            members = known(cluster, store) if rules.failsafe_mode else None
            cluster.unpromote(store, False)
        elif members is not None and failsafe(cluster, store, members):
            if heard_s == again_s:
                text = "goes on without its leader key: all its replicas answer it"
                cluster.say("failsafe", store, f"{cluster.primary_of(store)} {text}")
            heard_s = clock.now
        elif clock.now < max(heard_s + rules.ttl, again_s):
            if rules.by == "patroni" and clock.now <= heard_s + every_s:
                clock.loop(step_down(cluster, store, rules))
        elif rules.by == "managed" or agree(cluster, store, rules):
            again_s = clock.now + (yield from fail_over(cluster, store, rules))
            heard_s = clock.now
        yield clock.after(every_s, Rank.FAILOVER, number, part)


def step_down(cluster: Cluster, store: str, rules: Failover) -> Loop:
    """A primary that has failed to renew its key, and goes on failing, ends all connections before
    anybody else can have the key. One that hangs does nothing (that is what a watchdog is for)."""
    primary, number = cluster.primary_of(store), cluster.stack.number(store)
    retry_s = min(rules.retry_timeout, max(0.0, rules.ttl - rules.loop_wait) / 2.0)  # or it warns
    yield cluster.clock.after(retry_s, Rank.STEP_DOWN, number)
    still = primary == cluster.primary_of(store) and primary not in cluster.read_only
    if still and serving(cluster, primary) and not heard(cluster, store, rules):
        if not rules.shutdown_sessions:
            cluster.strand(store)  # who is cut off does not hear that it ends all connections
        cluster.deny_writes(primary, True)
        text = f"{primary} cannot renew its leader key, and steps down: no writes from now on"
        cluster.say("demoted", store, text)


def known(cluster: Cluster, store: str) -> list[str]:
    """Its replicas that are there."""
    copies = {store, *cluster.stack.replicas(store)} - {cluster.primary_of(store)}
    return [name for name in cluster.stack.services if name in copies and serving(cluster, name)]


def failsafe(cluster: Cluster, store: str, members: list[str]) -> bool:
    """Does the primary take writes, and hear all of these? So long none of them wants its place."""
    primary = cluster.primary_of(store)
    if primary in cluster.read_only or not serving(cluster, primary):
        return False
    return all(
        serving(cluster, name) and apart(cluster, primary, name) == math.inf for name in members
    )


def step_up(cluster: Cluster, store: str, rules: Failover) -> Loop:
    """It has its key still, and is the primary again."""
    primary, number = cluster.primary_of(store), cluster.stack.number(store)
    if primary in cluster.read_only:
        takes_s = cluster.duration(takes(rules), "failover/takes")
        yield cluster.clock.after(takes_s, Rank.FAILOVER, number, PARTS["postgres"])
        cluster.deny_writes(primary, False)
        cluster.say("promoted", store, f"{primary} is the primary of {store} again")


def watchers(cluster: Cluster) -> list[Server]:
    """The servers of three Sentinels, or of three members of Patroni's store. One whose server is
    dead is not there; one whose server is given back is started elsewhere."""
    homes = [cluster.servers[i % len(cluster.servers)] for i in range(SENTINELS.value)]
    return [home for home in homes if home.alive or home.released_s is not None]


def serving(cluster: Cluster, service: str) -> list[Container]:
    """Whoever hears of it."""
    return [c for c in cluster.of(service, "running") if c.alive and not c.hung]


def voters(cluster: Cluster) -> list[Server]:
    """Watchers that hear most of the three."""
    there = watchers(cluster)
    return [
        home for home in there if sum(passes(cluster, home, other) for other in there) >= MAJORITY
    ]


def missing(cluster: Cluster, store: str) -> list[Server]:
    """Of the voters those that hear nothing of the primary."""
    primary = [c.server for c in serving(cluster, cluster.primary_of(store))]
    return [
        home
        for home in voters(cluster)
        if not any(passes(cluster, home, server) for server in primary)
    ]


def passes(cluster: Cluster, home: Server, server: Server) -> bool:
    """Does a watcher hear this server? One that was started elsewhere hears what we hear."""
    if home.released_s is not None:
        return server.heard
    return not torn(cluster, segment(cluster, home), segment(cluster, server))


def heard(cluster: Cluster, store: str, rules: Failover | None) -> list[Container]:
    """The primary's processes that serve, unless most Sentinels hear nothing of it, or it reaches
    no member of Patroni's store that has a majority. A provider and a person look from where they
    are."""
    primary = cluster.primary_of(store)
    if rules is None or rules.by == "managed":
        return cluster.answering(primary)
    votes = len(missing(cluster, store))
    lost = votes >= MAJORITY if rules.by == "sentinel" else votes == len(voters(cluster))
    return [] if lost else serving(cluster, primary)


def agree(cluster: Cluster, store: str, rules: Failover) -> bool:
    """Do so many Sentinels, and more than half, miss the primary? Is there a majority of the store
    in which a replica could take its key?"""
    votes, why = len(missing(cluster, store)), "Patroni's store has no majority"
    if votes >= (max(rules.quorum, MAJORITY) if rules.by == "sentinel" else 1):
        return True
    if rules.by == "sentinel":
        why = f"{votes} of {SENTINELS.value} Sentinels agree"
    if store not in cluster.unpromoted:
        cluster.say("failover_failed", store, f"{why}: no replica of {store} is promoted")
        cluster.unpromote(store, True)
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
    now, or until it stepped down, or, a queue, what it goes on to take."""
    if store in cluster.parted:
        cluster.unite(store)
    primary, standby = cluster.primary_of(store), cluster.standby(store)
    role = cluster.service(primary).role
    lives = heard(cluster, store, cluster.service(store).failover)
    there = [c for c in cluster.of(primary, "running") if c.alive and not lives]
    alone = [c for c in there if not (c.hung and c.server.heard)]
    since_s = apart(cluster, primary, standby) if alone else math.inf
    if since_s == math.inf:
        since_s = cluster.silent_s.get(primary, cluster.clock.now)
    failed_s = since_s
    if not lives:
        follower = cluster.service(standby).follows or cluster.service(primary).follows
        law = follower.lag if follower is not None else LawSpec()
        since_s -= cluster.duration(law, LAGS.get(role, f"failover/{store}/lag"))
        if role == "postgres":
            until_s = cluster.read_only.get(primary, cluster.clock.now)
            cluster.lag(store, min(since_s, until_s), until_s if alone else failed_s)
    cluster.exchange(store, standby)
    if role == "postgres" and not alone:
        cluster.deny_writes(primary, False)
    for c in lives:
        cluster.reread(c)
    hung = [c for c in cluster.of(primary) if c.hung and c.alive]
    for c in hung if role == "postgres" else ():
        cluster.exit(c, 1, "is fenced: it is no primary any more")
    yield cluster.clock.after(takes_s, Rank.FAILOVER, cluster.stack.number(store), PARTS[role])
    rules = cluster.service(store).failover
    if role == "postgres" and rules is not None and not (lives or rules.shutdown_sessions):
        cluster.strand(store)
    if role == "redis" and not lives:
        cluster.lag(store, since_s, failed_s)
    for c in cluster.of(standby):
        cluster.reread(c)
    cluster.unpromote(store, False)
    cluster.say("promoted", store, f"{standby} is the primary of {store} now")
    for c in alone:
        if role == "redis" and c.alive:
            split(cluster, store, c, cluster.of(standby)[0])
        cluster.clock.loop(rejoin(cluster, c, store))


def apart(cluster: Cluster, primary: str, standby: str) -> float:
    """Since when nothing passes between the two; never: for ever."""
    ends = product(serving(cluster, primary), serving(cluster, standby))
    places = [[segment(cluster, c.server) for c in pair] for pair in ends]
    return min((torn_since_s(cluster, *place) for place in places), default=math.inf)


def split(cluster: Cluster, queue: str, old: Container, new: Container) -> None:
    """The old primary goes on, for who is on its side of the network."""
    ends = segment(cluster, old.server), segment(cluster, new.server)
    its = [s for s in segments(cluster) if s == ends[0] or not torn(cluster, s, ends[0])]
    cluster.part(queue, old, [s for s in its if torn(cluster, s, ends[1])])


def rejoin(cluster: Cluster, c: Container, store: str) -> Loop:
    """It was cut off, and is a replica once it is heard again; one whom a Sentinel has to tell so
    is a primary until then, to those who know no other."""
    changes, rules = cluster.watch("server_heard", "mended"), cluster.service(store).failover
    while not c.server.heard or apart(cluster, c.service, cluster.primary_of(store)) < math.inf:
        yield changes.get()
    if store in cluster.parted:
        if rules is not None:
            number, part = cluster.stack.number(store), PARTS["redis"]
            yield cluster.clock.after(CONVERTED.value, Rank.STEP_DOWN, number, part)
        if store in cluster.parted:
            cluster.unite(store)
            text = f"{c.name} has heard that it is a replica now: what it took alone is lost"
            cluster.say("demoted", store, text)
    cluster.deny_writes(c.service, False)


def switch_over(cluster: Cluster, database: str) -> Task[bool]:
    """Somebody asks for it while both are well; False: nobody is there who does it."""
    rules = cluster.service(database).failover
    if rules is None:
        return False
    yield from promote(cluster, database, cluster.duration(takes(rules), "failover/takes"))
    return True
