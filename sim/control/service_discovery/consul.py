"""Consul's catalogue, and how late Traefik reads it (shared facts, orchestrators section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.service_discovery.endpoints import Endpoints

REFRESH = Fact(
    "traefik.refresh_interval", 15.0, "s", "Traefik polls the catalogue (uniform from 0)",
    "doc.traefik.io providers/consul-catalog refreshInterval",
)  # fmt: skip
THROTTLE = Fact(
    "traefik.throttle", 2.0, "s", "between two changes of Traefik's routes",
    "doc.traefik.io providers.providersThrottleDuration",
)  # fmt: skip


@dataclass(frozen=True)
class Catalogue(Endpoints):
    """Consul's catalogue, as Traefik polls it."""

    name: ClassVar[str] = "catalogue"

    watch_delay_s: float = constant(REFRESH)
    min_sync_s: float = constant(THROTTLE)
