"""The sections of report.html, in their order: what each says, as plain data for its template.

A section is a function from a result to a `Section` or None (nothing to say) and a template of the
same name in `templates/`. To add one, write both and put the function into SECTIONS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sim.report.page import constants
from sim.report.page.calls import call_graphs
from sim.report.page.charts import charts
from sim.report.page.topology import legend, snapshots
from sim.report.postmortem.account import Account, accounts
from sim.report.postmortem.attribution import KINDS, seconds_by_kind
from sim.report.text import findings, ladder, timeline, traffic, words
from sim.results.figures import Figures
from sim.results.measurements import Measurements

LONGEST = 150  # lines of one platform's timeline


_PACKAGE = Path(__file__).resolve().parents[2]
PLACES = (_PACKAGE / "data" / "docs" / "glossary.md", _PACKAGE.parent / "docs" / "glossary.md")
ROWS, FAILURES = "The table, row by row", "Failures"


class Section(NamedTuple):
    """`ident`: its anchor, and the name of its template."""

    ident: str
    title: str
    data: Any


class Row(NamedTuple):
    """`means`: the glossary's words for it, empty if it has none."""

    label: str
    means: str
    cells: tuple[str, ...]


def figures(result: Measurements) -> Section:
    """The rows that tell most; unfolded those that differ; what is equal on all is told once."""
    differing = findings.sections(result, full=False)
    unequal = {(part.title, row.label) for part in differing for row in part.rows}
    equal = [
        (part.title, _explained(part.title, row._replace(cells=row.cells[:1])))
        for part in findings.sections(result)
        for row in part.rows
        if (part.title, row.label) not in unequal
    ]
    causes = {name for f in result.platforms.values() for name in _causes(f)}
    return Section(
        "figures",
        "What users, jobs, people and money saw",
        {
            "telling": [] if findings.is_many(result) else findings.telling(result),
            "heads": [words.platform(name) for name in result.platforms],
            "sections": [
                (p.title, [_explained(p.title, row) for row in p.rows]) for p in differing
            ],
            "texts": findings.MEANS,
            "equal": equal,
            "survivors": findings.SURVIVORS,
            "words": [(w, m) for w, m in meanings(FAILURES).items() if w in causes],
            "differences": findings.differences(result),
            "pairs": findings.pairs_heading(result),
        },
    )


@cache
def meanings(heading: str) -> dict[str, str]:
    """Word -> meaning, of the table below a heading of docs/glossary.md, without markup."""
    text = next(place for place in PLACES if place.is_file()).read_text(encoding="utf-8")
    part = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")]
    return {
        word.strip("`"): cells[-1].replace("`", "")
        for cells in rows[1:]
        for word in cells[0].split(", ")
    }


def _explained(title: str, row: findings.Line) -> Row:
    means = "" if title == findings.MEANS else meanings(ROWS).get(row.label, "")
    return Row(row.label, means, row.cells)


def _causes(figures: Figures) -> Iterator[str]:
    for counts in (figures["requests"]["failed"], figures["jobs"]["lost"]):
        yield from (name.replace("_", " ") for name, number in counts.items() if number)


def rungs(result: Measurements) -> Section | None:
    """From one platform to the other, one change at a time."""
    climbed = result.ladder
    if climbed is None:
        return None
    data = {
        "sentence": ladder.sentence(climbed), "steps": ladder.steps(climbed),
        "orders": climbed.orders,
    }  # fmt: skip
    return Section("rungs", "Where the difference comes from", data)


def unknowns(result: Measurements) -> Section | None:
    """What the verdict hangs on."""
    found = result.unknowns
    return found and Section("unknowns", "What it hangs on", found._asdict())


def claims(result: Measurements) -> Section | None:
    """What is claimed, and whether it holds."""
    verdicts = findings.verdicts(result)
    return Section("claims", "What is claimed, and what came out", verdicts) if verdicts else None


def series(result: Measurements) -> Section | None:
    """What happened second by second."""
    return Section("series", "How it went", charts(result)) if result.runs else None


class Bar(NamedTuple):
    """One platform's degraded time: (kind, seconds, share of the longest bar)."""

    platform: str
    total: str
    parts: list[tuple[int, str, str, float, float]]  # kind, name, duration, x and width in percent


def time_spent(result: Measurements) -> Section | None:
    """Where the degraded time went."""
    shares = {words.platform(run.platform): seconds_by_kind(run) for run in result.runs}
    longest = max((sum(parts.values()) for parts in shares.values()), default=0.0)
    if not longest:
        return None
    bars = []
    for name, parts in shares.items():
        x, cells = 0.0, []
        for kind, (cause, seconds) in enumerate(parts.items()):
            width = 100.0 * seconds / longest
            cells.append((kind, cause, words.duration(seconds), round(x, 3), round(width, 3)))
            x += width
        bars.append(Bar(name, words.duration(sum(parts.values())), cells))
    shown = [k for k, cause in enumerate(KINDS) if any(parts[cause] for parts in shares.values())]
    return Section("spent", "Where the time went", {"bars": bars, "kinds": KINDS, "shown": shown})


def postmortem(result: Measurements) -> Section | None:
    """What went well and badly, and the causes that were run again."""
    told = accounts(result)
    run_again = any(account.causes is not None for account in told)
    kept = [a for a in told if a.well or a.badly or (run_again and not a.unharmed)]
    unharmed = [a.platform for a in told if a.unharmed and a not in kept]
    alike: dict[str, list[Account]] = {}
    for each in kept:
        alike.setdefault(repr((each.well, each.badly, each.causes)), []).append(each)
    joined = [
        some[0]._replace(platform=", ".join(each.platform for each in some))
        for some in alike.values()
    ]
    data = {"accounts": joined, "unharmed": unharmed, "again": run_again, "reps": result.reps}
    return Section("postmortem", "Post-mortem", data) if kept or unharmed else None


def calls(result: Measurements) -> Section | None:
    """Who asked whom."""
    graphs = list(call_graphs(result))
    return Section("calls", "Who asked whom", graphs) if graphs else None


def topology(result: Measurements) -> Section | None:
    """What stood where."""
    platforms = {words.platform(run.platform): snapshots(run) for run in result.runs}
    platforms = {name: views for name, views in platforms.items() if views}
    if not platforms:
        return None
    symbols = legend(view for views in platforms.values() for view in views)
    return Section("topology", "What stood where", {"platforms": platforms, "legend": symbols})


def events(result: Measurements) -> Section | None:
    """The timelines."""
    timelines = [
        (words.platform(run.platform), run.seed, timeline.lines(run, LONGEST))
        for run in result.runs
    ]
    return Section("events", "What happened", timelines) if timelines else None


def assumptions(result: Measurements) -> Section:
    """What was set, left open or not simulated; the choices; the constants with their sources."""
    choices = {
        words.platform(name): [
            (field.name.replace("_", " "), mechanism(getattr(choice, field.name)))
            for field in fields(choice)
        ]
        for name, choice in result.choices.items()
        if is_dataclass(choice)
    }
    notes = [
        ("Set by hand (--set)", [text.replace("=", " = ", 1) for text in result.told]),
        ("Set by the scenario", [text.replace("=", " = ", 1) for text in result.preset]),
        ("Traffic", traffic.lines(result.recorded)),
        ("Assumed", result.assumed),
        ("Not simulated", result.ignored),
    ]
    facts, told = constants.constants(result.facts), [note for note in notes if note[1]]
    data = {"choices": choices, "facts": facts, "notes": told}
    return Section("assumptions", "What is assumed", data)


def mechanism(choice: Any) -> str:
    """A choice of a platform with its parameters: `KubeletRestarts: relist_s 1`."""
    if choice is None:
        return "left to the operator"
    if not is_dataclass(choice):
        return str(choice)
    parts = []
    for field in fields(choice):
        value = getattr(choice, field.name)
        text = f"({mechanism(value)})" if is_dataclass(value) else _short(value)
        parts.append(f"{field.name} {text}")
    name = type(choice).__name__
    return f"{name}: {', '.join(parts)}" if parts else name


def _short(value: Any) -> str:
    if isinstance(value, tuple) and any(isinstance(part, tuple) for part in value):
        return f"one of {len(value)}"  # sizes of machines: a table of its own
    return words.plain(value) if isinstance(value, float) else str(value)


def again(result: Measurements) -> Section:
    """Seed, versions, and the command that makes this report again."""
    return Section("again", "Do it again", {"result": result, "setting": findings.setting(result)})


SECTIONS: tuple[Callable[[Measurements], Section | None], ...] = (
    rungs,
    unknowns,
    series,
    figures,
    claims,
    time_spent,
    postmortem,
    calls,
    topology,
    events,
    assumptions,
    again,
)


def sections(result: Measurements) -> list[Section]:
    """Those that have something to say."""
    written = (write(result) for write in SECTIONS)
    return [section for section in written if section is not None]
