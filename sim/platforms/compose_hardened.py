"""Docker Compose on one server, as a careful team runs it.

The same one server and the same operator, with what a Compose file can ask for and what people put
beside it: restart policies, a HEALTHCHECK with autoheal, HAProxy before two API replicas, memory
limits, an append-only file for the queue, and alerting that escalates. What no file gives stays
empty: more servers, autoscaling, rolling updates, a rollback without building. HAProxy is one more
process on the one server; here it never fails by itself, and costs nothing.
"""

from sim.control.health_checks.docker import Autoheal
from sim.control.load_balancing.haproxy import HAProxy
from sim.control.resource_limits.profiles import Limits
from sim.control.self_healing.restarts import DockerRestarts
from sim.platforms.platform import Platform
from sim.schema.layers import AtLeast, IfMissing

EXTENDS = "compose"
CHECK = {"interval": "10s", "timeout": "3s", "retries": 3, "start_period": "30s"}  # chosen

STACK = {
    # unless-stopped: back after a crash and after a reboot, not after `docker stop`
    **{f"services.{role}.restart": "unless-stopped"
       for role in ("http", "worker", "postgres", "redis", "proxy", "other")},
    "services.http.replicas": AtLeast(2),
    "services.http.healthcheck": IfMissing(CHECK),
    "services.worker.healthcheck": IfMissing(CHECK),
    "services.http.memory.limit": IfMissing("512Mi"),  # chosen, as on Kubernetes
    "services.worker.memory.limit": IfMissing("512Mi"),
    "services.redis.persistence": "aof_everysec",  # `redis-server --appendonly yes`, on a volume
    # a check from outside every 15 s, two failures in a row; who does not answer is called again
    "operator.monitoring": True,
    "operator.detect": {"uniform": {"low": "30s", "high": "45s"}},  # chosen
    "operator.unnoticed": "1%",  # chosen: alerts that somebody tries out
    "operator.missed_page_costs": {"lognormal": {"mean": "10m", "cv": 0.5}},  # chosen: escalation
}  # fmt: skip

PLATFORM = Platform(
    self_healing=DockerRestarts(),
    autoscaling=None,
    load_balancing=HAProxy(redispatch=True),  # `option redispatch`: another one on the last retry
    service_discovery=None,  # HAProxy's file is written by hand
    rolling_updates=None,  # `up -d` recreates all replicas together
    rollback=None,
    health_checks=Autoheal(),
    resource_limits=Limits(weights="shares"),
    secrets=None,
    scheduling=None,
)
