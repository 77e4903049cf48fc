"""Second 0: the records that both planes begin with, the steady state, and who acts next."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace

from sim.control.core.choices import TEN, AtTheEdge, Choices, Gated, able
from sim.control.core.clock import Clock, Loop, Rank
from sim.control.core.cluster import Cluster, PortTakenError
from sim.control.core.records import NonsenseError
from sim.control.core.wires import wire, wire_users
from sim.control.faults.faults import Faults
from sim.control.load_balancing.haproxy import HAProxy
from sim.control.people.human import Human
from sim.control.people.on_call import OnCall
from sim.control.resource_limits.profiles import client_of, law, profile_in
from sim.control.rolling_updates.compose import place
from sim.control.self_healing import failover, managed, replicas
from sim.control.service_discovery.addresses import StaticAddress, addresses_of
from sim.dataplane.codes import Algorithm
from sim.dataplane.plane import DataPlane
from sim.dataplane.profile import Client, Profile, Routing, Way
from sim.platforms.platform import Platform, servers_of
from sim.schema.jobs import ScheduledJobs
from sim.schema.scenario import Scenario, Version
from sim.schema.stack import Role, Stack
from sim.schema.traffic import Traffic

FIRST = Version(name="v1")
BOOT_ORDER: tuple[Role, ...] = ("postgres", "redis", "cache", "other", "http", "worker", "proxy")


# ---- data ----
def users_of(scenario: Scenario) -> Client:
    latency = scenario.slo.latency
    users = client_of(scenario.traffic.client)
    return replace(users, slo_s=math.inf if latency is None else latency)


def ways_of(stack: Stack) -> tuple[Way, ...]:
    """In which ways users ask, by the numbers of services and endpoints."""
    endpoints = {service: [None, *names] for service, names in stack.answering.items()}
    return tuple(
        Way(share, stack.number(service), endpoints[service].index(name))
        for service, name, share in stack.ways
    )


def routing_between(platform: Choices) -> Routing:
    """How calls between services find a replica: by the platform's balancer, as far as it stands
    between services; else by Docker's DNS, which shuffles."""
    balancer = platform.load_balancing
    if balancer is None or able(balancer, AtTheEdge):
        return balancer.between() if balancer is not None else Routing(algorithm=Algorithm.RANDOM)
    return balancer.routing()


def routing_of(stack: Stack, platform: Choices, door: str = "") -> Routing:
    """How users' requests find a replica at second 0: the platform's balancer, one that somebody
    has built, or none; one that is built during the run brings its own (`HAProxy.run`). Without
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
    asked = stack.services.get(door or stack.entry)
    if asked is not None and asked.port is None:
        return Routing(algorithm=Algorithm.RANDOM, proxy=bool(stack.playing("proxy")))
    return HAProxy().routing() if built_by_hand(stack, platform) else Routing()


def built_by_hand(stack: Stack, platform: Choices) -> bool:
    """Several published addresses of a service at second 0: then somebody has put HAProxy before
    all that users ask."""
    by_hand = platform.load_balancing is None and platform.service_discovery is None
    asked = [stack.services[door] for door in stack.doors if door]
    return by_hand and any(s.port is not None and s.replicas > 1 for s in asked)


# ---- the steady state ----
def cluster_of(
    plane: DataPlane, stack: Stack, platform: Platform, seed: int,
    profiles: dict[tuple[str, Version], Profile],
) -> Cluster:  # fmt: skip
    """`profiles`: of the stack as it is at second 0, which are those of every seed."""

    def profile_of(name: str, version: Version) -> Profile:
        now = cluster.stack
        if now is not stack:  # somebody has edited it
            return profile_in(now, name, version, platform.resource_limits)
        if (name, version) not in profiles:
            profiles[name, version] = profile_in(now, name, version, platform.resource_limits)
        return profiles[name, version]

    empty = [f for f in platform.__dataclass_fields__ if getattr(platform, f) is None]
    shared = platform.scheduling is None and platform.service_discovery is None
    cluster = Cluster(
        clock=Clock(),
        plane=plane,
        stack=stack,
        seed=seed,
        profile_of=profile_of,
        host_ports=shared,  # else each container has an address of its own
        choices=platform,
        left_to_operator=frozenset(empty),
    )
    return cluster


def bootstrap(cluster: Cluster) -> None:
    """Second 0: servers exist, every container runs, is warm and ready, users know where."""
    stack = cluster.stack
    servers = servers_of(cluster.choices, stack)
    if not isinstance(servers, int) or servers < 1:
        raise NonsenseError(f"{servers!r} servers", "a whole number of at least 1", "scheduling")
    network = stack.network
    laws = law(network.same_server), law(network.same_zone), law(network.between_zones)
    wire(cluster, *laws)
    wire_users(cluster, law(network.users))
    for _ in range(servers):
        cluster.add_server()
    for name in stack.playing("external"):
        cluster.outside(name)
    for name, rented in stack.managed().items():
        cluster.provide(name, rented.size[:2])
    for name in [name for name in boot_order(stack) if name not in cluster.managed]:
        cluster.begin(name, FIRST, stack.services[name].replicas)
        for _ in range(stack.services[name].replicas):
            boot(cluster, name)
    balanced = cluster.choices.load_balancing is not None or built_by_hand(stack, cluster.choices)
    for service in cluster.fronts:
        if service in cluster.doors[1:]:
            cluster.route(routing_of(stack, cluster.choices, service), service)
        elif service != cluster.entry:
            cluster.route(routing_between(cluster.choices), service)
        read = balanced and service in cluster.doors
        cluster.point(addresses_of(cluster, service), read, service)
        ready = [c for c in cluster.of(service) if c.ready]
        cluster.publish(ready, cluster.proxy_of(service), service)


def boot_order(stack: Stack) -> list[str]:
    """By role, and whoever is asked before those that ask it; else as in the file."""
    order: list[str] = []

    def add(name: str) -> None:
        for other in stack.calls(name):
            if stack.services[other].role == stack.services[name].role:
                add(other)
        if name not in order:
            order.append(name)

    for role in BOOT_ORDER:
        for name in stack.playing(role):
            add(name)
    return order


def boot(cluster: Cluster, service: str) -> None:
    server, port = place(cluster, service)
    if server is None:
        return  # whoever keeps the replicas will find it a place
    container = cluster.create(service, server, port=port)
    try:
        cluster.start(container, warm=True)
    except PortTakenError as taken:
        cluster.say("port_taken", container.name, f"{container.name} did not start: {taken}")
        return
    cluster.set_ready(container, True)


# ---- who acts ----
def start_controllers(cluster: Cluster, scenario: Scenario) -> Faults:
    """The platform's loops, the operator, and fate, to which events may be added later on."""
    platform = cluster.choices
    for field in TEN:
        choice = getattr(platform, field)
        if hasattr(choice, "run"):  # a Controller
            loop = choice.run(cluster)
            if not isinstance(loop, Generator):
                name = type(choice).__name__
                found = f"{name}.run(), which gives {loop!r:.40}"
                raise NonsenseError(found, "a loop: a function with `yield`", field)
            cluster.clock.loop(loop)
    balancer = platform.load_balancing
    if able(balancer, Gated) and balancer.nodes is not None:
        cluster.clock.loop(balancer.nodes.run(cluster))
    for name, service in cluster.stack.services.items():
        if service.failover is not None:
            cluster.clock.loop(failover.watch(cluster, name, service.failover))
        if service.min_replicas_to_write > 0:
            cluster.clock.loop(replicas.count(cluster, name))
    if cluster.managed:
        cluster.clock.loop(managed.provide(cluster))
    if cluster.host_ports:
        cluster.clock.loop(StaticAddress().run(cluster))
    if built_by_hand(cluster.stack, platform):
        cluster.clock.loop(HAProxy().run(cluster))
    for number, jobs in enumerate(cluster.stack.schedule.values()):
        cluster.clock.loop(scheduled(cluster, jobs, number))
    human = Human(cluster, scenario.starts_at)
    cluster.clock.loop(OnCall(human).run(cluster))
    faults = Faults(cluster, human)
    for event in scenario.events:
        faults.add(event)
    if not scenario.events:
        cluster.clock.loop(users_are_the_event(cluster, scenario.traffic))
    return faults


def scheduled(cluster: Cluster, jobs: ScheduledJobs, number: int) -> Loop:
    """Jobs by the clock: at `first`, and each `every` seconds from there."""
    k = 0
    while True:
        yield cluster.clock.at(jobs.first + k * jobs.every, Rank.SCHEDULE, number)
        cluster.enqueue(jobs.push, jobs.jobs)
        k += 1


def users_are_the_event(cluster: Cluster, traffic: Traffic) -> Loop:
    """Without events the fault is the first change of the traffic."""
    for point in traffic.points[1:2]:
        yield cluster.clock.at(point.at, Rank.FAULT)
        cluster.fault()
