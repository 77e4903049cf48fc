"""A study with a store: what is finished stays, whoever is killed, and resuming changes no byte."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim
from sim.cli.app import main
from sim.results.run import Tick
from sim.results.summary import Replication
from sim.study.ask import Ask
from sim.study.batch import Batch, BatchSample
from sim.study.comparison import replay
from sim.study.plan import plan
from sim.study.result import Result
from sim.study.store import FILE
from tests.study.runs import ALONE, interrupted

ROOT = str(Path(sim.__file__).parents[1])
SHORT = {"scenario.horizon": "6m", "scenario.traffic.scale": 0.1}
ASK = Ask("container_crash", reps=4, settings=SHORT, engine="reference")
COMMAND = [
    sys.executable, "-m", "sim", "run", "container_crash", "--reps", "30", "--workers", "3",
    "--engine", "reference", "--set", "scenario.horizon=6m", "--set", "scenario.traffic.scale=0.1",
    "--no-plots", "--store", "store",
]  # fmt: skip


def stored(folder: Path, ask: Ask = ASK, **how: Any) -> tuple[Result, list[tuple[str, int]]]:
    """The result, and what was run for it."""
    ran: list[tuple[str, int]] = []

    def watch(tick: Tick) -> None:
        if not tick.done and (tick.platform, tick.seed) not in ran:
            ran.append((tick.platform, tick.seed))

    how = {"workers": 1, **how}
    return replay(plan(ask), partial(Batch.run, store=folder, watch=watch, **how)), ran


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / FILE).read_text().splitlines()]


def same(one: Replication, other: Replication) -> bool:
    return (
        one.figures == other.figures
        and json.dumps(one.figures) == json.dumps(other.figures)
        and np.array_equal(one.latency, other.latency)
        and one.latency_max_s == other.latency_max_s
        and (one.platform, one.seed, one.engine, one.slo_held)
        == (other.platform, other.seed, other.engine, other.slo_held)
    )


def test_what_is_read_again_is_what_was_written(tmp_path: Path) -> None:
    first, _ = stored(tmp_path)
    again, ran = stored(tmp_path)
    assert ran == [("compose", 1), ("kubernetes", 1)]  # whole runs, for timelines and pictures
    for name, replications in first.replications.items():
        assert all(map(same, replications, again.replications[name]))
    assert again.summary == first.summary
    assert again.timeline.equals(first.timeline)
    assert len(lines(tmp_path)) == 8


def test_it_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    stop = interrupted(after=3)

    def run(batch: Batch) -> BatchSample:
        return stop(batch, store=tmp_path)

    assert replay(plan(ASK), run).interrupted
    assert len(lines(tmp_path)) == 3
    whole, ran = stored(tmp_path)
    assert len(ran) == 8 - 3 + 2  # and the two that are shown whole
    assert whole.summary == replay(plan(ASK), ALONE).summary


def test_more_seeds_and_other_platforms_of_the_same_plan_join_it(tmp_path: Path) -> None:
    stored(tmp_path, Ask("container_crash", ["compose"], reps=2, settings=SHORT))
    both, ran = stored(tmp_path, Ask("container_crash", reps=3, settings=SHORT))
    assert ("compose", 2) not in ran
    assert {("kubernetes", 2), ("compose", 3)} <= set(ran)
    assert both.reps == 3


@pytest.mark.parametrize("rest", [b'{"plan":"3f', b"\x00\x00", b"[]\n", b"{}\n"])
def test_a_last_line_that_was_cut_short_is_run_again(tmp_path: Path, rest: bytes) -> None:
    first, _ = stored(tmp_path)
    whole = (tmp_path / FILE).read_bytes()
    cut = b"".join(whole.splitlines(keepends=True)[:-1])
    (tmp_path / FILE).write_bytes(cut + rest)
    again, ran = stored(tmp_path)
    assert ran[-1] == ("kubernetes", 4)
    assert again.summary == first.summary
    assert (tmp_path / FILE).read_bytes() == whole


@pytest.mark.parametrize(
    "other",
    [
        Ask("container_crash", reps=4, settings={**SHORT, "scenario.horizon": "7m"}),
        Ask("container_crash:restart_policy", reps=4, settings=SHORT),
        Ask("container_crash", reps=4, settings=SHORT, stack="sspp_public"),
        Ask("bad_rollout", reps=4),
    ],
)
def test_a_store_of_another_plan_is_refused_in_one_line(tmp_path: Path, other: Ask) -> None:
    stored(tmp_path)
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(sim.InputError) as raised:
        stored(tmp_path, other)
    (issue,) = raised.value.issues
    assert issue.field == "store"
    assert "another plan" in issue.found
    assert "empty folder" in issue.expected
    assert "\n" not in str(raised.value)
    assert (tmp_path / FILE).read_bytes() == before


def test_a_platform_file_that_was_edited_is_another_plan(tmp_path: Path) -> None:
    mine = tmp_path / "edited_later.py"
    text = '"""Mine."""\nfrom sim.platforms import compose\nPLATFORM = compose.PLATFORM\n'
    mine.write_text(text)
    ask = Ask("container_crash", [str(mine)], reps=2, settings=SHORT)
    stored(tmp_path / "store", ask)
    assert stored(tmp_path / "store", ask)[1] == [("edited_later", 1)]
    mine.write_text(text + "# a word more\n")
    with pytest.raises(sim.InputError, match="another plan"):
        stored(tmp_path / "store", ask)
    mine.unlink()  # other tests of this process know it no more


def test_figures_that_this_program_does_not_give_are_refused(tmp_path: Path) -> None:
    stored(tmp_path)
    record, *rest = (tmp_path / FILE).read_text().splitlines(keepends=True)
    (tmp_path / FILE).write_text(record.replace('"downtime_s":', '"downtime_s":1') + "".join(rest))
    with pytest.raises(sim.InputError, match="other figures of compose, seed 1"):
        stored(tmp_path)


def test_a_folder_of_something_else_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["run", "container_crash", "--store", str(tmp_path), "--no-plots"]) == 2
    assert "notes.txt" in capsys.readouterr().err
    (tmp_path / "notes.txt").unlink()
    (tmp_path / FILE).write_text("mine\nand mine\n")
    assert main(["run", "container_crash", "--store", str(tmp_path), "--no-plots"]) == 2
    assert f"{FILE}:1" in capsys.readouterr().err
    assert (tmp_path / FILE).read_text() == "mine\nand mine\n"


# ---- killed ----
def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def started(folder: Path, out: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": ROOT}
    return subprocess.Popen(
        [*COMMAND, "--out", out], cwd=folder, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    process = started(folder, "report")
    _, said = process.communicate()
    assert process.returncode == 0, said
    return files(folder / "report")


def wait_for_lines(store: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """Until so many replications are kept, or the study is done."""
    while process.poll() is None:
        if (store / FILE).exists() and (store / FILE).read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.002)


def killed_and_resumed(tmp_path: Path, count: int, undisturbed: dict[str, bytes]) -> None:
    """The parent is killed as soon as so many are kept, in the middle of the others."""
    process = started(tmp_path, "report")
    wait_for_lines(tmp_path / "store", count, process)
    process.kill()
    process.communicate()
    kept = (tmp_path / "store" / FILE).read_bytes()
    whole = kept[: kept.rfind(b"\n") + 1]
    assert whole.count(b"\n") >= count
    again = started(tmp_path, "report")
    _, said = again.communicate()
    assert again.returncode == 0, said
    assert (tmp_path / "store" / FILE).read_bytes().startswith(whole)  # nothing is run twice
    assert len({(x["platform"], x["seed"]) for x in lines(tmp_path / "store")}) == 60
    assert len(lines(tmp_path / "store")) == 60
    assert files(tmp_path / "report") == undisturbed


@pytest.mark.parametrize("count", [1, 30])
def test_a_parent_that_is_killed_loses_nothing(
    tmp_path: Path, count: int, undisturbed: dict[str, bytes]
) -> None:
    killed_and_resumed(tmp_path, count, undisturbed)


def children(parent: int) -> list[int]:
    """Processes of ours that work for it (Linux)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == parent and b"spawn_main" in words:
            found.append(int(entry.name))
    return found


def disturbed(tmp_path: Path, chance: random.Random, undisturbed: dict[str, bytes]) -> None:
    """A worker is killed now and then; the study ends by itself, with the same bytes."""
    process = started(tmp_path, "report")
    for count in sorted(chance.sample(range(1, 50), 2)):
        wait_for_lines(tmp_path / "store", count, process)
        for worker in chance.sample(children(process.pid), k=min(1, len(children(process.pid)))):
            os.kill(worker, signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert b"warning" not in said
    assert files(tmp_path / "report") == undisturbed


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds workers in /proc")
def test_workers_that_are_killed_lose_nothing(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    disturbed(tmp_path, random.Random(1), undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_many_are_killed_at_moments_of_chance(
    tmp_path: Path, seed: int, undisturbed: dict[str, bytes]
) -> None:
    chance = random.Random(seed)
    killed_and_resumed(tmp_path, chance.randrange(56), undisturbed)
    if Path("/proc/self/stat").exists():
        (tmp_path / "workers").mkdir()
        disturbed(tmp_path / "workers", chance, undisturbed)
