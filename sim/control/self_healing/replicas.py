"""A queue that takes no writes unless enough replicas follow it (min-replicas-to-write).

Each second Redis counts those that have acknowledged within `min_replicas_max_lag`, and with fewer
answers every write with NOREPLICAS, takes of jobs as well. So a primary that is cut off loses what
it takes within that time and no more; and one whose only replica is gone takes nothing, either.
Each server has its own rule, and a replica none. Sources: redis 7.4 src/replication.c,
replicationCron and refreshGoodSlavesCount; redis.conf, min-replicas-to-write.
"""

from __future__ import annotations

from sim.constants.facts import Fact
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster
from sim.control.self_healing.failover import apart, serving
from sim.dataplane.arithmetic import INFINITY

COUNTED = Fact(
    "redis.replication_cron", 1.0, "s", "a primary counts its replicas, who acknowledge, so often",
    "redis 7.4 src/server.c, serverCron: replicationCron each second",
    fixed="compiled in",
)  # fmt: skip


def count(cluster: Cluster, queue: str) -> Loop:
    """For as long as it is a primary."""
    rules, number = cluster.service(queue), cluster.stack.number(queue)
    acknowledged = dict.fromkeys(cluster.stack.copies(queue), cluster.clock.now)
    while True:
        now = cluster.clock.now
        acknowledged |= dict.fromkeys(followers(cluster, queue), now)
        good = sum(now - at <= rules.min_replicas_max_lag for at in acknowledged.values())
        denied = primary(cluster, queue) and good < rules.min_replicas_to_write
        if denied != (queue in cluster.read_only):
            cluster.deny_writes(queue, denied)
            seen = f"{good} replicas have acknowledged within {rules.min_replicas_max_lag:g} s"
            text = f"{queue} takes {'no writes' if denied else 'writes again'}: {seen}"
            cluster.say("read_only" if denied else "writable", queue, text)
        yield cluster.clock.after(COUNTED.value, Rank.REPLICAS, number)


def primary(cluster: Cluster, queue: str) -> bool:
    """Does it think so? One that has been cut off goes on to, until it is told."""
    follows = cluster.service(queue).follows
    store = follows.primary if follows is not None else queue
    alone = cluster.parted.get(store) == cluster.plays.get(queue, cluster.stack.number(queue))
    its = [c for c in cluster.of(queue) if c.alive]
    untold = any(c.profile != cluster.profile(queue, c.version) for c in its)
    return alone or untold or cluster.primary_of(store) == queue


def followers(cluster: Cluster, queue: str) -> list[str]:
    """Of its copies those that hear it now; of one that has been replaced nobody does."""
    follows = cluster.service(queue).follows
    if cluster.primary_of(follows.primary if follows is not None else queue) != queue:
        return []
    copies = [name for name in cluster.stack.copies(queue) if serving(cluster, name)]
    return [name for name in copies if apart(cluster, queue, name) == INFINITY]
