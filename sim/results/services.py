"""Services that call each other, in counts: what each was asked, and where an outage began.

A call counts once, however often its caller tried; a call that a breaker or a time-out ended has
failed for its caller, whatever its callee made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from sim.dataplane.codes import REQUEST_CAUSES
from sim.results import metrics
from sim.results.figures import Figures
from sim.results.run import Run

LEAST_S = 60.0  # chosen: longer than most wait for an answer


class Health(NamedTuple):
    """Of a service, within a stretch of time."""

    asked: int
    bad: int  # failed, or without an answer beyond what was so before

    @property
    def share(self) -> float:
        return min(1.0, self.bad / self.asked) if self.asked else float(self.bad > 0)


def tables(run: Run) -> Figures:
    """`services`, `databases` and `began_at` of summary.json: counts at the end, `failed` by cause;
    nothing of a stack in which nobody calls anybody."""
    if not run.services:
        return {}
    counts = {
        name: gauge._asdict() | {"failed": dict(zip(REQUEST_CAUSES, gauge.causes, strict=True))}
        for name, gauge in run.services.items()
    }
    for fields in counts.values():
        del fields["causes"]
    databases = {name: gauge._asdict() for name, gauge in run.databases.items()}
    return {"services": counts, "databases": databases, "began_at": origin(run)}


def mean_tables(figures: Sequence[Figures]) -> Figures:
    """Those of several runs: means; it began where it did in most of them."""
    if "services" not in figures[0]:
        return {}
    places = [f["began_at"] for f in figures]
    return {
        **{part: mean_of([f[part] for f in figures]) for part in ("services", "databases")},
        "began_at": max(dict.fromkeys(places), key=places.count),
    }


def mean_of(records: Sequence[Any]) -> Any:
    """Of numbers, or of each number in records of one shape."""
    if isinstance(records[0], dict):
        return {key: mean_of([record[key] for record in records]) for key in records[0]}
    return fmean(records)


def origin(run: Run) -> str:
    """The first service whose own work failed: from the entry down along the calls, as long as one
    of those that a service asks is worse than users bear, or failed half as often as the service
    did. "" if users bore it all."""
    stretch = trouble(run)
    if stretch is None:
        return ""
    healths = {name: health(run, name, *stretch) for name in run.services}
    place = next(iter(run.services))
    while True:
        bears = 1.0 - run.slo_success
        below = [
            name
            for name in run.calls.get(place, ())
            if healths[name].share > bears or 2 * healths[name].bad >= max(1, healths[place].bad)
        ]
        if not below:
            return place
        place = max(below, key=lambda name: healths[name].share)


def trouble(run: Run) -> tuple[float, float] | None:
    """From when to when users were served badly for the first time, in seconds; a minute at least,
    since what is given up is counted when it is given up."""
    bad, width = metrics.degraded(run), run.recording.bucket_s
    if not bad.any():
        return None
    first = int(bad.argmax())
    rest = bad[first:]
    last = first + (len(rest) if rest.all() else int((~rest).argmax()))
    return first * width, max(last * width, first * width + LEAST_S)


def health(run: Run, service: str, from_s: float, until_s: float) -> Health:
    """What a service was asked from then to then, and how much of it came to nothing."""
    times, counts = run.series["t_s"], run.answers[service]
    a, b = (min(int(times.searchsorted(t)), len(times) - 1) for t in (from_s, until_s))
    (asked, failed, waiting), before = counts[b], counts[a]
    stuck = max(0, int(waiting - before[2]))
    return Health(int(asked - before[0]), int(failed - before[1]) + stuck)


def rows(platforms: Mapping[str, Figures]) -> list[tuple[str, tuple[str, ...]]]:
    """(service, a cell for each platform) for tables; empty if nobody calls anybody."""
    everyone = list(platforms.values())
    names: dict[str, Any] = {}
    for figures in everyone:
        names |= dict.fromkeys(figures.get("services", ()))
    lines = [
        (name, tuple(cell(f.get("services", {}).get(name)) for f in everyone)) for name in names
    ]
    if any(f.get("began_at") for f in everyone):
        lines.append(("it began at", tuple(f.get("began_at") or "-" for f in everyone)))
    return lines


def cell(counts: Mapping[str, Any] | None) -> str:
    """`12,345 asked, 1.2 % failed, 2.4 tries each`; tries where some were repeated."""
    if counts is None or not counts["asked"]:
        return "not asked"
    asked, failed = counts["asked"], sum(counts["failed"].values())
    tries = (asked + counts["retries"]) / asked
    parts = [f"{asked:,.0f} asked", f"{failed / asked:.1%} failed".replace("%", " %")]
    if tries > 1.005:
        parts.append(f"{tries:.3g} tries each")
    return ", ".join(parts)
