"""Manifests as a stack: workloads become services of a project, which Compose's reader understands
(roles, links, limits, the entry); what Kubernetes alone has words for is laid over it.

What was not read is told: kinds that are not simulated by name, and each other field once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from sim.imports.compose.body import maker_of
from sim.imports.compose.file import import_project
from sim.imports.compose.front import after, beside
from sim.imports.compose.links import hosts_of
from sim.imports.evidence import Corrections, Imported, Notes, leaves
from sim.imports.images import ENGINES, UNSURE, Part, word_of, word_of_image
from sim.imports.manifests.leftovers import lines_unread
from sim.imports.manifests.objects import Manifest, read_manifests
from sim.imports.manifests.policies import ROUTED, Exposure, exposures, protect, rank, scale
from sim.imports.manifests.service_body import project_of, with_patches
from sim.imports.manifests.workloads import LASTING, ManifestWorkload, selected, workload
from sim.schema.stack import Stack

_ROUTES = (
    "Service", "Ingress", "HTTPRoute", "GRPCRoute", "IngressRoute", "VirtualService", "Route",
)  # fmt: skip
_USED = (
    *LASTING, *_ROUTES, "HorizontalPodAutoscaler", "ScaledObject", "PodDisruptionBudget",
    "PriorityClass", "ConfigMap", "Secret",
)  # fmt: skip


def import_manifests(paths: Sequence[Path], like: Stack, corrections: Corrections) -> Imported:
    """What these files and folders describe; missing numbers are those of `like`. Raises
    `InputError`."""
    return import_objects(read_manifests(paths), paths, like, corrections)


def import_objects(
    manifests: Sequence[Manifest], paths: Sequence[Path], like: Stack, corrections: Corrections
) -> Imported:
    """The same of objects that were read; a stack is called after the first of the paths."""
    notes = Notes()
    workloads = _workloads(manifests, notes)
    if not workloads:
        kinds = ", ".join(dict.fromkeys(manifest.kind for manifest in manifests))
        expected = (
            f"one of {', '.join(LASTING)} (give all files of an application, or their folder)"
        )
        raise manifests[0].document.error((), f"no workload among {kinds}", expected)
    entry = _applied(manifests, workloads, notes)
    if entry and not corrections.entry and corrections.roles.get(entry, "http") == "http":
        corrections = replace(corrections, entry=entry)
    imported = import_project(project_of(paths, workloads, notes), like, corrections)
    return with_patches(imported, "kubernetes", workloads, list(lines_unread(manifests, _USED)))


def _workloads(manifests: Sequence[Manifest], notes: Notes) -> dict[str, ManifestWorkload]:
    """Those that run for long, by the names of their services."""
    values = {(m.kind, m.name): m for m in manifests if m.kind in ("ConfigMap", "Secret")}
    workloads: dict[str, ManifestWorkload] = {}
    for manifest in manifests:
        if manifest.kind not in LASTING or manifest.get("metadata", "ownerReferences").value:
            continue  # what another object made is told by that object
        if manifest.get("spec", "replicas").value == 0:
            notes.ignored.append(f"{manifest.title}: 0 replicas")
            manifest.read.add(manifest.at)
            continue
        name = re.sub(r"[^a-z0-9_-]+", "-", manifest.name.lower()).strip("-_") or "workload"
        namespace = manifest.namespace
        if name in workloads and not _same(workloads[name].manifest, manifest):
            name = f"{name}-{namespace or manifest.kind.lower()}"
        if name in workloads:
            notes.ignored.append(f"{manifest.title}: stands twice, the later counts")
            workloads[name].manifest.read.add(workloads[name].manifest.at)
        own = workloads[name] = workload(manifest, values)
        if own.beside:
            notes.ignored.append(f"{name}: the containers {', '.join(own.beside)} beside its own")
        if manifest.kind == "DaemonSet":
            notes.assumed.append(f"{name}: one on each server: one replica here")
        if own.tiny:
            notes.questions.append(f"is {own.tiny} meant for {name}? M or Mi is that of megabytes")
    return workloads


def _same(one: Manifest, other: Manifest) -> bool:
    """Is it one object of a cluster that both describe?"""
    spaces = {manifest.namespace or "default" for manifest in (one, other)}
    return one.kind == other.kind and len(spaces) == 1


def _applied(
    manifests: Sequence[Manifest], workloads: dict[str, ManifestWorkload], notes: Notes
) -> str:
    """What other objects say of the workloads: names, ways in, scaling, budgets, priorities. The
    name of the one that users reach first, unless its image says that it is a proxy or a store."""
    listed = list(workloads.values())
    services = [m for m in manifests if m.kind == "Service"]
    hosts = _dotted(listed)
    for service in services:
        labels = service.get("spec", "selector")
        for own in selected(labels.value, listed):
            labels.read.add(labels.path)
            own.aliases += [service.name, *_long_names(service, hosts)]
            ports = service.get("spec", "ports")
            if ports.value and "expose" not in own.body:
                own.put(
                    ("expose",), [str(port.value.get("port")) for port in ports.items()], labels
                )
    for own in listed:
        if not own.body.get("expose") and not _listens(own.manifest):
            own.body["expose"] = []  # neither a port nor a Service says that it is reached
    for manifest in manifests:
        fits = True
        if manifest.kind in ("HorizontalPodAutoscaler", "ScaledObject"):
            fits = scale(manifest, listed, notes)
        elif manifest.kind == "PodDisruptionBudget":
            fits = protect(manifest, listed)
        if not fits:
            notes.ignored.append(f"{manifest.title}: of a workload that is not in the files")
            manifest.read.add(manifest.at)
    classes = [m for m in manifests if m.kind == "PriorityClass"]
    for own in listed:
        rank(own, classes, notes)
    first = _expose(manifests, services, listed, notes)
    if first is None or _part(first) is not None:
        return ""
    return next(name for name, own in workloads.items() if own is first)


_DOTTED = re.compile(r"(?<![\w.-])[a-z0-9-]+(?:\.[a-z0-9-]+)+")


def _dotted(workloads: Sequence[ManifestWorkload]) -> set[str]:
    """Names of several parts that their variables and commands have."""
    told = (
        str(text)
        for own in workloads
        for part in ("environment", "entrypoint", "command")
        for _, text in leaves(own.body.get(part, {}))
    )
    return {name for text in told for name in _DOTTED.findall(text)}


def _long_names(service: Manifest, hosts: Collection[str]) -> list[str]:
    """Hosts among these that are it (kubernetes.io/docs, DNS for Services and Pods): `db.shop.svc`;
    of a set's first pod `db-0.db`. Which namespace it comes to need not be in the files."""
    space = re.escape(service.namespace) or r"(?:default|[a-z0-9-]+(?=\.svc))"
    name = rf"(?:[a-z0-9-]+-\d+\.)?{re.escape(service.name)}"
    long = rf"{name}(?:\.{space}(?:\.svc(?:\.cluster\.local)?)?)?"
    return sorted(host for host in hosts if re.fullmatch(long, host))


def _expose(
    manifests: Sequence[Manifest],
    services: Sequence[Manifest],
    workloads: Sequence[ManifestWorkload],
    notes: Notes,
) -> ManifestWorkload | None:
    """Give a port to what users reach; to other ways in one of their own address. The workload that
    is reached first, if it is one alone."""
    ways: list[tuple[Exposure, ManifestWorkload]] = []
    for manifest in manifests:
        for way in exposures(manifest):
            way.source.read.add(way.source.path)
            service = next((s for s in services if s.name == way.service), None)
            behind = selected(service.get("spec", "selector").value, workloads) if service else []
            ways += [(way, own) for own in behind[:1]]
            if not behind:
                notes.ignored.append(f"{manifest.title}: leads to {way.service}, where nothing is")
    fitting = [pair for pair in ways if _part(pair[1]) in (None, "proxy", "page")] or ways
    order = min((_order(*pair) for pair in fitting), default=0)
    first = [pair for pair in fitting if _order(*pair) == order]
    stores = {name for own in workloads if _part(own) in ENGINES for name in own.aliases}
    hosts = {own.name: _asked(own) for _, own in first}
    called = {name for named in hosts.values() for name in named}
    first.sort(
        key=lambda pair: (
            beside(pair[1].name) or _for_staff(pair[1], workloads),
            not called.isdisjoint(pair[1].aliases),  # it is behind another
            *after(pair[1].name),
            hosts[pair[1].name].isdisjoint(stores),
        )
    )
    reached: dict[str, ManifestWorkload] = {}
    taken: set[int] = set()
    for way, own in first:
        if own.name not in reached and way.port not in taken:
            reached[own.name] = own
            taken.add(way.port)
            own.put(("ports",), [f"{way.port}:{way.port}"], way.source)
            _without_replicas(own)  # on one server a second finds its port taken
    others: dict[str, ManifestWorkload] = {}
    for way, own in ways:
        if own.name not in (*reached, *others) and _part(own) in (None, "page"):
            others[own.name] = own
            own.put(("ports",), [f"{way.port}"], way.source)
    untold = dict.fromkeys(own.name for _, own in ways if own.name not in (*reached, *others))
    if untold:
        notes.ignored.append(f"users' requests to {', '.join(untold)}, which is no service of HTTP")
    alone = len({own.name for _, own in first}) == 1
    return first[0][1] if alone or (first and order <= ROUTED) else None


def _order(way: Exposure, own: ManifestWorkload) -> int:
    """A balancer's before a port of all servers, but for what only checks who asks."""
    return way.order + (way.order > ROUTED and after(own.name)[0])


def _asked(own: ManifestWorkload) -> set[str]:
    """The hosts that its variables name; but for its own."""
    texts = own.body.get("environment", {}).values()
    return {host for text in texts for host, _ in hosts_of(text)}.difference(own.aliases)


def _for_staff(own: ManifestWorkload, workloads: Sequence[ManifestWorkload]) -> bool:
    """A tool with pages, unless those made it who made the services: an application's dashboard."""
    makers = {maker_of(other.body) for other in workloads if _part(other) is None}
    return _part(own) == "page" and maker_of(own.body) not in makers - {""}


def _listens(manifest: Manifest) -> bool:
    """A container of it has a port, or is probed on one."""
    said = {"containerPort", "httpGet", "tcpSocket", "grpc"}
    return any(said.intersection(path) for path, _ in leaves(manifest.data))


def _without_replicas(own: ManifestWorkload) -> None:
    deploy = own.body.get("deploy", {})
    deploy.pop("replicas", None)
    if not deploy:
        own.body.pop("deploy", None)


def _part(own: ManifestWorkload) -> Part | None:
    """What its image says it is beside an application of somebody's own."""
    word = word_of_image(str(own.body["image"])) or word_of(own.name)
    unsaid = word is None or word.part in ("http", "worker") or word.word in UNSURE
    return None if unsaid or word is None else word.part
