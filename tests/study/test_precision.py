"""When a study has seen enough: a half-width that was asked for, or a number of seeds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import sim
from sim.cli.app import main
from sim.results.intervals import interval
from sim.study.precision import MEANS, Precision, goal, until_text

SHORT = {"scenario.horizon": "6m"}
NAME = "container_crash"
METRIC = "requests.arrived"


@pytest.mark.parametrize(
    ("until", "meant"),
    [
        (None, None),
        (20, 20),
        ("20", 20),
        ("downtime_s=5", Precision("downtime_s", 5.0)),
        (("downtime_s", 5), Precision("downtime_s", 5.0)),
        ("requests.failed.refused = 0.5", Precision("requests.failed.refused", 0.5)),
    ],
)
def test_what_until_means(until: Any, meant: Any) -> None:
    assert goal(until) == meant
    assert until is None or goal(until_text(until)) == meant


@pytest.mark.parametrize(
    ("until", "says"),
    [
        ("downtme_s=5", "did you mean downtime_s?"),
        ("latency_s.p99=1", "a figure of summary.json that has an interval"),
        ("downtime_s=soon", "a number of at least 0"),
        ("downtime_s=-1", "a number of at least 0"),
        ("downtime_s", "METRIC=HALFWIDTH"),
        ("0", "METRIC=HALFWIDTH"),
        (0, "METRIC=HALFWIDTH"),
        (True, "METRIC=HALFWIDTH"),
        (("downtime_s", 1, 2), "METRIC=HALFWIDTH"),
        (("downtime_s", float("nan")), "a number of at least 0"),
    ],
)
def test_what_until_does_not_mean(until: Any, says: str) -> None:
    with pytest.raises(sim.InputError, match="until") as raised:
        sim.run(NAME, until=until)
    assert says in str(raised.value)


def test_on_the_command_line_it_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", NAME, "--until", "downtme_s=5"]) == 2
    assert "did you mean downtime_s?" in capsys.readouterr().err
    assert main(["compare", NAME, "--workers", "0"]) == 2
    assert "workers: found 0; expected at least 1" in capsys.readouterr().err


def half_width(values: list[float]) -> float:
    low, high = interval(values)
    return (high - low) / 2.0


def test_it_stops_at_the_first_seed_at_which_every_platform_is_known_well_enough() -> None:
    """Compared with all the seeds of a study that does not stop."""
    all_of_them = sim.compare(NAME, reps=12, settings=SHORT, engine="reference")
    target = 0.7 * half_width([
        r.figures["requests"]["arrived"] for r in all_of_them.replications["compose"][:4]
    ])  # fmt: skip
    first = next(
        n
        for n in range(3, 13)
        if all(
            half_width([r.figures["requests"]["arrived"] for r in done[:n]]) <= target
            for done in all_of_them.replications.values()
        )
    )
    assert 4 < first < 12
    for how in ({"workers": 1}, {"workers": 2}, {"executor": ThreadPoolExecutor(3), "workers": 3}):
        result = sim.compare(
            NAME, reps=12, settings=SHORT, engine="reference", until=(METRIC, target), **how
        )
        assert result.reps == first, how
        assert result.ended == f"{METRIC} within ±{target:g} after {first} replications"
        few = sim.compare(NAME, reps=first, settings=SHORT, engine="reference")
        assert result.summary == few.summary
    assert few.ended == ""


def test_it_says_when_the_replications_ended_first() -> None:
    result = sim.run(NAME, "compose", reps=4, settings=SHORT, until=(METRIC, 1e-9))
    assert result.reps == 4
    assert result.ended == f"4 replications, without {METRIC} within ±1e-09"


def test_a_number_of_replications_is_an_end_too() -> None:
    result = sim.run(NAME, "compose", settings=SHORT, until=3)
    assert (result.reps, result.ended) == (3, "3 replications")


def test_a_figure_that_a_run_lacks_has_no_mean_to_know() -> None:
    """The database never comes back: `recover_s` exists in no run."""
    assert "recover_s" in MEANS
    short = {"scenario.horizon": "5m10s"}
    result = sim.run(NAME, "compose", reps=4, settings=short, until=("recover_s", 1e9))
    assert result.summary["platforms"]["compose"]["recover_s"] is None
    assert result.ended.startswith("4 replications, without recover_s")


def test_the_command_says_how_it_ended_and_how_to_do_it_again(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--platform", "kubernetes", "--until", "downtime_s=1000", "--no-plots"]
    store = ["--store", str(tmp_path / "store"), "--out", str(tmp_path / "r")]
    assert main(["run", NAME, *arguments, "--set", "scenario.horizon=6m", *store]) == 0
    assert "ended: downtime_s within ±1000 after 3 replications" in capsys.readouterr().err
    text = (tmp_path / "r" / "summary.md").read_text() + (
        tmp_path / "r" / "report.html"
    ).read_text()
    assert "--until downtime_s=1000" in text
    assert "--reps" not in text
