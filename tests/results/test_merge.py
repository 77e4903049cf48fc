"""Results of several machines as one: the same bytes, however they came together."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, reduce
from itertools import permutations
from pathlib import Path

import pytest

import sim
from sim.report import files
from sim.study.result import Result

SHORT = {"scenario.horizon": "6m", "scenario.traffic.scale": 0.1}
NAME = "container_crash"


@cache
def part(platform: str, seed: int, reps: int = 1) -> Result:
    return sim.compare(NAME, [platform], seed, reps, settings=SHORT, engine="reference")


def written(result: Result, folder: Path) -> dict[str, bytes]:
    files.write(result, folder, plots=False)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_order_of_the_parts_changes_no_byte(tmp_path: Path) -> None:
    parts = [part("compose", 1, 2), part("kubernetes", 3), part("kubernetes", 1, 2),
             part("compose", 2, 2)]  # fmt: skip
    reports = [
        written(reduce(Result.merge, some), tmp_path / str(i))
        for i, some in enumerate(permutations(parts))
    ]
    assert len(reports) == 24
    assert all(report == reports[0] for report in reports)
    left = parts[0].merge(parts[1]).merge(parts[2].merge(parts[3]))
    assert written(left, tmp_path / "tree") == reports[0]


def test_the_parts_of_a_study_are_the_study() -> None:
    both = ["compose", "kubernetes"]
    whole = sim.compare(NAME, both, 1, 4, settings=SHORT, engine="reference")
    halves = [
        sim.compare(NAME, both, seed, 2, settings=SHORT, engine="reference") for seed in (3, 1)
    ]
    merged = halves[0].merge(halves[1])
    assert merged.summary == whole.summary
    assert merged.timeline.equals(whole.timeline)
    assert merged.differences == whole.differences
    assert merged.facts == whole.facts


def test_merged_with_itself_it_is_itself() -> None:
    result = part("compose", 1, 2)
    assert result.merge(result).summary == result.summary
    assert result.merge(result).command == result.command


def test_seeds_that_both_have_count_once() -> None:
    merged = part("compose", 1, 2).merge(part("compose", 2, 2))
    assert [done.seed for done in merged.replications["compose"]] == [1, 2, 3]
    assert [done.run is not None for done in merged.replications["compose"]] == [True, False, False]
    assert (merged.seed, merged.reps) == (1, 3)


def test_another_plan_is_refused() -> None:
    other = sim.run(NAME, "compose", settings={"scenario.horizon": "7m"}, engine="reference")
    with pytest.raises(sim.InputError, match="merge: found another plan"):
        part("compose", 1).merge(other)


def test_two_outcomes_of_one_seed_are_refused() -> None:
    result = part("compose", 1)
    (done,) = result.replications["compose"]
    changed = replace(done, figures={**done.figures, "downtime_s": 0.5})
    other = replace(result, replications={"compose": (changed,)})
    with pytest.raises(sim.InputError, match="two outcomes of compose, seed 1"):
        result.merge(other)


def test_post_mortems_are_merged_seed_by_seed() -> None:
    parts = [
        sim.run(NAME, "compose", seed, settings={"scenario.horizon": "9m"}, postmortem=True)
        for seed in (2, 1)
    ]
    merged = parts[0].merge(parts[1])
    assert merged.counterfactuals is not None
    assert {
        tuple(done.seed for done in change.replications)
        for change in merged.counterfactuals["compose"]
    } == {(1, 2)}
    swapped = parts[1].merge(parts[0]).counterfactuals
    assert swapped is not None
    assert [c.name for c in swapped["compose"]] == [
        c.name for c in merged.counterfactuals["compose"]
    ]
    without = replace(parts[1], counterfactuals=None)
    for one in (parts[0].merge(without), without.merge(parts[0])):
        assert one.counterfactuals is not None
        tried = {change.name for change in one.counterfactuals["compose"]}
        assert tried == {change.name for change in merged.counterfactuals["compose"]}
