"""Causes by counterfactual: real runs, and the table of changes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import pytest

from sim.library.scenarios import list_incidents, list_scenarios, load_scenario
from sim.library.stacks import load_stack
from sim.platforms import names as platforms
from sim.report.postmortem.text import markdown
from sim.results.counterfactual import Effect, contribution
from sim.results.figures import METRICS
from sim.schema.fields import InputError
from sim.schema.scenario import Event, Leak
from sim.simulation.case import Case
from sim.study import causes as counterfactuals
from sim.study import precision
from sim.study.ask import Ask
from sim.study.causes import (
    When,
    applies,
    changes,
    holds,
    investigate,
    settings_for,
    trials,
    written,
)
from sim.study.comparison import replay
from sim.study.plan import Plan, plan
from sim.study.result import Result
from sim.study.task import Task, replicate
from tests import ENGINE
from tests.study.runs import ALONE, interrupted

SMALL = {
    "container_crash": ["scenario.horizon=12m"],
    "bad_rollout": ["scenario.horizon=22m"],
}


def planned(name: str, *more: str, platform: str | None = None, reps: int = 1) -> Plan:
    wanted = None if platform is None else [platform]
    settings = [*SMALL[name], *more]
    return plan(Ask(name, wanted, 1, reps, settings=settings, engine=ENGINE))


@cache
def investigated(name: str) -> Result:
    study = planned(name)
    return investigate(study, replay(study, ALONE), ALONE)


def tried(name: str, platform: str) -> dict[str, counterfactuals.Counterfactual]:
    found = investigated(name).counterfactuals
    assert found is not None
    return {one.name: one for one in found[platform]}


@pytest.mark.parametrize(
    ("name", "platform", "change"),
    [
        ("container_crash", "compose", "paged_at_once"),
        ("container_crash", "compose", "second_replica"),
        ("container_crash", "compose", "trigger"),
        ("container_crash", "kubernetes", "ingress"),
        ("bad_rollout", "compose", "image_kept"),
        ("bad_rollout", "kubernetes", "canary"),
    ],
)
def test_a_cause_is_the_difference_to_a_run_with_its_settings(
    name: str, platform: str, change: str
) -> None:
    """What the post-mortem says is what anybody gets who types its --set."""
    one = tried(name, platform)[change]
    alone = replay(planned(name, *one.settings, platform=platform), ALONE)
    assert one.replications[0].figures == alone.replications[platform][0].figures


def test_who_was_paged_at_once_is_back_sooner_by_what_detection_took() -> None:
    result = investigated("container_crash")
    base = result.replications["compose"]
    found = contribution(base, tried("container_crash", "compose")["paged_at_once"])
    assert found is not None
    assert found.effect is Effect.HELPS
    saved = found.gains["downtime_s"].mean
    assert 60.0 <= saved <= 90.0  # `operator.detect` of the stack
    assert f"{saved // 60:.0f} min {saved % 60:02.0f} s less down" in markdown(result)


def test_what_does_not_apply_is_not_tried_and_not_named() -> None:
    compose = set(tried("container_crash", "compose"))
    kubernetes = set(tried("container_crash", "kubernetes"))
    assert not compose & {"liveness", "readiness", "pooler", "aof", "canary", "pre_stop", "keda"}
    assert not kubernetes & {"restart_policy", "second_replica", "image_kept", "liveness"}
    text = markdown(investigated("container_crash"))
    for word in ("PgBouncer", "append-only", "canary", "liveness", "KEDA"):
        assert word not in text


def test_what_made_no_difference_is_listed_and_is_no_cause() -> None:
    """No restart policy covers `docker kill`: the article's own example."""
    text = markdown(investigated("container_crash"))
    compose = text[: text.index("## Kubernetes")]
    (line,) = [one for one in compose.splitlines() if "made no difference" in one]
    assert "`restart: always`" in line
    assert "With `restart: always`" not in compose


def test_a_probe_that_is_missing_is_tried_where_probes_are_asked() -> None:
    settings = ["scenario.horizon=13m", "stack.services.http.probes.liveness=null"]
    study = plan(Ask("sick_container", settings=settings, engine=ENGINE))
    tries = trials(study, replay(study, ALONE))
    names = {
        platform: {one.change.name for one in tries if one.platform == platform}
        for platform in ("compose", "kubernetes")
    }
    assert "liveness" in names["kubernetes"]
    assert "liveness" not in names["compose"]
    assert "autoheal" in names["compose"]


def test_several_seeds_give_intervals_over_the_same_customers() -> None:
    study = planned("container_crash", platform="compose", reps=3)
    result = investigate(study, replay(study, ALONE), ALONE)
    assert result.counterfactuals is not None
    one = next(c for c in result.counterfactuals["compose"] if c.name == "paged_at_once")
    assert [r.seed for r in one.replications] == [1, 2, 3]
    found = contribution(result.replications["compose"], one)
    assert found is not None
    gain = found.gains["downtime_s"]
    assert gain.low is not None
    assert gain.high is not None
    assert gain.low < gain.mean < gain.high
    text = markdown(result)
    assert "less down (lowest and highest of 3 pairs: " in text
    assert "One seed was run" not in text


@pytest.mark.parametrize(
    ("name", "platform", "cures"),
    [
        ("migration_lock", "compose", {"lock_timeout"}),
        ("config_push", "kubernetes", {"staged_config"}),
        ("third_party_down", "compose", set()),
        ("frozen_control_plane", "kubernetes", set()),
    ],
)
def test_whatever_sets_trouble_off_is_tried_without_it(
    name: str, platform: str, cures: set[str]
) -> None:
    """A kind of event says of itself what it is: nobody lists them again."""
    study = plan(Ask(name, [platform], engine=ENGINE))
    figures = everything_seen()
    names = {one.name for one in changes() if applies(one.when, study.cases[0], figures)}
    assert names >= {"trigger", *cures}


@pytest.mark.parametrize(
    ("event", "trouble"),
    [
        ({"disk_full": {}}, True),
        ({"deploy": {"service": "http", "version": {"name": "v2"}}}, True),
        ({"traffic": {"rate": "9/s"}}, False),
        ({"scale": {"services": {"http": 2}}}, False),
        ({"restart": {"service": "http"}}, False),
    ],
)
def test_help_and_customers_are_no_trouble(event: dict[str, object], trouble: bool) -> None:
    settings = {"scenario.events": [{"at": "60s", **event}]}
    case = plan(Ask("container_crash", ["compose"], settings=settings)).cases[0]
    assert applies(When(trouble=True), case, {}) is trouble


@pytest.mark.parametrize(
    ("range_s", "seeds", "hedge"),
    [
        (
            1e-3,
            [3],
            "with seed 3 alone, of 4; `--reps 4` tries them with all.",
        ),
        (1e3, [3, 1, 2], "with the seeds 1, 2, 3 alone, of 4;"),
    ],
)
def test_of_a_range_few_seeds_are_tried_and_the_told_one_is_the_first(
    monkeypatch: pytest.MonkeyPatch, range_s: float, seeds: list[int], hedge: str
) -> None:
    monkeypatch.setattr(precision, "RANGE_S", range_s)  # seconds for all changes together
    study = replace(planned("container_crash", platform="compose", reps=4), ranged=True)
    base = replay(study, ALONE)
    done = tuple(
        replace(each, run=replicate(Task(study.cases[0], 3, True), ENGINE).run)
        if each.seed == 3
        else replace(each, run=None)
        for each in base.replications["compose"]
    )
    result = investigate(study, replace(base, replications={"compose": done}), ALONE)
    assert result.counterfactuals is not None
    for change in result.counterfactuals["compose"]:
        assert [each.seed for each in change.replications] == seeds
    assert hedge in markdown(result)


def test_interrupted_it_keeps_what_was_finished() -> None:
    study = planned("container_crash", platform="compose")
    base = replay(study, ALONE)
    result = investigate(study, base, interrupted(after=2))
    assert result.interrupted
    assert result.counterfactuals is not None
    assert [one.name for one in result.counterfactuals["compose"]] == ["trigger", "paged_at_once"]
    assert "Interrupted" in markdown(result)


def test_interrupted_between_two_seeds_it_drops_the_half() -> None:
    study = planned("container_crash", platform="compose", reps=2)
    base = replay(study, ALONE)
    found = investigate(study, base, interrupted(after=3)).counterfactuals
    assert found is not None
    assert [(one.name, len(one.replications)) for one in found["compose"]] == [("trigger", 2)]


def test_where_nothing_was_lost_nothing_is_run_again() -> None:
    study = planned("container_crash", "scenario.events=[]", platform="kubernetes")
    base = replay(study, ALONE)
    result = investigate(study, base, lambda batch: pytest.fail("it ran"))
    assert result.counterfactuals == {}
    assert "nothing to explain" in markdown(result)


@pytest.mark.slow
def test_both_engines_write_the_same_post_mortem() -> None:
    texts = []
    for engine in ("reference", "compiled"):
        study = plan(Ask("container_crash", settings=SMALL["container_crash"], engine=engine))
        texts.append(markdown(investigate(study, replay(study, ALONE))))
    assert texts[0] == texts[1]


def test_ten_seconds_of_it_can_be_read() -> None:
    at_once = "scenario.events=[{at: 5s, operator_kill: {service: http}}]"
    short = ["scenario.horizon=10s", at_once]
    study = plan(Ask("container_crash", settings=short, engine=ENGINE))
    result = investigate(study, replay(study, ALONE), ALONE)
    text = markdown(result)
    assert text.count("### Impact") == text.count("### Causes") == 2
    assert "the run ends, and it is not over for users" in text


# ---- the table of changes ----
@cache
def situations() -> list[Case]:
    found = []
    for name in (*list_scenarios(), *list_incidents()):
        scenario = load_scenario(name)
        for variant in (name, *(f"{name}:{one}" for one in scenario.variants)):
            one = load_scenario(variant)
            found += [Case.of(one, load_stack(one.stack), platform) for platform in one.platforms]
    leak = Event(at=60.0, leak=Leak(service="http", per_second=1024))
    leaking = found[0].scenario.model_copy(update={"events": [leak]})  # no scenario has one
    return [*found, replace(found[0], scenario=leaking)]


def everything_seen() -> dict[str, object]:
    """Figures of a run in which everything went wrong."""
    figures: dict[str, object] = {}
    for path in METRICS:
        record = figures
        *steps, last = path.split(".")
        for step in steps:
            record = record.setdefault(step, {})  # type: ignore[assignment]
        record[last] = 1e9
    return figures


def test_every_change_applies_somewhere_and_is_what_set_takes() -> None:
    """A mistyped path or a mechanism that is gone would make a change silently apply nowhere."""
    figures, left = everything_seen(), {one.name: one for one in changes()}
    assert len(left) == len(changes())  # no name twice
    for situation in situations():
        for change in list(left.values()):
            settings = settings_for(change, situation)
            if settings and applies(change.when, situation, figures):
                plan(
                    Ask(situation.scenario, [situation.platform], settings=written(settings))
                )  # refuses what it does not know
                del left[change.name]
    assert not left


def test_conditions_name_what_there_is() -> None:
    from sim.control.mechanisms import name_of
    from sim.platforms import load

    filled = {
        (field, name_of(type(choice)))
        for platform, field in product(platforms(), load("compose").__dataclass_fields__)
        if (choice := getattr(load(platform), field)) is not None
    }
    kinds = set(Event.model_fields) - {"at"}
    for change in changes():
        when = change.when
        assert set(when.events) <= kinds, change.name
        records = {path.rpartition(".")[0] for path in METRICS}
        assert all(path in METRICS or path in records for path in when.seen), change.name
        for field, names in when.where.items():
            for one in names:
                assert one in ("nobody", "somebody") or (field, one) in filled, change.name


@pytest.mark.parametrize(
    ("value", "asked", "expected"),
    [
        (None, None, True),
        (0, None, False),
        (True, True, True),
        (1, True, False),  # a number is no switch
        ("no", "no", True),
        (7, {"above": 5}, True),
        (5, {"above": 5}, False),
        (None, {"above": 5}, False),
        (3, {"below": 5}, True),
        (None, {"present": True}, False),
        (0, {"present": True}, True),
        (counterfactuals.MISSING, None, False),
    ],
)
def test_conditions_on_settings(value: object, asked: object, expected: bool) -> None:
    assert holds(value, asked) is expected


def test_relative_settings() -> None:
    scenario = load_scenario("manual_scaling")
    number = counterfactuals.number
    assert number({"plus": 1}, 3, scenario) == 4
    assert number({"times": 2}, 3, scenario) == 6
    assert number({"at_most": 5}, 10, scenario) == 5
    assert number({"at_most": 5}, 3, scenario) == 3
    assert number({"at_most": 5}, None, scenario) == 5
    assert number({"at_least": 3}, 1, scenario) == 3
    assert number({"event": "rent_servers.replicas"}, 1, scenario) == 5
    assert number({"plus_event": "rent_servers.servers"}, 1, scenario) == 3
    assert number({"event": "drain.lasts"}, 1, scenario) is counterfactuals.MISSING
    crash = load_scenario("server_crash")
    also = {"also": {"kind": "out_of_service", "about": "server_crash", "after": 120}}
    assert number(also, [], crash) == [
        {"at": "600s", "server_crash": {"hosting": "postgres"}},
        {"at": "720s", "out_of_service": {"hosting": "postgres"}},
    ]
    assert number({"with": ["b", "c"]}, ["a", "b"], scenario) == ["a", "b", "c"]
    assert number({"plus": 1}, None, scenario) is counterfactuals.MISSING
    assert number({"period": "5s"}, None, scenario) == {"period": "5s"}


def test_a_condition_needs_all_of_its_parts() -> None:
    situation = next(s for s in situations() if s.scenario.name == "bad_rollout")
    figures = everything_seen()
    assert applies(When(), situation, figures)
    assert applies(When(events=["deploy"], only=True), situation, figures)
    assert not applies(When(events=["drain"]), situation, figures)
    assert not applies(
        When(events=["deploy"], where={"scheduling": ["somebody"]}), situation, figures
    )
    assert not applies(When(seen={"operator.pages": 1e10}), situation, figures)


def test_what_the_platform_refuses_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise InputError(field="x", found="y", expected="z")

    study = planned("container_crash", platform="compose")
    base = replay(study, ALONE)
    monkeypatch.setattr(counterfactuals, "plan", refuses)
    assert trials(study, base) == []


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("slow_dependency", "call_timeout"),
        ("slow_dependency", "bulkhead"),
        ("slow_dependency", "breaker"),
        ("third_party_down", "do_without"),
        ("retry_amplification", "calls_once"),
        ("retry_amplification", "call_budget"),
        ("cold_cache", "coalesce"),
        ("connection_pinning", "connection_age"),
        ("database_failover", "managed_database"),
    ],
)
def test_what_services_that_call_others_can_do_is_tried(name: str, cure: str) -> None:
    scenario = load_scenario(name)
    case = Case.of(scenario, load_stack(scenario.stack), "kubernetes")
    change = next(one for one in changes() if one.name == cure)
    settings = settings_for(change, case)
    assert settings
    assert applies(change.when, case, everything_seen())
    theirs = {"stack.services.api.steps.3"} if cure in ("bulkhead", "breaker", "do_without") else {}
    assert not theirs or {path.rpartition(".")[0] for path in settings} == theirs
