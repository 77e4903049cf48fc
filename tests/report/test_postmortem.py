"""postmortem.md and its part of the page: readable whatever comes, and honest about what ran."""

from dataclasses import replace

import pytest

from sim.report.page.document import page
from sim.report.postmortem.account import accounts
from sim.report.postmortem.text import markdown
from sim.results.counterfactual import (
    Contribution,
    Counterfactual,
    Effect,
    effect,
    gain,
    ranked,
)
from sim.results.figures import harms
from sim.results.run import OperatorFigures, TimelineRow
from sim.results.summary import replication
from sim.schema.traffic import Point, Traffic
from tests.report import pages
from tests.results.results import busy_timeline, result
from tests.results.synthetic import recording, run


def changed(name, down_s, **more):
    """A change under which compose is down so long instead of 341 s."""
    record = recording(20.0, 1200, ((300.0, 300.0 + down_s),), 7)
    at_rest = {"operator": OperatorFigures()} if more.get("trigger") else {}
    one = replication(run("compose", record=record, seed=7, **at_rest), keep=False)
    given = {"says": name.replace("_", " "), "settings": (f"stack.{name}=1",), "trigger": False}
    return Counterfactual(name=name, platform="compose", replications=(one,), **{**given, **more})


def investigated(*changes):
    return replace(result(platforms=("compose",)), counterfactuals={"compose": changes})


@pytest.mark.parametrize("name", pages.CASES)
def test_it_is_readable_whatever_comes(name):
    text = markdown(pages.CASES[name]())
    assert text.startswith("# Post-mortem: ")
    for heading in ("### Impact", "### Timeline", "### Causes"):
        assert heading in text
    shown = [line for line in text.splitlines() if not line.startswith("    ")]  # no code block
    assert not any("<script" in line or "<img" in line for line in shown)
    assert len(text.splitlines()) < 400


def test_a_title_is_a_title_and_no_heading_or_link():
    evil = replace(result(), title="a\n# b [c](javascript:d) <i>")
    first = markdown(evil).splitlines()[0]
    assert first == "# Post-mortem: a # b \\[c](javascript:d) &lt;i>"


def test_no_cause_is_named_that_was_not_run_again():
    text = markdown(result())
    assert "With " not in text
    assert text.count("Not measured") == 2
    assert "Not measured" in page(result())


def test_the_best_comes_first_and_the_rest_is_told_as_tried():
    one = investigated(
        changed("some_help", 200.0), changed("much_help", 20.0), changed("none", 341.0),
        changed("harm", 500.0),
    )  # fmt: skip
    text = markdown(one)
    assert text.index("With much help") < text.index("With some help")
    assert "5 min 21 s less down (20 s instead of 5 min 41 s)" in text
    assert "Tried, and it made no difference: none." in text
    assert "Tried, and it was worse: harm (2 min 39 s more down, " in text
    assert "`--set stack.much_help=1`" in text
    shown = page(one)
    for said in ("With much help", "5 min 21 s less down", "--set stack.much_help=1", "harm ("):
        assert said in shown


def test_what_set_it_off_is_told_apart_from_the_causes():
    (one,) = accounts(investigated(changed("quiet", 0.0, trigger=True), changed("help", 10.0)))
    assert one.causes is not None
    assert "no harm at all" in one.causes.trigger
    assert [cause.says for cause in one.causes.helped] == ["help"]
    (other,) = accounts(investigated(changed("half", 100.0, trigger=True)))
    assert other.causes is not None
    assert "this is left: 1 min 40 s down" in other.causes.trigger


def test_hostile_changes_stay_text_on_the_page():
    one = investigated(changed("x", 10.0, says="<b>it</b>", settings=("stack.x=<script>",)))
    assert "<b>it" not in page(one)
    assert "stack.x=<script>" not in page(one)


def test_the_impact_and_the_judgement_are_the_runs_own_figures():
    one = result(platforms=("compose",))
    (found,) = accounts(one)
    figures = one.platforms["compose"]
    failed = sum(figures["requests"]["failed"].values())
    said = "\n".join(found.impact)
    assert "down for 5 min 41 s (28.4 % of 20 min)" in said
    assert f"{failed:,} of {figures['requests']['arrived']:,} failed" in said
    assert any(line == "Users were down for 5 min 41 s." for line in found.badly)


def test_the_timeline_says_when_users_felt_it():
    (one,) = accounts(result(platforms=("compose",)))
    felt = [(moment.clock, moment.after, moment.text) for moment in one.moments if moment.felt]
    assert felt == [
        ("00:05:00", "", "users are down"),
        ("00:10:41", "+5 min 41 s", "users are served again"),
    ]


def test_a_long_timeline_is_told_shortly():
    (one,) = accounts(result(platforms=("compose",), timeline=busy_timeline(600)))
    assert len(one.moments) < 80
    assert any("more events" in moment.text for moment in one.moments)
    clocks = [moment.clock for moment in one.moments]
    assert clocks == sorted(clocks)


def test_things_that_happen_together_are_one_line():
    rows = tuple(
        TimelineRow(300.0 + k / 100, "start", f"api-{k}", f"api-{k} started") for k in range(9)
    )
    (one,) = accounts(result(platforms=("compose",), timeline=rows))
    (line,) = [moment.text for moment in one.moments if not moment.felt]
    assert line == "api-0 started; likewise api-1, api-2, api-3 and 5 more"


def test_two_different_things_of_one_kind_are_two_lines():
    rows = (
        TimelineRow(300.1, "rollout", "api", "rollout of api v1 begins"),
        TimelineRow(300.1, "rollout", "api", "rollout of api v1 is complete after 0 s"),
    )
    (one,) = accounts(result(platforms=("compose",), timeline=rows))
    found = [moment.text for moment in one.moments if not moment.felt]
    assert found == [row.text for row in rows]


def test_nobody_called_is_no_merit_while_users_are_down():
    (cut,) = accounts(pages.of(replace(pages.moment().runs[0], operator=OperatorFigures())))
    assert any(
        "not served well again" in line or "Nobody and nothing" in line for line in cut.badly
    )
    assert not any("Nobody was called" in line for line in cut.well)


def test_the_timeline_says_when_more_users_come():
    points = [Point(rate=2), Point(at=300, rate=50), Point(at=600, rate=1, ramp=60)]
    came = replace(result(platforms=("compose",)), traffic=Traffic(points=points, scale=2))
    found = [moment for moment in accounts(came)[0].moments if "traffic" in moment.text]
    assert [(one.clock, one.text) for one in found] == [
        ("00:05:00", "traffic rises from 4 to 100 requests/s"),
        ("00:10:00", "traffic falls from 100 to 2 requests/s, over 1 min"),
    ]
    assert "Requests that arrive" in page(came)
    assert "Requests that arrive" not in page(result())  # as many all the time


@pytest.mark.parametrize(
    ("before", "after", "clear"),
    [
        ([100.0], [50.0], True),
        ([100.0], [95.0], False),  # one seed: may be chance
        ([3.0], [0.0], False),  # too little to speak of
        ([100.0, 110.0, 90.0], [90.0, 100.0, 80.0], True),  # always ten less: no chance
        ([100.0, 110.0, 90.0], [80.0, 130.0, 85.0], False),
        ([0.0, 0.0], [0.0, 0.0], False),
    ],
)
def test_a_difference_is_more_than_chance(before, after, clear):
    assert gain(before, after, least=5.0).clear is clear


def test_users_decide_before_jobs_and_money_decides_nothing():
    more, less = gain([0.0], [100.0], 1.0), gain([100.0], [0.0], 1.0)
    same = gain([5.0], [5.0], 1.0)
    assert effect({"downtime_s": less, "jobs.never_done": more}) is Effect.HELPS
    assert effect({"downtime_s": same, "jobs.never_done": more, "cost.usd": less}) is Effect.HURTS
    assert effect({"downtime_s": same, "cost.usd": less}) is Effect.NOTHING


def test_of_two_that_end_the_downtime_the_one_that_saves_more_requests_comes_first():
    def saves(name, down, failed):
        gains = {path: gain([0.0], [0.0], 1.0) for path, _ in harms()}
        gains["downtime_s"] = gain([8.0], [down], 5.0)
        gains["requests.failed"] = gain([739.0], [failed], 2.0)
        return Contribution(changed(name, 0.0), gains, effect(gains))

    found = ranked([saves("replicas", 0.0, 398.0), saves("probe", 1.0, 41.0)])
    assert [one.change.name for one in found] == ["probe", "replicas"]


@pytest.mark.parametrize(
    ("fault", "told"), [("server_crash", False), ("exit", False), ("scale", True)]
)
def test_an_autoscaler_that_acts_by_chance_is_no_answer_to_what_broke(fault, told):
    rows = (
        TimelineRow(300.0, fault, "server-1", "server-1 crashes"),
        TimelineRow(305.0, "autoscaling", "api", "api scaled from 2 to 4 replicas"),
    )
    one = result(platforms=("compose",), timeline=rows, detected_s=305.0, fault_s=300.0)
    (found,) = accounts(one)
    said = [*found.well, *found.badly]
    assert any("api scaled" in line for line in said) is told


def test_a_page_says_when_and_how_many_had_failed_by_then():
    rows = (
        TimelineRow(300.0, "exit", "api-1", "api-1 killed"),
        TimelineRow(390.0, "page", "operator", "operator paged"),
    )
    one = result(platforms=("compose",), timeline=rows)
    (found,) = accounts(one)
    table = one.runs[0].recording.requests
    failed = int(table[300:390, 3:].sum())
    line = f"A person was told 1 min 30 s after it began; by then {failed:,} requests had failed."
    assert line in found.badly
