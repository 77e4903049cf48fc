"""A script without a main guard: spawned workers run it again, and must not spoil it."""

import subprocess
import sys

import pytest

SCRIPT = """
import sim
fast = {"scenario.horizon": "20m"}
print(sim.compare("container_crash", ["compose", "kubernetes"], settings=fast).summary["seed"])
"""


@pytest.mark.slow
def test_an_unguarded_script_works_and_is_told(tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1\n"
    assert "__main__" in done.stderr
    assert "Traceback" not in done.stderr
