"""postmortem.md: for a wiki, to be read aloud. The same bytes for the same seed, on any engine."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from sim.report.postmortem.account import Account, accounts
from sim.report.postmortem.causes import Cause, Causes
from sim.report.text import verdict, words
from sim.report.text.columns import folded
from sim.results.measurements import Measurements

ALONE = (
    "Each line is a run of its own: the same customers, and this one thing changed. What two "
    "changes save overlaps; it cannot be added up."
)
CHANCE = "a difference of less than 10 % counts as none, since it may be chance."
ONE_SEED = f"One seed was run: {CHANCE} `--reps 10` gives intervals."
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
    yield f"**{safe(verdict.verdict(result))}**\n"
    first, last = result.seed, result.seed + result.reps - 1
    seeds = f"seed {first}" if result.reps == 1 else f"means over the seeds {first} to {last}"
    yield (
        f"A simulated incident: scenario `{result.scenario}`, stack {safe(result.stack)}, "
        f"{words.duration(result.horizon_s)}, {seeds}. Every figure is measured in the run. "
        "Nobody is to blame; people here err as often as people do."
    )
    if result.interrupted:
        yield "\nInterrupted: this is what was finished."
    for account in accounts(result):
        yield from _account(account, result.reps)
    if result.command:
        yield "\n## Again\n"
        same = re.sub(r" --engine [a-z]+", "", result.command)  # which one makes no difference
        yield from (f"    {line}" for line in same.splitlines())


def _account(account: Account, reps: int) -> Iterator[str]:
    yield f"\n## {account.platform}\n"
    yield "### Impact\n"
    yield from (f"- {safe(line)}" for line in account.impact)
    yield f"\n### Timeline{f' (seed {account.seed})' if reps > 1 else ''}\n"
    for moment in account.moments:
        text = f"**{safe(moment.text)}**" if moment.felt else safe(moment.text)
        yield f"- {moment.clock} {f'({moment.after}) ' if moment.after else ''}{text}"
    if not account.moments:
        yield "Nothing happened."
    yield from _list("What went well", account.well)
    yield from _list("What went badly", account.badly)
    yield "\n### Causes\n"
    yield from causes(account.causes, account.unharmed, reps)


def _list(heading: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"\n### {heading}\n"
        yield from (f"- {safe(line)}" for line in lines)


def causes(tested: Causes | None, unharmed: bool, reps: int) -> Iterator[str]:
    """Paragraphs and a list."""
    if unharmed or tested is None:
        yield UNHARMED if unharmed else NOT_RUN
        return
    if tested.trigger:
        yield f"{tested.trigger}\n"
    yield introduction(tested)
    if tested.helped:
        yield ""
    for cause in tested.helped:
        yield f"- **With {cause.says}**: {cause.saves}  "
        yield f"  `{options(cause)}`"
    for heading, lines in tried(tested):
        yield f"\n{heading}: {'; '.join(lines)}."
    if hedge := doubt(tested, reps):
        yield f"\n{hedge}"


def doubt(tested: Causes, reps: int) -> str:
    """Over how few seeds the changes were run, where that is one or not all."""
    if not tested.number or len(tested.seeds) == reps > 1:
        return ""
    if reps == 1:
        return ONE_SEED
    seeds, all_of = ", ".join(map(str, tested.seeds)), f"`--reps {reps}` tries them with all"
    if len(tested.seeds) > 1:
        return f"The changes were run with the seeds {seeds} alone, of {reps}; {all_of}."
    return (
        f"The changes were run with seed {seeds} alone, of {reps}; {all_of}. {CHANCE.capitalize()}"
    )


def introduction(tested: Causes) -> str:
    """How the list of causes is to be read, or why there is none."""
    if tested.helped:
        return ALONE
    return NONE_HELPED if tested.number else NONE_APPLIES


def tried(tested: Causes) -> list[tuple[str, tuple[str, ...]]]:
    """What is no cause, as it was run again, too."""
    rows = [
        ("Tried, and it was worse", tested.worse),
        ("Tried, and it made no difference", tested.no_difference),
    ]
    return [row for row in rows if row[1]]


def options(cause: Cause) -> str:
    """The change as the command line takes it."""
    return " ".join(f"--set {shlex.quote(setting)}" for setting in cause.settings)


def plain(result: Measurements) -> str:
    """The causes for a terminal, at most 100 columns."""
    lines = []
    for account in accounts(result):
        lines.append(f"What would have helped under {account.platform}")
        lines += folded(_spoken(account), "  ", "    ")
    return "\n".join(lines) + "\n"


def _spoken(account: Account) -> Iterator[str]:
    if account.unharmed or account.causes is None:
        yield UNHARMED if account.unharmed else NOT_RUN
        return
    if not account.causes.helped:
        yield introduction(account.causes)
    for cause in account.causes.helped:
        yield f"with {cause.says}: {cause.saves}"
    for heading, lines in tried(account.causes):
        yield f"{heading.lower()}: {'; '.join(lines)}"


def safe(text: str) -> str:
    """The text on one line, as Markdown."""
    return words.markdown(" ".join(text.split()))
