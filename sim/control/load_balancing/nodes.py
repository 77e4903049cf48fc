"""A cloud's balancer before the servers of a platform on which any of them lets users in.

It passes connections on to a port that each server has (a NodePort, Swarm's routing mesh, an
ingress on each of them) and checks the servers, not what they run: of three a dead one, or one that
the network keeps from users, swallows a third of all new connections until its checks have failed
often enough, whatever the platform knows by then. Kubernetes does not help: since 1.27 a node that
is not Ready stays a target (KEP-3458, stable load balancer node sets). With `local`
(externalTrafficPolicy Local; Swarm's `mode: host`) who comes by a server stays there, and its
kube-proxy fails the check where no replica is ready: a rollout that moves replicas loses what comes
until the checks have seen it.

Connections that users have open by a server that dies hang, until their client gives up or the
balancer ends them. AWS' ends them when the checks have failed; Google's leaves them as they are
(connectionPersistenceOnUnhealthyBackends, DEFAULT_FOR_PROTOCOL: 1d here). A server that is to be
given back leaves the list when its drain begins, one that is merely drained does not (`kubectl
drain` says nothing to it) unless somebody has `cordoned_leave`. What is open goes on until the
server is given back, or until a delay is over with `connection_termination`: AWS' default is not to
end it (and no attribute of an ALB), Google's 0 s unless set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Server
from sim.control.core.wires import INTERNET, lossy, missed, segment
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
UNHEALTHY_DELAY = Fact(
    "node_balancer.unhealthy_delay", 0.0, "s", "what is open by one that fails its checks ends",
    "docs.aws.amazon.com NLB, target_health_state.unhealthy.connection_termination.enabled "
    "(true), draining_interval_seconds",
)  # fmt: skip
DEREGISTRATION_DELAY = Fact(
    "node_balancer.deregistration_delay", 300.0, "s", "... by one that was taken out",
    "docs.aws.amazon.com NLB, deregistration_delay.timeout_seconds",
)  # fmt: skip
TERMINATION = Fact(
    "node_balancer.connection_termination", False, "", "what is open then ends, too",
    "docs.aws.amazon.com API_TargetGroupAttribute, read in 2026: of Network Load Balancers alone, "
    "deregistration_delay.connection_termination.enabled, false but for UDP; Google's drains end",
)  # fmt: skip
LEAST_UP = 1  # all servers get connections where none passes: it fails open


def serves(cluster: Cluster, server: Server) -> bool:
    """Has it a replica that is ready and stays? Source: kubernetes/kubernetes pkg/proxy/healthcheck
    (service_health.go): 503 without local endpoints."""
    return any(
        c.ready and not c.deleting and c.service == cluster.entry for c in cluster.on(server)
    )


@dataclass(frozen=True)
class NodeBalancer:
    """Its checks. Each new connection goes to one of the servers that pass, at random."""

    interval_s: float = constant(INTERVAL, above_zero=True)
    timeout_s: float = constant(TIMEOUT)
    fall: int = constant(FALL)
    rise: int = constant(RISE)
    # of a Service alone: an ingress knows all replicas. The controller's times are then 6 s, 2, 2
    local: bool = False
    unhealthy_delay_s: float = constant(UNHEALTHY_DELAY)
    deregistration_delay_s: float = constant(DEREGISTRATION_DELAY)
    connection_termination: bool = constant(TERMINATION)
    cordoned_leave: bool = False  # somebody takes out what is cordoned, and puts it back

    def run(self, cluster: Cluster) -> Loop:
        """Register every server that joins, and check it until it is given back."""
        servers = cluster.watch("server_added", "server_released", "cordoned")
        targets = Registered(cluster, self)
        for server in cluster.servers:
            targets.add(server)
        while True:
            change = yield servers.get()
            if change.server is not None and change.kind == "server_added":
                targets.add(change.server)
            targets.publish()
            if change.server is not None and change.kind == "server_released":
                cluster.hang_up(change.server)

    def check(self, targets: Registered, server: Server) -> Loop:
        """One after the other, from a phase of its own; a dead server lets each end by time."""
        cluster, health = targets.cluster, LineHealth()
        first_s = cluster.clock.now + cluster.random("node_balancer/phase") * self.interval_s

        def serving() -> bool:
            return not self.local or serves(cluster, server)

        def calm() -> float:
            """Nothing is lost on the way, and it passes as it did."""
            reached = server.alive and not lossy(cluster, INTERNET, segment(cluster, server))
            same = reached and checked(health, serving(), self.fall, self.rise) == health
            return math.inf if same or server.released_s is not None else 0.0

        for tick in cluster.ticks(self.interval_s, Rank.GATES, first_s, server.id, calm=calm):
            yield tick
            if server.released_s is not None:
                return
            lost = missed(cluster, INTERNET, server, self.timeout_s)  # it stands with users
            reached = server.alive and not lost
            passed = reached and serving()
            if not reached:
                yield cluster.clock.after(self.timeout_s, Rank.GATES, server.id, 1)
            was, health = health, checked(health, passed, self.fall, self.rise)
            if health.up != was.up:
                targets.turn(server, health.up)


class Registered:
    """The servers as the balancer knows them, and who of them gets new connections."""

    def __init__(self, cluster: Cluster, rules: NodeBalancer) -> None:
        self.cluster, self.rules = cluster, rules
        self.up: dict[int, bool] = {}
        self.listed: list[Server] = []
        self.left_s: dict[int, float] = {}  # when it left that list last

    def add(self, server: Server) -> None:
        self.up[server.id] = True
        self.cluster.clock.loop(self.rules.check(self, server))
        self.publish()

    def target(self, server: Server) -> bool:
        """Is it registered?"""
        taken_out = server.leaves or (self.rules.cordoned_leave and server.cordoned)
        return server.id in self.up and server.released_s is None and not taken_out

    def turn(self, server: Server, up: bool) -> None:
        self.up[server.id] = up
        word = "UP" if up else "DOWN"
        text = f"the cloud's balancer marks {server.name} {word}"
        self.cluster.say("balancer", server.name, text)
        self.cluster.acted()
        self.publish()
        if not up:
            self.let_go(server, self.rules.unhealthy_delay_s)

    def publish(self) -> None:
        here = [s for s in self.cluster.servers if self.target(s)]
        passing = in_use([self.up[s.id] for s in here], LEAST_UP)
        before, self.listed = self.listed, [here[i] for i in passing]
        self.cluster.let_in(self.listed, self.rules.local)
        for server in before:
            if server not in self.listed:
                self.left_s[server.id] = self.cluster.clock.now
            if not self.target(server) and server.released_s is None:
                text = f"{server.name} is taken out of the cloud's balancer"
                self.cluster.say("balancer", server.name, text)
                if self.rules.connection_termination:
                    self.let_go(server, self.rules.deregistration_delay_s)

    def let_go(self, server: Server, delay_s: float) -> None:
        """What is open by it ends, unless it comes back before."""
        self.cluster.clock.loop(self.ends(server, delay_s, self.left_s.get(server.id)))

    def ends(self, server: Server, delay_s: float, left_s: float | None) -> Loop:
        yield self.cluster.clock.after(delay_s, Rank.GATES, server.id, 2)
        if server not in self.listed and self.left_s.get(server.id) == left_s:
            self.cluster.hang_up(server)
