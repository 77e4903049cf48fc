"""What runs for long: Deployment, StatefulSet, DaemonSet, ReplicaSet, Pod, Rollout; and what other
objects say of it.

A workload becomes a service of a Compose project (image, command, variables, ports, resources), so
that roles, links and limits are read by one reader, and a patch for Kubernetes (replicas, probes,
scaling, budget, preStop), which Compose has no words for. Sources: kubernetes.io/docs reference
(v1.31), KEDA 2.15 ScaledObject.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sim.imports.compose.file import OWN
from sim.imports.compose.links import CONFIG_MAP
from sim.imports.compose.values import Node
from sim.imports.manifests.objects import Manifest
from sim.imports.manifests.quantities import cores, seconds, size
from sim.imports.manifests.service_body import ServiceBody
from sim.schema.fields import InputError
from sim.schema.text.document import read_documents

LASTING = (
    "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Pod",
    "Rollout",
)  # fmt: skip
SIDECARS = re.compile(
    r"istio-proxy|linkerd-proxy|envoy-sidecar|cloud-?sql-?proxy|vault-agent|fluent-?bit|exporter|"
    r"oauth2?-proxy|filebeat|datadog-agent|otel-(collector|agent)|config-reloader"
)
_DEPENDENT = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


@dataclass
class ManifestWorkload(ServiceBody):
    """A workload in Compose's words, and its patch for Kubernetes."""

    manifest: Manifest = field(kw_only=True)
    template: tuple[str, ...] = field(kw_only=True)  # where the pod's template stands
    beside: list[str] = field(default_factory=list)  # containers that are not simulated
    tiny: str = ""  # what is surely meant otherwise

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def labels(self) -> dict[str, str]:
        value = self.manifest.get(*self.template, "metadata", "labels").value
        return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}

    def pod(self, *keys: str) -> Node:
        return self.manifest.get(*self.template, "spec", *keys)


def workload(manifest: Manifest, values: Mapping[tuple[str, str], Manifest]) -> ManifestWorkload:
    """What a workload's own manifest says. `values`: ConfigMaps and Secrets by kind and name."""
    is_pod = manifest.kind == "Pod"
    own = ManifestWorkload(
        manifest.get("metadata", "name"),
        manifest=manifest,
        template=() if is_pod else ("spec", "template"),
    )
    container = _container(own)
    if container is None:
        raise own.pod("containers").wrong("a list with a container")
    own.aliases = [manifest.name]
    image = container.get("image")
    own.put(("image",), image.text() or "unknown", image)
    for key, word in (("command", "entrypoint"), ("args", "command")):
        part = container.get(key)
        if part.value:
            own.put((word,), [str(entry) for entry in _listed(part)], part)
            part.read.update(entry.path for entry in part.items())
    _environment(own, container, values)
    _resources(own, container)
    _stop(own, container)
    probes = {
        kind: _probe(container.get(f"{kind}Probe"))
        for kind in ("startup", "readiness", "liveness")
        if container.get(f"{kind}Probe").value
    }
    if probes:
        own.patch["probes"] = probes
    count = manifest.get("spec", "replicas")
    if not is_pod and count.value is not None:
        number = count.count() or 0
        own.put(("deploy", "replicas"), number, count)
        own.patch["replicas"] = number
    for at in (("metadata",), (*own.template, "metadata")):
        note = manifest.get(*at, "annotations", OWN)
        if note.value is not None:
            own.put((OWN,), _by_hand(note), note)
    return own


def _by_hand(note: Node) -> Any:
    """What somebody wrote of it as Compose's `x-sim:`, which an annotation holds as a text."""
    try:
        return next(iter(read_documents(note.text(), OWN))).data
    except (InputError, StopIteration):
        raise note.wrong("a role, or {role: worker, calls: [db]}") from None


def _listed(node: Node) -> list[Any]:
    if not isinstance(node.value, list):
        raise node.wrong("a list")
    return node.value


def _container(own: ManifestWorkload) -> Node | None:
    """The container that does the work; the others are named."""
    entries = [entry for entry in own.pod("containers").items() if isinstance(entry.value, dict)]
    plain = [
        entry
        for entry in entries
        if not SIDECARS.search(f"{entry.value.get('name')} {entry.value.get('image')}")
    ]
    chosen = next((e for e in plain if e.value.get("name") == own.name), None)
    chosen = chosen or next(iter([*plain, *entries]), None)
    if chosen is not None:
        chosen.read.add((*chosen.path, "name"))
    apart = [entry for entry in entries if entry is not chosen]
    apart += [entry for entry in own.pod("initContainers").items() if isinstance(entry.value, dict)]
    for entry in apart:
        own.beside.append(str(entry.value.get("name")))
        entry.read.add((*entry.path, "name"))
    return chosen


# ---- variables ----
def _environment(
    own: ManifestWorkload, container: Node, values: Mapping[tuple[str, str], Manifest]
) -> None:
    variables: dict[str, tuple[str, Node]] = {}
    for entry in container.get("envFrom").items():
        prefix = entry.get("prefix").text()
        for kind in ("configMapRef", "secretRef"):
            reference = entry.get(kind, "name")
            source = values.get((_KINDS[kind], str(reference.value)))
            if source is not None:
                reference.read.add(reference.path)
                pairs = _pairs(source)
                variables |= {prefix + key: (text, reference) for key, (text, _) in pairs.items()}
    for entry in container.get("env").items():
        variable, value = str(entry.get("name").value or ""), entry.get("value")
        if value.value is not None:
            variables[variable] = (value.text(), value)
            entry.read.add((*entry.path, "name"))
            continue
        for kind in ("configMapKeyRef", "secretKeyRef"):
            reference = entry.get("valueFrom", kind)
            source = values.get((_KINDS[kind], str(reference.get("name").value)))
            pairs = _pairs(source) if source is not None else {}
            key = str(reference.get("key").value)
            if key in pairs:
                variables[variable] = (pairs[key][0], reference)
                entry.read.add((*entry.path, "name"))
                entry.read.update((*reference.path, part) for part in ("name", "key"))
    for volume in own.pod("volumes").items():  # a proxy's configuration names what it asks
        mounted = volume.get("configMap", "name")
        source = values.get(("ConfigMap", mounted.text())) if mounted.value else None
        for key, (text, node) in (_pairs(source) if source is not None else {}).items():
            variables[f"{CONFIG_MAP}{mounted.text()}: {key}"] = (text, node)
            mounted.read.add(mounted.path)
    plain = {name: text for name, (text, _) in variables.items()}
    for variable, (text, node) in variables.items():
        own.put(
            ("environment", variable), _DEPENDENT.sub(lambda m: plain.get(m[1], m[0]), text), node
        )


_KINDS = {
    "configMapRef": "ConfigMap", "configMapKeyRef": "ConfigMap",
    "secretRef": "Secret", "secretKeyRef": "Secret",
}  # fmt: skip


def _pairs(source: Manifest) -> dict[str, tuple[str, Node]]:
    """Keys and texts of a ConfigMap, or of a Secret, whose `data` is in base 64."""
    pairs: dict[str, tuple[str, Node]] = {}
    for part in ("data", "stringData"):
        section = source.get(part)
        for key in section.value if isinstance(section.value, dict) else ():
            node = section.get(key)
            text = node.text()
            if source.kind == "Secret" and part == "data":
                try:
                    text = base64.b64decode(text, validate=True).decode("utf-8")
                except (binascii.Error, ValueError):
                    text = ""
            pairs[str(key)] = (text, node)
    return pairs


# ---- resources, probes, the end ----
_TINY = 2**16  # bytes; chosen: no program's, but one whose unit is missing or is `m`


def _resources(own: ManifestWorkload, container: Node) -> None:
    for word, key in (("limits", "limits"), ("reservations", "requests")):
        part = container.get("resources", key)
        cpu, memory = part.get("cpu"), part.get("memory")
        number = cores(cpu)
        if number is not None:
            own.put(("deploy", "resources", word, "cpus"), _plain(number), cpu)
            own.patch.setdefault("cpu", {})[key[:-1]] = number
        if memory.value is not None:
            count = size(memory) or 0
            own.put(("deploy", "resources", word, "memory"), f"{count}b", memory)
            own.patch.setdefault("memory", {})[key[:-1]] = count
            if count < _TINY:
                own.tiny = f"a memory of {count} bytes ({memory.text()})"
    for part_ in own.patch.keys() & {"cpu", "memory"}:  # a limit alone is the request, too
        if "request" not in own.patch[part_]:
            own.patch[part_]["request"] = own.patch[part_]["limit"]


def _plain(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")


_PROBE = {
    "period": "periodSeconds",
    "timeout": "timeoutSeconds",
    "success": "successThreshold",
    "failure": "failureThreshold",
    "initial_delay": "initialDelaySeconds",
}


def _probe(node: Node) -> dict[str, Any]:
    """A probe's numbers; how it asks is not simulated, but that it asks the database is."""
    fields: dict[str, Any] = {}
    for word, key in _PROBE.items():
        part = node.get(key)
        number = seconds(part)
        if number is not None and (number > 0 or word == "initial_delay"):
            fields[word] = f"{number:g}s" if word in _TIMES else int(number)
    return fields


_TIMES = ("period", "timeout", "initial_delay")
_SLEEP = re.compile(r"(?:^|[\s;&/])sleep\s+(\d+)")


def _stop(own: ManifestWorkload, container: Node) -> None:
    grace = own.pod("terminationGracePeriodSeconds")
    stop: dict[str, Any] = {}
    if grace.value is not None:
        own.put(("stop_grace_period",), f"{seconds(grace):g}s", grace)
        stop["grace"] = f"{seconds(grace):g}s"
    hook = container.get("lifecycle", "preStop")
    sleep = hook.get("sleep", "seconds")
    words = [*hook.get("exec", "command").items()]
    match = _SLEEP.search(" ".join(str(word.value) for word in words))
    if sleep.value is not None:
        stop["pre_stop"] = f"{seconds(sleep):g}s"
    elif match:
        stop["pre_stop"] = f"{match[1]}s"
        hook.read.update(word.path for word in words if match[1] in str(word.value))
    if stop:
        own.patch["stop"] = stop


# ---- what other objects say of it ----
def selected(selector: Any, workloads: Sequence[ManifestWorkload]) -> list[ManifestWorkload]:
    """Those whose pods have these labels; an empty selector selects none."""
    if not isinstance(selector, dict) or not selector:
        return []
    wanted = {(str(key), str(value)) for key, value in selector.items()}
    chosen = [own for own in workloads if wanted <= set(own.labels.items())]
    for own in chosen:
        labels = own.manifest.get(*own.template, "metadata", "labels")
        own.manifest.read.update((*labels.path, key) for key in selector)
    return chosen


def targeted(
    manifest: Manifest, workloads: Sequence[ManifestWorkload]
) -> Iterator[ManifestWorkload]:
    """The workload that a scaler names (`scaleTargetRef`)."""
    kind = manifest.text("spec", "scaleTargetRef", "kind") or "Deployment"
    name = manifest.text("spec", "scaleTargetRef", "name")
    return (own for own in workloads if (own.manifest.kind, own.name) == (kind, name))
