"""Jobs that users wanted, whatever became of their requests.

Whether a request leaves a job is drawn for its number alone, and so is what a call on the way asks
for (`draws.child`): the draws of a request that failed are known, too. So each story that may lead
to a push is walked once more, for a million requests at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from sim.control.resource_limits.profiles import profile_in
from sim.dataplane.codes import Does, Stream
from sim.dataplane.draws import children, uniforms_of
from sim.dataplane.profile import Profile, StoryStep
from sim.dataplane.story import salt, stories, streams
from sim.schema.scenario import Version
from sim.schema.stack import Stack
from sim.schema.ways import WayIn

CHUNK = 1_000_000  # requests whose draws are made at once
Ids = NDArray[np.uint64]
Steps = tuple[StoryStep, ...]


class Wishes:
    """What requests of this stack would leave in its queues."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self.seed = seed
        asked = stack.asked()
        self.profiles: list[Profile] = [profile_in(stack, name, Version()) for name in asked]
        ways = stack.ways or (WayIn(stack.entry, None, 1.0),)
        self.shares = tuple(accumulate(way.share for way in ways))[:-1]
        self.ways: list[tuple[int, int]] = []  # service and endpoint, by number
        for service, endpoint, _ in ways:
            names = stack.services[service].asked_by_name
            place = 0 if endpoint is None else 1 + names.index(endpoint)
            self.ways.append((asked.index(service), place))

    @property
    def known(self) -> bool:
        """Not where what a cache holds decides whether a job is left."""
        steps = (
            (step, inside)
            for profile in self.profiles
            for story in stories(profile)
            for step, inside in whole(story)
        )
        return not any(step.does == Does.CACHE and self.leads(inside) for step, inside in steps)

    def of_requests(self, count: int) -> int:
        """Of the first so many."""
        total = 0
        for first in range(0, count, CHUNK):
            ids = np.arange(first, min(first + CHUNK, count), dtype=np.uint64)
            mix = uniforms_of(self.seed, Stream.MIX, ids) if self.shares else np.zeros(len(ids))
            asked = np.searchsorted(self.shares, mix, "right")
            for number, (service, endpoint) in enumerate(self.ways):
                total += self._left(service, self._story(service, endpoint), ids[asked == number])
        return total

    def leads(self, steps: Steps) -> bool:
        """May one of these leave a job, here or further down?"""
        return any(
            step.does == Does.PUSH
            or (step.does == Does.CALL and self.leads(self._story(step.target, step.endpoint)))
            for step in steps
        )

    def _story(self, service: int, endpoint: int) -> Steps:
        told = stories(self.profiles[service])
        return told[endpoint if endpoint < len(told) else 0]

    def _left(self, service: int, steps: Steps, ids: Ids) -> int:
        """By these, who begin this story."""
        jobs = 0
        for step, inside in whole(steps):
            if not self.leads((step, *inside)):
                continue
            who = ids
            if step.share < 1.0:
                stream, _ = streams(step, self.profiles[service].kind)
                who = ids[uniforms_of(self.seed, stream, ids) < step.share]
            if step.does == Does.PUSH:
                jobs += len(who)
            elif step.does == Does.CALL:
                story = self._story(step.target, step.endpoint)
                jobs += self._left(step.target, story, children(who, salt(step)))
            jobs += self._left(service, inside, who)
        return jobs


def whole(steps: Steps) -> Iterator[tuple[StoryStep, Steps]]:
    """Each step of a story with those that it covers, which are left out with it."""
    at = 0
    while at < len(steps):
        end = at + 1 + steps[at].covers
        yield steps[at], steps[at + 1 : end]
        at = end
