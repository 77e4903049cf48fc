"""One run: a scenario on a stack under a platform with a seed. The two planes meet here.

`run_once` reads as numbered phases. The loop asks the control plane when its next event is, lets
the data plane run so far (or to the first instant of which the control plane must know), and then
takes one control event.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sim.control.core.clock import Clock, Loop, Rank
from sim.control.core.cluster import Cluster, Container, PortTakenError
from sim.control.core.recorder import Recorder
from sim.control.core.records import NonsenseError
from sim.control.faults.faults import Faults
from sim.control.load_balancing.haproxy import HAProxy, StaticAddress, addresses_of
from sim.control.people.human import Human
from sim.control.people.on_call import OnCall
from sim.control.resource_limits.profiles import profile_of
from sim.control.rolling_updates.recreate import place
from sim.dataplane.codes import Algorithm
from sim.dataplane.engines import choose, expected_requests, plane_class
from sim.dataplane.plane import DataPlane
from sim.dataplane.profile import Arrivals, Client, Routing, Workload
from sim.dataplane.tables import PlaneGauge
from sim.platforms import blaming, configured, layers, takes
from sim.platforms.platform import Platform
from sim.results import ledger
from sim.results.run import SERIES, Glance, OperatorFigures, Run
from sim.schema.layers import stack_on
from sim.schema.scenario import Scenario, Traffic, Version
from sim.schema.settings import split_settings
from sim.schema.stack import Stack
from sim.schema.traffic import TraceTimes, arrivals

CHECK_S = 60.0  # simulated seconds between two checks of the ledger, and calls of `progress`
SAMPLES = 172_800  # at most so many samples a run: one a second up to 48 h, coarser beyond
BOOT_ORDER = ("postgres", "redis", "other", "http", "worker", "proxy")
MOST_STEPS = 500_000  # of the control plane at one instant; beyond, time stands still for ever
Progress = Callable[[float, int, Glance], None]  # simulated seconds, requests so far, a look


def run_once(
    scenario: Scenario,
    stack: Stack,
    platform_name: str,
    seed: int,
    *,
    engine: str = "auto",
    progress: Progress | None = None,
) -> Run:
    """Replay the scenario once and return all that happened.

    `stack` is as loaded: what it and the scenario (`set:`) say for this platform is applied here.
    `engine`: reference, compiled, or auto. `progress(simulated_s, requests, glance)` is called each
    simulated minute. Raises `InputError` for a platform that does not exist, or whose own file
    breaks the run.
    """
    # 1. what runs: the stack on this platform, and the platform's ten choices
    platform = platform_of(scenario, platform_name)
    stack = stack_on(stack, layers(platform_name), scenario)
    takes(platform_name, platform, stack)

    # 2. the data plane: everything that acts once per request
    step_s = max(1.0, math.ceil(scenario.horizon / SAMPLES))
    come = arrivals_of(scenario.traffic)
    name = choose(engine, expected_requests(come, scenario.horizon))
    with blaming(platform_name):
        routing = routing_of(stack, platform)
    plane = plane_class(name)(
        Workload(
            seed=seed,
            horizon_s=scenario.horizon,
            arrivals=come,
            client=client_of(scenario),
            routing=routing,
            bucket_s=step_s,
        )
    )

    cluster = cluster_of(plane, stack, platform, seed)
    with blaming(platform_name, lambda: cluster.clock.now):
        # 3. the control plane, and the steady state of second 0
        bootstrap(cluster)

        # 4. who acts: the platform's controllers, the operator, and fate
        start_controllers(cluster, scenario)
        observer = Observer(cluster, scenario.horizon, step_s, progress)
        cluster.clock.loop(observer.run())
        cluster.clock.loop(observer.audit())
        cluster.clock.loop(observer.recorder.run())

        # 5. the two-plane loop
        advance(cluster, scenario.horizon)

    # 6. what is left
    observer.check()
    return finished(scenario, stack, platform_name, seed, name, cluster, observer)


def advance(cluster: Cluster, horizon_s: float) -> None:
    """Run both planes to the horizon, control events exactly at it included."""
    clock, plane, env, notice = cluster.clock, cluster.plane, cluster.clock.env, cluster.notice
    reached = before = -math.inf
    steps = 0  # of this instant
    while True:
        due = clock.due()
        until = min(due, horizon_s)
        if until != reached or plane.stirred:
            now, notices = plane.advance(until)
            clock.set(now)
            for told in notices:
                notice(told)
            reached = -math.inf if notices else until
            if notices:
                continue  # what they woke comes before the control events of this instant
        if due > horizon_s:
            return
        steps, before = (steps + 1 if due == before else 0), due
        if steps > MOST_STEPS:
            clock.stuck(steps)
        env.step()


# ---- phase 1 and 2: data ----
def platform_of(scenario: Scenario, name: str) -> Platform:
    """The platform with what the scenario and the command line set of it."""
    return configured(name, split_settings(scenario.set).platforms)


def arrivals_of(traffic: Traffic) -> Arrivals:
    found = arrivals(traffic)
    if isinstance(found, TraceTimes):
        return Arrivals(times_s=found.times_s)
    return Arrivals(found.start_s, found.rate, found.slope, found.end_s)


def client_of(scenario: Scenario) -> Client:
    spec, slo = scenario.traffic.client, scenario.slo
    return Client(
        timeout_s=spec.timeout,
        connect_timeout_s=spec.connect_timeout,
        retries=spec.retries,
        backoff_s=spec.backoff,
        backoff_cap_s=spec.backoff_cap,
        jitter=spec.jitter,
        budget=math.inf if spec.retry_budget is None else spec.retry_budget,
        slo_s=math.inf if slo.latency is None else slo.latency,
    )


def routing_of(stack: Stack, platform: Platform) -> Routing:
    """How requests find a replica at second 0: the platform's balancer, one that somebody has
    built, or none; one that is built during the run brings its own (`HAProxy.run`). Without
    published ports it is Docker's DNS, which shuffles (shared facts, orchestrators 1.5).
    """
    if platform.load_balancing is not None:
        routing: Routing = platform.load_balancing.routing()
        if not isinstance(routing, Routing):
            name = type(platform.load_balancing).__name__
            raise NonsenseError(
                f"{name}.routing(), which gives {routing!r:.40}", "a Routing", "load_balancing"
            )
        return routing
    entry = next((s for s in stack.services.values() if s.role == "http"), None)
    if entry is not None and entry.port is None:
        return Routing(algorithm=Algorithm.RANDOM, proxy=bool(stack.playing("proxy")))
    return HAProxy().routing() if built_by_hand(stack, platform) else Routing()


def built_by_hand(stack: Stack, platform: Platform) -> bool:
    """Several published addresses at second 0: then somebody has put HAProxy before them."""
    entry = next((s for s in stack.services.values() if s.role == "http"), None)
    by_hand = platform.load_balancing is None and platform.service_discovery is None
    return by_hand and entry is not None and entry.port is not None and entry.replicas > 1


# ---- phase 3: the steady state ----
def cluster_of(plane: DataPlane, stack: Stack, platform: Platform, seed: int) -> Cluster:
    empty = [f for f in platform.__dataclass_fields__ if getattr(platform, f) is None]
    shared = platform.scheduling is None and platform.service_discovery is None
    cluster = Cluster(
        clock=Clock(),
        plane=plane,
        stack=stack,
        seed=seed,
        profile_of=lambda name, version: profile_of(
            cluster.service(name), version, platform.resource_limits
        ),
        host_ports=shared,  # else each container has an address of its own
        choices=platform,
        left_to_operator=frozenset(empty),
    )
    return cluster


def bootstrap(cluster: Cluster) -> None:
    """Second 0: servers exist, every container runs, is warm and ready, users know where."""
    stack, scheduling = cluster.stack, cluster.choices.scheduling
    servers = stack.servers.count if scheduling is None else scheduling.servers(stack)
    if not isinstance(servers, int) or servers < 1:
        raise NonsenseError(f"{servers!r} servers", "a whole number of at least 1", "scheduling")
    for _ in range(servers):
        cluster.add_server()
    for role in BOOT_ORDER:
        for name in [n for n, s in stack.services.items() if s.role == role]:
            cluster.versions[name] = Version(name="v1")
            cluster.desired[name] = stack.services[name].replicas
            for _ in range(stack.services[name].replicas):
                boot(cluster, name)
    balanced = cluster.choices.load_balancing is not None or built_by_hand(stack, cluster.choices)
    cluster.point(addresses_of(cluster), balanced)
    cluster.publish([c for c in cluster.of(cluster.entry) if c.ready], proxy_of(cluster))


def boot(cluster: Cluster, service: str) -> None:
    server, port = place(cluster, service)
    if server is None:
        return  # whoever keeps the replicas will find it a place
    made = cluster.create(service, server, port=port)
    try:
        cluster.start(made, warm=True)
    except PortTakenError as taken:
        cluster.say("port_taken", made.name, f"{made.name} did not start: {taken}")
        return
    cluster.set_ready(made, True)


def proxy_of(cluster: Cluster) -> Container | None:
    """The container through which all traffic passes, if the stack has one."""
    proxies = [c for name in cluster.stack.playing("proxy") for c in cluster.of(name)]
    return proxies[0] if proxies else None


# ---- phase 4: who acts ----
def start_controllers(cluster: Cluster, scenario: Scenario) -> None:
    platform = cluster.choices
    for field in platform.__dataclass_fields__:
        run = getattr(getattr(platform, field), "run", None)
        if run is not None:
            made = run(cluster)
            if not isinstance(made, Generator):
                name = type(getattr(platform, field)).__name__
                found = f"{name}.run(), which gives {made!r:.40}"
                raise NonsenseError(found, "a loop: a function with `yield`", field)
            cluster.clock.loop(made)
    if cluster.host_ports:
        cluster.clock.loop(StaticAddress().run(cluster))
    if built_by_hand(cluster.stack, platform):
        cluster.clock.loop(HAProxy().run(cluster))
    human = Human(cluster, scenario.starts_at)
    cluster.clock.loop(OnCall(human).run(cluster))
    cluster.clock.loop(Faults(tuple(scenario.events), human).run(cluster))
    if not scenario.events:
        cluster.clock.loop(users_are_the_event(cluster, scenario.traffic))


def users_are_the_event(cluster: Cluster, traffic: Traffic) -> Loop:
    """Without events the fault is the first change of the traffic."""
    for point in traffic.points[1:2]:
        yield cluster.clock.at(point.at, Rank.FAULT)
        cluster.count.fault_s = cluster.clock.now


class Observer:
    """Looks once a second and writes nothing that anybody acts on."""

    def __init__(
        self, cluster: Cluster, horizon_s: float, step_s: float, progress: Progress | None
    ) -> None:
        self.cluster, self.step_s, self.progress = cluster, step_s, progress
        count = int(horizon_s / step_s) + 1
        self.series: dict[str, NDArray[np.float64]] = {
            "t_s": np.linspace(0.0, (count - 1) * step_s, count)
        }
        self.series |= {column: np.zeros(count) for column in SERIES}
        self.busy_s = 0.0  # when last seen
        self.highest_limit = 0
        self.closed = ledger.NONE_CLOSED  # what the ledger need not look at again
        self.told = 0  # rows of the timeline that `progress` has heard
        self.recorder = Recorder(cluster)

    def run(self) -> Loop:
        for k in range(len(self.series["t_s"])):
            yield self.cluster.clock.at(k * self.step_s, Rank.OBSERVER)
            for column, value in self.sample().items():
                self.series[column][k] = value
            self.recorder.second()

    def sample(self) -> dict[str, float]:
        cluster = self.cluster
        gauge = cluster.plane.gauge()
        before, self.busy_s = self.busy_s, gauge.busy_s
        self.highest_limit = max(self.highest_limit, gauge.connection_limit)
        running = [c for c in cluster.of(cluster.entry, "running") if c.alive]
        return {
            "in_flight": gauge.in_flight,
            "retries": gauge.retries,
            "jobs_queued": gauge.jobs_queued,
            "jobs_in_progress": gauge.jobs_in_progress,
            "connections": gauge.connections,
            "connection_limit": gauge.connection_limit,
            "connection_waits": gauge.connection_waits,
            "connections_refused": gauge.connections_refused,
            "replicas": len(running),
            "ready": sum(c.id in cluster.backends for c in running),
            "servers": sum(s.alive for s in cluster.servers),
            "cpu_busy": (gauge.busy_s - before) / self.step_s,
        }

    def audit(self) -> Loop:
        """The ledger must balance at every minute, not only at the end."""
        k = 1
        while True:
            yield self.cluster.clock.at(k * CHECK_S, Rank.OBSERVER, 1)
            self.check(int(k * CHECK_S / self.step_s) + 1)
            if self.progress is not None:
                gauge = self.cluster.plane.gauge()
                self.progress(self.cluster.clock.now, gauge.arrived, self.glance(gauge))
            k += 1

    def glance(self, gauge: PlaneGauge) -> Glance:
        rows = tuple(self.cluster.timeline[self.told :])
        self.told += len(rows)
        return Glance(gauge.succeeded, gauge.failed, gauge.jobs_queued, rows)

    def check(self, buckets: int | None = None) -> None:
        """`buckets`: so many from the first (what comes later has not been); at the end all."""
        plane = self.cluster.plane
        gauge: PlaneGauge = plane.gauge()
        self.highest_limit = max(self.highest_limit, gauge.connection_limit)
        now = self.cluster.clock.now
        recording = plane.recording()
        closed = ledger.NONE_CLOSED if buckets is None else self.closed
        rows = slice(closed.rows, buckets)
        seen = replace(
            recording,
            requests=recording.requests[rows],
            jobs=recording.jobs[rows],
            refused=recording.refused[rows],
        )
        ledger.check(plane.books(), seen, gauge, now, self.highest_limit, closed)
        if buckets is not None:
            self.closed = ledger.close(closed, seen, buckets - 1)


# ---- phase 6 ----
def finished(
    scenario: Scenario,
    stack: Stack,
    platform: str,
    seed: int,
    engine: str,
    cluster: Cluster,
    observer: Observer,
) -> Run:
    count, end = cluster.count, scenario.horizon
    rented = [
        ((end if s.released_s is None else s.released_s) - s.rented_s, s.price_per_hour)
        for s in cluster.servers
    ]
    seconds = sum(each for each, _ in rented)
    return Run(
        scenario=scenario.name + (f":{scenario.variant}" if scenario.variant else ""),
        stack=stack.name,
        platform=platform,
        seed=seed,
        engine=engine,
        horizon_s=end,
        slo_success=scenario.slo.success,
        slo_latency_s=scenario.slo.latency,
        down_below=scenario.slo.down_below,
        recording=cluster.plane.recording(),
        gauge=cluster.plane.gauge(),
        series=observer.series,
        timeline=tuple(cluster.timeline),
        fault_s=count.fault_s,
        detected_s=count.detected_s,
        containers_refused=count.containers_refused,
        operator=OperatorFigures(count.pages, count.hands_on_s(end) / 60.0, count.mistakes),
        server_seconds=seconds,
        usd=sum(each / 3600.0 * price for each, price in rented),
        spans=observer.recorder.finished(end),
    )
