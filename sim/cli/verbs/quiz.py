"""`sim quiz`: predict what a scenario does, then see what it did."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from sim.cli.options import DONE, Whole
from sim.schema.fields import InputError

if TYPE_CHECKING:
    from sim.study.plan import Plan
    from sim.workshop.language import Phrases


def quiz(scenario: str, /, *, rounds: Whole = 5, seed: Whole = 1, language: str = "") -> int:
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
    language
        Of the questions from now on: en or de. Reports and the lesson stay English.
    """
    from sim.report.text import verdict  # noqa: PLC0415
    from sim.study.ask import Ask  # noqa: PLC0415
    from sim.study.comparison import replay  # noqa: PLC0415
    from sim.study.plan import plan  # noqa: PLC0415
    from sim.workshop import progress, texts  # noqa: PLC0415
    from sim.workshop.language import Phrases  # noqa: PLC0415
    from sim.workshop.questions import put, questions  # noqa: PLC0415

    if rounds < 1:
        raise InputError(field="--rounds", found=str(rounds), expected="at least 1")
    _open_input()
    history = progress.load()
    say = Phrases(language or history.language)
    history = history.model_copy(update={"language": say.language})
    planned = plan(Ask(scenario, seed=seed))
    print(_about(say, planned), flush=True)
    result = replay(planned)
    chosen = questions(result, rounds, seed, say)
    score = history.quiz.get(planned.name, progress.QuizScore())
    today = progress.QuizScore()
    for right in put(say, chosen, partial(_line, say, len(chosen)), partial(print, flush=True)):
        today, score = today.plus(right), score.plus(right)
        progress.save(history.model_copy(update={"quiz": {**history.quiz, planned.name: score}}))
        print(say("score", right=today.right, asked=today.asked), flush=True)
    print(f"\n{verdict.verdict(result)}\n{texts.prose(result.lesson)}")
    print(f"\n{say('rounds', name=planned.name, right=score.right, asked=score.asked)}")
    print(say("whole_story", scenario=scenario))
    return DONE


def _about(say: Phrases, planned: Plan) -> str:
    """What the quiz is about, and not how it ends."""
    from sim.report.text import words  # noqa: PLC0415
    from sim.workshop import texts  # noqa: PLC0415

    story = planned.scenario
    says = f": {story.variants[story.variant].says}" if story.variant else ""
    under = say("and_under").join(words.platform(name) for name in planned.platforms)
    return texts.prose(say("expect", story=f"{story.title}{says}", platforms=under))


def _open_input() -> None:
    """Raise `InputError` where there is nobody to ask."""
    if sys.stdin is None or sys.stdin.closed:
        expected = "a terminal, or a pipe with a letter a line"
        raise InputError(field="quiz", found="no standard input", expected=expected)


def _line(say: Phrases, questions: int) -> str:
    """The next line of standard input; `InputError` where it has ended."""
    print(say("your_answer"), end="", flush=True)
    line = sys.stdin.readline()
    if not sys.stdin.isatty():
        print(line.strip(), flush=True)  # the reader of a log sees what was answered
    if not line:
        found, expected = "the end of the input", f"a letter a line, for {questions} questions"
        raise InputError(field="quiz", found=found, expected=expected)
    return line
