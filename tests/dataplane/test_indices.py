"""No index of the kernel is negative or too large: it is compiled without numba's care for that.

A build that does check (numba's own switch) goes through the worlds and ties of the twins, in a
process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAST = """
import numba, numpy
from sim.dataplane.kernel.compile import counted_from_zero

item = numba.njit(lambda array, index: array[index])
with counted_from_zero():
    print(item(numpy.arange(3), 2))
    try:
        print(item(numpy.arange(3), -1))
    except IndexError:
        print("refused")
"""


def checked(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=env, check=False, capture_output=True, text=True
    )


@pytest.mark.slow
def test_the_check_finds_an_index_that_counts_from_the_end(tmp_path):
    assert checked(tmp_path, "-c", LAST).stdout == "2\nrefused\n"


@pytest.mark.slow
def test_no_index_leaves_its_array(tmp_path):
    done = checked(
        tmp_path, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-n", "0",
        "tests/dataplane/test_twins.py", "tests/dataplane/test_ties.py",
        "tests/dataplane/test_lines.py",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
