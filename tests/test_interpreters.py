"""Two interpreters, the same bytes: every scenario on the Python of these tests and on another.

The other one, with the same versions of the libraries, is named by OTHER_PYTHON; .ci/run sets it
to the newest that it found. The kernel is compiled anew for each: numba's cache is per version.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim import list_scenarios

ROOT = Path(__file__).resolve().parents[1]
OTHER = os.environ.get("OTHER_PYTHON", "")
FILES = ("summary.json", "timeline.csv", "series.csv")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not OTHER, reason="no second interpreter: set OTHER_PYTHON"),
]


def written(python: str, scenario: str, engine: str, folder: Path) -> dict[str, bytes]:
    """What a run leaves, file by file, made by this interpreter."""
    command = ["-m", "sim", "run", scenario, "--engine", engine, "--no-plots", "--reps", "1"]
    command += ["--out", str(folder)]
    subprocess.run([python, *command], cwd=ROOT, check=True, capture_output=True)
    return {name: (folder / name).read_bytes() for name in FILES}


def same(scenario: str, engine: str, tmp_path: Path) -> None:
    ours = written(sys.executable, scenario, engine, tmp_path / "ours")
    theirs = written(OTHER, scenario, engine, tmp_path / "theirs")
    for name in FILES:
        assert ours[name], name
        assert ours[name] == theirs[name], f"{scenario}: {name}"


def test_the_other_interpreter_is_another_one() -> None:
    ask = [OTHER, "-c", "import sys; print(sys.version)"]
    version = subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()
    assert version != sys.version


# every third one: what differs between interpreters is arithmetic that all of them share
@pytest.mark.parametrize("scenario", list_scenarios()[::3])
def test_a_scenario_is_the_same_on_both(scenario: str, tmp_path: Path) -> None:
    same(scenario, "compiled", tmp_path)


def test_the_reference_engine_is_the_same_on_both(tmp_path: Path) -> None:
    same("container_crash", "reference", tmp_path)
