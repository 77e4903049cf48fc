"""From one platform to another one change at a time: the sum is the difference."""

from itertools import pairwise

import pytest

import sim
from sim.report.page.document import page
from sim.report.text.ladder import sentence
from sim.results.ladder import Ladder, Rung
from sim.study.ask import Ask
from sim.study.plan import plan
from sim.study.rungs import POLICY, RUNGS, changed, steps

FAST = {"scenario.horizon": "12m"}


def ends(first, last, scenario="container_crash:process_crash"):
    planned = plan(Ask(scenario, [first, last]))
    return planned.cases


def test_the_sum_of_rungs_is_the_difference():
    result = sim.compare(
        "container_crash:process_crash", ["compose", "kubernetes"], reps=2, settings=FAST,
        engine="reference", rungs=True, workers=1,
    )  # fmt: skip
    ladder = result.ladder
    down = {name: figures["downtime_s"] for name, figures in result.platforms.items()}
    assert ladder.whole == pytest.approx(down["compose"] - down["kubernetes"])
    assert sum(ladder.takes) == pytest.approx(ladder.whole)
    assert ladder.rungs[0].name == "restart policy"
    assert ladder.takes[0] > 0.9 * ladder.whole  # a line of the file
    assert ladder.rungs[-1].values == tuple(
        done.figures["downtime_s"] for done in result.replications["kubernetes"]
    )
    record = result.summary["rungs"]
    assert [row["name"] for row in record["rungs"]] == [rung.name for rung in ladder.rungs]
    assert sentence(ladder).partition(":")[0] in result.table()
    assert "Where the difference comes from" in page(result)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("compose", "compose_hardened"), ("compose", "kubernetes"), ("kubernetes", "compose"),
        ("swarm", "kubernetes"), ("compose", "ecs_fargate"), ("nomad", "cloud_run"),
    ],
)  # fmt: skip
def test_the_last_rung_is_the_other_platform_itself(first, last):
    start, end = ends(first, last)
    standings = steps(start, end)
    assert len(standings) >= 2
    assert standings[-1].case is end
    states = [(s.case.choices, s.case.stack) for s in standings]
    assert all(one != two for one, two in pairwise(states))
    assert all(standing.says for standing in standings)


def test_a_change_takes_its_own_and_no_more():
    start, end = ends("compose", "kubernetes")
    for change in RUNGS:
        there = changed(start, end, [change])
        for field in there.choices.__dataclass_fields__:
            own = end if field in change.choices else start
            assert getattr(there.choices, field) == getattr(own.choices, field)
        if not change.paths and change is not POLICY:
            assert there.stack == start.stack
    policies = {s.restart for s in changed(start, end, [POLICY]).stack.services.values()}
    assert policies == {"always"}  # what Kubernetes does by itself, as a file can ask for it


def test_three_platforms_have_no_ladder():
    with pytest.raises(sim.InputError, match="rungs: found 3 platforms; expected two"):
        sim.compare("container_crash", ["compose", "swarm", "nomad"], settings=FAST, rungs=True)


def test_platforms_that_share_nothing_are_refused_in_one_line(monkeypatch):
    monkeypatch.setattr("sim.study.rungs.stands", lambda case: False)
    with pytest.raises(sim.InputError, match="which share nothing; expected two platforms"):
        steps(*ends("compose", "kubernetes"))


def test_a_sentence_names_what_takes_and_counts_the_rest():
    rungs = (
        Rung("restart policy", "", (8.0,)),
        Rung("checks", "", (9.0,)),
        Rung("all", "", (0.0,)),
    )
    ladder = Ladder("downtime_s", "compose", "kubernetes", (245.0,), rungs)
    assert sentence(ladder) == (
        "Of 4 min 05 s from Compose to Kubernetes: restart policy 3 min 57 s, all 9 s, nothing "
        "else of 3 changes."
    )
