"""Strange files by the command line: one line at once, and no file runs that nobody named."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.platforms.own import files
from tests.schema.test_files import STRANGE, put


@pytest.fixture(autouse=True)
def _forget(monkeypatch):
    """Files of one test are none of the next one's."""
    monkeypatch.setattr(files, "_given", {})
    monkeypatch.setattr(files, "_loaded", {})


READERS = {
    "a scenario": ("run", "./x.yaml"),
    "a stack": ("run", "container_crash", "--stack", "./x.yaml"),
    "traffic": ("run", "container_crash", "--traffic", "x.yaml"),
    "rates": ("quarter", "--rates", "x.yaml"),
    "an answer": ("challenge", "1", "--check", "x.yaml"),
    "a platform": ("run", "container_crash", "--platform", "x"),
}


@pytest.mark.parametrize("kind", ["a pipe", "a device", "a loop of links", "not UTF-8"])
@pytest.mark.parametrize("reader", READERS)
def test_every_kind_of_file_has_the_same_reader(sim, reader, kind) -> None:
    Path("platforms").mkdir()
    put(kind, Path("platforms/x.py" if reader == "a platform" else "x.yaml"))
    said = sim(*READERS[reader])
    assert said.status == 2
    assert STRANGE[kind] in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


@pytest.mark.parametrize("kind", STRANGE)
def test_the_list_lists_the_others(sim, kind) -> None:
    Path("platforms").mkdir()
    put(kind, Path("platforms/strange.py"))
    Path("platforms/mine.py").write_text('"""Mine."""\nPLATFORM = 1\n')
    Path("platforms/compose.py").write_text("PLATFORM = 1\n")
    said = sim("list", "platforms")
    assert said.status == 0
    assert "mine" in said.out
    assert "kubernetes_tuned" in said.out
    assert STRANGE[kind] in said.err
    assert "platforms/compose.py: found the name 'compose', which is already taken" in said.err
    assert len(said.err.splitlines()) == 2


MARKS = '''\
"""Leaves a mark when it is executed."""
from pathlib import Path

from sim.control.api import Fact
from sim.platforms.swarm import PLATFORM as SWARM

Path("executed.txt").write_text("yes")
DELAY = Fact("marks.delay", 5.0, "s", "between two", "chosen")
PLATFORM = SWARM
'''


@pytest.mark.parametrize(
    "command",
    [
        ("list",), ("explain", "hpa"), ("explain", "container_crash"), ("explain", "autoscaling"),
        ("explain", "docker_restarts"), ("explain", "hpaa"), ("explain", "kubernetes"),
        ("run", "container_crash", "--set", "hpa.tolerance=3"),
        ("run", "container_crash", "--platform", "compsoe"),
    ],
)  # fmt: skip
def test_nobody_runs_a_file_that_nobody_named(sim, command) -> None:
    Path("platforms").mkdir()
    Path("platforms/marks.py").write_text(MARKS)
    sim(*command)
    assert not Path("executed.txt").exists()


@pytest.mark.parametrize("subject", ["marks", "marks.delay", "./platforms/marks.py"])
def test_to_explain_a_file_is_to_name_it(sim, subject) -> None:
    Path("platforms").mkdir()
    Path("platforms/marks.py").write_text(MARKS)
    said = sim("explain", subject)
    assert said.status == 0, said.err
    assert Path("executed.txt").exists()
