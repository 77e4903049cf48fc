"""A step at a queue or a cache, over the network: there, what it does, and its answer back."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Protocol

import simpy

from sim.dataplane.codes import FORSAKEN, LEASED, SILENT
from sim.dataplane.profile import StoryStep
from sim.dataplane.reference.postgres import thaw
from sim.dataplane.reference.work import Work, reach

if TYPE_CHECKING:
    from sim.dataplane.reference.containers import Instance

Use = Generator[simpy.Event, Any, int]


class Asked(Protocol):
    """A queue or a cache."""

    def seen_from(self, asker: Instance) -> Asked:
        """What this one takes for it: another, where two think that they are it."""

    def serve(self, work: Work, step: StoryStep, lost: bool = False) -> Use:
        """What it does; `lost`: on the way."""

    @property
    def process(self) -> Instance | None:
        """Who plays it."""

    def patience(self, asker: Instance, step: StoryStep) -> float:
        """Seconds that somebody waits for it."""

    def unheard(self, step: StoryStep) -> int:
        """What it is to who waits for its answer in vain."""


def across(asker: Instance, work: Work, step: StoryStep, store: Asked) -> Use:
    """Who hears nothing in time takes it for silent, also where it has done what was asked."""
    code = LEASED
    while code == LEASED:
        code = yield from _once(asker, work, step, store)
    return code


def _once(asker: Instance, work: Work, step: StoryStep, asked: Asked) -> Use:
    links, store = asker.plane.links, asked.seen_from(asker)
    process = store.process
    if process is None or reach(process, asker) != 0:
        return (yield from store.serve(work, step))
    timeout_s = store.patience(asker, step)
    there_s = links.round_trip(asker.server, process.server, work.visit)
    there_s += links.sends(work, asker.server, process.server, timeout_s)
    if there_s > 0.0:
        if there_s >= timeout_s:
            return (yield from store.serve(work, step, lost=True))
        yield asker.pass_time(work, there_s)  # -> arrived
        store = asked.seen_from(asker)
        process = store.process
    state = 0 if process is None else reach(process, asker)
    code = yield from store.serve(work, step)
    if code in (LEASED, FORSAKEN) or state == SILENT:
        return code
    left_s, back_s = timeout_s - there_s, 0.0
    if process is not None and state == 0:
        back_s = links.sends(work, process.server, asker.server, left_s)
    if back_s > 0.0:
        code = code if back_s < left_s else store.unheard(step)
        yield asker.pass_time(work, min(back_s, left_s))  # -> told
    if there_s > 0.0 or back_s > 0.0:
        yield from thaw(work)
        if asker.forsaken(work):
            return FORSAKEN
    return code
