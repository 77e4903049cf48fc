"""A platform may build on another, and ask things of every stack: `EXTENDS` and `STACK`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

import sim
from sim import platforms
from sim.library.scenarios import load_scenario
from sim.library.stacks import load_stack
from sim.platforms import chain, configured, kubernetes, layers
from sim.schema.fields import InputError
from sim.schema.layers import Layer, layered, stack_on
from sim.study.ask import Ask
from sim.study.plan import plan
from tests import ENGINE

Make = Callable[..., None]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    """`make("mine", EXTENDS="kubernetes", STACK={...})`: a platform module for one test."""
    made: dict[str, ModuleType] = {}
    found, imported = platforms.names, platforms.import_module

    def new(name: str, **attributes: Any) -> None:
        module = ModuleType(name, "A platform of a test.")
        vars(module).update({"PLATFORM": kubernetes.PLATFORM, **attributes})
        made[name] = module

    def load(path: str) -> ModuleType:
        return made.get(path.rpartition(".")[2]) or imported(path)

    monkeypatch.setattr(platforms, "names", lambda: sorted([*found(), *made]))
    monkeypatch.setattr("sim.study.plan.platform_names", lambda: sorted([*found(), *made]))
    monkeypatch.setattr(platforms, "import_module", load)
    return new


def test_the_stacks_patch_of_the_base_applies_and_the_own_one_after_it(make: Make) -> None:
    make("tuned", EXTENDS="kubernetes")
    sspp = load_stack("sspp")
    assert chain("tuned") == ("kubernetes", "tuned")
    assert stack_on(sspp, layers("tuned")).services["api"].replicas == 3
    own = {**sspp.on, "tuned": {"services": {"api": {"replicas": 5}}}}
    both = stack_on(sspp.model_copy(update={"on": own}), layers("tuned")).services["api"]
    assert (both.replicas, both.cpu.request) == (5, 0.25)


def test_a_chain_of_three(make: Make) -> None:
    make("tuned", EXTENDS="kubernetes", STACK={"services.http.replicas": 4})
    make("gold", EXTENDS="tuned", STACK={"services.worker.replicas": 6})
    on = stack_on(load_stack("sspp"), layers("gold")).services
    assert chain("gold") == ("kubernetes", "tuned", "gold")
    assert (on["api"].replicas, on["worker"].replicas) == (4, 6)


def test_order_base_patch_own_settings_own_patch_scenario(make: Make) -> None:
    """What somebody wrote for exactly this platform, or for this run, wins."""
    make("tuned", EXTENDS="kubernetes", STACK={"services.http.stop.pre_stop": "15s"})
    sspp = load_stack("sspp")
    assert stack_on(sspp, layers("kubernetes")).services["api"].stop.pre_stop == 5.0
    assert stack_on(sspp, layers("tuned")).services["api"].stop.pre_stop == 15.0
    patch = {"services": {"api": {"stop": {"pre_stop": "7s"}}}}
    patched = sspp.model_copy(update={"on": {**sspp.on, "tuned": patch}})
    assert stack_on(patched, layers("tuned")).services["api"].stop.pre_stop == 7.0
    settings = {"stack.services.http.stop.pre_stop": "3s"}
    scenario = load_scenario("container_crash", settings=settings)
    assert stack_on(patched, layers("tuned"), scenario).services["api"].stop.pre_stop == 3.0


def test_a_role_means_every_service_that_plays_it_and_none_is_fine() -> None:
    sspp = load_stack("sspp")
    two = {**sspp.services, "mailer": sspp.services["worker"]}
    stack = sspp.model_copy(update={"services": two})
    asked = Layer("x", {"services.worker.restart": "always", "services.proxy.replicas": 2})
    on = layered(stack, [asked]).services
    assert on["worker"].restart == on["mailer"].restart == "always"
    assert on["api"].restart == "no"
    assert set(on) == set(two)


@pytest.mark.parametrize(
    ("settings", "field", "nearest"),
    [
        ({"services.htp.restart": "always"}, "STACK.services.htp.restart", "http"),
        ({"services.http.restrat": "always"}, "STACK.services.api.restrat", "restart"),
        ({"services.http.restart": "allways"}, "STACK.services.api.restart", "always"),
        ({"servers.count": -1}, "STACK.servers.count", ""),
    ],
)
def test_bad_settings_name_the_module_and_the_field(
    make: Make, settings: dict[str, Any], field: str, nearest: str
) -> None:
    make("tuned", STACK=settings)
    with pytest.raises(InputError) as raised:
        plan(Ask("container_crash", ["tuned"]))
    issue = raised.value.issues[0]
    assert (issue.file, issue.field) == ("sim/platforms/tuned.py", field)
    assert issue.nearest == nearest


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"EXTENDS": "kubernets"}, "EXTENDS"),
        ({"EXTENDS": "mine"}, "EXTENDS"),
        ({"STACK": ["services.http.replicas"]}, "STACK"),
    ],
)
def test_a_bad_base_is_one_message(make: Make, attributes: dict[str, Any], field: str) -> None:
    make("mine", **attributes)
    with pytest.raises(InputError) as raised:
        layers("mine")
    assert (raised.value.issues[0].file, raised.value.issues[0].field) == (
        "sim/platforms/mine.py",
        field,
    )


# ---- settings below a base's name ----
def test_settings_of_the_base_hold_and_own_ones_win(make: Make) -> None:
    make("tuned", EXTENDS="kubernetes")
    tolerance = "autoscaling.tolerance"
    assert configured("tuned", {"kubernetes": {tolerance: 0.3}}).autoscaling.tolerance == 0.3
    both = {"kubernetes": {tolerance: 0.3}, "tuned": {tolerance: 0.4}}
    assert configured("tuned", both).autoscaling.tolerance == 0.4
    assert configured("tuned", {"kubernetes": {"autoscaling": None}}).autoscaling is None
    assert configured("kubernetes", {"tuned": {tolerance: 0.4}}).autoscaling.tolerance == 0.1


def test_a_setting_of_the_base_that_has_no_place_here_is_left_out(make: Make) -> None:
    make("bare", EXTENDS="kubernetes", PLATFORM=replace(kubernetes.PLATFORM, autoscaling=None))
    assert configured("bare", {"kubernetes": {"autoscaling.tolerance": 0.3}}).autoscaling is None
    with pytest.raises(InputError):  # wrong for the base itself
        configured("bare", {"kubernetes": {"autoscaling.tolerence": 0.3}})


def test_a_wrong_setting_of_a_platform_that_does_not_run_is_told() -> None:
    with pytest.raises(InputError) as raised:
        plan(Ask("container_crash", ["compose"], settings=["kubernetes.autoscaling.tolerence=0.2"]))
    assert raised.value.issues[0].nearest == "tolerance"


def test_a_run_under_it_shows_what_it_asks(make: Make) -> None:
    """One server, a policy, and nobody is paged: the same as `--set` would do."""
    from sim.platforms import compose

    make("kept", PLATFORM=compose.PLATFORM, EXTENDS="compose",
         STACK={"services.http.restart": "always"})  # fmt: skip
    name = "container_crash:process_crash"
    kept = sim.run(name, platform="kept", engine=ENGINE).summary["platforms"]["kept"]
    plain = sim.run(name, platform="compose", engine=ENGINE).summary["platforms"]["compose"]
    assert kept["operator"]["pages"] == 0
    assert kept["downtime_s"] < 20
    assert plain["downtime_s"] > 120


@pytest.mark.parametrize("name", ["compose_hardened", "kubernetes_tuned", "swarm", "nomad"])
def test_a_platform_takes_no_replicas_away_that_somebody_wrote(name: str) -> None:
    sspp = load_stack("sspp")
    more = {"api": sspp.services["api"].model_copy(update={"replicas": 5})}
    many = sspp.model_copy(update={"services": {**sspp.services, **more}, "on": {}})
    assert stack_on(many, layers(name)).services["api"].replicas == 5


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgets afterwards what a test adds."""
    monkeypatch.setattr(platforms, "_ADDED", {})


@pytest.mark.usefixtures("added")
def test_a_platform_may_be_made_in_python_and_runs_beside_the_others() -> None:
    alone = replace(kubernetes.PLATFORM, self_healing=None)
    sim.add_platform("alone", alone, "Kubernetes that mends nothing", extends="kubernetes")
    assert "alone" in sim.list_platforms()
    both = sim.compare(
        "container_crash", ["kubernetes", "alone"], reps=2,  # two seeds: all in this process
        settings={"scenario.horizon": "10m", "stack.services.http.replicas": 1,
                  "stack.services.http.scaling.min": 1},
    )  # fmt: skip
    assert both.figures.kubernetes["downtime_s"] < both.figures.alone["downtime_s"]


@pytest.mark.usefixtures("added")
def test_what_is_set_of_an_added_platform_holds_and_a_mistake_is_told() -> None:
    sim.add_platform("mine", kubernetes.PLATFORM)
    assert configured("mine", {"mine": {"self_healing.cap_s": 60.0}}).self_healing.cap_s == 60.0
    sim.add_platform("mine", replace(kubernetes.PLATFORM, self_healing=None))  # the cell runs again
    assert configured("mine", {}).self_healing is None


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize("name", ["kubernetes", "My-Own", ""])
def test_an_added_platform_has_a_name_of_its_own(name: str) -> None:
    with pytest.raises(InputError, match="platform"):
        sim.add_platform(name, kubernetes.PLATFORM)
