"""HashiCorp Nomad with Consul, Traefik and the Nomad Autoscaler: three servers, upstream defaults.

Nomad brings no load balancer and no autoscaler of its own: Traefik reads Consul's catalogue, and
the separate Nomad Autoscaler follows CPU. Servers are fixed: nobody asked for a cluster policy.
Nomad's own servers never fail here. Source of the rules: shared facts, orchestrators section 4
(hashicorp/nomad @aa026cc9, nomad-autoscaler @ede4e617 read). Uncertain: Consul withdraws a lost
server by gossip (derived from memberlist's LAN defaults, not measured); the time from a placed
allocation to its started process is chosen; checks are written by the team, since Nomad has no
default interval. The database and the queue have a host volume: nothing moves them.
Preemption is off for service jobs unless an administrator enables it (developer.hashicorp.com
nomad/docs/job-scheduling/preemption; open source since 0.12): a stack's priorities change nothing.
"""

from __future__ import annotations

from sim.control.autoscaling.target_tracking import NomadAutoscaler
from sim.control.health_checks.checks import ServiceChecks
from sim.control.load_balancing.proxies import Traefik
from sim.control.resource_limits.profiles import Limits
from sim.control.rollback.undo import JobRevert
from sim.control.rolling_updates.updates import Update
from sim.control.scheduling.tasks import NomadScheduling
from sim.control.secrets.managed_secrets import NomadVariables
from sim.control.self_healing.tasks import Restart
from sim.control.service_discovery.endpoints import Catalogue
from sim.platforms.platform import Platform
from sim.schema.layers import AtLeast

# what a team writes into its job files
STACK = {
    "services.http.replicas": AtLeast(3),
    "services.worker.replicas": AtLeast(2),
    "services.http.cpu.request": "250m",
    "services.worker.cpu.request": "250m",
    "services.http.memory.request": "192Mi",
    "services.worker.memory.request": "192Mi",
    "services.http.scaling": {"min": 3, "max": 20, "cpu": "70%"},
    "services.worker.scaling": {"min": 2, "max": 20, "cpu": "70%"},
    "services.http.healthcheck": {"interval": "10s", "timeout": "2s"},  # chosen
}

PLATFORM = Platform(
    self_healing=Restart(),  # twice in place, then elsewhere
    autoscaling=NomadAutoscaler(),  # a separate daemon; replicas only
    load_balancing=Traefik(),  # bring your own
    service_discovery=Catalogue(),  # polled
    rolling_updates=Update(),  # one at a time; failed after ten minutes
    rollback=JobRevert(),  # one command
    health_checks=ServiceChecks(),  # they gate; restarts are opt-in
    resource_limits=Limits(weights="requests"),
    secrets=NomadVariables(),  # encrypted; a template restarts every task within seconds
    scheduling=NomadScheduling(),
)
