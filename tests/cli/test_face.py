"""The Python face, and what loads when: fresh interpreters, so that nothing else counts."""

import subprocess
import sys
import tomllib
import types
from dataclasses import replace
from pathlib import Path

import pytest

import sim
from sim.platforms import load
from sim.study.result import Result

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


def test_all_is_exactly_the_public_names_and_at_most_21():
    assert sim.__all__ == sorted(sim.__all__)
    assert len(sim.__all__) <= 21
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
    assert project["project"]["dynamic"] == ["version"]
    written = (
        Path(sim.__file__).parents[1] / project["tool"]["hatch"]["version"]["path"]
    ).read_text()
    assert f'__version__ = "{sim.__version__}"' in written


def test_import_sim_is_light(tmp_path):
    code = "import sim, sys\nassert not {'numpy', 'pydantic'} & set(sys.modules)"
    assert loaded(code, tmp_path) == set()


@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["--help"], ["run", "nothing"]])
def test_listing_and_refusing_load_nothing_heavy(command, tmp_path):
    code = f"from sim.cli.app import main\nmain({command!r})"
    assert loaded(code, tmp_path) == set()


def test_a_text_only_run_loads_neither_pandas_nor_matplotlib(tmp_path):
    code = (
        "from sim.cli.app import main\n"
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
    assert "Kubernetes - Compose" in both.table(full=True)


def test_records_and_dicts_are_taken_too(calls):
    scenario = sim.load_scenario("container_crash")
    sim.run(scenario, "compose", settings={"scenario.horizon": "20m"}, stack=sim.load_stack("sspp"))
    assert calls[0][3].horizon == 1200.0


def test_bad_arguments_are_input_errors(calls):
    with pytest.raises(sim.InputError, match="reps"):
        sim.run("container_crash", reps=0)
    with pytest.raises(sim.InputError, match="did you mean compose"):
        sim.compare("container_crash", ["compos"])


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: sim.run(None), "scenario: found None; expected a name (see sim.list_scenarios())"),
        (lambda: sim.compare(None), "scenario: found None"),
        (lambda: sim.run(["container_crash"]), "scenario: found a list"),
        (lambda: sim.run(sim.load_stack("sspp")), "scenario: found a Stack"),
        (lambda: sim.run("container_crash", None), "platform: found None; expected names such as"),
        (lambda: sim.run("container_crash", 5), "platform: found 5"),
        (lambda: sim.compare("container_crash", 5), "platforms: found 5; expected a list of names"),
        (lambda: sim.compare("container_crash", "compose"), "platforms: found 'compose'; expected"),
        (lambda: sim.compare("container_crash", [None]), "platform: found None"),
        (lambda: sim.run("container_crash", stack=5), "stack: found 5; expected a name"),
        (
            lambda: sim.run("container_crash", stack=sim.load_scenario("container_crash")),
            "stack: found a Scenario",
        ),
        (lambda: sim.run("container_crash", traffic=5), "traffic: found 5; expected the path"),
        (lambda: sim.run("container_crash", settings=5), "settings: found 5; expected {'path'"),
        (lambda: sim.run("container_crash", settings=None), "settings: found None"),
        (lambda: sim.run("container_crash", settings="a=b"), "settings: found 'a=b'"),
        (lambda: sim.run("container_crash", settings=[5]), "settings: found a list"),
        (lambda: sim.run("container_crash", settings={5: 5}), "settings: found a dict"),
        (lambda: sim.load_scenario(None), "scenario: found None"),
        (lambda: sim.load_stack(None), "stack: found None; expected a name (see sim.list_stacks()"),
        (lambda: sim.add_platform("mine", None), "mine: found None; expected a sim.Platform"),
        (lambda: sim.add_platform(None, load("compose")), "platform: found None"),
        (lambda: sim.add_platform("all", load("compose")), "platform: found 'all'"),
        (lambda: sim.Platform(self_healing=None), "PLATFORM.secrets: found no choice"),
        (
            lambda: sim.add_platform("mine", replace(load("compose"), secrets=5)),
            "mine.secrets: found 5; expected None, one of SecretEnv()",
        ),
    ],
)
def test_what_is_of_the_wrong_kind_is_told_at_the_door(call, told, calls):
    with pytest.raises(sim.InputError) as raised:
        call()
    assert told in str(raised.value)
    assert calls == []


def test_a_path_object_is_a_path(calls):
    found = Path(sim.__file__).parents[1] / "scenarios" / "container_crash.yaml"
    sim.run(found, "compose")
    assert calls[0][3].name == "container_crash"
    assert sim.load_stack(Path(sim.__file__).parent / "stacks" / "sspp.yaml").name == "sspp"


def test_platforms_may_come_from_a_generator(calls):
    sim.compare("container_crash", (name for name in ("compose", "kubernetes")))
    assert [platform for platform, *_ in calls] == ["compose", "kubernetes"]
