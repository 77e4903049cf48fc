"""What a tornado says: what flips the verdict in the first sentence, then the numbers by effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sim.report.study_page import Lay, StudyPage, spoken, titled
from sim.report.text import words
from sim.report.text.columns import Cells
from sim.results.measurements import Unknowns
from sim.study.ask import setting_text
from sim.study.decision.merit import estimate
from sim.study.decision.sensitivity import Swing, Tornado, Verdict
from sim.study.decision.sweep_text import cell

SHOWN = 20  # rows on a terminal; the files have all
ENDS = ("low", "high")


def sentence(verdict: Verdict, metric: str) -> str:
    """`Kubernetes has the best downtime_s, and Kubernetes alone keeps the SLO`."""
    best = _names(verdict.best)
    keeps = f"{_names(verdict.keeps)} keep{'s' if len(verdict.keeps) == 1 else ''} the SLO"
    if not verdict.keeps:
        keeps = "nobody keeps the SLO"
    verb = "has" if len(verdict.best) == 1 else "have"
    return f"{best} {verb} the best {metric}, {keeps}"


def finding(tornado: Tornado) -> str:
    """What flips the verdict, or that nothing does."""
    flips = tornado.flips()
    now = sentence(tornado.verdict, tornado.metric)
    if not flips:
        tried = len(tornado.bars) + len(tornado.idle)
        return f"{now}: none of {tried} numbers that nobody knows flips that."
    first = " or ".join(f"{bar.name} {_end_words(bar, end)}" for bar, end, _ in flips[:2])
    more = f", and {len(flips) - 2} more" if len(flips) > 2 else ""
    return f"{now}: that flips with {first}{more}."


def _end_words(bar: Swing, end: int) -> str:
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
        flips[bar.name] = sentence(verdict, metric)
    rows: list[Sequence[str]] = [heads]
    base = [cell(metric, estimate(done, metric)) for done in tornado.base.values()]
    rows.append(["as it is", "", "", "", *base, ""])
    for bar in tornado.bars[:most]:
        ends = [", ".join(sorted({words_of(v) for v in end.values()})) for end in bar.ends]
        cells = [_between(tornado, bar, name) for name in tornado.base]
        rows.append([bar.name, bar.now, *ends, *cells, flips.get(bar.name, "")])
    return rows


def _between(tornado: Tornado, bar: Swing, name: str) -> str:
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
