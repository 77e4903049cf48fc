"""`python -m sim challenge` and `python -m sim quiz`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sim.cli.options import DONE, NOT_HELD, Flag, Whole
from sim.schema.fields import InputError

if TYPE_CHECKING:
    from sim.study.study import Plan
    from sim.workshop.challenge import Challenge

REPORTS = Path("reports")


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

    asked = [option for option in (hint, start, check) if option]
    if len(asked) > 1 or (asked and number is None):
        expected = "a challenge's number and one of --hint, --start FILE and --check FILE"
        raise InputError(field="challenge", found="something else", expected=expected)
    if number is None:
        print(texts.listing(challenges(), progress.load()), end="")
        return DONE
    one = load(number)
    if hint:
        return _hint(one)
    if start is not None:
        return _start(one, start)
    if check is not None:
        return _check(one, check, seed)
    print(texts.page(one, progress.load()), end="")
    return DONE


def _hint(one: Challenge) -> int:
    """One more hint than last time; all that are open are shown."""
    from sim.workshop import progress, texts  # noqa: PLC0415

    seen = progress.load()
    key = str(one.number)
    opened = min(len(one.hints), seen.hints.get(key, 0) + 1)
    progress.save(seen.model_copy(update={"hints": {**seen.hints, key: opened}}))
    print(texts.hints(one, opened), end="")
    return DONE


def _start(one: Challenge, file: Path) -> int:
    from sim.workshop import texts  # noqa: PLC0415

    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(texts.start_file(one))
    except FileExistsError:
        found, expected = "a file that is there already", "a new name: your work is not overwritten"
        raise InputError(field=f"--start {file}", found=found, expected=expected) from None
    except OSError as error:
        expected = "a name in a folder that can be written"
        found = error.strerror or str(error)
        raise InputError(field=f"--start {file}", found=found, expected=expected) from None
    print(f"{file} written. Change it, then:")
    print(f"  python -m sim challenge {one.number} --check {file}")
    return DONE


def _check(one: Challenge, file: Path, seed: int) -> int:
    """The answer against the goal, and a report to see why."""
    from sim.report import files  # noqa: PLC0415
    from sim.workshop import progress, texts  # noqa: PLC0415
    from sim.workshop.check import SEED, check  # noqa: PLC0415

    folder = REPORTS / f"challenge-{one.number}"
    files.check_folder(folder)
    seen = progress.load()
    done = check(one, file, seed)
    files.write(done.result, folder, plots=False)
    if done.passed and seed == SEED and one.number not in seen.passed:
        passed = sorted([*seen.passed, one.number])
        progress.save(seen.model_copy(update={"passed": passed}))
    print(texts.verdict(one, done), end="")
    print(f"what happened, and when: {folder / 'report.html'}", file=sys.stderr)
    return DONE if done.passed else NOT_HELD


def quiz(scenario: str, /, *, rounds: Whole = 5, seed: Whole = 1) -> int:
    """Predict what a scenario does, then see what it did.

    Answers are read from standard input, one letter a line. The score over all rounds is kept in
    reports/workshop.json.

    Parameters
    ----------
    scenario
        Name, NAME:VARIANT, or path to a YAML file.
    rounds
        Questions at most.
    seed
        Of the run, and of the choice of questions.
    """
    from sim.report.text import findings  # noqa: PLC0415
    from sim.study.study import plan, study  # noqa: PLC0415
    from sim.workshop import progress, texts  # noqa: PLC0415
    from sim.workshop.questions import ask, questions  # noqa: PLC0415

    if rounds < 1:
        raise InputError(field="--rounds", found=str(rounds), expected="at least 1")
    _open_input()
    seen = progress.load()
    planned = plan(scenario, seed=seed)
    print(_about(planned), flush=True)
    result = study(planned)
    asked = questions(result, rounds, seed)
    score = seen.quiz.get(planned.name, progress.Score())
    here = progress.Score()
    for right in ask(asked, partial(_line, len(asked)), partial(print, flush=True)):
        here, score = here.plus(right), score.plus(right)
        progress.save(seen.model_copy(update={"quiz": {**seen.quiz, planned.name: score}}))
        print(f"Score: {here.right} of {here.asked}", flush=True)
    print(f"\n{findings.verdict(result)}.\n{texts.prose(result.lesson)}")
    print(f"\nIn all your rounds on {planned.name}: {score.right} of {score.asked} right.")
    print(f"The whole story: python -m sim run {scenario}")
    return DONE


def _about(planned: Plan) -> str:
    """What the quiz is about, and not how it ends."""
    from sim.report.text import words  # noqa: PLC0415
    from sim.workshop import texts  # noqa: PLC0415

    one = planned.scenario
    says = f": {one.variants[one.variant].says}" if one.variant else ""
    under = " and under ".join(words.platform(name) for name in planned.platforms)
    return texts.prose(f"{one.title}{says}. It is replayed under {under}. What do you expect?")


def _open_input() -> None:
    """Raise `InputError` where there is nobody to ask."""
    if sys.stdin is None or sys.stdin.closed:
        expected = "a terminal, or a pipe with a letter a line"
        raise InputError(field="quiz", found="no standard input", expected=expected)


def _line(questions: int) -> str:
    """The next line of standard input; `InputError` where it has ended."""
    print("your answer: ", end="", flush=True)
    line = sys.stdin.readline()
    if not sys.stdin.isatty():
        print(line.strip(), flush=True)  # the reader of a log sees what was answered
    if not line:
        found, expected = "the end of the input", f"a letter a line, for {questions} questions"
        raise InputError(field="quiz", found=found, expected=expected)
    return line
