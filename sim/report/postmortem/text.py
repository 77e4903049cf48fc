"""postmortem.md: for a wiki, to be read aloud. The same bytes for the same seed, on any engine."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from textwrap import wrap

from sim.report.postmortem.account import Account, accounts
from sim.report.postmortem.causes import Cause, Causes
from sim.report.text import content, words
from sim.results.measurements import Measurements

ALONE = (
    "Each line is a run of its own: the same customers, and this one thing changed. What two "
    "changes save overlaps; it cannot be added up."
)
ONE_SEED = (
    "One seed was run: a difference of less than 10 % counts as none, since it may be chance. "
    "`--reps 10` gives intervals."
)
UNHARMED = "Nothing was lost, so there is nothing to explain."
NONE_HELPED = "Nothing that was tried would have helped."
NONE_APPLIES = "No change of those that are known applies here, so none was tried."
NOT_RUN = (
    "Not measured: a cause is only what was run again without it. The same command with "
    "`--postmortem` does that."
)


def markdown(result: Measurements) -> str:
    """The whole file."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: Measurements) -> Iterator[str]:
    yield f"# Post-mortem: {safe(result.title or result.scenario)}\n"
    yield f"**{safe(content.verdict(result))}**\n"
    first, last = result.seed, result.seed + result.reps - 1
    seeds = f"seed {first}" if result.reps == 1 else f"means over the seeds {first} to {last}"
    yield (
        f"A simulated incident: scenario `{result.scenario}`, stack {safe(result.stack)}, "
        f"{words.duration(result.horizon_s)}, {seeds}. Every figure is measured in the run. "
        "Nobody is to blame; people here err as often as people do."
    )
    if result.interrupted:
        yield "\nInterrupted: this is what was finished."
    for one in accounts(result):
        yield from _account(one, result.reps)
    if result.command:
        yield "\n## Again\n"
        same = re.sub(r" --engine [a-z]+", "", result.command)  # which one makes no difference
        yield from (f"    {line}" for line in same.splitlines())


def _account(one: Account, reps: int) -> Iterator[str]:
    yield f"\n## {one.platform}\n"
    yield "### Impact\n"
    yield from (f"- {safe(line)}" for line in one.impact)
    yield f"\n### Timeline{f' (seed {one.seed})' if reps > 1 else ''}\n"
    for moment in one.moments:
        text = f"**{moment.text}**" if moment.felt else safe(moment.text)
        yield f"- {moment.clock} {f'({moment.after}) ' if moment.after else ''}{text}"
    if not one.moments:
        yield "Nothing happened."
    yield from _list("What went well", one.well)
    yield from _list("What went badly", one.badly)
    yield "\n### Causes\n"
    yield from causes(one.causes, one.unharmed, reps)


def _list(heading: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"\n### {heading}\n"
        yield from (f"- {safe(line)}" for line in lines)


def causes(found: Causes | None, unharmed: bool, reps: int) -> Iterator[str]:
    """Paragraphs and a list."""
    if unharmed or found is None:
        yield UNHARMED if unharmed else NOT_RUN
        return
    if found.trigger:
        yield f"{found.trigger}\n"
    yield introduction(found)
    if found.helped:
        yield ""
    for cause in found.helped:
        yield f"- **With {cause.says}**: {cause.saves}  "
        yield f"  `{options(cause)}`"
    for heading, lines in tried(found):
        yield f"\n{heading}: {'; '.join(lines)}."
    if reps == 1 and found.number:
        yield f"\n{ONE_SEED}"


def introduction(found: Causes) -> str:
    """How the list of causes is to be read, or why there is none."""
    if found.helped:
        return ALONE
    return NONE_HELPED if found.number else NONE_APPLIES


def tried(found: Causes) -> list[tuple[str, tuple[str, ...]]]:
    """What is no cause, as it was run again, too."""
    rows = [
        ("Tried, and it was worse", found.worse),
        ("Tried, and it made no difference", found.no_difference),
    ]
    return [row for row in rows if row[1]]


def options(cause: Cause) -> str:
    """The change as the command line takes it."""
    return " ".join(f"--set {shlex.quote(setting)}" for setting in cause.settings)


def plain(result: Measurements) -> str:
    """The causes for a terminal, at most 100 columns."""
    lines = []
    for one in accounts(result):
        lines.append(f"What would have helped under {one.platform}")
        for line in _spoken(one):
            lines += wrap(line, 98, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines) + "\n"


def _spoken(one: Account) -> Iterator[str]:
    if one.unharmed or one.causes is None:
        yield UNHARMED if one.unharmed else NOT_RUN
        return
    if not one.causes.helped:
        yield introduction(one.causes)
    for cause in one.causes.helped:
        yield f"with {cause.says}: {cause.saves}"
    for heading, lines in tried(one.causes):
        yield f"{heading.lower()}: {'; '.join(lines)}"


def safe(text: str) -> str:
    """Text that cannot start a heading, a tag or a link."""
    one_line = " ".join(text.split())
    return one_line.replace("<", "&lt;").replace("[", "\\[")
