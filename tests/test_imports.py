"""Who may import whom (DESIGN.md section 8), held by reading the source with `ast`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

SIM = Path(__file__).resolve().parents[1] / "sim"
SEAM = tuple(f"sim.dataplane.{name}" for name in ("codes", "profile", "plane", "tables"))
ARITHMETIC = (
    *SEAM, "sim.dataplane.draws", "sim.dataplane.arithmetic", "sim.dataplane.story",
)  # fmt: skip
SIMPY_INSIDE = "sim.dataplane.simpy_inside"

# a layer -> what of ours it may import (prefixes); the longest prefix of a module is its layer
MAY: dict[str, tuple[str, ...]] = {
    "sim.schema": ("sim.schema", "sim.constants.facts"),
    # finds scenarios and stacks, and knows which platforms and figures there are
    "sim.library": (
        "sim.library", "sim.schema", "sim.imports", "sim.platforms", "sim.results.figures",
    ),
    "sim.imports": ("sim.imports", "sim.schema", "sim.constants.facts"),
    # a recording is read into what the data plane takes
    "sim.imports.trace": ("sim.imports.traffic", "sim.schema", "sim.dataplane.profile"),
    "sim.imports.traffic": ("sim.imports.traffic", "sim.schema", "sim.dataplane.profile"),
    "sim.constants.facts": (),
    "sim.dataplane.codes": (),
    "sim.dataplane.profile": ("sim.dataplane.codes",),
    "sim.dataplane.tables": ("sim.dataplane.codes",),
    "sim.dataplane.plane": SEAM,
    "sim.dataplane.draws": (),
    "sim.dataplane.arithmetic": ("sim.dataplane.codes",),
    "sim.dataplane.story": (*SEAM, "sim.dataplane.draws"),
    SIMPY_INSIDE: (),
    "sim.dataplane.reference": (
        "sim.dataplane.reference", "sim.schema", *ARITHMETIC, SIMPY_INSIDE,
    ),
    "sim.dataplane.kernel": ("sim.dataplane.kernel", "sim.schema", *ARITHMETIC),
    "sim.dataplane.engines": (*SEAM, "sim.dataplane.reference", "sim.dataplane.kernel"),
    # a line of the timeline and the fields of a run are the format in which control reports
    "sim.control": (
        "sim.control", "sim.schema", "sim.constants.facts", *ARITHMETIC, SIMPY_INSIDE,
        "sim.results.run",
    ),
    # what a user's platform file imports, which is a Platform, too
    "sim.control.api": (
        "sim.control", "sim.schema", "sim.constants.facts", *SEAM, "sim.platforms.platform",
    ),
    "sim.platforms": (
        "sim.platforms", "sim.control", "sim.schema", "sim.constants.facts", *SEAM,
        SIMPY_INSIDE,
    ),
    "sim.results": ("sim.results", "sim.schema", "sim.constants.facts", *SEAM),
    "sim.report": ("sim.report", "sim.results", "sim.schema", "sim.constants.facts", *SEAM),
    # a drawing of boxes and arrows, which the reader of files draws, too
    "sim.report.page.graph": (),
    "sim.imports.picture": ("sim.imports", "sim.schema", "sim.report.page.graph"),
    # a load test replays the same arrivals
    "sim.report.exports.k6": (
        "sim.schema", "sim.results", "sim.dataplane.profile", "sim.imports.trace",
    ),
    "sim.simulation": (
        "sim.simulation", "sim.control", "sim.platforms", "sim.results", "sim.schema", *ARITHMETIC,
        "sim.dataplane.engines", "sim.imports.trace",
    ),
    # studies run simulations; what they find is shown by others, but article and quarter write
    "sim.study": (
        "sim.imports.trace", "sim.imports.traffic",
        "sim.study", "sim.simulation", "sim.platforms", "sim.results", "sim.schema", *SEAM,
        # how somebody's own files are to be read is a part of what was asked for
        "sim.imports.evidence",
        "sim.dataplane.engines", "sim.constants", "sim.library",
    ),
    # the public Result shows itself: what it needs loads when it is asked for
    "sim.study.result": ("sim.results", "sim.report"),
    "sim.study.article": (
        "sim.study", "sim.simulation", "sim.platforms", "sim.results", "sim.schema", "sim.report",
        "sim.library", "sim.control.core.choices",
    ),
    "sim.study.quarter": (
        "sim.study", "sim.simulation", "sim.results", "sim.schema", "sim.report", "sim.control",
        "sim.dataplane.draws", "sim.dataplane.arithmetic",
        "sim.library.adaptation",  # whether what may happen can happen on its stack
    ),
    # the change that a post-mortem tries is compared with the platform's own mechanism
    "sim.study.causes": (
        "sim.study", "sim.simulation", "sim.platforms", "sim.results", "sim.schema",
        "sim.control.mechanisms",
    ),
    # decisions are studies that write what they found, as article and quarter do
    "sim.study.decision": (
        "sim.study", "sim.simulation", "sim.platforms", "sim.results", "sim.schema", "sim.report",
        "sim.constants", "sim.library", "sim.dataplane.draws",
        # what a month costs
        "sim.control.core.choices", "sim.control.scheduling.microvms",
        "sim.control.people.human",  # when it is night
        "sim.control.load_balancing.haproxy", "sim.dataplane.codes",  # whose file is written
        "sim.control.mechanisms",
    ),
    # which means a platform has a field for is a matter of its mechanisms
    "sim.study.equal_means": ("sim.simulation", "sim.control", "sim.schema"),
    # a step between two platforms is tried by booting it
    "sim.study.rungs": (
        "sim.study", "sim.simulation", "sim.platforms", "sim.results", "sim.schema",
        "sim.control.mechanisms",
    ),
    # options alone: the names of exports, and what readers of files take
    "sim.cli.options": ("sim.report.exports.formats", "sim.imports.evidence"),
    # a page on which sessions run; the class asks what the quiz asks
    "sim.live": (
        "sim.live", "sim.study.session", "sim.library.files", "sim.schema", "sim.report.text.words",
        "sim.report.text.columns",
        "sim.report.page", "sim.report.colours", "sim.workshop.questions", "sim.dataplane.engines",
        "sim.workshop.language",
    ),
    # the workshop uses the program as its command line does; nobody but the command line uses it
    "sim.workshop": (
        "sim.workshop", "sim.study", "sim.library", "sim.report", "sim.results", "sim.platforms",
        "sim.schema",
    ),
}  # fmt: skip

# the rooms of the control plane, floor by floor: a room may import from floors below its own
FLOORS: tuple[tuple[str, ...], ...] = (
    ("core",),
    ("resource_limits", "service_discovery"),
    ("load_balancing",),
    ("health_checks",),
    ("scheduling",),
    ("autoscaling", "self_healing"),
    ("rolling_updates",),
    ("rollback",),
    ("people",),
    ("secrets",),
    ("faults",),
)
# the files of a room know each other in one order as well, from below
CORE = (
    "records", "clock", "ticks", "choices", "world", "wires", "oom", "containers", "disks",
    "cluster", "check", "recorder",
)  # fmt: skip

# what was measured, then how it is told: each knows only what stands before it
MEASURED = (
    "bill", "run", "intervals", "signs", "metrics", "ledger", "series", "figures",
    "columns", "services", "summary", "spread", "verdicts", "counterfactual", "preference",
    "ladder", "measurements", "merge", "expectations",
)  # fmt: skip
TOLD = ("folder", "colours", "text", "incident", "plots", "study_page", "postmortem",
        "page", "exports", "files")  # fmt: skip

# a library -> who may import it
ONLY: dict[str, tuple[str, ...]] = {
    "simpy": ("sim.control", "sim.dataplane.reference", SIMPY_INSIDE, "sim.simulation"),
    "numba": ("sim.dataplane.kernel",),
    "matplotlib": ("sim.report", "sim.study.article", "sim.study.quarter", "sim.study.decision"),
    "jinja2": ("sim.report.page",),
    "pandas": ("sim.study.result", "sim.study.decision.answers"),
}
NOWHERE = ("random", "secrets", "uuid", "datetime.now", "numpy.random")
WALL_CLOCK = {"time"}  # progress bars and file names may look at it: outside the model
MODEL = ("sim.schema", "sim.dataplane", "sim.control", "sim.platforms", "sim.results")


@cache
def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(SIM.rglob("*.py")):
        parts = ("sim", *path.relative_to(SIM).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def import_statements(path: Path) -> list[ast.Import | ast.ImportFrom]:
    """Those of a file, also inside functions, but for those for type checkers alone."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    return [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def imports(path: Path, module: str) -> Iterator[str]:
    """Every module imported when something runs; `from x import y` gives x.y if that is a module.
    Imports for type checkers alone load nothing."""
    known = modules()
    for node in import_statements(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
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


def test_the_rooms_of_the_control_plane_stand_on_each_other_in_one_order() -> None:
    floor = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
    rooms = {path.parent.name for path in (SIM / "control").rglob("*.py")} - {"control"}
    assert rooms == set(floor), "a room needs its floor in FLOORS"
    for module, path in modules().items():
        own = module.split(".")[2:]
        if within(module, ("sim.control",)) and len(own) == 2:
            for imported in imports(path, module):
                if not within(imported, ("sim.control",)):
                    continue
                room, *_ = imported.split(".")[2:]
                below = room == own[0] or floor.get(room, len(FLOORS)) < floor[own[0]]
                assert below, f"{module} must not import {imported}: that room is not below"


def test_the_files_of_core_stand_on_each_other_in_one_order() -> None:
    assert set(CORE) == {p.stem for p in (SIM / "control/core").glob("*.py")} - {"__init__"}
    for name in CORE:
        for imported in imports(SIM / f"control/core/{name}.py", name):
            if within(imported, ("sim.control.core",)) and imported != "sim.control.core":
                other = imported.split(".")[3]
                assert CORE.index(other) < CORE.index(name), f"core/{name} must not know {other}"


@pytest.mark.parametrize(("package", "order"), [("results", MEASURED), ("report", TOLD)])
def test_results_and_report_stand_on_each_other_in_one_order(
    package: str, order: tuple[str, ...]
) -> None:
    entries = {path.stem for path in (SIM / package).iterdir()} - {"__init__", "__pycache__"}
    assert entries == set(order), "name the new file or folder where it stands"
    for module, path in modules().items():
        if within(module, (f"sim.{package}",)) and module != f"sim.{package}":
            own = module.split(".")[2]
            for imported in imports(path, module):
                if within(imported, (f"sim.{package}",)) and imported != f"sim.{package}":
                    other = imported.split(".")[2]
                    below = order.index(other) <= order.index(own)
                    assert below, f"{module} must not import {imported}: it does not stand below"


def test_engines_never_meet() -> None:
    for module, path in modules().items():
        for imported in imports(path, module):
            if within(module, ("sim.dataplane.kernel",)):
                assert not within(imported, ("sim.dataplane.reference",))
            if within(module, ("sim.dataplane.reference",)):
                assert not within(imported, ("sim.dataplane.kernel",))


def test_only_the_command_line_and_the_class_know_the_workshop() -> None:
    for module, path in modules().items():
        if not within(module, ("sim.workshop", "sim.live", "sim.cli.verbs")):
            assert not any(within(one, ("sim.workshop",)) for one in imports(path, module)), module
