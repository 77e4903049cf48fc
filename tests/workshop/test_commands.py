"""`challenge` and `quiz` on the command line, and every command of the workshop's documents."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from pathlib import Path

import pytest

from sim.cli.app import main
from sim.report.text import words
from sim.study.comparison import compare
from sim.workshop import check, progress, texts
from sim.workshop.challenge import challenge, challenges
from sim.workshop.language import Phrases, languages
from sim.workshop.questions import RANGES, Question, put, questions, range_of
from tests import ENGINE
from tests.results.results import result
from tests.test_docs import ROOT, blocks, commands

DOCS = ROOT / "docs" / "workshop"
SHORT = {"scenario.horizon": "9m"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_student_s_way_through_a_challenge(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["challenge"]) == 0
    assert "Black Friday on a budget" in capsys.readouterr().out
    assert main(["challenge", "1"]) == 0
    shown = capsys.readouterr().out
    assert "downtime_s: at most 45 s" in shown
    assert "challenge 1 --start my.yaml" in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert main(["challenge", "1", "--start", "my.yaml"]) == 0
    assert main(["challenge", "1", "--check", "my.yaml"]) == 1
    said = capsys.readouterr().out
    assert "Not passed: 0 of 2" in said
    assert "The lesson" not in said
    file = here / "my.yaml"
    text = file.read_text(encoding="utf-8")
    assert '# stack.services.http.restart: "no"' in text
    opened = re.sub(r'# (stack\.services\.\w+\.restart): "no"', r"\1: always", text)
    file.write_text(opened, encoding="utf-8")
    assert main(["challenge", "1", "--check", "my.yaml"]) == 0
    said = capsys.readouterr().out
    assert "Passed." in said
    assert "ok  seed 2" in said
    assert "try 2." in said
    assert "The lesson" in said
    report = (here / "reports" / "challenge-1" / "report.html").read_text(encoding="utf-8")
    assert "python -m sim challenge 1 --check my.yaml" in report
    assert main(["challenge"]) == 0
    passed = [line for line in capsys.readouterr().out.splitlines() if line.endswith("passed")]
    assert len(passed) == 1
    assert "Nobody starts it again" in passed[0]


def test_results_as_csv_and_a_new_beginning(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = progress.Achievements(hints={"1": 2, "3": 1}, language="de")
    for usd in (None, 0.8, 0.7):
        kept = kept.tried(3, usd)
    progress.save(kept)
    assert main(["challenge", "--results", "mine.csv", "--name", "=Kim"]) == 0
    rows = list(csv.DictReader((here / "mine.csv").open(encoding="utf-8")))
    assert [row["challenge"] for row in rows] == [str(n) for n in range(1, 13)]
    assert rows[2] == {
        "name": "'=Kim", "challenge": "3", "title": "Schlussverkauf mit kleiner Kasse",
        "passed": "yes", "tries": "3", "hints": "1", "cheapest_usd": "0.70",
    }  # fmt: skip
    assert main(["challenge", "--results", "mine.csv"]) == 2  # nothing is overwritten
    assert main(["challenge", "3", "--reset"]) == 0
    left = progress.load()
    assert (left.hints, left.tries, left.passed, left.costs) == ({"1": 2}, {}, [], {})
    assert main(["challenge", "--reset"]) == 0
    assert progress.load() == progress.Achievements(language="de")
    capsys.readouterr()


def test_the_cost_of_an_answer_has_a_rank_among_those_that_pass(here: Path) -> None:
    task = challenge(1)
    done = check.Assessment("compose", (), result(platforms=("compose",)))
    costs = [done.usd, done.usd / 2]
    kept = progress.Achievements(costs={"1": costs}, tries={"1": 5})
    text = texts.verdict(Phrases(), task, done, kept)
    assert f"Cost: {words.money(done.usd)}, try 5." in text
    assert f"number 2 in cost; the cheapest: {words.money(done.usd / 2)}" in text


def test_another_language_is_chosen_once(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["challenge", "--language", "de"]) == 0
    assert main(["challenge", "1"]) == 0
    assert "Niemand startet neu" in capsys.readouterr().out
    assert main(["challenge", "--language", "dee"]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_hints_open_one_at_a_time_and_stay_open(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = []
    for _ in range(4):
        assert main(["challenge", "7", "--hint"]) == 0
        shown.append(len(re.findall(r"^Hint \d of 3$", capsys.readouterr().out, re.M)))
    assert shown == [1, 2, 3, 3]
    assert json.loads((here / "reports" / "workshop.json").read_text())["hints"] == {"7": 3}
    main(["challenge", "7"])
    assert "3 of 3 are open" in capsys.readouterr().out
    main(["challenge", "8"])
    assert "0 of 3 are open" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["13"], "one of 1, 2"),
        (["three"], "whole number"),
        (["--hint"], "a challenge's number and one of"),
        (["1", "--hint", "--check", "my.yaml"], "a challenge's number and one of"),
        (["1", "--check", "no.yaml"], "no.yaml"),
        (["1", "--start", "there.yaml"], "not overwritten"),
        (["1", "--start", "no/such/my.yaml"], "folder"),
        (["1", "--check", "cheat.yaml"], "challenge 1 does not allow"),
    ],
)
def test_bad_input_is_told_in_a_message_and_status_2(
    arguments: list[str], says: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "there.yaml").write_text("mine")
    (here / "cheat.yaml").write_text("platform: compose\nset:\n  scenario.horizon: 1m\n")
    assert main(["challenge", *arguments]) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert "Traceback" not in said.err
    assert (here / "there.yaml").read_text() == "mine"
    assert not (here / "reports").exists()


def test_a_progress_file_that_is_something_else(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "reports").mkdir()
    (here / "reports" / "workshop.json").write_text("[1, 2")
    assert main(["challenge", "1", "--hint"]) == 2
    assert "delete the file" in capsys.readouterr().err


# --- quiz -----------------------------------------------------------------------------------------


def test_the_quiz_asks_before_it_shows_and_keeps_the_score(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for played in (1, 2):
        type_in(monkeypatch, "?\n" + "A\n" * 5)
        assert main(["quiz", "container_crash"]) == 0
        out = capsys.readouterr().out
        assert out.count("\nQuestion ") == 5
        assert out.count("Measured: ") == 5
        assert out.index("Question 1") < out.index("Measured: ")
        assert out.index("Measured: ") < out.index("Question 2")
        assert "4 min 05 s down" not in out[: out.index("Question 5")]
        assert "Please answer with one letter" in out
        score = json.loads((here / "reports" / "workshop.json").read_text())["quiz"]
        assert score["container_crash"]["asked"] == 5 * played
        right = score["container_crash"]["right"]
        assert f"{right} of {5 * played} right" in out


def test_the_end_of_the_input_ends_the_quiz_with_a_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(monkeypatch, "a\n")
    assert main(["quiz", "container_crash:process_crash"]) == 2
    assert "the end of the input" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["quiz", "container_crash"]) == 2
    assert "no standard input" in capsys.readouterr().err
    assert main(["quiz", "container_crush"]) == 2


def test_questions_are_about_what_was_measured() -> None:
    result = compare("server_crash:redis", ["compose", "kubernetes"], engine=ENGINE)
    asked = questions(result, 100, seed=1)
    assert asked == questions(result, 100, seed=1)
    assert [q.text for q in asked] != [q.text for q in questions(result, 100, seed=2)]
    kinds = {"down", "failed", "minutes", "operator", "longer", "jobs", "claim"}
    assert {q.kind for q in asked} == kinds
    assert {q.kind for q in asked[:7]} == kinds  # one of each before a second of any
    for question in asked:
        assert len(set(question.options)) == len(question.options) > question.right >= 0
    by_kind = {q.kind: q for q in asked}
    assert by_kind["jobs"].options[by_kind["jobs"].right] == "both"  # Redis forgets on both
    compose = result.summary["platforms"]["compose"]
    (down,) = [q for q in asked if q.text == "How long is the shop closed under Compose?"]
    assert down.right == range_of(compose["downtime_s"], "down")
    assert down.because == words.duration(compose["downtime_s"])
    (operator,) = [q for q in asked if q.text == "What does the operator do first under Compose?"]
    first = next(r.text for r in result.runs[0].timeline if r.text.startswith("operator runs"))
    assert first == f"operator {operator.options[operator.right]}"


@pytest.mark.parametrize(
    ("value", "kind", "says"),
    [
        (0, "down", "not at all"),
        (29.9, "down", "less than half a minute"),
        (30, "down", "half a minute to two minutes"),
        (4000, "down", "longer than an hour"),
        (0, "failed", "none"),
        (0.1, "failed", "some, but fewer than 10"),
        (1000, "failed", "half of them or more"),
        (0, "minutes", "none"),
        (15, "minutes", "a quarter of an hour to an hour"),
    ],
)
def test_ranges(value: float, kind: str, says: str) -> None:
    assert Phrases()(kind).splitlines()[range_of(value, kind)] == says


@pytest.mark.parametrize("language", languages())
def test_a_language_has_a_name_for_each_range(language: str) -> None:
    for kind, lows in RANGES.items():
        assert len(Phrases(language)(kind).splitlines()) == len(lows)
    assert len(Phrases(language)("claim").splitlines()) == 2


def test_the_quiz_in_german_asks_the_same(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(monkeypatch, "x\n" + "a\n" * 5)
    assert main(["quiz", "container_crash", "--language", "de"]) == 0
    out = capsys.readouterr().out
    assert out.count("\nFrage ") == 5
    assert out.count("Gemessen: ") == 5
    assert "Bitte antworten Sie mit einem Buchstaben von a bis " in out
    assert not re.search("Question|Measured|your answer|Score|under Compose", out)
    assert progress.load().language == "de"
    told = compare("container_crash", ["compose", "kubernetes"], settings=SHORT, engine=ENGINE)
    pairs = zip(questions(told, 9, 1), questions(told, 9, 1, Phrases("de")), strict=True)
    for english, german in pairs:
        assert english.about == german.about
        assert english.right == german.right
        assert english.text != german.text


def test_answers_count_as_they_should() -> None:
    question = Question("x", "", "Which?", ("this", "that"), 1, "7")
    answers = iter(["c\n", "b\n", " A \n"])
    said: list[str] = []
    assert list(put(Phrases(), [question, question], lambda: next(answers), said.append)) == [
        True,
        False,
    ]
    assert "Right: that. Measured: 7" in said
    assert "No: that. Measured: 7" in said


# --- the documents --------------------------------------------------------------------------------

PAGES = {page.name: page.read_text(encoding="utf-8") for page in DOCS.glob("*.md")}
INDENTED = {
    name: re.sub(r"^  (?=```|python)", "", text, flags=re.M) for name, text in PAGES.items()
}


@pytest.mark.parametrize("name", sorted(set(PAGES) - {"plan.de.md"}))  # it has the plan's own
def test_every_command_of_the_workshop_runs(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the order of the page, in one folder. An unchanged answer is not passed: status 1."""
    found = commands(INDENTED[name])
    assert len(found) >= 9
    for arguments in found:
        type_in(monkeypatch, "a\n" * 10)
        short = ["--no-plots"] if arguments[0] == "run" else []
        expected = 1 if "--check" in arguments else 0
        assert main([*arguments, *short]) == expected, arguments
        assert capsys.readouterr().out


@pytest.mark.parametrize(("name", "language"), [("handout.md", "en"), ("handout.de.md", "de")])
def test_the_hand_out_lists_every_challenge_and_gives_no_solution(name: str, language: str) -> None:
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", PAGES[name], re.M)
    titles = [(one.number, one.title) for one in challenges(language)]
    assert [(int(n), title) for n, title in rows] == titles
    assert not re.search(": always|pooler|canary|pre_stop|reliable", PAGES[name])
    assert blocks(PAGES[name], "yaml")
    own = [line for line in commands(INDENTED[name]) if "--language" not in line]
    assert own == commands(INDENTED["handout.md"])


def test_the_plan_in_german_is_the_plan() -> None:
    """The same commands in the same order, the same minutes, the same challenges."""
    plan, german = INDENTED["plan.md"], INDENTED["plan.de.md"]
    assert commands(german) == commands(plan)
    minutes = r"^\| (\d+-\d+) \|"
    assert re.findall(minutes, german, re.M) == re.findall(minutes, plan, re.M)
    assert german.count("\n#") == plan.count("\n#")
    assert german.count("\n- ") == plan.count("\n- ")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 13))
def test_the_command_after_the_lesson_runs(number: int) -> None:
    (arguments,) = commands(f"```sh\n{challenge(number).then}\n```\n")
    assert main([*arguments, *(["--no-plots"] if arguments[0] == "run" else [])]) == 0
