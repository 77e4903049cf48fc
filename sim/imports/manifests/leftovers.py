"""What of manifests, jobs and task definitions is not simulated: each leaf that nobody read, by its
name and in groups, with how often it stands, so that the list stays readable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sim.imports.evidence import leaves
from sim.imports.manifests.objects import Manifest
from sim.schema.text.document import Path_

_DEEP = {"metadata": 2, "containers": 2, "spec": 2}  # names before a line's bracket
_SHOWN = 6  # names in a line
_FOUND_BY = (("kind",), ("metadata", "name"))  # how others name it


def lines_unread(manifests: Sequence[Manifest], used: Collection[str]) -> Iterator[str]:
    """Kinds that are not simulated, by name; then each other field once, with how often it stands
    where more than once, and its objects."""
    kinds: dict[str, dict[str, None]] = {}
    fields: dict[str, tuple[Counter[str], dict[str, str]]] = {}  # below it; objects and kinds
    for manifest in manifests:
        made = manifest.get("metadata", "ownerReferences").value
        if manifest.kind not in used or made:
            kind = f"{manifest.kind} that another object made" if made else manifest.kind
            kinds.setdefault(kind, {})[manifest.name] = None
            continue
        for path, value in leaves(manifest.data):
            if path not in _FOUND_BY and not known((*manifest.at, *path), manifest.read):
                names, below = _field(path, value)
                counts, titles = fields.setdefault(names, (Counter(), {}))
                counts[below] += 1
                titles[manifest.title] = manifest.kind
    for kind, named in kinds.items():
        yield f"{kind}: {_shown(list(named))} (a kind that is not simulated)"
    for key, (counts, titles) in fields.items():
        yield f"{grouped(key, counts)}: {_counted(titles)}"


def grouped(key: str, below: Counter[str]) -> str:
    """`spec.rules (host, path x2)`: what stands below a key, and how often."""
    words = [f"{name} x{count}" if count > 1 else name for name, count in below.items()]
    details = ", ".join(word.strip() for word in words if word)
    return f"{key} ({details})".strip() if details else key


def known(path: Path_, read: Collection[Path_]) -> bool:
    return any(path[:length] in read for length in range(len(path) + 1))


def _field(path: Path_, value: Any) -> tuple[str, str]:
    """`containers.securityContext` and `runAsUser` of a pod's template; of an object's version and
    of its namespace which."""
    names = [str(part) for part in path if isinstance(part, str)]
    if names[:3] == ["spec", "template", "spec"]:
        names = names[3:]
    elif names[:2] == ["spec", "template"]:
        names = names[2:]
    head = _DEEP.get(names[0], 1)
    if names[0] == "metadata":  # labels and annotations by their names, no record of who wrote what
        names = names[: 3 if names[1:2] in (["labels"], ["annotations"]) else 2]
    if names[0] == "status":
        names = names[:1]
    told = names in (["apiVersion"], ["metadata", "namespace"])
    below = str(value) if told else ".".join(names[head:])
    return ".".join(names[:head]), below


def _shown(names: Sequence[str]) -> str:
    kept = ", ".join(names[:_SHOWN])
    return kept if len(names) <= _SHOWN else f"{kept} and {len(names) - _SHOWN} more"


def _counted(titles: Mapping[str, str]) -> str:
    """`Deployment api, Service api`; of many objects how many of each kind."""
    kinds = Counter(titles.values())
    if len(titles) <= 3:
        return ", ".join(titles)
    if len(kinds) > 3:
        return f"{len(titles)} objects of {len(kinds)} kinds"
    return ", ".join(f"{count} of kind {kind}" for kind, count in kinds.items())
