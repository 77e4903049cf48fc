"""`--cluster`: who does not answer is told; the guide works as it is written."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SWEEP = ("sweep", "container_crash", "--vary", "stack.services.api.replicas=1..2")


def free_port():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


def test_who_does_not_answer_is_told_in_a_line(sim, calls, monkeypatch):
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    monkeypatch.setattr("sim.cli.console.WAIT_S", 1)
    said = sim(*SWEEP, "--no-plots", "--cluster", f"tcp://127.0.0.1:{free_port()}")
    assert said.status == 2
    last = said.err.splitlines()[-1]
    assert last.startswith("--cluster: found nobody who answers at tcp://127.0.0.1:")
    assert "or --workers N" in last
    assert calls == []


def test_without_the_extra_it_names_the_extra(sim, calls, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    said = sim(*SWEEP, "--no-plots", "--cluster", "tcp://127.0.0.1:1")
    assert said.status == 2
    assert "outage-lab[cluster]" in said.err


@pytest.mark.parametrize("words", [SWEEP, ("run", "container_crash"), ("compare", "overload")])
def test_one_place_at_a_time(sim, calls, words):
    said = sim(*words, "--no-plots", "--cluster", "tcp://127.0.0.1:1", "--workers", "2")
    assert said.status == 2
    assert "--cluster, --workers: found both" in said.err


def guide(port):
    """The commands of the guide, with another port and without what installs."""
    text = (ROOT / "docs/cluster.md").read_text().replace("8786", str(port))
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line) for line in lines if not line.startswith("pip ")]


@pytest.mark.slow
def test_the_guide_works_and_a_killed_worker_costs_what_it_held(tmp_path):
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    scheduler, worker, sweep = guide(free_port())
    here = {**os.environ, "PYTHONPATH": str(ROOT)}
    quiet = {"cwd": tmp_path, "env": here, "stderr": subprocess.DEVNULL}
    dask = [sys.executable, "-m", "dask"]
    started = []
    try:
        for command in (scheduler, worker):
            words = [*dask, *command[1:]]
            started.append(subprocess.Popen(words, start_new_session=True, **quiet))
        words = [sys.executable, *sweep[1:]]
        asked = subprocess.Popen(
            [*words, "--out", "there"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            cwd=tmp_path, env=here, text=True,
        )  # fmt: skip
        lines = iter(asked.stderr.readline, "")
        next(line for line in lines if "of 12 runs" in line)
        children = Path(f"/proc/{started[1].pid}/task/{started[1].pid}/children")
        victims = children.read_text().split() if children.exists() else []
        if victims:
            os.kill(int(victims[-1]), signal.SIGKILL)
        rest = list(lines)
        assert asked.wait() == 0, rest
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    own = [word for word in words if not word.startswith(("--cluster", "tcp:"))]
    subprocess.run([*own, "--out", "here"], check=True, stdout=subprocess.DEVNULL, **quiet)
    for name in ("sweep.csv", "sweep.json", "sweep.md"):
        there, mine = (tmp_path / place / name for place in ("there", "here"))
        assert there.read_bytes() == mine.read_bytes(), name
