"""Nomad's scheduler and its clients: bin packing, and lost allocations that are placed elsewhere.

Rules: shared facts, orchestrators section 4 (hashicorp/nomad @aa026cc9 read).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop
from sim.control.core.cluster import Cluster, Server
from sim.control.scheduling.heartbeats import Heartbeats
from sim.control.scheduling.kubelet import Kubelet, TaskAgent
from sim.control.scheduling.placement import (
    Load,
    Resources,
    choose_apart,
    fits,
    load_of,
    requested,
)
from sim.control.scheduling.replicas import keep
from sim.dataplane.arithmetic import added
from sim.schema.stack import Stack

KILL_TIMEOUT = Fact(
    "nomad.kill_timeout", 5.0, "s", "signal, this wait, then SIGKILL",
    "hashicorp/nomad nomad/structs/structs.go @aa026cc9",
)  # fmt: skip
HEARTBEAT = "hashicorp/nomad nomad/heartbeat.go, nomad/config.go @aa026cc9"
SERVERS = Fact("nomad.servers", 3, "servers", "clients; its own servers cost extra", "chosen")
SERVERS_PRICE = Fact(
    "nomad.servers_price", 0.288, "USD/h", "three m5.large for its own servers and Consul",
    "nomadproject.io reference architecture: three or five servers; aws.amazon.com/ec2/pricing, "
    "us-east-1: 0.096 each, as quoted in 2025",
)  # fmt: skip
TTL_LEAST = Fact("nomad.heartbeat_ttl_least", 10.0, "s", "a client beats once a TTL", HEARTBEAT)
TTL_MOST = Fact("nomad.heartbeat_ttl_most", 20.0, "s", "10 s and a random part", HEARTBEAT)
BEAT_GRACE = Fact("nomad.heartbeat_grace", 10.0, "s", "after a TTL without a beat", HEARTBEAT)
WITHDRAWN = Fact(
    "consul.gossip_failure", 5.0, "s", "Consul fails a silent server's checks (serfHealth)",
    "derived: hashicorp/memberlist LAN defaults, one probe of 1 s and a suspicion of 4 x 1 s",
)  # fmt: skip
PULLS = "hashicorp/nomad nomad/structs/structs.go @aa026cc9: restart and reschedule of a service"
PULL_RETRY = Fact(
    "nomad.pull_retry", 15.0, "s", "a failed pull is tried again, at first in place; doubles", PULLS
)
PULL_RETRY_CAP = Fact("nomad.pull_retry_cap", 3600.0, "s", "... elsewhere, up to this", PULLS)
TASK_START = Fact("nomad.task_start", 1.0, "s", "mean from a placement to the process", "chosen")
TASK_START_CV = Fact("nomad.task_start_cv", 0.3, "", "deviation / mean of that time", "chosen")


def binpack_score(load: Load, wanted: Resources) -> float:
    """0..18: fuller is better. Source: structs/funcs.go ScoreFitBinPack: 20 - (10^free cores +
    10^free memory), free shares after placement, held between 0 and 18."""
    cores = 1.0 - (load.requested.cores + wanted.cores) / load.capacity.cores
    memory = 1.0 - (load.requested.memory + wanted.memory) / load.capacity.memory
    return min(18.0, max(0.0, 20.0 - math.pow(10.0, cores) - math.pow(10.0, memory)))


def even_spread(near: int, zones: Sequence[int]) -> float:
    """-1 and up: how much a `spread` over zones wants an allocation where `near` are, given those
    of each zone that has any; 0: none is placed yet.

    Source: hashicorp/nomad scheduler/spread.go evenSpreadScoreBoost."""
    if not zones:
        return 0.0
    least, most = min(zones), max(zones)
    if near != least:
        return (least - near) / least
    return -1.0 if least == most else (most - least) / least


def binpack_choice(loads: Sequence[Load], wanted: Resources, count: int) -> int | None:
    """The server of the best mean score: bin-packing (of 18), and a penalty of (allocations of the
    same group there + 1) / wanted count, and where servers have a zone the spread over zones; each
    only where it is not 0. None: blocked.

    Source: scheduler/feasible rank.go JobAntiAffinityIterator, ScoreNormalizationIterator."""
    zones = [n for n in {load.zone: load.near for load in loads if load.zone}.values() if n]

    def score(load: Load) -> float:
        scores = [binpack_score(load, wanted) / 18.0]
        if load.same and count > 1:
            scores.append(-(load.same + 1) / count)
        boost = even_spread(load.near, zones) if load.zone else 0.0
        if boost:
            scores.append(boost)
        return added(scores) / len(scores)

    able = [load for load in loads if fits(load, wanted)]
    return max(able, key=lambda load: (score(load), -load.id)).id if able else None


@dataclass(frozen=True)
class ClientAgent(TaskAgent):
    """How a client starts an allocation; nothing moves a host volume, and its group is placed on no
    other client (job specification, `volume`; HostVolumeChecker in scheduler/feasible.go)."""

    start_mean_s: float = constant(TASK_START)
    start_cv: float = constant(TASK_START_CV)
    pull_backoff_s: float = constant(PULL_RETRY, above_zero=True)
    pull_backoff_cap_s: float = constant(PULL_RETRY_CAP, above_zero=True)
    grace_s: float = constant(KILL_TIMEOUT)


@dataclass(frozen=True)
class NomadHeartbeats(Heartbeats):
    """Nomad's servers wait for a TTL and a grace; Consul's gossip is quicker."""

    least_s: float = constant(TTL_LEAST)
    most_s: float = constant(TTL_MOST)
    multiple: float = 1.0  # one TTL
    grace_s: float = constant(BEAT_GRACE)
    withdrawn_s: float = constant(WITHDRAWN)
    delay_s: float = 0.0


@dataclass(frozen=True)
class NomadScheduling:
    """Bin-packing with a dislike of equals on one server; lost allocations are replaced at once."""

    name: ClassVar[str] = "nomad_scheduling"
    console: ClassVar[str] = "nomad"

    default_servers: int = constant(SERVERS, above_zero=True)
    price_per_hour: float = constant(SERVERS_PRICE)
    kubelet: Kubelet = field(default_factory=ClientAgent)
    heartbeats: Heartbeats = field(default_factory=NomadHeartbeats)

    def servers(self, stack: Stack) -> int:
        return stack.servers.count or self.default_servers

    def choose(self, cluster: Cluster, service: str) -> Server | None:
        """A server for one more allocation; None if it is blocked."""
        able = [s for s in cluster.servers if s.ready and not s.cordoned and s.released_s is None]
        by_zone = cluster.by_zone(service)
        loads = [load_of(cluster, s, service, by_zone=by_zone) for s in able]
        wanted = requested(cluster, service)
        pick = partial(binpack_choice, wanted=wanted, count=cluster.desired[service])
        return choose_apart(cluster, service, loads, attrgetter("id"), pick)

    def run(self, cluster: Cluster) -> Loop:
        cluster.clock.loop(self.heartbeats.run(cluster))
        yield from keep(cluster)
