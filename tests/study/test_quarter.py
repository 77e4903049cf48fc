"""The quarter: what is drawn, what is summed, and the verdict on "80 % of my time"."""

from __future__ import annotations

import csv
import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sim.cli.app import main
from sim.report.text.columns import csv_text, json_text
from sim.schema.fields import InputError
from sim.study.batch import Batch
from sim.study.quarter.draw import (
    Incident,
    draw,
    follows_up,
    poisson,
    prepare,
    quarter,
    server_of,
    time_of,
)
from sim.study.quarter.rates import IncidentKind, Rates, load_rates
from sim.study.quarter.tally import Quarter, Replayed, Spent, record, spent, tally, verdict
from sim.study.quarter.text import PAGE, incidents, kinds, markdown, text, when
from tests.study.runs import interrupted

KILL = IncidentKind(name="kill", scenario="container_crash", rate=1.0)
DEPLOY = IncidentKind(
    name="deploy", scenario="bad_rollout:good", rate=1.0, planned=True, announced=True
)
HEAD = "kinds:\n  - {name: a, scenario: container_crash, rate: 1}\n"


def some(kills: float, deploys: float = 0.0) -> Rates:
    kinds = [KILL.model_copy(update={"rate": kills}), DEPLOY.model_copy(update={"rate": deploys})]
    return Rates(follow_up=21600.0, kinds=kinds)


@cache
def replayed(kills: float, deploys: float = 0.0, reps: int = 1) -> Quarter:
    return quarter(["compose"], 1, reps, some(kills, deploys), workers=1)


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
    ("announced", "pages", "degraded_s", "jobs_lost", "followed"),
    [
        (False, 1, 0.0, 0, True),  # whoever is on call was needed
        (False, 0, 60.0, 0, True),  # nobody was paged, and users felt it: a bad deploy
        (False, 0, 59.0, 0, False),
        (False, 0, 0.0, 1, True),  # data loss of any kind
        (True, 0, 900.0, 3, False),  # users had been told
        (True, 1, 0.0, 0, True),
        (False, 0, 0.0, 0, False),
    ],
)
def test_follows_up(
    announced: bool, pages: int, degraded_s: float, jobs_lost: int, followed: bool
) -> None:
    assert follows_up(announced, pages, degraded_s, jobs_lost, 60.0) is followed


@pytest.mark.parametrize(
    ("servers", "u", "which"), [(1, 0.99, 0), (3, 0.0, 0), (3, 0.34, 1), (3, 0.99, 2), (3, 1.0, 2)]
)
def test_server_of(servers: int, u: float, which: int) -> None:
    assert server_of(servers, u) == which


@pytest.mark.parametrize(
    ("minutes", "working", "share"),
    [((0.0, 0.0, 0.0), 31200.0, 0.0), ((312.0, 0.0, 0.0), 31200.0, 0.01),
     ((12480.0, 480.0, 12000.0), 31200.0, 0.8), ((1.0, 0.0, 0.0), 0.0, 0.0)],
)  # fmt: skip
def test_share(minutes: tuple[float, float, float], working: float, share: float) -> None:
    assert Spent(*minutes).share(working) == pytest.approx(share)


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
    rates = load_rates()
    assert all(kind.source for kind in rates.kinds)
    assert "6 hours" in rates.follow_up_source
    assert Incident("x", "y", 27 * 3600.0, 1).hour == 3.0


def test_bad_deploys_are_a_fifth() -> None:
    """DORA 2024; how they divide among the three kinds of bad is chosen."""
    rate = {kind.name: kind.rate for kind in load_rates().kinds}
    bad = sum(n for name, n in rate.items() if name.startswith("deploy "))
    assert bad / (bad + rate["deploy"]) == pytest.approx(0.2)


def test_what_happens_to_a_third_party_needs_one_that_is_asked() -> None:
    away = IncidentKind(name="away", scenario="third_party_down", rate=9.0)
    work = prepare(["compose"], 1, 1, Rates(kinds=[KILL, away]))
    assert {run.kind.name for run in work.runs} <= {"kill"}
    assert [kind.name for kind in work.rates.kinds] == ["kill"]
    (line,) = work.left_out
    assert line.startswith("away: ")
    assert "found no external" in line
    shop = prepare(["compose"], 1, 1, Rates(kinds=[away]))
    assert shop.runs
    assert shop.left_out == ()


def test_each_incident_runs_at_its_hour_and_on_its_server() -> None:
    lost = IncidentKind(name="lost", scenario="server_crash", rate=30.0, per_server=True)
    work = prepare(["kubernetes"], 1, 1, Rates(kinds=[lost]))
    hit = set()
    for run in work.runs:
        scenario = run.case.scenario
        (event,) = scenario.events
        assert event.server_crash is not None
        hit.add(event.server_crash.server)
        hour = (scenario.starts_at + event.at) / 3600 % 24
        assert hour == pytest.approx(run.incident.hour)
        assert run.night is (hour >= 22 or hour < 7)
    assert hit == {0, 1, 2}, "not always the database's"


# ---- sums ----
def one(night: bool, minutes: float, followed_up: bool) -> Replayed:
    return Replayed("compose", 1, "kill", 0.0, night, False, minutes, 5.0, 1, 0, 60.0, 90.0, 7, 2,
                    followed_up)  # fmt: skip


def test_tally_and_spent() -> None:
    those = [one(True, 3.0, True), one(False, 1.0, False)]
    assert tally([]) == (0.0,) * 10
    assert tally(those)[:4] == (2.0, 4.0, 10.0, 2.0)
    assert tally(those, quarters=2).incidents == 1.0
    assert spent(tally(those), 21600.0) == Spent(4.0, 10.0, 357.0)


def test_sums_balance() -> None:
    found = record(replayed(2.0, 1.0))
    compose = found["platforms"]["compose"]
    for figure in ("incidents", "minutes", "pages", "mistakes", "downtime_s", "followed_up"):
        assert compose["total"][figure] == pytest.approx(sum(k[figure] for k in compose["kinds"]))
    for rows_of in (kinds, incidents):
        rows = list(csv.DictReader(io.StringIO(csv_text(rows_of(replayed(2.0, 1.0))))))
        minutes = sum(float(row["minutes"]) for row in rows)
        assert minutes == pytest.approx(compose["total"]["minutes"])
    time = compose["minutes"]
    total = compose["total"]
    assert time["following_up"] == 360 * total["followed_up"] - total["repair_minutes"] > 0
    assert time["watching"] == 5 * compose["kinds"][1]["incidents"] > 0
    assert compose["share"] == pytest.approx(sum(time.values()) / 31200)
    hours = compose["hours"]
    kills = compose["kinds"][0]["incidents"]
    assert hours["day"]["incidents"] + hours["night"]["incidents"] == kills


def test_no_incidents_no_minutes() -> None:
    nothing = replayed(0.0)
    assert set(nothing.tally("compose")) == {0.0}
    assert nothing.whole("compose")
    assert "0.0 % of one person's time" in text(nothing)


def test_more_incidents_more_minutes() -> None:
    few, more = replayed(1.0).tally("compose"), replayed(4.0).tally("compose")
    assert 0 < few.incidents < more.incidents
    assert 0 < few.minutes < more.minutes


def test_same_seed_same_bytes() -> None:
    assert json_text(record(replayed(1.0))) == json_text(record(replayed.__wrapped__(1.0)))


def test_several_quarters_are_means_with_an_interval() -> None:
    done = replayed(1.0, 0.0, 3)
    alone = [quarter(["compose"], seed, 1, some(1.0), workers=1) for seed in (1, 2, 3)]
    minutes = [each.tally("compose").minutes for each in alone]
    assert done.tally("compose").minutes == pytest.approx(sum(minutes) / 3)
    low, high = record(done)["platforms"]["compose"]["share_interval"]
    assert 0 <= low <= record(done)["platforms"]["compose"]["share"] <= high
    assert "Means over 3 quarters" in text(done)


def test_without_monitoring_it_takes_longer() -> None:
    late = quarter(["compose"], 1, 1, some(2.0), ["stack.operator.monitoring=false"], workers=1)
    with_it, without = (q.tally("compose").downtime_s for q in (replayed(2.0), late))
    assert without > 2 * with_it


# ---- the command ----
def fake(monkeypatch: pytest.MonkeyPatch, done: Quarter) -> None:
    monkeypatch.setattr("sim.study.quarter.draw.measure", lambda *_, **__: done)


def test_the_command_writes_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(monkeypatch, replayed(2.0, 1.0))
    out = tmp_path / "q"
    arguments = ["quarter", "--platform", "compose", "--out", str(out)]
    assert main([*arguments, "--json"]) == 0
    assert capsys.readouterr().out == json_text(record(replayed(2.0, 1.0)))
    assert {path.name for path in out.iterdir()} == PAGE.files
    assert (out / "quarter.csv").read_text() == csv_text(kinds(replayed(2.0, 1.0)))
    assert Image.open(out / "quarter.png").size == (1920, 1080)
    assert main([*arguments, "--no-plots"]) == 0
    assert {path.name for path in out.iterdir()} == PAGE.files - {"quarter.png"}


def test_it_says_how_far_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "rates.yaml"
    mine.write_text(HEAD)
    arguments = ["quarter", "--platform", "compose", "--rates", str(mine), "--reps", "2"]
    assert main([*arguments, "--no-plots", "--out", str(tmp_path / "q")]) == 0
    printed = capsys.readouterr()
    runs = len(prepare(["compose"], 1, 2, load_rates(mine)).runs)
    assert f"{runs} of {runs} runs" in printed.err
    assert "runs" not in printed.out
    assert "2 quarters" in printed.out


def test_interrupted_it_keeps_what_was_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = interrupted(after=1)
    monkeypatch.setattr(Batch, "run", lambda batch, **_: stop(batch))
    out = tmp_path / "q"
    assert main(["quarter", "--no-plots", "--out", str(out)]) == 130
    printed = capsys.readouterr()
    assert "no verdict on T1" in printed.out
    assert "interrupted: what was finished" in printed.err
    kept = json.loads((out / "quarter.json").read_text())
    assert kept["interrupted"] is True
    assert kept["claims"] == []
    assert kept["platforms"]["compose"]["replayed"] == 1
    assert len((out / "incidents.csv").read_text().splitlines()) == 2


def test_interrupted_before_anything_was_finished_it_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Batch, "run", stop)
    assert main(["quarter", "--out", str(tmp_path / "q")]) == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--platform", "composse"], "did you mean compose"),
        (["--platform", ""], "found none"),
        (["--seed", "-1"], "whole number from 0"),
        (["--reps", "0"], "whole number from 1"),
        (["--rates", "nowhere.yaml"], "nowhere.yaml: found no such file"),
        (["--set", "stack.operator.monitor=false"], "did you mean monitoring"),
    ],
)
def test_bad_usage(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quarter", *arguments, "--out", str(tmp_path / "q")]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (HEAD + "  - {name: a, scenario: sick_container, rate: 1}\n", "two kinds named 'a'"),
        ("kinds: []\n", "no kinds"),
        (HEAD.replace("rate: 1", "rate: often"), ":2:48: kinds.0.rate: found 'often'"),
        (HEAD.replace("container_crash", "container_crush"), "kinds.0.scenario: found the unknown"),
        (HEAD.replace("rate: 1", "rate: 1000000"), "at most 10000"),
        (HEAD + "follow: 6h\n", "did you mean follow_up"),
    ],
)
def test_bad_rates(lines: str, says: str, tmp_path: Path) -> None:
    mine = tmp_path / "rates.yaml"
    mine.write_text(lines)
    with pytest.raises(InputError) as raised:
        prepare(["compose"], 1, 1, load_rates(mine))
    assert says in str(raised.value)


def test_all_platforms_can_be_asked_for() -> None:
    from sim.platforms import names

    assert set(prepare(["all"], 1, 1, some(1.0)).platforms) == set(names())


# ---- telling ----
@pytest.mark.parametrize(
    ("at_s", "said"),
    [(0.0, "week 1 Mon 00:00"), (86_399.9, "week 1 Mon 23:59"), (8.5 * 86_400, "week 2 Tue 12:00")],
)
def test_when(at_s: float, said: str) -> None:
    assert when(at_s) == said


def test_the_verdict_and_the_table() -> None:
    done = replayed(2.0, 1.0)
    found = verdict(done, "compose")
    assert found is not None
    assert (found["id"], found["holds"]) == ("T1", None)
    assert "hands-on work at these rates is" in found["because"]
    assert "follow-up another" in found["because"]
    assert "meetings" in found["because"]
    printed = text(done)
    assert "T1, no verdict, measured" in printed
    assert "Not simulated: meetings" in printed
    assert all(len(line) <= 100 for line in printed.splitlines())
    assert "| kill | 2 |" in markdown(done)


def test_follow_up_is_told_apart() -> None:
    """It is chosen and not measured: with weeks of it the share is another, the hands-on not."""
    busy = replayed(2.0, 1.0)._replace(rates=some(2.0, 1.0).model_copy(update={"follow_up": 2e6}))
    found = verdict(busy, "compose")
    assert found is not None
    calm = verdict(replayed(2.0, 1.0), "compose")
    assert calm is not None
    assert found["measured"] > 0.8 > calm["measured"]
    assert found["because"].partition(",")[0] == calm["because"].partition(",")[0]


@pytest.mark.slow
def test_a_quarter_of_both_platforms() -> None:
    """Compose's people work more, are paged more, and at night users wait longer."""
    done = quarter(reps=2)
    compose, kubernetes = done.tally("compose"), done.tally("kubernetes")
    assert compose.minutes > 2 * kubernetes.minutes
    assert compose.pages > kubernetes.pages
    assert compose.followed_up > kubernetes.followed_up > 0
    assert 0.02 < sum(done.shares("compose")) / 2 < 0.4
    assert {one["holds"] for one in record(done)["claims"]} == {None}
