"""The same means for every platform of a study, as far as each has the field.

Each mean is levelled to the best that a side has and all others can have: replicas, restart policy,
limits, checks, stop delays, and the cores and the memory of all servers together (with their
price). What a platform cannot take is said in a line. What an autoscaler adds is no mean but what
it does, and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sim.control.core.choices import Maintaining
from sim.control.health_checks.checks import ServiceChecks
from sim.control.health_checks.docker import Autoheal, DockerHealthchecks, SwarmHealthchecks
from sim.control.health_checks.probes import HealthChecks
from sim.control.self_healing.restarts import DockerRestarts
from sim.schema.stack import Healthcheck, Probes, ProbeSpec, Service, Stack
from sim.schema.text.paths import child, with_child
from sim.simulation.case import Case
from sim.simulation.endowment import facing_of, restart_of

POLICIES = ("no", "on-failure", "unless-stopped", "always")  # the one that restarts least first
ASKS = (DockerHealthchecks, Autoheal, SwarmHealthchecks, ServiceChecks)  # by `healthcheck`


@dataclass
class Levelling:
    """The stack of each platform as it is levelled, and what could not be."""

    cases: Sequence[Case]
    stacks: dict[str, Stack]
    notes: list[str] = field(default_factory=list)

    def set(self, case: Case, path: str, value: Any) -> None:
        stack = self.stacks[case.platform]
        self.stacks[case.platform] = changed(stack, path.split("."), value)

    def lacks(self, cases: Sequence[Case], what: str) -> None:
        if cases:
            names = ", ".join(case.platform for case in cases)
            self.notes.append(f"equal means: {names} {what}")


def equalised(cases: Sequence[Case]) -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """The cases with equal means, and a line for each mean that a platform has no field for."""
    levelling = Levelling(cases, {case.platform: case.stack for case in cases})
    services = cases[0].stack
    for name in facing_of(services):
        for level in (replicas, limits, checks, stops):
            level(levelling, name)
    for name in services.services:
        restarts(levelling, name)
    servers(levelling)
    equal = tuple(replace(case, stack=levelling.stacks[case.platform]) for case in cases)
    return equal, tuple(dict.fromkeys(levelling.notes))


def changed(record: Any, steps: Sequence[str], value: Any) -> Any:
    """A copy of a record, or of a dict of records, with another value at a dotted path."""
    if not steps:
        return value
    first, *rest = steps
    return with_child(record, first, changed(child(record, first), rest, value))


def replicas(levelling: Levelling, name: str) -> None:
    """As many as the side with the most has; where one of them can have one alone, one for all."""
    services = {case.platform: case.stack.services[name] for case in levelling.cases}
    alone = [case for case in levelling.cases if stands_alone(case, services[case.platform])]
    most = max(_least(case, name) for case in levelling.cases)
    count = 1 if alone else most
    if alone and most > 1:
        levelling.lacks(alone, f"can have one {name} alone (its port is published and nothing "
                        "balances): so has every side")  # fmt: skip
    for case in levelling.cases:
        service = services[case.platform]
        if service.replicas != count:
            levelling.set(case, f"services.{name}.replicas", count)
        if service.scaling is not None and service.scaling.min != count and service.scaling.min:
            levelling.set(case, f"services.{name}.scaling.min", min(count, service.scaling.max))


def stands_alone(case: Case, service: Service) -> bool:
    """Would a second replica on its server find the port taken?"""
    choices = case.choices
    shared = choices.scheduling is None and choices.service_discovery is None
    return shared and choices.load_balancing is None and service.port is not None


def _least(case: Case, name: str) -> int:
    service = case.stack.services[name]
    scales = case.choices.autoscaling is not None and service.scaling is not None
    return max(service.replicas, service.scaling.min if scales and service.scaling else 0)


def restarts(levelling: Levelling, name: str) -> None:
    """The policy of the side that restarts most, where a file can ask for one."""
    policies = {
        case.platform: restart_of(case.choices.self_healing, case.stack.services[name])
        for case in levelling.cases
    }
    best = max(policies.values(), key=POLICIES.index)
    for case in levelling.cases:
        if isinstance(case.choices.self_healing, DockerRestarts):
            if policies[case.platform] != best:
                levelling.set(case, f"services.{name}.restart", best)
        elif case.choices.self_healing is None and best != "no":
            levelling.lacks([case], "restarts nothing: no file can ask for it")


def limits(levelling: Levelling, name: str) -> None:
    """The largest limit of memory and of CPU that a side has."""
    for path, of in (
        ("memory.limit", lambda s: s.memory.limit), ("cpu.limit", lambda s: s.cpu.limit),
    ):  # fmt: skip
        _largest(
            levelling, name, path, of,
            lambda case: case.choices.resource_limits is not None, "holds nobody to a limit",
        )  # fmt: skip


def stops(levelling: Levelling, name: str) -> None:
    """The longest pause before SIGTERM, where a file can ask for one, and the longest grace."""
    _largest(
        levelling, name, "stop.grace", lambda s: s.stop.grace, lambda case: True, "",
    )  # fmt: skip
    _largest(
        levelling, name, "stop.pre_stop", lambda s: s.stop.pre_stop or None,
        lambda case: case.choices.scheduling is not None,  # where replicas are kept
        "has no pause before SIGTERM that a file can ask for",
    )  # fmt: skip


def _largest(
    levelling: Levelling, name: str, path: str, of: Callable[[Service], float | None],
    takes: Callable[[Case], bool], without: str,
) -> None:  # fmt: skip
    values = {case.platform: of(case.stack.services[name]) for case in levelling.cases}
    known = [value for value in values.values() if value is not None]
    if not known:
        return
    for case in levelling.cases:
        if values[case.platform] != max(known):
            if takes(case):
                levelling.set(case, f"services.{name}.{path}", max(known))
            else:
                levelling.lacks([case], without)


def checks(levelling: Levelling, name: str) -> None:
    """The checks of the first side that has some, in the words of each: probes, or a HEALTHCHECK.
    A side that has its own keeps it."""
    services = [case.stack.services[name] for case in levelling.cases]
    probes = next((s.probes for s in services if s.probes != Probes()), None)
    healthcheck = next((s.healthcheck for s in services if s.healthcheck is not None), None)
    if probes is None and healthcheck is None:
        return
    for case, service in zip(levelling.cases, services, strict=True):
        choice = case.choices.health_checks
        if isinstance(choice, HealthChecks):
            if service.probes == Probes():
                levelling.set(case, f"services.{name}.probes", probes or as_probes(healthcheck))
        elif isinstance(choice, ASKS):
            if service.healthcheck is None:
                check = healthcheck or as_healthcheck(probes)
                levelling.set(case, f"services.{name}.healthcheck", check)
            if type(choice) is DockerHealthchecks:
                levelling.lacks([case], "labels what fails its HEALTHCHECK, and nothing acts on it")
        else:
            levelling.lacks([case], "checks by rules of its own, which no stack sets")


def as_healthcheck(probes: Probes | None) -> Healthcheck:
    """What asks as often and as patiently as a liveness probe (or the first there is)."""
    spec = (probes and (probes.liveness or probes.readiness or probes.startup)) or ProbeSpec()
    return Healthcheck(
        interval=spec.period, timeout=spec.timeout, retries=spec.failure,
        start_period=spec.initial_delay, deep=spec.deep,
    )  # fmt: skip


def as_probes(check: Healthcheck | None) -> Probes:
    """Readiness and liveness that ask as often and as patiently as a HEALTHCHECK."""
    check = check or Healthcheck()
    spec = ProbeSpec(
        period=check.interval, timeout=check.timeout, failure=check.retries,
        initial_delay=check.start_period, deep=check.deep,
    )  # fmt: skip
    return Probes(readiness=spec, liveness=spec)


def servers(levelling: Levelling) -> None:
    """As many cores and as much memory in all, at the same price each: larger machines for who has
    fewer of them."""
    shared = [c for c in levelling.cases if not isinstance(c.choices.scheduling, Maintaining)]
    levelling.lacks(
        [case for case in levelling.cases if case not in shared],
        "rents by the task, in sizes of its own: cores are not levelled",
    )
    if not shared:
        return
    cores = {c.platform: (c.stack.servers.count or 1) * c.stack.servers.machine.cores
             for c in shared}  # fmt: skip
    for case in shared:
        machine, ratio = case.stack.servers.machine, max(cores.values()) / cores[case.platform]
        if ratio != 1.0:
            levelling.set(case, "servers.machine.cores", machine.cores * ratio)
            levelling.set(case, "servers.machine.memory", round(machine.memory * ratio))
            levelling.set(case, "servers.machine.price_per_hour", machine.price_per_hour * ratio)
