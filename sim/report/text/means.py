"""The means of each side in words: they stand beside its ends in every report."""

from __future__ import annotations

from sim.report.text import words
from sim.results.measurements import Measurements
from sim.results.run import Means

HEADINGS = ("replicas", "servers", "restart policy", "memory limits", "who is called", "a month")


def cells(means: Means, usd_month: float) -> tuple[str, ...]:
    """One platform's, in the order of HEADINGS."""
    servers = "1 server" if means.servers == 1 else f"{means.servers} servers"
    called = "a person" if means.people == 1 else f"{means.people} people"
    return (
        replicas(means),
        f"{servers}, {means.cores:g} cores, {words.size(means.memory)}",
        means.restart,
        limits(means),
        f"{called}, by {'monitoring' if means.watched else 'users'}",
        words.money(usd_month),
    )


def replicas(means: Means) -> str:
    """`api 3 to 20, worker 2`."""
    spans = []
    for name, count in means.replicas.items():
        most = means.most_replicas[name]
        spans.append(f"{name} {count} to {most}" if most > count else f"{name} {count}")
    return ", ".join(spans) or "none"


def limits(means: Means) -> str:
    """`512 MiB each`, `api 512 MiB, worker none`, `none`."""
    sizes = {name: words.size(limit) if limit else "none" for name, limit in means.limits.items()}
    if len(set(sizes.values())) == 1:
        size = next(iter(sizes.values()))
        return size if size == "none" or len(sizes) == 1 else f"{size} each"
    return ", ".join(f"{name} {size}" for name, size in sizes.items()) or "none"


def by_platform(result: Measurements) -> dict[str, tuple[str, ...]]:
    """The cells of each platform; empty for a result that was made by hand."""
    figures = result.platforms
    return {
        name: cells(means, figures[name]["cost"]["usd_month"])
        for name, means in result.means.items()
    }


def short(result: Measurements) -> str:
    """`Compose: api 1, 4 cores, $148 a month · Kubernetes: ...`, for a picture of a few."""
    return " · ".join(each(result))


def each(result: Measurements) -> list[str]:
    """`Compose: api 1, 4 cores, restart no, $148 a month`, a line a platform."""
    return [
        f"{words.platform(name)}: {replicas(means)}, {means.cores:g} cores, restart "
        f"{means.restart}, {words.money(result.platforms[name]['cost']['usd_month'])} a month"
        for name, means in result.means.items()
    ]


def unequal(one: Means, other: Means) -> list[str]:
    """What the first has more or less of: `12 cores for 4`, `api 3 for 1`."""
    differences = []
    if round(one.cores, 2) != round(other.cores, 2):
        differences.append(f"{one.cores:g} cores for {other.cores:g}")
    for name, count in one.replicas.items():
        before = other.replicas.get(name, count)
        if before != count:
            differences.append(f"{name} {count} for {before}")
    if one.restart != other.restart:
        differences.append(f"restart {one.restart} for {other.restart}")
    return differences
