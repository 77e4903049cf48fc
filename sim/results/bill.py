"""What a side costs in a month: what runs at second 0, what its platform charges beside, people.

Prices are lists of one provider (us-east-1, without discounts), each with its date, or chosen; all
can be set. Not in it: traffic out, NAT, public addresses, logs, registries, taxes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import fsum
from types import MappingProxyType

from sim.schema.stack import Stack

HOURS = 730.0  # of a month: 8,760 / 12, as providers count
GIB = 1024**3


@dataclass(frozen=True)
class MonthlyCost:
    """US dollars a month."""

    servers: float = 0.0
    control_plane: float = 0.0
    balancer: float = 0.0
    volumes: float = 0.0
    managed: float = 0.0  # what a provider runs; of databases with their disks
    people: float = 0.0
    requests: float = 0.0  # to queues without servers

    @property
    def total(self) -> float:
        platform = self.servers + self.control_plane + self.balancer
        return platform + self.volumes + self.managed + self.people + self.requests


def monthly_cost(
    stack: Stack,
    servers_per_hour: float,
    control_plane_per_hour: float = 0.0,
    balancer_per_hour: float = 0.0,
    people_hours: float = 0.0,
    jobs_per_s: Mapping[str, float] = MappingProxyType({}),
) -> MonthlyCost:
    """Of a stack on its platform; the rates are USD an hour, `people_hours` hours a month.

    `jobs_per_s`: into each queue, of a run. A volume for each database, and for each queue that
    writes to a disk."""
    prices, gib = stack.prices, stack.prices.volume / GIB
    volumes = [
        service
        for service in stack.services.values()
        if service.managed is None
        if service.role == "postgres" or service.persistence != "none"
    ]
    managed = stack.managed()
    rent = fsum(each.rent for each in managed.values())
    disks = sum(managed[name].copies for name in stack.playing("postgres") if name in managed)
    return MonthlyCost(
        servers=servers_per_hour * HOURS,
        control_plane=control_plane_per_hour * HOURS,
        balancer=balancer_per_hour * HOURS,
        volumes=len(volumes) * gib * prices.volume_month,
        managed=rent * HOURS + disks * gib * prices.managed_month,
        people=people_hours * prices.work_hour,
        requests=fsum(
            jobs * stack.engine_of(queue).requests * prices.queue_request * HOURS * 3600.0
            for queue, jobs in jobs_per_s.items()
        ),
    )
