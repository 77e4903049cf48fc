"""HAProxy: it checks each line of its file on its own and leaves out those that are DOWN.

Rules and constants: shared facts, orchestrators section 7 and dataplane section 3 (HAProxy 2.6
measured, 3.5 read).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.core.check import Check
from sim.control.core.choices import Choices
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Address, Cluster, Container
from sim.control.core.wires import INTERNET, segment
from sim.control.service_discovery.addresses import at, send_to
from sim.dataplane.codes import MOST_UNUSED, Algorithm, StandingPlace
from sim.dataplane.profile import Routing

HAPROXY = "haproxy/haproxy include/haproxy/defaults.h, doc/configuration.txt @50872daa (3.5-dev5)"
INTER = Fact("haproxy.inter", 2.0, "s", "time between two checks of one server", HAPROXY)
FALL = Fact("haproxy.fall", 3, "checks", "failed checks in a row until DOWN", HAPROXY)
RISE = Fact("haproxy.rise", 2, "checks", "passed checks in a row until UP", HAPROXY)
CHECK_TIMEOUT = Fact(
    "haproxy.check_timeout", 2.0, "s", "a check without answer fails (inter, if not set)", HAPROXY
)
RETRIES = Fact("haproxy.retries", 3, "", "new attempts after a failed connection", HAPROXY)
RETRY_PAUSE = Fact(
    "haproxy.retry_pause", 1.0, "s", "before the same server is tried again", HAPROXY
)
CONNECT_TIMEOUT = Fact(
    "haproxy.connect_timeout", 5.0, "s", "of the article's kind of file: `timeout connect 5s`",
    "haproxy doc/configuration.txt, example of section 2.7",
)  # fmt: skip

QUEUE_TIMEOUT = Fact(
    "haproxy.queue_timeout", 5.0, "s", "a request waits for a place at a server; then 503",
    "haproxy doc/configuration.txt, timeout queue: the connect time-out where it is not set",
)  # fmt: skip
POOL_PURGE = Fact(
    "haproxy.pool_purge_delay", 5.0, "s", "with http-reuse: an idle connection is kept", HAPROXY
)
LEAST_UP = Fact(
    "haproxy.least_up", 0, "servers",
    "with fewer UP requests go to all lines; 0: never, the answer is 503. An Application Load "
    "Balancer's default is 1: it fails open",
    "haproxy doc/configuration.txt; AWS docs, target group health (minimum healthy target count)",
)  # fmt: skip


class LineHealth(NamedTuple):
    """What HAProxy knows of one server."""

    up: bool = True
    streak: int = 0  # checks in a row that contradict `up`


def checked(health: LineHealth, passed: bool, fall: int, rise: int) -> LineHealth:
    """HAProxy's counting: `fall` failures in a row make DOWN, `rise` passes in a row make UP.

    Source: haproxy src/check.c (shared facts, orchestrators section 7)."""
    if passed == health.up:
        return LineHealth(health.up, 0)
    streak = health.streak + 1
    turns = streak >= (fall if health.up else rise)
    return LineHealth(passed, 0) if turns else LineHealth(health.up, streak)


def in_use(up: Sequence[bool], least_up: int) -> tuple[int, ...]:
    """Which lines get requests: those that are UP; all of them when fewer than `least_up` are.

    Source: AWS docs, target-group-health (routing failover, "fail open"); HAProxy: `least_up` 0."""
    lines = tuple(line for line, is_up in enumerate(up) if is_up)
    return tuple(range(len(up))) if len(lines) < least_up else lines


# ---- HAProxy ----
@dataclass(frozen=True)
class HAProxy:
    """HAProxy with `balance roundrobin` and `option httpchk`: data per request, and its checks.

    Round robin is what the file says, and what one that says nothing meant before 3.3 (since
    3.3-dev8, commit 93cc18ac, it means `random(2)`).

    A bare TCP check would find a hung process healthy: the kernel accepts for it. `redispatch`: the
    next try goes to another server at once, as measured; by its manual only the last try does, but
    round robin over several servers without persistence need not wait for that (haproxy
    src/backend.c, stream_choose_redispatch)."""

    capability: ClassVar[str] = "load_balancing"
    inter_s: float = constant(INTER, above_zero=True)
    fall: int = constant(FALL)
    rise: int = constant(RISE)
    check_timeout_s: float = constant(CHECK_TIMEOUT)
    retries: int = constant(RETRIES)
    retry_pause_s: float = constant(RETRY_PAUSE)
    redispatch: bool = False
    connect_timeout_s: float = constant(CONNECT_TIMEOUT)
    algorithm: Algorithm = Algorithm.ROUND_ROBIN
    least_up: int = constant(LEAST_UP)
    maxconn: int = 0  # of each server line; 0: no limit, as where the file says nothing
    queue_timeout_s: float = constant(QUEUE_TIMEOUT)
    # the manual's `retry-on`: its default, or also when an answer is lost once the request was sent
    retry_on: Literal["conn_failure", "all_retryable_errors"] = "conn_failure"
    # `http-reuse`: safe, its default, sends what a client asks first over a connection of its own,
    # and here each request is the first; always keeps those that are idle
    http_reuse: Literal["safe", "always"] = "safe"
    pool_purge_s: float = constant(POOL_PURGE)

    def conflicts(self, platform: Choices) -> str:
        if platform.service_discovery is not None:
            return "HAProxy's file is written by hand: it needs service_discovery left empty"
        return ""

    def routing(self) -> Routing:
        return Routing(
            algorithm=self.algorithm,
            proxy=True,
            connect_timeout_s=self.connect_timeout_s,
            retries=self.retries,
            retry_pause_s=self.retry_pause_s,
            redispatch=self.redispatch,
            retry_errors=self.retry_on == "all_retryable_errors",
            maxconn=self.maxconn,
            queue_timeout_s=self.queue_timeout_s,
            keeps=MOST_UNUSED if self.http_reuse == "always" else 0,
            keeps_s=self.pool_purge_s,
        )

    def between(self) -> Routing:
        """Services call each other by names in Docker's DNS, which shuffles."""
        return Routing(algorithm=Algorithm.RANDOM)

    def run(self, cluster: Cluster) -> Loop:
        """Go live before all that users ask."""
        entry, *others = cluster.doors
        for service in others:
            cluster.clock.loop(self.before(cluster, service))
        yield from self.before(cluster, entry)

    def before(self, cluster: Cluster, service: str) -> Loop:
        """Check every line of a service's backend; start anew when it is edited (a reload)."""
        cluster.route(self.routing(), service)
        edits, front = cluster.watch("addresses"), cluster.front(service)
        loaded = Lines(cluster, service, self.least_up)
        phase = cluster.stream("haproxy/phase", service)
        cluster.clock.loop(loaded.follow())
        while True:
            loaded.load(front.addresses)
            for number, address in enumerate(front.addresses):
                if address.checked:  # out of step with each other
                    phase_s = cluster.random(phase) * self.inter_s
                    loaded.check(ServerLine(self, loaded, number, address), phase_s)
            while (yield edits.get()).service != service:
                pass  # another service's addresses


class ServerLine:
    """A line of the file to HAProxy's checks, for as long as this version of it is loaded."""

    def __init__(self, rules: HAProxy, file: Lines, number: int, address: Address) -> None:
        self.rules, self.file, self.number, self.address = rules, file, number, address
        self.version, self.health = file.version, LineHealth()

    def goes_on(self) -> bool:
        return self.file.version == self.version

    def asked(self) -> Container:
        return at(self.file.cluster, self.address, self.file.service)[0]

    def counted(self, passed: bool) -> float:
        was, rules = self.health, self.rules
        self.health = checked(was, passed, rules.fall, rules.rise)
        if self.health.up != was.up:
            self.file.turn(self.number, self.health.up)
        return rules.inter_s

    def steady(self) -> float | None:
        return self.rules.inter_s if self.health == LineHealth() else None

    def ended(self) -> None: ...


class Lines:
    """A service's lines of the balancer's file as loaded, and which of them are UP."""

    def __init__(self, cluster: Cluster, service: str, least_up: int) -> None:
        self.cluster, self.service, self.least_up = cluster, service, least_up
        self.version = 0
        self.addresses: tuple[Address, ...] = ()
        self.up: list[bool] = []
        self.checks: list[Check] = []

    def check(self, line: ServerLine, first_s: float) -> None:
        """Check a line from now on, the first time after `first_s` seconds."""
        timeout_s, place = line.rules.check_timeout_s, StandingPlace.BALANCER
        check = Check(
            self.cluster, line, Rank.DISCOVERY, line.number, timeout_s, place=place,
            asker=self.asks_from,
        )  # fmt: skip
        check.wait(first_s)
        self.checks.append(check)

    def asks_from(self) -> int:
        """The segment that it asks from: where requests come from, if no container plays it."""
        proxy = self.cluster.proxy_of()
        return INTERNET if proxy is None else segment(self.cluster, proxy.server)

    def recall(self) -> None:
        """Who is at an address may be another: the next question is asked by whoever knows."""
        for check in self.checks:
            check.recall()

    def load(self, addresses: tuple[Address, ...]) -> None:
        self.recall()
        self.version += 1
        self.checks.clear()
        self.addresses, self.up = addresses, [True] * len(addresses)
        self.publish()

    def turn(self, line: int, up: bool) -> None:
        """A line goes UP or DOWN."""
        self.up[line] = up
        address = self.addresses[line]
        place = f"server-{address.server + 1}" + (f":{address.port}" if address.port else "")
        word = "UP" if up else "DOWN"
        self.cluster.say("balancer", place, f"HAProxy marks {place} {word}")
        self.cluster.acted()
        self.publish()

    def publish(self) -> None:
        lines = [self.addresses[line] for line in in_use(self.up, self.least_up)]
        places = [c for a in lines for c in at(self.cluster, a, self.service)]
        send_to(self.cluster, places, self.service)

    def follow(self) -> Loop:
        """The place stays, whoever lives there changes: a recreated container is found again."""
        moves = self.cluster.watch("created", "started", "removed")
        while True:
            yield moves.get()
            self.recall()
            self.publish()
