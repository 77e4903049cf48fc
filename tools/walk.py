"""Walks through a page and times each step: `python -m tools.walk docs/workshop/plan.md`.

Its `sh` blocks are run in their order in a folder of their own, questions answered with the first
letter; a line says how long each command took and how it ended. 2 where one could not be used.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```", re.M | re.S)


def commands(page: str) -> list[str]:
    """Each line of each `sh` block that runs the program."""
    lines = (line.strip() for block in BLOCK.findall(page) for line in block.splitlines())
    return [line.partition("#")[0].strip() for line in lines if line.startswith("python -m sim ")]


def main(paths: list[str]) -> int:
    worst = 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        for command in (each for path in paths for each in commands(Path(path).read_text("utf-8"))):
            words = [sys.executable, *shlex.split(command)[1:]]
            began = time.monotonic()
            done = subprocess.run(
                words, cwd=folder, env=environment, input="a\n" * 50, text=True,
                capture_output=True, check=False,
            )  # fmt: skip
            print(f"{time.monotonic() - began:6.1f} s  [{done.returncode}]  {command}", flush=True)
            worst = max(worst, done.returncode if done.returncode > 1 else 0)
    return 2 if worst else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
