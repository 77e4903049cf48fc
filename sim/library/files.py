"""Where scenarios and stacks stand, and the file that a name or a path means.

Scenarios are the YAML files in `scenarios/` of a checkout, or `sim/data/scenarios` of an installed
wheel; those that replay an outage of the public record in `incidents/` below it, stacks in
`sim/stacks`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from sim.schema.fields import InputError
from sim.schema.text.document import Document, describe, read_yaml
from sim.schema.text.files import read_text, real
from sim.schema.text.validation import closest, given, one_of

Kind = Literal["scenario", "incident", "stack"]
_PACKAGE = Path(__file__).resolve().parents[1]
_SCENARIOS = (_PACKAGE / "data" / "scenarios", _PACKAGE.parent / "scenarios")
FOLDERS: dict[Kind, tuple[Path, ...]] = {
    "scenario": _SCENARIOS,
    "incident": tuple(folder / "incidents" for folder in _SCENARIOS),
    "stack": (_PACKAGE / "stacks",),
}


# the first line of a file of ours: where an editor finds its schema, beside it or above it
MODELINE = "# yaml-language-server: $schema="


def text_at(path: Path, file: str = "") -> str:
    """The text of one of our files or of anybody's, without what it says to editors: whoever
    copies it has no schema beside it. Raises `InputError`."""
    text = read_text(path, file or str(path))
    return text.partition("\n")[2] if text.startswith(MODELINE) else text


def names_of(*kinds: Kind) -> list[str]:
    """Names of those that come with the program."""
    folders = [folder for kind in kinds for folder in FOLDERS[kind]]
    return sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})


def as_text(name_or_path: str | os.PathLike[str], kind: Kind) -> str:
    """The name or path as text; InputError for what is neither."""
    if isinstance(name_or_path, str | os.PathLike):
        return os.fspath(name_or_path)
    listed = f"sim.list_{kind}s()"
    expected = f"a name (see {listed}) or a path"
    raise InputError(field=kind, found=given(name_or_path), expected=expected)


def file_of(name_or_path: str, kind: Kind) -> Path:
    """The file of that name in our folders, or the file at that path. Raises `InputError`."""
    if os.sep in name_or_path or name_or_path.endswith((".yaml", ".yml")):
        path = Path(name_or_path)
        if path.is_dir() or not os.path.lexists(path):
            found = "a folder" if path.is_dir() else "no such file"
            raise InputError(name_or_path, found=found, expected=f"a {kind} file")
        return path
    kinds: tuple[Kind, ...] = ("scenario", "incident") if kind == "scenario" else (kind,)
    for folder in (folder for each in kinds for folder in FOLDERS[each]):
        if (folder / f"{name_or_path}.yaml").is_file():
            return folder / f"{name_or_path}.yaml"
    if os.path.isfile(name_or_path):
        raise InputError(name_or_path, found="a file of another kind", expected="a .yaml or .yml")
    names = names_of(*kinds)
    raise InputError(
        found=f"the unknown {kind} {describe(name_or_path)}",
        expected=f"{one_of(names)}, or a path to a YAML file" if names else "a YAML file's path",
        nearest=closest(name_or_path, names),
    )


def document_of(path: Path) -> Document:
    """The file's data with its places; messages name it briefly below the working folder."""
    try:
        shown = str(real(path).relative_to(Path.cwd()))
    except ValueError:
        shown = str(path)
    return read_yaml(read_text(path, shown), shown)
