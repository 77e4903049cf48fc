"""A sweep: one or two knobs turned through their values, with the same customers at each point.

The knee is named by a rule: the first point, in the order of the values, that is not clearly worse
than the best one (pairs of the same seed, sim.results.counterfactual). Beyond it nothing is gained
that is more than chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sim.results.expectations import figure_named
from sim.results.summary import Replication, mean_total
from sim.schema.fields import InputError
from sim.study.ask import Ask
from sim.study.batch import Batch, Runner
from sim.study.decision.knobs import Dial, Settings, cases_at, grid, knobs
from sim.study.decision.merit import Estimate, clearly_worse, estimate, sign
from sim.study.plan import Plan, plan

METRICS = ("downtime_s", "availability", "cost.usd")
SHOWN_KNOBS = 2  # a curve, or a heat map


class SweepPoint(NamedTuple):
    """A point on a platform, with the seeds that were finished."""

    settings: Settings
    platform: str
    replications: tuple[Replication, ...]

    def estimate(self, metric: str) -> Estimate | None:
        return estimate(self.replications, metric)


class Sweep(NamedTuple):
    """All points, and what they are looked at for: the first of `metrics` decides."""

    planned: Plan
    space: tuple[Dial, ...]
    metrics: tuple[str, ...]
    points: tuple[SweepPoint, ...]
    interrupted: bool

    @property
    def seeds(self) -> int:
        """Finished at least at one point."""
        return max((len(point.replications) for point in self.points), default=0)

    def of(self, platform: str) -> list[SweepPoint]:
        return [point for point in self.points if point.platform == platform]

    def knee(self, platform: str) -> SweepPoint | None:
        """By the rule above; None for a figure that is neither better nor worse."""
        return knee(self.of(platform), self.metrics[0])


class SweepRuns(NamedTuple):
    """All that a sweep runs, checked."""

    planned: Plan
    space: tuple[Dial, ...]
    metrics: tuple[str, ...]
    settings: tuple[Settings, ...]
    batch: Batch


def prepare(ask: Ask, vary: Sequence[str], metrics: Sequence[str] = METRICS) -> SweepRuns:
    """Read and check everything. Raises `InputError`."""
    space = knobs(vary)
    if len(space) > SHOWN_KNOBS:
        paths = ", ".join(knob.path for knob in space)
        raise InputError(field="--vary", found=paths, expected="one knob, or two; see sim cheapest")
    checked = tuple(figure_named(name, "--metric") for name in metrics)
    planned = plan(ask)
    settings = tuple(grid(space))
    cases = tuple(case for point in settings for case in cases_at(planned, point, "--vary"))
    seeds = planned.batch.seeds
    return SweepRuns(
        planned, space, checked, settings, Batch(cases, seeds, engine=planned.ask.engine)
    )


def measure(runs: SweepRuns, run: Runner = Batch.run) -> Sweep:
    """Run it; on Ctrl-C what was finished, with `interrupted` set."""
    sample = run(runs.batch)
    names = [case.platform for case in runs.batch.cases]
    each = len(names) // len(runs.settings)
    points = tuple(
        SweepPoint(runs.settings[i // each], name, done)
        for i, (name, done) in enumerate(zip(names, sample.replications, strict=True))
        if done
    )
    return Sweep(runs.planned, runs.space, runs.metrics, points, sample.interrupted)


def knee(points: Sequence[SweepPoint], metric: str) -> SweepPoint | None:
    side = sign(metric)
    known = [point for point in points if point.estimate(metric) is not None]
    if side == 0 or not known:
        return None

    best = max(known, key=lambda point: side * mean_total(point.replications, metric))
    enough = (
        point
        for point in points
        if not clearly_worse(point.replications, best.replications, metric)
    )
    return next(enough, best)


def rows(sweep: Sweep) -> list[dict[str, Any]]:
    """A record a point and platform: knobs, platform, seeds, and each figure with its interval."""
    table = []
    for point in sweep.points:
        row: dict[str, Any] = dict(point.settings)
        row |= {"platform": point.platform, "seeds": len(point.replications)}
        for metric in sweep.metrics:
            value = point.estimate(metric)
            row[metric] = None if value is None else value.mean
            row[f"{metric}.low"] = None if value is None else value.low
            row[f"{metric}.high"] = None if value is None else value.high
        table.append(row)
    return table
