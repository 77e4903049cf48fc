"""summary.md: the finding, figures, claims and timeline, for a wiki or a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sim.report.text import findings, ladder, means, timeline, traffic, verdict, words
from sim.report.text.columns import markdown_table
from sim.results.measurements import Measurements
from sim.results.run import Run

SHOWS = {  # what a picture shows, for who does not see it
    "downtime.png": "When users were down on which platform, and what happened then",
    "compare.png": "How many requests each platform answered well, minute by minute",
    "jobs.png": "Jobs that waited on each platform",
    "connections.png": "Connections to the database on each platform",
}
LONGEST = 120  # lines of one platform's timeline


def markdown(result: Measurements, pictures: Iterable[str] = ()) -> str:
    """The page. `pictures`: names of the PNG files beside it."""
    return "\n".join(_lines(result, pictures)) + "\n"


def _lines(result: Measurements, pictures: Iterable[str]) -> Iterator[str]:
    yield f"# {result.scenario}: {words.markdown(result.title)}"
    yield f"\n**{words.markdown(verdict.verdict(result))}**\n"
    if result.means:
        yield f"{words.markdown(means.short(result))}\n"
    if result.ladder is not None:
        yield f"{words.markdown(ladder.sentence(result.ladder))}\n"
    yield f"{words.markdown(result.lesson)}\n"
    yield f"{words.markdown(findings.setting(result))}\n"
    for line in traffic.lines(result.recorded):
        yield f"- Traffic: {words.markdown(line)}"
    if result.recorded:
        yield ""
    if result.interrupted:
        yield "Interrupted: these are the runs that were finished.\n"
    for picture in pictures:
        yield f"![{SHOWS[picture]}]({picture})\n"
    if findings.is_many(result):
        yield from markdown_table(findings.overview(result))
        yield ""
    heads = [words.platform(name) for name in result.platforms]
    if not findings.is_many(result) and (rows := findings.telling(result)):
        columns = (row.columns for row in rows)
        yield from markdown_table([findings.telling_heads(result), *columns])
        yield "\n## All figures\n"
    yield f"|  | {' | '.join(heads)} |"
    yield "|---" + "|---:" * len(heads) + "|"
    for section in findings.sections(result):
        yield f"| **{section.title}** |{' |' * len(heads)}"
        for label, cells in section.rows:
            yield f"| {label} | {' | '.join(map(words.markdown, cells))} |"
    differences = findings.differences(result)
    if differences:
        yield f"\n## {findings.pairs_heading(result)}\n"
        yield from (f"- {words.markdown(what)}: {how_much}" for what, how_much in differences)
    yield from _claims(result)
    for run in result.runs:
        yield from _timeline(run)
    yield from _notes(result)


def _claims(result: Measurements) -> Iterator[str]:
    verdicts = findings.verdicts(result)
    if verdicts:
        yield "\n## What is claimed\n"
    for claim in verdicts:
        word = "holds" if claim.holds else "**does not hold**"
        yield f"- {word}: {claim.platform}: {words.markdown(claim.says)}  "
        yield f"  {words.markdown(claim.finding)}"
        if claim.because:
            yield f"  because {words.markdown(claim.because)}"


def _timeline(run: Run) -> Iterator[str]:
    yield f"\n## What happened under {words.platform(run.platform)} (seed {run.seed})\n"
    yield "```"
    yield from timeline.lines(run, LONGEST)
    yield "```"


def _notes(result: Measurements) -> Iterator[str]:
    for heading, notes in (("Assumed", result.assumed), ("Not simulated", result.ignored)):
        if notes:
            yield f"\n## {heading}\n"
            yield from (f"- {words.markdown(note)}" for note in notes)
