"""The post-mortem as plain data: impact, timeline, what went well and badly, and causes.

Everything is read from what was measured. Shown by text.py (postmortem.md) and by the section
`postmortem` of report.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sim.report.postmortem import causes, judgement, story
from sim.report.postmortem.phrases import JOBS, REQUESTS, ended, percent
from sim.report.text import words
from sim.report.text.words import plural
from sim.results.counterfactual import harmed
from sim.results.figures import Figures, lookup, total
from sim.results.measurements import Measurements


class Account(NamedTuple):
    """One platform's post-mortem."""

    platform: str
    seed: int  # of the run whose timeline is told
    unharmed: bool  # nothing was lost, and nobody had to work
    impact: tuple[str, ...]
    moments: tuple[story.Moment, ...]
    well: tuple[str, ...]
    badly: tuple[str, ...]
    causes: causes.Causes | None  # None: nothing was run again


def accounts(result: Measurements) -> list[Account]:
    """One for each platform, in the order of the result."""
    return [account(result, name, figures) for name, figures in result.platforms.items()]


def account(result: Measurements, name: str, figures: Figures) -> Account:
    run = next((run for run in result.runs if run.platform == name), None)
    judged = list(judgement.judged(figures, run))
    return Account(
        platform=words.platform(name),
        seed=result.seed if run is None else run.seed,
        unharmed=not harmed(figures),
        impact=tuple(impact(figures, result.horizon_s)),
        moments=() if run is None else tuple(story.moments(run, result.traffic)),
        well=tuple(text for good, text in judged if good),
        badly=tuple(text for good, text in judged if not good),
        causes=causes.causes(result, name),
    )


def impact(figures: Figures, horizon_s: float) -> Iterator[str]:
    """What users, jobs, people and money lost, a sentence each."""
    requests, jobs, people = figures["requests"], figures["jobs"], figures["operator"]
    down, failed = figures["downtime_s"], total(figures, "requests.failed")
    share = f" ({percent(down / horizon_s)} of {words.duration(horizon_s)})" if down else ""
    yield (
        f"Users: down for {measured(figures, 'downtime_s')}{share}" if down else "Users: never down"
    )
    if figures["degraded_s"] > down:
        missed = measured(figures, "degraded_s")
        yield f"Users: the SLO was missed for {missed}{', the downtime included' if down else ''}"
    how = ""
    if failed:
        how = f" ({percent(failed / requests['arrived'])}): {ended(requests['failed'], REQUESTS)}"
    yield f"Requests: {words.count(failed)} of {words.count(requests['arrived'])} failed{how}"
    place = figures.get("began_at")
    if place in figures.get("databases", ()):
        refused = words.count(figures["databases"][place]["connections_refused"])
        yield f"Services: it began at the database {place}, which refused {refused} connections"
    elif place:
        counts = figures["services"][place]
        failed = total(counts, "failed")
        share = percent(failed / counts["asked"]) if counts["asked"] else "all"
        yield f"Services: it began at {place}, which failed {share} of what it was asked"
    lost = total(figures, "jobs.lost")
    if jobs["enqueued"] or lost:
        how = f": {ended(jobs['lost'], JOBS)}" if lost else ""
        yield f"Jobs: {words.count(lost)} of {words.count(jobs['enqueued'])} lost{how}"
    if jobs["duplicated"]:
        yield f"Jobs: {words.count(jobs['duplicated'])} done twice"
    minutes = measured(figures, "operator.minutes")
    pages = plural(people["pages"], "page") if people["pages"] else "nobody was paged"
    yield f"People: {pages}, {minutes if people['minutes'] else 'no'} work by hand"
    bill = measured(figures, "cost.usd")
    yield f"Money: {bill} for servers in {words.duration(horizon_s)}"


def measured(figures: Figures, path: str) -> str:
    """A figure, with the bounds of its mean where there are several seeds."""
    text = words.figure(path, lookup(figures, path))
    span = figures.get("intervals", {}).get(path)
    if span is None or span[0] == span[1]:
        return text
    bounds = words.BOUNDS[figures["intervals_are"]]
    return f"{text} ({bounds}: {words.figure(path, span[0])} to {words.figure(path, span[1])})"
