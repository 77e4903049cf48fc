"""What came when: instants of requests, or rates over stretches; a part of it, faster, or more.

Times are seconds since 1970, or of whatever clock the recording had. Both kinds answer the same
questions, so that a window is cut from a log as from a series.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.dataplane.profile import Arrivals

Times = NDArray[np.float64]
STEPS = 1_000_000  # of the search for the busiest window, at most; at least a second each
_PIECE = 2**20  # times worked on at once: a log of ten million lines fits into memory, once


@dataclass(frozen=True)
class Instants:
    """`times`: sorted; from `begin` to `end`."""

    times: Times
    begin: float
    end: float

    @property
    def requests(self) -> float:
        return float(len(self.times))

    @property
    def peak(self) -> float:
        """Requests in the busiest second, by the clock."""
        seconds = np.floor(self.times)
        edges = np.flatnonzero(np.diff(seconds)) + 1
        return float(np.diff(np.concatenate(([0], edges, [len(seconds)]))).max(initial=0))

    def between(self, begin: float, end: float) -> Instants:
        first, last = np.searchsorted(self.times, (begin, end))
        return Instants(self.times[first:last], begin, end)

    def busiest(self, width: float) -> float:
        """When the window of this width begins that has most requests; the earliest of equals."""
        step = max(1.0, (self.end - self.begin) / STEPS)
        bins = int((self.end - self.begin) // step) + 1
        counts = np.zeros(bins, dtype=np.int64)
        for i in range(0, len(self.times), _PIECE):
            places = ((self.times[i : i + _PIECE] - self.begin) // step).astype(np.int64)
            counts += np.bincount(places, minlength=bins)
        wide = min(max(1, round(width / step)), bins)
        total = np.concatenate(([0], np.cumsum(counts)))
        return self.begin + step * int(np.argmax(total[wide:] - total[:-wide]))

    def arrivals(self, speed: float, scale: float) -> Arrivals:
        """From `begin` = 0 on, so many times as fast, `scale` times as many."""
        times = self.times if scale == 1.0 else self._scaled(scale)
        return Arrivals(times_s=(times - self.begin) / speed)

    def _scaled(self, scale: float) -> Times:
        """Each so often that the first n stand for n x scale; repeated ones share the stretch until
        the next."""
        steps = np.floor(np.arange(len(self.times) + 1) * scale + 1e-9)
        copies = np.diff(steps).astype(np.int64)
        times = np.repeat(self.times, copies)
        rank = np.arange(len(times)) - np.repeat(np.cumsum(copies) - copies, copies)
        stretch = np.diff(self.times, append=max(self.end, self.times[-1]))
        scaled: Times = times + rank / np.repeat(np.maximum(copies, 1), copies) * np.repeat(
            stretch, copies
        )
        return scaled


@dataclass(frozen=True)
class RateCourse:
    """From start[i] on rate[i] requests/s come; the last row lasts until `end`."""

    start: tuple[float, ...]
    rate: tuple[float, ...]
    end: float

    @property
    def begin(self) -> float:
        return self.start[0]

    @property
    def peak(self) -> float:
        return max(self.rate)

    @property
    def requests(self) -> float:
        return float(self._total(np.asarray([self.end]))[0])

    def _total(self, times: Times) -> Times:
        """Requests until each of these times."""
        edges = np.asarray([*self.start, self.end])
        edges[-1] = min(edges[-1], 1e18)
        per_row = np.asarray(self.rate) * np.diff(edges)
        totals: Times = np.interp(times, edges, np.concatenate(([0.0], np.cumsum(per_row))))
        return totals

    def between(self, begin: float, end: float) -> RateCourse:
        inside = [(s, r) for s, r in zip(self.start, self.rate, strict=True) if begin < s < end]
        held = [r for s, r in zip(self.start, self.rate, strict=True) if s <= begin < self.end]
        rows = [(begin, held[-1] if held else 0.0), *inside]
        stop = min(end, self.end)
        starts, rates = zip(*rows, strict=True)
        return RateCourse(starts, rates, max(stop, begin))

    def busiest(self, width: float) -> float:
        """When the window of this width begins that has most requests; the earliest of equals."""
        latest = max(self.begin, self.end - width)
        edges = np.asarray([*self.start, self.end])
        begins = np.unique(np.clip(np.concatenate((edges, edges - width)), self.begin, latest))
        return float(begins[int(np.argmax(self._total(begins + width) - self._total(begins)))])

    def arrivals(self, speed: float, scale: float) -> Arrivals:
        """From `begin` = 0 on, so many times as fast, `scale` times as many."""
        starts = tuple((start - self.begin) / speed for start in self.start)
        rates = tuple(rate * speed * scale for rate in self.rate)
        end = math.inf if math.isinf(self.end) else (self.end - self.begin) / speed
        return Arrivals(starts, rates, (0.0,) * len(rates), end)


def spread(times: Times) -> Times:
    """Sorted times; if all are whole seconds, those of one second evenly over it: the clock was
    coarse, the users were not."""
    if not all(
        np.array_equal(times[i : i + _PIECE], np.floor(times[i : i + _PIECE]))
        for i in range(0, len(times), _PIECE)
    ):
        return times
    edges = np.flatnonzero(np.diff(times)) + 1
    firsts = np.concatenate(([0], edges))
    counts = np.diff(np.concatenate((firsts, [len(times)])))
    apart = times.copy()
    group = 0
    while group < len(firsts):  # as many seconds at once as have a piece's requests
        last = int(np.searchsorted(firsts, firsts[group] + _PIECE, side="left"))
        last = max(last, group + 1)
        own = counts[group:last]
        begin, end = int(firsts[group]), int(firsts[last - 1] + counts[last - 1])
        rank = np.arange(begin, end) - np.repeat(firsts[group:last], own)
        apart[begin:end] += rank / np.repeat(own, own)
        group = last
    return apart
