"""Which instances Google's front end knows (shared facts, orchestrators section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.service_discovery.endpoints import Endpoints

ROUTE = Fact("cloud_run.route", 1.0, "s", "longest way of an instance to the front end", "chosen")


@dataclass(frozen=True)
class Routes(Endpoints):
    """Which instances the front end knows. It moves the traffic first; the instance serves on until
    no part of the front end sends to it any more.

    Source: cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration: requests under way
    finish, and a revision gets no new ones before it ends."""

    name: ClassVar[str] = "routes"

    watch_delay_s: float = constant(ROUTE)
    min_sync_s: float = 0.0

    @property
    def linger_s(self) -> float:
        return self.watch_delay_s
