"""One writer: servers, containers and what controllers share change by the verbs of core alone.

Read from the source: who assigns to a field of the cluster or of a record, or calls a method of one
that changes it, from outside `sim/control/core`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from sim.control.core.records import Container, Front, Pending, Server, Tallies

SIM = Path(__file__).resolve().parents[3] / "sim"
OUTSIDE = sorted(
    path
    for folder in ("control", "platforms", "simulation")
    for path in (SIM / folder).rglob("*.py")
    if "core" not in path.parts
)
RECORDS = {
    field.name for kind in (Container, Front, Pending, Server, Tallies) for field in fields(kind)
}
CHANGING = {
    "add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove",
    "setdefault", "sort", "update",
}  # fmt: skip
# a controller's own memory of a container, with fields of the same names: (file, variable)
MEMORY = {("restarts", "past"), ("probes", "status")}


def path_of(node: ast.expr) -> list[str]:
    """`self.cluster.count.pages` as its words; what is called on the way begins it, as ""."""
    words: list[str] = []
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute):
            words.append(node.attr)
        node = node.value
    words.append(node.id if isinstance(node, ast.Name) else "")
    return words[::-1]


def below_the_cluster(node: ast.expr) -> bool:
    words = path_of(node)
    return "cluster" in words and words[-1] != "cluster"


def changed(tree: ast.Module) -> Iterator[ast.expr]:
    """Every expression that is assigned to, or whose method changes it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.Delete):
            for target in node.targets:
                yield from target.elts if isinstance(target, ast.Tuple) else [target]
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            yield node.target
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            method, of = node.func.attr, node.func.value
            if method in CHANGING and isinstance(of, ast.Attribute | ast.Subscript):
                yield of


def written(source: str, name: str = "") -> list[str]:
    """What a file writes that is not its own."""
    found = []
    for target in changed(ast.parse(source)):
        words = path_of(target)
        holder = words[-2] if len(words) > 1 else ""
        of_record = len(words) > 1 and words[0] != "self" and words[-1] in RECORDS
        if below_the_cluster(target) or (of_record and (name, holder) not in MEMORY):
            found.append(f"line {target.lineno}: {ast.unparse(target)}")
    return found


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_nobody_writes_what_is_not_theirs(path: Path) -> None:
    assert written(path.read_text(), path.stem) == [], "a verb of the cluster does that"


@pytest.mark.parametrize(
    "line",
    [
        "cluster.desired['api'] = 3",
        "self.cluster.count.pages += 1",
        "human.cluster.pending.append(waiting)",
        "cluster.admit = rule",
        "c.ready = True",
        "server.alive, server.ready = False, False",
        "waiting.nominated = None",
        "front.listed = ()",
        "del cluster.versions['api']",
        "cluster.on(server)[0].ready = True",
        "server.failures[-1:].append(now)",
    ],
)
def test_such_a_line_is_found(line: str) -> None:
    assert written(line)


@pytest.mark.parametrize(
    "line", ["self.cluster = cluster", "cluster.remove(c)", "self.ready = True", "ready = c.ready"]
)
def test_reading_and_asking_is_allowed(line: str) -> None:
    assert written(line) == []


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_nobody_reaches_into_the_cluster(path: Path) -> None:
    """Its private parts are its own; the data plane is spoken to by its verbs and gauges alone (a
    run, which holds both planes, may)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and path_of(node.value)[-1:] == ["cluster"]:
            own = node.attr.startswith("_") or (
                node.attr == "plane" and "simulation" not in path.parts
            )
            assert not own, f"line {node.lineno}: {ast.unparse(node)}"


def test_every_exception_is_still_one() -> None:
    used = {
        (path.stem, path_of(target)[-2])
        for path in OUTSIDE
        for target in changed(ast.parse(path.read_text()))
        if len(path_of(target)) > 1 and path_of(target)[-1] in RECORDS
    }
    assert used >= MEMORY
