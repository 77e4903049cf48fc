"""A winner as files to apply: a Compose override, or patches of Deployment, HPA and PDB.

What a setting is called there is a table; a setting that neither file has is named in a comment.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from sim.platforms import layers
from sim.schema.stack import Service
from sim.simulation.case import Case

MIB = 2**20
# what of a service's settings stands in these files
COMPOSE = ("replicas", "restart", "cpu.limit", "memory.limit", "stop.grace")
KUBERNETES = (
    "replicas", "cpu.limit", "cpu.request", "memory.limit", "memory.request", "stop.grace",
    "scaling.min", "scaling.max", "scaling.cpu", "disruption",
)  # fmt: skip


def files(case: Case, settings: Mapping[str, Any], finding: str) -> dict[str, str]:
    """By their names; `finding`: why, as a comment on top."""
    of_kubernetes = "kubernetes" in {layer.platform for layer in layers(case.platform)}
    known = KUBERNETES if of_kubernetes else COMPOSE
    services = {path.split(".")[2] for path in settings if path.startswith("stack.services.")}
    other = [
        f"{path}={value}" for path, value in settings.items()
        if not (path.startswith("stack.services.") and path.endswith(known))
    ]  # fmt: skip
    head = [finding, *(f"not in this file: {text}" for text in other)]
    named = {name: s for name, s in case.stack.services.items() if name in services}
    if of_kubernetes:
        documents = [doc for name, s in named.items() for doc in _patches(name, s)]
        return {"kubernetes.yaml": _written(head, documents)}
    override = {"services": {name: _override(service) for name, service in named.items()}}
    return {"compose.override.yaml": _written(head, [override])}


def _override(service: Service) -> dict[str, Any]:
    limits = _resources(service.cpu.limit, service.memory.limit, "cpus")
    deploy: dict[str, Any] = {"replicas": service.replicas}
    if limits:
        deploy["resources"] = {"limits": limits}
    entry: dict[str, Any] = {"restart": service.restart, "deploy": deploy}
    if service.stop.grace is not None:
        entry["stop_grace_period"] = f"{service.stop.grace:g}s"
    return entry


def _patches(name: str, service: Service) -> list[dict[str, Any]]:
    """What `kubectl patch` or kustomize takes, under the service's name."""
    container: dict[str, Any] = {"name": name}
    resources = {
        "requests": _resources(service.cpu.request, service.memory.request, "cpu"),
        "limits": _resources(service.cpu.limit, service.memory.limit, "cpu"),
    }
    if any(resources.values()):
        container["resources"] = {kind: of for kind, of in resources.items() if of}
    pod: dict[str, Any] = {"containers": [container]}
    if service.stop.grace is not None:
        pod["terminationGracePeriodSeconds"] = round(service.stop.grace)
    spec: dict[str, Any] = {"template": {"spec": pod}}
    if service.scaling is None:  # else the HPA says how many
        spec = {"replicas": service.replicas, **spec}
    patches = [_document("apps/v1", "Deployment", name, spec)]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    if service.scaling is not None:
        utilisation = {
            "type": "Utilization",
            "averageUtilization": round(100 * service.scaling.cpu),
        }
        metric = {"type": "Resource", "resource": {"name": "cpu", "target": utilisation}}
        bounds = {"minReplicas": service.scaling.min, "maxReplicas": service.scaling.max}
        hpa = {"scaleTargetRef": target, **bounds, "metrics": [metric]}
        patches.append(_document("autoscaling/v2", "HorizontalPodAutoscaler", name, hpa))
    if service.disruption is not None:
        budget = service.disruption
        bound = {"minAvailable": budget.min_available, "maxUnavailable": budget.max_unavailable}
        given = {word: _amount(value) for word, value in bound.items() if value is not None}
        pdb = {**given, "selector": {"matchLabels": {"app": name}}}
        patches.append(_document("policy/v1", "PodDisruptionBudget", name, pdb))
    return patches


def _document(version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _resources(cores: float | None, memory: int | None, cpu: str) -> dict[str, str]:
    resources = {}
    if cores is not None:
        resources[cpu] = f"{cores:g}" if cpu == "cpus" else f"{round(1000 * cores)}m"
    if memory is not None:
        resources["memory"] = f"{memory // MIB}M" if cpu == "cpus" else f"{memory // MIB}Mi"
    return resources


def _amount(value: float) -> int | str:
    return value if isinstance(value, int) else f"{round(100 * value)}%"


def _written(head: list[str], documents: list[dict[str, Any]]) -> str:
    out = StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump_all(documents, out)
    return "".join(f"# {line}\n" for line in head) + out.getvalue()
