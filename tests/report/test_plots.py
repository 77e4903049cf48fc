"""Plots: the finding in the title, names that never hide one another, slides of one size."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.report.colours import NAMED
from sim.report.incident import window
from sim.report.plots import event_labels
from sim.report.plots.canvas import highest
from tests.results.results import busy_timeline, result
from tests.results.synthetic import gauge, recording, series

KINDS = ("downtime", "jobs", "connections")


def texts(figure):
    return [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("reps", [1, 3])
def test_every_plot_is_a_slide_of_1920_by_1080(what, reps):
    out = BytesIO()
    result(reps, timeline=busy_timeline()).plot(what).savefig(out, format="png")
    head = out.getvalue()[16:24]
    assert (int.from_bytes(head[:4]), int.from_bytes(head[4:])) == (1920, 1080)


def test_the_title_says_the_finding():
    said = "Kubernetes: 5 min 38 s less down than Compose (3 s against 5 min 41 s) [one seed]."
    assert texts(result().plot())[0] == said
    assert texts(result().plot("jobs"))[0].startswith("Compose: ")
    assert "jobs lost" in texts(result().plot("jobs"))[0]
    peaks = "Compose: 60 of 97 connections at most, none refused \u00b7 Kubernetes: 60 of 97"
    assert texts(result().plot("connections"))[0] == peaks


def test_whoever_turns_users_away_is_not_flattered_by_lost_jobs():
    """Half of 9,624 requests that wanted a job failed before they left it: lost is only what was
    left."""
    title = texts(result(jobs_wanted=9624).plot("jobs"))[0]
    done = [f["jobs"]["done"] / 9624 for f in result().platforms.values()]
    shares = [f"{share:.2%}".replace("%", " %") for share in done]
    assert title == (
        f"Compose: {shares[0]} of the jobs wanted are done \u00b7 Kubernetes: {shares[1]}"
    )


def test_both_platforms_share_their_axes():
    above, below = result().plot().axes
    assert above.get_xlim() == below.get_xlim()
    assert above.get_ylim() == below.get_ylim()


def test_the_fault_and_the_cure_are_named():
    said = texts(result().plot())
    assert said.count("api-1 killed by docker kill (exit 137)") == 2


def test_no_text_of_a_slide_hides_another():
    for what in KINDS:
        figure = result(timeline=busy_timeline()).plot(what)
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in figure.texts]
        for i, one in enumerate(boxes):
            for other in boxes[i + 1 :]:
                assert not one.overlaps(other)


@pytest.mark.parametrize("what", [*KINDS, "compare"])
@pytest.mark.parametrize("many", [4, 5, 8])
def test_many_platforms_fit_one_slide(what, many):
    wide = 10**13  # jobs: a line of figures that is wider than its plot
    measured = result(platforms=NAMED[:many], timeline=busy_timeline(), jobs_wanted=wide)
    figure = measured.plot(what)
    figure.draw_without_rendering()
    assert (figure.bbox.width, figure.bbox.height) == (1920, 1080)
    boxes = [text.get_window_extent() for text in figure.texts]
    for i, one in enumerate(boxes):
        assert 0 <= one.x0 < one.x1 <= 1920 + 1  # nothing is cut
        assert not any(one.overlaps(other) for other in boxes[i + 1 :])
    plots = [axes.get_position() for axes in figure.axes]
    assert min(box.height for box in plots) * 1080 >= 18  # no flat line
    assert max(box.height for box in plots) * 1080 >= 60


def test_of_many_the_title_names_the_least_and_the_most():
    title = texts(result(platforms=NAMED).plot("connections"))[0]
    assert title == "All 8 platforms: 60 of 97 connections at most, none refused"


def peaking(measured, *peaks):
    """The same, with these longest backlogs in the runs that are drawn."""
    measured.runs = tuple(
        replace(run, gauge=run.gauge._replace(backlog_peak=peak))
        for run, peak in zip(measured.runs, peaks, strict=True)
    )
    return measured


def test_a_backlog_that_would_be_a_flat_line_is_told_in_a_line():
    figure = peaking(result(platforms=NAMED[:5]), 77_448, 900, 2, 3, 4).plot("jobs")
    assert [axes.get_ylabel() for axes in figure.axes].count("jobs queued") == 2
    (said,) = (text for text in texts(figure) if text.startswith("Too few to be drawn"))
    assert said.endswith(": Swarm 2, Nomad 3, ECS Fargate 4")


def test_a_caption_of_a_curve_tells_the_curve():
    said = texts(peaking(result(3), 9_999, 1).plot("jobs"))
    assert any(text.startswith("longest backlog 9,999 (seed 7)") for text in said)


def test_no_plot_of_refusals_where_nothing_was_refused():
    assert len(result().plot("connections").axes) == 2


def test_the_window_holds_the_trouble_and_says_so():
    start, end = window(result())
    assert start < 300
    assert end > 641
    assert end - start < 1200 * 0.6


def test_a_backlog_at_the_end_belongs_to_the_trouble():
    record = recording(20.0, 1200, ((300.0, 400.0),))
    queued = np.concatenate([np.zeros(300), np.arange(900.0)])
    for left, whole in ((899, True), (3, False)):
        kept = gauge(record, jobs_queued=left, backlog_peak=899)
        one = result(series=series(record, queued), gauge=kept)
        assert (window(one)[1] == 1200.0) == whole


def test_a_run_without_trouble_is_shown_whole():
    calm = result(fault_s=None, detected_s=None, recording=recording(5.0, 1200, ()))
    assert window(calm) == (0.0, 1200.0)
    calm.plot()


def test_a_run_without_any_request_has_plots():
    empty = result(recording=recording(0.0, 1200, ()), timeline=())
    for what in KINDS:
        empty.plot(what).draw_without_rendering()


@given(
    st.lists(
        st.tuples(st.floats(0, 1000), st.text("abcdefg ", min_size=1, max_size=40)), max_size=12
    )
)
def test_placed_names_keep_clear_of_each_other_and_of_lines(events):
    wanted = [event_labels.Mark(t, label) for t, label in events]
    placed = event_labels.place(wanted, lambda t: t * 1.5, lambda text: 7.0 * len(text), 1500.0)
    for one in placed:
        assert 0 <= one.lane < event_labels.LANES
        assert one.low >= 0
        assert one.high <= 1500
        for other in placed:
            if one is other:
                continue
            if one.lane == other.lane:
                assert one.high <= other.low or other.high <= one.low
            if other.lane >= one.lane:
                assert not one.low < other.x < one.high
    if wanted:
        assert any(one.mark == wanted[0] for one in placed)  # the most important one is there


@pytest.mark.parametrize(
    ("seconds", "peak", "width"),
    [(5, 3, 1), (480, 470, 1), (1920, 5, 4), (1920, 1919, 4), (18_001, 7_000, 38), (1, 0, 1)],
)
def test_a_short_peak_is_as_wide_as_a_line(seconds, peak, width):
    waiting = np.zeros(seconds)
    waiting[peak] = 7.0
    edges, tops = highest(np.arange(seconds, dtype=float), waiting, 0.0, float(seconds))
    assert edges.size == tops.size <= 482
    (first, *_) = np.flatnonzero(tops == 7.0)
    assert edges[first] <= peak < edges[first] + width
    assert (np.diff(edges[:-1]) == width).all()
    assert edges[-1] == seconds - 1
