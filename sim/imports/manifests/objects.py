"""The objects of manifests: files of many documents, folders, lists, and what else a file may be.

What is no manifest is told for what it is: a Helm template, a chart, a kustomization, a definition
of a kind, a KubeVela application, a Nomad job in HCL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sim.imports.compose.values import Node
from sim.schema.fields import InputError
from sim.schema.text.document import Document, Path_, describe, read_documents
from sim.schema.text.files import read_text

MOST_MANIFESTS = 2**23  # bytes of one file: `kubectl get -o yaml` of a namespace; chosen
MOST_FILES = 500  # of a folder; chosen
_TEMPLATE = re.compile(
    r"\{\{-?\s*(?:\.|\$(?!labels|value)|if|range|include|with|define|template|toYaml|end)"
)
_CHART = re.compile(r"\{\{[^}\n]*\.(?:Values|Release|Chart|Capabilities)\b")
# text of an alert, a dashboard or a mail may have such places: `key: |` and what is indented below
_TEXT = re.compile(r"(?m)^( *)(?:- +)?[^\s#].*[|>][+-]?\d* *$(?:\n(?:\1 +.*| *(?=\n)))+")
_COMMENT = re.compile(r"(?m)^ *#.*$")
_PLACEHOLDER = re.compile(r"^\s*(?:- )?[\w.-]+:\s+\{\{", re.MULTILINE)
_ENDS = (".yaml", ".yml", ".json")
# other files of the same world, by what only they have -> what would do
_FOREIGN = {
    "CustomResourceDefinition": "it defines a kind: give the objects of that kind's operator",
    "Application": "a KubeVela or Argo CD application: give what it renders (`vela dry-run`, "
    "`argocd app manifests`)",
    "Kustomization": "`kustomize build FOLDER > FILE` renders it",
    "HelmRelease": "`helm template CHART > FILE` renders it",
    "HelmChart": "`helm template CHART > FILE` renders it",
}


_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_CHART_FILE = "Chart.yaml"
_KUSTOMIZATION = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
_DEFAULTS = {  # of files that say so by their names alone
    **{name: _KUSTOMIZATION for name in _KUSTOMIZATIONS},
    _CHART_FILE: {"kind": "Helm chart"},
}


def _patches(files: Sequence[Path]) -> set[Path]:
    """Files that a kustomization among these lays over others: no objects of their own."""
    named: set[Path] = set()
    for path in files:
        if path.name in _KUSTOMIZATIONS:
            for document in read_documents(read_text(path, str(path), MOST_MANIFESTS), str(path)):
                data = document.data if isinstance(document.data, dict) else {}
                listed = [
                    entry.get("path") if isinstance(entry, dict) else entry
                    for key in ("patches", "patchesStrategicMerge", "patchesJson6902")
                    for entry in data.get(key) or []
                ]
                one_line = (entry for entry in listed if entry and "\n" not in str(entry))
                named |= {(path.parent / str(entry)).resolve() for entry in one_line}
    return named


@dataclass(frozen=True)
class Manifest:
    """One object, its fields by dotted paths (`spec.replicas`); what is read of it is noted."""

    document: Document
    at: Path_  # where it stands in its document
    data: dict[str, Any]
    read: set[Path_] = field(default_factory=set, compare=False)
    patches: bool = False  # another object of its name, by a kustomization

    @property
    def kind(self) -> str:
        kind = str(self.data.get("kind", ""))
        return f"patch of a {kind}" if self.patches else kind

    @property
    def group(self) -> str:
        """`apps` of `apps/v1`; empty of the core's."""
        return str(self.data.get("apiVersion", "")).rpartition("/")[0]

    @property
    def name(self) -> str:
        metadata = self.data.get("metadata", self.data)  # a chart has its own at its top
        return str(metadata.get("name", "")) if isinstance(metadata, dict) else ""

    @property
    def namespace(self) -> str:
        """As it says; whoever applies it may say another."""
        return str(self.get("metadata", "namespace").value or "")

    @property
    def title(self) -> str:
        """`Deployment api`."""
        return f"{self.kind} {self.name}".strip()

    def get(self, *keys: str) -> Node:
        """The value at a path below; None where a part of it is missing."""
        return Node(self.document, self.at, self.data, self.read).get(*keys)

    def text(self, *keys: str) -> str:
        """The value as text, noted as read; empty where there is none."""
        node = self.get(*keys)
        self.read.add(node.path)
        return node.text()


def read_manifests(paths: Sequence[Path]) -> list[Manifest]:
    """All objects of these files and folders, in order of files. Raises `InputError` for a file
    that is none and was named; in a folder it is passed over."""
    manifests: list[Manifest] = []
    for path in paths:
        if path.is_dir():
            manifests += _of_folder(path)
        else:
            manifests += _of_file(path)
    return manifests


def _of_folder(folder: Path) -> Iterator[Manifest]:
    files = sorted(path for path in folder.rglob("*") if path.suffix in _ENDS and path.is_file())
    if len(files) > MOST_FILES:
        found = f"a folder of {len(files)} files"
        raise InputError(str(folder), found=found, expected=f"at most {MOST_FILES}")
    if (folder / _CHART_FILE).is_file():
        raise InputError(str(folder), found="a Helm chart", expected=_FOREIGN["HelmChart"])
    count = 0
    patches = _patches(files)
    charts = {path.parent for path in files if path.name == _CHART_FILE}
    for path in files:
        if path.name != _CHART_FILE and not charts.isdisjoint(path.parents):
            continue  # of a chart among them: that it is there is told
        text = read_text(path, str(path), MOST_MANIFESTS)
        # a number is a version of another program's own: Grafana's provisioning files have one
        if not re.search(r"^\s*[\"']?apiVersion[\"']?\s*:(?!\s*\d+\s*$)", text, re.MULTILINE):
            continue
        for manifest in _objects(text, str(path), alone=False):
            count += 1
            yield replace(manifest, patches=path.resolve() in patches)
    if not count:
        raise _without_manifests(folder, files)


def _without_manifests(folder: Path, files: Sequence[Path]) -> InputError:
    """Of Compose files somebody must say which ones, and in which order."""
    found = f"a folder of {len(files)} YAML and JSON files, none of them a manifest"
    begin = re.compile(r"^[\"']?services[\"']?\s*:", re.MULTILINE)
    texts = ((path, read_text(path, str(path), MOST_MANIFESTS)) for path in files)
    compose = [str(path) for path, text in texts if begin.search(text)]
    if not compose:
        return InputError(str(folder), found=found, expected="files with apiVersion and kind")
    first = min(compose, key=lambda path: (len(Path(path).parts), len(path), path))
    more = f"; {len(compose)} are Compose files" if len(compose) > 1 else "; one is a Compose file"
    return InputError(str(folder), found=found + more, expected=f"the file itself: {first}")


def _of_file(path: Path) -> list[Manifest]:
    text = read_text(path, str(path), MOST_MANIFESTS)
    manifests = list(_objects(text, str(path)))
    if not manifests:
        raise InputError(str(path), found="no object in it", expected="apiVersion and kind")
    return manifests


def _objects(text: str, file: str, alone: bool = True) -> Iterator[Manifest]:
    """The objects of one file. `alone`: it was named by itself, and is refused for what it is;
    among others a kustomization is a kind that is not simulated."""
    said = _COMMENT.sub("", text)
    bare = _TEXT.sub(lambda match: "\n" * match[0].count("\n"), said)
    chart = _TEMPLATE.search(bare) or _CHART.search(said)
    template = chart or _PLACEHOLDER.search(bare)
    if template and file.endswith(_ENDS):
        line = template.string.count("\n", 0, template.start()) + 1 + template[0].count("\n")
        found = "a Helm template" if chart else "a template with places to fill in"
        expected = "what `helm template CHART` renders of it" if chart else "it filled in"
        raise InputError(file, line, found=found, expected=expected)
    # a tab at the end of a line is white space (YAML 1.2, 5.5), which the parser takes for more
    for document in read_documents(re.sub(r"(?m)\t+$", "", text), file):
        if document.data is None:
            continue
        if not isinstance(document.data, dict):
            raise document.error((), describe(document.data), "an object with apiVersion and kind")
        unsaid = _DEFAULTS.get(Path(file).name, {})
        yield from _flat(Manifest(document, (), {**unsaid, **document.data}), alone)


def _flat(manifest: Manifest, alone: bool) -> Iterator[Manifest]:
    """The object, or those of a List (`kubectl get -o yaml`)."""
    if "kind" not in manifest.data or "apiVersion" not in manifest.data:
        at = manifest.at
        raise manifest.document.error(at, "an object without kind", "apiVersion and kind")
    entries = manifest.data.get("items")
    if not (manifest.kind.endswith("List") and isinstance(entries, list)):
        is_chart = manifest.group in ("kustomize.config.k8s.io", "core.oam.dev", "argoproj.io")
        if alone and manifest.kind in _FOREIGN and (is_chart or manifest.kind != "Application"):
            found = f"a {manifest.kind}"
            raise manifest.document.error((*manifest.at, "kind"), found, _FOREIGN[manifest.kind])
        yield manifest
        return
    for i, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise manifest.document.error((*manifest.at, "items", i), describe(entry), "an object")
        yield from _flat(Manifest(manifest.document, (*manifest.at, "items", i), entry), alone)


def is_manifest(text: str) -> bool:
    """Is it, or was it meant as, an object of Kubernetes? By its keys at the left margin, or as
    JSON."""
    has = [rf"^[\"']?{key}[\"']?\s*:" for key in ("apiVersion", "kind")]
    if all(re.search(pattern, text, re.MULTILINE) for pattern in has):
        return True
    head = text.lstrip()[:2000]
    return head.startswith("{") and '"apiVersion"' in head and '"kind"' in head
