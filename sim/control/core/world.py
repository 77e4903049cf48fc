"""What the controllers of one run share: the state, and how to read it and wait for it.

Only the verbs of cluster.py change it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, get_args

import simpy

from sim.control.core.clock import Clock
from sim.control.core.records import (
    Address,
    ChangeKind,
    Container,
    Ledger,
    NonsenseError,
    Pending,
    Server,
    Split,
    State,
)
from sim.dataplane import draws
from sim.dataplane.arithmetic import draw
from sim.dataplane.plane import DataPlane
from sim.dataplane.profile import Profile
from sim.results.run import TimelineRow
from sim.schema.fields import InputError, LawSpec
from sim.schema.scenario import Version
from sim.schema.stack import Service, Stack
from sim.schema.text.validation import closest, one_of

LAWS = {"constant": 0, "exponential": 1, "lognormal": 2, "uniform": 3}


@dataclass
class World:
    """What the controllers of one run share. `profile_of(service, version)` makes a data-plane
    profile."""

    clock: Clock
    plane: DataPlane
    stack: Stack
    seed: int
    profile_of: Callable[[str, Version], Profile]
    host_ports: bool = True  # containers share the server's ports (Compose); pods do not
    choices: Any = None  # the Platform: controllers ask each other's data (a grace period) here
    left_to_operator: frozenset[str] = frozenset()  # names of the choices that are empty
    servers: list[Server] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    desired: dict[str, int] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)
    previous: dict[str, Version] = field(default_factory=dict)  # what `rollout undo` writes back
    failed: dict[tuple[str, Version], int] = field(default_factory=dict)  # exits of a version
    paused: set[str] = field(default_factory=set)  # services whose rollout stands still
    splits: dict[str, Split] = field(default_factory=dict)  # of versions, where a rollout has one
    launches: tuple[float, float] | None = None  # a provider's token bucket: tokens, since
    pending: list[Pending] = field(default_factory=list)  # kept by replicas.py
    listed: tuple[int, ...] = ()  # whom discovery names
    admit: Callable[[tuple[int, ...]], tuple[int, ...]] = tuple  # a mesh leaves out some of them
    backends: tuple[int, ...] = ()  # who gets requests
    addresses: tuple[Address, ...] = ()  # what people wrote down: users' DNS, a balancer's file
    balanced: bool = False  # a load balancer reads `addresses`; else users know the first
    timeline: list[TimelineRow] = field(default_factory=list)
    count: Ledger = field(default_factory=Ledger)
    _watchers: list[tuple[frozenset[str], simpy.Store]] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)
    _drawn: dict[str, int] = field(default_factory=dict)
    _profiles: dict[tuple[str, Version], int] = field(default_factory=dict)
    dirty: set[str] = field(default_factory=set)  # databases that did not stop cleanly
    asked: dict[int, Callable[[bool], None]] = field(default_factory=dict)  # by number of probe
    exits: dict[int, simpy.Event] = field(default_factory=dict)  # of containers that stop
    nowhere: dict[int, Container] = field(default_factory=dict)  # places of balancer.py
    _via: int = -1  # the proxy's container

    # ---- reading ----
    def service(self, name: str) -> Service:
        return self.stack.services[name]

    def of(self, service: str, *states: State) -> list[Container]:
        """Containers of a service in creation order, in these states (all when none is named)."""
        return [
            c for c in self.containers if c.service == service and (not states or c.state in states)
        ]

    def on(self, server: Server) -> list[Container]:
        return [c for c in self.containers if c.server is server]

    @cached_property  # roles do not change while it runs
    def entry(self) -> str:
        """The service that users call: the first that answers requests."""
        return next(iter(self.stack.playing("http")), "")

    def numbered(self, index: int) -> Server:
        """Server number `index` from 0, as scenarios count. InputError if it is not there (yet)."""
        if index < len(self.servers):
            return self.servers[index]
        raise InputError(
            field="server",
            found=f"server {index} at {self.clock.now:g}s",
            expected=f"an index below {len(self.servers)}: so many servers the platform has then",
        )

    def watch(self, *kinds: ChangeKind) -> simpy.Store:
        """A queue of the Changes of these kinds from now on; `change = yield store.get()`.
        NonsenseError for a kind that never comes."""
        for kind in kinds:
            if kind not in get_args(ChangeKind):
                near = closest(kind, get_args(ChangeKind))
                expected = one_of(get_args(ChangeKind)) + (
                    f"; did you mean {near}?" if near else ""
                )
                raise NonsenseError(f"a watch for {kind!r}", expected)
        store = simpy.Store(self.clock.env)
        self._watchers.append((frozenset(kinds), store))
        return store

    def random(self, name: str) -> float:
        """The next uniform of a named stream: the same sequence on every platform and engine."""
        n = self._drawn.get(name, 0)
        self._drawn[name] = n + 1
        return draws.u(self.seed, draws.stream(name), n)

    def duration(self, law: LawSpec, name: str) -> float:
        """The next value of a law, seconds, drawn from the stream `name`."""
        u1, u2 = self.random(name), self.random(name)
        return draw(LAWS[law.law], law.mean, law.cv, u1, u2)
