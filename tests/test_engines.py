"""The compiled engine gives the reports of the reference engine, byte for byte."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import sim
from sim.dataplane import engines
from sim.dataplane.profile import Arrivals
from sim.library.scenarios import list_scenarios, load_scenario
from sim.report import files
from sim.schema.fields import InputError
from sim.study.ask import Ask
from sim.study.batch import Batch
from sim.study.comparison import replay
from sim.study.plan import plan
from tests import EACH

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
W2, W2_STACK = BENCHMARKS / "w2.yaml", BENCHMARKS / "w2_stack.yaml"
QUICK = ("container_crash", "server_crash:aof")
# a whole Black Friday takes the reference engine minutes; the shape of the day stays
SCALED = {
    "black_friday": ["scenario.traffic.scale=0.1"],
    "black_friday_realistic": ["scenario.traffic.scale=0.3"],
    # a request asks four services
    "slow_dependency": ["scenario.traffic.scale=0.1", "scenario.horizon=12m"],
    "third_party_down": ["scenario.traffic.scale=0.1", "scenario.horizon=12m"],
    "cold_cache": ["scenario.traffic.scale=0.3", "scenario.horizon=12m"],
    "retry_amplification": ["scenario.traffic.scale=0.1", "scenario.horizon=12m"],
}
NAMES = [
    name + variant
    for name in list_scenarios()
    for variant in ("", *(f":{v}" for v in load_scenario(name).variants))
]


def report(
    name: str, engine: str, folder_name: str, tmp_path: object, platforms: list[str] | None = None
) -> dict[str, str]:
    settings = SCALED.get(name.partition(":")[0], [])
    planned = plan(Ask(name, platforms, seed=5, settings=settings, engine=engine))
    result = replay(planned, partial(Batch.run, workers=1))
    folder = tmp_path / folder_name  # type: ignore[operator]
    files.write(result, folder, plots=False)
    texts = {path.name: path.read_text() for path in sorted(folder.iterdir())}
    assert f'"engine": "{engine}"' in texts["summary.json"]
    texts["summary.json"] = texts["summary.json"].replace(engine, "ENGINE")
    texts["report.html"] = texts["report.html"].replace(f"{engine} engine", "ENGINE")
    texts["report.html"] = texts["report.html"].replace(f"--engine {engine}", "ENGINE")
    del texts["summary.md"]  # prose of the same figures, with the engine's name
    return texts


def same(name: str, tmp_path: object, platforms: list[str] | None = None) -> None:
    reference = report(name, "reference", "reference", tmp_path, platforms)
    compiled = report(name, "compiled", "compiled", tmp_path, platforms)
    assert {"summary.json", "timeline.csv", "series.csv"} <= set(reference)
    for file, text in reference.items():
        assert text == compiled[file], f"{name}: {file}"


@pytest.mark.parametrize("name", QUICK)
def test_reports_are_equal(name: str, tmp_path: object) -> None:
    same(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in NAMES if n not in QUICK][:: 2 * EACH])
def test_every_scenario_and_variant(name: str, tmp_path: object) -> None:
    same(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["connection_limits", "server_crash:redis", "bad_rollout:errors"])
def test_every_platform(name: str, tmp_path: object) -> None:
    same(name, tmp_path, ["all"])


def test_auto_weighs_compiling_against_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = {"yes": False}
    monkeypatch.setattr(engines, "is_compiled", lambda: compiled["yes"])
    assert engines.choose("auto", 50_000) == "reference"
    assert engines.choose("auto", 1_000_000) == "compiled"
    compiled["yes"] = True
    assert engines.choose("auto", 50_000) == "compiled"
    assert engines.choose("auto", 5_000) == "reference"
    assert engines.choose("reference", 1e9) == "reference"


def test_without_numba_the_reference_runs_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    assert engines.choose("auto", 1e7) == "reference"
    assert "numba is not installed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arrivals", "horizon", "requests"),
    [
        (Arrivals((0.0,), (5.0,), (0.0,)), 100.0, 500.0),
        (Arrivals((0.0, 10.0), (0.0, 10.0), (1.0, 0.0), end_s=15.0), 100.0, 100.0),
        (Arrivals((50.0,), (5.0,), (0.0,)), 10.0, 0.0),
    ],
)
def test_expected_requests(arrivals: Arrivals, horizon: float, requests: float) -> None:
    assert engines.expected_requests(arrivals, horizon) == pytest.approx(requests)


@pytest.mark.parametrize(
    ("engine", "runs", "requests", "horizon_s", "processors", "wanted"),
    [
        ("reference", 1, 1e6, 3600.0, 8, 1),  # one run needs no other process
        ("compiled", 2, 2e4, 3600.0, 2, 1),  # done before another has begun
        ("reference", 2, 2e4, 3600.0, 2, 1),  # 1.4 s each: 2.8 s here, 2.9 s side by side
        ("compiled", 61, 7200.0, 1800.0, 2, 1),  # half a second: container_crash
        ("reference", 2, 1e5, 3600.0, 2, 2),
        ("compiled", 2, 1.7e6, 18_000.0, 2, 2),  # Black Friday
        ("compiled", 2, 1.7e6, 18_000.0, 1, 1),  # ... on one processor
        ("reference", 40, 2e4, 3600.0, 4, 4),  # many small runs are one large one
    ],
)
def test_how_many_processes_share_the_runs(
    engine: str, runs: int, requests: float, horizon_s: float, processors: int, wanted: int
) -> None:
    assert engines.processes(engine, runs, requests, horizon_s, processors) == wanted


def test_a_flood_that_would_overflow_the_ids_is_refused() -> None:
    """When it is planned, before anything runs."""
    with pytest.raises(InputError, match=r"traffic.*at most 5e\+11"):
        plan(Ask("container_crash", settings=["scenario.traffic.rate=1000000000/s"]))


INTERRUPTED = """
import sys
from sim.cli import app as cli
from sim.simulation.observation import Observer

goes_on, said = Observer.goes_on, []

def told(self, to_s):
    if to_s > 300.0 and not said:
        said.append(to_s)
        print("running", flush=True)
    goes_on(self, to_s)

Observer.goes_on = told
sys.exit(cli.main(sys.argv[1:]))
"""


def test_ctrl_c_is_heard_inside_the_kernel_and_an_earlier_report_stays(tmp_path: Path) -> None:
    """Thousands of millions of requests would take an hour; the process is gone long before."""
    folder = tmp_path / "report"
    files.write(sim.run("container_crash", "compose", engine="reference"), folder, plots=False)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    flood = ["--set", "scenario.traffic.rate=20000/s", "--set", "scenario.horizon=100h"]
    arguments = ["run", str(W2), "--stack", str(W2_STACK), "--engine", "compiled", *flood]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, *arguments, "--out", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
