"""The rules of the house that a reader meets: names, sizes, and what stands where.

Who may import whom is in test_imports.py. A failure says what to do.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

SIM = Path(__file__).resolve().parents[1] / "sim"
ARCHITECTURE = SIM.parent / "ARCHITECTURE.md"
FILES = sorted(SIM.rglob("*.py"))
FOLDERS = sorted({path.parent for path in FILES})
MOST_LINES, MOST_OF_A_FUNCTION = 500, 60
ROOT = {"__init__", "__main__"}
TABLES = ("sim/dataplane/kernel/layout.py: fields",)  # long because they list, not decide
FORBIDDEN = {
    "asked", "common", "found", "given", "helper", "helpers", "here", "it", "misc", "one", "other",
    "others", "said", "stuff", "them", "things", "this", "told", "util", "utils", "various", "what",
    "which", "who", "whom",
}  # fmt: skip
# words that look like participles and are names of the field
FIELD = {"hardened", "managed", "monitoring", "moved", "scaling", "timing", "tracking", "tuned"}


def shown(path: Path) -> str:
    return path.relative_to(SIM.parent).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def classes() -> dict[str, list[str]]:
    """The files in which a class of this name is defined."""
    places = defaultdict(list)
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(shown(path))
    return dict(places)


def test_a_class_name_means_one_thing() -> None:
    new = {n: where for n, where in classes().items() if len(where) > 1}
    words = [f"{name} in {' and '.join(where)}" for name, where in new.items()]
    assert not new, "two classes of one name, call one of them otherwise: " + "; ".join(words)


def test_the_root_holds_what_the_architecture_names() -> None:
    text = ARCHITECTURE.read_text()
    loose = [
        path.name
        for path in SIM.glob("*.py")
        if path.stem not in ROOT and f"`sim/{path.name}`" not in text
    ]
    words = "move them into the folder of their idea, or defend them in ARCHITECTURE.md"
    assert not loose, f"modules in the root of sim/: {', '.join(loose)}; {words}"


@pytest.mark.parametrize("folder", FOLDERS, ids=shown)
def test_every_folder_says_what_it_is(folder: Path) -> None:
    opening = folder / "__init__.py"
    assert opening.is_file(), f"add {shown(opening)} with a docstring: the idea of the folder"
    words = f"add a docstring to {shown(opening)}: the idea of the folder, in one sentence"
    assert ast.get_docstring(tree(opening)), words


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_a_module_is_called_by_a_noun(path: Path) -> None:
    if path.stem in ("__init__", "__main__"):
        return
    name = shown(path)
    rule = "a module is called by a noun of its field; see ARCHITECTURE.md"
    assert path.stem not in FORBIDDEN, f"rename {name}: {rule}"
    for word in path.stem.split("_"):
        participle = re.search(r"(ing|ed)$", word) and word not in FIELD
        assert not participle, f"rename {name}: {rule} (is {word!r} one? add it to FIELD)"


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_files_and_functions_stay_small(path: Path) -> None:
    name = shown(path)
    lines = path.read_text().count("\n")
    assert lines <= MOST_LINES, f"{name} has {lines} lines: split it by idea, not by length"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            function = f"{name}: {node.name}"
            words = f"{function} has {length} lines: give its parts names of their own"
            assert length <= MOST_OF_A_FUNCTION or function in TABLES, words


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_a_module_says_what_it_is(path: Path) -> None:
    words = f"add a docstring to {shown(path)}: what it is, and why it is by itself"
    assert ast.get_docstring(tree(path)), words
