"""With the real engine: two processes, equal bytes, Ctrl-C."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import sim
from sim.study.ask import Ask
from sim.study.batch import Batch
from sim.study.comparison import replay
from sim.study.plan import plan

ROOT = str(Path(sim.__file__).parents[1])
SHORT = ["scenario.horizon=7m"]
ARGUMENTS = (
    "run", "container_crash", "--no-plots", "--engine", "reference", "--reps", "1", "--set", *SHORT,
)  # fmt: skip


def command(folder, *more, seed="0"):
    environment = {**os.environ, "PYTHONPATH": ROOT, "PYTHONHASHSEED": seed}
    return subprocess.run(
        [sys.executable, "-m", "sim", *ARGUMENTS, *more],
        capture_output=True, text=True, cwd=folder, env=environment, check=False,
    )  # fmt: skip


def test_the_same_seed_gives_the_same_bytes_in_other_processes(tmp_path):
    first = command(tmp_path, "--out", "a", seed="1")
    second = command(tmp_path, "--out", "b", seed="2")
    assert first.returncode == second.returncode == 0, first.stderr
    for name in ("summary.json", "timeline.csv", "series.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_side_by_side_and_one_after_the_other_are_the_same():
    planned = plan(Ask("container_crash", reps=2, settings=SHORT, engine="reference"))
    apart, together = (
        replay(planned, partial(Batch.run, workers=2)),
        replay(planned, partial(Batch.run, workers=1)),
    )
    assert apart.summary == together.summary
    assert len(apart.replications["compose"]) == 2


def test_other_seeds_are_other_customers():
    planned = plan(Ask("container_crash", ["compose"], reps=2, settings=SHORT, engine="reference"))
    one, two = replay(planned, partial(Batch.run, workers=1)).replications["compose"]
    assert one.figures["requests"]["arrived"] != two.figures["requests"]["arrived"]


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_keeps_the_runs_that_were_finished(workers):
    planned = plan(Ask("container_crash", ["compose"], reps=12, settings=SHORT, engine="reference"))
    ended = []

    def watch(tick):
        if tick.done:
            ended.append(tick.seed)
            if len(ended) == 3:
                os.kill(os.getpid(), signal.SIGINT)

    result = replay(planned, partial(Batch.run, watch=watch, workers=workers))
    assert result.interrupted
    assert 2 <= result.reps < 12
    assert result.summary["platforms"]["compose"]["requests"]["arrived"] > 0


def test_an_input_error_inside_a_worker_is_still_an_input_error():
    planned = plan(Ask("container_crash", settings=SHORT))
    wrong = {**planned.scenario.set, "kubernetes.schedulin": None}  # past the plan's own checks
    scenario = planned.scenario.model_copy(update={"set": wrong})
    cases = tuple(replace(case, scenario=scenario) for case in planned.cases)
    planned = replace(planned, cases=cases)
    with pytest.raises(sim.InputError, match="scheduling"):
        replay(planned, partial(Batch.run, workers=2))
