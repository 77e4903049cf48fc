"""Many platforms: the table turns, the columns fit, and there is one picture of all."""

import pytest

from sim.platforms import names
from sim.report.plots.pictures import pictures
from sim.report.plots.slides import figure
from sim.report.text import comparison, table
from sim.study.comparison import compare
from tests import ENGINE

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
        row[0]: dict(zip(comparison.COLUMNS, row[1:], strict=True))
        for row in comparison.rows(everybody)
    }
    assert rows["Kubernetes"]["down"] == "0 s"
    assert rows["Compose"]["down"] != "0 s"
    assert "jobs done" in text
    assert all(row["refused"] == "0" for row in rows.values())
    assert "refused" not in text.partition("claims")[0]  # nobody has any


def test_four_platforms_stand_side_by_side():
    few = compare("container_crash", names()[:2], settings=FAST, engine=ENGINE)
    assert not comparison.is_many(few)
    assert "compare.png" not in pictures(few)


def test_small_multiples_have_a_panel_each_on_the_same_axes(everybody):
    assert pictures(everybody)[0] == "compare.png"
    page = figure(everybody, "compare")
    panels = page.axes
    assert len(panels) == len(names())
    assert len({axes.get_ylim() for axes in panels}) == 1
    assert len({axes.get_xlim() for axes in panels}) == 1
    said = " ".join(text.get_text() for text in page.texts)
    assert all(name in said for name in ("Compose hardened", "ECS Fargate", "jobs lost"))


def test_the_headline_names_the_least_and_the_most(everybody):
    assert "most: Compose" in comparison.headline(everybody)
