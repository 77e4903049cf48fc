"""Long series as short SVG paths: smallest and largest value of each pixel column.

A path is a staircase in a box of columns x HEIGHT: `M` column y, then `h` columns and `v` pixels by
turns. Peaks stay visible however long the run is, and its length decides no more about the size of
the file. The page's script reads values back from the path, so that they are written once.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

MOST, LEAST, ALL = 1200, 300, 2700  # columns of one platform, and of all together, about
HEIGHT = 1000
ENOUGH = 20  # requests that a share is taken of, as in sim.results.metrics

Values = NDArray[np.float64]


def columns_for(platforms: int) -> int:
    """So many that the file stays small with many platforms."""
    return max(LEAST, min(MOST, ALL // max(platforms, 1)))


def extremes(
    times: Values, values: Values, start_s: float, end_s: float, columns: int
) -> tuple[Values, Values]:
    """(lowest, highest) value in force within each column of [start_s, end_s), shape (columns,).

    A value holds from its time to the next one's. NaN is no value: a column of nothing else is NaN.
    """
    if not times.size:
        nothing = np.full(columns, np.nan)
        return nothing, nothing
    edges = np.linspace(start_s, end_s, columns + 1)
    first = np.clip(np.searchsorted(times, edges[:-1], side="right") - 1, 0, None)
    after = np.clip(np.searchsorted(times, edges[1:], side="left"), first + 1, None)
    cuts = np.column_stack([first, after]).ravel()
    padded = np.append(values, values[-1])
    return np.fmin.reduceat(padded, cuts)[::2], np.fmax.reduceat(padded, cuts)[::2]


def path(low: Values, high: Values, top: float) -> str:
    """The staircase of both, 0 at the bottom of the box and `top` at its upper edge."""
    out: list[str] = []
    pen: int | None = None
    level = 0  # columns to the right not written yet
    for x, (a, b) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        if math.isnan(a):
            if pen is not None:
                out.append(f"h{level}")
            pen, level = None, 0
            continue
        ends = [_pixel(a, top), _pixel(b, top)]
        if pen is None:
            pen = ends[0]
            out.append(f"M{x} {pen}")
        elif abs(pen - ends[0]) > abs(pen - ends[1]):
            ends.reverse()
        for y in ends:
            # `v0`: a column that begins where the pen stands and goes on from there
            if y != pen or (ends[0] != ends[1] and level):
                if level:
                    out.append(f"h{level}")
                out.append(f"v{y - pen}")
                pen, level = y, 0
        level += 1
    if pen is not None:
        out.append(f"h{level}")
    return "".join(out)


def _pixel(value: float, top: float) -> int:
    return round(HEIGHT * (1.0 - min(max(value, 0.0), top) / top))


def ceiling(highest: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 ... above a value: where an axis ends."""
    if not highest > 0.0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(
        round(step * power, 12)
        for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
        if step * power >= highest
    )


def ratios(
    parts: NDArray[np.generic], wholes: NDArray[np.int64], bucket_s: float
) -> tuple[Values, Values]:
    """(times, parts / wholes) over bins of whole buckets that hold ENOUGH on average; NaN where a
    bin's whole is 0. For shares of rare requests, which are 0 or 1 second by second."""
    mean = float(wholes.mean()) if wholes.size else 0.0
    width = max(1, min(60, math.ceil(ENOUGH / mean))) if mean else 1
    short = -wholes.size % width
    above = np.append(np.asarray(parts, dtype=np.float64), np.zeros(short))
    below = np.append(np.asarray(wholes, dtype=np.float64), np.zeros(short))
    above, below = above.reshape(-1, width).sum(axis=1), below.reshape(-1, width).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(below > 0, above / below, np.nan)
    times = np.arange(shares.size, dtype=np.float64) * width * bucket_s
    return times, np.asarray(shares, np.float64)
