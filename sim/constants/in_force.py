"""What holds in one study: the constants behind its platforms' mechanisms, services, people and
events, with the values that they have there.

Nothing is listed: the records as they ran are walked, and their fields remember their facts. A part
that is empty on all platforms of the study (no autoscaler, no HEALTHCHECK) brings no constant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields

from pydantic import BaseModel

from sim.constants.facts import Fact, Held, Setting, fact_of, facts_of
from sim.constants.paths import ROLES, by_hand, is_read, walk
from sim.control.core.choices import Fixed
from sim.platforms import layers, own_modules, taken_away
from sim.platforms.platform import Platform
from sim.schema.fields import LawSpec
from sim.schema.layers import stack_on
from sim.schema.scenario import Scenario
from sim.schema.stack import Stack


def constants_of(
    scenario: Scenario, stack: Stack, platforms: Mapping[str, Platform], built: Collection[str]
) -> tuple[Held, ...]:
    """By name; one with several values stands there several times. `platforms`: as they ran, by
    name; `built`: those of them where a balancer acted that a person had set up."""
    found: list[Setting] = list(_of_record(scenario, "scenario"))
    for name, platform in platforms.items():
        found += _of_platform(name, platform)
        found += _of_stack(stack_on(stack, layers(name), scenario), platform)
        found += _of_manifests(name)
        found += by_hand(name) if name in built else []
    said = {one.fact.name for one in found}
    for module in own_modules(platforms):  # a file of one's own may use a constant without a field
        found += [Setting(f, value=f.value) for f in facts_of(module) if f.name not in said]
    by_value: dict[tuple[str, str], list[Setting]] = {}
    for one in found:
        by_value.setdefault((one.fact.name, repr(one.value)), []).append(one)
    return tuple(
        Held(same[0].fact, same[0].value, tuple(dict.fromkeys(s.path for s in same if s.path)))
        for _, same in sorted(by_value.items())
    )


def _of_platform(name: str, platform: Platform) -> Iterator[Setting]:
    for field in fields(platform):
        choice = getattr(platform, field.name)
        yield from walk(choice, f"{taken_away(name)[0]}.{field.name}")
        for fact in choice.fixed if isinstance(choice, Fixed) else ():
            yield Setting(fact, value=fact.value)


def _of_manifests(name: str) -> Iterator[Setting]:
    """What the platform's own files ask of every stack, where that is a constant with a source."""
    for layer in layers(name):
        for path, raw in layer.settings.items():
            if isinstance(raw, Fact):
                yield Setting(raw, f"stack.{path}", raw.value)


def _of_stack(stack: Stack, platform: Platform) -> Iterator[Setting]:
    """Of the services that this stack has and of the people, as far as the platform reads them."""
    yield from _of_record(stack.operator, "stack.operator")
    for name, service in stack.services.items():
        for one in _of_record(service, f"stack.services.{name}"):
            role = ROLES.get(one.path.split(".")[3])
            if role in (None, service.role) and is_read(one, platform):
                yield one


def _of_record(record: BaseModel, path: str) -> Iterator[Setting]:
    """Facts behind the fields of a record and of what is below it, with what stands there."""
    for name in type(record).model_fields:
        value, fact = getattr(record, name), fact_of(type(record), name)
        here = f"{path}.{name}"
        if fact is not None:
            yield Setting(fact, here, fact.value if value is None else value)
            continue
        parts = enumerate(value) if isinstance(value, list) else [("", value)]
        for number, part in parts:
            if isinstance(part, BaseModel) and not isinstance(part, LawSpec):
                yield from _of_record(part, f"{here}.{number}" if number != "" else here)
