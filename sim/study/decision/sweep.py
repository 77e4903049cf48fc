"""A sweep: one or two knobs turned through their values, with the same customers at each point.

The knee is named by a rule: the first point, in the order of the values, that is not clearly worse
than the best one (pairs of the same seed, sim.results.counterfactual). Beyond it nothing is gained
that is more than chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sim.report.study_page import Lay, StudyPage, spoken, titled
from sim.report.text import words
from sim.report.text.columns import Cells
from sim.results.expectations import figure_named
from sim.results.services import table_paths
from sim.results.summary import Replication, mean_total
from sim.schema.fields import InputError
from sim.simulation.case import Case
from sim.study.ask import Ask, setting_text
from sim.study.batch import Batch, Runner
from sim.study.decision.knobs import Dial, Settings, cases_at, grid, words_of
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
    """What is run and looked at (the first of `metrics` decides), and the points once it was."""

    planned: Plan
    space: tuple[Dial, ...]
    metrics: tuple[str, ...]
    cases: tuple[tuple[Settings, Case], ...]
    points: tuple[SweepPoint, ...] = ()
    interrupted: bool = False

    @property
    def seeds(self) -> int:
        """Finished at least at one point."""
        return max((len(point.replications) for point in self.points), default=0)

    def of(self, platform: str) -> list[SweepPoint]:
        return [point for point in self.points if point.platform == platform]

    def knee(self, platform: str) -> SweepPoint | None:
        """By the rule above; None for a figure that is neither better nor worse."""
        return knee(self.of(platform), self.metrics[0])


def prepare(ask: Ask, space: tuple[Dial, ...], metrics: Sequence[str] = METRICS) -> Sweep:
    """Read and check everything. Raises `InputError`."""
    if len(space) > SHOWN_KNOBS:
        paths = ", ".join(knob.path for knob in space)
        raise InputError(field="--vary", found=paths, expected="one knob, or two; see sim cheapest")
    planned = plan(ask)
    tables = table_paths(planned.cases[0].stack)
    checked = tuple(figure_named(name, "--metric", tables) for name in metrics)
    cases = ((point, case) for point in grid(space) for case in cases_at(planned, point, "--vary"))
    return Sweep(planned, space, checked, tuple(cases))


def measure(sweep: Sweep, run: Runner = Batch.run) -> Sweep:
    """Run it; on Ctrl-C what was finished, with `interrupted` set."""
    cases, ask = tuple(case for _, case in sweep.cases), sweep.planned.ask
    sample = run(Batch(cases, sweep.planned.batch.seeds, engine=ask.engine))
    points = tuple(
        SweepPoint(settings, case.platform, done)
        for (settings, case), done in zip(sweep.cases, sample.replications, strict=True)
        if done
    )
    return sweep._replace(points=points, interrupted=sample.interrupted)


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


# ---- in words ----
RULE = (
    "The knee is the first point, in the order of the values, that is not clearly worse than the "
    "best (paired over the same seeds, 95 %; of one seed or two in each, and by a tenth)."
)


def setting(sweep: Sweep) -> str:
    seeds = sweep.seeds
    turned = " x ".join(f"{knob.path} ({len(knob.values)})" for knob in sweep.space)
    plural = "" if seeds == 1 else "s"
    return f"{sweep.planned.name}: {turned}, {seeds} seed{plural} each, the same for all"


def findings(sweep: Sweep) -> list[str]:
    """The knee of each platform, in words."""
    if sign(sweep.metrics[0]) == 0:
        return [f"{sweep.metrics[0]}: neither more nor less of it is better, so it has no knee."]
    return [_finding(sweep, name) for name in sweep.planned.platforms if sweep.of(name)]


def _finding(sweep: Sweep, name: str) -> str:
    metric, knee = sweep.metrics[0], sweep.knee(name)
    who = words.platform(name)
    known = [point for point in sweep.of(name) if point.estimate(metric) is not None]
    if knee is None or not known:
        return f"{who}: no point has {metric}."
    means = [estimate.mean for p in known if (estimate := p.estimate(metric)) is not None]
    if min(means) == max(means):
        return f"{who}: {metric} is {cell(metric, knee.estimate(metric))} at every point."
    return (
        f"{who}: the knee is {', '.join(words_of(knee.settings))}, "
        f"{metric} {cell(metric, knee.estimate(metric))}; nothing clearly better was tried."
    )


def cell(metric: str, value: Estimate | None) -> str:
    """`4 min 05 s [3 min 41 s .. 4 min 30 s]`"""
    if value is None:
        return words.NOTHING
    mean, low, high = (words.figure(metric, number) for number in value)
    return mean if low == high == mean else f"{mean} [{low} .. {high}]"


def table(sweep: Sweep, metric: str) -> Cells:
    """A row a point, a column a platform; the knee is marked."""
    names = [name for name in sweep.planned.platforms if sweep.of(name)]
    knees = {name: sweep.knee(name) for name in names} if metric == sweep.metrics[0] else {}
    heads = [knob.name for knob in sweep.space] + [words.platform(name) for name in names]
    lines = []
    by_place: dict[str, dict[str, SweepPoint]] = {}
    for point in sweep.points:
        by_place.setdefault(" ".join(words_of(point.settings)), {})[point.platform] = point
    for points in by_place.values():
        settings = next(iter(points.values())).settings
        values = [setting_text("", value).removeprefix("=") for value in settings.values()]
        lines.append([*values, *(_marked(points.get(name), metric, knees) for name in names)])
    return [heads, *lines]


def _marked(
    point: SweepPoint | None, metric: str, knees: dict[str, SweepPoint | None]
) -> str:  # fmt: skip
    if point is None:
        return words.NOTHING
    text = cell(metric, point.estimate(metric))
    return f"{text}  <- knee" if knees.get(point.platform) is point else text


def _lines(sweep: Sweep, lay: Lay, _: int | None = None) -> Iterator[str]:
    for sentence in findings(sweep):
        yield sentence
        yield ""
    for metric in sweep.metrics:
        yield f"{metric}, mean over seeds [{words.kind_of_bounds(sweep.seeds, 'seeds')}]"
        yield ""
        yield from lay(table(sweep, metric))
        yield ""
    if sweep.interrupted:
        yield "Interrupted: this is what was finished."
    yield f"{setting(sweep)}. {RULE}"


def record(sweep: Sweep) -> dict[str, Any]:
    knees = {name: sweep.knee(name) for name in sweep.planned.platforms}
    return {
        "scenario": sweep.planned.name,
        "metrics": list(sweep.metrics),
        "vary": {knob.path: list(knob.values) for knob in sweep.space},
        "knee": {name: knee.settings for name, knee in knees.items() if knee is not None},
        "rule": RULE,
        "points": rows(sweep),
    }


PAGE: StudyPage[Sweep] = StudyPage(
    "sweep", spoken(_lines), titled(setting, _lines), record, {"sweep.csv": rows},
    picture="sim.study.decision.pictures:knobs",
)  # fmt: skip
