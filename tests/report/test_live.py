"""--watch: events as they happen, on a terminal and in a pipe."""

from functools import partial
from io import StringIO

import pytest
from rich.console import Console

from sim.report.text.progress import BARS, Viewer, counting, live, sparkline
from sim.results.run import Glance, Tick, TimelineRow
from sim.study.ask import Ask
from sim.study.batch import Batch
from sim.study.comparison import replay
from sim.study.plan import plan
from tests import ENGINE

KILL = TimelineRow(30.0, "operator_kill", "api-1", "api-1 killed by docker kill (exit 137)")


def console(terminal, width=90):
    return Console(file=StringIO(), force_terminal=terminal, width=width, legacy_windows=False)


@pytest.mark.parametrize(
    ("values", "top", "bars"),
    [
        ([], 1.0, ""),
        ([0.0, 0.5, 1.0], 1.0, BARS[0] + BARS[4] + BARS[7]),
        ([2.0, -1.0], 1.0, BARS[7] + BARS[0]),
        ([0.0, 0.0], 0.0, BARS[0] * 2),
    ],
)
def test_a_sparkline_has_a_bar_for_each_value(values, top, bars):
    assert sparkline(values, top) == bars


def test_piped_it_is_a_line_for_each_event():
    out = console(terminal=False)
    with live(("compose",), 1, 120.0, out) as viewer:
        viewer(Tick("compose", 1, 60.0, 100, glance=Glance(90, 10, 0, (KILL,))))
        viewer(Tick("compose", 1, 120.0, 200, done=True, glance=Glance(180, 20)))
    assert out.file.getvalue().splitlines() == [
        "compose: 00:00:30 api-1 killed by docker kill (exit 137)",
        "compose: 2 min simulated, 200 requests",
    ]


def test_on_a_terminal_it_shows_success_backlog_and_events():
    out = console(terminal=True)
    with live(("compose", "kubernetes"), 1, 180.0, out) as viewer:
        viewer(Tick("compose", 1, 60.0, 100, glance=Glance(100, 0, 0)))
        viewer(Tick("compose", 1, 120.0, 200, glance=Glance(150, 50, 8, (KILL,))))
        viewer(Tick("kubernetes", 1, 60.0, 100, glance=Glance(100, 0, 0)))
    said = out.file.getvalue()
    assert "Compose  00:02:00 of 00:03:00  200 requests, 50 failed" in said
    assert f"success {BARS[7]}{BARS[4]} 50.00 %" in said
    assert f"backlog {BARS[0]}{BARS[7]} 8" in said
    assert "00:00:30 api-1 killed" in said
    assert "Kubernetes  00:01:00 of 00:03:00" in said


def test_a_narrow_terminal_cuts_and_does_not_wrap():
    viewer = Viewer(("compose",), 600.0, console(terminal=True, width=40))
    for minute in range(1, 200):
        viewer(Tick("compose", 1, 60.0 * minute, 1, glance=Glance(minute, 0, 0, (KILL,))))
    out = console(terminal=True, width=40)
    out.print(viewer.shown())
    assert all(len(line) <= 40 for line in out.file.getvalue().splitlines() if "\x1b" not in line)


def test_other_replications_do_not_mix_in():
    viewer = Viewer(("compose",), 600.0, console(terminal=False))
    viewer(Tick("compose", 1, 60.0, 10, glance=Glance(10, 0)))
    viewer(Tick("compose", 2, 60.0, 99, glance=Glance(0, 99, 0, (KILL,))))
    assert viewer.states["compose"].arrived == 10
    assert viewer.console.file.getvalue() == ""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.run
def test_every_event_of_a_real_study_is_told_once_in_either_way(workers):
    settings = ["scenario.horizon=10m30s"]
    out = console(terminal=False)
    planned = plan(Ask("container_crash", settings=settings, engine=ENGINE))
    with live(planned.platforms, 1, planned.scenario.horizon, out) as viewer:
        result = replay(planned, partial(Batch.run, watch=viewer, workers=workers))
    told = out.file.getvalue().splitlines()
    assert len(told) == sum(len(run.timeline) for run in result.runs) + 2
    killed = [line for line in told if "00:05:00 api-1 killed" in line]
    assert len(killed) == 2


@pytest.mark.parametrize(
    ("left_s", "said"), [(150.0, "1 of 4 runs, some 2 min left"), (20.0, "1 of 4 runs")]
)
def test_without_a_terminal_a_line_says_how_long_the_rest_takes(
    monkeypatch: pytest.MonkeyPatch, left_s: float, said: str
) -> None:
    monkeypatch.setattr("rich.progress.Task.time_remaining", left_s)
    shown = StringIO()
    with counting(4, Console(file=shown)) as watch:
        watch(Tick("compose", 1, 60.0, 1, done=True))
    assert shown.getvalue() == f"{said}\n"
