"""Placement: which server takes a replica. Filter by requests, then score; real usage is ignored.

Pure rules; scheduler.py asks them. Rules and constants: shared facts, kubernetes section 6
(kubernetes/kubernetes pkg/scheduler apis/config/v1/default_plugins.go @01db4ae9; website
topology-spread-constraints @02aa04fe). Two choices beside upstream's defaults: bin packing, and a
hard spread. Of the default score plugins left out: ImageLocality (a few points for the images
here), NodeAffinity (no stack here asks for it), InterPodAffinity (but for the copies of a database:
`choose_apart`), TaintToleration (no PreferNoSchedule taint exists here). Left out as well: the
scheduler's own queue back-off. Nothing is ever moved to rebalance.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from sim.constants.facts import Fact
from sim.control.core.cluster import Cluster, Server
from sim.schema.stack import Service

PLUGINS = "kubernetes/kubernetes pkg/scheduler/apis/config/v1/default_plugins.go @01db4ae9"
FIT_WEIGHT = Fact(
    "scheduler.fit_weight", 1.0, "", "weight of LeastAllocated (NodeResourcesFit)", PLUGINS
)
BALANCE_WEIGHT = Fact(
    "scheduler.balance_weight", 1.0, "", "weight of NodeResourcesBalancedAllocation", PLUGINS
)
SPREAD_WEIGHT = Fact("scheduler.spread_weight", 2.0, "", "weight of PodTopologySpread", PLUGINS)
MAX_SKEW = Fact(
    "scheduler.max_skew", 3, "replicas",
    "default soft spread over servers (ScheduleAnyway): it only prefers",
    "kubernetes.io/docs topology-spread-constraints @02aa04fe",
)  # fmt: skip
ZONE_SKEW = Fact(
    "scheduler.zone_max_skew", 5, "replicas",
    "default soft spread over zones, where servers have such a label",
    "kubernetes.io/docs topology-spread-constraints @02aa04fe",
)  # fmt: skip
HARD_SKEW = Fact(
    "scheduler.hard_max_skew", 1, "replicas",
    "of a hard spread (DoNotSchedule), where one is asked for",
    "kubernetes.io/docs topology-spread-constraints @02aa04fe, its examples",
)  # fmt: skip
SMALLEST_CPU = Fact(
    "scheduler.default_cpu_request", 0.1, "cores", "counted in scores where nothing is requested",
    "kubernetes/kubernetes pkg/scheduler/util/pod_resources.go DefaultMilliCPURequest",
)  # fmt: skip
SMALLEST_MEMORY = Fact(
    "scheduler.default_memory_request", 200 * 1024**2, "bytes",
    "counted in scores where nothing is requested",
    "kubernetes/kubernetes pkg/scheduler/util/pod_resources.go DefaultMemoryRequest",
)  # fmt: skip
SERVERS = Fact(
    "kubernetes.servers", 3, "servers", "least size of a managed cluster that survives one loss",
    "chosen: one per zone is what managed services propose",
)  # fmt: skip


class Resources(NamedTuple):
    cores: float
    memory: int


UNASKED = Resources(SMALLEST_CPU.value, SMALLEST_MEMORY.value)


class Load(NamedTuple):
    """A server as the scheduler sees it."""

    id: int
    capacity: Resources
    requested: Resources  # by all that is placed there
    same: int  # replicas of the service there
    zone: str = ""
    near: int = 0  # replicas of the service in its zone

    def with_more(self, wanted: Resources, sign: int = 1) -> Load:
        """Were so much more requested there; `sign` -1: so much less."""
        cores = self.requested.cores + sign * wanted.cores
        memory = self.requested.memory + sign * wanted.memory
        return self._replace(requested=Resources(cores, memory))


# ---- rules ----
def requests(service: Service) -> Resources:
    """What the scheduler reserves; a limit without a request is the request.

    Source: kubernetes.io/docs manage-resources-containers; kubernetes/api core/v1 types.go."""
    cpu, memory = service.cpu, service.memory
    cores = cpu.request if cpu.request is not None else cpu.limit or 0.0
    return Resources(cores, memory.request if memory.request is not None else memory.limit or 0)


def requested(cluster: Cluster, service: str) -> Resources:
    """What one replica of a service of this cluster reserves."""
    return requests(cluster.service(service))


def fits(load: Load, wanted: Resources) -> bool:
    """Sum of requests <= capacity, for each resource (NodeResourcesFit filter)."""
    free = load.capacity.cores - load.requested.cores
    return (
        wanted.cores <= free + 1e-9  # sums of 0.1 cores are not exact
        and load.requested.memory + wanted.memory <= load.capacity.memory
    )


def scored(wanted: Resources, smallest: Resources = UNASKED) -> Resources:
    """What a score counts for a replica: its requests, or a little where nothing is requested.

    Source: scheduler/util/pod_resources.go GetNonzeroRequests."""
    return Resources(wanted.cores or smallest.cores, wanted.memory or smallest.memory)


def _shares(load: Load, wanted: Resources) -> tuple[float, float]:
    """Requested shares of cores and memory with the replica placed."""
    cores = (load.requested.cores + wanted.cores) / load.capacity.cores
    memory = load.requested.memory + wanted.memory
    return min(1.0, cores), min(1.0, memory / load.capacity.memory)


def least_allocated(load: Load, wanted: Resources) -> float:
    """0..100: the mean free share. Source: noderesources/least_allocated.go."""
    cores, memory = _shares(load, wanted)
    return 100.0 * (2.0 - cores - memory) / 2.0


def most_allocated(load: Load, wanted: Resources) -> float:
    """0..100: the mean used share; the fullest server wins (bin packing).

    Source: noderesources/most_allocated.go."""
    return 100.0 - least_allocated(load, wanted)


def balanced(load: Load, wanted: Resources) -> float:
    """0..100: less the standard deviation of the shares (of two: half their distance).

    Source: noderesources/balanced_allocation.go."""
    cores, memory = _shares(load, wanted)
    return 100.0 * (1.0 - abs(cores - memory) / 2.0)


def spread(
    same: Sequence[int], max_skew: int, near: Sequence[int] = (), zones: int = 0,
    zone_skew: int = ZONE_SKEW.value,
) -> list[float]:  # fmt: skip
    """0..100 for each server by its replicas of the service, and by those in its zone (`near`; of
    so many zones), if there are labels; fewer is better.

    Source: podtopologyspread/scoring.go: of each constraint count x log(domains + 2) + (maxSkew -
    1), their sum normalised as 100 (max + min - score) / max."""
    hosts = math.log(len(same) + 2)
    raw = [n * hosts + (max_skew - 1) for n in same]
    if zones:
        weight = math.log(zones + 2)
        raw = [r + n * weight + (zone_skew - 1) for r, n in zip(raw, near, strict=True)]
    most, least = max(raw, default=0.0), min(raw, default=0.0)
    return [100.0 * (most + least - r) / most if most else 100.0 for r in raw]


def within_skew(same: int, domains: Sequence[int], max_skew: int) -> bool:
    """May one more replica go where `here` are, given those in all domains? (DoNotSchedule.)

    A cordoned or silent server is a domain too, with its zero replicas (nodeTaintsPolicy: Ignore is
    the default): it may hold up all others. Source: podtopologyspread/filtering.go, here + 1 - the
    least of all <= maxSkew."""
    return same + 1 - min(domains, default=0) <= max_skew


def best(
    loads: Sequence[Load],
    wanted: Resources,
    max_skew: int,
    weights: tuple[float, float, float],
    pack: bool = False,
    smallest: Resources = UNASKED,
    zone_skew: int = ZONE_SKEW.value,
) -> int | None:
    """The id of the server for a replica: filter, score, the lowest id among equals.

    `pack`: the fullest server instead of the emptiest. (Upstream breaks ties at random; here a run
    must be its seed alone.) None: unschedulable."""
    allocated = most_allocated if pack else least_allocated
    able = [load for load in loads if fits(load, wanted)]
    wanted = scored(wanted, smallest)
    zones = len({load.zone for load in able} - {""})
    near = [load.near for load in able]
    spreads = spread([load.same for load in able], max_skew, near, zones, zone_skew)
    scores = [
        weights[0] * allocated(load, wanted)
        + weights[1] * balanced(load, wanted)
        + weights[2] * apart
        for load, apart in zip(able, spreads, strict=True)
    ]
    ranked = min(zip(scores, able, strict=True), key=lambda p: (-p[0], p[1].id), default=None)
    return None if ranked is None else ranked[1].id


T = TypeVar("T")


def choose_apart(
    cluster: Cluster, service: str, nodes: list[T], ident: Callable[[T], int],
    pick: Callable[[list[T]], int | None],
) -> Server | None:  # fmt: skip
    """The server that is picked of these, if it can be one away from copies of the same database:
    CloudNativePG 1.25, scheduling: podAntiAffinityType: preferred is its default (there by server,
    and by zone if the topologyKey says so; Zalando's operator has it off by default)."""
    able = {ident(node) for node in nodes}
    servers = [server for server in cluster.servers if server.id in able]
    away = {server.id for server in cluster.apart(service, servers)}
    chosen = pick([node for node in nodes if ident(node) in away])
    if chosen is None and len(away) < len(able):
        chosen = pick(nodes)
    return next((server for server in servers if server.id == chosen), None)


# ---- what schedulers ask ----
def load_of(
    cluster: Cluster, server: Server, service: str,
    reserved: Callable[[Service], Resources] = requests, by_zone: Counter[str] | None = None,
) -> Load:  # fmt: skip
    """A server with everything placed on it, whatever state that is in. `reserved`: what each
    replica of a service counts for; `by_zone`: its replicas, where they are chosen by zone."""
    cores, memory, same = 0.0, 0, 0
    each: dict[str, Resources] = {}
    for c in cluster.on(server):
        if c.service not in each:
            each[c.service] = reserved(cluster.service(c.service))
        cores += each[c.service].cores
        memory += each[c.service].memory
        same += c.service == service and not c.deleting
    return Load(
        server.id,
        Resources(server.cores, server.memory),
        Resources(cores, memory),
        same,
        server.zone,
        by_zone[server.zone] if by_zone else 0,
    )
