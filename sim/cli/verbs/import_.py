"""`sim import`: somebody's own files as a stack's file, with where each value comes from."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from sim.cli.options import AS_GUESSED, DONE, Flag, ReadingOf, say
from sim.schema.fields import InputError

if TYPE_CHECKING:
    from sim.imports.evidence import Imported

STACK = Path("stack.yaml")


def import_(
    files: list[str],
    /,
    *,
    out: Path = STACK,
    reading: ReadingOf = AS_GUESSED,
    check: Flag = False,
    force: Flag = False,
    picture: Path | None = None,
) -> int:
    """Read your own files and write what was understood, to correct and to run.

    Parameters
    ----------
    files
        Compose files (the later over the earlier), Kubernetes manifests, or folders of them.
    out
        The stack's file to write.
    check
        Say what was understood and write nothing.
    force
        Replace the file if it is there.
    picture
        An SVG file to draw it to: services, who asks whom, limits, doubts.
    """
    from sim.cli.delivery import not_there, write_text  # noqa: PLC0415
    from sim.imports.stack_text import stack_text  # noqa: PLC0415
    from sim.library.stacks import import_stack  # noqa: PLC0415

    if picture is not None and picture.suffix.lower() != ".svg":
        raise InputError("--picture", found=picture.name, expected="a file that ends in .svg")
    if not check and not force:
        not_there(out)
    imported = import_stack(*files, corrections=reading.corrections)
    print("\n".join(_understood(imported)))
    for question in imported.questions:
        say(f"? {question}", DONE)
    if picture is not None:
        from sim.imports.picture import picture as drawing  # noqa: PLC0415

        write_text(picture, drawing(imported))
        say(f"picture: {picture}", DONE)
    if check:
        return DONE
    words = ["sim", "import", *files, *reading.words]
    write_text(out, stack_text(imported, shlex.join(words)))
    return say(f"stack: {out}", DONE)


def _understood(imported: Imported) -> list[str]:
    """A row a service: name, role, what it can do at once, whom it asks."""
    stack = imported.stack
    asks: dict[str, list[str]] = {}
    for link in imported.links:
        doubt = "" if link.confidence == "high" else f" ({link.confidence} confidence)"
        asks.setdefault(link.caller, []).append(f"{link.callee}{doubt}")
    rows = []
    for name, service in stack.services.items():
        role = f"{service.role}, users' way in" if name in stack.doors else service.role
        role += ", a provider's" if service.managed is not None else ""
        called = ", ".join(dict.fromkeys(asks.get(name, [])))
        rows.append((name, role, f"asks {called}" if called else ""))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c}".rstrip() for a, b, c in rows]
    told = f"{len(stack.assumed)} lines of what is assumed, {len(stack.ignored)} of what is not "
    plural = "" if len(stack.questions) == 1 else "s"
    return [*lines, f"{told}simulated, {len(stack.questions)} question{plural}"]
