"""What a verdict hangs on: every number that nobody knows, at half and at double, one at a time.

The numbers are the constants marked "chosen" that hold in the study, and the assumptions about
every stack in assumptions.yaml. All runs meet the same customers. Those that change no figure of
the first seed do not act here; the others run on all seeds. A verdict is who is best and who keeps
the SLO.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sim.constants.catalogue import of_choices, of_services, walk
from sim.constants.facts import Setting
from sim.report.study_page import Lay, StudyPage, spoken, titled
from sim.report.text import words
from sim.report.text.columns import Cells
from sim.results.expectations import figure_named
from sim.results.figures import figure_at, total
from sim.results.measurements import Unknowns
from sim.results.summary import Replication
from sim.schema.fields import LawSpec, Line, Record
from sim.schema.text.validation import read_file
from sim.simulation.case import Case
from sim.study.ask import Ask, setting_text
from sim.study.batch import Batch, BatchSample, Runner
from sim.study.causes import changed, differs, expanded, standing_at
from sim.study.decision.merit import Estimate, estimate, least, sign
from sim.study.decision.sweep import cell
from sim.study.plan import Plan, plan

FILE = Path(__file__).with_name("assumptions.yaml")
HALF, DOUBLE = 0.5, 2.0
METRIC = "downtime_s"
FEW = 3  # seeds; of a run of more than LARGE requests one
LARGE = 100_000


class Assumption(Record):
    """A row of the file."""

    path: str
    says: Line
    low: Any = None  # as --set takes it; null: half
    high: Any = None  # null: double
    after: str = ""


class Assumptions(Record):
    assumptions: list[Assumption]


@cache
def assumptions() -> tuple[Assumption, ...]:
    """All there are, in the file's order. Raises `InputError`."""
    return tuple(read_file(Assumptions, FILE, FILE.name).assumptions)


Runs = Mapping[str, tuple[Replication, ...]]  # of each platform


class Doubt(NamedTuple):
    """A number that nobody knows: what to set for its two ends, and what ran there."""

    name: str
    says: str
    now: str
    ends: tuple[dict[str, Any], dict[str, Any]]  # settings; empty: there is no such end
    after: str = ""
    runs: tuple[Runs, Runs] = ({}, {})


class Verdict(NamedTuple):
    """Who is best in the figure (all that are as good), and who keeps the SLO."""

    best: tuple[str, ...]
    keeps: tuple[str, ...]


class Tornado(NamedTuple):
    """A study, checked; once run also all numbers that act, the widest first."""

    planned: Plan
    metric: str
    base: Runs = {}
    bars: tuple[Doubt, ...] = ()
    idle: tuple[str, ...] = ()  # names of those that change nothing here
    interrupted: bool = False

    @property
    def verdict(self) -> Verdict:
        return verdict(self.base, self.metric)

    def flips(self) -> list[tuple[Doubt, int, Verdict]]:
        """Ends at which the verdict is another one."""
        return [
            (bar, end, found)
            for bar in self.bars
            for end in (0, 1)
            if bar.runs[end] and (found := verdict(bar.runs[end], self.metric)) != self.verdict
        ]

    def at(self, bar: Doubt, end: int, platform: str) -> Estimate | None:
        return estimate(bar.runs[end].get(platform, ()), self.metric) if bar.runs[end] else None


# ---- which numbers, and their ends ----
def doubts(case: Case) -> list[Doubt]:
    """All of a case: the file's first, then the chosen constants that it does not name."""
    listed = [
        Doubt(path, row.says, _words(standing_at(case, path)), _ends(case, [path], row), row.after)
        for row in assumptions()
        for path in expanded(case, row.path)
    ]
    known = {doubt.name for doubt in listed}
    facts: dict[str, list[Setting]] = {}
    for setting in _chosen(case):
        if setting.path not in known:
            facts.setdefault(setting.fact.name, []).append(setting)
    for name, settings in facts.items():
        ends = _ends(case, [setting.path for setting in settings])
        listed.append(Doubt(name, settings[0].fact.says, _words(settings[0].value), ends))
    return [doubt for doubt in listed if any(doubt.ends)]


def _chosen(case: Case) -> Iterator[Setting]:
    root = case.platform.partition("-")[0]
    settings = (
        *walk(case.scenario, "scenario"),
        *of_choices(case.choices, root),
        *walk(case.stack.operator, "stack.operator"),
        *of_services(case.stack, case.choices),
    )
    for setting in settings:
        if setting.path and setting.fact.source.startswith("chosen"):
            yield setting


def _ends(
    case: Case, paths: Sequence[str], row: Assumption | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings for the low and the high end."""
    low, high = (None, None) if row is None else (row.low, row.high)
    return _end(case, paths, HALF, low), _end(case, paths, DOUBLE, high)


def scaled(case: Case, patterns: Sequence[str], factor: float) -> dict[str, Any]:
    """Settings that make all that the patterns mean here so many times what it is."""
    paths = [path for pattern in patterns for path in expanded(case, pattern)]
    return _end(case, paths, factor, None)


def _end(case: Case, paths: Sequence[str], factor: float, given: Any) -> dict[str, Any]:
    settings = {}
    for path in paths:
        candidates = [given] if given is not None else _scaled(standing_at(case, path), factor)
        value = next((raw for raw in candidates if differs(case, path, raw)), None)
        if value is not None:
            settings[path] = value
    return settings


def _scaled(value: Any, factor: float) -> list[Any]:
    """What `--set` may take for so many times the value: it knows the unit, we do not."""
    if isinstance(value, LawSpec):
        if value.mean == 0.0:
            return []
        return [{"law": value.law, "mean": f"{value.mean * factor:.9g}s", "cv": value.cv}]
    if isinstance(value, bool) or not isinstance(value, int | float) or value == 0:
        return []
    if isinstance(value, int):
        return [max(1, round(value * factor))]
    number = float(f"{value * factor:.9g}")
    return [number, f"{number:.9g}s", f"{number:.9g}/s", 1.0]  # a share ends at 1


def _words(value: Any) -> str:
    if isinstance(value, LawSpec):
        return f"{value.mean:g}s"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


# ---- running ----
class _Way(NamedTuple):
    """A platform's case at an end of a number."""

    number: str
    end: int
    case: Case


def prepare(ask: Ask, metric: str = METRIC) -> Tornado:
    """Read and check everything. `ask.reps` of 0: as many seeds as the size of a run allows, which
    the plan alone decides. Raises `InputError`."""
    planned = plan(replace(ask, reps=ask.reps or FEW))
    if not ask.reps and max(case.requests for case in planned.cases) > LARGE:
        planned = replace(planned, ask=replace(planned.ask, reps=1))
    return Tornado(planned, figure_named(metric, "--metric"))


def measure(tornado: Tornado, run: Runner = Batch.run) -> Tornado:
    """As it is on all seeds; each end on the first seed; the ends that act on the others."""
    planned = tornado.planned
    cases, engine, seeds = planned.cases, planned.ask.engine, planned.batch.seeds
    as_is = run(Batch(cases, seeds, engine=engine)).replications
    base = {case.platform: done for case, done in zip(cases, as_is, strict=True) if done}
    numbers = {name: doubts(case) for case in cases if (name := case.platform) in base}
    ways = [way for case in cases if case.platform in base for way in _ways(planned, case, base)]
    first = _run(ways, seeds[:1], engine, run)
    acts = {
        way.number
        for way, done in zip(ways, first.replications, strict=True)
        if done and done[0].figures != base[way.case.platform][0].figures
    }
    rest = [way for way in ways if way.number in acts]
    more = _run([] if first.interrupted else rest, seeds[1:], engine, run)
    places = [(way.number, way.end, way.case.platform) for way in rest]
    later = dict(zip(places, more.replications or [()] * len(places), strict=True))
    at: dict[tuple[str, int], dict[str, tuple[Replication, ...]]] = {}
    for way, done in zip(ways, first.replications, strict=True):
        key = (way.number, way.end, way.case.platform)
        if way.number in acts and done:
            at.setdefault(key[:2], dict(base))[key[2]] = (*done, *later.get(key, ()))
    every = {doubt.name: doubt for listed in numbers.values() for doubt in listed}
    bars = [
        doubt._replace(runs=(at.get((name, 0), {}), at.get((name, 1), {})))
        for name, doubt in every.items()
        if name in acts
    ]
    bars.sort(key=lambda bar: -_width(bar, base, tornado.metric))
    return tornado._replace(
        base=base,
        bars=tuple(bars),
        idle=tuple(name for name in every if name not in acts),
        interrupted=first.interrupted or more.interrupted,
    )


def _ways(planned: Plan, case: Case, base: Runs) -> Iterator[_Way]:
    for doubt in doubts(case):
        if doubt.after and not any(total(r.figures, doubt.after) for r in base[case.platform]):
            continue
        for end in (0, 1):
            other = changed(planned, case, doubt.ends[end]) if doubt.ends[end] else None
            if other is not None:
                yield _Way(doubt.name, end, other)


def _run(ways: Sequence[_Way], seeds: tuple[int, ...], engine: str, run: Runner) -> BatchSample:
    if not ways or not seeds:
        return BatchSample(tuple(() for _ in ways))
    return run(Batch(tuple(way.case for way in ways), seeds, engine=engine))


def verdict(runs: Mapping[str, Sequence[Replication]], metric: str) -> Verdict:
    side = sign(metric)
    means = {name: known.mean for name in runs if (known := estimate(runs[name], metric))}
    best = max((side * mean for mean in means.values()), default=0.0)
    near = tuple(n for n, mean in means.items() if best - side * mean <= least(metric))
    keeps = tuple(n for n, done in runs.items() if 2 * sum(r.slo_held for r in done) > len(done))
    return Verdict(near, keeps)


def _width(bar: Doubt, base: Runs, metric: str) -> float:
    """How far apart the ends are from what is, on the platform where that is most."""
    widths = [0.0]
    for name, done in base.items():
        known = [estimate(done, metric)]
        known += [estimate(runs[name], metric) for runs in bar.runs if name in runs]
        means = [each.mean for each in known if each is not None]
        widths.append(max(means, default=0.0) - min(means, default=0.0))
    return max(widths)


# ---- in words ----
SHOWN = 20  # rows on a terminal; the files have all
ENDS = ("low", "high")


def says(found: Verdict, unlike: Verdict | None = None) -> str:
    """`Kubernetes is best, nobody keeps the SLO`; only where it is `unlike` another verdict."""
    parts = []
    if unlike is None and found.best == found.keeps and len(found.best) == 1:
        return f"{_names(found.best)} is best and keeps the SLO"
    if unlike is None or found.best != unlike.best:
        parts.append(f"{_names(found.best)} {'is' if len(found.best) == 1 else 'are'} best")
    if unlike is None or found.keeps != unlike.keeps:
        parts.append(f"{_names(found.keeps)} keep{'s' * (len(found.keeps) < 2)} the SLO")
    return ", ".join(parts)


def finding(tornado: Tornado) -> str:
    """What flips the verdict, or that nothing does."""
    row, flips = figure_at(tornado.metric).row, tornado.flips()
    means = ((name, estimate(done, tornado.metric)) for name, done in tornado.base.items())
    amounts = ", ".join(
        f"{words.platform(name)} {words.figure(tornado.metric, each.mean if each else None)}"
        for name, each in means
    )
    now = f"{says(tornado.verdict)} ({row.label if row else tornado.metric}: {amounts})"
    if not flips:
        tried = len(tornado.bars) + len(tornado.idle)
        return f"{now}: none of {tried} numbers that nobody knows flips that."
    first = " or ".join(f"{bar.name} {_end_words(bar, end)}" for bar, end, _ in flips[:2])
    more = f", and {len(flips) - 2} more" if len(flips) > 2 else ""
    return f"{now}: that flips with {first}{more}."


def _end_words(bar: Doubt, end: int) -> str:
    values = {words_of(value) for value in bar.ends[end].values()}
    return f"at {', '.join(sorted(values))} instead of {bar.now}"


def words_of(value: Any) -> str:
    """`6ms` of a law; anything else as it is set."""
    if isinstance(value, dict) and "mean" in value:
        return str(value["mean"])
    return setting_text("", value).removeprefix("=")


def table(tornado: Tornado, most: int | None = None) -> Cells:
    """A row a number, the widest first: what is set, and the figure at both ends."""
    metric = tornado.metric
    heads = ["number", "now", "low", "high", *map(words.platform, tornado.base), "flips to"]
    flips: dict[str, str] = {}
    for bar, _, verdict in tornado.flips():
        flips[bar.name] = says(verdict, tornado.verdict)
    rows: list[Sequence[str]] = [heads]
    base = [cell(metric, estimate(done, metric)) for done in tornado.base.values()]
    rows.append(["as it is", "", "", "", *base, ""])
    for bar in tornado.bars[:most]:
        ends = [", ".join(sorted({words_of(v) for v in end.values()})) for end in bar.ends]
        cells = [_between(tornado, bar, name) for name in tornado.base]
        rows.append([bar.name, bar.now, *ends, *cells, flips.get(bar.name, "")])
    return rows


def _between(tornado: Tornado, bar: Doubt, name: str) -> str:
    """`0 s .. 49 s`: at the low and at the high end."""
    ends = [tornado.at(bar, end, name) if bar.runs[end] else None for end in (0, 1)]
    return " .. ".join(
        words.NOTHING if value is None else words.figure(tornado.metric, value.mean)
        for value in ends
    )


def _lines(tornado: Tornado, lay: Lay, most: int | None) -> Iterator[str]:
    yield finding(tornado)
    yield ""
    yield from lay(table(tornado, most))
    yield ""
    if most is not None and len(tornado.bars) > most:
        yield f"... and {len(tornado.bars) - most} more in tornado.md"
    if tornado.interrupted:
        yield "Interrupted: this is what was finished."
    yield note(tornado)


def note(tornado: Tornado) -> str:
    """Over what it was measured, and what makes no difference."""
    seeds = max(len(done) for done in tornado.base.values())
    idle = ", ".join(tornado.idle) or "none"
    return (
        f"{tornado.metric}, mean of {seeds} seed{'' if seeds == 1 else 's'}, the same for all. "
        f"No figure of seed {tornado.planned.ask.seed} changes with: {idle}."
    )


def unknowns(tornado: Tornado) -> Unknowns:
    """For a report beside other things."""
    cells = tuple(map(tuple, table(tornado, SHOWN)))
    return Unknowns(finding(tornado), cells, note(tornado))


def record(tornado: Tornado) -> dict[str, Any]:
    return {
        "scenario": tornado.planned.name,
        "metric": tornado.metric,
        "finding": finding(tornado),
        "verdict": tornado.verdict._asdict(),
        "numbers": rows(tornado),
        "idle": list(tornado.idle),
    }


def rows(tornado: Tornado) -> list[dict[str, Any]]:
    """A record a number, end and platform."""
    flips = {(bar.name, end): found for bar, end, found in tornado.flips()}
    table = []
    for bar in tornado.bars:
        for end in (0, 1):
            for name in tornado.base:
                value = tornado.at(bar, end, name) if bar.runs[end] else None
                table.append({
                    "number": bar.name, "says": bar.says, "now": bar.now, "end": ENDS[end],
                    "set": bar.ends[end], "platform": name,
                    tornado.metric: None if value is None else value.mean,
                    "flips": (bar.name, end) in flips,
                })  # fmt: skip
    return table


def _names(platforms: Sequence[str]) -> str:
    return " and ".join(words.platform(name) for name in platforms) or "nobody"


def _title(tornado: Tornado) -> str:
    return f"What {tornado.planned.name} hangs on"


PAGE: StudyPage[Tornado] = StudyPage(
    "tornado", spoken(_lines, SHOWN), titled(_title, _lines), record, {"tornado.csv": rows},
    picture="sim.study.decision.pictures:tornado",
)  # fmt: skip
