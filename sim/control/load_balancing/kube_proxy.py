"""Balancing by a Service's address: kube-proxy, and IPVS elsewhere; nobody in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.dataplane.codes import Algorithm
from sim.dataplane.profile import Routing


@dataclass(frozen=True)
class ServiceBalancing:
    """kube-proxy in iptables mode: random per connection, no proxy in between, no retry."""

    capability: ClassVar[str] = "load_balancing"
    name: ClassVar[str] = "service_balancing"

    algorithm: Algorithm = Algorithm.RANDOM

    def routing(self) -> Routing:
        return Routing(algorithm=self.algorithm, proxy=False, retries=0)
