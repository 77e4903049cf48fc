"""Which constants a platform uses, and which `--set` path changes each.

Nothing is listed by hand: fields of records remember their facts (`facts.py`), and a walk over the
platform's ten choices and the stack's records finds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel

from sim.constants.facts import LEAK_TICK, Fact, Setting, fact_of
from sim.control.autoscaling.hpa_loop import Autoscaling
from sim.control.core.choices import Fixed, Limiter, Ranking, Reads
from sim.control.load_balancing.haproxy import HAProxy
from sim.control.mechanisms import mechanisms
from sim.platforms import configured, layers, load, names, taken_away
from sim.platforms.platform import Platform
from sim.schema.fields import InputError, LawSpec
from sim.schema.stack import Operator, Service
from sim.schema.text.paths import record_type, types_below

# whose service a field belongs to; `http` where nothing is said (every service has it)
ROLES = {
    "lookup": "proxy", "job": "worker", "job_size": "redis", "pooler": "postgres",
    "connect": "postgres",
    "cost_growth": "postgres", "keepalive": "postgres", "max_connections": "postgres",
    "superuser_reserved_connections": "postgres", "reserved_connections": "postgres",
}  # fmt: skip


def of_platform(name: str) -> list[Setting]:
    """The constants of its choices and manifests; each with its path and what holds here."""
    platform = load(name)
    found: list[Setting] = []
    for field in fields(platform):
        choice = getattr(platform, field.name)
        found += walk(choice, f"{taken_away(name)[0]}.{field.name}")
        found += [Setting(fact) for fact in choice.fixed] if isinstance(choice, Fixed) else []
    for layer in layers(name):
        asked = [(path, raw) for path, raw in layer.settings.items() if isinstance(raw, Fact)]
        found += [Setting(fact, f"stack.{path}", fact.value) for path, fact in asked]
    return found


def by_hand(name: str) -> list[Setting]:
    """Those of the balancer that an operator builds where the platform has none."""
    platform = load(name)
    nobody = platform.load_balancing is None and platform.service_discovery is None
    return [s._replace(path="") for s in walk(HAProxy(), "")] if nobody else []


def of_stack(name: str) -> list[Setting]:
    """The constants of services and people, as far as this platform reads them."""
    platform = load(name)
    return [s for s in _of_services() if is_read(s, platform)] + list(_of_people())


def everywhere() -> dict[str, list[Setting]]:
    """All settings of each constant, by its name; mechanisms that no platform has come last."""
    found: dict[str, list[Setting]] = {}
    platforms = (s for name in names() for s in of_platform(name))
    leak = Setting(LEAK_TICK, "scenario.events.0.leak.tick", LEAK_TICK.value)
    for one in (*platforms, *_of_services(), *_of_people(), leak):
        found.setdefault(one.fact.name, []).append(one)
    for one in _alternatives():
        if not any(s.path for s in found.get(one.fact.name, [])):
            found.setdefault(one.fact.name, []).append(one)
    return found


# ---- walks ----
def walk(record: Any, path: str, switched_off: bool = False) -> Iterator[Setting]:
    """Facts behind the fields of a mechanism. `switched_off`: those of its empty parts too."""
    for field in fields(record) if is_dataclass(record) else ():
        value, here = getattr(record, field.name), f"{path}.{field.name}"
        fact = fact_of(type(record), field.name)
        if fact is not None:
            yield Setting(fact, here, value)
        elif value is None and switched_off:
            for kind in get_args(get_type_hints(type(record))[field.name]):
                if isinstance(kind, type) and is_dataclass(kind):
                    yield from walk(kind(), here)
        else:
            yield from walk(value, here, switched_off)


def _alternatives() -> Iterator[Setting]:
    """Mechanisms that some platform could have, on the first that takes them."""
    for capability in (field.name for field in fields(Platform)):
        for word, mechanism in mechanisms(capability).items():
            host = next(filter(None, (_takes(n, capability, word) for n in _hosts())), "")
            first = {f"{host}.{capability}": word}
            for one in walk(mechanism(), f"{host}.{capability}", switched_off=True):
                yield one._replace(first=_assignment(first))


def _hosts() -> list[str]:
    return sorted(names(), key=lambda name: name != "kubernetes")


def _takes(name: str, capability: str, word: str) -> str:
    try:
        configured(name, {name: {capability: word}})
    except InputError:
        return ""
    return name


def _assignment(settings: Mapping[str, str]) -> str:
    return " ".join(f"{path}={value}" for path, value in settings.items())


def _of_record(record: type[BaseModel], path: str) -> Iterator[Setting]:
    for name, annotation in types_below(record).items():
        fact, inner = fact_of(record, name), record_type(annotation)
        if fact is not None:
            yield Setting(fact, f"{path}.{name}", fact.value)
        elif inner is not None and inner is not LawSpec:
            yield from _of_record(inner, f"{path}.{name}")


def _of_services() -> Iterator[Setting]:
    for one in _of_record(Service, "stack.services"):
        part = one.path.split(".")[2]
        rest = one.path.removeprefix("stack.services.")
        yield one._replace(path=f"stack.services.{ROLES.get(part, 'http')}.{rest}")


def _of_people() -> Iterator[Setting]:
    yield from _of_record(Operator, "stack.operator")


def is_read(one: Setting, platform: Platform) -> bool:
    """Does anything on this platform read this field of a service?"""
    part = one.path.split(".")[3]
    if ".scaling.behavior." in one.path:
        return isinstance(platform.autoscaling, Autoscaling)
    if part in ("probes", "healthcheck"):
        checks = platform.health_checks
        return isinstance(checks, Reads) and part == checks.reads
    if part == "lookup":  # a proxy that looks names up in Docker's DNS
        return platform.service_discovery is None and platform.scheduling is None
    limits = platform.resource_limits
    if one.path.endswith(".cpu.shares"):
        return not isinstance(limits, Limiter) or limits.weights == "shares"
    if one.path.endswith(".oom_score_adj"):
        return not isinstance(limits, Ranking)
    return True
