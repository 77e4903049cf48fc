"""The timeline in words: what happened, and when users began and ceased to feel it.

What happens to several things at a time is one line. Of a kind of event that comes often the first
few are told and how many more there were; what comes after the last trouble is one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sim.report.incident import FAULTS, stretches
from sim.report.text import words
from sim.results import metrics
from sim.results.run import Run, TimelineRow
from sim.schema.traffic import Traffic

OFTEN = 5  # of one kind of event: so many are told, and the rest counted
NAMES = 3  # of things to which the same happened at once
ALWAYS = ("page", "acknowledged", "closed", "rollback", *FAULTS)
TRAFFIC = "traffic"  # the kind of what the users do
EARLY_S = 10.0  # quiet seconds borrow from their neighbours (sim.results.metrics): not before it
SUDDEN_S = 5.0  # traffic that changes within this changes at once, to a reader
AFTER_S = 60.0  # ... the last trouble is still part of the story


class Moment(NamedTuple):
    """`after`: since the first fault, empty before it and at it."""

    clock: str
    after: str
    text: str
    felt: bool  # by users; what else there is happened to the platform


class Entry(NamedTuple):
    t_s: float
    kind: str
    text: str


def moments(run: Run, traffic: Traffic | None = None) -> Iterator[Moment]:
    """In order of time; within a second what happened stands before what users felt of it, and how
    many users come (`traffic`) before both."""
    felt = list(_felt(run))
    come = () if traffic is None else arrivals(traffic)
    rows = sorted([*come, *together(run.timeline)], key=lambda entry: entry.t_s)
    ends = [t_s for t_s, _ in felt] or [run.horizon_s]
    ends += [entry.t_s for entry in rows if entry.kind in ALWAYS]
    shown = shortened(rows, run.fault_s, max(ends, default=0.0))
    story = [(entry.t_s, False, entry.text) for entry in shown]
    story += [(t_s, True, text) for t_s, text in felt]
    start = None if run.fault_s is None else int(run.fault_s)
    for t_s, by_users, text in sorted(story, key=lambda moment: (int(moment[0]), moment[1])):
        since = 0 if start is None else int(t_s) - start
        after = f"+{words.duration(since)}" if since > 0 else ""
        yield Moment(words.clock(t_s), after, text, by_users)


def arrivals(traffic: Traffic) -> Iterator[Entry]:
    """When more users come, or fewer. The first point is how it begins."""
    rates = [point.level * traffic.scale for point in traffic.points]
    unit = "users" if traffic.returns else "requests/s"
    for before, rate, point in zip(rates, rates[1:], traffic.points[1:], strict=False):
        if rate != before:
            slowly = f", over {words.duration(point.ramp)}" if point.ramp > SUDDEN_S else ""
            change = "rises" if rate > before else "falls"
            text = f"traffic {change} from {before:g} to {rate:g} {unit}{slowly}"
            yield Entry(point.at, TRAFFIC, text)


def _felt(run: Run) -> Iterator[tuple[float, str]]:
    """When users were down, and where they never were, or much later, when the SLO was missed."""
    width = run.recording.bucket_s
    outages, bad = stretches(metrics.down(run), width), stretches(metrics.degraded(run), width)
    if outages:
        yield from _stretch(run, outages, "users are down", "users are served again")
        early = [part for part in bad if part[0] < outages[0][0] - EARLY_S]
        bad = early if early and early[0][1] < outages[0][0] else []
    if bad:
        badly = "users are served badly: the SLO is missed"
        yield from _stretch(run, bad, badly, "users are served well again")


def _stretch(
    run: Run, parts: list[tuple[float, float]], begins: str, ends: str
) -> Iterator[tuple[float, str]]:
    """The first beginning and the last end."""
    start, end = parts[0][0], min(parts[-1][1], run.horizon_s)
    if run.fault_s is not None and start < run.fault_s < start + EARLY_S:
        start = run.fault_s
    if len(parts) > 1:
        begins += f", on and off ({len(parts)} times until {words.clock(end)})"
    yield start, begins
    yield end, ends if end < run.horizon_s else "the run ends, and it is not over for users"


def together(rows: Sequence[TimelineRow]) -> Iterator[Entry]:
    """Rows that say the same of several things within one second of the clock as one."""
    same: list[TimelineRow] = []
    for row in rows:
        alone = row.event in ALWAYS or row.subject == "operator"
        again = row.subject in {other.subject for other in same}
        if same and (alone or again or _alike(row) != _alike(same[0])):
            yield _merged(same)
            same = []
        if alone:
            yield _merged([row])
        else:
            same.append(row)
    if same:
        yield _merged(same)


def _alike(row: TimelineRow) -> tuple[str, str, int]:
    """The same for rows that differ by what they are about."""
    text = row.text.replace(row.subject, "*") if row.subject else row.text
    return row.event, text, int(row.t_s)


def _merged(rows: Sequence[TimelineRow]) -> Entry:
    first = rows[0]
    text = first.text or first.event.replace("_", " ")
    if first.subject and first.subject not in text:
        text = f"{first.subject} {text}"
    others = [row.subject for row in rows[1:]]
    if others:
        more = f" and {len(others) - NAMES} more" if len(others) > NAMES else ""
        text += f"; likewise {', '.join(others[:NAMES])}{more}"
    return Entry(first.t_s, first.event, text)


def shortened(rows: Sequence[Entry], fault_s: float | None, end_s: float) -> Iterator[Entry]:
    """The first few of each kind, before the fault and after it, and how many more there were."""
    late = [entry for entry in rows if entry.t_s > end_s + AFTER_S]
    of_kind: dict[tuple[bool, str], list[Entry]] = {}
    for entry in rows[: len(rows) - len(late)]:
        early = fault_s is not None and entry.t_s < fault_s
        of_kind.setdefault((early, entry.kind), []).append(entry)
    for (early, kind), entries in of_kind.items():
        most = len(entries) if kind in ALWAYS else 1 if early else OFTEN
        if len(entries) <= most + 1:
            yield from entries
            continue
        yield from entries[:most]
        rest = entries[most:]
        name = "things the operator does" if kind == "operator" else kind.replace("_", " ")
        until = words.clock(rest[-1].t_s)
        more = f"... and {len(rest)} more events of this kind ({name}) until {until}"
        yield Entry(rest[0].t_s, kind, more)
    late = [entry for entry in late if entry.kind != TRAFFIC]  # which no timeline holds
    if late:
        more = f"... and {len(late)} more events until the end, in timeline.csv"
        yield Entry(late[0].t_s, "", more)
