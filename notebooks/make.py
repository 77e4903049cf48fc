"""Notebooks are written as py:percent files; this executes them and writes the .ipynb.

    python notebooks/make.py            execute, write NN_name.ipynb with outputs
    python notebooks/make.py --check    execute, write nothing; fail if an .ipynb is not up to date

Outputs are not compared (pictures differ from one version of matplotlib to the next), cells are.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
PATIENCE_S = 300


def sources() -> list[Path]:
    """NN_name.py, in order."""
    return sorted(HERE.glob("[0-9]*.py"))


def cells(notebook: Any) -> list[tuple[str, str]]:
    """What was written: kind and text of each cell."""
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def read(source: Path) -> Any:
    """The notebook of a py:percent file, with stable cell ids and nothing of this machine."""
    notebook = jupytext.read(source)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
    }
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number}", {}
    return notebook


def execute(source: Path) -> Any:
    """The notebook with the outputs of one execution; CellExecutionError if a cell fails."""
    notebook = read(source)
    NotebookClient(
        notebook,
        timeout=PATIENCE_S,
        record_timing=False,
        resources={"metadata": {"path": str(HERE.parent)}},
    ).execute()
    notebook.metadata.pop("language_info", None)
    return notebook


def main(check: bool) -> int:
    stale = []
    for source in sources():
        print(f"executing {source.name}", flush=True)
        notebook, target = execute(source), source.with_suffix(".ipynb")
        if not check:
            nbformat.write(notebook, target)
        elif not target.is_file() or cells(nbformat.read(target, 4)) != cells(notebook):
            stale.append(target.name)
    if stale:
        print(f"not up to date: {', '.join(stale)}; run python notebooks/make.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
