"""Where modules of 0.1.0 and 0.2.0 stand now: who imports one by its old name is told the new one.

A platform file of one's own imports from `sim.control.api`, which stays; this table is for files
that were written before it. Installed by `sim/__init__.py`; the tests import each new name.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

API = "sim.control.api"
# old name, then the new ones, all below `sim.`
TABLE = """
control.analysis            control.rolling_updates.releases
control.autoheal            control.health_checks.docker
control.autorollback        control.rollback.undo
control.autoscalers         control.autoscaling.hpa_loop
control.balancer            control.load_balancing.haproxy control.service_discovery.addresses
control.bluegreen           control.rolling_updates.blue_green
control.canary              control.rolling_updates.canary
control.clock               control.core.clock
control.cluster             control.core.cluster
control.deadlines           control.health_checks.probes
control.disruption          control.scheduling.disruption
control.dns                 control.service_discovery.dns
control.drain               control.faults.maintenance
control.endpoints           control.service_discovery.endpoints control.load_balancing.proxies
control.faults              control.faults.faults
control.healthchecks        control.health_checks.docker
control.hpa                 control.autoscaling.hpa
control.human               control.people.human
control.ingress             control.load_balancing.proxies
control.keda                control.autoscaling.keda
control.kubelet             control.scheduling.kubelet
control.lifecycle           control.core.cluster
control.managed_secrets     control.secrets.managed_secrets
control.microvms            control.scheduling.microvms
control.nodes               control.scheduling.node_lifecycle
control.nomad_autoscaler    control.autoscaling.target_tracking
control.nomad_templates     control.secrets.managed_secrets
control.notices             control.core.cluster
control.operator            control.people.on_call
control.outliers            control.load_balancing.mesh
control.passwords           control.secrets.passwords control.secrets.rotation
control.placement           control.scheduling.placement
control.preemption          control.scheduling.scheduler
control.pressure            control.resource_limits.pressure
control.probes              control.health_checks.probes
control.profiles            control.resource_limits.profiles
control.progressive         control.rolling_updates.releases
control.qos                 control.resource_limits.pressure control.core.oom
control.recorder            control.core.recorder
control.records             control.core.records
control.recreate            control.rolling_updates.compose
control.replicas            control.scheduling.replicas
control.restarts            control.self_healing.restarts
control.rollouts            control.rolling_updates.deployment control.rollback.undo
control.runbooks            control.people.runbooks
control.scheduler           control.scheduling.scheduler
control.servers             control.autoscaling.cluster_autoscaler
control.servicechecks       control.health_checks.checks
control.targets             control.health_checks.checks
control.targettracking      control.autoscaling.target_tracking
control.tasks               control.self_healing.tasks control.scheduling.tasks
control.world               control.core.world
spec.facts                  constants.facts
spec.fields                 schema.fields
spec.loader                 library.scenarios library.stacks
spec.rates                  study.quarter.rates
spec.scenario               schema.scenario
spec.settings               schema.settings
spec.stack                  schema.stack
spec.traffic                imports.trace
spec.validate               schema.text.validation
spec.yamlfile               schema.text.document
spec                        schema
dataplane.interface         dataplane.profile dataplane.plane dataplane.codes dataplane.tables
experiment                  simulation.simulation
study                       study.comparison study.plan
engines                     dataplane.engines
workers                     study.pool study.task
counterfactuals             study.causes
claims                      study.article.claims
quarter                     study.quarter.draw
assumptions                 constants.catalogue study.comparison
settable                    constants.catalogue
in_force                    constants.catalogue
"""
# of 0.2.0, below `sim.control.`: a room, a file of it, and those that are a part of that now
JOINED = """
autoscaling      target_tracking  cloud_run nomad_autoscaler
faults           maintenance      commands
health_checks    checks           cloud_run consul target_group
health_checks    docker           autoheal swarm
load_balancing   proxies          cloud_run ingress kube_proxy traefik
resource_limits  pressure         qos
rollback         undo             autorollback commands
rolling_updates  releases         analysis
rolling_updates  updates          batches cloud_run ecs nomad swarm
scheduling       microvms         cloud_run fargate
scheduling       scheduler        preemption
scheduling       tasks            heartbeats nomad swarm
secrets          managed_secrets  nomad_templates
self_healing     restarts         docker kubelet
self_healing     tasks            nomad
"""
MOVED = {
    f"sim.{old}": tuple(f"sim.{name}" for name in new)
    for old, *new in map(str.split, TABLE.strip().splitlines())
}
MOVED |= {
    f"sim.control.{room}.{old}": (f"sim.control.{room}.{new}",)
    for room, new, *olds in map(str.split, JOINED.strip().splitlines())
    for old in olds
}


class MovedError(ModuleNotFoundError):
    """An import of an earlier name: `old`, and `new` in words."""

    def __init__(self, old: str, modules: Sequence[str]) -> None:
        self.old = old
        *others, last = modules
        self.new = f"{', '.join(others)} or {last}" if others else last
        if modules[0].startswith(("sim.control", "sim.constants", "sim.schema", "sim.dataplane")):
            self.new += f" (or import it from {API})"
        super().__init__(f"moved: {old} is now {self.new}")  # no `name`: Python would hide it


class Signpost(MetaPathFinder):
    """The last one that an import asks: nobody else has found it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """MovedError for a module that stood there, or for what a package's module held."""
        if name == "sim.spec":  # what is asked for below it has a better answer
            return ModuleSpec(name, None, is_package=True)
        if name in MOVED:
            raise MovedError(name, MOVED[name])
        package, _, word = name.rpartition(".")
        for module in MOVED.get(package, ()):
            if not word.startswith("_") and hasattr(import_module(module), word):
                raise MovedError(name, [module])
        return None
