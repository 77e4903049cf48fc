"""Each challenge is failed by its start file and passed by its solution; no cheating."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sim.dataplane import engines
from sim.imports.trace import arrivals
from sim.schema.fields import InputError
from sim.workshop.challenge import HINTS, Challenge, challenge, challenges, scenario_of
from sim.workshop.check import OTHERS, SEED, Assessment, GoalScore, assess, check
from sim.workshop.language import FOLDER, Phrases, languages
from sim.workshop.progress import Achievements
from sim.workshop.texts import start_file, verdict
from tests import ENGINE
from tests.workshop.solutions import NEARLY, SOLUTIONS
from tools.guess import Guess, alone, by_lot, passes

ALL = {one.number: one for one in challenges()}
LONG = {3, 4, 10, 11}  # more than two seconds a run


def numbers() -> list[Any]:
    return [pytest.param(n, marks=[pytest.mark.slow] if n in LONG else []) for n in ALL]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("answers")


def answer(folder: Path, platform: str, settings: dict[str, Any]) -> Path:
    """A student's file (JSON is YAML)."""
    file = folder / "my.yaml"
    file.write_text(json.dumps({"platform": platform, "set": settings}))
    return file


@cache
def started(number: int, folder: Path) -> Assessment:
    file = folder / f"start-{number}.yaml"
    file.write_text(start_file(Phrases(), ALL[number]))
    return check(ALL[number], file, engine=ENGINE)


def measured(done: Assessment) -> list[tuple[str, float | None]]:
    return [(score.goal.metric, score.measured) for score in done.scores]


def test_there_are_twelve_and_the_first_four_are_the_articles() -> None:
    assert list(ALL) == list(range(1, 13))
    assert sorted(str(ALL[n].article) for n in range(1, 5)) == ["Y1", "Y2", "Y3", "Y4"]
    assert set(SOLUTIONS) == set(NEARLY) == set(ALL)
    for one in ALL.values():
        assert len(one.hints) == HINTS
        assert one.start in one.platforms
        assert "always" not in one.story  # a story tells the trouble, not the way out


@pytest.mark.parametrize("number", numbers())
def test_the_start_file_does_not_pass(number: int, folder: Path) -> None:
    done = started(number, folder)
    assert not done.passed, measured(done)


@pytest.mark.parametrize("number", numbers())
def test_the_solution_passes(number: int, folder: Path) -> None:
    done = assess(ALL[number], answer(folder, *SOLUTIONS[number][0]), SEED, engine=ENGINE)
    assert done.passed, measured(done)


@pytest.mark.slow
@pytest.mark.parametrize("number", ALL)
def test_every_solution_passes_with_other_customers_too(number: int, folder: Path) -> None:
    for platform, settings in SOLUTIONS[number]:
        for seed in (SEED, *OTHERS):
            file = answer(folder, platform, settings)
            done = assess(ALL[number], file, seed, engine=ENGINE)
            assert done.passed, (platform, settings, seed, measured(done))


@pytest.mark.slow
@pytest.mark.parametrize("number", ALL)
def test_what_one_tries_first_does_not_pass(number: int, folder: Path) -> None:
    for platform, settings in NEARLY[number]:
        done = check(ALL[number], answer(folder, platform, settings), engine=ENGINE)
        assert not done.passed, (platform, settings, measured(done))


@pytest.mark.slow
@pytest.mark.parametrize("number", ALL)
def test_the_start_file_says_how_things_are(number: int, folder: Path) -> None:
    """Every `now` set as it stands in the file changes no figure of the run."""
    one = ALL[number]
    now = {path: knob.now for path, knob in one.may.items() if knob.now is not None}
    done = check(one, answer(folder, one.start, now), engine=ENGINE)
    assert done.result.summary == started(number, folder).result.summary


@pytest.mark.parametrize("number", ALL)
def test_no_challenge_makes_a_class_wait_for_the_compiler(number: int) -> None:
    scenario = scenario_of(ALL[number])
    expected = engines.expected_requests(arrivals(scenario.traffic), scenario.horizon)
    assert expected < engines.WORTH_COMPILING


def test_what_passes_by_luck_has_not_passed(folder: Path) -> None:
    """Reached with the customers of the class, missed with those of another seed."""
    done = started(1, folder)
    good = tuple(GoalScore(score.goal, 0.0, True) for score in done.scores)
    lucky = done._replace(scores=good, others={2: good, 3: (good[0]._replace(reached=False),)})
    assert lucky.reached
    assert not lucky.passed
    text = verdict(Phrases(), ALL[1], lucky, Achievements())
    assert "NO  seed 3" in text
    assert "it was luck with the visitors of seed 1" in text


@pytest.mark.parametrize("language", languages())
def test_every_text_is_there_in_every_language(language: str) -> None:
    say, english = Phrases(language), Phrases()
    assert say.texts.keys() == english.texts.keys()
    fields = re.compile(r"{\w+}")
    for key, text in say.texts.items():
        assert sorted(fields.findall(text)) == sorted(fields.findall(english.texts[key])), key
    for own, plain in zip(challenges(language), challenges(), strict=True):
        told, meant = own.model_dump(), plain.model_dump()
        if language != "en":
            assert all(told[key] != meant[key] for key in ("story", "hints", "lesson"))
            whats = [[knob.what for knob in each.may.values()] for each in (own, plain)]
            assert all(a != b for a, b in zip(*whats, strict=True))
        for record in (told, meant):  # nothing but texts is another
            for key in ("title", "story", "hints", "lesson"):
                del record[key]
            for part in (*record["may"].values(), *record["goals"]):
                part.pop("what", part.pop("says", None))
        assert told == meant


def test_a_language_has_a_text_for_each_challenge_and_for_nothing_else() -> None:
    ours = {path.name for path in (FOLDER.parent / "challenges").glob("*.yaml")}
    assert {path.name for path in (FOLDER / "de").glob("*.yaml")} == ours


# --- what is not allowed --------------------------------------------------------------------------

CHEATS = {
    "scenario.traffic.scale": 0.1,
    "scenario.horizon": "5m",
    "scenario.events": [],
    "scenario.slo.down_below": 0,
    "stack.servers.machine.price_per_hour": 0,
    "stack.servers.machine.cores": 64,
    "stack.operator.detect": "1s",
    "stack.services.http.cpu.demand": "1us",
    "stack.services.api.cpu.demand": "1us",
    "stack.services.http": {"cpu": {"demand": "1us"}},
    "stack.services": {"api": {"boot": "0s"}},
    "stack": {"operator": {"detect": "1s"}},
    "kubernetes.scheduling.default_servers": 50,
    "stack.services.http.replicas_": 3,
}


@pytest.mark.parametrize("path", CHEATS)
def test_nothing_but_what_is_offered_may_change(path: str, folder: Path) -> None:
    allowed = next(iter(ALL[3].may))
    file = folder / "cheat.yaml"
    settings = json.dumps({allowed: 2, path: CHEATS[path]})
    file.write_text(
        f"platform: kubernetes\nset:\n  {settings[1:-1].replace(', ', chr(10) + '  ')}\n"
    )
    if isinstance(CHEATS[path], dict):
        file = answer(folder, "kubernetes", {allowed: 2, path: CHEATS[path]})
    with pytest.raises(InputError) as caught:
        check(ALL[3], file)
    (issue,) = caught.value.issues
    assert issue.field.startswith(f"set.{path}")
    assert "does not allow" in issue.found
    assert allowed in issue.expected
    assert issue.line


def test_a_mapping_that_holds_an_allowed_and_a_forbidden_field(folder: Path) -> None:
    inside = {"restart": "always", "boot": "0s"}
    file = answer(folder, "compose", {"stack.services.api": inside})
    with pytest.raises(InputError, match=r"set\.stack\.services\.api\.boot: .*does not allow"):
        check(ALL[1], file)
    names = ("api", "worker", "postgres", "redis")
    inside = {name: {"restart": "always"} for name in names}  # by its name, inside a mapping
    file = answer(folder, "compose", {"stack.services": inside})
    assert check(ALL[1], file, engine=ENGINE).passed


def test_a_platform_that_is_not_offered(folder: Path) -> None:
    with pytest.raises(InputError, match="platform: found 'kubernetes', which challenge 1"):
        check(ALL[1], answer(folder, "kubernetes", {}))


@pytest.mark.parametrize(
    ("number", "path", "value", "says"),
    [  # a budget of zero would stop the maintenance for good
        (10, "stack.services.api.disruption.max_unavailable", 0, "expected 1 to 5"),
        (10, "stack.services.http.disruption.max_unavailable", "0%", "expected 1 to 5"),
        (7, "stack.services.http.database.pool", 200, "expected 1 to 40"),
        (7, "stack.services.postgres", {"pooler": {"size": 96}}, "expected 5 to 95"),
        (2, "stack.services.http.stop.pre_stop", "1h", "expected 0s to 30s"),
    ],
)
def test_what_lies_outside_of_what_is_offered_is_refused(
    number: int, path: str, value: object, says: str, folder: Path
) -> None:
    with pytest.raises(InputError, match=says):
        check(ALL[number], answer(folder, "kubernetes", {path: value}))


def test_who_reads_nothing_tries_what_is_offered() -> None:
    """Each value of each knob alone; then all knobs by lot, the same for the same seed."""
    task = ALL[10]
    tried = list(alone(task))
    assert tried[0] == ("kubernetes", {})
    values = sum(value != knob.now for knob in task.may.values() for value in knob.values)
    assert len(tried) == len(task.platforms) * (1 + values)
    drawn = list(by_lot(task, 20, seed=1))
    assert drawn == list(by_lot(task, 20, seed=1)) != list(by_lot(task, 20, seed=2))
    assert {path for guess in drawn for path in guess.set} == set(task.may)


@pytest.mark.slow
@pytest.mark.parametrize("number", ALL)
def test_nothing_of_a_solution_passes_alone(number: int, folder: Path) -> None:
    """Of all values of one knob those that are likeliest to pass. `python -m tools.guess` tries
    every one."""
    for platform, settings in SOLUTIONS[number]:
        for path, value in settings.items():
            guess = Guess(platform, {path: value})
            assert not passes(ALL[number], guess), guess


@pytest.mark.slow
def test_no_value_of_one_knob_passes(folder: Path) -> None:
    for guess in alone(ALL[9]):
        assert not passes(ALL[9], guess), guess


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "an empty file"),
        ("- a", "a mapping of fields"),
        ("platform: [", "not YAML"),
        ("set: {}", "platform"),
        ("platform: compose\nsettings: {}", "unknown field 'settings'"),
        ("services:\n  api: {image: node}\n", "belongs to a scenario, a stack or a Compose file"),
        ("platform: compose\nset:\n  stack.services.http.restart: allways\n", "my.yaml:3"),
        ("platform: compose\nset: 3\n", "a mapping"),
    ],
)
def test_what_is_no_answer(text: str, says: str, folder: Path) -> None:
    file = folder / "my.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        check(ALL[1], file)
    assert says in str(caught.value)
    assert "my.yaml" in str(caught.value)


def test_a_file_that_is_not_there_and_a_folder(folder: Path) -> None:
    for path in (folder / "nothing.yaml", folder):
        with pytest.raises(InputError):
            check(ALL[1], path)


def test_a_challenge_that_is_not_there() -> None:
    with pytest.raises(InputError, match="one of 1, 2, 3"):
        challenge(13)


def test_goals_are_bounds_on_figures_that_exist() -> None:
    one = ALL[1].model_dump()
    both = {"what": "x", "one_of": [1], "between": [1, 2]}
    with pytest.raises(ValueError, match="either `one_of` or `between`"):
        Challenge.model_validate({**one, "may": {"x": both}})
    for goal in ({"says": "x", "metric": "luck", "low": 1.0}, {"says": "x", "metric": "cost.usd"}):
        with pytest.raises(ValueError, match=r"summary\.json"):
            Challenge.model_validate({**one, "goals": [goal]})
    (closed, paged) = ALL[1].goals
    assert closed.reached(45.0)
    assert not closed.reached(45.5)
    assert not closed.reached(None)
    assert paged.reached(0)
    assert not paged.reached(1)
