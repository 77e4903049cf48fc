"""Google Cloud Run: instances on demand, 80 requests each, revisions instead of rollouts.

The API is a Cloud Run service. The worker pulls from a queue, and a service is scaled by requests
only: it becomes a worker pool of fixed size, which nothing scales - so the queue grows as long as
its producers are faster. The database and the queue run on one rented server beside it. Source of
the rules: shared facts, orchestrators section 6 (stored pages of Google's documentation, whose
versions disagree). Uncertain: the seconds of a cold start (not published; the stack's boot time and
a second for the instance), the size of the overshoot past the maximum ("usually less than twice"),
prices (from memory). Google's default minimum is 0 instances; a team whose users should not wait
for a cold start writes 1, as here (`services.http.scaling.min=0` shows the other). Left out: CPU
throttling between requests, regions.
"""

from __future__ import annotations

from sim.control.autoscaling.target_tracking import OnDemand
from sim.control.health_checks.checks import StartupProbe
from sim.control.load_balancing.proxies import CONCURRENCY, FrontEnd
from sim.control.resource_limits.profiles import Limits
from sim.control.rollback.undo import TrafficSplit
from sim.control.rolling_updates.updates import Revisions
from sim.control.scheduling.microvms import Instances
from sim.control.secrets.managed_secrets import SecretManager
from sim.control.self_healing.tasks import TaskReplacement
from sim.control.service_discovery.endpoints import Routes
from sim.platforms.platform import Platform

# what a team writes: instances of one core, and how many at most
STACK = {
    "services.postgres.restart": "always",  # on a server of their own, by Docker
    "services.redis.restart": "always",
    "services.http.replicas": 1,
    "services.http.concurrency": CONCURRENCY,
    "services.http.cpu.request": "1",
    "services.http.memory.request": "512Mi",
    "services.http.scaling": {"min": 1, "max": 20},
    "services.worker.replicas": 2,
    "services.worker.cpu.request": "1",
    "services.worker.memory.request": "512Mi",
    "services.worker.scaling": None,
}

PLATFORM = Platform(
    # another instance; `gcloud run` has no command that stops one
    self_healing=TaskReplacement(delay_s=0.0, who="Cloud Run", stopped_with=""),
    autoscaling=OnDemand(),  # within seconds; workers are not scaled
    load_balancing=FrontEnd(),  # 80 an instance; more wait, as at zero instances; then 429
    service_discovery=Routes(),
    rolling_updates=Revisions(),
    rollback=TrafficSplit(),  # one command
    health_checks=StartupProbe(),
    resource_limits=Limits(weights="requests"),  # an instance is its size
    secrets=SecretManager(),  # a version that each revision names
    scheduling=Instances(),
)
