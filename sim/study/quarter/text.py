"""How a quarter is written: terminal (at most 100 columns), Markdown, CSV, JSON, picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sim.dataplane.arithmetic import added
from sim.report.study_page import StudyPage
from sim.report.text import words
from sim.report.text.columns import folded, markdown_table
from sim.results.services import percent
from sim.study.quarter.tally import (
    LEFT_OUT,
    Quarter,
    Replayed,
    Totals,
    likely,
    record,
    tally,
    unplanned,
    verdict,
)

HEADS = ("what", "expected", "came", "hands on", "pages", "mistakes", "users down", "followed up")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
Rows = list[tuple[str, ...]]


# ---- parts ----
def setting(quarter: Quarter) -> str:
    """`A quarter of 13 weeks, one person's 520 working hours, seed 1`"""
    hours = f"one person's {quarter.rates.working_minutes / 60.0:g} working hours"
    title = f"A quarter of {quarter.rates.weeks:g} weeks, {hours}, seed {quarter.seed}"
    if quarter.reps > 1:
        last = quarter.seed + quarter.reps - 1
        title = f"Means over {quarter.reps} quarters of {quarter.rates.weeks:g} weeks, {hours} each"
        title += f", seeds {quarter.seed} to {last}"
    return title


def finding(quarter: Quarter) -> str:
    """Who spends how much, in one sentence."""
    parts = []
    for name in quarter.platforms:
        if quarter.whole(name):
            share = quarter.spent(name).share(quarter.rates.working_minutes)
            parts.append(f"{percent(share)} under {words.platform(name)}")
    if not parts:
        return "Nothing was finished"
    of = parts[0].replace("%", "% of one person's time", 1)
    return ", ".join([f"Incidents and planned work take {of}", *parts[1:]])


def number(value: float) -> str:
    return words.count(round(value, 2)) if value < 100 else words.count(value)


def table(quarter: Quarter, name: str) -> Rows:
    """A row a kind; `expected` is the mean of the rate at which they come."""
    rows: Rows = [HEADS]
    for kind in quarter.rates.kinds:
        rate = kind.rate * quarter.rates.weeks / 13.0
        each = f"{rate:g} a server" if kind.per_server else f"{rate:g}"
        rows.append(_cells(kind.name, each, quarter.tally(name, kind.name)))
    rows.append(_cells("all", "", quarter.tally(name)))
    return rows


def _cells(name: str, expected: str, totals: Totals) -> tuple[str, ...]:
    return (
        name, expected, number(totals.incidents), words.duration(60.0 * totals.minutes),
        number(totals.pages), number(totals.mistakes), words.duration(totals.downtime_s),
        number(totals.followed_up),
    )  # fmt: skip


def budget(quarter: Quarter, name: str) -> Rows:
    """Where one person's hours go."""
    time, working = quarter.spent(name), quarter.rates.working_minutes
    together = added(time)
    each = words.duration(quarter.rates.follow_up)
    followed = number(quarter.tally(name).followed_up)
    rest = max(0.0, working - together)
    lines = (
        ("hands on: typing, looking, waiting for a server", time.hands_on),
        ("watching deploys for a few minutes each", time.watching),
        (
            f"post-mortem and fixes: {followed} incidents, {each} each with the repair",
            time.following_up,
        ),
        ("together", together),
        ("left for features, and for what is not simulated", rest),
    )
    return [(what, words.duration(60.0 * m), percent(m / working)) for what, m in lines]


def hours(quarter: Quarter, name: str) -> list[str]:
    """Unplanned incidents by day and at night, all quarters together."""
    lines = []
    for night, when in ((False, "by day"), (True, "at night")):
        those = unplanned(quarter, name, night)
        lines.append(f"{when}: {_met(those)}")
    return lines


def _met(those: Sequence[Replayed]) -> str:
    if not those:
        return "none came"
    total = tally(those)
    many = "incident" if len(those) == 1 else "incidents"
    down = words.duration(total.downtime_s / len(those))
    hands = words.duration(60.0 * total.minutes / len(those))
    pages = "1 page" if total.pages == 1 else f"{number(total.pages)} pages"
    return f"{len(those)} {many}, {pages}, each {down} down and {hands} of hands-on work"


def ruling(quarter: Quarter, name: str) -> list[str]:
    """What T1 comes to, which no run decides; or that there is nothing yet."""
    outcome = verdict(quarter, name)
    if outcome is None:
        some = f"{len(quarter.of(name))} of {quarter.drawn(name)}"
        return [f"interrupted: {some} replayed, figures are sums of these, and no verdict on T1"]
    measured = percent(outcome["measured"])
    if quarter.reps > 1:
        low, high = likely(quarter, name)
        said = words.kind_of_bounds(quarter.reps, "quarters")
        measured += f" ({said}: {percent(low)} to {percent(high)})"
    return [f"T1, no verdict, measured {measured}: {outcome['says']}", outcome["because"]]


def sources(quarter: Quarter) -> Iterator[str]:
    """Each rate, with where it comes from."""
    for kind in quarter.rates.kinds:
        each = " for each server" if kind.per_server else ""
        yield f"{kind.name}: {kind.rate:g} in 13 weeks{each} (`{kind.scenario}`); {kind.source}"
    rates = quarter.rates
    source = f"; {rates.follow_up_source}" if rates.follow_up_source else ""
    yield (
        f"post-mortem and fixes: {words.duration(rates.follow_up)} in all, with the repair, for "
        "each incident with a page, with lost jobs, or that users felt for "
        f"{words.duration(rates.follow_up_from)} without being told before{source}"
    )


# ---- terminal ----
def text(quarter: Quarter) -> str:
    """The finding, a block per platform, and the sources."""
    lines = [finding(quarter), setting(quarter)]
    for name in quarter.platforms:
        lines += ["", words.platform(name), *_aligned(table(quarter, name))]
        lines += ["", *(f"  {a:<58}{b:>16}{c:>10}" for a, b, c in budget(quarter, name))]
        lines += ["", "  what nobody had planned"]
        lines += [f"    {line}" for line in hours(quarter, name)]
        lines += ["", *folded(ruling(quarter, name), "  ", "    ")]
    lines += ["", "How often things come, and where that is from"]
    lines += folded(sources(quarter), "  ", "    ")
    lines += ["", *folded([f"Not simulated: {LEFT_OUT}."])]
    return "\n".join(lines) + "\n"


def _aligned(rows: Rows) -> Iterator[str]:
    widths = (20, 15, 6, 15, 7, 10, 14, 13)
    for row in rows:
        first, *rest = zip(row, widths, strict=True)
        cells = "".join(f"{cell:>{width}}" for cell, width in rest)
        yield f"{first[0]:<{first[1]}}{cells}"


# ---- files ----
def markdown(quarter: Quarter) -> str:
    lines = ["# A simulated quarter", "", f"{finding(quarter)}.", "", f"{setting(quarter)}.", ""]
    for name in quarter.platforms:
        lines += [f"## {words.platform(name)}", "", *markdown_table(table(quarter, name)), ""]
        heads = ("where the time goes", "a quarter", "share")
        lines += [*markdown_table([heads, *budget(quarter, name)]), ""]
        met = (f"- {line}" for line in hours(quarter, name))
        lines += ["What nobody had planned:", "", *met, ""]
        lines += [f"{line}{'.' if line[-1] != '.' else ''}" for line in ruling(quarter, name)]
        lines.append("")
    lines += ["## How often things come, and where that is from", ""]
    lines += [f"- {words.markdown(line)}" for line in sources(quarter)]
    return "\n".join([*lines, "", f"Not simulated: {LEFT_OUT}."]) + "\n"


def kinds(quarter: Quarter) -> list[dict[str, Any]]:
    """A line per platform and kind."""
    return [
        {"platform": name, "kind": kind.name, **quarter.tally(name, kind.name)._asdict()}
        for name in quarter.platforms
        for kind in quarter.rates.kinds
    ]


def incidents(quarter: Quarter) -> list[dict[str, Any]]:
    """A line per incident: when it came, and what it cost."""
    return [{"when": when(each.at_s), **each._asdict()} for each in quarter.incidents]


def when(at_s: float) -> str:
    """`week 3 Tue 14:05`; a quarter begins on a Monday at midnight."""
    day, second = divmod(int(at_s), 86_400)
    return f"week {day // 7 + 1} {DAYS[day % 7]} {words.clock(second)[:5]}"


PAGE: StudyPage[Quarter] = StudyPage(
    "quarter", text, markdown, record, {"quarter.csv": kinds, "incidents.csv": incidents},
    picture="sim.study.quarter.picture:picture",
)  # fmt: skip
