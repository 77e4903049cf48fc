"""Which data plane runs, and having it ready.

Outcomes are equal to the last bit, so `auto` looks at time alone: the reference engine starts at
once and serves some 15,000 requests a second; the compiled one serves a hundred times as many,
loads in a third of one, and compiles for some twenty on the very first use (kept on disk after
that).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.util import find_spec

from sim.dataplane.plane import DataPlane
from sim.dataplane.profile import Arrivals, Workload

MakePlane = Callable[[Workload], DataPlane]
ENGINES = ("auto", "compiled", "reference")
WORTH_LOADING = 7_000  # requests, of all the runs together
WORTH_COMPILING = 300_000
RATE = {"reference": 15_000.0, "compiled": 1_200_000.0}  # requests a second of one process
CONTROL_S = 1e-4  # the control plane's part of a simulated second, large platforms
# ... of the shipped ones, who need a tenth to a third of it: what another process could take over
SHARED_S = 2e-5
SPAWN_S = 1.5  # a process of its own imports everything, and loads the kernel
MOST_REQUESTS = 5e11  # below codes.USER_BASE, or ids would collide


def expected_requests(arrivals: Arrivals, horizon_s: float) -> float:
    """How many requests will arrive: the integral of the rate, or the length of the trace. Users
    who come back are in neither."""
    if not arrivals.start_s and arrivals.times_s is None:
        return 0.0
    if arrivals.times_s is not None:
        return float(len(arrivals.times_s))
    end = min(arrivals.end_s, horizon_s)
    total = 0.0
    stops = [*arrivals.start_s[1:], end]
    for start, stop, rate, slope in zip(
        arrivals.start_s, stops, arrivals.rate, arrivals.slope, strict=True
    ):
        lasts = max(0.0, min(stop, end) - start)
        total += (rate + 0.5 * slope * lasts) * lasts
    return total


def ready(
    engine: str, requests: float, compiling: Callable[[], AbstractContextManager[object]]
) -> str:
    """The engine chosen for so many requests; compiled, inside `compiling()`, if it has to be:
    once, before any process is spawned."""
    name = choose(engine, requests)
    if name == "compiled" and not is_compiled():
        with compiling():
            prepare()
    return name


def choose(engine: str, requests: float) -> str:
    """`compiled` or `reference`. Without numba it is the reference engine, and a line says so."""
    if engine == "reference":
        return "reference"
    if find_spec("numba") is None:
        print("numba is not installed: the reference engine runs instead", file=sys.stderr)
        return "reference"
    if engine == "compiled":
        return "compiled"
    if requests < WORTH_LOADING:
        return "reference"
    return "compiled" if is_compiled() or requests >= WORTH_COMPILING else "reference"


def processes(engine: str, runs: int, requests: float, horizon_s: float, processors: int) -> int:
    """How many processes should share so many equal runs: all processors, or this one alone when
    it is done before others would have begun. Rough is enough: outcomes do not hang on it."""
    each_s = requests / RATE[engine] + horizon_s * SHARED_S
    together = min(runs, processors)
    shared_s = SPAWN_S + math.ceil(runs / together) * each_s
    return together if shared_s < runs * each_s else 1


def duration_s(engine: str, requests: float, horizon_s: float) -> float:
    """Of a run, roughly: CPU seconds of one process."""
    return requests / RATE[engine] + horizon_s * CONTROL_S


def for_stepping() -> str:
    """What a run takes that somebody looks at all the time: compiled if nobody waits for it."""
    return "compiled" if find_spec("numba") is not None and is_compiled() else "auto"


def is_compiled() -> bool:
    """Is the kernel's machine code on disk?"""
    from sim.dataplane.kernel.machine_code import is_cached  # noqa: PLC0415 - loads numba

    return is_cached()


def prepare() -> None:
    """Compile the kernel now, once, so that spawned processes find it on disk."""
    from sim.dataplane.kernel.plane import warm  # noqa: PLC0415

    warm()


def plane_class(engine: str) -> MakePlane:
    """The class behind a chosen name."""
    if engine == "compiled":
        from sim.dataplane.kernel.plane import CompiledPlane  # noqa: PLC0415

        return CompiledPlane
    from sim.dataplane.reference.plane import ReferencePlane  # noqa: PLC0415

    return ReferencePlane
