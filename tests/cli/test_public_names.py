"""From Python: what is taken is what a file would have."""

from __future__ import annotations

import inspect
import re

import pytest

import sim

SHOP = {"name": "small", "services": {"api": {"role": "http", "boot": "2s", "replicas": 2}}}
SHORT = {"scenario.horizon": "6m"}


def test_a_stack_may_be_plain_data() -> None:
    result = sim.run("container_crash", "compose", stack=SHOP, set=SHORT)
    assert result.stack == "small"
    same = sim.run("container_crash", "compose", stack=sim.load_stack(SHOP), settings=SHORT)
    assert same.figures.equals(result.figures)
    wrong = {"name": "small", "services": {"api": {"role": "htp"}}}
    with pytest.raises(sim.InputError, match=r"stack: services\.api\.role.*http"):
        sim.run("container_crash", "compose", stack=wrong)


def test_a_service_is_written_with_completion() -> None:
    """What Jupyter offers is every field of a service; a typo is told with its nearest."""
    offered = list(inspect.signature(sim.service).parameters)
    assert {"role", "boot", "replicas", "memory", "probes"} <= set(offered)
    assert set(offered) == set(type(sim.service(role="http")).model_fields)
    api = sim.service(role="http", boot="2s", replicas=2)
    stack = sim.load_stack({"name": "small", "services": {"api": api}})
    assert stack == sim.load_stack(SHOP)
    with pytest.raises(sim.InputError, match=r"replicsa.*did you mean replicas"):
        sim.service(role="http", replicsa=2)
    with pytest.raises(sim.InputError, match=r"boot.*a duration such as"):
        sim.service(role="http", boot="soon")


def test_settings_and_set_are_one() -> None:
    with pytest.raises(sim.InputError, match="one of the two"):
        sim.run("container_crash", "compose", settings=SHORT, set=SHORT)


def test_the_series_of_every_seed() -> None:
    kept = sim.run("container_crash", "compose", reps=3, set=SHORT, keep_runs=True)
    seeds = kept.series_per_seed
    assert list(seeds.columns[:3]) == ["platform", "seed", "t_s"]
    assert list(seeds["seed"].unique()) == [1, 2, 3]
    assert len(seeds) == 3 * len(kept.series)
    first = seeds[seeds["seed"] == 1].drop(columns="seed").reset_index(drop=True)
    assert first.equals(kept.series)
    few = sim.run("container_crash", "compose", reps=2, set=SHORT)
    assert list(few.series_per_seed["seed"].unique()) == [1]


def test_jupyter_shows_an_error_of_input_without_our_code() -> None:
    with pytest.raises(sim.InputError) as caught:
        sim.run("container_crush")
    lines = caught.value._render_traceback_()
    assert lines == [f"InputError: {caught.value}"]
    assert not re.search(r"File |Traceback", "\n".join(lines))


def test_all_platforms_stand_in_pairs() -> None:
    names = list(sim.compare("container_crash", ["all"], set=SHORT).platforms)
    assert names[:4] == ["compose", "compose_hardened", "kubernetes", "kubernetes_tuned"]
    assert sorted(names) == sim.list_platforms()
