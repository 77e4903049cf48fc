"""What is expected of a run: `compose.downtime_s<60`, `p95 jobs.lost<=10`, `availability>=99.9`.

The grammar of `--expect` and `--slo`. A figure that does not exist (a run that never recovered)
meets no expectation; one that is unknown is an error, never a pass (as k6's thresholds have it).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from math import ceil
from operator import ge, gt, le, lt
from typing import NamedTuple

from sim.results.figures import FIGURES, METRICS, Figures, Unit, figure_at, lookup, total
from sim.results.summary import Replication, mean_figures
from sim.schema.fields import Complaints, InputError, parse_duration, parse_ratio, refuse_all
from sim.schema.text.validation import closest, one_of, option

FORM = "[p95] [PLATFORM.]METRIC<VALUE such as compose.downtime_s<60 or 'p95 jobs.lost<=10'"
OVER = "mean, min, max, or a percentile over seeds such as p95"
KNOWN = (*METRICS, *(figure.path for figure in FIGURES if figure.parts))
RELATIONS: dict[str, Callable[[float, float], bool]] = {"<=": le, ">=": ge, "<": lt, ">": gt}
_PARTS = re.compile(
    r"(?:(?P<over>\w+)\s+(?:over\s+seeds\s+)?(?:of\s+)?)?"
    r"(?P<path>[\w./:()-]+)\s*(?P<relation><=|>=|<|>)\s*(?P<bound>[^<>=]+)"
)
_TIMES = {Unit.SECONDS: 1.0, Unit.MOMENT: 1.0, Unit.MINUTES: 60.0, Unit.HOURS: 3600.0}


class Expectation(NamedTuple):
    """A bound on a figure. `over`: how several seeds make one value."""

    text: str
    platform: str  # empty: each that runs
    metric: str
    relation: str
    bound: float  # in the figure's own unit
    over: str = "mean"

    def holds(self, value: float | None) -> bool:
        return value is not None and RELATIONS[self.relation](value, self.bound)

    def holds_in(self, figures: Figures) -> bool:
        """In one run."""
        return self.holds(measured(figures, self.metric))

    def value(self, replications: Sequence[Replication]) -> float | None:
        """Over seeds; None if one of them lacks the figure."""
        if self.over == "mean":
            return measured(mean_figures(replications), self.metric)
        column = [measured(done.figures, self.metric) for done in replications]
        values = sorted(value for value in column if value is not None)
        if len(values) < len(column):
            return None
        if self.over in ("min", "max"):
            return values[0 if self.over == "min" else -1]
        return values[rank(len(values), float(self.over[1:]))]


class Judgement(NamedTuple):
    """An expectation on a platform, and what came."""

    expectation: Expectation
    platform: str
    value: float | None

    @property
    def holds(self) -> bool:
        return self.expectation.holds(self.value)

    @property
    def margin(self) -> float | None:
        """How far within the bound; below 0: beyond it."""
        if self.value is None:
            return None
        gap = self.expectation.bound - self.value
        return gap if self.expectation.relation[0] == "<" else -gap


def rank(count: int, percent: float) -> int:
    """Index of the nearest rank: the least of `count` sorted values that so many are not above."""
    return max(0, ceil(percent / 100.0 * count) - 1)


def measured(figures: Figures, metric: str) -> float | None:
    """A figure, causes summed. None where it does not exist, as that of what nobody asked."""
    try:
        value = lookup(figures, metric)
    except KeyError:
        return None
    return total(figures, metric) if isinstance(value, dict) else value


def expectation(
    text: str, platforms: Collection[str] = (), field: str = "--expect", tables: Sequence[str] = ()
) -> Expectation:
    """Read one. `platforms`: those that may be named; `tables`: figures of the stack's own services
    and stores. Raises `InputError` with the nearest name."""
    match = _PARTS.fullmatch(text.strip())
    if match is None:
        raise InputError(field=field, found=repr(text), expected=FORM)
    over = match["over"] or "mean"
    if over not in ("mean", "min", "max") and not _is_percentile(over):
        raise InputError(field=field, found=repr(over), expected=OVER)
    head, _, rest = match["path"].partition(".")
    known = (*KNOWN, *tables)
    named = match["path"] not in known and (head in platforms or rest in known)
    platform, metric = (head, rest) if named else ("", match["path"])
    if platform and platform not in platforms:
        expected, near = f"a platform that runs: {one_of(platforms)}", closest(platform, platforms)
        raise InputError(field=field, found=repr(platform), expected=expected, nearest=near)
    figure_named(metric, field, tables)
    bound = _bound(match["bound"].strip(), metric, field)
    return Expectation(text.strip(), platform, metric, match["relation"], bound, over)


def figure_named(name: str, field: str, tables: Sequence[str] = ()) -> str:
    """The name, if there is such a figure. Raises `InputError`."""
    known = (*KNOWN, *tables)
    if name not in known:
        expected = "a figure of summary.json, such as downtime_s"
        raise option(field).error(repr(name), expected, closest(name, known))
    return name


def expectations(
    texts: Sequence[str],
    platforms: Collection[str] = (),
    field: str = "--expect",
    tables: Sequence[str] = (),
) -> tuple[Expectation, ...]:
    """All of them, or an `InputError` that tells each that is wrong."""
    gates: list[Expectation] = []
    wrong = Complaints()
    for text in texts:
        with wrong.noted():
            gates.append(expectation(text, platforms, field, tables))
    refuse_all(wrong)
    return tuple(gates)


def judged(
    gates: Sequence[Expectation], replications: Mapping[str, Sequence[Replication]]
) -> list[Judgement]:
    """Each expectation on each platform that it is about, in their order."""
    return [
        Judgement(each, platform, each.value(done))
        for each in gates
        for platform, done in replications.items()
        if each.platform in ("", platform)
    ]


def _is_percentile(word: str) -> bool:
    number = word.removeprefix("p")
    return word.startswith("p") and number.isdecimal() and 0 < int(number) <= 100


def _bound(text: str, metric: str, field: str) -> float:
    """A number in the figure's unit. A time may have units, a share above 1 is in percent."""
    unit = figure_at(metric).unit
    try:
        if unit is Unit.SHARE:
            share = parse_ratio(text)
            percent = share > 1.0 and not text.endswith("%")
            return round(share / 100.0 if percent else share, 12)  # 99.9 / 100 is above 0.999
        if unit in _TIMES and text[-1].isalpha():
            return parse_duration(text) / _TIMES[unit]
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf"):
        words = (
            "a share such as 0.999 or 99.9%" if unit is Unit.SHARE else f"a number ({unit.value})"
        )
        expected = f"{words} for {metric}"
        raise InputError(field=field, found=repr(text), expected=expected)
    return number
