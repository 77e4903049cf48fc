"""Every figure of a run: one row each, from which all that tells figures follows.

The order of FIGURES is that of summary.json. Claims may name METRICS; means, intervals and
differences, the printed table, summary.md, report.html, the table with a row a platform, and what
a counterfactual weighs are read from the rows. To add a figure, write its row (its function, where
metrics.py has none yet) and its line in docs/glossary.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.dataplane.codes import JOB_CAUSES, REQUEST_CAUSES
from sim.dataplane.tables import (
    ARRIVED,
    DONE,
    DUPLICATED,
    ENQUEUED,
    FIRST_CAUSE,
    FIRST_LOSS,
    SUCCEEDED,
)
from sim.results import metrics
from sim.results.run import Run

Figures = dict[str, Any]  # nested records of int, float or None, by FIGURES' paths
Value = float | None | dict[str, int]  # a dict: by cause
NEVER = "never"  # a latency of those who got no answer


class Unit(Enum):
    COUNT = "things"
    SECONDS = "s"
    MOMENT = "s since the start"
    SHARE = "of 1"
    MINUTES = "min"
    HOURS = "h"
    DOLLARS = "USD"


class Topic(NamedTuple):
    """A section of the printed table; left out where all of `needs` are 0 on every platform."""

    title: str
    needs: tuple[str, ...] = ()


USERS = Topic("Users")
RECOVERY = Topic("Recovery")
JOBS = Topic("Jobs", needs=("jobs.enqueued",))
DATABASE = Topic("Database connections", needs=("connections.peak", "connections.refused"))
ROWS = Topic("Rows and backups", needs=("rows_lost",))
PEOPLE = Topic("People and money")
TOPICS = (USERS, RECOVERY, JOBS, DATABASE, ROWS, PEOPLE)


class TableRow(NamedTuple):
    """How the printed table shows a figure: in its topic, rows in order of `place`."""

    topic: Topic
    place: int
    label: str
    column: str = ""  # its heading in the table with a row a platform; empty: not there
    seldom: bool = False  # ... and on a terminal not even there, where nobody has any
    missing: str = ""  # said where it does not exist; `{horizon}`: the end of the run
    pair: str = ""  # `{} of {}`: told together with the figure at `other`
    other: str = ""


class Harm(NamedTuple):
    """A figure of which less is better, as counterfactuals weigh it.

    `says`: a difference in words, `{}` the amount, `{less}` or `{fewer}` (else: more), `{s}` of a
    plural. `left`: what remains of it without the scenario's events; empty: not told.
    """

    rank: int  # the first that clearly differs decides: users, then jobs, then people
    least: float  # a smaller difference is nobody's concern
    says: str
    left: str = ""
    usual: bool = False  # some is there on any day: below `least` it is no harm
    decides: bool = True  # False: told beside the others

    def in_words(self, amount: str, is_one: bool, is_more: bool = False) -> str:
        """A difference: `3 fewer failed requests`."""
        less, fewer = ("more", "more") if is_more else ("less", "fewer")
        return self.says.format(amount, less=less, fewer=fewer, s="" if is_one else "s")


class Latencies(Protocol):
    """Those of a run (`Recording`), or of several together."""

    @property
    def latency(self) -> NDArray[np.int64]: ...  # histogram, shape (LATENCY_BINS,)
    @property
    def latency_max_s(self) -> float: ...
    @property
    def failed(self) -> int: ...


@dataclass(frozen=True)
class Figure:
    """One number of a run, or one for each cause (`parts`), by its dotted path."""

    path: str
    unit: Unit
    of: Callable[[Run], Value]
    row: TableRow | None = None
    harm: Harm | None = None
    parts: tuple[str, ...] = ()
    compared: bool = False  # paired differences of it are worth a line
    # of all latencies together, where the mean over runs is the figure of nothing
    pooled: Callable[[Latencies], float | None] | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Those of its numbers: `requests.failed.oom`."""
        return tuple(f"{self.path}.{part}" for part in self.parts) or (self.path,)


# ---- functions of a run ----
def requests(column: int) -> Callable[[Run], int]:
    return lambda run: run.recording.totals[column]


def jobs(column: int) -> Callable[[Run], int]:
    return lambda run: run.recording.job_totals[column]


def failed(run: Run) -> dict[str, int]:
    return dict(zip(REQUEST_CAUSES, run.recording.totals[FIRST_CAUSE:], strict=True))


def lost(run: Run) -> dict[str, int]:
    return dict(zip(JOB_CAUSES, run.recording.job_totals[FIRST_LOSS:], strict=True))


def done_share(run: Run) -> float:
    """1.0 if nobody wanted one. A retry can leave a second job: no more than all are done."""
    return min(1.0, jobs(DONE)(run) / run.jobs_wanted) if run.jobs_wanted else 1.0


def never_done(run: Run) -> int:
    """Jobs that users wanted and nobody will do: never enqueued, since their request failed, or
    lost. A retry can leave a second job, which makes up for none."""
    return max(0, run.jobs_wanted - jobs(ENQUEUED)(run)) + sum(lost(run).values())


def _limit_at_peak(run: Run) -> int:
    """Slots of the databases when the most were in use: later somebody may have raised them."""
    used, limit = run.series["connections"], run.series["connection_limit"]
    return int(limit[np.argmax(used)]) if used.any() else run.gauge.connection_limit


def percentile(path: str, share: float, row: TableRow) -> Figure:
    """A percentile of the latencies of good answers, None if there was none; below `latency_all_s`
    of all requests, one that failed being answered never: None if it falls on one of those."""
    of_all = path.startswith("latency_all_s")

    def pooled(seen: Latencies) -> float | None:
        failed = seen.failed if of_all else 0
        return metrics.percentile(seen.latency, share, seen.latency_max_s, failed)

    return Figure(path, Unit.SECONDS, lambda run: pooled(run.recording), row, pooled=pooled)


def of_everyone(place: int, name: str) -> TableRow:
    return TableRow(USERS, place, f"{name} of all requests", missing=NEVER)


def longest(seen: Latencies) -> float | None:
    return float(seen.latency_max_s) if seen.latency.any() else None


# ---- the figures ----
FIGURES: tuple[Figure, ...] = (
    Figure("requests.arrived", Unit.COUNT, requests(ARRIVED), TableRow(USERS, 40, "requests")),
    Figure("requests.succeeded", Unit.COUNT, requests(SUCCEEDED)),
    Figure(
        "requests.in_flight", Unit.COUNT, lambda run: run.gauge.in_flight,
        TableRow(USERS, 60, "in flight at the end"),
    ),
    Figure(
        "requests.failed", Unit.COUNT, failed, TableRow(USERS, 50, "failed", column="failed"),
        Harm(3, 2.0, "{} {fewer} failed request{s}", "{} failed requests"), parts=REQUEST_CAUSES,
    ),
    Figure(
        "jobs.wanted", Unit.COUNT, lambda run: run.jobs_wanted,
        TableRow(JOBS, 5, "wanted by users"),
    ),
    Figure("jobs.enqueued", Unit.COUNT, jobs(ENQUEUED), TableRow(JOBS, 10, "enqueued")),
    Figure("jobs.done", Unit.COUNT, jobs(DONE), TableRow(JOBS, 20, "done")),
    Figure(
        "jobs.done_share", Unit.SHARE, done_share,
        TableRow(JOBS, 25, "done of those wanted", column="jobs done"),
    ),
    Figure(
        "jobs.queued", Unit.COUNT, lambda run: run.gauge.jobs_queued,
        TableRow(JOBS, 50, "queued + in progress at the end", pair="{} + {}",
                 other="jobs.in_progress"),
    ),
    Figure("jobs.in_progress", Unit.COUNT, lambda run: run.gauge.jobs_in_progress),
    Figure(
        "jobs.duplicated", Unit.COUNT, jobs(DUPLICATED),
        TableRow(JOBS, 40, "done twice", column="twice", seldom=True),
        Harm(6, 2.0, "{} {fewer} job{s} done twice"),
    ),
    Figure(
        "jobs.lost", Unit.COUNT, lost, TableRow(JOBS, 30, "lost", column="jobs lost", seldom=True),
        parts=JOB_CAUSES,
    ),
    Figure(
        "jobs.never_done", Unit.COUNT, never_done, TableRow(JOBS, 35, "jobs never done"),
        Harm(5, 2.0, "{} {fewer} job{s} never done", "{} jobs never done"),
    ),
    Figure(
        "jobs.backlog_peak", Unit.COUNT, lambda run: run.gauge.backlog_peak,
        TableRow(JOBS, 60, "longest backlog"),
        Harm(8, 20.0, "{} {fewer} jobs waiting at the worst", usual=True),
    ),
    Figure(
        "jobs.drained_at_s", Unit.MOMENT, metrics.drained_at_s,
        TableRow(JOBS, 80, "backlog as before the fault", missing="not by {horizon}"),
    ),
    Figure(
        "jobs.oldest_s", Unit.SECONDS, metrics.oldest_s,
        TableRow(JOBS, 70, "oldest job in line"),
    ),
    Figure(
        "downtime_s", Unit.SECONDS, metrics.downtime_s, TableRow(USERS, 10, "down", column="down"),
        Harm(1, 5.0, "{} {less} down", "{} down"), compared=True,
    ),
    Figure(
        "degraded_s", Unit.SECONDS, metrics.degraded_s,
        TableRow(USERS, 20, "degraded (SLO missed)", column="degraded"),
        Harm(4, 5.0, "{} {less} with the SLO missed"), compared=True,
    ),
    Figure(
        "availability", Unit.SHARE, metrics.availability, TableRow(USERS, 30, "availability"),
        compared=True,
    ),
    percentile("latency_s.p50", 0.50, TableRow(USERS, 70, "latency p50")),
    percentile("latency_s.p95", 0.95, TableRow(USERS, 80, "latency p95")),
    percentile("latency_s.p99", 0.99, TableRow(USERS, 90, "latency p99")),
    Figure(
        "latency_s.max", Unit.SECONDS, lambda run: longest(run.recording),
        TableRow(USERS, 100, "longest answer"), pooled=longest,
    ),
    percentile("latency_all_s.p50", 0.50, of_everyone(110, "p50")),
    percentile("latency_all_s.p95", 0.95, of_everyone(120, "p95")),
    percentile("latency_all_s.p99", 0.99, of_everyone(130, "p99")),
    Figure(
        "detect_s", Unit.SECONDS, metrics.detect_s,
        TableRow(RECOVERY, 10, "first action after", missing="never"),
    ),
    Figure(
        "recover_s", Unit.SECONDS, metrics.recover_s,
        TableRow(RECOVERY, 20, "recovered after", missing="never"), compared=True,
    ),
    Figure(
        "redundancy_lost_s", Unit.SECONDS, metrics.redundancy_lost_s,
        TableRow(RECOVERY, 30, "redundancy lost"),
    ),
    Figure("connections.limit", Unit.COUNT, _limit_at_peak),
    Figure(
        "connections.peak", Unit.COUNT, lambda run: run.gauge.connections_peak,
        TableRow(DATABASE, 10, "peak of the limit", pair="{} of {}", other="connections.limit"),
    ),
    Figure(
        "connections.refused", Unit.COUNT, lambda run: run.gauge.connections_refused,
        TableRow(DATABASE, 20, "refused", column="refused", seldom=True),
    ),
    Figure(
        "connections.exhausted_s", Unit.SECONDS, lambda run: float(run.gauge.exhausted_s),
        TableRow(DATABASE, 40, "time at the limit"),
    ),
    Figure(
        "connections.containers_refused", Unit.COUNT, lambda run: run.containers_refused,
        TableRow(DATABASE, 30, "containers refused at start"),
    ),
    Figure(
        "rows_lost", Unit.COUNT, metrics.rows_lost,
        TableRow(ROWS, 10, "rows lost", column="rows lost", seldom=True),
        Harm(2, 1.0, "{} {fewer} lost row{s}", "{} lost rows"),
    ),
    Figure(
        "restore_s", Unit.SECONDS, metrics.restore_s,
        TableRow(ROWS, 20, "restored after", missing="not by {horizon}"),
    ),
    Figure(
        "operator.pages", Unit.COUNT, lambda run: run.operator.pages,
        TableRow(PEOPLE, 10, "pages"),
    ),
    Figure(
        "operator.minutes", Unit.MINUTES, lambda run: float(run.operator.minutes),
        TableRow(PEOPLE, 20, "hands-on", column="hands-on"),
        Harm(7, 0.5, "{} {less} work by hand", "{} of work by hand"),
    ),
    Figure(
        "operator.mistakes", Unit.COUNT, lambda run: run.operator.mistakes,
        TableRow(PEOPLE, 30, "mistakes"),
    ),
    Figure(
        "cost.server_hours", Unit.HOURS, lambda run: run.server_seconds / 3600.0,
        TableRow(PEOPLE, 40, "servers"),
    ),
    Figure(
        "cost.usd", Unit.DOLLARS, lambda run: float(run.usd),
        TableRow(PEOPLE, 50, "cost", column="cost"),
        Harm(9, 0.01, "{} {less} for servers", decides=False), compared=True,
    ),
    Figure("cost.usd_month", Unit.DOLLARS, lambda run: run.month.total),  # shown among the means
)  # fmt: skip

# the paths of all numbers, in the order of summary.json
METRICS: tuple[str, ...] = tuple(path for figure in FIGURES for path in figure.paths)
_AT = {path: figure for figure in FIGURES for path in (figure.path, *figure.paths)}
# of what a stack has several of: a record for each, by name (results/services.py)
TABLES = ("services", "databases", "queues", "caches", "callers", "endpoints")


def figure_at(path: str) -> Figure:
    """The row of a path; a cause's is that of its figure, one of a table (`services.api.failed`)
    says its unit alone. KeyError if there is none."""
    if path not in _AT and path.split(".", maxsplit=1)[0] in TABLES:
        timed = path.endswith("_s") or ".latency_s." in path
        unit = Unit.SECONDS if timed else Unit.SHARE if path.endswith("_ratio") else Unit.COUNT
        return Figure(path, unit, lambda run: None)
    return _AT[path]


def shown(topic: Topic) -> list[tuple[Figure, TableRow]]:
    """The rows of a topic, from top to bottom."""
    rows = [(f, f.row) for f in FIGURES if f.row is not None and f.row.topic is topic]
    return sorted(rows, key=lambda pair: pair[1].place)


def harms() -> list[tuple[str, Harm]]:
    """(path, harm) in the order in which they decide."""
    weighed = [(figure.path, figure.harm) for figure in FIGURES if figure.harm is not None]
    return sorted(weighed, key=lambda pair: pair[1].rank)


# ---- records of figures ----
def record(value: Callable[[Figure], Value | dict[str, float | None]]) -> Figures:
    """A nested record: `value` of each figure at its path."""
    whole: Figures = {}
    for figure in FIGURES:
        *groups, name = figure.path.split(".")
        inner = whole
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[name] = value(figure)
    return whole


def lookup(record: Mapping[str, Any], path: str) -> Any:
    """What stands at a dotted path of a record: a number, None, or a dict by cause. KeyError if
    there is nothing (METRICS has all there is)."""
    value: Any = record
    for part in path.split("."):
        value = value[part]
    return value


def total(record: Mapping[str, Any], path: str) -> float:
    """The number at a dotted path, causes summed; 0 where the figure does not exist."""
    value = lookup(record, path)
    if isinstance(value, dict):
        return sum(part or 0 for part in value.values())
    return 0.0 if value is None else value
