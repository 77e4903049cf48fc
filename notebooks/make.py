"""Notebooks are written as py:percent files; this executes them and writes the .ipynb.

    python notebooks/make.py            execute all, write NN_name.ipynb with outputs
    python notebooks/make.py 02 07      only those
    python notebooks/make.py --check    execute, write nothing; fail if an .ipynb is not up to date

A cell that begins `# %% tags=["check"]` is executed and not written: its assertions hold the
sentences around it to what was computed. Outputs are not compared (pictures differ from one version
of matplotlib to the next); cells are, and which cells show what kind of output. A notebook that
takes longer than PATIENCE_S is stopped and fails.
"""

from __future__ import annotations

import os
import sys
import time
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from PIL import Image

from sim.study import notebook as progress

HERE = Path(__file__).resolve().parent
PATIENCE_S = 300.0  # for a whole notebook; each takes some ten seconds once the kernel is compiled
MOST_BYTES = 300_000
CHECK = "check"
PREDICT = "Predict"
# pictures go into the notebook, whatever the caller's environment says (.ci/run says Agg)
os.environ.pop("MPLBACKEND", None)
NAMES = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def sources(only: list[str]) -> list[Path]:
    """NN_name.py, in order; those that begin with one of `only`, or all."""
    found = sorted(HERE.glob("[0-9]*.py"))
    return [path for path in found if not only or path.name.startswith(tuple(only))]


def is_check(cell: Any) -> bool:
    """Is it one of ours, and not for readers? Its tag leaves with the execution, its id stays."""
    return CHECK in cell.metadata.get("tags", []) or cell.get("id", "").startswith(CHECK)


def read(source: Path) -> Any:
    """The notebook of a py:percent file, with stable cell ids and nothing of this machine."""
    notebook = jupytext.read(source)
    notebook.metadata = dict(NAMES)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{CHECK if is_check(cell) else 'cell'}-{number}"
        cell.metadata = {}
    return notebook


def execute(source: Path) -> Any:
    """The notebook with the outputs of one execution, checks left out. CellExecutionError if a
    cell fails, CellTimeoutError if time is up."""
    notebook = read(source)
    end = time.monotonic() + PATIENCE_S
    NotebookClient(
        notebook,
        timeout_func=lambda cell: max(1, int(end - time.monotonic())),
        record_timing=False,
        resources={"metadata": {"path": str(HERE.parent)}},
    ).execute()
    notebook.metadata.pop("language_info", None)
    notebook.cells = [cell for cell in notebook.cells if not is_check(cell)]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, 1):
        tidy(cell, count)
    hide(notebook.cells)
    return notebook


def hide(cells: list[Any]) -> None:
    """Outputs between a question and the text that answers it are folded away (Jupyter's own
    metadata): whoever opens the notebook guesses first, and then unfolds them or runs the cell."""
    question = False
    for cell in cells:
        if cell.cell_type == "markdown":
            question = PREDICT in cell.source
        elif question and cell.cell_type == "code":
            cell.metadata = {"collapsed": True, "jupyter": {"outputs_hidden": True}}


def tidy(cell: Any, count: int) -> None:
    """As if there had been no checks between, and no waiting; pictures in a palette, a third of the
    bytes."""
    cell.execution_count = count
    cell.outputs = [each for each in cell.outputs if each.get("metadata") != progress.MARK]
    for output in cell.outputs:
        if output.output_type == "execute_result":
            output.execution_count = count
        data = output.get("data", {})
        if "image/png" in data:
            data["image/png"] = palette(data["image/png"])


def palette(png: str) -> str:
    """The picture (base64) in at most 128 colours."""
    made = BytesIO()
    picture = Image.open(BytesIO(b64decode(png))).convert("RGB")
    picture.quantize(128, dither=Image.Dither.NONE).save(made, format="PNG", optimize=True)
    return b64encode(made.getvalue()).decode()


def shown(notebook: Any) -> list[tuple[str, str, list[str]]]:
    """What was written and what it shows: kind and text of each cell, kinds of its outputs."""
    return [(cell.cell_type, cell.source, kinds(cell)) for cell in notebook.cells]


def kinds(cell: Any) -> list[str]:
    """`image/png`, `text/html`, ... of the outputs; streams by their names."""
    found = set()
    for output in cell.get("outputs", []):
        found |= set(output.get("data", {})) | ({output.name} if "name" in output else set())
    return sorted(found)


def complaints(source: Path, notebook: Any) -> list[str]:
    """What a reader must not see."""
    texts = [
        "".join(output.get("text", "")) + "".join(output.get("data", {}).get("text/plain", ""))
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    ]
    size = len(nbformat.writes(notebook).encode())
    found = [f"{source.name}: a traceback" for text in texts if "Traceback" in text]
    if size > MOST_BYTES:
        found.append(f"{source.name}: {size:,} bytes, at most {MOST_BYTES:,}")
    return found


def main(arguments: list[str]) -> int:
    check = "--check" in arguments
    wrong = []
    for source in sources([one for one in arguments if one != "--check"]):
        began = time.monotonic()
        print(f"executing {source.name}", end=" ", flush=True)
        notebook, target = execute(source), source.with_suffix(".ipynb")
        print(f"{time.monotonic() - began:.0f} s", flush=True)
        wrong += complaints(source, notebook)
        if not check:
            nbformat.write(notebook, target)
        elif not target.is_file() or shown(nbformat.read(target, 4)) != shown(notebook):
            wrong.append(f"{target.name} is not up to date: run python notebooks/make.py")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
