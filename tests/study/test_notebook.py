"""In Jupyter a study shows how far it is, in one line that vanishes; in a script nothing."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from sim.study import notebook
from sim.study.comparison import compare
from sim.study.task import quiet

SHORT = {"scenario.horizon": "6m"}


class Cell:
    """The outputs of a cell, and what each showed one after the other."""

    def __init__(self) -> None:
        self.outputs: list[list[str]] = []

    def display(self, data: dict[str, str], **how: Any) -> SimpleNamespace:
        assert how["raw"]
        assert how["metadata"] == notebook.MARK
        pictures = [data["text/plain"]]
        self.outputs.append(pictures)
        return SimpleNamespace(update=lambda data, **how: pictures.append(data["text/plain"]))


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    """A kernel runs us, and each tick is worth showing."""
    cell = Cell()
    ipython: Any = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    ipython.display = SimpleNamespace(display=cell.display)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
    monkeypatch.setattr(notebook, "SOON_S", 0.0)
    monkeypatch.setattr(notebook, "OFTEN_S", 0.0)
    return cell


def test_a_comparison_counts_its_runs_in_one_line_that_vanishes(cell: Cell) -> None:
    compare("container_crash", ["compose", "nomad"], reps=2, settings=SHORT, workers=1)
    (shown,) = cell.outputs
    assert shown[-2].startswith("4 of 4 runs")
    assert shown[-1] == ""
    counts = [int(text.split()[0]) for text in shown[:-1]]
    assert counts == sorted(counts)
    assert any("some" in text and "left" in text for text in shown)


def test_the_line_vanishes_when_the_study_fails(cell: Cell) -> None:
    with pytest.raises(ZeroDivisionError), notebook.progress(1, 60.0) as line, line.compiling():
        raise ZeroDivisionError
    assert [text[:9] for text in cell.outputs[0]] == ["compiling", ""]


def test_a_script_and_a_terminal_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = SimpleNamespace(get_ipython=SimpleNamespace)
    for ipython in (None, SimpleNamespace(get_ipython=lambda: None), terminal):
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        assert not notebook.in_notebook()
        with notebook.progress(3, 60.0) as line:
            assert line.watch is quiet


@pytest.mark.parametrize(
    ("done", "runs", "share", "elapsed_s", "says"),
    [
        (0, 1, 0.01, 5.0, "1% of one run"),
        (0, 1, 0.5, 30.0, "50% of one run, some 30 s left"),
        (3, 24, 0.04, 9.0, "3 of 24 runs"),
        (3, 24, 0.125, 10.0, "3 of 24 runs, some 70 s left"),
        (6, 24, 0.25, 60.0, "6 of 24 runs, some 3 min left"),
    ],
)
def test_words(done: int, runs: int, share: float, elapsed_s: float, says: str) -> None:
    assert notebook.words(done, runs, share, elapsed_s) == says
