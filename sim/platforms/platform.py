"""A platform is ten choices. What is left empty falls on the operator.

A choice is a frozen record; sim/control/core/choices.py says what each must answer. One with
`run(cluster)` is a controller; a plain one is data that others read (routing, limits). Ablation is
one line: `replace(kubernetes, autoscaling=None)`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from sim.control.core.choices import (
    Autoscaler,
    Choices,
    Discoverer,
    HealthChecker,
    Limiter,
    LoadBalancer,
    Reverter,
    Scheduler,
    SecretKeeper,
    SelfHealer,
    Updater,
)
from sim.schema.fields import Issue, refuse_all
from sim.schema.stack import Stack
from sim.schema.text.validation import closest, one_of

DECIDES = {  # what each of the ten choices decides
    "self_healing": "what happens when a container exits",
    "autoscaling": "replicas and servers from load",
    "load_balancing": "which replica gets a request, what is retried",
    "service_discovery": "how a change of replicas reaches the balancer, and how late",
    "rolling_updates": "how version N becomes N+1",
    "rollback": "how N+1 becomes N again",
    "health_checks": "who gets no traffic, who gets killed",
    "resource_limits": "who starves or is OOM-killed",
    "secrets": "how a rotated password reaches the containers",
    "scheduling": "which server runs what, and what happens when one dies",
}


@dataclass(frozen=True)
class Platform:
    """Exactly the article's ten capabilities, in its order; DECIDES says what each decides."""

    self_healing: SelfHealer | None
    autoscaling: Autoscaler | None
    load_balancing: LoadBalancer | None
    service_discovery: Discoverer | None
    rolling_updates: Updater | None
    rollback: Reverter | None
    health_checks: HealthChecker | None
    resource_limits: Limiter | None
    secrets: SecretKeeper | None
    scheduling: Scheduler | None

    def __new__(cls, *given: Any, **named: Any) -> Platform:
        """With a choice too few, or one that does not exist, InputError says which."""
        refuse_all(_not_ten(len(given), list(named)))
        return super().__new__(cls)

    def __reduce__(self) -> tuple[type[Platform], tuple[Any, ...]]:
        """Copies are made of the ten as well."""
        return Platform, tuple(getattr(self, field.name) for field in fields(self))


def servers_of(choices: Choices, stack: Stack) -> int:
    """How many servers there are at second 0: as many as the stack asks for, else as many as who
    schedules starts with; one where nobody does."""
    scheduling = choices.scheduling
    return stack.servers.count or 1 if scheduling is None else scheduling.servers(stack)


def _not_ten(given: int, named: list[str]) -> list[Issue]:
    """What is wrong with so many choices in order and these by name."""
    ten = [field.name for field in fields(Platform)]
    wrong = [name for name in named if name not in ten]
    issues = [
        Issue("", 0, 0, f"PLATFORM.{name}", "an unknown choice", one_of(ten), closest(name, ten))
        for name in wrong
    ]
    issues += [
        Issue(field=f"PLATFORM.{name}", found="no choice", expected="a mechanism, or None")
        for name in ten[given:]
        if name not in named and not any(closest(other, ten) == name for other in wrong)
    ]
    issues += [
        Issue(field=f"PLATFORM.{name}", found="two choices", expected="one")
        for name in ten[:given]
        if name in named
    ]
    if given > len(ten):
        issues.append(Issue("", 0, 0, "PLATFORM", f"{given} choices", "ten"))
    return issues
