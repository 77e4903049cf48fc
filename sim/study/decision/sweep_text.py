"""What a sweep says: the knee in a sentence, a table a figure, CSV, JSON, Markdown, a picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.report.study_page import Lay, StudyPage, spoken, titled
from sim.report.text import words
from sim.report.text.columns import Cells
from sim.study.ask import setting_text
from sim.study.decision.knobs import words_of
from sim.study.decision.merit import Estimate, sign
from sim.study.decision.sweep import Sweep, SweepPoint, rows

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
