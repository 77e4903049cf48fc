"""Nothing of a Compose file is lost in silence: any leaf, taken away or changed, changes what was
understood, a line that is told, or the refusal. And the roles and entries of small files that each
show a trait of public ones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from sim.imports.compose.file import import_compose
from sim.imports.evidence import NO_CORRECTIONS, Imported, leaves
from sim.library.stacks import load_stack
from sim.schema.text.document import Document, Path_, read_yaml
from tests.imports.leaves import changed, others, understood, without

DATA = Path(__file__).parents[1] / "data" / "compose"
TRAITS = read_yaml((DATA / "traits.yaml").read_text(encoding="utf-8"), "traits.yaml").data
LIKE = load_stack("sspp")
# what holds as well where nobody writes it
DEFAULTS = {
    ("condition", "service_started"), ("protocol", "tcp"), ("PGBOUNCER_POOL_MODE", "session"),
}  # fmt: skip


@cache
def _files() -> dict[str, Any]:
    """The small files by name: those of traits, and those of cases."""
    alone = sorted((DATA / "cases").glob("*.yml"))
    cases = {
        path.name: read_yaml(path.read_text(encoding="utf-8"), path.name).data for path in alone
    }
    whole = ("everything.yml", "plain.yml")
    more = {name: read_yaml((DATA / name).read_text(encoding="utf-8"), name).data for name in whole}
    return {**{name: trait["file"] for name, trait in TRAITS.items()}, **cases, **more}


def _imported(data: Any) -> Imported:
    """Without places, so that what stands below a removed line is the same."""
    document = Document("compose.yml", deepcopy(data))
    return import_compose([(document, DATA / "none" / "compose.yml")], LIKE, NO_CORRECTIONS)


_understood = partial(understood, _imported)


def test_there_are_some_forty_files() -> None:
    assert len(_files()) >= 40


@pytest.mark.parametrize("name", sorted(_files()))
def test_each_leaf_counts(name: str) -> None:
    data = _files()[name]
    if name == "typos.yml":  # refused as a whole
        return
    before = _understood(data)
    stack = _imported(data).stack
    told = " ".join(stack.ignored)
    whole = {line.split(":")[0] for line in stack.ignored}  # `migrate: runs once at the start`
    lost = []
    for path, value in leaves(data):
        absent = path[0] == "services" and path[1] in whole - set(stack.services)
        if str(path[0]).startswith("x-") or absent:  # told as a whole
            continue
        default = (str(path[-1]), str(value)) in DEFAULTS
        if not default and _understood(without(data, path)) == before:
            lost.append(f"{'.'.join(map(str, path))} taken away")
        named = str(path[-1]) in told or str(value) in told  # listed: what it is does not matter
        if not named and all(_understood(changed(data, path, o)) == before for o in others(value)):
            lost.append(f"{'.'.join(map(str, path))} changed from {value!r}")
    assert not lost


ODD = (None, "", [], {}, [None], [[1]], {"a": None}, {"a": [1]}, -1, 1.5, True, "x y", "$", "²",
       "a=b", "99999999999", ["a", "a"], "http://[")  # fmt: skip


def _places(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Every path of plain data, those above leaves too."""
    parts = value.items() if isinstance(value, dict) else ()
    for key, part in enumerate(value) if isinstance(value, list) else parts:
        yield (*path, key)
        yield from _places(part, (*path, key))


@pytest.mark.parametrize("name", sorted(_files()))
def test_odd_values_are_read_or_refused(name: str) -> None:
    """Whatever stands there: an InputError at most."""
    data = _files()[name]
    picked = random.Random(name)
    for path in picked.sample(places := list(_places(data)), min(8, len(places))):
        assert _understood(changed(data, path, deepcopy(picked.choice(ODD))))


@pytest.mark.parametrize("name", TRAITS)
def test_roles_and_entries(name: str) -> None:
    trait = TRAITS[name]
    services = _imported(trait["file"]).stack.services
    wanted = {service: trait["roles"].get(service, "http") for service in trait["file"]["services"]}
    wanted |= {"data": "other"} if "data" in wanted else {}
    assert {service: services[service].role for service in wanted} == wanted
    assert next(iter(services)) == trait["entry"]
