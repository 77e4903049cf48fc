"""A stack with what a log said of the service that users call (`fit.py`)."""

from __future__ import annotations

from sim.schema.databases import DatabasePool
from sim.schema.fields import InputError, LawSpec
from sim.schema.layers import check_stack
from sim.schema.stack import Service, Stack
from sim.schema.steps import ServiceStep
from sim.schema.text.document import Document
from sim.study.fit import Fit


def fitted_stack(stack: Stack, fit: Fit) -> tuple[Stack, list[str]]:
    """The stack, and the paths of what was changed in it. What a request costs elsewhere stays as
    it is, since a log of the entry cannot tell it apart: the rest is the entry's own. Raises
    `InputError` for an entry that calls other services: whose durations they are nobody knows."""
    name, service = stack.entry, stack.services[stack.entry]
    at = f"services.{name}"
    if stack.calls(name):
        found = f"{name} calls {', '.join(stack.calls(name))}"
        expected = "a stack of one service, or a log of a service that calls nobody"
        raise InputError(stack.source or stack.name, field=at, found=found, expected=expected)
    story = service.steps if service.steps is not None else _steps(stack, service)
    others = sum(step.share * (step.demand or LawSpec()).mean for step in story)
    whole = fit.demand.law
    if whole.mean <= others:
        found = f"{whole.mean:.3g} s a request in the log, {others:.3g} s of it in databases"
        expected = "a demand of the database that leaves something (--stack with a smaller one)"
        raise InputError(stack.source or stack.name, field=at, found=found, expected=expected)
    mean = whole.mean - others
    law = whole.model_copy(update={"mean": mean, "cv": whole.cv * whole.mean / mean})
    law = law if others == 0 else law.model_copy(update={"law": "lognormal"})
    changed = _changed(stack, service, story, law, fit)
    result = stack.model_copy(update={"services": {**stack.services, name: changed}})
    check_stack(result, Document(stack.source or stack.name))
    own = {"share": "cpu", "queue": "steps"}[fit.rule]
    return result, [f"{at}.{own}", *([f"{at}.concurrency"] if fit.rule == "queue" else [])]


def _changed(
    stack: Stack, service: Service, story: list[ServiceStep], law: LawSpec, fit: Fit
) -> Service:
    if fit.rule == "share":
        cpu = service.cpu.model_copy(update={"threads": fit.places})
        if service.steps is None:
            return service.model_copy(update={"cpu": cpu.model_copy(update={"demand": law})})
        rest = [step for step in story if step.kind != "cpu"]
        return service.model_copy(update={"cpu": cpu, "steps": [ServiceStep(cpu=law), *rest]})
    rest = [step for step in story if step.kind not in ("cpu", "wait")]
    return service.model_copy(
        update={
            "concurrency": fit.places,
            "cpu": service.cpu.model_copy(update={"demand": LawSpec()}),
            "database": None,
            "push": Service(role="http").push,
            "steps": [ServiceStep(wait=law), *rest],
            "pools": dict(stack.pools(stack.entry)),
        }
    )


def _steps(stack: Stack, service: Service) -> list[ServiceStep]:
    """The short forms as the steps that they stand for, without the CPU."""
    steps = []
    pools: dict[str, DatabasePool] = stack.pools(stack.entry)
    if service.database is not None:
        steps += [ServiceStep(query=name, demand=service.database.demand) for name in pools]
    if service.push.share > 0:
        steps += [ServiceStep(push=n, share=service.push.share) for n in stack.playing("redis")[:1]]
    return steps
