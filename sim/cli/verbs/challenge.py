"""`sim challenge`: list the challenges, show one, open a hint, check an answer."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sim.cli.options import DONE, NOT_HELD, REPORTS, Flag, Whole
from sim.schema.fields import InputError

if TYPE_CHECKING:
    from sim.workshop.challenge import Challenge


def challenge(
    number: Whole | None = None,
    /,
    *,
    hint: Flag = False,
    start: Path | None = None,
    check: Path | None = None,
    seed: Whole = 1,
) -> int:
    """List the challenges, show one, open a hint, or check an answer.

    Exit status of --check: 0 passed, 1 not passed, 2 the file is no answer, or changes what the
    challenge does not allow. Hints opened and challenges passed are kept in reports/workshop.json.

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
        Of --check: other customers. What counts as passed is seed 1.
    """
    from sim.workshop import progress, texts  # noqa: PLC0415
    from sim.workshop.challenge import challenge as load  # noqa: PLC0415
    from sim.workshop.challenge import challenges  # noqa: PLC0415

    options = [option for option in (hint, start, check) if option]
    if len(options) > 1 or (options and number is None):
        expected = "a challenge's number and one of --hint, --start FILE and --check FILE"
        raise InputError(field="challenge", found="something else", expected=expected)
    if number is None:
        print(texts.listing(challenges(), progress.load()), end="")
        return DONE
    task = load(number)
    if hint:
        return _hint(task)
    if start is not None:
        return _start(task, start)
    if check is not None:
        return _check(task, check, seed)
    print(texts.page(task, progress.load()), end="")
    return DONE


def _hint(task: Challenge) -> int:
    """One more hint than last time; all that are open are shown."""
    from sim.workshop import progress, texts  # noqa: PLC0415

    seen = progress.load()
    key = str(task.number)
    opened = min(len(task.hints), seen.hints.get(key, 0) + 1)
    progress.save(seen.model_copy(update={"hints": {**seen.hints, key: opened}}))
    print(texts.hints(task, opened), end="")
    return DONE


def _start(task: Challenge, file: Path) -> int:
    from sim.workshop import texts  # noqa: PLC0415

    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(texts.start_file(task))
    except FileExistsError:
        found, expected = "a file that is there already", "a new name: your work is not overwritten"
        raise InputError(field=f"--start {file}", found=found, expected=expected) from None
    except OSError as error:
        expected = "a name in a folder that can be written"
        found = error.strerror or str(error)
        raise InputError(field=f"--start {file}", found=found, expected=expected) from None
    print(f"{file} written. Change it, then:")
    print(f"  python -m sim challenge {task.number} --check {file}")
    return DONE


def _check(task: Challenge, file: Path, seed: int) -> int:
    """The answer against the goal, and a report to see why."""
    from sim.cli.delivery import deliver  # noqa: PLC0415
    from sim.report import files  # noqa: PLC0415
    from sim.report.folder import check_folder  # noqa: PLC0415
    from sim.workshop import progress, texts  # noqa: PLC0415
    from sim.workshop.check import SEED, check  # noqa: PLC0415

    folder = REPORTS / f"challenge-{task.number}"
    check_folder(folder, files.OURS)
    history = progress.load()
    outcome = check(task, file, seed)

    def show() -> None:
        print(texts.verdict(task, outcome), end="")
        if outcome.passed and seed == SEED and task.number not in history.passed:
            passed = sorted([*history.passed, task.number])
            progress.save(history.model_copy(update={"passed": passed}))

    write = partial(files.write, outcome.result, folder, plots=False)
    status = deliver("what happened, and when", folder / "report.html", write, show)
    return NOT_HELD if status == DONE and not outcome.passed else status
