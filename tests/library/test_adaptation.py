"""Scenarios on stacks that lack some of their roles."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.library.adaptation import adapted_settings
from sim.library.scenarios import list_scenarios, load_scenario
from sim.library.stacks import load_stack
from sim.platforms import layers
from sim.schema.fields import InputError
from sim.schema.layers import Layer, stack_on

CASES = Path(__file__).parents[1] / "data" / "compose" / "cases"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("stack.services.worker.replicas", "cases has no worker: worker.replicas falls away"),
        ("stack.services.worker", "cases has no worker: worker falls away"),
        ("stack.services.http.push.share", "cases has no redis: http.push.share falls away"),
        ("stack.services.http.database.pool", ""),
        ("stack.services.http.cpu.demand", ""),
        (
            "stack.services.http.steps.1.retries",
            "http has no steps in cases: http.steps.1.retries falls away",
        ),
        ("stack.operator.detect", ""),
        ("kubernetes.autoscaling", ""),
    ],
)
def test_what_falls_away(path: str, why: str) -> None:
    stack = load_stack(CASES / "no_worker.yml")
    adaptation = adapted_settings({path: 1}, stack)
    assert adaptation.lines == ((why,) if why else ())
    assert adaptation.settings == ({} if why else {path: 1})


def test_on_its_own_stack_nothing_falls_away() -> None:
    for name in list_scenarios():
        assert load_scenario(name).assumed == []


def test_what_is_said_of_the_web_fits_one_that_says_itself_what_it_does() -> None:
    """A file's services that call each other have steps; short forms stand for their steps."""
    stack = load_stack(CASES / "suite.yml")
    assert stack.services[stack.entry].steps is not None
    scenario = load_scenario("limit_per_replica", stack=stack)
    there = stack_on(stack, layers("kubernetes"), scenario)
    assert there.services[stack.entry].steps is not None


def test_what_runs_without_a_worker() -> None:
    """Of 73 public files 14 ran `server_crash` and 12 `connection_limits`: they have no worker, and
    the scenario sets one's fields."""
    stack = load_stack(CASES / "no_worker.yml")
    about_workers = ("noisy_neighbour", "queue_backlog")
    about_others = {
        "slow_dependency": "external", "third_party_down": "external",
        "retry_amplification": "api", "connection_pinning": "api", "cold_cache": "catalogue",
        "queue_failover": "redis", "split_brain": "redis",
    }  # fmt: skip
    for name in set(list_scenarios()) - {*about_workers, *about_others}:
        assert load_scenario(name, stack=stack).name == name
    for name in about_workers:
        with pytest.raises(InputError, match=r"no_worker.yml: services: found no worker"):
            load_scenario(name, stack=stack)
    for name, what in about_others.items():
        with pytest.raises(InputError, match=rf"no_worker.yml: services: found no {what}"):
            load_scenario(name, stack=stack)


@pytest.mark.parametrize("variant", ["patroni", "planned", "crashed", "failed", "disk_lost"])
def test_a_replica_follows_the_database_that_is_there(variant: str) -> None:
    """Whatever it is called: `db` here, `orders` in the shop of which the scenario is told."""
    stack = load_stack(CASES / "no_worker.yml")
    (database,) = stack.playing("postgres")
    scenario = load_scenario(f"database_failover:{variant}", stack=stack)
    standby = stack_on(stack, layers("kubernetes"), scenario).services["standby"]
    assert standby.follows is not None
    assert standby.follows.primary == database != "postgres"


def test_without_a_database_the_server_of_the_web_crashes() -> None:
    stack = load_stack(CASES / "front_end.yml")
    scenario = load_scenario("server_crash", stack=stack)
    crash = next(event.server_crash for event in scenario.events if event.server_crash)
    assert crash.hosting == "http"
    assert "server_crash: the server of front-end: cases has no postgres" in scenario.assumed


def test_what_it_is_about_is_named_with_the_users_file() -> None:
    stack = load_stack(CASES / "front_end.yml")
    with pytest.raises(InputError, match=r"front_end.yml: services: found no postgres; .*--role"):
        load_scenario("connection_limits", stack=stack)


def test_the_files_own_proxy_is_the_proxy() -> None:
    stack = load_stack(CASES / "nginx.yml")
    scenario = load_scenario("moving_target:valid", stack=stack)
    assert "web, the proxy of cases, stands in the place of nginx" in scenario.assumed
    there = stack_on(stack, [Layer("compose")], scenario)
    assert "nginx" not in there.services
    assert there.playing("proxy") == ["web"]
    lookup = there.services["web"].lookup
    assert lookup is not None
    assert (lookup.once, lookup.ttl) == (False, 10.0)  # as the variant has it


def test_what_is_set_by_hand_never_falls_away() -> None:
    stack = load_stack(CASES / "no_worker.yml")
    with pytest.raises(InputError, match="no service called 'worker'"):
        load_scenario("server_crash", stack=stack, settings={"stack.services.worker.replicas": 2})


def test_the_file_scales_to_no_more_than_it_says() -> None:
    """A scenario's least number of replicas above what the file lets an autoscaler start."""
    stack = load_stack(CASES / "no_worker.yml")
    bounded = {"kubernetes": {"services": {stack.entry: {"scaling": {"min": 2, "max": 5}}}}}
    stack = stack.model_copy(update={"on": bounded})
    wanted = {"stack.services.http.scaling.min": 10, "stack.services.http.replicas": 10}
    adaptation = adapted_settings(wanted, stack)
    assert adaptation.settings == wanted | {"stack.services.http.scaling.min": 5}
    assert adaptation.lines == ("http.scaling.min is 5, not 10: your file scales to no more",)
