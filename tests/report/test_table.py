"""The table on a terminal and in a pipe, the markdown page, the timeline's lines."""

import re
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from sim.report.text import table, timeline, verdict
from sim.report.text.findings import claim_line
from sim.report.text.markdown import markdown
from sim.results.preference import Preference
from sim.results.run import TimelineRow
from tests.results.results import busy_timeline, result
from tests.results.synthetic import run


@pytest.mark.parametrize("reps", [1, 4])
def test_the_table_fits_100_columns_and_shows_both_platforms_and_the_claims(reps):
    text = result(reps).table()
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "Compose" in text
    assert "Kubernetes" in text
    assert "holds" in text
    assert "does not hold" in text
    assert "because the container has to boot" in text
    assert "\x1b" not in text


def test_the_figures_of_both_platforms_stand_in_one_line():
    (line,) = [x for x in result().table().splitlines() if x.strip().startswith("down ")]
    assert re.fullmatch(r"down +5 min 41 s +3 s +Kubernetes, by 5 min 38 s", line.strip())


@pytest.mark.parametrize(
    ("reps", "told"), [(2, "lowest and highest of 2 pairs"), (4, "highest of 4 pairs"), (5, "95 %")]
)
def test_few_pairs_have_their_extremes_and_more_an_interval(reps, told):
    text = result(reps).table(full=True)
    assert f"in each of {reps} seeds" in " ".join(text.split())
    assert f"{told})" in text
    assert "down: Kubernetes - Compose: -5 min 38 s" in text
    assert "Kubernetes - Compose" not in result(reps).table()
    assert f"{told})" in markdown(result(reps))


def test_the_first_screen_has_few_rows_and_full_has_all():
    first, every = result(3).table(), result(3).table(full=True)
    rows = [line for line in first.splitlines() if ", by " in line]
    assert 1 <= len(rows) <= 4
    (more,) = re.findall(r"(\d+) more rows: --full", first)
    assert "more rows" not in every
    assert every.count("\n  ") >= int(more)
    assert "latency p95" in every
    assert "latency p95" not in first


def test_of_one_platform_what_is_weighed_is_shown_and_nobody_is_better():
    both = result()
    alone = replace(both, replications={"compose": both.replications["compose"]}, asked=())
    assert "better" not in alone.table()
    assert "down" in alone.table()


def test_a_peak_of_a_limit_is_of_one_run_and_no_mean_of_limits():
    both = result(2)
    first, second = both.replications["kubernetes"]
    other = {**second.figures, "connections": {**second.figures["connections"], "limit": 297}}
    mixed = replace(
        both,
        replications={**both.replications, "kubernetes": (first, replace(second, figures=other))},
    )
    (line,) = [x for x in mixed.table(full=True).splitlines() if "peak of the limit" in x]
    assert f"of {first.figures['connections']['limit']} (seed {first.seed})" in line


def test_a_narrow_terminal_is_respected_and_colour_is_an_option():
    out = StringIO()
    table.show(result(), Console(file=out, width=70, force_terminal=True, color_system="standard"))
    assert "\x1b[" in out.getvalue()
    plain = StringIO()
    table.show(result(), Console(file=plain, width=70, force_terminal=True, no_color=True))
    assert "\x1b[3" not in plain.getvalue()  # bold may stay, colours may not


def test_square_brackets_of_users_are_no_markup():
    one = result()
    object.__setattr__(one, "title", "[red]not red[/red]")
    assert "[red]not red[/red]" in one.table()


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (
            TimelineRow(300.2, "operator_kill", "api-1", "api-1 killed by docker kill (exit 137)"),
            "00:05:00 api-1 killed by docker kill (exit 137)",
        ),
        (TimelineRow(521.0, "page", "operator", "is paged"), "00:08:41 operator is paged"),
        (TimelineRow(1.0, "node_lost", "server-2", ""), "00:00:01 server-2 node lost"),
    ],
)
def test_the_timeline_reads_as_a_post_mortem(row, text):
    assert timeline.line(row) == text


def test_the_page_has_the_finding_the_claims_and_the_timeline():
    page = markdown(result(), ["downtime.png"])
    assert "**Kubernetes: 5 min 38 s less down than Compose (3 s against 5 min 41 s)" in page
    assert "![When users were down on which platform, and what happened then](downtime.png)" in page
    assert "**does not hold**" in page
    assert "00:05:00 api-1 killed by docker kill (exit 137)" in page
    assert "postgres has its defaults" in page


def test_a_very_long_timeline_is_cut_on_the_page():
    page = markdown(result(timeline=busy_timeline(500)))
    assert "more events in timeline.csv" in page


def test_what_happens_to_many_at_once_is_told_once():
    rows = [TimelineRow(60.0 + k, "exit", f"api-{k}", f"api-{k} stopped") for k in range(9)]
    rows += [TimelineRow(90.0, "operator", "operator", f"operator step {k}") for k in range(5)]
    told = timeline.lines(run(timeline=tuple(rows)), 25)
    assert told[:2] == [
        "00:01:00 api-0 stopped",
        "         likewise api-1, api-2, api-3 and 5 more, by 00:01:08",
    ]
    assert len(told) == 7  # one person's steps are told one by one
    assert timeline.lines(run(timeline=()), 25)[0].startswith("nothing that changed")


@pytest.mark.parametrize(
    ("minutes", "holds", "words"),
    [
        (240.1, False, "4 h, above by 6 s (claimed: 3 h .. 4 h)"),
        (179.9, False, "3 h, below by 6 s (claimed: 3 h .. 4 h)"),
        (240.0, True, "4 h (claimed: 3 h .. 4 h)"),
        (300.0, False, "5 h (claimed: 3 h .. 4 h)"),
    ],
)
def test_a_claim_missed_by_less_than_is_printed_says_by_how_much(minutes, holds, words):
    row = {
        "metric": "operator.minutes", "platform": "compose", "says": "it takes hours",
        "low": 180.0, "high": 240.0, "measured": minutes, "holds": holds,
    }  # fmt: skip
    assert claim_line(row, "").finding == f"operator.minutes: {words}"


def test_a_long_event_is_folded_under_its_words():
    placed = f"placed (v1): {', '.join(f'worker-{n} on server-{n}' for n in range(9))}"
    one = replace(result().runs[0], timeline=(TimelineRow(65.0, "placed", "", placed),))
    _, first, *others, _ = timeline.story([one], 9).split("\n")
    assert first.startswith("  00:01:05 placed (v1): worker-0 on server-0,")
    assert max(map(len, [first, *others])) <= 100
    assert all(line.startswith(" " * 11) for line in others)


def test_where_both_are_as_long_down_that_comes_first():
    """Two seconds apart are nobody's concern, and failed requests decide."""
    both = result(platforms=("nomad", "swarm"))
    failed = Preference("requests.failed", ("swarm",), "nomad", 9.0, 9.0, 9.0, 1, 1)
    assert verdict.gap(both, failed).startswith("Swarm: as long down (20 s), 9 fewer failed")
