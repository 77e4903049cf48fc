"""The wheel works from another folder: scenarios and stacks are in it, tests are not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from sim import __version__, list_scenarios, list_stacks
from sim.library.scenarios import list_incidents

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, timeout=300)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.glob("outage_lab-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    pip("install", "--no-deps", "--target", str(target), str(wheel))
    return target


def sim(installed: Path, folder: Path, *arguments: str) -> str:
    """`python -m sim ...` of the installed package, far from this checkout."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    where = "import sim; print(sim.__file__)"
    found = [
        subprocess.run(
            [sys.executable, *command], cwd=folder, env=environment,
            capture_output=True, text=True, check=False, timeout=300,
        )
        for command in (("-c", where), ("-m", "sim", *arguments))
    ]  # fmt: skip
    assert found[0].stdout.startswith(str(installed)), "not the installed package"
    assert found[1].returncode == 0, found[1].stderr
    return found[1].stdout


def test_what_is_in_the_wheel(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    assert {n for n in names if n.startswith("sim/data/scenarios/")} == {
        "sim/data/scenarios/scenario.schema.json",
        *(f"sim/data/scenarios/{name}.yaml" for name in list_scenarios()),
        *(f"sim/data/scenarios/incidents/{name}.yaml" for name in list_incidents()),
    }
    assert {n for n in names if n.startswith("sim/stacks/")} == {
        "sim/stacks/stack.schema.json",
        *(f"sim/stacks/{name}.yaml" for name in list_stacks()),
    }
    assert len([n for n in names if n.startswith("sim/workshop/challenges/")]) == 12
    assert "sim/py.typed" in names  # type checkers read our annotations
    assert wheel.name.startswith(f"outage_lab-{__version__}-")
    assert not [n for n in names if not n.startswith(("sim/", "outage_lab-"))]
    assert any(n.endswith("LICENSE") for n in names)


def test_it_lists_what_the_checkout_lists(installed: Path, tmp_path: Path) -> None:
    said = sim(installed, tmp_path, "list")
    for name in (*list_scenarios(), *list_stacks(), "compose", "kubernetes"):
        assert f"\n  {name} " in said


def test_it_runs(installed: Path, tmp_path: Path) -> None:
    short = ("--set", "scenario.horizon=7m", "--no-plots")
    assert "requests" in sim(installed, tmp_path, "run", "container_crash", *short)
    assert (tmp_path / "reports" / "container_crash" / "summary.json").is_file()
