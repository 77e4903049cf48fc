"""A platform is ten choices. What is left empty falls on the operator.

A choice is a frozen record. One with `run(cluster)` is a controller; a plain one is data that
others read (routing, limits). Ablation is one line: `replace(kubernetes, autoscaling=None)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import Any

from sim.schema.fields import InputError, Issue
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
Choice = Any  # a frozen record of sim.control; None: nobody does it


@dataclass(frozen=True)
class Platform:
    """Exactly the article's ten capabilities, in its order; DECIDES says what each decides."""

    self_healing: Choice
    autoscaling: Choice
    load_balancing: Choice
    service_discovery: Choice
    rolling_updates: Choice
    rollback: Choice
    health_checks: Choice
    resource_limits: Choice
    secrets: Choice
    scheduling: Choice


def _complete(init: Callable[..., None]) -> Callable[..., None]:
    """`Platform(...)` with a choice too few, or one that does not exist, says which."""

    @wraps(init)
    def checked(self: Platform, *given: Choice, **named: Choice) -> None:
        ten = [field.name for field in fields(Platform)]
        wrong = [name for name in named if name not in ten]
        twice = [name for name in ten[: len(given)] if name in named]
        issues = [
            Issue(
                "", 0, 0, f"PLATFORM.{name}", "an unknown choice", one_of(ten), closest(name, ten)
            )
            for name in wrong
        ]
        issues += [
            Issue(field=f"PLATFORM.{name}", found="no choice", expected="a mechanism, or None")
            for name in ten[len(given) :]
            if name not in named and not any(closest(other, ten) == name for other in wrong)
        ]
        issues += [
            Issue(field=f"PLATFORM.{name}", found="two choices", expected="one") for name in twice
        ]
        if len(given) > len(ten):
            issues.append(Issue("", 0, 0, "PLATFORM", f"{len(given)} choices", "ten"))
        if issues:
            raise InputError(issues=issues)
        init(self, *given, **named)

    return checked


Platform.__init__ = _complete(Platform.__init__)  # type: ignore[method-assign]
