"""What a case costs in a month, by a formula: known before anything runs, and equal to what a run
says of its second 0 (tests/study/test_money.py). What an autoscaler rents later is not in it."""

from __future__ import annotations

from sim.control.core.choices import charge_of
from sim.control.scheduling.microvms import MicroVMs
from sim.results.bill import MonthlyCost, monthly_cost
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
    return monthly_cost(stack, rent, charge_of(scheduling), charge_of(choices.load_balancing))
