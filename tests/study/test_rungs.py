"""From one platform to another one change at a time: the sum is the difference."""

from collections import Counter
from itertools import pairwise

import pytest

import sim
from sim.report.page.document import page
from sim.report.text.ladder import sentence
from sim.results.ladder import Ladder, Rung, over_orders
from sim.study.ask import Ask
from sim.study.plan import plan
from sim.study.rungs import POLICY, RUNGS, Footing, changed, orders, steps

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


def test_what_restarts_by_itself_is_not_taken_back_at_the_end():
    """Its file says no policy, and needs none."""
    for footing in steps(*ends("compose", "kubernetes"))[1:]:
        assert "restart" not in footing.says.replace("kubelet_restarts", "")


def test_over_orders_each_change_takes_what_it_takes_at_each_place():
    """100 as it is; 10 with one change, 20 with the other, 0 with both."""
    rungs = (Rung("a", "", (10.0,)), Rung("b", "", (0.0,)))
    ladder = Ladder("downtime_s", "compose", "kubernetes", (100.0,), rungs)
    figures = {frozenset(): (100.0,), frozenset({0}): (10.0,), frozenset({0, 1}): (0.0,)}
    one_way = over_orders(ladder, figures, [(0, 1), (1, 0)])
    assert (one_way.orders, one_way.shares) == (1, (90.0, 10.0))  # nothing stands with b alone
    both = over_orders(ladder, {**figures, frozenset({1}): (20.0,)}, [(0, 1), (1, 0)])
    assert (both.orders, both.shares) == (2, (55.0, 45.0))
    said = "In the mean over 2 orders: a 55 s, b 45 s."
    assert sentence(both).endswith(said)
    assert "mean over" not in sentence(ladder)


def test_in_the_orders_each_change_stands_at_each_place_equally_often():
    footings = [Footing(name, "", None) for name in "abcd"]
    places = Counter((k, rung) for way in orders(footings) for k, rung in enumerate(way))
    assert set(places.values()) == {2}
    last = footings[-1]._replace(changes=(RUNGS[-1],))  # all else: it hangs on the others
    assert {way[-1] for way in orders([*footings[:-1], last])} == {3}


def test_over_orders_the_sum_is_the_difference_too():
    result = sim.compare(
        "container_crash:process_crash", ["compose", "compose_hardened"], engine="reference",
        settings={**FAST, "scenario.traffic.scale": "0.2"}, rungs="orders", workers=1,
    )  # fmt: skip
    ladder = result.ladder
    assert ladder.orders > 1
    assert sum(ladder.shares) == pytest.approx(ladder.whole)
    assert ladder.shares != ladder.takes  # what comes first took what two could take
    assert len(result.summary["rungs"]["shares"]) == len(ladder.rungs)
    assert f"over {ladder.orders} orders" in page(result)
    assert result.command.endswith("--rungs --orders")


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
        "Of 4 min 05 s down from Compose to Kubernetes: restart policy 3 min 57 s, all 9 s, "
        "nothing else of 3 changes."
    )
