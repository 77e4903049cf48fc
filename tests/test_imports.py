"""Who may import whom (DESIGN.md section 8), held by reading the source with `ast`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SIM = Path(__file__).resolve().parents[1] / "sim"
ARITHMETIC = ("sim.dataplane.interface", "sim.dataplane.draws", "sim.dataplane.arithmetic")

# a layer -> what of ours it may import (prefixes); the longest prefix of a module is its layer
INTERFACE = "sim.dataplane.interface"
MAY: dict[str, tuple[str, ...]] = {
    "sim.schema": ("sim.schema", "sim.constants.facts"),
    "sim.schema.loader": ("sim.schema", "sim.imports"),
    "sim.imports": ("sim.imports", "sim.schema", "sim.constants.facts"),
    "sim.constants.facts": (),
    INTERFACE: ("sim.schema",),
    "sim.dataplane.draws": (),
    "sim.dataplane.arithmetic": (),
    "sim.dataplane.reference": ("sim.dataplane.reference", "sim.schema", *ARITHMETIC),
    "sim.dataplane.kernel": ("sim.dataplane.kernel", "sim.schema", *ARITHMETIC),
    "sim.dataplane.engines": (INTERFACE, "sim.dataplane.reference", "sim.dataplane.kernel"),
    # a line of the timeline and the fields of a run are the format in which control reports
    "sim.control": (
        "sim.control", "sim.schema", "sim.constants.facts", *ARITHMETIC, "sim.results.run",
    ),
    "sim.platforms": (
        "sim.platforms", "sim.control", "sim.schema", "sim.constants.facts", INTERFACE,
    ),
    "sim.results": ("sim.results", "sim.schema", "sim.constants.facts", INTERFACE),
    # Result shows itself: pictures and tables load when they are asked for
    "sim.results.result": (
        "sim.results", "sim.schema", "sim.constants.facts", INTERFACE, "sim.report",
    ),
    "sim.report": ("sim.report", "sim.results", "sim.schema", "sim.constants.facts", INTERFACE),
    "sim.simulation": (
        "sim.simulation", "sim.control", "sim.platforms", "sim.results", "sim.schema", INTERFACE,
        "sim.dataplane.engines",
    ),
    # studies run simulations; what they find is shown by others, but article and quarter write
    "sim.study": (
        "sim.study", "sim.simulation", "sim.platforms", "sim.results", "sim.schema", INTERFACE,
        "sim.dataplane.engines", "sim.constants",
    ),
    "sim.study.article": (
        "sim.study", "sim.simulation", "sim.platforms", "sim.results", "sim.schema", "sim.report",
    ),
    "sim.study.quarter": (
        "sim.study", "sim.simulation", "sim.results", "sim.schema", "sim.report", "sim.control",
        "sim.dataplane.draws",
    ),
    # the change that a post-mortem tries is compared with the platform's own mechanism
    "sim.study.causes": (
        "sim.study", "sim.simulation", "sim.platforms", "sim.results", "sim.schema",
        "sim.control.core.mechanisms",
    ),
    "sim.cli.options": (),
    # the workshop uses the program as its command line does; nobody but the command line uses it
    "sim.workshop": (
        "sim.workshop", "sim.study", "sim.report", "sim.results", "sim.platforms", "sim.schema",
    ),
}  # fmt: skip

# a library -> who may import it
ONLY: dict[str, tuple[str, ...]] = {
    "simpy": ("sim.control", "sim.dataplane.reference", "sim.simulation"),
    "numba": ("sim.dataplane.kernel",),
    "matplotlib": ("sim.report", "sim.study.article", "sim.study.quarter"),
    "jinja2": ("sim.report.page",),
    "pandas": ("sim.report", "sim.results"),
}
NOWHERE = ("random", "secrets", "uuid", "datetime.now", "numpy.random")
WALL_CLOCK = {"time"}  # progress bars and file names may look at it: outside the model
TABLES = ("sim.dataplane.kernel.layout.fields",)  # long because it lists, not because it decides
MODEL = ("sim.schema", "sim.dataplane", "sim.control", "sim.platforms", "sim.results")


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(SIM.rglob("*.py")):
        parts = ("sim", *path.relative_to(SIM).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, module: str) -> Iterator[str]:
    """Every module imported when something runs, also inside functions; `from x import y` gives x.y
    if that is a module. Imports for type checkers alone load nothing."""
    known, tree = modules(), ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in known else str(node.module)


def within(module: str, prefixes: tuple[str, ...]) -> bool:
    return any(module == p or module.startswith(p + ".") for p in prefixes)


def layer(module: str) -> str | None:
    return max((p for p in MAY if within(module, (p,))), key=len, default=None)


@pytest.mark.parametrize("module", list(modules()))
def test_directions(module: str) -> None:
    path, own = modules()[module], layer(module)
    for imported in imports(path, module):
        if within(imported, ("sim",)) and imported != "sim" and own is not None:  # its version
            assert within(imported, MAY[own]), f"{module} must not import {imported}"
        for library, users in ONLY.items():
            if within(imported, (library,)):
                assert within(module, users), f"{module} must not import {library}"
        assert not within(imported, NOWHERE), f"{module} must not import {imported}"
        if within(module, MODEL):
            assert imported not in WALL_CLOCK, f"{module}: the model has no wall clock"


def test_engines_never_meet() -> None:
    for module, path in modules().items():
        for imported in imports(path, module):
            if within(module, ("sim.dataplane.kernel",)):
                assert not within(imported, ("sim.dataplane.reference",))
            if within(module, ("sim.dataplane.reference",)):
                assert not within(imported, ("sim.dataplane.kernel",))


def test_only_the_command_line_knows_the_workshop() -> None:
    for module, path in modules().items():
        if not within(module, ("sim.workshop", "sim.cli.verbs")):
            assert not any(within(one, ("sim.workshop",)) for one in imports(path, module)), module


def test_files_stay_small() -> None:
    """files of at most 500 lines, functions of at most 60."""
    for module, path in modules().items():
        text = path.read_text()
        assert text.count("\n") <= 500, module
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                name = f"{module}.{node.name}"
                assert length <= 60 or name in TABLES, f"{name}: {length} lines"
