"""The constants that there are, the `--set` path that changes each, and those that a study used.

Nothing is listed by hand: fields of records remember their facts (`facts.py`), and one walk over a
platform's ten choices, a stack and a scenario finds them with what stands there.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields
from importlib import import_module
from typing import Any

from sim import platforms
from sim.constants.facts import LEAK_TICK, Fact, Held, Setting, fact_of, facts_of
from sim.control.autoscaling.hpa_loop import Autoscaling
from sim.control.core.choices import TEN, Fixed, Limiter, Ranking, Reads
from sim.control.load_balancing.haproxy import HAProxy
from sim.control.mechanisms import mechanisms
from sim.platforms.platform import Platform
from sim.schema.fields import why_not
from sim.schema.layers import stack_on
from sim.schema.operator import Operator
from sim.schema.scenario import Scenario
from sim.schema.stack import Prices, Service, Stack
from sim.schema.stack_checks import FIELD_ROLES
from sim.schema.text.paths import child, is_record, record_type, types_below

# who reads a field of a service, the usual one first; every service where nothing is said
READERS = {**FIELD_ROLES, "lookup": ("proxy",)}


# ---- the walk ----
def walk(record: Any, path: str, switched_off: bool = False) -> Iterator[Setting]:
    """Facts behind the fields of a record and of what is below it, with what stands there.
    `switched_off`: those of its empty parts too, as they would be."""
    for name, annotation in types_below(type(record)).items():
        value, place = child(record, name), f"{path}.{name}"
        fact, part = fact_of(type(record), name), record_type(annotation)
        if fact is not None:
            yield Setting(fact, place, fact.value if value is None else value)
        elif value is None and switched_off and part is not None:
            yield from walk(part(), place, switched_off)
        elif isinstance(value, list):
            for number, entry in enumerate(value):
                yield from walk(entry, f"{place}.{number}") if is_record(entry) else ()
        elif is_record(value):
            yield from walk(value, place, switched_off)


def of_choices(platform: Platform, root: str) -> Iterator[Setting]:
    """Of a platform's ten choices, as they are set; `root`: the platform's name in paths."""
    for field in fields(platform):
        choice = getattr(platform, field.name)
        if choice is not None:
            yield from walk(choice, f"{root}.{field.name}")
        if isinstance(choice, Fixed):
            yield from (Setting(fact, value=fact.value) for fact in choice.fixed)


def of_manifests(name: str) -> Iterator[Setting]:
    """Of what the platform's own files ask of every stack."""
    for layer in platforms.layers(name):
        for path, raw in layer.settings.items():
            if isinstance(raw, Fact):
                yield Setting(raw, f"stack.{path}", raw.value)


def of_services(stack: Stack, platform: Platform) -> Iterator[Setting]:
    """Of the services that a stack has, as far as the platform reads them."""
    for name, service in stack.services.items():
        for setting in walk(service, f"stack.services.{name}"):
            readers = READERS.get(setting.path.split(".")[3], (service.role,))
            if service.role in readers and is_read(setting, platform):
                yield setting


def is_read(setting: Setting, platform: Platform) -> bool:
    """Does anything on this platform read this field of a service?"""
    part = setting.path.split(".")[3]
    if ".scaling.behavior." in setting.path:
        return isinstance(platform.autoscaling, Autoscaling)
    if part in ("probes", "healthcheck"):
        checks = platform.health_checks
        return isinstance(checks, Reads) and part == checks.reads
    if part == "lookup":  # a proxy that looks names up in Docker's DNS
        return platform.service_discovery is None and platform.scheduling is None
    limits = platform.resource_limits
    if setting.path.endswith(".cpu.shares"):
        return not isinstance(limits, Limiter) or limits.weights == "shares"
    if setting.path.endswith(".oom_score_adj"):
        return not isinstance(limits, Ranking)
    return True


# ---- all there are ----
def constants(names: Iterable[str] = ()) -> list[Fact[Any]]:
    """Every constant with a source, by name: found in the modules that use them, and in the files
    of those platforms (`names`) that come from outside the package."""
    modules = [*platforms.own_modules(names), *map(import_module, _modules())]
    found = {fact.name: fact for module in modules for fact in facts_of(module)}
    return [found[name] for name in sorted(found)]


def _modules() -> Iterator[str]:
    yield "sim.constants.facts"
    for package in ("sim.control", "sim.platforms"):
        paths = import_module(package).__path__
        yield from (info.name for info in pkgutil.walk_packages(paths, f"{package}."))


def of_platform(name: str) -> list[Setting]:
    """The constants of its choices and manifests; each with its path and what holds here."""
    root, _ = platforms.taken_away(name)
    return [*of_choices(platforms.load(name), root), *of_manifests(name)]


def by_hand(name: str) -> list[Setting]:
    """Those of the balancer that an operator builds where the platform has none."""
    platform = platforms.load(name)
    nobody = platform.load_balancing is None and platform.service_discovery is None
    return [setting._replace(path="") for setting in walk(HAProxy(), "")] if nobody else []


def of_any_stack(name: str) -> list[Setting]:
    """The constants of services and people, as far as this platform reads them."""
    platform = platforms.load(name)
    return [s for s in _of_any_service() if is_read(s, platform)] + list(_of_any_people())


def _of_any_service() -> Iterator[Setting]:
    """Each field of a service once, under the role that has it."""
    for setting in walk(Service(role="http"), "", switched_off=True):
        role, *_ = READERS.get(setting.path.split(".")[1], ("http",))
        yield setting._replace(path=f"stack.services.{role}{setting.path}")


def _of_any_people() -> Iterator[Setting]:
    yield from walk(Operator(), "stack.operator", switched_off=True)
    yield from walk(Prices(), "stack.prices")


def everywhere(names: Collection[str] | None = None) -> dict[str, list[Setting]]:
    """All settings of each constant, by its name; mechanisms that no platform has come last.
    `names`: the platforms to look at (default: those that run no file that nobody has named)."""
    names = platforms.unasked() if names is None else names
    settings: dict[str, list[Setting]] = {}
    of_platforms = (setting for name in names for setting in of_platform(name))
    leak = Setting(LEAK_TICK, "scenario.events.0.leak.tick", LEAK_TICK.value)
    for setting in (*of_platforms, *_of_any_service(), *_of_any_people(), leak):
        settings.setdefault(setting.fact.name, []).append(setting)
    for setting in _alternatives(names):
        if not any(row.path for row in settings.get(setting.fact.name, [])):
            settings.setdefault(setting.fact.name, []).append(setting)
    return settings


def _alternatives(names: Iterable[str]) -> Iterator[Setting]:
    """Mechanisms that some platform could have, on the first that takes them."""
    hosts = sorted(names, key=lambda name: name != "kubernetes")
    for capability in TEN:
        for word, mechanism in mechanisms(capability).items():
            host = next((name for name in hosts if _takes(name, capability, word)), "")
            path = f"{host}.{capability}"
            for setting in walk(mechanism(), path, switched_off=True):
                yield setting._replace(first=f"{path}={word}")


def _takes(name: str, capability: str, word: str) -> bool:
    return not why_not(lambda: platforms.configured(name, {name: {capability: word}}))


# ---- those of a study ----
def constants_of(
    scenario: Scenario, stack: Stack, choices: Mapping[str, Platform], built: Collection[str]
) -> tuple[Held, ...]:
    """What held in a study, by name; one with several values stands there several times. A part
    that is empty on all its platforms (no autoscaler, no HEALTHCHECK) brings no constant.
    `choices`: the platforms as they ran, by name; `built`: those of them where a balancer acted
    that a person had set up."""
    settings: list[Setting] = list(walk(scenario, "scenario"))
    for name, platform in choices.items():
        own = stack_on(stack, platforms.layers(name), scenario)
        settings += of_choices(platform, platforms.taken_away(name)[0])
        settings += walk(own.operator, "stack.operator")
        settings += walk(own.prices, "stack.prices")
        settings += of_services(own, platform)
        settings += of_manifests(name)
        settings += by_hand(name) if name in built else []
    known = {setting.fact.name for setting in settings}
    for module in platforms.own_modules(choices):  # which may use a constant without a field
        settings += [Setting(f, value=f.value) for f in facts_of(module) if f.name not in known]
    by_value: dict[tuple[str, str], list[Setting]] = {}
    for setting in settings:
        by_value.setdefault((setting.fact.name, repr(setting.value)), []).append(setting)
    return tuple(
        Held(same[0].fact, same[0].value, tuple(dict.fromkeys(s.path for s in same if s.path)))
        for _, same in sorted(by_value.items())
    )
