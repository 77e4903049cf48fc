"""metrics.txt: the runs as OpenMetrics text, with time stamps.

OpenMetrics 1.0 (openmetrics.io, "OpenMetrics specification"): families one after the other, each
series in order of time, `# EOF` at the end. `promtool tsdb create-blocks-from openmetrics` turns
it into blocks that Prometheus and Grafana read; simulated second 0 is second 0 of the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from sim.dataplane.codes import JOB_CAUSES, LATENCY_GROWTH, LATENCY_MIN_S, REQUEST_CAUSES
from sim.dataplane.tables import DONE, DUPLICATED, ENQUEUED, FIRST_CAUSE, FIRST_LOSS, SUCCEEDED
from sim.results import metrics
from sim.results.figures import Figures
from sim.results.measurements import Measurements
from sim.results.run import SERIES, Run
from sim.results.series import sampled
from sim.results.services import tables

SCRAPE_S = 15.0  # between two samples; chosen: what many set-ups use
MOST = 2000  # samples of one series; the distance grows beyond
OF_SERVICES = (  # the columns of `Run.answers`
    ("sim_service_asked", "counter", "What a service was asked, each once however often tried."),
    ("sim_service_failed", "counter", "... of it that failed."),
    ("sim_service_open", "gauge", "... of it without an outcome."),
)
EDGES = [LATENCY_MIN_S * LATENCY_GROWTH**i for i in range(140, 700, 35)]  # each twice the last

Labels = dict[str, str]
Values = NDArray[np.generic]


def openmetrics(result: Measurements) -> str:
    """The whole file."""
    return "".join(f"{line}\n" for line in _lines(result.runs)) + "# EOF\n"


def _lines(runs: tuple[Run, ...]) -> Iterator[str]:
    yield from _head("sim_requests", "counter", "Requests by outcome, at their arrival.")
    for run in runs:
        table = run.recording.requests
        outcomes = {"succeeded": table[:, SUCCEEDED]}
        outcomes |= {cause: table[:, FIRST_CAUSE + i] for i, cause in enumerate(REQUEST_CAUSES)}
        for outcome, counts in outcomes.items():
            yield from _counted("sim_requests", run, {"outcome": outcome}, counts)
    yield from _head("sim_jobs", "counter", "Jobs by what became of them.")
    for run in runs:
        jobs = run.recording.jobs
        fates = {"enqueued": ENQUEUED, "done": DONE, "duplicated": DUPLICATED}
        fates |= {f"lost_{cause}": FIRST_LOSS + i for i, cause in enumerate(JOB_CAUSES)}
        for fate, column in fates.items():
            yield from _counted("sim_jobs", run, {"fate": fate}, jobs[:, column])
    refused = "Connections that the database refused."
    yield from _head("sim_connections_refused", "counter", refused)
    for run in runs:
        yield from _counted("sim_connections_refused", run, {}, run.recording.refused)
    for name, sampling in SERIES.items():
        kind, suffix = ("counter", "_total") if sampling.so_far else ("gauge", "")
        yield from _head(f"sim_{name}", kind, sampling.help)
        for run in runs:
            times = _scrapes(run)
            values = sampled(run, name, times)
            yield from _samples(f"sim_{name}{suffix}", _labels(run), times, values)
    yield from _head("sim_down", "gauge", "1 while users are down.")
    for run in runs:
        times = _scrapes(run)
        at = np.minimum(
            (times / run.recording.bucket_s).astype(int), len(run.recording.requests) - 1
        )
        yield from _samples("sim_down", _labels(run), times, metrics.down(run)[at].astype(int))
    yield from _among_services(runs)
    yield from _head("sim_latency_seconds", "histogram", "Of requests answered well.", "seconds")
    for run in runs:
        yield from _histogram(run)


def _among_services(runs: tuple[Run, ...]) -> Iterator[str]:
    """Of services that call each other: curves of each; of callers and what they keep in, counts at
    the horizon."""
    for column, (name, kind, text) in enumerate(OF_SERVICES):
        if any(run.answers for run in runs):
            yield from _head(name, kind, text)
        for run in runs:
            times = _scrapes(run)
            at = np.searchsorted(run.series["t_s"], times, "right") - 1
            for service, counts in run.answers.items():
                whose = _labels(run, {"service": service})
                suffix = "_total" if kind == "counter" else ""
                yield from _samples(f"{name}{suffix}", whose, times, counts[at, column])
    rows = [(run, *row) for run in runs for row in _at_the_end(tables(run))]
    for name in dict.fromkeys(name for _, name, *_ in rows):
        yield from _head(name, "gauge", f"{name[4:].replace('_', ' ')}, at the end.".capitalize())
        for run, other, labels, value in rows:
            if other == name:
                yield f"{name}{_labels(run, labels)} {value!r} {run.horizon_s:.3f}"


def _at_the_end(parts: Figures) -> Iterator[tuple[str, Labels, float]]:
    """A name, whose, and how many."""
    whose = [
        ("calls", {"caller": caller, "service": service}, edge)
        for caller, asked in parts.get("callers", {}).items()
        for service, edge in asked.items()
    ]
    for part, noun in (("databases", "database"), ("queues", "queue"), ("caches", "cache")):
        whose += [(noun, {noun: name}, row) for name, row in parts.get(part, {}).items()]
    for noun, labels, row in whose:
        for field, value in row.items():
            if isinstance(value, int | float):
                name = f"sim_{noun}" if field == noun else f"sim_{noun}_{field}"
                yield name, labels, value


def _head(name: str, kind: str, help_text: str, unit: str = "") -> Iterator[str]:
    yield f"# TYPE {name} {kind}"
    if unit:
        yield f"# UNIT {name} {unit}"
    yield f"# HELP {name} {help_text}"


def _scrapes(run: Run) -> NDArray[np.float64]:
    step = max(SCRAPE_S, run.horizon_s / MOST)
    return np.append(np.arange(0.0, run.horizon_s, step), run.horizon_s)


def _counted(name: str, run: Run, labels: Labels, counts: Values) -> Iterator[str]:
    """A counter so far, at each scrape; nothing of one that stays at zero."""
    so_far = np.append(0, np.cumsum(counts))
    if so_far[-1] == 0:
        return
    times = _scrapes(run)
    at = np.minimum((times / run.recording.bucket_s).astype(int), so_far.size - 1)
    at[-1] = so_far.size - 1
    yield from _samples(f"{name}_total", _labels(run, labels), times, so_far[at])


def _samples(name: str, labels: str, times: Values, values: Values) -> Iterator[str]:
    for t, value in zip(times.tolist(), values.tolist(), strict=True):
        yield f"{name}{labels} {value!r} {t:.3f}"


def _histogram(run: Run) -> Iterator[str]:
    """At the horizon: cumulative counts of latencies up to each edge (the first above the bin)."""
    counted = np.cumsum(run.recording.latency)
    for i, edge in zip(range(140, 700, 35), EDGES, strict=True):
        labels = _labels(run, {"le": f"{edge:.6g}"})
        yield f"sim_latency_seconds_bucket{labels} {int(counted[i - 1])} {run.horizon_s:.3f}"
    total = int(counted[-1])
    yield f"sim_latency_seconds_bucket{_labels(run, {'le': '+Inf'})} {total} {run.horizon_s:.3f}"
    yield f"sim_latency_seconds_count{_labels(run)} {total} {run.horizon_s:.3f}"
    total_s = float(np.nansum(run.recording.latency_sum))
    yield f"sim_latency_seconds_sum{_labels(run)} {total_s!r} {run.horizon_s:.3f}"


def _labels(run: Run, more: Labels | None = None) -> str:
    labels = {"scenario": run.scenario, "platform": run.platform, "seed": str(run.seed)}
    return "{" + ",".join(_pairs({**labels, **(more or {})}.items())) + "}"


def _pairs(labels: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in labels:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        yield f'{name}="{escaped}"'
