"""A cache: what it holds by key, who asks it, and how it gets cold.

Which key a request asks for is drawn for the request and the step, so that it is the same on every
platform; whether the answer is there is not drawn: it is, or it is not. Its processor and the way
to it cost nothing. Left out: values of several sizes, Redis' sampling of who goes (an exact least
recently used one here), what of it might be on a disk.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from sim.dataplane import draws
from sim.dataplane.arithmetic import INFINITY, ranked
from sim.dataplane.codes import (
    FORSAKEN,
    HIT,
    LEASED,
    MOST_KEYS,
    SECOND,
    SILENT,
    Outcome,
    Stream,
)
from sim.dataplane.profile import StoryStep
from sim.dataplane.reference.postgres import thaw
from sim.dataplane.reference.work import Work, reach
from sim.dataplane.story import streams
from sim.dataplane.tables import CacheGauge

if TYPE_CHECKING:
    from sim.dataplane.reference.containers import Instance
    from sim.dataplane.reference.plane import ReferencePlane

NOBODYS = -1  # a key that no cache keeps


class Cache:
    """`server`: the container that plays it."""

    def __init__(self, plane: ReferencePlane, number: int) -> None:
        self.plane, self.number = plane, number
        self.server: Instance | None = None
        self.until: dict[int, float] = {}  # by key; least recently used first
        self.leases: dict[int, float] = {}  # until when somebody is out for a key
        self.begun = False
        self.hits = self.misses = self.waits = self.unanswered = 0
        self.fills = self.stored = self.evicted = self.expired = self.lost = 0

    def gauge(self) -> CacheGauge:
        return CacheGauge(*(getattr(self, name) for name in CacheGauge._fields))

    # ---- asked ----
    def seen_from(self, asker: Instance) -> Cache:
        return self

    @property
    def process(self) -> Instance | None:
        return self.server

    def patience(self, asker: Instance, step: StoryStep) -> float:
        return step.cache.timeout_s

    def unheard(self, step: StoryStep) -> int:
        self.unanswered += 1
        return Outcome.HTTP_500 if step.cache.fails else Outcome.SUCCEEDED

    def serve(
        self, work: Work, step: StoryStep, lost: bool = False
    ) -> Generator[simpy.Event, Any, int]:
        """HIT, the outcome of a miss or of no answer, LEASED when it is time to look again, or
        FORSAKEN. `lost`: on the way."""
        rules, asker = step.cache, work.container
        assert asker is not None
        code, wait_s = SILENT if lost else reach(self.server, asker), rules.timeout_s
        if code == 0:
            code, wait_s = self.found(step, work.visit), rules.retry_s
            if code != LEASED:
                return code
        silent = 0 if code == LEASED else self.unheard(step)
        if code in (LEASED, SILENT):
            yield asker.pass_time(work, wait_s)  # -> passed
            yield from thaw(work)
            if asker.forsaken(work):
                return FORSAKEN
        return LEASED if code == LEASED else silent

    def key(self, step: StoryStep, visit: int) -> int:
        assert self.server is not None
        rules, seed = self.server.profile, self.plane.seed
        stream = streams(step, rules.kind)[1]
        if draws.u(seed, stream + SECOND, visit) >= step.cache.hit:
            return NOBODYS
        return ranked(draws.u(seed, stream, visit), rules.keys, rules.skew)

    def found(self, step: StoryStep, visit: int) -> int:
        key, now = self.key(step, visit), self.plane.now
        if key in self.until:
            until = self.until.pop(key)
            if now < until:
                self.until[key] = until
                self.hits += 1
                return HIT
            self.expired += 1
        if step.cache.lease_s > 0.0 and key != NOBODYS:
            if self.leases.get(key, 0.0) > now:
                self.waits += 1
                return LEASED
            self.leases[key] = now + step.cache.lease_s
        self.misses += 1
        return Outcome.SUCCEEDED

    def fill(self, step: StoryStep, work: Work) -> None:
        """An answer, whether or not somebody still waits for it. Nobody waits for the cache."""
        if reach(self.server, work.container) != 0:
            return
        key = self.key(step, work.visit)
        if key == NOBODYS:
            return
        assert self.server is not None
        rules = self.server.profile
        self.fills += 1
        self.leases.pop(key, None)
        if self.until.pop(key, None) is None:
            self.stored += 1
            while 0 < rules.keys_held <= len(self.until):
                del self.until[next(iter(self.until))]
                self.evicted += 1
        self.until[key] = self.plane.now + rules.ttl_s

    # ---- it comes and goes ----
    def start(self, server: Instance) -> None:
        """A new process: cold, but for the first of a run where the stack says so."""
        self.clear()
        self.play(server)
        rules = server.profile
        if rules.warm and not self.begun:
            held = min(rules.keys, rules.keys_held or rules.keys)
            for key in reversed(range(held)):
                self.until[key] = self.plane.now + self.age_left(rules.ttl_s, key)
            self.stored += held
        self.begun = True

    def play(self, server: Instance) -> None:
        """A process begins, or goes on, as this cache, with all that it holds (a replica has it),
        and is no other any more."""
        for left in self.plane.caches:
            if left.server is server:
                left.server = None
        self.server = server

    def age_left(self, ttl_s: float, key: int) -> float:
        if ttl_s == INFINITY:
            return ttl_s
        return ttl_s * draws.u(self.plane.seed, Stream.WARM, self.number * MOST_KEYS + key)

    def clear(self) -> None:
        self.lost += len(self.until)
        self.until.clear()
        self.leases.clear()
