"""`sim challenge`: list the challenges, show one, open a hint, check an answer."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sim.cli.options import DONE, NOT_HELD, REPORTS, Flag, Whole
from sim.schema.fields import InputError

if TYPE_CHECKING:
    from sim.workshop.challenge import Challenge
    from sim.workshop.language import Phrases
    from sim.workshop.progress import Achievements


def challenge(
    number: Whole | None = None,
    /,
    *,
    hint: Flag = False,
    start: Path | None = None,
    check: Path | None = None,
    seed: Whole = 1,
    reset: Flag = False,
    results: Path | None = None,
    name: str = "",
    language: str = "",
) -> int:
    """List the challenges, show one, open a hint, or check an answer.

    Exit status of --check: 0 passed, 1 not passed, 2 the file is no answer, or changes what is not
    offered. Hints, tries and passes are kept in reports/workshop.json.

    Parameters
    ----------
    number
        Which one; without it, all are listed.
    hint
        Open the next of its three hints.
    start
        Write the file that you begin with.
    check
        Replay your file and hold it against the goal.
    seed
        Of --check: other customers alone. What counts is seed 1, confirmed with 2 and 3.
    reset
        Forget hints, tries and passes of this challenge; without a number all of them.
    results
        Write what was passed, tries and hints as CSV.
    name
        Of --results: whose they are.
    language
        Of the texts from now on: en or de.
    """
    from sim.workshop import progress, texts  # noqa: PLC0415
    from sim.workshop.challenge import challenge as load  # noqa: PLC0415
    from sim.workshop.challenge import challenges  # noqa: PLC0415
    from sim.workshop.language import Phrases  # noqa: PLC0415

    _look_at(number, [option for option in (hint, start, check) if option], reset, name, results)
    known = progress.load()
    say = Phrases(language or known.language)
    seen = known.model_copy(update={"language": say.language})
    if reset:
        seen = seen.without(None if number is None else load(number).number)
    if seen != known:
        progress.save(seen)
    if results is not None:
        _write("--results", results, progress.results(seen, name, challenges(say.language)))
        print(f"{results} written.")
    elif number is None:
        print(texts.listing(say, challenges(say.language), seen), end="")
    else:
        return _of_one(say, load(number, say.language), seen, hint, start, check, seed)
    return DONE


def _look_at(
    number: int | None, of_one: list[bool | Path], reset: bool, name: str, results: Path | None
) -> None:
    """Raise `InputError` for options that do not go together."""
    if len(of_one) + reset > 1 or (of_one and number is None) or (name and results is None):
        expected = "a challenge's number and one of --hint, --start FILE, --check FILE and --reset"
        expected = "--results FILE beside --name" if name else expected
        raise InputError(field="challenge", found="something else", expected=expected)


def _of_one(
    say: Phrases, task: Challenge, seen: Achievements, hint: bool, start: Path | None,
    check: Path | None, seed: int,
) -> int:  # fmt: skip
    """What is asked about one challenge."""
    from sim.workshop import progress, texts  # noqa: PLC0415

    if hint:  # one more than last time; all that are open are shown
        key = str(task.number)
        opened = min(len(task.hints), seen.hints.get(key, 0) + 1)
        progress.save(seen.model_copy(update={"hints": {**seen.hints, key: opened}}))
        print(texts.hints(say, task, opened), end="")
    elif start is not None:
        _write("--start", start, texts.start_file(say, task))
        print(f"{start} written. Change it, then:")
        print(f"  python -m sim challenge {task.number} --check {start}")
    elif check is not None:
        return _check(say, task, check, seed)
    else:
        print(texts.page(say, task, seen), end="")
    return DONE


def _write(option: str, file: Path, text: str) -> None:
    """A new file. `InputError` where there is one, or where it cannot be written."""
    try:
        with file.open("x", encoding="utf-8", newline="\n") as out:
            out.write(text)
    except FileExistsError:
        found, expected = "a file that is there already", "a new name: your work is not overwritten"
        raise InputError(field=f"{option} {file}", found=found, expected=expected) from None
    except OSError as error:
        expected = "a name in a folder that can be written"
        found = error.strerror or str(error)
        raise InputError(field=f"{option} {file}", found=found, expected=expected) from None


def _check(say: Phrases, task: Challenge, file: Path, seed: int) -> int:
    """The answer against the goal, and a report to see why."""
    from sim.cli.delivery import deliver  # noqa: PLC0415
    from sim.report import files  # noqa: PLC0415
    from sim.report.folder import check_folder  # noqa: PLC0415
    from sim.workshop import progress, texts  # noqa: PLC0415
    from sim.workshop.check import SEED, check  # noqa: PLC0415

    folder = REPORTS / f"challenge-{task.number}"
    check_folder(folder, files.OURS)
    seen = progress.load()
    done = check(task, file, seed)

    def show() -> None:
        now = seen.tried(task.number, done.usd if done.passed else None) if seed == SEED else seen
        print(texts.verdict(say, task, done, now), end="")
        if now is not seen:
            progress.save(now)

    write = partial(files.write, done.result, folder, plots=False)
    status = deliver("what happened, and when", folder / "report.html", write, show)
    return NOT_HELD if status == DONE and not done.passed else status
