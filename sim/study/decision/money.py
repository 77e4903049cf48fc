"""What a case costs in a month, by a formula: known before anything runs, and equal to what a run
says of its second 0 (tests/study/test_money.py). What an autoscaler rents later is not in it. What
a queue without servers is asked is an expectation: a run, in which some fail, counts its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sim.control.core.choices import charge_of
from sim.control.scheduling.microvms import MicroVMs
from sim.results.bill import MonthlyCost, monthly_cost
from sim.schema.stack import Stack
from sim.schema.steps import PlainStep, within
from sim.schema.ways import WayIn
from sim.simulation.case import Case

VOLUME = ("postgres", "redis")  # roles that stand on a rented server, whatever launches tasks


def monthly(case: Case) -> MonthlyCost:
    """US dollars, without people."""
    stack, choices = case.stack, case.choices
    scheduling = choices.scheduling
    rent = (stack.servers.count or 1) * stack.servers.machine.price_per_hour
    if isinstance(scheduling, MicroVMs):  # a machine a task
        rent += sum(
            service.replicas * scheduling.price.of(scheduling.size(service))
            for service in stack.services.values()
            if service.role not in VOLUME
        )
    requests_per_s = case.requests / case.scenario.horizon
    return monthly_cost(
        stack, rent, charge_of(scheduling), charge_of(choices.load_balancing),
        jobs_per_s=jobs_per_s(stack, requests_per_s),
    )  # fmt: skip


def jobs_per_s(stack: Stack, requests_per_s: float) -> Mapping[str, float]:
    """Expected into each queue, if all are answered at once: by users' requests and whom those ask,
    by the clock, and by jobs that leave others. A cache spares none of it, nobody tries again."""
    jobs: dict[str, float] = defaultdict(float)

    def ask(name: str, endpoint: str | None, rate: float) -> None:
        service = stack.services[name]
        steps = service.endpoints.get(endpoint) if endpoint else None
        steps = service.steps if steps is None else steps  # served as the rest
        if steps is not None:
            take(steps, rate, ())
        elif service.push.share:
            push(next(iter(stack.playing("redis"))), rate * service.push.share, ())

    def take(steps: Sequence[PlainStep], rate: float, after: tuple[str, ...]) -> None:
        for step in steps:
            some = rate * step.share
            if step.call:
                ask(step.call, step.endpoint, some)
            if step.push:
                push(step.push, some, after)
            for parts in within(step).values():
                take(parts, some, after)

    def push(queue: str, rate: float, after: tuple[str, ...]) -> None:
        """`after`: the queues of whose jobs it is one; a circle is gone round once."""
        jobs[queue] += rate
        workers = [name for name in stack.playing("worker") if stack.queue_of(name) == queue]
        for name in workers if queue not in after else ():
            take(stack.services[name].steps or (), rate / len(workers), (*after, queue))

    if stack.playing("redis"):
        for way in stack.ways or (WayIn(stack.entry, None, 1.0),) if stack.entry else ():
            ask(way.service, way.endpoint, requests_per_s * way.share)
        for scheduled in stack.schedule.values():
            push(scheduled.push, scheduled.jobs / scheduled.every, ())
    return jobs
