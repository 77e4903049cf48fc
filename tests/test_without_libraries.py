"""The reference engine, the control plane and results run where numba, pandas and matplotlib are
not installed: in a browser, say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MISSING = ("numba", "llvmlite", "pandas", "matplotlib")
BLOCK = f"import sys; sys.modules.update(dict.fromkeys({MISSING}))"
RUN = ("container_crash", "--reps", "1", "--set", "scenario.horizon=7m")


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a process that cannot import the libraries."""
    return subprocess.run(
        [sys.executable, "-c", f"{BLOCK}; sys.path.insert(0, {str(ROOT)!r})\n{code}"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_the_block_blocks(tmp_path: Path) -> None:
    for library in MISSING:
        assert "ModuleNotFoundError" in python(f"import {library}", tmp_path).stderr


@pytest.mark.parametrize("plots", [True, False])
@pytest.mark.parametrize("engine", ["auto", "compiled", "reference"])
def test_a_run_writes_its_report(engine: str, plots: bool, tmp_path: Path) -> None:
    words = ["run", *RUN, "--engine", engine, "--export", "trace,openmetrics,k6"]
    words += [] if plots else ["--no-plots"]
    ended = python(f"from sim.cli.app import main; sys.exit(main({words!r}))", tmp_path)
    assert ended.returncode == 0, ended.stderr
    note = "numba is not installed: the reference engine runs instead\n"
    assert ended.stderr.count(note) == (engine != "reference")
    assert ended.stderr.count("matplotlib is not installed: no pictures are drawn\n") == plots
    report = tmp_path / "reports" / "container_crash"
    assert not list(report.glob("*.png"))
    summary = json.loads((report / "summary.json").read_text(encoding="utf-8"))
    assert summary["engine"] == "reference"
    assert summary["platforms"]["compose"]["downtime_s"] > 60
    for name in ("series.csv", "timeline.csv", "report.html", "summary.md", "trace.json"):
        assert (report / name).stat().st_size > 0


def test_a_study_from_python_has_its_figures_and_its_table(tmp_path: Path) -> None:
    code = """
import sim
result = sim.run("container_crash", "compose", settings={"scenario.horizon": "7m"})
print(result.summary["platforms"]["compose"]["requests"]["arrived"])
print(result.table())
"""
    ended = python(code, tmp_path)
    assert ended.returncode == 0, ended.stderr
    count, _, table = ended.stdout.partition("\n")
    assert int(count) > 500
    assert "availability" in table
