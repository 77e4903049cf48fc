"""`compare`: every platform, the same customers."""

import json

from sim.platforms import names

SHORT = ["--set", "scenario.horizon=6m", "--no-plots", "--reps", "2"]


def test_compare_runs_all_platforms_as_run_does(sim):
    said = sim("compare", "container_crash", *SHORT, "--json", "--out", "a")
    assert said.status == 0, said.err
    summary = json.loads(said.out)
    assert sorted(summary["platforms"]) == sorted(names())
    assert len({one["requests"]["arrived"] for one in summary["platforms"].values()}) == 1
    assert len({one["downtime_s"] for one in summary["platforms"].values()}) >= 3
    ran = sim("run", "container_crash", *SHORT, "--json", "--platform", "all", "--out", "b")
    assert ran.out == said.out


def test_compare_takes_a_choice_of_platforms(sim):
    said = sim("compare", "container_crash", *SHORT, "--platform", "swarm,nomad", "--json")
    assert list(json.loads(said.out)["platforms"]) == ["swarm", "nomad"]


def test_compare_says_what_is_wrong(sim):
    said = sim("compare", "container_crash", "--platform", "nomda")
    assert said.status == 2
    assert "did you mean nomad?" in said.err


def test_its_help_is_that_of_run_with_its_own_default(sim):
    mine, runs = (sim(verb, "--help").out for verb in ("compare", "run"))
    assert "[default: all]" in " ".join(mine.replace("│", " ").split())
    assert "the scenario's own]" in " ".join(runs.replace("│", " ").split())
    assert "--unknowns" in mine
