"""A script without a main guard: spawned workers run it again, and must not spoil it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sim

SCRIPT = """
import sim
many = {"scenario.horizon": "20m", "scenario.traffic.scale": 10}  # worth other processes
both = ["compose", "kubernetes"]
print(sim.compare("container_crash", both, settings=many, engine="reference").summary["seed"])
"""


@pytest.mark.slow
def test_an_unguarded_script_works_and_is_told(tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text(SCRIPT)
    found = {**os.environ, "PYTHONPATH": str(Path(sim.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, str(script)], check=False, capture_output=True, text=True, env=found
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1\n"
    assert "__main__" in done.stderr
    assert "Traceback" not in done.stderr
