"""What every report says, as plain data: sections of rows, one cell a platform. Shown by table.py
(terminal, Jupyter) and markdown.py, so that all of them say the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sim.report.text import means, verdict, words
from sim.results import services
from sim.results.expectations import measured
from sim.results.figures import (
    TOPICS,
    Figure,
    Figures,
    TableRow,
    Topic,
    Unit,
    figure_at,
    lookup,
    shown,
    total,
)
from sim.results.measurements import Difference, Measurements
from sim.results.preference import Preference

FEW = 0.95  # availability below which the latency of those who got an answer says little
SURVIVORS = " of the answered"
MEANS = "Means"
TELLING = 3  # rows of the first screen, and the price
MANY = 4  # more platforms than this: the table turns, a row for each, and figures that decide
# heading -> figure of that table, in the order of the other one
COLUMNS = {row.column: figure for topic in TOPICS for figure, row in shown(topic) if row.column}
SELDOM = tuple(row.column for topic in TOPICS for _, row in shown(topic) if row.seldom)
HARDER = {"downtime_s", "requests.failed"}  # who differs in one of them is degraded by it, too


class Line(NamedTuple):
    label: str
    cells: tuple[str, ...]  # one a platform


class TellingRow(NamedTuple):
    """A row of the first screen."""

    label: str
    cells: tuple[str, ...]  # one a platform
    better: str = ""  # who did, and by how much; of one platform nobody
    winners: tuple[bool, ...] = (False,)  # one a platform

    @property
    def columns(self) -> list[str]:
        return [self.label, *self.cells, *filter(None, [self.better])]


class TableSection(NamedTuple):
    title: str
    rows: tuple[Line, ...]


@dataclass(frozen=True)
class ClaimLine:
    """One claim of the article, and what the run says to it."""

    holds: bool
    platform: str
    says: str
    finding: str  # `downtime: 5 min 41 s (claimed: 2 min .. 10 min)`
    because: str  # why it does not hold, if the scenario says


def setting(result: Measurements) -> str:
    """What was run, in one line: stack, seed, replications, simulated time, engine."""
    last = result.seed + result.reps - 1
    seeds = f"seed {result.seed}" if result.reps == 1 else f"seeds {result.seed} to {last}"
    simulated = f"{words.duration(result.horizon_s)} simulated"
    engine = f"{result.summary['engine']} engine"
    return " · ".join([f"stack {result.stack}", seeds, simulated, engine])


def is_many(result: Measurements) -> bool:
    """Does the table turn? A column a platform is readable for four of them at most."""
    return len(result.platforms) > MANY


def overview(result: Measurements) -> list[tuple[str, ...]]:
    """Many platforms at a glance: the heads, then a row each, without the columns of what is seldom
    and nobody has."""
    table = [("", *COLUMNS), *(glance(*platform) for platform in result.platforms.items())]
    columns = [
        column
        for column in zip(*table, strict=True)
        if column[0] not in SELDOM or set(column[1:]) != {"0"}
    ]
    return list(zip(*columns, strict=True))


def glance(platform: str, figures: Figures) -> tuple[str, ...]:
    """A platform's name, then a cell for each of COLUMNS."""
    cells = (words.figure(f.path, measured(figures, f.path)) for f in COLUMNS.values())
    return words.platform(platform), *cells


def telling(result: Measurements) -> list[TellingRow]:
    """The first screen: the TELLING weightiest figures that clearly differ, and the price; of one
    platform all that is weighed and not 0."""
    if len(result.platforms) == 1:
        return list(_weighed(result))
    paths = {preference.metric for preference in result.preferences}
    telling = [p for p in result.preferences if p.metric != "degraded_s" or not paths & HARDER]
    rows = [_telling_row(result, preference) for preference in telling[:TELLING]]
    return [*rows, *_price(result)]


def telling_heads(result: Measurements) -> list[str]:
    """Of the columns of `telling`."""
    platforms = [words.platform(name) for name in result.platforms]
    return ["", *platforms, *["better"] * (len(platforms) > 1)]


def _telling_row(result: Measurements, preference: Preference) -> TellingRow:
    metric, better = preference.metric, preference.better
    row = figure_at(metric).row
    cells = (
        verdict.ranged(metric, figures, result.spread[name], each=True)
        for name, figures in result.platforms.items()
    )
    by = f"{verdict.names(better)}, by {words.figure(metric, preference.gap)}"
    winners = tuple(name in better for name in result.platforms)
    return TellingRow(row.label if row else metric, tuple(cells), by, winners)


def _weighed(result: Measurements) -> Iterator[TellingRow]:
    ((name, figures),) = result.platforms.items()
    for topic in TOPICS:
        for figure, row in shown(topic):
            if (figure.harm or figure.compared) and total(figures, figure.path):
                cell = _cell(figure, row, figures, result.horizon_s, result.spread[name])
                yield TellingRow(row.label, (cell,))


def _price(result: Measurements) -> Iterator[TellingRow]:
    """What each costs a month, where that is not the same."""
    prices = {name: f["cost"]["usd_month"] for name, f in result.platforms.items()}
    cells = tuple(map(words.money, prices.values()))
    if len(set(cells)) > 1:
        least, most = min(prices.values()), max(prices.values())
        cheapest = tuple(name for name, price in prices.items() if price == least)
        by = f"{verdict.names(cheapest)}, by {words.money(most - least)}"
        winners = tuple(name in cheapest for name in prices)
        yield TellingRow(means.HEADINGS[-1], cells, by, winners)


def sections(result: Measurements, full: bool = True) -> list[TableSection]:
    """The means of each side, then all figures, grouped; sections about things that the stack has
    not are left out. Not `full`: of several platforms the rows that differ alone."""
    columns = means.by_platform(result)
    tables = [
        TableSection(topic.title, tuple(_lines(topic, result)))
        for topic in TOPICS
        if not topic.needs
        or any(total(f, path) for f in result.platforms.values() for path in topic.needs)
    ]
    for title, rows_of in services.rows(result.platforms).items():
        if rows_of:
            tables.append(TableSection(title, tuple(Line(*row) for row in rows_of)))
    if len(columns) == len(result.platforms):
        rows = zip(means.HEADINGS, zip(*columns.values(), strict=True), strict=True)
        tables.insert(0, TableSection(MEANS, tuple(Line(label, cells) for label, cells in rows)))
    if full or len(result.platforms) == 1:
        return tables
    differing = [
        TableSection(table.title, tuple(row for row in table.rows if len(set(row.cells)) > 1))
        for table in tables
    ]
    return [table for table in differing if table.rows]


def _lines(topic: Topic, result: Measurements) -> Iterator[Line]:
    for figure, row in shown(topic):
        cells = (
            pair(result, name, figure.path)
            if row.pair
            else _cell(figure, row, figures, result.horizon_s, result.spread.get(name, {}))
            for name, figures in result.platforms.items()
        )
        yield Line(row.label, tuple(cells))


def pair(result: Measurements, name: str, path: str) -> str:
    """`98 of 297 (seed 2)`, two figures of one run: where seeds have different pairs that of the
    run that is told, since a mean peak of a mean limit is nobody's."""
    row = figure_at(path).row
    assert row is not None

    def of(figures: Figures) -> str:
        return row.pair.format(*(words.figure(p, lookup(figures, p)) for p in (path, row.other)))

    if len({of(done.figures) for done in result.replications[name]}) == 1:
        return of(result.platforms[name])
    shown = result.shown[name]
    return f"{of(shown.figures)} (seed {shown.seed})"


def _cell(
    figure: Figure, row: TableRow, figures: Figures, horizon_s: float,
    spread: dict[str, dict[str, float]],
) -> str:  # fmt: skip
    """One figure of one platform, with its range over seeds where it is a headline's."""
    path, value = figure.path, lookup(figures, figure.path)
    if value is None:
        return row.missing.format(horizon=words.clock(horizon_s)) or words.NOTHING
    if figure.parts:
        return words.causes(value) or "0"
    text = words.figure(path, value)
    if path.startswith("latency_s.") and figures["availability"] < FEW:
        return text + SURVIVORS
    if figure.unit is Unit.MOMENT:
        return f"at {words.clock(value)}"
    headline = figure.harm is not None or figure.compared
    return verdict.ranged(path, figures, spread) if headline else text


def verdicts(result: Measurements) -> list[ClaimLine]:
    """The claims in the scenario's order."""
    return [claim_line(row, because) for row, because in result.verdicts]


def claim_line(row: dict[str, Any], because: str) -> ClaimLine:
    """Of a row of the summary's claims; what is missed by less than is printed says by how much."""
    metric = row["metric"]
    came = words.figure(metric, row["measured"])
    allowed = words.bounds(metric, row["low"], row["high"])
    for bound, side in ((row["low"], "below"), (row["high"], "above")):
        if not row["holds"] and bound is not None and words.figure(metric, bound) == came:
            missed = words.figure(metric, abs(row["measured"] - bound))
            came = f"{came}, {side} by {missed}"
    return ClaimLine(
        holds=row["holds"],
        platform=words.platform(row["platform"]),
        says=row["says"],
        finding=f"{metric}: {came} (claimed: {allowed})",
        because="" if row["holds"] else because,
    )


def differences(result: Measurements) -> list[tuple[str, str]]:
    """Paired differences worth a line: what, and how much with its bounds. Of many platforms those
    to the first, where there are any."""
    worth = [d for d in result.differences if figure_at(d.metric).compared]
    if is_many(result):
        first = next(iter(result.platforms))
        worth = [d for d in worth if d.baseline == first and any((d.mean, d.low, d.high))]
    return [
        (f"{_label(d)}: {words.platform(d.platform)} - {words.platform(d.baseline)}", _how_much(d))
        for d in worth
    ]


def _label(d: Difference) -> str:
    row = figure_at(d.metric).row
    return row.label if row else d.metric


def pairs_heading(result: Measurements) -> str:
    """What the bounds of `differences` are: those of as many pairs as there are."""
    pairs = min((d.pairs for d in result.differences), default=0)
    return f"Differences, pair by pair of seeds ({words.kind_of_bounds(pairs, 'pairs')})"


def _how_much(d: Difference) -> str:
    mean, low, high = (words.difference(d.metric, x) for x in (d.mean, d.low, d.high))
    points = " points" if figure_at(d.metric).unit is Unit.SHARE else ""
    return f"{mean}{points} ({low} .. {high})"
