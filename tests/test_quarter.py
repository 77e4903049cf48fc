"""The quarter: what is drawn, what is summed, and the verdict on "80 % of my time"."""

from __future__ import annotations

import csv
import io
import json
from functools import cache
from pathlib import Path

import pytest

from sim.cli import main
from sim.quarter import (
    Incident,
    Kind,
    Quarter,
    Rates,
    as_csv,
    as_json,
    as_text,
    draw,
    load_rates,
    poisson,
    quarter,
    share_of_time,
    time_of,
)

KILL = Kind(name="kill", scenario="container_crash", rate=1.0)
DEPLOY = Kind(name="deploy", scenario="bad_rollout:good", rate=1.0, planned=True)


@cache
def replayed(kills: float, deploys: float = 0.0) -> Quarter:
    kinds = [KILL.model_copy(update={"rate": kills}), DEPLOY.model_copy(update={"rate": deploys})]
    return quarter(["compose"], 1, Rates(follow_up=21600.0, kinds=kinds), workers=1)


# ---- rules ----
@pytest.mark.parametrize(
    ("mean", "u", "n"),
    [(0.0, 0.99, 0), (1.0, 0.3, 0), (1.0, 0.5, 1), (1.0, 0.74, 2), (3.0, 0.5, 3)],
)
def test_poisson(mean: float, u: float, n: int) -> None:
    assert poisson(mean, u) == n


def test_a_larger_rate_never_gives_fewer() -> None:
    for u in (0.01, 0.3, 0.7, 0.99):
        found = [poisson(mean, u) for mean in (0.0, 0.1, 1.0, 5.0, 40.0, 400.0, 900.0)]
        assert found == sorted(found)
        assert 700 < found[-1] < 1100


@pytest.mark.parametrize(
    ("planned", "day", "hour", "at_hours"),
    [
        (True, 0.0, 0.0, 9.0),  # Monday, nine o'clock
        (True, 0.0, 0.5, 13.0),
        (True, 5 / 65, 0.0, 7 * 24 + 9.0),  # the sixth working day is the next Monday
        (False, 0.0, 0.0, 0.0),
        (False, 6 / 91, 0.5, 6 * 24 + 12.0),  # a Sunday
    ],
)
def test_time_of(planned: bool, day: float, hour: float, at_hours: float) -> None:
    assert time_of(planned, 13.0, day + 1e-9, hour) == pytest.approx(at_hours * 3600)


@pytest.mark.parametrize(
    ("minutes", "after", "working", "share"),
    [(0.0, 0.0, 31200.0, 0.0), (312.0, 0.0, 31200.0, 0.01), (12480.0, 12480.0, 31200.0, 0.8)],
)
def test_share_of_time(minutes: float, after: float, working: float, share: float) -> None:
    assert share_of_time(minutes, after, working) == pytest.approx(share)


def test_the_draw() -> None:
    rates = load_rates()
    one, three = draw(rates, 1, 7), draw(rates, 3, 7)
    assert one == draw(rates, 1, 7) != draw(rates, 1, 8)
    assert set(one) <= set(three), "more servers add incidents and change none"
    assert [i.at_s for i in one] == sorted(i.at_s for i in one)
    assert len({i.seed for i in three}) == len(three)
    planned = {kind.name for kind in rates.kinds if kind.planned}
    assert all(9 <= i.hour < 17 for i in three if i.kind in planned)
    assert 20 < len([i for i in one if i.kind == "deploy"]) < 45


def test_rates_have_sources() -> None:
    for kind in load_rates().kinds:
        assert kind.source, kind.name
    assert Incident("x", "y", 27 * 3600.0, 1).hour == 3.0


# ---- sums ----
def test_sums_balance() -> None:
    done = replayed(2.0, 1.0)
    record = json.loads(as_json(done))["platforms"]["compose"]
    for figure in ("incidents", "minutes", "pages", "mistakes", "downtime_s"):
        assert record["total"][figure] == pytest.approx(sum(k[figure] for k in record["kinds"]))
    rows = list(csv.DictReader(io.StringIO(as_csv(done))))
    assert sum(float(row["minutes"]) for row in rows) == pytest.approx(record["total"]["minutes"])
    assert record["follow_up_minutes"] == 360 * record["total"]["pages"]
    assert record["share"] == pytest.approx(record["total"]["minutes"] / 31200)


def test_no_incidents_no_minutes() -> None:
    nothing = replayed(0.0).total("compose")
    assert (nothing.incidents, nothing.minutes, nothing.pages, nothing.downtime_s) == (0, 0, 0, 0)


def test_more_incidents_more_minutes() -> None:
    one, more = replayed(1.0).total("compose"), replayed(4.0).total("compose")
    assert 0 < one.incidents < more.incidents
    assert 0 < one.minutes < more.minutes


def test_same_seed_same_bytes() -> None:
    assert as_json(replayed(1.0)) == as_json(replayed.__wrapped__(1.0))


def test_the_command_writes_three_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sim.quarter.quarter", lambda *_: replayed(2.0, 1.0))
    out = tmp_path / "q"
    for _ in range(2):
        assert main(["quarter", "--platform", "compose", "--json", "--out", str(out)]) == 0
        assert capsys.readouterr().out == as_json(replayed(2.0, 1.0))
    assert {path.name for path in out.iterdir()} == {"quarter.json", "quarter.md", "quarter.csv"}
    assert (out / "quarter.csv").read_text() == as_csv(replayed(2.0, 1.0))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--platform", "composse"], "compose"), (["--seed", "-1"], "whole number from 0")],
)
def test_bad_usage(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quarter", *arguments, "--out", str(tmp_path / "q")]) == 2
    assert says in capsys.readouterr().err


def test_the_verdict_and_the_table() -> None:
    done = replayed(2.0, 1.0)
    (verdict,) = done.record()["claims"]
    assert verdict["id"] == "T1"
    assert not verdict["holds"]
    assert "meetings" in verdict["because"]
    text = as_text(done)
    assert "T1 does not hold" in text
    assert all(len(line) <= 100 for line in text.splitlines())
