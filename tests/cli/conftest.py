"""The command line in this process, with synthetic runs in place of the engines."""

from dataclasses import dataclass

import pytest

from sim.cli.app import main
from tests.results.synthetic import recording
from tests.results.synthetic import run as synthetic_run

DOWN = {"compose": 341.0, "kubernetes": 3.0}


@dataclass
class Said:
    status: int
    out: str
    err: str


@pytest.fixture
def sim(capsys, tmp_path, monkeypatch):
    """sim("run", "container_crash", ...) -> Said, in an empty working folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        status = main(list(arguments))
        said = capsys.readouterr()
        return Said(status, said.out, said.err)

    return call


@pytest.fixture
def calls(monkeypatch):
    """Replace run_case; the list of (platform, seed, engine, scenario, stack) it was asked for."""
    asked = []

    def run_case(case, seed, *, engine="auto", progress=None):
        platform = case.platform
        asked.append((platform, seed, engine, case.scenario, case.stack))
        record = recording(10.0, 1200, ((300.0, 300.0 + DOWN[platform]),), seed)
        if progress is not None:
            progress(60.0, 600)
        return synthetic_run(platform, record=record, seed=seed)

    monkeypatch.setattr("sim.simulation.simulation.run_case", run_case)
    monkeypatch.setattr("sim.study.batch.os.cpu_count", lambda: 1)  # in this process
    return asked
