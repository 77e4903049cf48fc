"""What every report says, as plain data: sections of rows, one cell a platform. Shown by table.py
(terminal, Jupyter) and markdown.py, so that all of them say the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sim.report.text import overview, words
from sim.results.result import Difference, Result
from sim.results.summary import Figures, lookup


class Row(NamedTuple):
    label: str
    cells: tuple[str, ...]  # one a platform


class Section(NamedTuple):
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Verdict:
    """One claim of the article, and what the run says to it."""

    holds: bool
    platform: str
    says: str
    finding: str  # `downtime: 5 min 41 s (claimed: 2 min .. 10 min)`
    because: str  # why it does not hold, if the scenario says


Cell = Callable[[Figures], str]


def headline(result: Result) -> str:
    """The finding in one line: `Compose: 5 min 41 s down · Kubernetes: 0 s`."""
    if overview.is_many(result):
        return overview.headline(result)
    parts = []
    for position, (name, figures) in enumerate(result.platforms.items()):
        unit = " down" if position == 0 else ""
        parts.append(f"{words.platform(name)}: {words.duration(figures['downtime_s'])}{unit}")
    return " · ".join(parts)


def verdict(result: Result) -> str:
    """One sentence for everybody: `Compose: 5 min 41 s down, 1,204 failed requests, 14 operator
    minutes; Kubernetes: 0 s down, 37 failed requests`."""
    return "; ".join(
        f"{words.platform(name)}: {_suffered(figures)}"
        for name, figures in result.platforms.items()
    )


def _suffered(figures: Figures) -> str:
    failed = sum(figures["requests"]["failed"].values())
    plural = "" if failed == 1 else "s"
    parts = [
        f"{words.duration(figures['downtime_s'])} down",
        f"{words.count(failed)} failed request{plural}",
    ]
    lost = sum(figures["jobs"]["lost"].values())
    if lost:
        parts.append(f"{words.count(lost)} job{'' if lost == 1 else 's'} lost")
    minutes = figures["operator"]["minutes"]
    if minutes:
        whole = max(1, round(minutes))
        parts.append(f"{words.count(whole)} operator minute{'' if whole == 1 else 's'}")
    return ", ".join(parts)


def setting(result: Result) -> str:
    """What was run, in one line: stack, seed, replications, simulated time, engine."""
    last = result.seed + result.reps - 1
    seeds = f"seed {result.seed}" if result.reps == 1 else f"seeds {result.seed} to {last}"
    return " · ".join(
        [
            f"stack {result.stack}",
            seeds,
            f"{words.duration(result.horizon_s)} simulated",
            f"{result.summary['engine']} engine",
        ]
    )


def sections(result: Result) -> list[Section]:
    """All figures, grouped; sections about things that the stack has not are left out."""
    everyone = list(result.platforms.values())
    found = [_section(everyone, "Users", _users()), _section(everyone, "Recovery", _recovery())]
    if any(f["jobs"]["enqueued"] for f in everyone):
        found.append(_section(everyone, "Jobs", _jobs(result.horizon_s)))
    if any(f["connections"]["peak"] or f["connections"]["refused"] for f in everyone):
        found.append(_section(everyone, "Database connections", _connections()))
    found.append(_section(everyone, "People and money", _people()))
    return found


def _section(everyone: list[Figures], title: str, rows: dict[str, Cell]) -> Section:
    made = [Row(label, tuple(cell(f) for f in everyone)) for label, cell in rows.items()]
    return Section(title, tuple(made))


def _users() -> dict[str, Cell]:
    return {
        "down": _plain("downtime_s"),
        "degraded (SLO missed)": _plain("degraded_s"),
        "availability": _plain("availability"),
        "requests": _plain("requests.arrived"),
        "failed": lambda f: words.causes(f["requests"]["failed"]) or "0",
        "in flight at the end": _plain("requests.in_flight"),
        "latency p50": _plain("latency_s.p50"),
        "latency p95": _plain("latency_s.p95"),
        "latency p99": _plain("latency_s.p99"),
        "longest answer": _plain("latency_s.max"),
    }


def _recovery() -> dict[str, Cell]:
    return {
        "first action after": lambda f: _or_never(f, "detect_s"),
        "recovered after": lambda f: _or_never(f, "recover_s"),
    }


def _jobs(horizon_s: float) -> dict[str, Cell]:
    def drained(figures: Figures) -> str:
        at_s = figures["jobs"]["drained_at_s"]
        return f"not by {words.clock(horizon_s)}" if at_s is None else f"at {words.clock(at_s)}"

    def unfinished(figures: Figures) -> str:
        jobs = figures["jobs"]
        return f"{words.count(jobs['queued'])} + {words.count(jobs['in_progress'])}"

    return {
        "enqueued": _plain("jobs.enqueued"),
        "done": _plain("jobs.done"),
        "lost": lambda f: words.causes(f["jobs"]["lost"]) or "0",
        "done twice": _plain("jobs.duplicated"),
        "queued + in progress at the end": unfinished,
        "longest backlog": _plain("jobs.backlog_peak"),
        "oldest job in line": _plain("jobs.oldest_s"),
        "backlog as before the fault": drained,
    }


def _connections() -> dict[str, Cell]:
    def peak(figures: Figures) -> str:
        found = figures["connections"]
        return f"{words.count(found['peak'])} of {words.count(found['limit'])}"

    return {
        "peak of the limit": peak,
        "refused": _plain("connections.refused"),
        "containers refused at start": _plain("connections.containers_refused"),
        "time at the limit": _plain("connections.exhausted_s"),
    }


def _people() -> dict[str, Cell]:
    return {
        "pages": _plain("operator.pages"),
        "hands-on": _plain("operator.minutes"),
        "mistakes": _plain("operator.mistakes"),
        "servers": _plain("cost.server_hours"),
        "cost": _plain("cost.usd"),
    }


def _plain(path: str) -> Cell:
    def cell(figures: Figures) -> str:
        text = words.figure(path, lookup(figures, path))
        span = figures.get("intervals", {}).get(path)
        if span is None or span[0] == span[1]:
            return text
        return f"{text} \u00b1 {words.figure(path, span[1] - (lookup(figures, path) or 0.0))}"

    return cell


def _or_never(figures: Figures, path: str) -> str:
    return "never" if lookup(figures, path) is None else _plain(path)(figures)


def verdicts(result: Result) -> list[Verdict]:
    """The claims in the scenario's order."""
    return [_verdict(row, because) for row, because in result.verdicts]


def _verdict(row: dict[str, Any], because: str) -> Verdict:
    metric = row["metric"]
    measured = words.figure(metric, row["measured"])
    allowed = words.bounds(metric, row["low"], row["high"])
    return Verdict(
        holds=row["holds"],
        platform=words.platform(row["platform"]),
        says=row["says"],
        finding=f"{metric}: {measured} (claimed: {allowed})",
        because="" if row["holds"] else because,
    )


DIFFERENCES = ("downtime_s", "degraded_s", "availability", "recover_s", "cost.usd")


def differences(result: Result) -> list[tuple[str, str]]:
    """Paired differences worth a line: what, and how much with its 95 % interval."""
    return [(_what(d), _how_much(d)) for d in result.differences if d.metric in DIFFERENCES]


def _what(difference: Difference) -> str:
    platform, baseline = words.platform(difference.platform), words.platform(difference.baseline)
    return f"{difference.metric}: {platform} - {baseline}"


def _how_much(d: Difference) -> str:
    if d.metric == "availability":
        points = [f"{x * 100:+.2f}" for x in (d.mean, d.low, d.high)]
        return f"{points[0]} points ({points[1]} .. {points[2]})"
    mean, low, high = (words.figure(d.metric, x) for x in (d.mean, d.low, d.high))
    return f"{mean} ({low} .. {high})"
