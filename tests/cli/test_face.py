"""The Python face, and what loads when: fresh interpreters, so that nothing else counts."""

import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pytest

import sim
from sim.results.result import Result

HEAVY = ("numba", "pandas", "matplotlib", "simpy", "scipy")


def loaded(code, folder):
    """Which heavy modules a fresh interpreter has after `code`."""
    probe = f"{code}\nimport sys\nprint(*[m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    root = str(Path(sim.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r})\n{probe}"],
        capture_output=True, text=True, cwd=folder, check=True,
    )  # fmt: skip
    return set(done.stderr.splitlines()[-1].split())


def test_all_is_exactly_the_public_names_and_fewer_than_15():
    assert sim.__all__ == sorted(sim.__all__)
    assert len(sim.__all__) < 15
    for name in sim.__all__:
        getattr(sim, name)
    public = {
        name
        for name, value in vars(sim).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    public -= {"annotations", "import_module", "Any", "TYPE_CHECKING"}
    assert public == set(sim.__all__)


def test_an_unknown_name_says_which_there_are():
    with pytest.raises(AttributeError, match="load_scenario"):
        sim.no_such_thing  # noqa: B018


def test_the_version_is_the_distributions():
    project = tomllib.loads((Path(sim.__file__).parents[1] / "pyproject.toml").read_text())
    assert sim.__version__ == project["project"]["version"]


def test_import_sim_is_light(tmp_path):
    code = "import sim, sys\nassert not {'numpy', 'pydantic'} & set(sys.modules)"
    assert loaded(code, tmp_path) == set()


@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["--help"], ["run", "nothing"]])
def test_listing_and_refusing_load_nothing_heavy(command, tmp_path):
    code = f"from sim.cli import main\nmain({command!r})"
    assert loaded(code, tmp_path) == set()


def test_a_text_only_run_loads_neither_pandas_nor_matplotlib(tmp_path):
    code = (
        "from sim.cli import main\n"
        "assert main(['run', 'container_crash', '--no-plots', '--platform', 'compose',"
        " '--engine', 'reference', '--set', 'scenario.horizon=6m']) == 0"
    )
    assert loaded(code, tmp_path) <= {"simpy", "numba"}


def test_run_and_compare_return_results(calls):
    one = sim.run("container_crash", platform="kubernetes", seed=7)
    assert isinstance(one, Result)
    assert [(platform, seed) for platform, seed, *_ in calls] == [("kubernetes", 7)]
    both = sim.compare("container_crash", ["compose", "kubernetes"], reps=3)
    assert both.summary["reps"] == 3
    assert "Kubernetes - Compose" in both.table()


def test_records_and_dicts_are_taken_too(calls):
    scenario = sim.load_scenario("container_crash")
    sim.run(scenario, "compose", settings={"scenario.horizon": "20m"}, stack=sim.load_stack("sspp"))
    assert calls[0][3].horizon == 1200.0


def test_bad_arguments_are_input_errors(calls):
    with pytest.raises(sim.InputError, match="reps"):
        sim.run("container_crash", reps=0)
    with pytest.raises(sim.InputError, match="did you mean compose"):
        sim.compare("container_crash", ["compos"])
