"""What scales a workload, what protects it, and what leads users to it: HPA, KEDA's ScaledObject,
PodDisruptionBudget, PriorityClass; Service, Ingress, routes of the Gateway API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sim.imports.compose.values import Node
from sim.imports.evidence import Notes
from sim.imports.manifests.objects import Manifest
from sim.imports.manifests.quantities import amount, seconds
from sim.imports.manifests.workloads import ManifestWorkload, selected, targeted

_KEDA_MOST = 100  # maxReplicaCount's default (keda.sh/docs/2.15/reference/scaledobject-spec)
_SELECT = {"Max": "max", "Min": "min", "Disabled": "disabled"}


# ---- scaling ----
def scale(manifest: Manifest, workloads: Sequence[ManifestWorkload], notes: Notes) -> bool:
    """Put an HPA's or a ScaledObject's bounds and targets on the workload that it names."""
    for own in targeted(manifest, workloads):
        keda = manifest.kind == "ScaledObject"
        scaling = _keda(manifest, own, notes) if keda else _horizontal(manifest, notes)
        if scaling:
            own.patch["scaling"] = scaling
        if not own.patch.get("replicas"):
            own.patch["replicas"] = max(1, scaling.get("min", 1))
        return True
    return False


def _horizontal(manifest: Manifest, notes: Notes) -> dict[str, Any]:
    low, high = manifest.get("spec", "minReplicas"), manifest.get("spec", "maxReplicas")
    scaling: dict[str, Any] = {"min": _count(low, 1), "max": _count(high, 10)}
    old = manifest.get("spec", "targetCPUUtilizationPercentage")
    if old.value is not None:
        scaling["cpu"] = f"{_count(old, 80)}%"
    for metric in manifest.get("spec", "metrics").items():
        name = metric.get("resource", "name").text()
        share = metric.get("resource", "target", "averageUtilization")
        if metric.get("type").text() == "Resource" and name == "cpu" and share.value is not None:
            scaling["cpu"] = f"{_count(share, 80)}%"
        else:
            kind = f"{metric.get('type').text()} {name}".strip()
            notes.ignored.append(f"{manifest.title}: scaling by {kind} (CPU alone is simulated)")
        metric.read.update((*metric.path, *path) for path in _METRIC)
    if "cpu" not in scaling and manifest.get("spec", "metrics").value:
        notes.questions.append(f"which CPU target stands for the metrics of {manifest.title}?")
    behavior = manifest.get("spec", "behavior")
    rules = {
        word: _rules(behavior.get(key))
        for word, key in (("up", "scaleUp"), ("down", "scaleDown"))
        if behavior.get(key).value
    }
    if rules:
        scaling["behavior"] = rules
    return scaling


_METRIC = (("type",), ("resource", "name"))  # by what a metric is


def _rules(node: Node) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    window = seconds(node.get("stabilizationWindowSeconds"))
    if window is not None:
        rules["window"] = f"{window:g}s"
    select = node.get("selectPolicy")
    if select.value is not None:
        if select.text() not in _SELECT:
            raise select.wrong("one of Max, Min, Disabled")
        select.read.add(select.path)
        rules["select"] = _SELECT[select.text()]
    policies = []
    for policy in node.get("policies").items():
        kind = policy.get("type")
        if kind.text() not in ("Pods", "Percent"):
            raise kind.wrong("Pods or Percent")
        kind.read.add(kind.path)
        period = f"{seconds(policy.get('periodSeconds'), 15.0):g}s"
        policies.append({kind.text().lower(): _count(policy.get("value"), 1), "period": period})
    if policies:
        rules["policies"] = policies
    return rules


def _keda(manifest: Manifest, own: ManifestWorkload, notes: Notes) -> dict[str, Any]:
    """A trigger on CPU makes an HPA. One on a queue needs KEDA on the platform, which a stack
    cannot ask for: how to is told."""
    low, high = manifest.get("spec", "minReplicaCount"), manifest.get("spec", "maxReplicaCount")
    scaling: dict[str, Any] = {"min": _count(low, 0), "max": _count(high, _KEDA_MOST)}
    for trigger in manifest.get("spec", "triggers").items():
        kind, metadata = trigger.get("type"), trigger.get("metadata")
        length = metadata.get("listLength")
        if kind.text() == "cpu" and metadata.get("value").value is not None:
            scaling["cpu"] = f"{_count(metadata.get('value'), 80)}%"
            continue
        line = f"{manifest.title}: scaling by {kind.text()}"
        if kind.text().startswith("redis") and length.value is not None:
            bounds = {**scaling, "queue": _count(length, 5)}
            fields = ", ".join(f"{key}: {value}" for key, value in bounds.items())
            line += " (--set kubernetes.autoscaling.keda={} "
            line += f"--set 'stack.services.{own.name}.scaling={{{fields}}}')"
        notes.ignored.append(f"{line}: {own.name} keeps its number")
    return {**scaling, "min": max(1, scaling["min"])} if "cpu" in scaling else {}


def _count(node: Node, default: int) -> int:
    node.read.add(node.path)
    count = node.count()
    return default if count is None else count


# ---- protection ----
def protect(manifest: Manifest, workloads: Sequence[ManifestWorkload]) -> bool:
    """A PodDisruptionBudget of the workloads that it selects."""
    labels = manifest.get("spec", "selector", "matchLabels")
    chosen = selected(labels.value, workloads)
    for own in chosen:
        labels.read.add(labels.path)
        budget: dict[str, Any] = {}
        for word, key in (("min_available", "minAvailable"), ("max_unavailable", "maxUnavailable")):
            bound = amount(manifest.get("spec", key))
            if bound is not None:
                budget[word] = bound
        policy = manifest.text("spec", "unhealthyPodEvictionPolicy")
        if policy == "AlwaysAllow":
            budget["unhealthy"] = "always_allow"
        own.patch["disruption"] = budget
    return bool(chosen)


def rank(own: ManifestWorkload, classes: Sequence[Manifest], notes: Notes) -> None:
    """The value of its PriorityClass."""
    name = own.pod("priorityClassName")
    if name.value is None:
        return
    name.read.add(name.path)
    priority = next((manifest for manifest in classes if manifest.name == name.text()), None)
    if priority is None:
        notes.ignored.append(f"{own.name}: priority class {name.text()}, which is not in the files")
        return
    own.patch["priority"] = _count(priority.get("value"), 0)
    if priority.text("preemptionPolicy") == "Never":
        own.patch["preemption_policy"] = "never"


# ---- who is reached from outside ----
ROUTED = 1  # the last order of those that an Ingress or a route names


class Exposure:
    """A way in: to which service of which port, and what says so."""

    def __init__(self, service: str, port: int, source: Node, order: int) -> None:
        self.service, self.port, self.source, self.order = service, port, source, order


def exposures(manifest: Manifest) -> Iterator[Exposure]:
    """Ways in that one object says: an Ingress's backends, a route's, a Service of type
    LoadBalancer or NodePort. First those of the path `/`, then of others: an Ingress is made for
    users, and what it has for requests that fit no rule is for nobody."""
    if manifest.kind == "Service":
        kind = manifest.get("spec", "type")
        if kind.value in ("LoadBalancer", "NodePort"):
            first = next(manifest.get("spec", "ports").items(), None)
            port = first.get("port").count() if first is not None else None
            yield Exposure(manifest.name, port or 80, kind, 3 if kind.value == "NodePort" else 2)
    elif manifest.kind == "Ingress":
        backend = manifest.get("spec", "defaultBackend", "service", "name")
        rules = [*manifest.get("spec", "rules").items()]
        if backend.value:
            yield Exposure(backend.text(), 80, backend, 3 if rules else 0)
        for rule in rules:
            for path in rule.get("http", "paths").items():
                name = path.get("backend", "service", "name")
                name = name if name.value else path.get("backend", "serviceName")
                yield Exposure(name.text(), 80, name, _order(str(path.get("path").value or "/")))
    elif manifest.kind == "Route":  # of OpenShift
        name, path = manifest.get("spec", "to", "name"), manifest.get("spec", "path")
        yield Exposure(name.text(), 80, name, _order(str(path.value or "/")))
    elif manifest.kind in ("HTTPRoute", "GRPCRoute", "IngressRoute", "VirtualService"):
        if manifest.kind == "VirtualService" and not manifest.get("spec", "gateways").value:
            return  # how services of a mesh reach each other
        for rule in [
            *manifest.get("spec", "rules").items(),
            *manifest.get("spec", "routes").items(),
            *manifest.get("spec", "http").items(),
        ]:
            named = [
                *(entry.get("name") for entry in rule.get("backendRefs").items()),
                *(entry.get("name") for entry in rule.get("services").items()),
                *(entry.get("destination", "host") for entry in rule.get("route").items()),
            ]
            for name in named:
                if name.value:
                    yield Exposure(name.text().split(".")[0], 80, name, _order(*_paths(rule)))


def _order(*paths: str) -> int:
    """Of what is asked for `/`, or for anything, before what is asked for a part."""
    return (
        0 if not paths or any(re.fullmatch(r"\^?/\??(\(?\.?\*\)?)?", path) for path in paths) else 1
    )


def _paths(rule: Node) -> Iterator[str]:
    """Which of users' requests fit it: of the Gateway API, of Istio, of Traefik."""
    words = rule.get("match")
    if isinstance(words.value, str):
        yield from re.findall(r"Path(?:Prefix)?\(`([^`]*)`\)", words.value)
        return
    for match in [*rule.get("matches").items(), *words.items()]:
        for key in (("path", "value"), *(("uri", how) for how in ("prefix", "exact", "regex"))):
            if match.get(*key).value is not None:
                yield str(match.get(*key).value)
