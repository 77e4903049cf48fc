"""Many platforms: the table turns, the columns fit, and there is one picture of all."""

import pytest

from sim.platforms import names
from sim.report.page.topology import snapshots
from sim.report.plots.pictures import pictures
from sim.report.plots.slides import figure
from sim.report.postmortem.judgement import judged
from sim.report.text import findings, table, verdict
from sim.report.text.columns import aligned, markdown_table
from sim.study.comparison import compare
from tests import ENGINE
from tests.results import results

FAST = {"scenario.horizon": "10m"}


@pytest.fixture(scope="module")
def everybody():
    return compare("container_crash", ["all"], settings=FAST, engine=ENGINE)


def test_all_is_every_platform_each_beside_its_hardened_form(everybody):
    first = ["compose", "compose_hardened", "kubernetes", "kubernetes_tuned"]
    assert list(everybody.platforms)[:4] == first
    assert sorted(everybody.platforms) == names()


def test_a_row_each_within_100_columns(everybody):
    text = table.plain(everybody)
    assert max(map(len, text.splitlines())) <= 100
    for name in ("Swarm", "Nomad", "Cloud Run"):
        assert sum(line.startswith(name) for line in text.splitlines()) == 2  # ends, means
    rows = {
        row[0]: dict(zip(findings.COLUMNS, row[1:], strict=True))
        for row in (findings.glance(*platform) for platform in everybody.platforms.items())
    }
    assert rows["Kubernetes"]["down"] == "0 s"
    assert rows["Compose"]["down"] != "0 s"
    assert "jobs done" in text
    assert all(row["refused"] == "0" for row in rows.values())
    assert "refused" not in text.partition("What is claimed")[0]  # nobody has any


def test_four_platforms_stand_side_by_side():
    few = compare("container_crash", names()[:2], settings=FAST, engine=ENGINE)
    assert not findings.is_many(few)
    assert "compare.png" not in pictures(few)


def test_small_multiples_have_a_panel_each_on_the_same_axes(everybody):
    assert pictures(everybody)[0] == "compare.png"
    page = figure(everybody, "compare")
    panels = page.axes
    assert len(panels) == len(names())
    assert len({axes.get_ylim() for axes in panels}) == 1
    assert len({axes.get_xlim() for axes in panels}) == 1
    said = " ".join(text.get_text() for text in page.texts)
    assert all(name in said for name in ("Compose hardened", "ECS Fargate", "jobs never done"))


def test_what_is_as_good_and_not_equal_is_told_as_up_to():
    """Cloud Run is a few seconds down: within what counts as equal, and no zero."""
    three = results.result(platforms=("compose", "kubernetes", "swarm"))
    alone = verdict.gap(three, three.decision)
    assert alone.startswith("Kubernetes: 5 min 38 s less down than Compose")
    both = three.decision._replace(better=("kubernetes", "swarm"))
    assert verdict.gap(three, both).startswith("Kubernetes and Swarm: up to 5 min 38 s less down")


def test_the_fault_is_not_the_first_action_on_it(everybody):
    said = [
        line
        for run in everybody.runs
        for _, line in judged(everybody.platforms[run.platform], run)
        if line.startswith("The first action")
    ]
    assert any("is replaced by" in line for line in said)
    assert not any("killed" in line for line in said)


def test_the_worst_is_never_before_the_fault(everybody):
    for run in everybody.runs:
        worst = snapshots(run)[1]
        assert worst.t_s >= run.fault_s, run.platform


def test_a_wide_table_folds_its_heads_and_its_names():
    heads = ("set-up", *(f"some long heading {n}" for n in range(7)))
    rows = (heads, ("one with a name that is long", *("1 h 02 min",) * 7))
    lines = aligned(rows, 100)
    assert max(map(len, lines)) <= 100
    assert " ".join("".join(lines).split()).count("1 h 02 min") == 7
    assert {word for line in lines for word in line.split()} >= {"set-up", "heading", "name", "6"}
    assert len(aligned(rows)) == 2  # as wide as it is, where nobody says how wide


def test_a_table_of_heads_alone_is_a_table():
    assert aligned([("set-up", "down")], 100) == ["set-up  down"]
    assert markdown_table([("set-up", "down")]) == ["| set-up | down |", "| --- | --- |"]
