"""`pytest -m quick` is what tests/conftest.py says: many tests, and none that starts a run."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from sim import simulation
from sim.library.scenarios import load_scenario
from sim.library.stacks import load_stack
from sim.simulation.simulation import run_once
from tests import conftest


def starts_a_run(engine: str = "reference") -> None:
    run_once(load_scenario("container_crash"), load_stack("sspp"), "compose", 1, engine=engine)


def starts_one_by_its_module() -> None:
    simulation.simulation.run_once(...)


def starts_one_through_another() -> None:
    def inner() -> None:
        starts_a_run()

    inner()


def starts_none() -> None:
    load_scenario("container_crash")


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.quick
def test_a_run_in_a_quick_test_fails_and_says_what_to_do(engine: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"mark it @pytest\.mark\.run"):
        starts_a_run(engine)


def test_what_starts_a_run_is_found_by_its_names() -> None:
    assert conftest.runs(starts_a_run)
    assert conftest.runs(starts_one_by_its_module)
    assert conftest.runs(starts_one_through_another)
    assert not conftest.runs(starts_none)


def test_every_quick_place_has_quick_tests() -> None:
    command = [sys.executable, "-m", "pytest", "-m", "quick", "--collect-only", "-q", "-n", "0"]
    listed = subprocess.run(
        command, cwd=conftest.HERE.parent, capture_output=True, text=True, check=True
    )
    counts = dict(re.findall(r"^tests/(\S+): (\d+)$", listed.stdout, re.M))
    assert sum(map(int, counts.values())) > 1500
    for place in conftest.QUICK:
        assert any(file.startswith(place) for file in counts), f"tests/{place}: none is quick"
