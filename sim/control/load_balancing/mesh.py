"""A service mesh: Envoy beside the callers, with outlier detection and panic mode.

Outlier detection is passive: it judges a replica by the answers to users' requests, so it sees a
replica that errs and passes every health check. It cannot see one that never answers before users
have left (the answer that would have come is nobody's). Rules: envoyproxy/envoy @00c7146d
source/common/upstream/outlier_detection_impl.cc; the consecutive failures themselves are counted
per request, in the data plane (`Routing.outlier_failures`). Left out: success rate and failure
percentage, of which the first needs five replicas with 100 requests each in ten seconds, and the
second is not enforced by default; jitter (0 by default).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container
from sim.control.load_balancing.proxies import ENTRY_PRICE
from sim.dataplane.codes import MOST_UNUSED, Algorithm
from sim.dataplane.profile import Routing

OUTLIER = "envoyproxy/envoy @00c7146d source/common/upstream/outlier_detection_impl.{h,cc}"
ISTIO = "istio.io/docs/concepts/traffic-management (retries), reference DestinationRule"
CONSECUTIVE = Fact("envoy.consecutive_5xx", 5, "failures", "in a row eject a replica", OUTLIER)
INTERVAL = Fact("envoy.interval", 10.0, "s", "between two looks at who may return", OUTLIER)
BASE = Fact("envoy.base_ejection_time", 30.0, "s", "times the number of ejections lately", OUTLIER)
LONGEST = Fact("envoy.max_ejection_time", 300.0, "s", "at most that long", OUTLIER)
MOST = Fact(
    "envoy.max_ejection_percent", 10.0, "%",
    "of the replicas may be ejected: with fewer than ten of them none", OUTLIER,
)  # fmt: skip
ALWAYS_ONE = Fact(
    "envoy.always_eject_one_host", False, "",
    "one replica may be ejected whatever the percentage (always so before 1.31)", OUTLIER,
)  # fmt: skip
PANIC = Fact(
    "envoy.healthy_panic_threshold", 50.0, "%",
    "with a smaller share of the replicas left, requests go to all of them",
    "envoyproxy.io docs, panic threshold; source/extensions/load_balancing_policies/common",
)  # fmt: skip
RETRIES = Fact("istio.retries", 2, "", "of a failed connection, each on another replica", ISTIO)
CONNECT_TIMEOUT = Fact("istio.connect_timeout", 10.0, "s", "of one try", ISTIO)
IDLE = Fact(
    "envoy.idle_timeout", 3600.0, "s", "an idle connection to a replica is kept",
    "envoyproxy.io api HttpProtocolOptions.idle_timeout",
)  # fmt: skip


# ---- rules ----
class Host(NamedTuple):
    """What outlier detection keeps about one replica."""

    factor: int = 0  # ejections, less those that are forgotten: multiplies the time
    ejected_s: float | None = None  # since when; None: it gets requests
    returned_s: float | None = None  # when it last came back


def may_eject(active: int, hosts: int, most_percent: float, always_one: bool) -> bool:
    """May one more of `hosts` be ejected while `active` are?

    Source: ejectHost: the percentage with the new one included; `always_eject_one_host`."""
    return 100.0 * (active + 1) / hosts <= most_percent or (always_one and active == 0)


def eject(host: Host, now_s: float, base_s: float, longest_s: float) -> Host:
    """Out from now on; the factor grows until the longest time is reached (ejectHost)."""
    grows = host.factor * base_s < longest_s + base_s
    return Host(host.factor + grows, now_s, host.returned_s)


def ejection_s(factor: int, base_s: float, longest_s: float) -> float:
    """How long an ejection lasts at least; it ends at a sweep (checkHostForUneject)."""
    return min(base_s * factor, longest_s)


def swept(host: Host, now_s: float, base_s: float, longest_s: float, interval_s: float) -> Host:
    """The replica after a sweep: it returns when its time is over, and one earlier ejection is
    forgotten at each sweep after a whole interval without one (onIntervalTimer)."""
    if host.ejected_s is not None:
        over = ejection_s(host.factor, base_s, longest_s) <= now_s - host.ejected_s
        return Host(host.factor, None, now_s) if over else host
    if host.returned_s is not None and now_s - host.returned_s >= interval_s:
        return host._replace(factor=max(0, host.factor - 1))
    return host


def admitted(
    listed: Sequence[int], ejected: Collection[int], panic_percent: float
) -> tuple[int, ...]:
    """Who gets requests: the listed without the ejected; all of them in panic mode.

    Source: LoadBalancerBase::isHostSetInPanic: a share of healthy ones below the threshold."""
    left = tuple(i for i in listed if i not in ejected)
    return tuple(listed) if 100.0 * len(left) < panic_percent * len(listed) else left


# ---- the mesh ----
@dataclass(frozen=True)
class MeshBalancing:
    """A sidecar's choices (Istio's defaults), with Envoy's outlier detection switched on.

    Envoy's least request compares two replicas drawn at random; here all are compared."""

    capability: ClassVar[str] = "load_balancing"
    algorithm: Algorithm = Algorithm.LEAST_CONNECTIONS
    connect_timeout_s: float = constant(CONNECT_TIMEOUT)
    retries: int = constant(RETRIES)
    consecutive_failures: int = constant(CONSECUTIVE)
    interval_s: float = constant(INTERVAL, above_zero=True)
    base_ejection_s: float = constant(BASE)
    max_ejection_s: float = constant(LONGEST)
    max_ejection_percent: float = constant(MOST)
    always_eject_one: bool = constant(ALWAYS_ONE)
    panic_percent: float = constant(PANIC)
    price_per_hour: float = constant(ENTRY_PRICE)
    idle_s: float = constant(IDLE)

    def routing(self) -> Routing:
        return Routing(
            algorithm=self.algorithm,
            proxy=True,
            connect_timeout_s=self.connect_timeout_s,
            retries=self.retries,
            redispatch=True,
            outlier_failures=self.consecutive_failures,
            keeps=MOST_UNUSED,
            keeps_s=self.idle_s,
        )

    def run(self, cluster: Cluster) -> Loop:
        """Eject whom the data plane tells of; sweep once per interval."""
        detector = Detector(cluster, self)
        outliers = cluster.watch("outlier", "removed")
        cluster.clock.loop(detector.sweeps())
        while True:
            change = yield outliers.get()
            if change.kind == "removed":
                detector.hosts.pop(change.container.id, None)
            else:
                detector.outlier(change.container)


class Detector:
    """Who is ejected, and since when."""

    def __init__(self, cluster: Cluster, mesh: MeshBalancing) -> None:
        self.cluster, self.mesh = cluster, mesh
        self.hosts: dict[int, Host] = {}
        cluster.admit(self.admitted)

    def ejected(self) -> set[int]:
        return {i for i, host in self.hosts.items() if host.ejected_s is not None}

    def admitted(self, listed: tuple[int, ...]) -> tuple[int, ...]:
        return admitted(listed, self.ejected(), self.mesh.panic_percent)

    def outlier(self, c: Container) -> None:
        """It has failed so often in a row."""
        cluster, mesh = self.cluster, self.mesh
        listed, out = cluster.front(c.service).listed, self.ejected()
        if c.id not in listed or c.id in out:
            return
        active = len(out.intersection(listed))
        if not may_eject(active, len(listed), mesh.max_ejection_percent, mesh.always_eject_one):
            return
        host = self.hosts.get(c.id, Host())
        host = eject(host, cluster.clock.now, mesh.base_ejection_s, mesh.max_ejection_s)
        self.hosts[c.id] = host
        seconds = ejection_s(host.factor, mesh.base_ejection_s, mesh.max_ejection_s)
        why = f"{mesh.consecutive_failures} failures in a row"
        cluster.say("ejected", c.name, f"{c.name} ejected for {seconds:g} s: {why}")
        cluster.acted()
        cluster.send(c.service)

    def sweeps(self) -> Loop:
        """Envoy's interval timer."""
        clock, mesh, k = self.cluster.clock, self.mesh, 1
        while True:
            yield clock.at(k * mesh.interval_s, Rank.OUTLIERS)
            k += 1
            before = self.ejected()
            for i, host in self.hosts.items():
                self.hosts[i] = swept(
                    host, clock.now, mesh.base_ejection_s, mesh.max_ejection_s, mesh.interval_s
                )
            back = before - self.ejected()
            for service in self.cluster.fronts if back else ():
                for c in self.cluster.of(service):
                    if c.id in back:
                        self.cluster.say("returned", c.name, f"{c.name} gets requests again")
                self.cluster.send(service)
