"""Result: record, frames, pictures, differences, Jupyter."""

import json
import pickle
from dataclasses import replace

import pytest

import sim
from sim.results.run import TIMELINE_COLUMNS
from tests.results.results import result


def test_the_summary_is_json_with_the_documented_keys():
    summary = result().summary
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert list(summary) == [
        "schema", "scenario", "stack", "seed", "reps", "horizon_s", "engine", "version",
        "platforms", "claims", "means", "spread", "verdict",
    ]  # fmt: skip
    assert [row["holds"] for row in summary["claims"]] == [True, False]


def test_it_stays_a_result_across_processes_and_changes():
    again = pickle.loads(pickle.dumps(result()))
    assert isinstance(again, sim.Result)
    assert again.summary == result().summary
    other = replace(again, title="another")
    assert isinstance(other, sim.Result)
    assert "another" in other.table()


def test_the_timeline_is_a_frame_of_all_platforms():
    frame = result().timeline
    assert list(frame.columns) == list(TIMELINE_COLUMNS)
    assert set(frame["platform"]) == {"compose", "kubernetes"}


def test_the_series_has_a_row_a_second_and_adds_up_to_the_summary():
    one = result()
    frame = one.series
    assert len(frame) == 2 * 1200
    for name, figures in one.platforms.items():
        own = frame[frame["platform"] == name]
        assert own["requests_arrived"].sum() == figures["requests"]["arrived"]
        assert own["requests_refused"].sum() == figures["requests"]["failed"]["refused"]
        assert own["down"].sum() == figures["downtime_s"]


def test_figures_are_a_frame_with_a_column_a_platform():
    one = result()
    frame = one.figures
    assert list(frame.columns) == ["compose", "kubernetes"]
    for name, figures in one.platforms.items():
        assert frame.loc["downtime_s", name] == figures["downtime_s"]
        refused = figures["requests"]["failed"]["refused"]
        assert frame.loc["requests.failed.refused", name] == refused
    assert {kind.kind for kind in frame.dtypes} == {"f"}  # what does not exist is NaN, no object


def test_figures_of_each_run_average_to_those_of_the_result():
    many = result(4)
    each = many.per_seed
    assert [*each.index] == [(p, 7 + k) for p in ("compose", "kubernetes") for k in range(4)]
    for path in ("downtime_s", "availability", "requests.failed.refused"):
        means = each[path].groupby("platform").mean()
        assert means.to_dict() == pytest.approx(many.figures.loc[path].to_dict())


def test_paired_differences_need_two_replications():
    assert result(1).differences == ()
    found = {d.metric: d for d in result(4).differences}
    gap = found["downtime_s"]
    assert (gap.baseline, gap.platform) == ("compose", "kubernetes")
    assert gap.mean == pytest.approx(-338, abs=2)
    assert gap.high - gap.low < 5  # the outages vary by 3 s a seed, their differences do not
    assert not any(metric.startswith("latency_s.") for metric in found)


def test_only_the_first_replication_is_kept_whole():
    one = result(3)
    assert [run.seed for run in one.runs] == [7, 7]
    assert all(r.run is None for r in one.replications["compose"][1:])


def test_it_shows_itself_in_a_line_where_there_is_no_html():
    said = "Kubernetes: 5 min 38 s less down than Compose (3 s against 5 min 41 s) [one seed]"
    assert repr(result()) == f"<Result container_crash: {said}>"


def test_it_shows_itself_in_jupyter_and_escapes_what_users_wrote():
    html = result()._repr_html_()
    assert html.count("<tr>") > 20
    assert "5 min 41 s" in html


def test_the_story_has_a_heading_a_platform_and_a_clock_before_each_event():
    told = result().story()
    assert "What happened under Compose (seed 7)\n  00:05:00 " in told
    assert "What happened under Kubernetes (seed 7)" in told
    short = result().story(most=1)
    assert "more events in timeline.csv" in short
    assert "operator paged" in told
    assert "operator paged" not in short


def test_an_unknown_plot_is_refused_by_name():
    with pytest.raises(ValueError, match="downtime, jobs, connections"):
        result().plot("heat")
