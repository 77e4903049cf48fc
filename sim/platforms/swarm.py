"""Docker Swarm, three servers, with swarmkit's defaults.

What a team gets that runs `docker stack deploy` on its Compose file, with a HEALTHCHECK and three
replicas added. Managers never fail here. Source of the rules: shared facts, orchestrators section 3
(moby/swarmkit @3e72cb64, moby/moby @b985e231 read). Uncertain: how soon the others stop sending to
a lost server (derived from memberlist's LAN defaults, not measured), and the time from an accepted
task to its started process (chosen). The database and the queue have a volume on one server and are
constrained to it (`scheduling.pinned`): nothing moves them. There is no autoscaling, nothing
rebalances when a server returns, and no task has a priority: what fits nowhere waits, first come,
first served.
"""

from __future__ import annotations

from sim.control.health_checks.docker import SwarmHealthchecks
from sim.control.load_balancing.proxies import ServiceBalancing
from sim.control.resource_limits.profiles import Limits
from sim.control.rollback.undo import ServiceRollback
from sim.control.rolling_updates.updates import SwarmUpdate
from sim.control.scheduling.tasks import SwarmScheduling
from sim.control.secrets.managed_secrets import SwarmSecrets
from sim.control.self_healing.tasks import SwarmReplacement
from sim.control.service_discovery.endpoints import Gossip
from sim.dataplane.codes import Algorithm
from sim.platforms.platform import Platform
from sim.schema.layers import AtLeast

STACK = {
    "services.http.replicas": AtLeast(3),  # one a server
    "services.worker.replicas": AtLeast(2),
    "services.http.healthcheck": {
        "interval": "10s", "timeout": "3s", "start_period": "30s",  # chosen
    },
}  # fmt: skip

PLATFORM = Platform(
    self_healing=SwarmReplacement(),  # a new task, after 5 s, for ever
    autoscaling=None,  # not in its source
    load_balancing=ServiceBalancing(algorithm=Algorithm.ROUND_ROBIN),  # IPVS, on every server
    service_discovery=Gossip(),  # healthy tasks only; who leaves waits 2 s before SIGTERM
    rolling_updates=SwarmUpdate(),  # one at a time, stop-first, pause on failure
    rollback=ServiceRollback(),  # one command, never by itself
    health_checks=SwarmHealthchecks(),
    resource_limits=Limits(weights="shares"),
    secrets=SwarmSecrets(),
    scheduling=SwarmScheduling(),
)
