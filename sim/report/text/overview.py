"""Many platforms at a glance: a row for each, and the figures that decide.

A column a platform is readable for four of them at most; beyond that the table turns.
"""

from __future__ import annotations

from collections.abc import Callable

from sim.report.text import words
from sim.results.result import Result
from sim.results.summary import Figures

MANY = 4  # more platforms than this: a row each

Cell = Callable[[Figures], str]
COLUMNS: dict[str, Cell] = {
    "down": lambda f: words.duration(f["downtime_s"]),
    "degraded": lambda f: words.duration(f["degraded_s"]),
    "failed": lambda f: words.count(sum(f["requests"]["failed"].values())),
    "jobs lost": lambda f: words.count(sum(f["jobs"]["lost"].values())),
    "twice": lambda f: words.count(f["jobs"]["duplicated"]),
    "oldest job": lambda f: words.duration(f["jobs"]["oldest_s"]),
    "refused": lambda f: words.count(f["connections"]["refused"]),  # database connections
    "hands-on": lambda f: words.figure("operator.minutes", f["operator"]["minutes"]),
    "cost": lambda f: words.figure("cost.usd", f["cost"]["usd"]),
}
SELDOM = ("twice", "refused")  # a terminal is narrow: not shown where nobody has any


def is_many(result: Result) -> bool:
    """Does the table turn?"""
    return len(result.platforms) > MANY


def rows(result: Result) -> list[tuple[str, ...]]:
    """One row a platform: its name, then a cell for each of COLUMNS."""
    return [
        (words.platform(name), *(cell(figures) for cell in COLUMNS.values()))
        for name, figures in result.platforms.items()
    ]


def headline(result: Result) -> str:
    """The least and the most downtime, of many: `Kubernetes: 0 s down · most: Compose 3 h`."""
    order = sorted(result.platforms.items(), key=lambda item: item[1]["downtime_s"])
    (best, least), (worst, most) = order[0], order[-1]
    if least["downtime_s"] == most["downtime_s"]:
        return f"All {len(order)} platforms: {words.duration(least['downtime_s'])} down"
    equal = [name for name, f in order if f["downtime_s"] == least["downtime_s"]]
    who = words.platform(best) if len(equal) == 1 else f"{len(equal)} of {len(order)} platforms"
    return (
        f"{who}: {words.duration(least['downtime_s'])} down · "
        f"most: {words.platform(worst)} {words.duration(most['downtime_s'])}"
    )
