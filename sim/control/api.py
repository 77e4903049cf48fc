"""The one page that a platform file of your own imports from, and that stays when our files move.

    from sim.control.api import Cluster, Fact, Loop, Platform, Rank, constant, start_again

It names what `docs/own_orchestrator.md` uses, what a mechanism is written with, and all mechanisms
that our own platforms are made of, room by room. What is not named here may move without a word.
"""

# ruff: noqa: PLC0414 - `as` says that a name is handed on

from __future__ import annotations

from sim.constants.facts import Fact as Fact
from sim.constants.facts import constant as constant
from sim.control.autoscaling.cluster_autoscaler import ServerAutoscaler as ServerAutoscaler
from sim.control.autoscaling.hpa_loop import Autoscaling as Autoscaling
from sim.control.autoscaling.keda import Keda as Keda
from sim.control.autoscaling.target_tracking import NomadAutoscaler as NomadAutoscaler
from sim.control.autoscaling.target_tracking import OnDemand as OnDemand
from sim.control.autoscaling.target_tracking import TargetTracking as TargetTracking
from sim.control.core.clock import Clock as Clock
from sim.control.core.clock import Loop as Loop
from sim.control.core.clock import Rank as Rank
from sim.control.core.clock import Task as Task
from sim.control.core.cluster import Address as Address
from sim.control.core.cluster import Change as Change
from sim.control.core.cluster import Cluster as Cluster
from sim.control.core.cluster import Container as Container
from sim.control.core.cluster import Pending as Pending
from sim.control.core.cluster import PortTakenError as PortTakenError
from sim.control.core.cluster import Server as Server
from sim.control.core.cluster import Split as Split
from sim.control.core.records import STATEFUL as STATEFUL
from sim.control.health_checks.checks import ServiceChecks as ServiceChecks
from sim.control.health_checks.checks import StartupProbe as StartupProbe
from sim.control.health_checks.checks import TargetHealth as TargetHealth
from sim.control.health_checks.checks import ask as ask
from sim.control.health_checks.checks import checks as checks
from sim.control.health_checks.docker import Autoheal as Autoheal
from sim.control.health_checks.docker import DockerHealthchecks as DockerHealthchecks
from sim.control.health_checks.docker import SwarmHealthchecks as SwarmHealthchecks
from sim.control.health_checks.probes import HealthChecks as HealthChecks
from sim.control.load_balancing.haproxy import HAProxy as HAProxy
from sim.control.load_balancing.mesh import MeshBalancing as MeshBalancing
from sim.control.load_balancing.proxies import FrontEnd as FrontEnd
from sim.control.load_balancing.proxies import IngressBalancing as IngressBalancing
from sim.control.load_balancing.proxies import ServiceBalancing as ServiceBalancing
from sim.control.load_balancing.proxies import TargetBalancing as TargetBalancing
from sim.control.load_balancing.proxies import Traefik as Traefik
from sim.control.resource_limits.pressure import KubeletLimits as KubeletLimits
from sim.control.resource_limits.profiles import Limits as Limits
from sim.control.rollback.undo import AutoRollback as AutoRollback
from sim.control.rollback.undo import JobRevert as JobRevert
from sim.control.rollback.undo import PreviousTaskDefinition as PreviousTaskDefinition
from sim.control.rollback.undo import PreviousVersion as PreviousVersion
from sim.control.rollback.undo import RolloutUndo as RolloutUndo
from sim.control.rollback.undo import ServiceRollback as ServiceRollback
from sim.control.rollback.undo import TrafficSplit as TrafficSplit
from sim.control.rolling_updates.blue_green import BlueGreen as BlueGreen
from sim.control.rolling_updates.canary import Canary as Canary
from sim.control.rolling_updates.deployment import Recreate as Recreate
from sim.control.rolling_updates.deployment import RollingUpdate as RollingUpdate
from sim.control.rolling_updates.releases import Analysis as Analysis
from sim.control.rolling_updates.script import DeployScript as DeployScript
from sim.control.rolling_updates.updates import EcsDeployment as EcsDeployment
from sim.control.rolling_updates.updates import Revisions as Revisions
from sim.control.rolling_updates.updates import SwarmUpdate as SwarmUpdate
from sim.control.rolling_updates.updates import Update as Update
from sim.control.scheduling.disruption import Evictions as Evictions
from sim.control.scheduling.kubelet import Kubelet as Kubelet
from sim.control.scheduling.microvms import Fargate as Fargate
from sim.control.scheduling.microvms import Instances as Instances
from sim.control.scheduling.microvms import MicroVMs as MicroVMs
from sim.control.scheduling.microvms import Price as Price
from sim.control.scheduling.node_lifecycle import NodeLifecycle as NodeLifecycle
from sim.control.scheduling.placement import Load as Load
from sim.control.scheduling.placement import Resources as Resources
from sim.control.scheduling.placement import fits as fits
from sim.control.scheduling.placement import load_of as load_of
from sim.control.scheduling.placement import requested as requested
from sim.control.scheduling.placement import requests as requests
from sim.control.scheduling.replicas import Phase as Phase
from sim.control.scheduling.replicas import ReplicaSet as ReplicaSet
from sim.control.scheduling.replicas import keep as keep
from sim.control.scheduling.scheduler import Scheduling as Scheduling
from sim.control.scheduling.tasks import Heartbeats as Heartbeats
from sim.control.scheduling.tasks import NomadScheduling as NomadScheduling
from sim.control.scheduling.tasks import SwarmScheduling as SwarmScheduling
from sim.control.secrets.managed_secrets import NomadVariables as NomadVariables
from sim.control.secrets.managed_secrets import SecretManager as SecretManager
from sim.control.secrets.managed_secrets import SecretManagerVolumes as SecretManagerVolumes
from sim.control.secrets.managed_secrets import SecretsManager as SecretsManager
from sim.control.secrets.managed_secrets import SwarmSecrets as SwarmSecrets
from sim.control.secrets.passwords import SecretEnv as SecretEnv
from sim.control.secrets.passwords import SecretVolumes as SecretVolumes
from sim.control.self_healing.restarts import Backoff as Backoff
from sim.control.self_healing.restarts import DockerRestarts as DockerRestarts
from sim.control.self_healing.restarts import KubeletRestarts as KubeletRestarts
from sim.control.self_healing.restarts import start_again as start_again
from sim.control.self_healing.tasks import Restart as Restart
from sim.control.self_healing.tasks import SwarmReplacement as SwarmReplacement
from sim.control.self_healing.tasks import TaskReplacement as TaskReplacement
from sim.control.service_discovery.dns import HeadlessNames as HeadlessNames
from sim.control.service_discovery.endpoints import Catalogue as Catalogue
from sim.control.service_discovery.endpoints import Endpoints as Endpoints
from sim.control.service_discovery.endpoints import Gossip as Gossip
from sim.control.service_discovery.endpoints import Routes as Routes
from sim.control.service_discovery.endpoints import Targets as Targets
from sim.dataplane.codes import Algorithm as Algorithm
from sim.dataplane.profile import Routing as Routing
from sim.platforms.platform import Platform as Platform
from sim.schema.fields import InputError as InputError
from sim.schema.fields import LawSpec as LawSpec
from sim.schema.layers import AtLeast as AtLeast
from sim.schema.layers import IfMissing as IfMissing
from sim.schema.scenario import Version as Version
from sim.schema.stack import Service as Service
from sim.schema.stack import Stack as Stack
