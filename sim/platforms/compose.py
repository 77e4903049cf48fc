"""Docker Compose on one server, as in the article: Docker's engine, and an operator for the rest.

Three choices are filled because Docker Engine does them, whatever people say of Compose: it
restarts what exits, labels what fails its HEALTHCHECK, and holds containers to limits - if the file
says so. The article's file says none of it (`restart: "no"`, no checks, no limits), so that these
capabilities are there and do nothing. Sources: shared facts, orchestrators sections 1, 2 and 8.
"""

from sim.control.health_checks.docker import DockerHealthchecks
from sim.control.resource_limits.profiles import Limits
from sim.control.self_healing.restarts import DockerRestarts
from sim.platforms.platform import Platform

PLATFORM = Platform(
    self_healing=DockerRestarts(),
    autoscaling=None,
    load_balancing=None,
    service_discovery=None,
    rolling_updates=None,
    rollback=None,
    health_checks=DockerHealthchecks(),
    resource_limits=Limits(weights="shares"),
    secrets=None,
    scheduling=None,
)
