"""Nothing of a manifest is lost in silence: any leaf, taken away or changed, changes what was
understood, a line that is told, or the refusal."""

from __future__ import annotations

import random
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sim.imports.evidence import NO_CORRECTIONS, Imported, leaves
from sim.imports.manifests.file import import_objects
from sim.imports.manifests.objects import Manifest
from sim.library.stacks import load_stack
from sim.schema.text.document import Document, Path_, read_documents
from tests.imports.leaves import changed, others, understood, without
from tests.imports.test_manifests import TRAITS

DATA = Path(__file__).parents[1] / "data" / "manifests"
LIKE = load_stack("sspp")
FILES = {
    **{path.name: path.read_text(encoding="utf-8") for path in sorted(DATA.glob("*.y*ml"))},
    **{f"trait {number}": "---\n".join(parts) for number, (parts, _) in enumerate(TRAITS)},
}
DEFAULTS = {("kind", "Deployment")}  # of what a scaler names: holds where nobody writes it
NAMES = ("metadata", "containers", "initContainers")  # by their names lines call what they are of


def _objects(name: str) -> list[Any]:
    return [document.data for document in read_documents(FILES[name], name) if document.data]


def _imported(data: Any) -> Imported:
    """Without places, so that what stands below a removed line is the same."""
    document = Document("app.yaml", deepcopy(data))
    objects = [Manifest(document, (i,), entry) for i, entry in enumerate(document.data)]
    return import_objects(objects, [DATA / "none" / "app.yaml"], LIKE, NO_CORRECTIONS)


_understood = partial(understood, _imported)


def _at(data: Any, path: Path_) -> Any:
    for key in path:
        data = data[key]
    return data


def _lost(data: Any, path: Path_, value: Any, before: str, told: str) -> list[str]:
    place = ".".join(map(str, path))
    found = []
    alone = path  # of a list with one entry the whole
    while isinstance(alone[-1], int) and len(_at(data, alone[:-1])) == 1:
        alone = alone[:-1]
    if (str(path[-1]), str(value)) not in DEFAULTS and _understood(without(data, alone)) == before:
        found.append(f"{place} taken away")
    named = [str(key) for key in path if isinstance(key, str)][-1] in told
    if not named and all(_understood(changed(data, path, o)) == before for o in others(value)):
        found.append(f"{place} changed from {value!r}")
    return found


def _check(name: str, share: float) -> list[str]:
    data = _objects(name)
    before, stack = _understood(data), _imported(data).stack
    whole = {line.split(":")[0] for line in stack.ignored}  # `CronJob: report (a kind that ...)`
    told = " ".join(stack.ignored)
    lost = []
    picked = random.Random(name)
    for path, value in leaves(data):
        a_name = path[-1] == "name" and path[-3 if isinstance(path[-2], int) else -2] in NAMES
        if a_name or data[int(path[0])]["kind"] in whole or picked.random() > share:
            continue
        lost += _lost(data, path, value, before, told)
    return lost


@pytest.mark.parametrize("name", FILES)
def test_a_leaf_in_fifteen_counts(name: str) -> None:
    assert not _check(name, 1 / 15)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_each_leaf_counts(name: str) -> None:
    assert not _check(name, 1.0)
