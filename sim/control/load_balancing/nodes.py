"""A cloud's balancer before the servers of a platform on which any of them lets users in.

It passes connections on to a port that each server has (a NodePort, Swarm's routing mesh, an
ingress on each of them) and checks the servers, not what they run: of three a dead one, or one that
the network keeps from users, swallows a third of all new connections until its checks have failed
often enough, whatever the platform knows by then. Kubernetes does not help: since 1.27 a node that
is not Ready stays a target (KEP-3458, stable load balancer node sets). With `local`
(externalTrafficPolicy Local; Swarm's `mode: host`) who comes by a server stays there, and its
kube-proxy fails the check where no replica is ready: a rollout that moves replicas loses what comes
until the checks have seen it. Left out: connections that are open and pass a server that dies.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Server
from sim.control.core.wires import INTERNET, segment, torn
from sim.control.load_balancing.haproxy import LineHealth, checked, in_use

CONTROLLER = "kubernetes-sigs/aws-load-balancer-controller pkg/service/model_builder.go"
OTHERS = "; Google's cloud provider and ingress-gce: 8 s, 3 times, after 1 s; Azure's: 5 s, twice"
INTERVAL = Fact(
    "node_balancer.interval", 10.0, "s", "a Network Load Balancer checks each server so often",
    CONTROLLER + " defaultHealthCheckInterval" + OTHERS,
)  # fmt: skip
TIMEOUT = Fact(
    "node_balancer.timeout", 10.0, "s", "a check without an answer fails after this time",
    CONTROLLER + " defaultHealthCheckTimeout",
)  # fmt: skip
FALL = Fact(
    "node_balancer.fall", 3, "checks", "failed in a row until it gets no new connections",
    CONTROLLER + " defaultHealthCheckUnhealthyThreshold",
)  # fmt: skip
RISE = Fact(
    "node_balancer.rise", 3, "checks", "passed in a row until it gets some again",
    CONTROLLER + " defaultHealthCheckHealthyThreshold",
)  # fmt: skip
LEAST_UP = 1  # all servers get connections where none passes: it fails open


def serves(cluster: Cluster, server: Server) -> bool:
    """Has it a replica that is ready and stays? Source: kubernetes/kubernetes pkg/proxy/healthcheck
    (service_health.go): 503 without local endpoints."""
    return any(
        c.ready and not c.deleting and c.service == cluster.entry for c in cluster.on(server)
    )


def cut_off(cluster: Cluster, server: Server) -> bool:
    """From the balancer, which stands where users come from?"""
    return torn(cluster, segment(cluster, server), INTERNET)


@dataclass(frozen=True)
class NodeBalancer:
    """Its checks. Each new connection goes to one of the servers that pass, at random."""

    interval_s: float = constant(INTERVAL, above_zero=True)
    timeout_s: float = constant(TIMEOUT)
    fall: int = constant(FALL)
    rise: int = constant(RISE)
    # of a Service alone: an ingress knows all replicas. The controller's times are then 6 s, 2, 2
    local: bool = False

    def run(self, cluster: Cluster) -> Loop:
        """Register every server that joins, and check it until it is given back."""
        servers = cluster.watch("server_added", "server_released")
        targets = Registered(cluster, self.local)
        for server in cluster.servers:
            targets.add(self, server)
        while True:
            change = yield servers.get()
            if change.server is not None and change.kind == "server_added":
                targets.add(self, change.server)
            targets.publish()

    def check(self, targets: Registered, server: Server) -> Loop:
        """One after the other, from a phase of its own; a dead server lets each end by time."""
        clock, health = targets.cluster.clock, LineHealth()
        first_s = clock.now + targets.cluster.random("node_balancer/phase") * self.interval_s
        for tick in clock.ticks(self.interval_s, Rank.GATES, first_s, server.id):
            yield tick
            if server.released_s is not None:
                return
            reached = server.alive and not cut_off(targets.cluster, server)
            passed = reached and (not self.local or serves(targets.cluster, server))
            if not reached:
                yield clock.after(self.timeout_s, Rank.GATES, server.id, 1)
            was, health = health, checked(health, passed, self.fall, self.rise)
            if health.up != was.up:
                targets.turn(server, health.up)


class Registered:
    """The servers as the balancer knows them."""

    def __init__(self, cluster: Cluster, local: bool) -> None:
        self.cluster, self.local = cluster, local
        self.up: dict[int, bool] = {}

    def add(self, rules: NodeBalancer, server: Server) -> None:
        self.up[server.id] = True
        self.cluster.clock.loop(rules.check(self, server))
        self.publish()

    def turn(self, server: Server, up: bool) -> None:
        self.up[server.id] = up
        word = "UP" if up else "DOWN"
        text = f"the cloud's balancer marks {server.name} {word}"
        self.cluster.say("balancer", server.name, text)
        self.cluster.acted()
        self.publish()

    def publish(self) -> None:
        here = [s for s in self.cluster.servers if s.id in self.up and s.released_s is None]
        passing = in_use([self.up[s.id] for s in here], LEAST_UP)
        self.cluster.let_in([here[i] for i in passing], self.local)
